//! The way of a sum to the output: y = activation(sum + bias + accumulate * y_old).

use crate::conv::Conv;
use crate::element::Element;
use crate::isa::Lanes;

/// No instruction set has more lanes.
const MAX_LANES: usize = 16;

/// What happens to a sum when it is written. The bias is in the sum already.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Finish<T> {
    /// Factor of the old output; with 0 it is not read.
    pub(crate) accumulate: T,
    /// Results below become this. Without activation minus infinity.
    pub(crate) low: T,
    /// Results above become this. Without activation infinity.
    pub(crate) high: T,
}

impl<T: Element> Finish<T> {
    /// What the request asks for.
    pub(crate) fn new(conv: &Conv) -> Self {
        let [low, high] = conv.activation.limits();
        Finish { accumulate: T::from_f64(conv.accumulate), low: T::from_f64(low), high: T::from_f64(high) }
    }

    /// For one pass of several that add up in the output: the request's accumulation comes with the first, its
    /// activation with the last.
    pub(crate) fn of_pass(self, is_first: bool, is_last: bool) -> Self {
        let one = T::from_f64(1.0);
        Finish {
            accumulate: if is_first { self.accumulate } else { one },
            low: if is_last { self.low } else { T::from_f64(f64::NEG_INFINITY) },
            high: if is_last { self.high } else { T::from_f64(f64::INFINITY) },
        }
    }

    /// Writes the first `count` lanes of `sum` to `to`, `to + step`, ...
    ///
    /// # Safety
    /// These places are valid for reading and writing; `count <= LANES`.
    #[inline(always)]
    pub(crate) unsafe fn write<I: Lanes<T>>(&self, isa: I, sum: I::Vector, to: *mut T, step: isize, count: usize) {
        // SAFETY (each branch): reads and writes `count` places, which the caller vouches for.
        unsafe {
            if step == 1 && count == I::LANES {
                let result = self.apply(isa, sum, || isa.load(to));
                isa.store(to, result);
            } else if step == 1 {
                let result = self.apply(isa, sum, || isa.load_part(to, count));
                isa.store_part(to, result, count);
            } else {
                self.scatter(isa, sum, to, step, count);
            }
        }
    }

    #[inline(always)]
    fn apply<I: Lanes<T>>(&self, isa: I, sum: I::Vector, old: impl FnOnce() -> I::Vector) -> I::Vector {
        let total = if self.accumulate == T::default() {
            sum
        } else {
            isa.mul_add(isa.splat(self.accumulate), old(), sum)
        };
        isa.at_most(isa.at_least(total, isa.splat(self.low)), isa.splat(self.high))
    }

    /// Writes with a step other than one, lane by lane.
    ///
    /// # Safety
    /// As for `write`.
    #[inline(always)]
    unsafe fn scatter<I: Lanes<T>>(&self, isa: I, sum: I::Vector, to: *mut T, step: isize, count: usize) {
        const { assert!(I::LANES <= MAX_LANES) };
        let mut lanes = [T::default(); MAX_LANES];
        if self.accumulate != T::default() {
            for (i, lane) in lanes.iter_mut().enumerate().take(count) {
                // SAFETY: vouched for by the caller.
                *lane = unsafe { *to.offset(i as isize * step) };
            }
        }
        // SAFETY: the array has room for the lanes of every instruction set.
        let result = self.apply(isa, sum, || unsafe { isa.load(lanes.as_ptr()) });
        // SAFETY: as above.
        unsafe { isa.store(lanes.as_mut_ptr(), result) };
        for (i, &lane) in lanes.iter().enumerate().take(count) {
            // SAFETY: vouched for by the caller.
            unsafe { *to.offset(i as isize * step) = lane };
        }
    }
}
