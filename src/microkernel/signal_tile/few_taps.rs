//! A few taps: each loads its inputs.

use super::Row;
use crate::element::Element;
use crate::isa::{Lanes, Microkernel};

/// Vectors of the widest block.
pub(super) const VECTORS: usize = 10;

/// The plain loop over a [`Row`].
pub(crate) struct FewTaps<'a, T>(pub(crate) Row<'a, T>);

impl<T: Element> Microkernel<T> for FewTaps<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        let row = self.0;
        let mut column = 0;
        while column < row.width {
            let (vectors, start) = block(row.width, column, I::LANES);
            // SAFETY: the block is a part of the row, or one vector where there is less.
            unsafe {
                match vectors {
                    VECTORS => row.few::<I, VECTORS>(isa, start),
                    4 => row.few::<I, 4>(isa, start),
                    2 => row.few::<I, 2>(isa, start),
                    _ => row.few::<I, 1>(isa, start),
                }
            }
            column = start + vectors * I::LANES;
        }
    }
}

/// The vectors of the block for `column`, and where it starts: before `column`, where a block that ends with the row does
/// what is left. It computes some outputs again.
#[inline(always)]
fn block(width: usize, column: usize, lanes: usize) -> (usize, usize) {
    let left = width - column;
    let enough = match left.div_ceil(lanes) {
        5.. => VECTORS,
        3..=4 => 4,
        vectors => vectors,
    };
    if enough * lanes <= width {
        return (enough, column.min(width - enough * lanes));
    }
    let whole = match left / lanes {
        4.. => 4,
        2.. => 2,
        _ => 1,
    };
    (whole, column)
}

impl<T: Element> Row<'_, T> {
    /// Outputs of `WIDTH` vectors from `column` on, or of a part of one vector if the row has no more.
    ///
    /// # Safety
    /// They are outputs of the row.
    #[inline(always)]
    unsafe fn few<I: Lanes<T>, const WIDTH: usize>(&self, isa: I, column: usize) {
        // SAFETY: see `Row`.
        unsafe {
            let mut sums = [isa.splat(self.bias); WIDTH];
            let mut input = self.input.add(column);
            for &tap in self.taps {
                let tap = isa.splat(tap);
                for (v, sum) in sums.iter_mut().enumerate() {
                    *sum = isa.mul_add(tap, isa.load(input.add(v * I::LANES)), *sum);
                }
                // One step beyond the last one, unused.
                input = input.wrapping_add(1);
            }
            // A copy, lest the sums be kept in memory.
            let mut results = [sums];
            self.finish.limit(isa, &mut results);
            if WIDTH == 1 && self.width < I::LANES {
                return isa.store_part(self.output, results[0][0], self.width);
            }
            for (v, &result) in results[0].iter().enumerate() {
                isa.store(self.output.add(column + v * I::LANES), result);
            }
        }
    }
}
