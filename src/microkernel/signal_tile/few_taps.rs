//! The plain loop over the taps of a row: each loads its inputs, or shifts them together from what the first one has loaded.

use super::Row;
use crate::element::Element;
use crate::isa::{Lanes, Microkernel};

/// Vectors of the widest block.
pub(super) const VECTORS: usize = 10;
/// Vectors that taps may reach beyond a block.
const BEYOND: usize = 3;
/// Vectors that stay in registers.
const HELD: usize = VECTORS + BEYOND;
/// Least taps of which some are loaded again: with fewer, there is time enough for shifts.
const LEAST_LOADED: usize = 6;
/// Bytes.
const CACHE_LINE: usize = 64;

/// The farthest tap of a row that there is this loop for. Where vectors are as long as a cache line, inputs are shifted, and
/// only those of a few vectors are held; else with more taps than lanes, loads that several taps share are worth more.
pub(crate) fn farthest(lanes: usize, size: usize) -> usize {
    if lanes * size >= CACHE_LINE { BEYOND * lanes } else { lanes - 1 }
}

/// The plain loop over a [`Row`].
///
/// # Safety
/// Whoever makes it vouches for the row as well, and that the last tap is no farther than [`farthest`].
pub(crate) struct FewTaps<'a, T>(pub(crate) Row<'a, T>);

impl<T: Element> Microkernel<T> for FewTaps<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        let reach = self.0.reach();
        debug_assert!(reach <= farthest(I::LANES, size_of::<T>()));
        if !I::SHIFTS || reach <= I::LANES {
            self.0.outputs::<I, false>(isa)
        } else {
            self.0.outputs::<I, true>(isa)
        }
    }
}

/// The vectors of the block for `column`, one of a vector or more, and where it starts: before `column`, where a block that
/// ends with them does what is left. It computes some outputs again.
#[inline(always)]
fn block([start, end]: [usize; 2], column: usize, lanes: usize) -> (usize, usize) {
    let left = end - column;
    let enough = match left.div_ceil(lanes) {
        8.. => VECTORS,
        3..=7 => 4,
        vectors => vectors,
    };
    let is_last = left <= enough * lanes;
    if is_last && enough * lanes <= end - start {
        return (enough, end - enough * lanes);
    }
    let whole = match left / lanes {
        VECTORS.. => VECTORS,
        4.. => 4,
        2.. => 2,
        _ => 1,
    };
    (whole, column)
}

impl<T: Element> Row<'_, T> {
    /// From the first tap to the last.
    #[inline(always)]
    fn reach(&self) -> usize {
        (self.taps.len() - 1) * self.step
    }

    /// All outputs. If not `FAR`, taps reach no more than a vector.
    #[inline(always)]
    fn outputs<I: Lanes<T>, const FAR: bool>(&self, isa: I) {
        // Windows of these outputs lie inside. They begin after whole vectors, at a cache line if the row does.
        let end = self.inside.end.saturating_sub(self.reach());
        let start = self.inside.start.next_multiple_of(I::LANES);
        if end < start + I::LANES {
            return self.at_ends::<I, true, true>(isa, 0, self.width);
        }
        // Windows before `start` end inside, those behind `end` begin inside.
        self.at_ends::<I, true, false>(isa, 0, start);
        let mut column = start;
        while column < end {
            let (vectors, first) = block([start, end], column, I::LANES);
            // SAFETY: windows inside.
            unsafe {
                match vectors {
                    VECTORS => self.inside::<I, VECTORS, FAR>(isa, first),
                    4 => self.inside::<I, 4, FAR>(isa, first),
                    2 => self.inside::<I, 2, FAR>(isa, first),
                    _ => self.inside::<I, 1, FAR>(isa, first),
                }
            }
            column = first + vectors * I::LANES;
        }
        self.at_ends::<I, false, true>(isa, end, self.width);
    }

    /// The outputs from `column` to `end`, some of whose inputs may be outside.
    #[inline(always)]
    fn at_ends<I: Lanes<T>, const BEFORE: bool, const BEHIND: bool>(
        &self,
        isa: I,
        mut column: usize,
        end: usize,
    ) {
        while column < end {
            let mut sums = [[isa.splat(self.bias)]];
            for (t, &tap) in self.taps.iter().enumerate() {
                let inputs = self.load::<I, BEFORE, BEHIND>(isa, column + t * self.step);
                sums[0][0] = isa.mul_add(isa.splat(tap), inputs, sums[0][0]);
            }
            self.finish.limit(isa, &mut sums);
            let count = (end - column).min(I::LANES);
            // SAFETY: outputs of the row.
            unsafe { isa.store_part(self.output.add(column), sums[0][0], count) };
            column += count;
        }
    }

    /// Outputs of `WIDTH` vectors from `column` on.
    ///
    /// # Safety
    /// They are outputs of the row, and their windows lie inside.
    #[inline(always)]
    unsafe fn inside<I: Lanes<T>, const WIDTH: usize, const FAR: bool>(&self, isa: I, column: usize) {
        let mut sums = [isa.splat(self.bias); WIDTH];
        if let Some(ahead) = self.ahead {
            for v in 0..WIDTH {
                isa.prefetch(ahead.wrapping_add(column + v * I::LANES));
            }
        }
        // SAFETY: see `Row`.
        unsafe {
            let input = self.input.add(column);
            if I::SHIFTS {
                let width = WIDTH * I::LANES;
                // Behind the block only what the last tap reads.
                let held = self.hold::<I, WIDTH, FAR>(isa, |v| match (v * I::LANES).checked_sub(width) {
                    None => isa.load(input.add(v * I::LANES)),
                    Some(beyond) => {
                        let count = self.reach().saturating_sub(beyond).min(I::LANES);
                        isa.load_part(input.wrapping_add(v * I::LANES), count)
                    }
                });
                self.add_held::<I, WIDTH, FAR>(isa, &mut sums, &held, input);
            } else {
                self.add_loaded::<I, WIDTH>(isa, &mut sums, input);
            }
            // A copy, lest the sums be kept in memory.
            let mut results = [sums];
            self.finish.limit(isa, &mut results);
            for (v, &result) in results[0].iter().enumerate() {
                isa.store(self.output.add(column + v * I::LANES), result);
            }
        }
    }

    /// The vectors that `WIDTH` vectors of outputs are computed from, those beyond only as far as taps reach.
    #[inline(always)]
    fn hold<I: Lanes<T>, const WIDTH: usize, const FAR: bool>(
        &self,
        isa: I,
        load: impl Fn(usize) -> I::Vector,
    ) -> [I::Vector; HELD] {
        let mut held = [isa.splat(T::default()); HELD];
        for v in 0..=WIDTH {
            held[v.min(HELD - 1)] = load(v);
        }
        for beyond in 1..BEYOND {
            if FAR && self.reach() > beyond * I::LANES {
                held[(WIDTH + beyond).min(HELD - 1)] = load(WIDTH + beyond);
            }
        }
        held
    }

    /// Adds the products of all taps, in their order. Inputs are shifted together from what is held; if there are more than a
    /// few taps, those of every second one are loaded instead: shifts and loads that cross cache lines do not compete.
    ///
    /// # Safety
    /// `input` is readable for all taps of these outputs.
    #[inline(always)]
    unsafe fn add_held<I: Lanes<T>, const WIDTH: usize, const FAR: bool>(
        &self,
        isa: I,
        sums: &mut [I::Vector; WIDTH],
        held: &[I::Vector; HELD],
        input: *const T,
    ) {
        const { assert!(BEYOND == 3) };
        let first = isa.splat(self.taps[0]);
        for (v, sum) in sums.iter_mut().enumerate() {
            *sum = isa.mul_add(first, held[v.min(HELD - 1)], *sum);
        }
        // SAFETY: vouched for by the caller.
        unsafe {
            let next = self.add_held_from::<I, WIDTH, FAR, 0>(isa, sums, held, input, 1);
            if !FAR {
                return;
            }
            let next = self.add_held_from::<I, WIDTH, FAR, 1>(isa, sums, held, input, next);
            self.add_held_from::<I, WIDTH, FAR, 2>(isa, sums, held, input, next);
        }
    }

    /// The same for taps from `t` on whose inputs begin in the vector `SKIPPED` behind the first; returns the next tap. As
    /// vectors stay in registers, their numbers must be known when compiling.
    ///
    /// # Safety
    /// As for `add_held`.
    #[inline(always)]
    unsafe fn add_held_from<I: Lanes<T>, const WIDTH: usize, const FAR: bool, const SKIPPED: usize>(
        &self,
        isa: I,
        sums: &mut [I::Vector; WIDTH],
        held: &[I::Vector; HELD],
        input: *const T,
        mut t: usize,
    ) -> usize {
        while t < self.taps.len() && (!FAR || t * self.step <= (SKIPPED + 1) * I::LANES) {
            let (tap, offset) = (isa.splat(self.taps[t]), t * self.step);
            if t.is_multiple_of(2) && self.taps.len() >= LEAST_LOADED {
                for (v, sum) in sums.iter_mut().enumerate() {
                    // SAFETY: vouched for by the caller.
                    let inputs = unsafe { isa.load(input.add(offset + v * I::LANES)) };
                    *sum = isa.mul_add(tap, inputs, *sum);
                }
            } else {
                for (v, sum) in sums.iter_mut().enumerate() {
                    let [low, high] = [v + SKIPPED, v + SKIPPED + 1].map(|at| held[at.min(HELD - 1)]);
                    *sum = isa.mul_add(tap, isa.shift(low, high, offset - SKIPPED * I::LANES), *sum);
                }
            }
            t += 1;
        }
        t
    }

    /// Adds the products of all taps, each of which loads its inputs.
    ///
    /// # Safety
    /// `input` is readable for all taps of these outputs.
    #[inline(always)]
    unsafe fn add_loaded<I: Lanes<T>, const WIDTH: usize>(
        &self,
        isa: I,
        sums: &mut [I::Vector; WIDTH],
        mut input: *const T,
    ) {
        for &tap in self.taps {
            let tap = isa.splat(tap);
            for (v, sum) in sums.iter_mut().enumerate() {
                // SAFETY: vouched for by the caller.
                *sum = isa.mul_add(tap, unsafe { isa.load(input.add(v * I::LANES)) }, *sum);
            }
            // One step beyond the last one, unused.
            input = input.wrapping_add(self.step);
        }
    }
}
