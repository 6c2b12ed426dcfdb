//! From sums along columns to outputs: along each row, by the loop that serves it.

use core::ops::Range;

use super::strip::{Room, Strip};
use crate::element::Element;
use crate::microkernel::Vouched;
use crate::microkernel::columns::Soon;
use crate::microkernel::row_pass::RowPass;
use crate::microkernel::row_sums::RowSums;
use crate::microkernel::signal_tile::{FewTaps, Row};

impl<T: Element> Strip<'_, '_, T> {
    /// Deals sums out to the phases of the stride.
    pub(super) fn deal(&self, rows: usize, room: &mut Room<'_, T>) {
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

    pub(super) fn sum_rows(&self, rows: Range<usize>, room: &Room<'_, T>) {
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
                terms: plan.row_terms(),
                offsets: if planes == 1 { &plan.offsets } else { &plan.bundle_offsets },
                sharing: cut.sharing.filter(|_| planes == cut.planes_together()),
                is_folded: self.folds[1],
                taps: self.taps().1.as_ptr(),
                to: self.output_row(r),
                to_step: if planes == 1 { self.call.output_strides[3] } else { 1 },
                width: self.part.columns.len() * planes,
                ahead: self.ahead(rows.len(), r - rows.start, room),
                bias: self.call.bias(self.part.channel),
                bias_row: (planes > 1 && !room.bias.is_empty()).then_some(room.bias.as_ptr()),
                finish: plan.finish,
                // SAFETY: the sums hold all values under these outputs, in rows with room for whole vectors and one
                // more; so do their phases. Taps share loads only where the stride is 1: each is the dilation times the
                // planes away from the one before. The outputs are inside the output view, whose shape was checked.
                // Steps may wrap where they are not taken (one column). Only few taps are folded, which share no loads
                // and which `SeparablePlan::folds` has seen to be alike.
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

    /// The outputs to ask for while sums along columns of rows from this one on are taken.
    pub(super) fn outputs(&self, row: usize) -> Option<Soon<T>> {
        let cut = &self.plan.cut;
        let are_neighbours = self.call.output_strides[3] == self.planes as isize;
        let step = self.call.output_strides[2].wrapping_mul(cut.spacing as isize);
        let asks = are_neighbours && cut.asks_for_outputs(&self.plan.problem.columns);
        asks.then(|| Soon { first: self.output_row(row), step })
    }

    /// The input row to ask for while this row of a tile is finished: as many as the next tile has new ones, if they
    /// come from beyond the second-level cache. Asked for when they are needed, they would be waited for.
    fn ahead(&self, rows: usize, line: usize, room: &Room<'_, T>) -> Option<*const T> {
        let under = rows + self.plan.problem.rows.taps - 1;
        self.plan.cut.asks_ahead().then(|| room.rows[under + line])
    }

    /// The same, where all taps of the row are alike.
    pub(super) fn sum_level_rows(&self, rows: Range<usize>, room: &mut Room<'_, T>) {
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
                    // SAFETY: a row of sums holds all values under these outputs and two vectors more, the first of
                    // which the shift may take; `work` has been booked for a piece. The outputs are inside the output
                    // view, whose shape was checked.
                    _vouched: unsafe { Vouched::new() },
                };
                T::dispatch(plan.problem.isa, sums);
            }
        }
    }

    /// The same, where there is a tile for few taps.
    pub(super) fn sum_few_taps(&self, rows: Range<usize>, room: &Room<'_, T>) {
        let (plan, cut) = (self.plan, &self.plan.cut);
        let (taps, width) = (self.taps().1, self.part.columns.len() * self.planes);
        let step = plan.problem.columns.dilation * self.planes;
        let (start, count) = (rows.start, rows.len());
        for (r, sums) in rows.zip(room.sums.chunks_exact(cut.pitch)) {
            let row = Row {
                input: sums[self.shift()..].as_ptr(),
                inside: 0..width + (taps.len() - 1) * step,
                outside: T::default(),
                taps,
                step,
                output: self.output_row(r),
                width,
                ahead: self.ahead(count, r - start, room),
                bias: self.call.bias(self.part.channel),
                finish: &plan.finish,
                // SAFETY: a row of sums holds all values under these outputs, which are neighbours inside the output
                // view, whose shape was checked. What accumulates has no few taps. `has_few_taps` knows how far they
                // reach.
                _vouched: unsafe { Vouched::new() },
            };
            T::dispatch(plan.problem.isa, FewTaps(row));
        }
    }
}
