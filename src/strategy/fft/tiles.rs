//! Tiles of a plan: where they are, how their inputs are brought to the transforms, and results to the output.

use std::sync::Arc;

use super::cut::{Cut, Lanes};
use super::source::Room;
use crate::call::Call;
use crate::cost::Machine;
use crate::element::Element;
use crate::error::Error;
use crate::fft::Levels;
use crate::microkernel::fft::line_tile::LineTile;
use crate::microkernel::fft::plane_tile::PlaneTile;
use crate::microkernel::fft::{Band, Both, MOST_PLANES, Offsets, Pair, Planes, Stage};
use crate::microkernel::spectrum::FinishRow;
use crate::microkernel::{Finish, Vouched};
use crate::problem::Problem;
use crate::view::View;
use crate::window::Extensions;

/// The transforms and the geometry of a plan.
pub(super) struct Tiles<T> {
    pub(super) problem: Problem,
    pub(super) cut: Cut,
    pub(super) lanes: usize,
    /// Along rows of samples or along columns.
    levels: Arc<Levels<T>>,
    /// Across the lanes of samples, or along rows.
    across: Arc<Levels<T>>,
    /// Levels that are done depth-first.
    depth: usize,
    pub(super) extensions: Extensions<T>,
    finish: Finish<T>,
}

/// A tile of the output.
#[derive(Clone, Copy)]
pub(super) struct Tile {
    /// First output and their number, rows and columns.
    pub(super) first: [usize; 2],
    pub(super) outputs: [usize; 2],
}

/// What is transformed at once of a channel of an item: one or two tiles, of samples one.
#[derive(Clone, Copy)]
pub(super) struct TilePair {
    pub(super) item: usize,
    pub(super) tiles: Both<Option<Tile>>,
}

/// Where results are written, and the rows and columns of either tile that are.
#[derive(Clone, Copy)]
pub(super) struct Target<T> {
    pub(super) place: Pair<T>,
    kept: Both<[usize; 2]>,
}

impl<T> Target<T> {
    /// For what stays in the buffers.
    const NOWHERE: Self = Target {
        place: Pair { re: core::ptr::null_mut(), im: core::ptr::null_mut(), row_step: 0 },
        kept: [[0; 2]; 2],
    };
}

/// What a transform works on.
pub(super) struct Operands<'a, T> {
    pub(super) source: &'a [Band<T>],
    pub(super) target: Option<Target<T>>,
    /// Taken from the values of either tile, and added to the results, plane by plane.
    pub(super) before: Both<Planes<T>>,
    pub(super) after: Both<Planes<T>>,
    /// Planes side by side.
    pub(super) planes: usize,
    pub(super) work: *mut T,
    pub(super) column: *mut T,
    pub(super) kernel: *const T,
}

impl<T: Element> Operands<'_, T> {
    /// Buffers alone: for one direction, source or target are still to be set, and nothing is multiplied.
    pub(super) fn inside(work: &mut [T], column: &mut [T]) -> Self {
        Operands {
            source: &[],
            target: None,
            before: [[T::default(); MOST_PLANES]; 2],
            after: [[T::default(); MOST_PLANES]; 2],
            planes: 1,
            work: work.as_mut_ptr(),
            column: column.as_mut_ptr(),
            kernel: core::ptr::null(),
        }
    }
}

impl<T: Element> Tiles<T> {
    pub(super) fn new(problem: &Problem, machine: &Machine, cut: Cut) -> Result<Self, Error> {
        // The tables of samples are about as large as the tile; there is no other way to hear that they cannot be had.
        let bytes = cut.area().saturating_mul(4 * problem.element.size());
        Vec::<u8>::new().try_reserve_exact(bytes).map_err(|_| Error::OutOfMemory { bytes })?;
        let (isa, lanes) = (problem.isa, problem.isa.lanes(problem.element));
        let [rows, columns] = [cut.rows.transform, cut.columns.transform];
        let (levels, across) = match cut.lanes {
            Lanes::Samples => (Levels::of_consecutive(isa, columns), Levels::of_independent(isa, lanes)),
            _ => (Levels::of_independent(isa, rows), Levels::of_independent(isa, columns)),
        };
        let in_cache = machine.l1 / (2 * problem.element.size());
        Ok(Tiles {
            depth: levels.depth(columns, lanes, in_cache),
            levels,
            across,
            lanes,
            cut,
            extensions: Extensions::new(problem.conv.border),
            finish: Finish::new(&problem.conv),
            problem: problem.clone(),
        })
    }

    /// Pair number `pair` of the tiles of an item.
    pub(super) fn pair(&self, item: usize, pair: usize) -> TilePair {
        if self.cut.lanes == Lanes::Samples {
            return TilePair { item, tiles: [Some(self.tile(pair)), None] };
        }
        let second = 2 * pair + 1;
        let tiles = [Some(self.tile(second - 1)), (second < self.cut.tiles()).then(|| self.tile(second))];
        TilePair { item, tiles }
    }

    fn tile(&self, tile: usize) -> Tile {
        let (problem, Cut { rows, columns, .. }) = (&self.problem, &self.cut);
        let first = [tile / columns.tiles * rows.outputs, tile % columns.tiles * columns.outputs];
        let outputs = [
            rows.outputs.min(problem.rows.output - first[0]),
            columns.outputs.min(problem.columns.output - first[1]),
        ];
        Tile { first, outputs }
    }

    /// The samples under a tile of them, where they all lie inside and are neighbours.
    pub(super) fn samples_inside(
        &self,
        call: &Call<'_, T>,
        channel: usize,
        pair: &TilePair,
    ) -> Option<*const T> {
        let (problem, first) = (&self.problem, pair.tiles[0]?.first);
        let [row, column] = [problem.rows.start(first[0]), problem.columns.start(first[1])];
        let end = column + 2 * self.cut.columns.transform as isize;
        let is_inside = (0..problem.rows.input as isize).contains(&row) && column >= 0;
        let is_inside = is_inside && end <= problem.columns.input as isize && call.input_strides[3] == 1;
        is_inside.then(|| call.input_at(pair.item, channel, [row, column]))
    }

    /// Whether the values of a row are neighbours in a view of such strides, those of planes side by side by turns.
    pub(super) fn are_neighbours(&self, strides: [isize; 4]) -> bool {
        let planes = self.cut.planes;
        strides[3] == planes as isize && (planes == 1 || strides[1] == 1)
    }

    /// Where both tiles of a pair can be written in place: results finished but for the bias, all that a tile keeps.
    pub(super) fn target(&self, call: &Call<'_, T>, channel: usize, pair: &TilePair) -> Option<Target<T>> {
        let (planes, strides) = (self.cut.planes, call.output_strides);
        let is_dense = self.problem.rows.stride == 1 && self.problem.columns.stride == 1;
        if !is_dense || !self.are_neighbours(strides) || self.finish != Finish::plain() {
            return None;
        }
        let values = |tile: Option<Tile>| match tile {
            Some(tile) => [tile.outputs[0], tile.outputs[1] * planes],
            None => [0; 2],
        };
        let kept = [values(pair.tiles[0]), values(pair.tiles[1])];
        if self.cut.lanes == Lanes::Samples && !kept[0][1].is_multiple_of(self.lanes) {
            return None;
        }
        let at = |tile: Tile| call.output_at(pair.item, channel, tile.first);
        let re = pair.tiles[0].map(at)?;
        // Of a tile that is not there, nothing is kept.
        let im = pair.tiles[1].map_or(re, at);
        Some(Target { place: Pair { re, im, row_step: strides[2] }, kept })
    }

    /// All that both tiles keep, in staging.
    pub(super) fn staged(&self, room: &Room<'_, T>) -> Target<T> {
        let kept = [self.cut.rows.kept, self.cut.columns.kept * self.cut.planes];
        Target { place: room.target(), kept: [kept; 2] }
    }

    /// Finishes and writes the tiles of a pair from staging, where the bias has been added already. Channels are those
    /// of the planes from this one on.
    pub(super) fn write(&self, call: &Call<'_, T>, channel: usize, pair: &TilePair, room: &mut Room<'_, T>) {
        let (planes, strides) = (self.cut.planes, call.output_strides);
        let are_neighbours = self.are_neighbours(strides);
        let [row_step, column_step] = [self.problem.rows.stride, self.problem.columns.stride];
        let (tiles, line) = room.results();
        let parts = if self.cut.lanes == Lanes::Samples { 1 } else { 2 };
        let len = tiles.len() / parts;
        for (tile, staging) in pair.tiles.iter().flatten().zip(tiles.chunks_exact_mut(len)) {
            let width = len / self.cut.rows.transform;
            let rows = staging.chunks_exact_mut(width).step_by(row_step).take(tile.outputs[0]);
            for (r, row) in rows.enumerate() {
                let place = [tile.first[0] + r, tile.first[1]];
                if planes == 1 {
                    if column_step > 1 {
                        (1..tile.outputs[1]).for_each(|i| row[i] = row[i * column_step]);
                    }
                    self.finish_row(call, [pair.item, channel], place, &row[..tile.outputs[1]], strides[3]);
                    continue;
                }
                if are_neighbours {
                    self.finish_row(call, [pair.item, channel], place, &row[..tile.outputs[1] * planes], 1);
                    continue;
                }
                for plane in 0..planes {
                    let sums = &mut line[..tile.outputs[1]];
                    let values = row[plane..].iter().step_by(planes);
                    sums.iter_mut().zip(values).for_each(|(sum, &value)| *sum = value);
                    self.finish_row(call, [pair.item, channel + plane], place, sums, strides[3]);
                }
            }
        }
    }

    /// Finishes values of an output row of an item, `step` apart, from this channel and place on.
    fn finish_row(
        &self,
        call: &Call<'_, T>,
        [item, channel]: [usize; 2],
        place: [usize; 2],
        sums: &[T],
        step: isize,
    ) {
        let finish = FinishRow {
            sums,
            bias: T::default(),
            output: call.output_at(item, channel, place),
            step,
            finish: self.finish,
            // SAFETY: the outputs of the tile are in the output view, whose shape was checked.
            _vouched: unsafe { Vouched::new() },
        };
        T::dispatch(self.problem.isa, finish);
    }

    /// Transforms a pair of tiles.
    ///
    /// # Safety
    /// The operands have the sizes of the cut, as [`LineTile`] and [`PlaneTile`] ask for, and do not meet but for
    /// source and target; both are there where the stage asks for them.
    pub(super) unsafe fn transform(&self, stage: Stage, operands: Operands<'_, T>) {
        // SAFETY: vouched for by the caller; the tables were made for these sizes.
        let _vouched = unsafe { Vouched::new() };
        if self.cut.lanes == Lanes::Samples {
            return self.transform_line(stage, operands, _vouched);
        }
        let Operands { source, target, before, after, planes, work, column, kernel } = operands;
        let Target { place, kept } = target.unwrap_or(Target::NOWHERE);
        let tile = PlaneTile {
            stage,
            source,
            target: place,
            before: Offsets::new(before, planes),
            after: Offsets::new(after, planes),
            work,
            column,
            kernel,
            rows: self.cut.rows.transform,
            columns: self.cut.columns.transform,
            planes,
            kept,
            next: 2 * self.cut.columns.outputs * self.problem.columns.stride * planes,
            along_columns: self.levels.passes(),
            along_rows: (self.cut.lanes == Lanes::Both).then(|| self.across.passes()),
            _vouched,
        };
        T::dispatch(self.problem.isa, tile);
    }

    /// The same for a block of samples, which the caller of `transform` has vouched for.
    fn transform_line(&self, stage: Stage, operands: Operands<'_, T>, _vouched: Vouched) {
        let Operands { source, target, before, after, work, kernel, .. } = operands;
        let Target { place, kept } = target.unwrap_or(Target::NOWHERE);
        let tile = LineTile {
            stage,
            // SAFETY: the tables of a source hold a row, here of all samples, in every band.
            source: source.first().map_or(core::ptr::null(), |band| unsafe { *band.rows[0] }),
            target: place.re,
            before: before[0][0],
            after: after[0][0],
            work,
            kernel,
            len: self.cut.columns.transform,
            kept: kept[0][1].next_multiple_of(self.lanes),
            levels: self.levels.passes(),
            across: self.across.passes(),
            depth: self.depth,
            _vouched,
        };
        T::dispatch(self.problem.isa, tile);
    }

    /// The spectrum of the kernel plane of an output channel and an input channel of its group, left in `work`. Returns
    /// the sum of its taps.
    pub(super) fn transform_kernel(
        &self,
        kernel: &View<'_, T>,
        [output, input]: [usize; 2],
        room: &mut Room<'_, T>,
        work: &mut [T],
        column: &mut [T],
    ) -> f64 {
        let [.., rows, columns] = kernel.dims();
        let width = self.cut.columns.transform;
        let copies = if self.cut.lanes == Lanes::Columns { width } else { 1 };
        let staging = room.tiles();
        staging.fill(T::default());
        let mut sum = 0.0;
        for row in 0..rows {
            for tap in 0..columns {
                let value = kernel.get([output, input, row, tap]).unwrap_or_default();
                sum += value.to_f64();
                let at = row * self.problem.rows.dilation * width + tap * self.problem.columns.dilation;
                staging[at..at + copies].fill(value);
            }
        }
        let operands = Operands { source: &[room.source()], ..Operands::inside(work, column) };
        // SAFETY: the room, work and column have the sizes of the cut, which `packing` states; nothing is multiplied.
        unsafe { self.transform(Stage::Forward, operands) };
        sum
    }
}
