//! One strip of a plane, or of planes side by side, tile by tile from top to bottom.
//!
//! The padded input under the strip falls into three segments: what is read in place, and what lies to the left and to the
//! right of it, which is copied. A row outside the input is copied whole, and so is every row of an input that cannot be
//! read in place. Copies are in a ring of as many rows as lie under a tile.

use core::ops::Range;

use super::{Part, SeparablePlan};
use crate::call::Call;
use crate::element::Element;
use crate::microkernel::Vouched;
use crate::microkernel::column_pass::ColumnPass;
use crate::microkernel::column_sums::ColumnSums;
use crate::microkernel::row_pass::RowPass;
use crate::microkernel::row_sums::RowSums;
use crate::microkernel::signal_tile::{FewTaps, Row};
use crate::window::{Pixels, Plane};
use crate::workspace::take;

/// The input of a strip, seen through its borders.
enum Source<'a, T> {
    Plane(Plane<'a, T>),
    Pixels(Pixels<'a, T>),
}

struct Strip<'a, 'b, T> {
    plan: &'a SeparablePlan<T>,
    call: &'a Call<'b, T>,
    part: &'a Part,
    source: Source<'a, T>,
    /// Planes side by side.
    planes: usize,
    /// The input row under the first tap of the first output row of the phase, and the column under that of the strip.
    corner: [isize; 2],
    /// Values under the strip, and those of them that are read in place.
    values: usize,
    in_place: Range<usize>,
    /// Copies of input rows; row `v` of the phase is at `v` modulo the rows of the ring.
    ring: &'a mut [T],
    /// Rows of the phase from this one on have not been copied.
    next: usize,
}

/// Buffers besides the ring.
struct Room<'a, T> {
    sums: &'a mut [T],
    dealt: &'a mut [T],
    bias: &'a mut [T],
    work: &'a mut [T],
    /// The rows under a tile: for the segments that are copied, and for that in place.
    copies: &'a mut [*const T],
    rows: &'a mut [*const T],
}

impl<T: Element> SeparablePlan<T> {
    /// Computes a part, with so many planes side by side.
    pub(super) fn strip(&self, call: &Call<'_, T>, part: &Part, planes: usize, workspace: &mut [u8]) {
        if part.rows.is_empty() {
            return;
        }
        let (cut, mut memory) = (&self.cut, workspace);
        let ring = take::<T>(&mut memory, cut.inputs * cut.pitch);
        let mut room = Room {
            sums: take::<T>(&mut memory, cut.sums() * cut.pitch),
            dealt: take::<T>(&mut memory, cut.sums() * cut.dealt_pitch),
            bias: take::<T>(&mut memory, cut.bias_row()),
            work: take::<T>(&mut memory, cut.work),
            copies: take::<*const T>(&mut memory, cut.inputs),
            rows: take::<*const T>(&mut memory, cut.inputs),
        };
        if planes > 1 && !room.bias.is_empty() {
            for (i, bias) in room.bias.iter_mut().enumerate() {
                *bias = call.bias(i % planes);
            }
        }
        let mut strip = Strip::new(self, call, part, planes, ring);
        for first in part.rows.clone().step_by(cut.tile) {
            strip.tile(first..(first + cut.tile).min(part.rows.end), &mut room);
        }
    }
}

impl<'a, 'b, T: Element> Strip<'a, 'b, T> {
    fn new(
        plan: &'a SeparablePlan<T>,
        call: &'a Call<'b, T>,
        part: &'a Part,
        planes: usize,
        ring: &'a mut [T],
    ) -> Self {
        let problem = &plan.problem;
        let columns = &problem.columns;
        let corner = [problem.rows.start(part.phase), columns.start(part.columns.start)];
        let span = (part.columns.len() - 1) * columns.stride + columns.extent;
        let strides = call.input_strides;
        let channel = part.channel / problem.group_out;
        let source = if planes == 1 {
            Source::Plane(call.plane(problem, part.item, channel, &plan.extensions))
        } else {
            let base = call.input_at(part.item, channel, [0, 0]);
            let dims = [planes, problem.rows.input, columns.input];
            // SAFETY: `is_interleaved` has found the planes of the input view to be neighbours.
            Source::Pixels(unsafe {
                Pixels::new(base, dims, [1, strides[2], strides[3]], &plan.extensions, problem.isa)
            })
        };
        let mut in_place = 0..0;
        if strides[3] == planes as isize {
            let inside = |column: isize| column.clamp(0, span as isize) as usize;
            let first = inside(-corner[1]);
            let end = inside(columns.input as isize - corner[1]).max(first);
            // Whole vectors, so that none is read beyond the end of a row.
            let count = (end - first) * planes / plan.cut.lanes * plan.cut.lanes;
            in_place = if count == 0 { 0..0 } else { first * planes..first * planes + count };
        }
        let values = span * planes;
        Strip { plan, call, part, source, planes, corner, values, in_place, ring, next: 0 }
    }

    /// Computes some output rows of the phase.
    fn tile(&mut self, rows: Range<usize>, room: &mut Room<'_, T>) {
        let cut = &self.plan.cut;
        let first = rows.start * cut.step;
        let inputs = first..first + (rows.len() - 1) * cut.step + self.plan.problem.rows.taps;
        for row in self.next.max(first)..inputs.end {
            self.copy(row);
        }
        self.next = self.next.max(inputs.end);
        for (place, row) in inputs.enumerate() {
            room.copies[place] = self.ring[row % cut.inputs * cut.pitch..].as_ptr();
            room.rows[place] = self.row_in_place(row).unwrap_or(room.copies[place]);
        }
        self.sum_columns(rows.len(), room);
        if self.plan.problem.columns.stride > 1 {
            self.deal(rows.len(), room);
        }
        if cut.is_level[1] {
            self.sum_level_rows(rows, room);
        } else if self.has_few_taps() {
            self.sum_few_taps(rows, room);
        } else {
            self.sum_rows(rows, room);
        }
    }

    /// Whether there is a tile for few taps, whose outputs are neighbours and have the same bias.
    fn has_few_taps(&self) -> bool {
        let are_neighbours = self.call.output_strides[3] == self.planes as isize;
        let is_one_bias = !self.plan.cut.bundle.needs_shared || self.planes == 1 || self.call.bias.is_none();
        self.plan.cut.has_few_taps(&self.plan.problem, self.planes) && are_neighbours && is_one_bias
    }

    /// The input row under a row of the phase.
    fn input_row(&self, row: usize) -> isize {
        self.corner[0] + (row * self.plan.problem.rows.dilation) as isize
    }

    /// Where the first value under the strip would stand in an input row that is read in place.
    fn row_in_place(&self, row: usize) -> Option<*const T> {
        let y = self.input_row(row);
        let is_inside = (0..self.plan.problem.rows.input as isize).contains(&y) && !self.in_place.is_empty();
        let channel = self.part.channel / self.plan.problem.group_out;
        is_inside.then(|| self.call.input_at(self.part.item, channel, [y, self.corner[1]]))
    }

    /// Copies of an input row what is not read in place.
    fn copy(&mut self, row: usize) {
        let cut = &self.plan.cut;
        let (y, planes) = (self.input_row(row), self.planes);
        let whole = self.values / planes;
        let parts = match self.row_in_place(row) {
            Some(_) => [0..self.in_place.start / planes, self.in_place.end / planes..whole],
            None => [0..whole, whole..whole],
        };
        let to = &mut self.ring[row % cut.inputs * cut.pitch..][..cut.pitch];
        for part in parts.into_iter().filter(|part| !part.is_empty()) {
            let x = self.corner[1] + part.start as isize;
            let to = &mut to[part.start * planes..part.end * planes];
            match &self.source {
                Source::Plane(plane) => plane.read(y, x, 1, to),
                Source::Pixels(pixels) => pixels.read(y, x, 1, planes, to),
            }
        }
    }

    /// Where the sums along columns begin in their rows: so that those of what is read in place are aligned.
    fn shift(&self) -> usize {
        let lanes = self.plan.cut.lanes;
        (lanes - self.in_place.start % lanes) % lanes
    }

    /// Those along columns, and those along rows.
    fn taps(&self) -> (&'a [T], &'a [T]) {
        let len = self.plan.channel_len();
        let taps: &'a [T] = &self.call.packed[self.part.channel * len..][..len];
        taps.split_at(self.plan.terms * self.plan.problem.rows.taps)
    }

    fn sum_columns(&self, rows: usize, room: &mut Room<'_, T>) {
        let (cut, taps) = (&self.plan.cut, self.taps().0);
        let segments = [
            (&*room.copies, 0..self.in_place.start),
            (&*room.rows, self.in_place.clone()),
            (&*room.copies, self.in_place.end..self.values),
        ];
        for (term, taps) in taps.chunks_exact(self.plan.problem.rows.taps).enumerate() {
            for (inputs, values) in segments.iter().filter(|(_, values)| !values.is_empty()) {
                let (inputs, first, width) = (inputs.as_ptr(), values.start as isize, values.len());
                let to = room.sums[term * cut.tile * cut.pitch + self.shift() + values.start..].as_mut_ptr();
                let (step, to_step) = (cut.step, cut.pitch);
                // SAFETY: the tables hold the rows under the tile. Rows of the ring and of the sums have room for whole
                // vectors beyond the last value, and a segment in place consists of whole vectors; segments are written
                // in order, so that what one writes beyond its end is overwritten by the next.
                let _vouched = unsafe { Vouched::new() };
                if cut.is_level[0] {
                    let (tap, taps) = (taps[0], taps.len());
                    let sums =
                        ColumnSums { inputs, first, step, tap, taps, to, to_step, rows, width, _vouched };
                    T::dispatch(self.plan.problem.isa, sums);
                } else {
                    let pass = ColumnPass { inputs, first, step, taps, to, to_step, rows, width, _vouched };
                    T::dispatch(self.plan.problem.isa, pass);
                }
            }
        }
    }

    /// Deals sums out to the phases of the stride.
    fn deal(&self, rows: usize, room: &mut Room<'_, T>) {
        let (cut, planes) = (&self.plan.cut, self.planes);
        let columns = &self.plan.problem.columns;
        let whole = self.values / planes;
        let phases = columns.stride.min(columns.extent);
        for line in (0..cut.sums()).filter(|line| line % cut.tile < rows) {
            let from = &room.sums[line * cut.pitch + self.shift()..];
            let to = &mut room.dealt[line * cut.dealt_pitch..];
            for phase in 0..phases.min(whole) {
                let to = &mut to[phase * cut.segment * planes..];
                let pixels = from[phase * planes..whole * planes].chunks(planes).step_by(columns.stride);
                for (to, pixel) in to.chunks_exact_mut(planes).zip(pixels).take(cut.segment) {
                    to.copy_from_slice(pixel);
                }
            }
        }
    }

    fn sum_rows(&self, rows: Range<usize>, room: &Room<'_, T>) {
        let (plan, cut, planes) = (self.plan, &self.plan.cut, self.planes);
        let columns = &plan.problem.columns;
        let (from, pitch) = if columns.stride > 1 {
            (room.dealt.as_ptr(), cut.dealt_pitch)
        } else {
            (room.sums[self.shift()..].as_ptr(), cut.pitch)
        };
        let lines = (0..rows.len()).map(|line| from.wrapping_add(line * pitch));
        for (r, from) in rows.clone().zip(lines) {
            let pass = RowPass {
                from,
                term_step: cut.tile * pitch,
                terms: plan.terms,
                offsets: if planes == 1 { &plan.offsets } else { &plan.bundle_offsets },
                is_dense: planes == 1 && columns.stride == 1 && columns.dilation == 1,
                taps: self.taps().1.as_ptr(),
                to: self.output_row(r),
                to_step: if planes == 1 { self.call.output_strides[3] } else { 1 },
                width: self.part.columns.len() * planes,
                ahead: self.ahead(r - rows.start),
                bias: self.call.bias(self.part.channel),
                bias_row: (planes > 1 && !room.bias.is_empty()).then_some(room.bias.as_ptr()),
                finish: plan.finish,
                // SAFETY: the sums hold all values under these outputs, in rows with room for whole vectors; so do their
                // phases. The outputs are inside the output view, whose shape was checked. Steps may wrap where they are
                // not taken (one column).
                _vouched: unsafe { Vouched::new() },
            };
            T::dispatch(plan.problem.isa, pass);
        }
    }

    /// Where the strip begins in an output row of the phase.
    fn output_row(&self, row: usize) -> *mut T {
        let row = self.part.phase + row * self.plan.cut.spacing;
        self.call.output_at(self.part.item, self.part.channel, [row, self.part.columns.start])
    }

    /// The input row to ask for while this row of a tile is finished: as many as the next tile has new ones, if they come from
    /// beyond the second-level cache. Asked for when they are needed, they would be waited for.
    fn ahead(&self, line: usize) -> Option<*const T> {
        if self.plan.cut.asks_ahead() { self.row_in_place(self.next + line) } else { None }
    }

    /// The same, where all taps of the row are alike.
    fn sum_level_rows(&self, rows: Range<usize>, room: &mut Room<'_, T>) {
        let (plan, cut, planes) = (self.plan, &self.plan.cut, self.planes);
        let (taps, columns) = (self.taps().1, &plan.problem.columns);
        let to_step = if planes == 1 { self.call.output_strides[3] } else { 1 };
        let width = self.part.columns.len() * planes;
        for (r, sums) in rows.zip(room.sums.chunks_exact(cut.pitch)) {
            let to = self.output_row(r);
            for start in (0..width).step_by(cut.piece) {
                let bias_row = (planes > 1 && !room.bias.is_empty()).then(|| room.bias[start..].as_ptr());
                let sums = RowSums {
                    from: sums[self.shift() + start..].as_ptr(),
                    step: columns.dilation * planes,
                    tap: taps[0],
                    taps: taps.len(),
                    work: room.work.as_mut_ptr(),
                    to: to.wrapping_offset((start as isize).wrapping_mul(to_step)),
                    to_step,
                    width: cut.piece.min(width - start),
                    bias: self.call.bias(self.part.channel),
                    bias_row,
                    finish: plan.finish,
                    // SAFETY: a row of sums holds all values under these outputs and two vectors more, the first of which
                    // the shift may take; `work` has been booked for a piece. The outputs are inside the output view,
                    // whose shape was checked.
                    _vouched: unsafe { Vouched::new() },
                };
                T::dispatch(plan.problem.isa, sums);
            }
        }
    }

    /// The same, where there is a tile for few taps.
    fn sum_few_taps(&self, rows: Range<usize>, room: &Room<'_, T>) {
        let (plan, cut) = (self.plan, &self.plan.cut);
        let (taps, width) = (self.taps().1, self.part.columns.len() * self.planes);
        let step = plan.problem.columns.dilation * self.planes;
        let start = rows.start;
        for (r, sums) in rows.zip(room.sums.chunks_exact(cut.pitch)) {
            let row = Row {
                input: sums[self.shift()..].as_ptr(),
                inside: 0..width + (taps.len() - 1) * step,
                outside: T::default(),
                taps,
                step,
                output: self.output_row(r),
                width,
                ahead: self.ahead(r - start),
                bias: self.call.bias(self.part.channel),
                finish: &plan.finish,
                // SAFETY: a row of sums holds all values under these outputs, which are neighbours inside the output
                // view, whose shape was checked. What accumulates has no few taps. `has_few_taps` knows how far they reach.
                _vouched: unsafe { Vouched::new() },
            };
            T::dispatch(plan.problem.isa, FewTaps(row));
        }
    }
}
