//! The second half of a separable filter: sums along a row, of one or several terms, finished.
//!
//! ```text
//! for each term, tap t, vector v of columns:
//!     sum[v] += tap[t] * row[offset[t] + v]
//! ```
//!
//! Departure: where taps have neighbouring inputs, taps that are a vector apart read the same vectors, so that one load
//! serves up to four of them; most such loads cross a cache line and would limit the machine to half of its speed. Taps
//! are packed in the order that this asks for ([`order`]), and blocks that do not share loads follow it as well, so
//! that an output is the same chain of sums in either.

use super::finish::{Finish, Staging, Target};
use super::{HotLoop, Vouched};
use crate::element::Element;
use crate::isa::{Lanes, Microkernel};

/// Vectors in a wide block.
const VECTORS: usize = 8;
/// Most taps that share a load.
const SHARED: usize = 4;

/// The tap that stands at each place of the order in which taps are packed: in spans of `SHARED` vectors, the taps that
/// are a vector apart side by side.
pub(crate) fn order(taps: usize, lanes: usize) -> impl Iterator<Item = usize> {
    (0..taps).step_by(SHARED * lanes).flat_map(move |span| {
        let end = taps.min(span + SHARED * lanes);
        (span..end.min(span + lanes)).flat_map(move |first| (first..end).step_by(lanes))
    })
}

/// Computes `width` outputs.
///
/// # Safety
/// Whoever makes it vouches that, with `lanes` those of the instruction set,
/// * `from + t * term_step + offset + x` is readable for all `t < terms`, each of `offsets`, and `x < width` rounded up
///   to `lanes`;
/// * `taps` holds as many taps as there are offsets for each term, in [`order`];
/// * if `is_dense`, the offsets are 0, 1, 2, ... in that order;
/// * `bias_row`, if there is one, holds `width` values rounded up to `lanes`;
/// * `to + x * to_step` is readable and writable for all `x < width`.
pub(crate) struct RowPass<'a, T> {
    pub(crate) from: *const T,
    pub(crate) term_step: usize,
    pub(crate) terms: usize,
    /// Where each tap finds its first input.
    pub(crate) offsets: &'a [isize],
    pub(crate) is_dense: bool,
    pub(crate) taps: *const T,
    pub(crate) to: *mut T,
    pub(crate) to_step: isize,
    pub(crate) width: usize,
    /// Values that are wanted soon, as many: asked for on the way.
    pub(crate) ahead: Option<*const T>,
    pub(crate) bias: T,
    /// Where each value has a bias of its own.
    pub(crate) bias_row: Option<*const T>,
    pub(crate) finish: Finish<T>,
    pub(crate) _vouched: Vouched,
}

pub(super) fn hot_loops() -> Vec<HotLoop> {
    (1..=SHARED).map(|taps| HotLoop { microkernel: "RowPass", multiply_adds: taps * VECTORS }).collect()
}

impl<T: Element> Microkernel<T> for RowPass<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        let mut column = 0;
        // SAFETY: each block starts at a column below `width` and is no wider than what is left, rounded up to whole
        // vectors.
        unsafe {
            while column < self.width {
                column += match (self.width - column).div_ceil(I::LANES) {
                    VECTORS.. => self.block::<I, VECTORS>(isa, column),
                    2.. => self.block::<I, 2>(isa, column),
                    _ => self.block::<I, 1>(isa, column),
                };
            }
        }
    }
}

impl<T: Element> RowPass<'_, T> {
    /// `V` vectors of outputs from `column` on; returns how many columns that are.
    ///
    /// # Safety
    /// `column` and what follows, rounded up to whole vectors, are columns of the row.
    #[inline(always)]
    unsafe fn block<I: Lanes<T>, const V: usize>(&self, isa: I, column: usize) -> usize {
        let width = V * I::LANES;
        if let Some(ahead) = self.ahead {
            for v in 0..V {
                isa.prefetch(ahead.wrapping_add(column + v * I::LANES));
            }
        }
        // SAFETY: the columns are a part of the row; see `RowPass`.
        unsafe {
            let target = Target {
                first: self.to.offset(column as isize * self.to_step),
                row_step: 0,
                step: self.to_step,
                rows: 1,
                columns: width.min(self.width - column),
            };
            let mut staging = Staging::new();
            let (to, row_step) = staging.begin(&target, width, self.finish.accumulates());
            let mut sums = [[isa.splat(self.bias); V]];
            if let Some(bias) = self.bias_row {
                for (v, sum) in sums[0].iter_mut().enumerate() {
                    *sum = isa.load(bias.add(column + v * I::LANES));
                }
            }
            if self.finish.accumulates() {
                self.finish.add_old(isa, &mut sums, to, row_step);
            }
            let mut from = self.from.add(column);
            let mut taps = self.taps;
            for _ in 0..self.terms {
                if V == VECTORS && self.is_dense {
                    self.add_dense(isa, &mut sums[0], from, taps);
                } else {
                    self.add_each(isa, &mut sums[0], from, taps);
                }
                from = from.wrapping_add(self.term_step); // beyond the last term, unused
                taps = taps.add(self.offsets.len());
            }
            self.finish.write(isa, &mut sums, to, row_step);
            staging.end(&target, width);
        }
        width
    }

    /// Adds the products of all taps, each with loads of its own.
    ///
    /// # Safety
    /// `from` is the first input of the block, `taps` the first tap, both of one term.
    #[inline(always)]
    unsafe fn add_each<I: Lanes<T>, const V: usize>(
        &self,
        isa: I,
        sums: &mut [I::Vector; V],
        from: *const T,
        taps: *const T,
    ) {
        let mut taps = taps;
        for &offset in self.offsets {
            // SAFETY: see `RowPass`.
            unsafe {
                let (tap, from) = (isa.splat(*taps), from.offset(offset));
                for (v, sum) in sums.iter_mut().enumerate() {
                    *sum = isa.mul_add(tap, isa.load(from.add(v * I::LANES)), *sum);
                }
                taps = taps.add(1);
            }
        }
    }

    /// The same where inputs are neighbours.
    ///
    /// # Safety
    /// As for `add_each`.
    #[inline(always)]
    unsafe fn add_dense<I: Lanes<T>, const V: usize>(
        &self,
        isa: I,
        sums: &mut [I::Vector; V],
        from: *const T,
        mut taps: *const T,
    ) {
        let count = self.offsets.len();
        for span in (0..count).step_by(SHARED * I::LANES) {
            let (whole, rest) = {
                let taps = (count - span).min(SHARED * I::LANES);
                (taps / I::LANES, taps % I::LANES)
            };
            // SAFETY: the first `rest` taps of the span share loads with `whole` others, the following with one less.
            unsafe {
                let from = from.add(span);
                for (shared, first, end) in [(whole + 1, 0, rest), (whole, rest, I::LANES)] {
                    let (from, n) = (from.add(first), end - first);
                    taps = match shared {
                        1 => self.add_shared::<I, V, 1>(isa, sums, from, taps, n),
                        2 => self.add_shared::<I, V, 2>(isa, sums, from, taps, n),
                        3 => self.add_shared::<I, V, 3>(isa, sums, from, taps, n),
                        4 => self.add_shared::<I, V, 4>(isa, sums, from, taps, n),
                        _ => taps,
                    };
                }
            }
        }
    }

    /// Adds the products of `count` times `TAPS` taps that are a vector apart; returns the tap after them.
    ///
    /// # Safety
    /// As for `add_each`, from the first of these taps on.
    #[inline(always)]
    unsafe fn add_shared<I: Lanes<T>, const V: usize, const TAPS: usize>(
        &self,
        isa: I,
        sums: &mut [I::Vector; V],
        mut from: *const T,
        mut taps: *const T,
        count: usize,
    ) -> *const T {
        for _ in 0..count {
            // SAFETY: see `RowPass`; the last tap is read one vector further than the one before it.
            unsafe {
                let mut factors = [isa.splat(T::default()); TAPS];
                for (t, factor) in factors.iter_mut().enumerate() {
                    *factor = isa.splat(*taps.add(t));
                }
                for at in 0..V + TAPS - 1 {
                    let input = isa.load(from.add(at * I::LANES));
                    for (t, &factor) in factors.iter().enumerate() {
                        if at >= t && at - t < V {
                            sums[at - t] = isa.mul_add(factor, input, sums[at - t]);
                        }
                    }
                }
                from = from.add(1);
                taps = taps.add(TAPS);
            }
        }
        taps
    }
}
