//! Several output rows of kernels with 3, 5 or 7 rows: the loop of most filters.
//!
//! What `rows.rs` does for any kernel takes more instructions besides the multiply-adds than these few can hide. Here
//! the number of tap rows is known when compiling, and a tap column is one stretch of code without a branch.

use super::{HotLoop, Run, SHARED_ROWS, SlidingTile};
use crate::element::Element;
use crate::isa::Lanes;

/// Vectors side by side in a block.
const VECTORS: usize = 4;
/// Tap rows that there are loops for.
const TAP_ROWS: [usize; 3] = [3, 5, 7];
/// With fewer registers, sums and inputs do not fit.
const LEAST_REGISTERS: usize = 32;

/// Multiply-adds of the loops over tap columns.
pub(super) fn hot_loops(registers: usize) -> Vec<HotLoop> {
    let counts = TAP_ROWS.map(|taps| SHARED_ROWS * VECTORS * taps);
    let tile = |multiply_adds| HotLoop { microkernel: "SlidingTile", multiply_adds };
    if registers < LEAST_REGISTERS { vec![] } else { counts.map(tile).into() }
}

impl<T: Element> SlidingTile<'_, T> {
    /// As many of the first columns of the output rows from `row` on as are whole blocks; returns how many these are:
    /// none if the kernel is another, or registers are few.
    ///
    /// # Safety
    /// There are [`SHARED_ROWS`] such rows; taps share no loads. See [`SlidingTile`].
    #[inline(always)]
    pub(super) unsafe fn small_blocks<I: Lanes<T>>(&self, isa: I, row: usize) -> usize {
        let is_plain = self.sweeps == 1 && self.channels == 1 && self.output_step == 1;
        let &[run] = self.runs else { return 0 };
        if I::REGISTERS < LEAST_REGISTERS || !is_plain {
            return 0;
        }
        // SAFETY: of so many tap rows; the rest is vouched for by the caller.
        unsafe {
            match self.tap_rows(0) {
                3 => self.small_rows::<I, 3>(isa, row, run),
                5 => self.small_rows::<I, 5>(isa, row, run),
                7 => self.small_rows::<I, 7>(isa, row, run),
                _ => 0,
            }
        }
    }

    /// # Safety
    /// There are `TAPS` tap rows, and `run` is the only one; see `small_blocks`.
    #[inline(always)]
    unsafe fn small_rows<I: Lanes<T>, const TAPS: usize>(&self, isa: I, row: usize, run: Run) -> usize {
        let width = VECTORS * I::LANES;
        let end = self.width / width * width;
        // SAFETY: blocks of the rows; see `SlidingTile`.
        unsafe {
            for column in (0..end).step_by(width) {
                let to = self.target(row, column, SHARED_ROWS, width);
                self.prefetch_below(isa, row + SHARED_ROWS, column, [SHARED_ROWS, width]);
                let mut sums = self.begin::<I, SHARED_ROWS, VECTORS, 0>(isa, to.first, to.row_step);
                let mut input = self.input_at(row, column).wrapping_offset(run.start);
                let mut weights = self.weights;
                for _ in 0..run.steps {
                    self.add_tap_column::<I, TAPS>(isa, (input, weights), &mut sums);
                    input = input.wrapping_offset(run.step);
                    weights = weights.wrapping_add(self.weight_column_step);
                }
                self.finish.write(isa, &mut sums, to.first, to.row_step);
            }
        }
        end
    }

    /// Adds the products of a tap column: an input row at a time, with the taps of all output rows that it lies under.
    ///
    /// # Safety
    /// `input` is under a block and the first of the `TAPS` taps at `weights`; see `small_blocks`.
    #[inline(always)]
    unsafe fn add_tap_column<I: Lanes<T>, const TAPS: usize>(
        &self,
        isa: I,
        (mut input, weights): (*const T, *const T),
        sums: &mut [[I::Vector; VECTORS]; SHARED_ROWS],
    ) {
        for j in 0..SHARED_ROWS + TAPS - 1 {
            let mut inputs = [isa.splat(T::default()); VECTORS];
            for (v, vector) in inputs.iter_mut().enumerate() {
                // SAFETY: vouched for by the caller.
                *vector = unsafe { isa.load(input.wrapping_add(v * I::LANES)) };
            }
            for (r, sums) in sums.iter_mut().enumerate() {
                if r <= j && j - r < TAPS {
                    // SAFETY: vouched for by the caller.
                    let weight = isa.splat(unsafe { *weights.add(j - r) });
                    for (sum, &input) in sums.iter_mut().zip(&inputs) {
                        *sum = isa.mul_add(weight, input, *sum);
                    }
                }
            }
            input = input.wrapping_offset(self.row_step);
        }
    }
}
