//! About the mean of a tile, from a sample of it.

use super::{Both, Pair};
use crate::element::Element;
use crate::isa::{Lanes, Microkernel};
use crate::microkernel::Vouched;

/// Vectors that are looked at, in each of the two arrays.
pub(crate) const SAMPLE: usize = 8;

/// A value near the mean of both parts of `source`. Any value would be right: it is taken from the inputs and given back
/// to the results, and the closer it is to the mean, the less is lost to rounding between.
///
/// # Safety
/// Whoever makes it vouches that both parts of `source` are readable for `rows` x `columns` values, that `rows` and
/// `columns` are powers of two, and that there are at least [`SAMPLE`] whole vectors in the rows together.
pub(crate) struct SampleMean<T> {
    pub(crate) source: Pair<*const T>,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) _vouched: Vouched,
}

impl<T: Element> Microkernel<T> for SampleMean<T> {
    type Output = Both<T>;

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) -> Both<T> {
        let vectors = self.columns / I::LANES;
        let (mask, shift) = (vectors - 1, vectors.trailing_zeros());
        let apart = (self.rows << shift) / SAMPLE;
        let scale = T::from_f64(1.0 / (SAMPLE * I::LANES) as f64);
        let mut sums = [isa.splat(T::default()); 2];
        for i in 0..SAMPLE {
            // Along diagonals, so that rows and columns are met alike.
            let row = (i * apart) >> shift;
            let vector = (i * apart + row) & mask;
            let offset = row as isize * self.source.row_step + (vector * I::LANES) as isize;
            // SAFETY: row < rows, vector < vectors.
            unsafe {
                sums[0] = isa.add(sums[0], isa.load(self.source.re.offset(offset)));
                sums[1] = isa.add(sums[1], isa.load(self.source.im.offset(offset)));
            }
        }
        [total(isa, sums[0]) * scale, total(isa, sums[1]) * scale]
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
