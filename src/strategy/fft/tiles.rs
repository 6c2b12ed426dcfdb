//! Tiles of a plan: where they are, how their inputs are brought to the transforms, and results to the output.

use std::sync::Arc;

use super::cut::{Cut, Lanes};
use crate::call::Call;
use crate::cost::Machine;
use crate::element::Element;
use crate::error::Error;
use crate::fft::Levels;
use crate::microkernel::fft::line_tile::LineTile;
use crate::microkernel::fft::plane_tile::PlaneTile;
use crate::microkernel::fft::{Both, Pair, Passes, Stage};
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
    extensions: Extensions<T>,
    finish: Finish<T>,
}

/// A tile of the output.
#[derive(Clone, Copy)]
pub(super) struct Tile {
    /// First output and their number, rows and columns.
    first: [usize; 2],
    outputs: [usize; 2],
}

/// One or two tiles of a channel of an item.
#[derive(Clone, Copy)]
pub(super) struct TilePair {
    pub(super) item: usize,
    tiles: [Option<Tile>; 2],
}

/// What a staged tile has beyond the windows of its outputs.
#[derive(Clone, Copy)]
pub(super) enum Beyond {
    Zero,
    Mean,
}

/// The mean of some of the first `columns` values of each row.
fn sampled_mean<T: Element>(rows: &[T], width: usize, columns: usize) -> T {
    let [mut sum, mut count] = [0.0; 2];
    for row in rows.chunks_exact(width).step_by((rows.len() / width / 8).max(1)) {
        for value in row[..columns].iter().step_by((columns / 16).max(1)) {
            sum += value.to_f64();
            count += 1.0;
        }
    }
    T::from_f64(sum / count)
}

/// What a transform works on.
pub(super) struct Operands<T> {
    pub(super) source: Pair<*const T>,
    pub(super) target: Pair<*mut T>,
    pub(super) before: Both<T>,
    pub(super) after: Both<T>,
    pub(super) work: *mut T,
    pub(super) column: *mut T,
    pub(super) kernel: *const T,
}

impl<T: Element> Operands<T> {
    /// Buffers alone: for one direction, source or target are still to be set, and nothing is multiplied.
    pub(super) fn inside(work: &mut [T], column: &mut [T]) -> Self {
        Operands {
            source: Pair { re: core::ptr::null(), im: core::ptr::null(), row_step: 0 },
            target: Pair { re: core::ptr::null_mut(), im: core::ptr::null_mut(), row_step: 0 },
            before: [T::default(); 2],
            after: [T::default(); 2],
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

    /// The inputs under a pair of tiles: in place where they all lie inside, else read into `staging`, which has room
    /// for both. What lies beyond the windows of a tile there is zero, or as the tile is about, if its mean is to be
    /// removed. Returns both parts of `staging` too, for results.
    pub(super) fn source(
        &self,
        call: &Call<'_, T>,
        channel: usize,
        pair: &TilePair,
        staging: &mut [T],
        beyond: Beyond,
    ) -> (Pair<*const T>, Pair<*mut T>) {
        if let Some(source) = self.source_inside(call, channel, pair) {
            return (source, self.staged(staging));
        }
        for (tile, staging) in pair.tiles.iter().zip(staging.chunks_exact_mut(self.cut.area())) {
            match tile {
                Some(tile) => {
                    let used = self.read(call, pair.item, channel, tile, staging);
                    self.fill(staging, used, beyond);
                }
                None => staging.fill(T::default()),
            }
        }
        let staged = self.staged(staging);
        (staged.readable(), staged)
    }

    /// The inputs under a pair of tiles, where they all lie inside.
    pub(super) fn source_inside(
        &self,
        call: &Call<'_, T>,
        channel: usize,
        pair: &TilePair,
    ) -> Option<Pair<*const T>> {
        let at = |tile: Option<Tile>| {
            let tile = tile?;
            let place = [self.problem.rows.start(tile.first[0]), self.problem.columns.start(tile.first[1])];
            self.is_inside(call, place).then(|| call.input_at(pair.item, channel, place))
        };
        let [re, im] = pair.tiles.map(at);
        Some(Pair { re: re?, im: im?, row_step: call.input_strides[2] })
    }

    /// Whether all that a tile reads from `place` on lies inside the input, in rows whose columns are neighbours.
    fn is_inside(&self, call: &Call<'_, T>, [row, column]: [isize; 2]) -> bool {
        let ends = [row + self.cut.rows.transform as isize, column + self.cut.columns.transform as isize];
        let inside = row >= 0 && column >= 0 && ends[0] <= self.problem.rows.input as isize;
        inside && ends[1] <= self.problem.columns.input as isize && call.input_strides[3] == 1
    }

    /// Reads the inputs under a tile through the window. Returns how many rows and columns they are.
    fn read(
        &self,
        call: &Call<'_, T>,
        item: usize,
        channel: usize,
        tile: &Tile,
        staging: &mut [T],
    ) -> [usize; 2] {
        let problem = &self.problem;
        let under = |outputs: usize, stride: usize, extent: usize| (outputs - 1) * stride + extent;
        let rows = under(tile.outputs[0], problem.rows.stride, problem.rows.extent);
        let columns = under(tile.outputs[1], problem.columns.stride, problem.columns.extent);
        let plane = call.plane(problem, item, channel, &self.extensions);
        let (y, x) = (problem.rows.start(tile.first[0]), problem.columns.start(tile.first[1]));
        for (row, y) in staging.chunks_exact_mut(self.cut.columns.transform).take(rows).zip(y..) {
            plane.read(y, x, 1, &mut row[..columns]);
        }
        [rows, columns]
    }

    /// Fills a tile beyond the rows and columns that are used.
    fn fill(&self, staging: &mut [T], [rows, columns]: [usize; 2], beyond: Beyond) {
        let width = self.cut.columns.transform;
        if [rows, columns] == [self.cut.rows.transform, width] {
            return;
        }
        let value = match beyond {
            Beyond::Zero => T::default(),
            Beyond::Mean => sampled_mean(&staging[..rows * width], width, columns),
        };
        let (used, unused) = staging.split_at_mut(rows * width);
        used.chunks_exact_mut(width).for_each(|row| row[columns..].fill(value));
        unused.fill(value);
    }

    /// Both parts in `staging`.
    pub(super) fn staged(&self, staging: &mut [T]) -> Pair<*mut T> {
        let re = staging.as_mut_ptr();
        Pair { re, im: re.wrapping_add(self.cut.area()), row_step: self.cut.columns.transform as isize }
    }

    /// Where both tiles of a pair can be written in place: results finished but for the bias, all that a tile keeps.
    pub(super) fn target(&self, call: &Call<'_, T>, channel: usize, pair: &TilePair) -> Option<Pair<*mut T>> {
        let (rows, columns) = (&self.cut.rows, &self.cut.columns);
        let is_dense = self.problem.rows.stride == 1 && self.problem.columns.stride == 1;
        let vectors = self.cut.lanes != Lanes::Samples || columns.outputs.is_multiple_of(self.lanes);
        if !is_dense || !vectors || call.output_strides[3] != 1 || self.finish != Finish::plain() {
            return None;
        }
        let at = |tile: Option<Tile>| {
            tile.filter(|tile| tile.outputs == [rows.outputs, columns.outputs])
                .map(|tile| call.output_at(pair.item, channel, tile.first))
        };
        let [re, im] = pair.tiles.map(at);
        Some(Pair { re: re?, im: im?, row_step: call.output_strides[2] })
    }

    /// Finishes and writes the tiles of a pair from `staging`, where the bias has been added already.
    pub(super) fn write(&self, call: &Call<'_, T>, channel: usize, pair: &TilePair, staging: &mut [T]) {
        let problem = &self.problem;
        let [row_step, column_step] = [problem.rows.stride, problem.columns.stride];
        let width = self.cut.columns.transform;
        for (tile, staging) in pair.tiles.iter().flatten().zip(staging.chunks_exact_mut(self.cut.area())) {
            let rows = staging.chunks_exact_mut(width).step_by(row_step).take(tile.outputs[0]);
            for (r, row) in rows.enumerate() {
                if column_step > 1 {
                    (1..tile.outputs[1]).for_each(|i| row[i] = row[i * column_step]);
                }
                let finish = FinishRow {
                    sums: &row[..tile.outputs[1]],
                    bias: T::default(),
                    output: call.output_at(pair.item, channel, [tile.first[0] + r, tile.first[1]]),
                    step: call.output_strides[3],
                    finish: self.finish,
                    // SAFETY: the outputs of the tile are in the output view, whose shape was checked.
                    _vouched: unsafe { Vouched::new() },
                };
                T::dispatch(problem.isa, finish);
            }
        }
    }

    /// Transforms a pair of tiles.
    ///
    /// # Safety
    /// The operands have the sizes of the cut, as [`LineTile`] and [`PlaneTile`] ask for, and do not meet but for
    /// source and target.
    pub(super) unsafe fn transform(&self, stage: Stage, operands: Operands<T>) {
        let Operands { source, target, before, after, work, column, kernel } = operands;
        // SAFETY: vouched for by the caller; the tables were made for these sizes.
        let vouched = unsafe { Vouched::new() };
        let (levels, across): (Passes<'_, T>, Passes<'_, T>) = (self.levels.passes(), self.across.passes());
        let [rows, columns] = [self.cut.rows.transform, self.cut.columns.transform];
        if self.cut.lanes == Lanes::Samples {
            let kept = self.cut.columns.kept.next_multiple_of(self.lanes);
            let (len, depth) = (columns, self.depth);
            let tile = LineTile {
                stage,
                source,
                target,
                before,
                after,
                work,
                kernel,
                len,
                kept,
                levels,
                across,
                depth,
                _vouched: vouched,
            };
            return T::dispatch(self.problem.isa, tile);
        }
        let kept = [self.cut.rows.kept, self.cut.columns.kept];
        let along_rows = (self.cut.lanes == Lanes::Both).then_some(across);
        let tile = PlaneTile {
            stage,
            source,
            target,
            before,
            after,
            work,
            column,
            kernel,
            rows,
            columns,
            kept,
            along_columns: levels,
            along_rows,
            _vouched: vouched,
        };
        T::dispatch(self.problem.isa, tile);
    }

    /// The spectrum of the kernel plane of an output channel and an input channel of its group, left in `work`. Returns
    /// the sum of its taps.
    pub(super) fn transform_kernel(
        &self,
        kernel: &View<'_, T>,
        [output, input]: [usize; 2],
        staging: &mut [T],
        work: &mut [T],
        column: &mut [T],
    ) -> f64 {
        let [.., rows, columns] = kernel.dims();
        let width = self.cut.columns.transform;
        let copies = if self.cut.lanes == Lanes::Columns { width } else { 1 };
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
        let source = self.staged(staging).readable();
        let operands = Operands { source, ..Operands::inside(work, column) };
        // SAFETY: staging, work and column have the sizes of the cut, which `packing` states; nothing is multiplied.
        unsafe { self.transform(Stage::Forward, operands) };
        sum
    }
}
