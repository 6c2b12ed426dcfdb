//! About the mean of a tile, from a sample of it.

use super::{Both, Pair};
use crate::element::Element;
use crate::isa::{Lanes, Microkernel};
use crate::microkernel::Vouched;

/// Values that are looked at in each of the two arrays, as a power of two, or as many as the square root of all. Of
/// fewer, one large value would make a mean that is worse than none.
const SAMPLE: u32 = 7;

/// A value near the mean of both parts of `source`. Any value would be right: it is taken from the inputs and given
/// back to the results, and the closer it is to the mean, the less is lost to rounding between.
///
/// # Safety
/// Whoever makes it vouches that both parts of `source` are readable for `rows` x `columns` values, that `rows` and
/// `columns` are powers of two, `columns` not less than the lanes.
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
        let all = self.rows << shift;
        let values = 1 << SAMPLE.max((all * I::LANES).ilog2().div_ceil(2));
        let count = (values / I::LANES).clamp(1, all);
        let apart = all / count;
        let scale = T::from_f64(1.0 / (count * I::LANES) as f64);
        let mut sums = [isa.splat(T::default()); 2];
        for i in 0..count {
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
