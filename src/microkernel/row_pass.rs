//! The second half of a separable filter: sums along a row, of one or several terms, finished.
//!
//! ```text
//! for each term, tap t, vector v of columns:
//!     sum[v] += tap[t] * row[offset[t] + v]
//! ```
//!
//! Departure: most loads cross a cache line, and one for each product would limit the machine to half of its speed.
//! Taps that are whole vectors apart read the same vectors, so that one load serves up to four of them ([`Sharing`]);
//! where it serves one or two, those of the taps beside are shifted together from the same vectors, if the machine does
//! that aside. Taps are packed in the order that this asks for ([`order`]), and blocks that do not share loads follow
//! it as well, so that an output is the same chain of sums in either.

mod sharing;

pub(crate) use sharing::{Sharing, order};

use super::finish::{Finish, Staging, Target};
use super::{HotLoop, Vouched};
use crate::element::Element;
use crate::isa::{Lanes, Microkernel};

/// Vectors in a wide block.
const VECTORS: usize = 8;
/// Most taps that share a load, and where they are three vectors apart: more loops than that are not unrolled.
const SHARED: usize = 4;
const SHARED_APART: usize = 2;
/// Most taps that share a load where the inputs of the taps beside are shifted together from what is loaded: more keep
/// the multiply-adds busy without.
const PAIRED: usize = 2;
/// Bytes.
const CACHE_LINE: usize = 64;
/// Values from one tap to the next of those: there is a loop for each number up to this.
const FARTHEST_PAIRED: usize = 4;
/// Least vectors left for which the last block is a wide one that computes some outputs again: in narrow ones each
/// multiply-add waits for the one before.
const LEAST_AGAIN: usize = 3;

/// Computes `width` outputs.
///
/// # Safety
/// Whoever makes it vouches that, with `lanes` those of the instruction set,
/// * `from + t * term_step + offset + x` is readable for all `t < terms`, each of `offsets`, and `x < width` rounded up
///   to `lanes`, and for another `lanes`;
/// * `taps` holds as many taps as there are offsets for each term, in one order;
/// * `is_folded` only where there is no sharing, and the taps of each term are alike from either end;
/// * `sharing`, if there is any, is [`Sharing::of`] that many taps and these vectors, taps are in the [`order`] for it,
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

/// Pairs have as many products as twice as many taps that share a load.
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
                let left = (self.width - column).div_ceil(I::LANES);
                let again = VECTORS.saturating_sub(left) * I::LANES;
                if left >= LEAST_AGAIN && column >= again && !self.finish.accumulates() {
                    column -= again;
                }
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
                _ if self.is_folded => self.add_folded(isa, sums, from, taps),
                Some(sharing) if V == VECTORS && sharing.apart() == 3 => {
                    self.add_spans::<I, V, 3>(isa, sums, from, taps, sharing);
                }
                Some(sharing) if V == VECTORS => {
                    self.add_spans::<I, V, 1>(isa, sums, from, taps, sharing);
                }
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
        // Where taps are ordered in pairs, there are loops for these.
        const { assert!(I::SHIFTS || I::LANES * size_of::<T>() < CACHE_LINE) };
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
                        1..=PAIRED if I::SHIFTS && sharing.pairs(shared) => {
                            self.add_in_pairs::<I, V, APART>(isa, sums, from, taps, [n, step, shared])
                        }
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

    /// Adds the products of `count` times `shared` taps, no more than [`PAIRED`], in pairs as far as there are.
    ///
    /// # Safety
    /// As for `add_shared`.
    #[inline(always)]
    unsafe fn add_in_pairs<I: Lanes<T>, const V: usize, const APART: usize>(
        &self,
        isa: I,
        sums: &mut [I::Vector; V],
        from: *const T,
        taps: *const T,
        [count, step, shared]: [usize; 3],
    ) -> *const T {
        let last = from.wrapping_add(count / 2 * 2 * step);
        macro_rules! pairs {
            ($taps:literal, $step:literal) => {
                self.add_pairs::<I, V, $taps, APART, $step>(isa, sums, from, taps, count / 2)
            };
        }
        // SAFETY: vouched for by the caller.
        unsafe {
            // Three planes side by side are three vectors apart, the others one.
            let taps = match (shared, step) {
                (1, 1) if APART == 1 => pairs!(1, 1),
                (1, 2) if APART == 1 => pairs!(1, 2),
                (1, 4) if APART == 1 => pairs!(1, 4),
                (1, _) => pairs!(1, 3),
                (_, 1) if APART == 1 => pairs!(2, 1),
                (_, 2) if APART == 1 => pairs!(2, 2),
                (_, 4) if APART == 1 => pairs!(2, 4),
                _ => pairs!(2, 3),
            };
            match shared {
                1 => self.add_shared::<I, V, 1, APART>(isa, sums, last, taps, [count % 2, step]),
                _ => self.add_shared::<I, V, 2, APART>(isa, sums, last, taps, [count % 2, step]),
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

    /// The same for `2 * count` times `TAPS` taps, in pairs that are `STEP` values apart: the inputs of the second are
    /// shifted together from those of the first.
    ///
    /// # Safety
    /// As for `add_shared`.
    #[inline(always)]
    unsafe fn add_pairs<
        I: Lanes<T>,
        const V: usize,
        const TAPS: usize,
        const APART: usize,
        const STEP: usize,
    >(
        &self,
        isa: I,
        sums: &mut [I::Vector; V],
        mut from: *const T,
        mut taps: *const T,
        count: usize,
    ) -> *const T {
        for _ in 0..count {
            // SAFETY: see `RowPass`: besides what the first taps read, the vector behind it is read, in which the
            // inputs of the second ones end.
            unsafe {
                let mut factors = [[isa.splat(T::default()); 2]; TAPS];
                for (i, factor) in factors.as_flattened_mut().iter_mut().enumerate() {
                    *factor = isa.splat(*taps.add(i));
                }
                let mut low = isa.load(from);
                for at in 0..V + (TAPS - 1) * APART {
                    let high = isa.load(from.add((at + 1) * I::LANES));
                    let shifted = isa.shift_known(low, high, STEP);
                    for t in 0..TAPS {
                        if at >= t * APART && at - t * APART < V {
                            let sum = &mut sums[at - t * APART];
                            *sum = isa.mul_add(factors[t][0], low, *sum);
                            *sum = isa.mul_add(factors[t][1], shifted, *sum);
                        }
                    }
                    low = high;
                }
                from = from.wrapping_add(2 * STEP);
                taps = taps.add(2 * TAPS);
            }
        }
        taps
    }
}
