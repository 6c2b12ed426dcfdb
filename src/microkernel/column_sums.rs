//! The first half of a separable filter whose column has taps that are all alike: sums of neighbouring rows, times one
//! factor.
//!
//! ```text
//! for each output row r, vector v of columns:
//!     sum[r][v] = tap * (input[r * step][v] + ... + input[r * step + taps - 1][v])
//! ```
//!
//! Departure: a block of output rows whose windows all have rows in common adds up these once. The rows above them are
//! added from the bottom of the block upwards, those below from the top downwards (as van Herk 1992 has it for
//! extrema), so that an output takes three additions, and a part of what is shared. Nothing is ever subtracted: no
//! error is carried from row to row, and a sum has only values of its own window in it.

use super::{HotLoop, Vouched};
use crate::element::Element;
use crate::isa::{Lanes, Microkernel};

/// Vectors side by side: as many chains of additions as keep an adder busy.
const VECTORS: usize = 4;

/// Computes `rows` x `width` sums.
///
/// # Safety
/// Whoever makes it vouches that, with `lanes` those of the instruction set,
/// * `inputs` holds `(rows - 1) * step + taps` pointers, and `pointer + first + x` is readable for each of them and all
///   `x < width` rounded up to `lanes`;
/// * `to + r * to_step + x` is readable and writable for all `r < rows` and the same `x`;
/// * `taps >= 1` and `step >= 1`.
pub(crate) struct ColumnSums<T> {
    /// The input rows under the tile, in order.
    pub(crate) inputs: *const *const T,
    /// From where a pointer points to the first value wanted.
    pub(crate) first: isize,
    /// Input rows from one output row to the next.
    pub(crate) step: usize,
    pub(crate) tap: T,
    pub(crate) taps: usize,
    pub(crate) to: *mut T,
    pub(crate) to_step: usize,
    pub(crate) rows: usize,
    pub(crate) width: usize,
    pub(crate) _vouched: Vouched,
}

pub(super) fn hot_loops() -> Vec<HotLoop> {
    vec![HotLoop { microkernel: "ColumnSums", multiply_adds: VECTORS }]
}

impl<T: Element> Microkernel<T> for ColumnSums<T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        // Windows further apart share no row.
        let most = (self.taps - 1) / self.step + 1;
        for row in (0..self.rows).step_by(most) {
            let rows = most.min(self.rows - row);
            let mut column = 0;
            // SAFETY: rows of the tile. Each block starts at a column below `width` and is no wider than what is left,
            // rounded up to whole vectors.
            unsafe {
                while column < self.width {
                    column += if (self.width - column).div_ceil(I::LANES) >= VECTORS {
                        self.block::<I, VECTORS>(isa, [row, rows], column)
                    } else {
                        self.block::<I, 1>(isa, [row, rows], column)
                    };
                }
            }
        }
    }
}

impl<T: Element> ColumnSums<T> {
    /// `V` vectors of `rows` output rows from (`row`, `column`), whose windows have a row in common; returns how many
    /// columns that are.
    ///
    /// # Safety
    /// They are rows and columns of the tile; see [`ColumnSums`].
    #[inline(always)]
    unsafe fn block<I: Lanes<T>, const V: usize>(
        &self,
        isa: I,
        [row, rows]: [usize; 2],
        column: usize,
    ) -> usize {
        let offset = self.first.wrapping_add(column as isize);
        let step = self.step;
        // SAFETY: input rows from the first of the first window to the last of the last one, and the output rows.
        unsafe {
            let inputs = self.inputs.add(row * step);
            let to = |r: usize| self.to.add((row + r) * self.to_step + column);
            let mut sums = [isa.splat(T::default()); V];
            self.add(isa, &mut sums, inputs.add((rows - 1) * step), offset, self.taps - (rows - 1) * step);
            store(isa, &sums, to(rows - 1));
            for r in (0..rows - 1).rev() {
                self.add(isa, &mut sums, inputs.add(r * step), offset, step);
                store(isa, &sums, to(r));
            }
            let mut below = [isa.splat(T::default()); V];
            for r in 1..rows {
                self.add(isa, &mut below, inputs.add(self.taps + (r - 1) * step), offset, step);
                let mut sums = below;
                for (v, sum) in sums.iter_mut().enumerate() {
                    *sum = isa.add(*sum, isa.load(to(r).add(v * I::LANES)));
                }
                store(isa, &sums, to(r));
            }
        }
        V * I::LANES
    }

    /// Adds `count` input rows.
    ///
    /// # Safety
    /// `inputs` holds so many pointers, readable from `offset` on for `V` vectors.
    #[inline(always)]
    unsafe fn add<I: Lanes<T>, const V: usize>(
        &self,
        isa: I,
        sums: &mut [I::Vector; V],
        inputs: *const *const T,
        offset: isize,
        count: usize,
    ) {
        let tap = isa.splat(self.tap);
        for row in 0..count {
            // SAFETY: vouched for by the caller.
            unsafe {
                let input = (*inputs.add(row)).wrapping_offset(offset);
                for (v, sum) in sums.iter_mut().enumerate() {
                    *sum = isa.mul_add(tap, isa.load(input.add(v * I::LANES)), *sum);
                }
            }
        }
    }
}

/// # Safety
/// `to` is writable for `V` vectors.
#[inline(always)]
unsafe fn store<T, I: Lanes<T>, const V: usize>(isa: I, sums: &[I::Vector; V], to: *mut T) {
    for (v, &sum) in sums.iter().enumerate() {
        // SAFETY: vouched for by the caller.
        unsafe { isa.store(to.add(v * I::LANES), sum) };
    }
}
