//! The second half of a separable filter: sums along a row, of one or several terms, finished.
//!
//! ```text
//! for each term, tap t, vector v of columns:
//!     sum[v] += tap[t] * row[offset[t] + v]
//! ```
//!
//! Departure: taps that are whole vectors apart read the same vectors, so that one load serves up to four of them
//! ([`Sharing`]); most such loads cross a cache line and would limit the machine to half of its speed. Taps are packed
//! in the order that this asks for ([`order`]), and blocks that do not share loads follow it as well, so that an output
//! is the same chain of sums in either.

use super::finish::{Finish, Staging, Target};
use super::{HotLoop, Vouched};
use crate::element::Element;
use crate::isa::{Lanes, Microkernel};
use crate::problem::gcd;

/// Vectors in a wide block.
const VECTORS: usize = 8;
/// Most taps that share a load, and where they are three vectors apart: more loops than that are not unrolled.
const SHARED: usize = 4;
const SHARED_APART: usize = 2;

/// Which taps of a row share loads: of taps that are `step` values apart, each `period`-th is `vectors` whole vectors
/// further on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sharing {
    step: usize,
    period: usize,
    vectors: usize,
}

impl Sharing {
    /// Of so many taps, if any share, and there is a loop for it: neighbours, and planes side by side of which a row
    /// takes one or three vectors to begin at the same lane again.
    pub(crate) fn of(taps: usize, step: usize, lanes: usize) -> Option<Self> {
        let common = gcd(step, lanes);
        let sharing = Sharing { step, period: lanes / common, vectors: step / common };
        (sharing.period < taps && matches!(sharing.vectors, 1 | 3)).then_some(sharing)
    }

    /// Another one for each order of taps.
    pub(crate) fn number(self) -> usize {
        4 * self.period + self.vectors
    }

    /// Most taps that share a load.
    fn most(self) -> usize {
        if self.vectors == 1 { SHARED } else { SHARED_APART }
    }

    /// Loads for each tap of so many, in wide blocks.
    pub(crate) fn loads(self, taps: usize) -> f64 {
        let shared = (taps as f64 / self.period as f64).clamp(1.0, self.most() as f64);
        (1.0 + (shared - 1.0) * self.vectors as f64 / VECTORS as f64) / shared
    }
}

/// The tap that stands at each place of the order in which taps are packed: those that share a load side by side.
pub(crate) fn order(taps: usize, sharing: Option<Sharing>) -> impl Iterator<Item = usize> {
    let period = sharing.map_or(taps, |sharing| sharing.period).max(1);
    let span = period.saturating_mul(sharing.map_or(1, Sharing::most));
    (0..taps).step_by(span).flat_map(move |start| {
        let end = taps.min(start.saturating_add(span));
        (start..end.min(start + period)).flat_map(move |first| (first..end).step_by(period))
    })
}

/// Computes `width` outputs.
///
/// # Safety
/// Whoever makes it vouches that, with `lanes` those of the instruction set,
/// * `from + t * term_step + offset + x` is readable for all `t < terms`, each of `offsets`, and `x < width` rounded up
///   to `lanes`;
/// * `taps` holds as many taps as there are offsets for each term, in one order;
/// * `is_folded` only where there is no sharing, and the taps of each term are alike from either end;
/// * `sharing`, if there is any, is [`Sharing::of`] that many taps and these lanes, taps are in the [`order`] for it,
///   and the offset of each is its number times the step;
/// * `bias_row`, if there is one, holds `width` values rounded up to `lanes`;
/// * `to + x * to_step` is readable and writable for all `x < width`.
pub(crate) struct RowPass<'a, T> {
    pub(crate) from: *const T,
    pub(crate) term_step: usize,
    pub(crate) terms: usize,
    /// Where each tap finds its first input.
    pub(crate) offsets: &'a [isize],
    pub(crate) sharing: Option<Sharing>,
    /// Whether inputs that meet equal taps are added first.
    pub(crate) is_folded: bool,
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
                self.add_term(isa, &mut sums[0], from, taps);
                from = from.wrapping_add(self.term_step); // beyond the last term, unused
                taps = taps.add(self.offsets.len());
            }
            self.finish.write(isa, &mut sums, to, row_step);
            staging.end(&target, width);
        }
        width
    }

    /// Adds the products of all taps of a term.
    ///
    /// # Safety
    /// `from` is the first input of the block, `taps` the first tap, both of one term.
    #[inline(always)]
    unsafe fn add_term<I: Lanes<T>, const V: usize>(
        &self,
        isa: I,
        sums: &mut [I::Vector; V],
        from: *const T,
        taps: *const T,
    ) {
        // SAFETY: vouched for by the caller.
        unsafe {
            match self.sharing {
                Some(sharing) if V == VECTORS && sharing.vectors == 3 => {
                    self.add_spans::<I, V, 3>(isa, sums, from, taps, sharing);
                }
                Some(sharing) if V == VECTORS => {
                    self.add_spans::<I, V, 1>(isa, sums, from, taps, sharing);
                }
                _ if self.is_folded => self.add_folded(isa, sums, from, taps),
                _ => self.add_each(isa, sums, from, taps),
            }
        }
    }

    /// The same, each with loads of its own.
    ///
    /// # Safety
    /// As for `add_term`.
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

    /// The same where taps are alike from either end: the middle one, and the others in pairs, the outer ones first.
    ///
    /// # Safety
    /// As for `add_term`.
    #[inline(always)]
    unsafe fn add_folded<I: Lanes<T>, const V: usize>(
        &self,
        isa: I,
        sums: &mut [I::Vector; V],
        from: *const T,
        taps: *const T,
    ) {
        let (last, pairs) = (self.offsets.len() - 1, self.offsets.len() / 2);
        // SAFETY: see `RowPass`.
        unsafe {
            let input = |tap: usize, v: usize| isa.load(from.offset(self.offsets[tap]).add(v * I::LANES));
            if last.is_multiple_of(2) {
                let tap = isa.splat(*taps.add(pairs));
                for (v, sum) in sums.iter_mut().enumerate() {
                    *sum = isa.mul_add(tap, input(pairs, v), *sum);
                }
            }
            for pair in 0..pairs {
                let tap = isa.splat(*taps.add(pair));
                for (v, sum) in sums.iter_mut().enumerate() {
                    let both = isa.add(input(pair, v), input(last - pair, v));
                    *sum = isa.mul_add(tap, both, *sum);
                }
            }
        }
    }

    /// The same where taps share loads, `APART` vectors from one to the next of them.
    ///
    /// # Safety
    /// As for `add_term`; `sharing` is that of the row.
    #[inline(always)]
    unsafe fn add_spans<I: Lanes<T>, const V: usize, const APART: usize>(
        &self,
        isa: I,
        sums: &mut [I::Vector; V],
        from: *const T,
        mut taps: *const T,
        sharing: Sharing,
    ) {
        let (count, Sharing { step, period, .. }) = (self.offsets.len(), sharing);
        for span in (0..count).step_by(sharing.most() * period) {
            let left = (count - span).min(sharing.most() * period);
            let (whole, rest) = (left / period, left % period);
            // The first `rest` taps of the span share loads with `whole` others, the following with one less.
            for (shared, first, end) in [(whole + 1, 0, rest), (whole, rest, period)] {
                let (from, n) = (from.wrapping_add((span + first) * step), end - first);
                // SAFETY: taps of the row from number `span + first` on.
                taps = unsafe {
                    match shared {
                        1 => self.add_shared::<I, V, 1, APART>(isa, sums, from, taps, [n, step]),
                        2 => self.add_shared::<I, V, 2, APART>(isa, sums, from, taps, [n, step]),
                        3 if APART == 1 => self.add_shared::<I, V, 3, 1>(isa, sums, from, taps, [n, step]),
                        4 if APART == 1 => self.add_shared::<I, V, 4, 1>(isa, sums, from, taps, [n, step]),
                        _ => taps,
                    }
                };
            }
        }
    }

    /// Adds the products of `count` times `TAPS` taps that are `APART` vectors apart, the first of which are `step`
    /// values from each other; returns the tap after them.
    ///
    /// # Safety
    /// As for `add_term`, from the first of these taps on.
    #[inline(always)]
    unsafe fn add_shared<I: Lanes<T>, const V: usize, const TAPS: usize, const APART: usize>(
        &self,
        isa: I,
        sums: &mut [I::Vector; V],
        mut from: *const T,
        mut taps: *const T,
        [count, step]: [usize; 2],
    ) -> *const T {
        for _ in 0..count {
            // SAFETY: see `RowPass`; the last tap is read as many vectors further as it is from the first.
            unsafe {
                let mut factors = [isa.splat(T::default()); TAPS];
                for (t, factor) in factors.iter_mut().enumerate() {
                    *factor = isa.splat(*taps.add(t));
                }
                for at in 0..V + (TAPS - 1) * APART {
                    let input = isa.load(from.add(at * I::LANES));
                    for (t, &factor) in factors.iter().enumerate() {
                        if at >= t * APART && at - t * APART < V {
                            sums[at - t * APART] = isa.mul_add(factor, input, sums[at - t * APART]);
                        }
                    }
                }
                // One step beyond the last ones, unused.
                from = from.wrapping_add(step);
                taps = taps.add(TAPS);
            }
        }
        taps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_vectors_apart_loads_are_shared() {
        let sharing = |period, vectors, step| Some(Sharing { step, period, vectors });
        assert_eq!(Sharing::of(31, 1, 16), sharing(16, 1, 1));
        assert_eq!(Sharing::of(31, 3, 16), sharing(16, 3, 3));
        assert_eq!(Sharing::of(31, 4, 16), sharing(4, 1, 4));
        assert_eq!(Sharing::of(31, 5, 16), None, "five vectors");
        assert_eq!(Sharing::of(16, 1, 16), None, "none of these taps");
    }

    #[test]
    fn every_tap_is_taken_once_and_those_that_share_follow_each_other() {
        for step in 1..=6 {
            for lanes in [1, 2, 4, 8, 16] {
                for taps in 1..80 {
                    let sharing = Sharing::of(taps, step, lanes);
                    let mut taken: Vec<usize> = order(taps, sharing).collect();
                    if let Some(Sharing { period, vectors, .. }) = sharing {
                        assert_eq!(taken[1], period);
                        assert_eq!(period * step, vectors * lanes);
                    } else {
                        assert!(taken.is_sorted());
                    }
                    taken.sort_unstable();
                    assert!(taken.into_iter().eq(0..taps), "{taps} taps, {step} values apart, {lanes} lanes");
                }
            }
        }
    }
}
