//! About the mean of a tile, from a sample of it.

use super::{Band, MOST_LANES, MOST_PLANES, Planes};
use crate::element::Element;
use crate::isa::{Lanes, Microkernel};
use crate::microkernel::Vouched;

/// Values that are looked at, as a power of two, or as many as the square root of all. Of fewer, one large value would
/// make a mean that is worse than none.
const SAMPLE: u32 = 7;

/// Values near the means of the first `rows` x `columns` values of one part of a pair, one for each of `planes` planes
/// whose columns stand by turns; zero if none of its values is met. Any value would be right: it is taken from the
/// inputs and given back to the results, and the closer it is to the mean, the less is lost to rounding between.
///
/// # Safety
/// Whoever makes it vouches that the bands are readable for so many rows and columns, the latter a multiple of the
/// lanes.
pub(crate) struct SampleMeans<'a, T> {
    pub(crate) bands: &'a [Band<T>],
    pub(crate) part: usize,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) planes: usize,
    pub(crate) _vouched: Vouched,
}

impl<T: Element> Microkernel<T> for SampleMeans<'_, T> {
    type Output = Planes<T>;

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) -> Planes<T> {
        let vectors = self.columns / I::LANES;
        let all = self.rows * vectors;
        if all == 0 {
            return [T::default(); MOST_PLANES];
        }
        let values = self.planes << SAMPLE.max((all * I::LANES / self.planes).max(1).ilog2().div_ceil(2));
        let count = (values / I::LANES).clamp(1, all);
        let apart = all / count;
        // Along diagonals, so that rows and columns are met alike.
        let places = (0..count).map(|i| {
            let at = i * apart;
            // Of the first row without dividing, which short lines would notice.
            let row = if at < vectors { 0 } else { at / vectors };
            [row, if row == 0 { at } else { (at + row) % vectors } * I::LANES]
        });
        // SAFETY: row < rows, and column < columns.
        unsafe {
            match self.planes {
                1 => self.mean(isa, places),
                _ => self.means(isa, places),
            }
        }
    }
}

impl<T: Element> SampleMeans<'_, T> {
    /// Of one plane: in a register, since short lines would notice anything else.
    ///
    /// # Safety
    /// Vectors of columns can be loaded at the places.
    #[inline(always)]
    unsafe fn mean<I: Lanes<T>>(
        &self,
        isa: I,
        places: impl ExactSizeIterator<Item = [usize; 2]>,
    ) -> Planes<T> {
        let taken = places.len() * I::LANES;
        let mut sum = isa.splat(T::default());
        for [row, column] in places {
            // SAFETY: vouched for by the caller.
            sum = unsafe { isa.add(sum, self.load(isa, row, column)) };
        }
        let mut means = [T::default(); MOST_PLANES];
        means[0] = total(isa, sum) * T::from_f64(1.0 / taken as f64);
        means
    }

    /// Of planes side by side.
    ///
    /// # Safety
    /// As for `mean`.
    #[inline(always)]
    unsafe fn means<I: Lanes<T>>(&self, isa: I, places: impl Iterator<Item = [usize; 2]>) -> Planes<T> {
        const { assert!(I::LANES <= MOST_LANES) };
        // Of vectors that begin with the same plane.
        let mut sums = [[T::default(); MOST_LANES]; MOST_PLANES];
        let mut counts = [0; MOST_PLANES];
        for [row, column] in places {
            let plane = column % self.planes;
            counts[plane] += 1;
            let sum = sums[plane].as_mut_ptr();
            // SAFETY: vouched for by the caller; no vector has more lanes.
            unsafe { isa.store(sum, isa.add(isa.load(sum), self.load(isa, row, column))) };
        }
        let mut means = [T::default(); MOST_PLANES];
        for (plane, mean) in means.iter_mut().enumerate().take(self.planes) {
            let mut taken = 0;
            for (first, (sums, &vectors)) in sums.iter().zip(&counts).enumerate().take(self.planes) {
                let lane = (plane + self.planes - first) % self.planes;
                for &sum in sums[..I::LANES].iter().skip(lane).step_by(self.planes) {
                    *mean = *mean + sum;
                    taken += vectors;
                }
            }
            *mean = *mean * T::from_f64(1.0 / f64::from(taken.max(1)));
        }
        means
    }

    /// The vector of columns from `column` on of a row.
    ///
    /// # Safety
    /// It is one of those that the maker vouches for.
    #[inline(always)]
    unsafe fn load<I: Lanes<T>>(&self, isa: I, row: usize, column: usize) -> I::Vector {
        for band in self.bands {
            if column < band.end {
                // SAFETY: vouched for by the caller.
                return unsafe { isa.load((*band.rows[self.part].add(row)).wrapping_add(column)) };
            }
        }
        isa.splat(T::default())
    }
}

/// The sum of the lanes, by halves.
#[inline(always)]
fn total<T: Element, I: Lanes<T>>(isa: I, vector: I::Vector) -> T {
    const { assert!(I::LANES <= MOST_LANES) };
    let mut lanes = [T::default(); MOST_LANES];
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
