//! One strip of a plane, or of planes side by side, tile by tile from top to bottom.
//!
//! Input rows are found through a table. Those inside are read in place, those outside are the ones that the border
//! repeats; what lies to the left and to the right is read apart ([`Sides`]). A row of constants is copied, and so is
//! every row of an input that cannot be read in place: into a ring of as many rows as lie under a tile.

use core::ops::Range;
use core::slice;

use super::sides::Sides;
use super::{Part, SeparablePlan};
use crate::call::Call;
use crate::element::Element;
use crate::microkernel::Vouched;
use crate::microkernel::column_pass::ColumnPass;
use crate::microkernel::column_sums::ColumnSums;
use crate::microkernel::columns::{Columns, Soon};
use crate::microkernel::folded_columns::FoldedColumns;
use crate::window::{Pixels, Place, Plane};
use crate::workspace::take;

/// The input of a strip, seen through its borders.
enum Source<'a, T> {
    Plane(Plane<'a, T>),
    Pixels(Pixels<'a, T>),
}

pub(super) struct Strip<'a, 'b, T> {
    pub(super) plan: &'a SeparablePlan<T>,
    pub(super) call: &'a Call<'b, T>,
    pub(super) part: &'a Part,
    source: Source<'a, T>,
    /// Where the first value under the strip would stand in the first row of the input.
    origin: *const T,
    /// Planes side by side.
    pub(super) planes: usize,
    /// Whether sums along columns, and along rows, are folded.
    pub(super) folds: [bool; 2],
    /// The input row under the first tap of the first output row of the phase, and the column under that of the strip.
    pub(super) corner: [isize; 2],
    /// Values under the strip, and those of them that are read in place: none, if rows are copied.
    pub(super) values: usize,
    pub(super) inside: Range<usize>,
    /// Copies of input rows: row `v` of the phase is at `v` modulo the rows of the ring. A pointer, since
    /// the table points into it while rows are written.
    ring: *mut T,
    /// Rows of the phase from this one on have not been read.
    next: usize,
    /// Rows of the phase that are in the table.
    found: Range<usize>,
}

/// Buffers besides the ring.
pub(super) struct Room<'a, T> {
    pub(super) sums: &'a mut [T],
    pub(super) dealt: &'a mut [T],
    pub(super) bias: &'a mut [T],
    pub(super) work: &'a mut [T],
    /// The table of the rows under a tile, and behind them of as many as it has output rows, which the next one will
    /// read.
    pub(super) rows: &'a mut [*const T],
    pub(super) sides: Sides<'a, T>,
}

impl<T: Element> SeparablePlan<T> {
    /// Which values under a strip are read in place: those inside of the input, if they are neighbours and a vector or
    /// more. The strip begins in a column of the input, and `span` columns lie under it.
    fn inside(&self, call: &Call<'_, T>, first: isize, span: usize, planes: usize) -> Range<usize> {
        let columns = &self.problem.columns;
        let place = |column: isize| (column - first).clamp(0, span as isize) as usize;
        let start = place(0);
        let end = place(columns.input as isize).max(start);
        let are_neighbours = call.input_strides[3] == planes as isize;
        let is_in_place = are_neighbours && (end - start) * planes >= self.cut.lanes;
        if is_in_place { start * planes..end * planes } else { 0..0 }
    }

    /// Computes a part, with so many planes side by side.
    pub(super) fn strip(&self, call: &Call<'_, T>, part: &Part, planes: usize, workspace: &mut [u8]) {
        if part.rows.is_empty() {
            return;
        }
        let (cut, mut memory) = (&self.cut, workspace);
        let ring = take::<T>(&mut memory, cut.inputs * cut.pitch).as_mut_ptr();
        let mut strip = Strip::new(self, call, part, planes, ring);
        let mut room = Room {
            sums: take::<T>(&mut memory, cut.sums() * cut.pitch),
            dealt: take::<T>(&mut memory, cut.sums() * cut.dealt_pitch),
            bias: take::<T>(&mut memory, cut.bias_row()),
            work: take::<T>(&mut memory, cut.work),
            rows: take::<*const T>(&mut memory, cut.table()),
            sides: Sides::take(&strip, &mut memory),
        };
        if planes > 1 && !room.bias.is_empty() {
            for (i, bias) in room.bias.iter_mut().enumerate() {
                *bias = call.bias(i % planes);
            }
        }
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
        ring: *mut T,
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
        let inside = plan.inside(call, corner[1], span, planes);
        let origin = call.input_at(part.item, channel, [0, corner[1]]);
        Strip {
            plan,
            call,
            part,
            source,
            origin,
            planes,
            folds: plan.folds(plan.factors(call, part.channel)),
            corner,
            values: span * planes,
            inside,
            ring,
            next: 0,
            found: 0..0,
        }
    }

    /// Computes some output rows of the phase.
    fn tile(&mut self, rows: Range<usize>, room: &mut Room<'_, T>) {
        let cut = &self.plan.cut;
        let first = rows.start * cut.step;
        let inputs = first..first + (rows.len() - 1) * cut.step + self.plan.problem.rows.taps;
        self.find(inputs.start..inputs.end + rows.len(), room);
        self.read(self.next.max(first)..inputs.end, room);
        self.next = self.next.max(inputs.end);
        self.sum_columns(rows.clone(), room);
        if self.plan.problem.columns.stride > 1 {
            self.deal(rows.len(), room);
        }
        if cut.is_level[1] {
            self.sum_level_rows(rows, room);
        } else if self.has_few_taps() && !cut.is_by_columns && !self.folds[1] {
            self.sum_few_taps(rows, room);
        } else {
            self.sum_rows(rows, room);
        }
    }

    /// Enters rows of the phase into the tables. Most are there already, from the last tile.
    fn find(&mut self, rows: Range<usize>, room: &mut Room<'_, T>) {
        let cut = &self.plan.cut;
        let known = rows.start.max(self.found.start)..self.found.end.max(rows.start);
        let moved = known.start - self.found.start..known.end - self.found.start;
        if !known.is_empty() {
            room.rows.copy_within(moved.clone(), 0);
            room.sides.move_rows(moved);
        }
        self.found = rows.clone();
        for (row, slot) in (known.end..rows.end).zip(cut.slots(known.end)) {
            let place = row - rows.start;
            room.rows[place] = self.row_in_place(row).unwrap_or(self.copy_at(slot));
            room.sides.find_row(place, slot);
        }
    }

    /// Copies those of some rows of the phase that are not read in place; of the others, what lies beside.
    fn read(&mut self, rows: Range<usize>, room: &mut Room<'_, T>) {
        for (row, slot) in rows.clone().zip(self.plan.cut.slots(rows.start)) {
            let from = room.rows[row - self.found.start];
            let is_in_place = from != self.copy_at(slot);
            if !is_in_place {
                self.copy(row, slot);
            }
            if !self.inside.is_empty() {
                // SAFETY: a row of the strip: its values inside are readable, and all if it is a copy.
                unsafe { room.sides.read(slot, from, is_in_place) };
            }
        }
    }

    /// Where a copy is in the ring.
    fn copy_at(&self, slot: usize) -> *const T {
        self.ring.wrapping_add(slot * self.plan.cut.pitch)
    }

    /// Whether there is a tile for few taps, whose outputs are neighbours and have the same bias.
    fn has_few_taps(&self) -> bool {
        let are_neighbours = self.call.output_strides[3] == self.planes as isize;
        let is_one_bias = !self.plan.cut.bundle.needs_shared || self.planes == 1 || self.call.bias.is_none();
        self.plan.cut.has_few_taps(&self.plan.problem, self.planes) && are_neighbours && is_one_bias
    }

    /// Where the input row under a row of the phase comes from.
    #[inline]
    fn input_row(&self, row: usize) -> Place<T> {
        let problem = &self.plan.problem;
        let y = self.corner[0] + (row * problem.rows.dilation) as isize;
        self.plan.extensions.row(y, problem.rows.input)
    }

    /// Where the first value under the strip would stand in an input row that is read in place.
    #[inline]
    fn row_in_place(&self, row: usize) -> Option<*const T> {
        if self.inside.is_empty() {
            return None;
        }
        match self.input_row(row) {
            Place::Index(y) => Some(self.origin.wrapping_offset(y.wrapping_mul(self.call.input_strides[2]))),
            Place::Value(_) => None,
        }
    }

    /// Copies an input row that is not read in place.
    fn copy(&mut self, row: usize, slot: usize) {
        let (cut, problem) = (&self.plan.cut, &self.plan.problem);
        let y = self.corner[0] + (row * problem.rows.dilation) as isize;
        // SAFETY: `strip` has taken a ring of so many rows, which only the table points into; it is not read meanwhile.
        let to = unsafe { slice::from_raw_parts_mut(self.ring.add(slot * cut.pitch), self.values) };
        match &self.source {
            Source::Plane(plane) => plane.read(y, self.corner[1], 1, to),
            Source::Pixels(pixels) => pixels.read(y, self.corner[1], 1, self.planes, to),
        }
    }

    /// Where the sums along columns begin in their rows: so that those of what is read in place are aligned.
    pub(super) fn shift(&self) -> usize {
        let lanes = self.plan.cut.lanes;
        (lanes - self.inside.start % lanes) % lanes
    }

    /// Those along columns, and those along rows.
    pub(super) fn taps(&self) -> (&'a [T], &'a [T]) {
        self.plan.factors(self.call, self.part.channel)
    }

    /// All sums along columns that the outputs of some rows need.
    fn sum_columns(&self, rows: Range<usize>, room: &mut Room<'_, T>) {
        let cut = &self.plan.cut;
        let (first_row, rows) = (rows.start, rows.len());
        let to = (room.sums[self.shift()..].as_mut_ptr(), cut.pitch);
        if self.inside.is_empty() {
            // Rows of the ring have room for whole vectors.
            let width = self.values.next_multiple_of(cut.lanes);
            // SAFETY: the table holds the rows under the tile. Rows of the ring and of the sums have room for whole
            // vectors.
            return unsafe { self.sum_values(rows, room.rows, 0..width as isize, to, None) };
        }
        // Rounded up to whole vectors, so that what lies inside comes last.
        for (values, inputs) in room.sides.rows() {
            let to = (room.sums[self.shift() + values.start..].as_mut_ptr(), cut.pitch);
            let width = values.len().next_multiple_of(cut.lanes);
            // SAFETY: the table holds the rows under the tile, with a vector and more behind these values; so do the
            // sums.
            unsafe { self.sum_values(rows, inputs, 0..width as isize, to, None) };
        }
        let (start, end) = (self.inside.start, self.inside.end);
        let to = (room.sums[self.shift() + start..].as_mut_ptr(), cut.pitch);
        // SAFETY: the table holds the rows under the tile, in which these values are inside, a vector or more.
        unsafe {
            self.sum_values(rows, room.rows, start as isize..end as isize, to, self.outputs(first_row))
        };
    }

    /// Sums along columns of some values, which are counted as those of the strip, for all terms. What is left behind
    /// whole vectors is summed in one that ends with it. Meanwhile, `outputs` are asked for.
    ///
    /// # Safety
    /// `inputs` are the rows under the tile, in all of which these values are readable, a vector or more. `to.0 + x` is
    /// writable for as many, in all rows of sums, which are `to.1` apart.
    unsafe fn sum_values(
        &self,
        rows: usize,
        inputs: &[*const T],
        values: Range<isize>,
        (to, to_step): (*mut T, usize),
        outputs: Option<Soon<T>>,
    ) {
        let (cut, taps) = (&self.plan.cut, self.taps().0);
        let count = values.len();
        let whole = count / cut.lanes * cut.lanes;
        let (inputs, step) = (inputs.as_ptr(), cut.step);
        for (term, taps) in taps.chunks_exact(self.plan.problem.rows.taps).enumerate() {
            let rest = if whole < count { cut.lanes } else { 0 };
            for (skipped, width) in [(0, whole), (count - rest, rest)] {
                if width == 0 {
                    continue;
                }
                let first = values.start + skipped as isize;
                let to = to.wrapping_add(term * cut.tile * to_step + skipped);
                // SAFETY: vouched for by the caller.
                let _vouched = unsafe { Vouched::new() };
                if cut.is_level[0] {
                    let (tap, taps) = (taps[0], taps.len());
                    let sums =
                        ColumnSums { inputs, first, step, tap, taps, to, to_step, rows, width, _vouched };
                    T::dispatch(self.plan.problem.isa, sums);
                    continue;
                }
                let soon = outputs.filter(|_| term == 0 && skipped == 0);
                let columns = Columns { inputs, first, step, taps, to, to_step, rows, width, soon, _vouched };
                if self.folds[0] {
                    T::dispatch(self.plan.problem.isa, FoldedColumns(columns));
                } else {
                    T::dispatch(self.plan.problem.isa, ColumnPass(columns));
                }
            }
        }
    }
}
