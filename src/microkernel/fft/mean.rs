//! About the mean of a tile, from a sample of it.

use super::Band;
use crate::element::Element;
use crate::isa::{Lanes, Microkernel};
use crate::microkernel::Vouched;

/// Values that are looked at, as a power of two, or as many as the square root of all. Of fewer, one large value would
/// make a mean that is worse than none.
const SAMPLE: u32 = 7;

/// A value near the mean of the first `rows` x `columns` values of one part of a pair, zero if there are none. Any value
/// would be right: it is taken from the inputs and given back to the results, and the closer it is to the mean, the less
/// is lost to rounding between.
///
/// # Safety
/// Whoever makes it vouches that the bands are readable for so many rows and columns, the latter a multiple of the lanes.
pub(crate) struct SampleMean<'a, T> {
    pub(crate) bands: &'a [Band<T>],
    pub(crate) part: usize,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) _vouched: Vouched,
}

impl<T: Element> Microkernel<T> for SampleMean<'_, T> {
    type Output = T;

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) -> T {
        let vectors = self.columns / I::LANES;
        let all = self.rows * vectors;
        if all == 0 {
            return T::default();
        }
        let values = 1 << SAMPLE.max((all * I::LANES).ilog2().div_ceil(2));
        let count = (values / I::LANES).clamp(1, all);
        let apart = all / count;
        let mut sum = isa.splat(T::default());
        for i in 0..count {
            // Along diagonals, so that rows and columns are met alike.
            let row = i * apart / vectors;
            let column = (i * apart + row) % vectors * I::LANES;
            for band in self.bands {
                if column < band.end {
                    // SAFETY: row < rows, and the column is one of the band.
                    sum = unsafe { isa.add(sum, isa.load((*band.rows[self.part].add(row)).add(column))) };
                    break;
                }
            }
        }
        total(isa, sum) * T::from_f64(1.0 / (count * I::LANES) as f64)
    }
}

/// The sum of the lanes, by halves.
#[inline(always)]
fn total<T: Element, I: Lanes<T>>(isa: I, vector: I::Vector) -> T {
    let mut lanes = [T::default(); 16];
    // SAFETY: no vector has more lanes.
    unsafe { isa.store(lanes.as_mut_ptr(), vector) };
    let mut count = I::LANES;
    while count > 1 {
        count /= 2;
        for i in 0..count {
            lanes[i] = lanes[i] + lanes[i + count];
        }
    }
    lanes[0]
}
