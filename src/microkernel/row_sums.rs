//! The second half of a separable filter whose row has taps that are all alike: sums of neighbours, times one factor,
//! finished.
//!
//! ```text
//! for each column x:
//!     sum[x] = tap * (row[x] + row[x + step] + ... + row[x + (taps - 1) * step])
//! ```
//!
//! Departure: sums of twice as many values are sums of two sums, so that there are as many passes over the row as the
//! number of taps has binary digits, from the first digit on: `n` values become `2 n`, or `2 n + 1` where the digit is
//! a one. Nothing is ever subtracted: a sum has only values of its own window in it, and as few roundings as there are
//! passes.

use super::finish::{Finish, Staging, Target};
use super::{HotLoop, Vouched};
use crate::element::Element;
use crate::isa::{Lanes, Microkernel};

/// Vectors that a pass takes at once.
const VECTORS: usize = 6;

/// Computes `width` outputs of one row.
///
/// # Safety
/// Whoever makes it vouches that, with `lanes` those of the instruction set,
/// * `from + x` is readable for all `x < width + (taps - 1) * step`, and for another `lanes`;
/// * `work` is readable and writable for as many, and overlaps nothing else;
/// * `bias_row`, if there is one, holds `width` values rounded up to `lanes`;
/// * `to + x * to_step` is readable and writable for all `x < width`;
/// * `taps >= 2`.
pub(crate) struct RowSums<T> {
    pub(crate) from: *const T,
    /// Values from one tap to the next.
    pub(crate) step: usize,
    pub(crate) tap: T,
    pub(crate) taps: usize,
    pub(crate) work: *mut T,
    pub(crate) to: *mut T,
    pub(crate) to_step: isize,
    pub(crate) width: usize,
    pub(crate) bias: T,
    /// Where each value has a bias of its own.
    pub(crate) bias_row: Option<*const T>,
    pub(crate) finish: Finish<T>,
    pub(crate) _vouched: Vouched,
}

pub(super) fn hot_loops() -> Vec<HotLoop> {
    [1, 2].map(|taps| HotLoop { microkernel: "RowSums", multiply_adds: taps * VECTORS }).to_vec()
}

impl<T: Element> Microkernel<T> for RowSums<T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        let mut count = 1;
        for digit in (0..self.taps.ilog2()).rev() {
            let next = self.taps >> digit;
            match (count == 1, next % 2 == 1) {
                (true, true) => self.double::<I, true, true>(isa, count, next),
                (true, false) => self.double::<I, true, false>(isa, count, next),
                (false, true) => self.double::<I, false, true>(isa, count, next),
                (false, false) => self.double::<I, false, false>(isa, count, next),
            }
            count = next;
        }
    }
}

impl<T: Element> RowSums<T> {
    /// Sums of `count` neighbours, the inputs themselves if `FIRST`, become sums of `next`: twice as many, and one more
    /// if `ODD`. Those of all taps are the outputs.
    #[inline(always)]
    fn double<I: Lanes<T>, const FIRST: bool, const ODD: bool>(&self, isa: I, count: usize, next: usize) {
        if next == self.taps {
            self.last::<I, FIRST, ODD>(isa, count);
        } else {
            self.pass::<I, FIRST, ODD>(isa, count, self.width + (self.taps - next) * self.step);
        }
    }

    /// The first `width` sums, in place: what a vector of them reads lies at its own place or behind it.
    #[inline(always)]
    fn pass<I: Lanes<T>, const FIRST: bool, const ODD: bool>(&self, isa: I, count: usize, width: usize) {
        let (block, end) = (VECTORS * I::LANES, width.next_multiple_of(I::LANES));
        let wide = end / block * block;
        // SAFETY: the last vector starts below `width`, and what lies under its sums reaches as far as the values under
        // all outputs, and a vector further.
        unsafe {
            for x in (0..wide).step_by(block) {
                self.pass_block::<I, VECTORS, FIRST, ODD>(isa, count, x);
            }
            for x in (wide..end).step_by(I::LANES) {
                self.pass_block::<I, 1, FIRST, ODD>(isa, count, x);
            }
        }
    }

    /// # Safety
    /// `x` and what lies under the sums from there on are inside the row.
    #[inline(always)]
    unsafe fn pass_block<I: Lanes<T>, const V: usize, const FIRST: bool, const ODD: bool>(
        &self,
        isa: I,
        count: usize,
        x: usize,
    ) {
        let mut sums = [isa.splat(T::default()); V];
        // SAFETY: vouched for by the caller.
        unsafe {
            self.sum::<I, V, FIRST, ODD>(isa, &mut sums, count, x);
            for (v, &sum) in sums.iter().enumerate() {
                isa.store(self.work.add(x + v * I::LANES), sum);
            }
        }
    }

    /// The outputs: several vectors at once where they can be written in place, one by one at the end, or where they
    /// have no neighbours.
    #[inline(always)]
    fn last<I: Lanes<T>, const FIRST: bool, const ODD: bool>(&self, isa: I, count: usize) {
        let block = VECTORS * I::LANES;
        let wide = if self.to_step == 1 { self.width / block * block } else { 0 };
        let mut staging = Staging::new();
        // SAFETY: blocks of outputs, and vectors that start at one.
        unsafe {
            for x in (0..wide).step_by(block) {
                self.last_block::<I, VECTORS, FIRST, ODD>(isa, count, x, self.to.add(x));
            }
            for x in (wide..self.width).step_by(I::LANES) {
                let target = Target {
                    first: self.to.offset(x as isize * self.to_step),
                    row_step: 0,
                    step: self.to_step,
                    rows: 1,
                    columns: I::LANES.min(self.width - x),
                };
                let (to, _) = staging.begin(&target, I::LANES, self.finish.accumulates());
                self.last_block::<I, 1, FIRST, ODD>(isa, count, x, to);
                staging.end(&target, I::LANES);
            }
        }
    }

    /// # Safety
    /// `x` is below `width`; `to` is readable and writable for `V` vectors.
    #[inline(always)]
    unsafe fn last_block<I: Lanes<T>, const V: usize, const FIRST: bool, const ODD: bool>(
        &self,
        isa: I,
        count: usize,
        x: usize,
        to: *mut T,
    ) {
        let mut sums = [[isa.splat(T::default()); V]];
        // SAFETY: the columns are those of outputs, and up to a vector beyond; see `RowSums`.
        unsafe {
            self.sum::<I, V, FIRST, ODD>(isa, &mut sums[0], count, x);
            for (v, sum) in sums[0].iter_mut().enumerate() {
                let bias = match self.bias_row {
                    Some(row) => isa.load(row.add(x + v * I::LANES)),
                    None => isa.splat(self.bias),
                };
                *sum = isa.add(*sum, bias);
            }
            if self.finish.accumulates() {
                self.finish.add_old(isa, &mut sums, to, 0);
            }
            self.finish.write(isa, &mut sums, to, 0);
        }
    }

    /// `V` vectors of sums from `x` on.
    ///
    /// # Safety
    /// The sums that these are made of have been made.
    #[inline(always)]
    unsafe fn sum<I: Lanes<T>, const V: usize, const FIRST: bool, const ODD: bool>(
        &self,
        isa: I,
        sums: &mut [I::Vector; V],
        count: usize,
        x: usize,
    ) {
        let tap = isa.splat(self.tap);
        let half = count * self.step;
        // SAFETY: vouched for by the caller.
        unsafe {
            if FIRST {
                for (v, sum) in sums.iter_mut().enumerate() {
                    let from = self.from.add(x + v * I::LANES);
                    *sum = isa.mul_add(tap, isa.load(from.add(half)), isa.mul(tap, isa.load(from)));
                }
            } else {
                for (v, sum) in sums.iter_mut().enumerate() {
                    let from = self.work.add(x + v * I::LANES);
                    *sum = isa.add(isa.load(from), isa.load(from.add(half)));
                }
            }
            if ODD {
                for (v, sum) in sums.iter_mut().enumerate() {
                    let from = self.from.add(x + v * I::LANES + 2 * half);
                    *sum = isa.mul_add(tap, isa.load(from), *sum);
                }
            }
        }
    }
}
