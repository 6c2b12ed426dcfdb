//! The plain loop over the taps of a row: each loads its inputs, or shifts them together from what the first one has
//! loaded.

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

/// The farthest tap of a row that there is this loop for. Where vectors are as long as a cache line, inputs are
/// shifted, and only those of a few vectors are held; else with more taps than lanes, loads that several taps share are
/// worth more.
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

/// The vectors of the block for `column`, one of a vector or more, and where it starts: before `column`, where a block
/// that ends with them does what is left. It computes some outputs again.
#[inline(always)]
fn block([start, end]: [usize; 2], column: usize, lanes: usize) -> (usize, usize) {
    let left = end - column;
    let enough = match left.div_ceil(lanes) {
        9.. => VECTORS,
        7..=8 => 8,
        5..=6 => 6,
        3..=4 => 4,
        vectors => vectors,
    };
    let is_last = left <= enough * lanes;
    if is_last && enough * lanes <= end - start {
        return (enough, end - enough * lanes);
    }
    let whole = match left / lanes {
        VECTORS.. => VECTORS,
        8.. => 8,
        6.. => 6,
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
        let [start, end] = self.in_blocks::<I>();
        if end < start + I::LANES {
            return self.one_by_one(isa, 0, self.width);
        }
        self.one_by_one(isa, 0, start);
        let mut column = start;
        while column < end {
            let (vectors, first) = block([start, end], column, I::LANES);
            // SAFETY: outputs in blocks.
            unsafe {
                match vectors {
                    VECTORS => self.block::<I, VECTORS, FAR>(isa, first),
                    8 => self.block::<I, 8, FAR>(isa, first),
                    6 => self.block::<I, 6, FAR>(isa, first),
                    4 => self.block::<I, 4, FAR>(isa, first),
                    2 => self.block::<I, 2, FAR>(isa, first),
                    _ => self.block::<I, 1, FAR>(isa, first),
                }
            }
            column = first + vectors * I::LANES;
        }
        self.one_by_one(isa, end, self.width);
    }

    /// The outputs that are computed in blocks, after whole vectors, at a cache line if the row begins at one: those
    /// whose windows lie inside; where inputs are shifted also those of the vector before and of the vector behind,
    /// because blocks load each input once, and it costs nothing that the first and the last vector of a block may be
    /// outside in part.
    #[inline(always)]
    fn in_blocks<I: Lanes<T>>(&self) -> [usize; 2] {
        let core::ops::Range { start, end } = self.inside.clone();
        if I::SHIFTS {
            let start = start.saturating_sub(1) / I::LANES * I::LANES;
            [start, self.width.min(end + I::LANES)]
        } else {
            [start.next_multiple_of(I::LANES), end.saturating_sub(self.reach())]
        }
    }

    /// The outputs from `column` to `end`, vector by vector, any of whose inputs may be outside.
    #[inline(always)]
    fn one_by_one<I: Lanes<T>>(&self, isa: I, mut column: usize, end: usize) {
        while column < end {
            let mut sums = [[isa.splat(self.bias)]];
            for (t, &tap) in self.taps.iter().enumerate() {
                let inputs = self.load::<I, true, true>(isa, column + t * self.step);
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
    /// They are outputs that are computed in blocks.
    #[inline(always)]
    unsafe fn block<I: Lanes<T>, const WIDTH: usize, const FAR: bool>(&self, isa: I, column: usize) {
        let mut sums = [isa.splat(self.bias); WIDTH];
        if let Some(ahead) = self.ahead {
            for v in 0..WIDTH {
                isa.prefetch(ahead.wrapping_add(column + v * I::LANES));
            }
        }
        // SAFETY: see `Row`.
        unsafe {
            // Its first values may be outside.
            let input = self.input.wrapping_add(column);
            if I::SHIFTS {
                let held = self.hold::<I, WIDTH, FAR>(isa, column);
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
    ///
    /// # Safety
    /// As for `block`.
    #[inline(always)]
    unsafe fn hold<I: Lanes<T>, const WIDTH: usize, const FAR: bool>(
        &self,
        isa: I,
        column: usize,
    ) -> [I::Vector; HELD] {
        let mut held = [isa.splat(T::default()); HELD];
        let at = |v: usize| column + v * I::LANES;
        // Written out, so that each is a vector in a register.
        held[0] = if WIDTH == 1 {
            self.load::<I, true, true>(isa, column)
        } else {
            self.load::<I, true, false>(isa, column)
        };
        #[expect(clippy::needless_range_loop, reason = "an iterator would keep the vectors in memory")]
        for v in 1..WIDTH.max(2) - 1 {
            // SAFETY: only the first and the last vector may be outside.
            held[v] = unsafe { isa.load(self.input.wrapping_add(at(v))) };
        }
        if WIDTH > 1 {
            held[WIDTH - 1] = self.load::<I, false, true>(isa, at(WIDTH - 1));
        }
        held[WIDTH] = self.load::<I, false, true>(isa, at(WIDTH));
        for v in WIDTH + 1..WIDTH + BEYOND {
            if FAR && self.reach() > (v - WIDTH) * I::LANES {
                held[v.min(HELD - 1)] = self.load::<I, false, true>(isa, at(v));
            }
        }
        held
    }

    /// Adds the products of all taps, in their order. Inputs are shifted together from what is held; if there are more
    /// than a few taps, about half of them are loaded instead, where all are inside: shifts and loads that cross cache
    /// lines do not compete.
    ///
    /// # Safety
    /// Of the vectors from `input` on that are held, those between the first and the last of the outputs are readable.
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
            if !FAR {
                return self.add_near::<I, WIDTH>(isa, sums, held, input);
            }
            let next = self.add_far::<I, WIDTH, 0>(isa, sums, held, input, 1);
            let next = self.add_far::<I, WIDTH, 1>(isa, sums, held, input, next);
            self.add_far::<I, WIDTH, 2>(isa, sums, held, input, next);
        }
    }

    /// The same for taps from the second on where all reach no more than a vector: shifts by numbers that are known when
    /// compiling, tried one after the other.
    ///
    /// # Safety
    /// As for `add_held`.
    #[inline(always)]
    unsafe fn add_near<I: Lanes<T>, const WIDTH: usize>(
        &self,
        isa: I,
        sums: &mut [I::Vector; WIDTH],
        held: &[I::Vector; HELD],
        input: *const T,
    ) {
        let mut t = 1;
        macro_rules! try_offsets {
            ($($by:literal)+) => {$(
                if $by <= I::LANES && t * self.step == $by {
                    let shifted = |v: usize| isa.shift_known(held[v], held[v + 1], $by);
                    // SAFETY: vouched for by the caller.
                    unsafe { self.add_tap::<I, WIDTH, 0>(isa, sums, t, input, shifted) };
                    t += 1;
                    if t == self.taps.len() {
                        return;
                    }
                }
            )+};
        }
        const { assert!(!I::SHIFTS || I::LANES <= 16) };
        if t == self.taps.len() {
            return;
        }
        try_offsets!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16);
        debug_assert!(t == self.taps.len());
    }

    /// The same for taps from `t` on whose inputs begin in the vector `SKIPPED` behind the first; returns the next tap.
    /// As vectors stay in registers, their numbers must be known when compiling.
    ///
    /// # Safety
    /// As for `add_held`.
    #[inline(always)]
    unsafe fn add_far<I: Lanes<T>, const WIDTH: usize, const SKIPPED: usize>(
        &self,
        isa: I,
        sums: &mut [I::Vector; WIDTH],
        held: &[I::Vector; HELD],
        input: *const T,
        mut t: usize,
    ) -> usize {
        while t < self.taps.len() && t * self.step <= (SKIPPED + 1) * I::LANES {
            let shifted = |v: usize| {
                let [low, high] = [v + SKIPPED, v + SKIPPED + 1].map(|at| held[at.min(HELD - 1)]);
                isa.shift(low, high, t * self.step - SKIPPED * I::LANES)
            };
            // SAFETY: vouched for by the caller.
            unsafe { self.add_tap::<I, WIDTH, SKIPPED>(isa, sums, t, input, shifted) };
            t += 1;
        }
        t
    }

    /// Adds the products of a tap whose inputs begin in the vector `SKIPPED` behind the first, given how they are
    /// shifted together.
    ///
    /// # Safety
    /// As for `add_held`.
    #[inline(always)]
    unsafe fn add_tap<I: Lanes<T>, const WIDTH: usize, const SKIPPED: usize>(
        &self,
        isa: I,
        sums: &mut [I::Vector; WIDTH],
        t: usize,
        input: *const T,
        shifted: impl Fn(usize) -> I::Vector,
    ) {
        // Windows of these lie between the first and the last vector of the outputs, so that all is inside.
        let inside = 1usize.saturating_sub(SKIPPED)..WIDTH.saturating_sub(2 + SKIPPED);
        let (tap, offset) = (isa.splat(self.taps[t]), t * self.step);
        if self.taps.len() < LEAST_LOADED {
            for (v, sum) in sums.iter_mut().enumerate() {
                *sum = isa.mul_add(tap, shifted(v), *sum);
            }
            return;
        }
        for (v, sum) in sums.iter_mut().enumerate() {
            let inputs = if inside.contains(&v) && !v.is_multiple_of(3) {
                // SAFETY: inside.
                unsafe { isa.load(input.wrapping_add(offset + v * I::LANES)) }
            } else {
                shifted(v)
            };
            *sum = isa.mul_add(tap, inputs, *sum);
        }
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
