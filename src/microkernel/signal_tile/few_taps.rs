//! A few taps: each loads its inputs, or shifts them together from what the first one has loaded.

use super::Row;
use crate::element::Element;
use crate::isa::{Lanes, Microkernel};

/// Vectors of the widest block.
pub(super) const VECTORS: usize = 10;

/// The plain loop over a [`Row`].
///
/// # Safety
/// Whoever makes it vouches for the row as well, and that there are no more taps than a vector has lanes.
pub(crate) struct FewTaps<'a, T>(pub(crate) Row<'a, T>);

impl<T: Element> Microkernel<T> for FewTaps<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        let row = self.0;
        // Windows of these outputs lie inside. They begin after whole vectors, at a cache line if the row does.
        let end = (row.inside.end + 1).saturating_sub(row.taps.len());
        let start = row.inside.start.next_multiple_of(I::LANES);
        let (start, end) = if end >= start + I::LANES { (start, end) } else { (0, 0) };
        // Windows before `start` end inside, those behind `end` begin inside.
        row.at_ends::<I, true, false>(isa, 0, start);
        let mut column = start;
        while column < end {
            let (vectors, first) = block([start, end], column, I::LANES);
            // SAFETY: windows inside.
            unsafe {
                match vectors {
                    VECTORS => row.few::<I, VECTORS>(isa, first),
                    4 => row.few::<I, 4>(isa, first),
                    2 => row.few::<I, 2>(isa, first),
                    _ => row.few::<I, 1>(isa, first),
                }
            }
            column = first + vectors * I::LANES;
        }
        if end > 0 {
            row.at_ends::<I, false, true>(isa, end, row.width);
        } else {
            row.at_ends::<I, true, true>(isa, 0, row.width);
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
                let input = self.load::<I, BEFORE, BEHIND>(isa, column + t);
                sums[0][0] = isa.mul_add(isa.splat(tap), input, sums[0][0]);
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
    unsafe fn few<I: Lanes<T>, const WIDTH: usize>(&self, isa: I, column: usize) {
        // SAFETY: see `Row`.
        unsafe {
            let mut sums = [isa.splat(self.bias); WIDTH];
            if I::SHIFTS {
                self.add_shifted::<I, WIDTH>(isa, &mut sums, self.input.add(column));
            } else {
                self.add_loaded::<I, WIDTH>(isa, &mut sums, self.input.add(column));
            }
            // A copy, lest the sums be kept in memory.
            let mut results = [sums];
            self.finish.limit(isa, &mut results);
            for (v, &result) in results[0].iter().enumerate() {
                isa.store(self.output.add(column + v * I::LANES), result);
            }
        }
    }

    /// Adds the products of all taps, each of which loads its inputs.
    ///
    /// # Safety
    /// `input` is readable under these outputs.
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
            input = input.wrapping_add(1);
        }
    }

    /// The same in the same order, where the inputs of all taps but the first are shifted together from vectors that stay in
    /// registers.
    ///
    /// # Safety
    /// As for `add_loaded`; there are no more taps than a vector has lanes.
    #[inline(always)]
    unsafe fn add_shifted<I: Lanes<T>, const WIDTH: usize>(
        &self,
        isa: I,
        sums: &mut [I::Vector; WIDTH],
        input: *const T,
    ) {
        let mut held = [isa.splat(T::default()); VECTORS + 1];
        // SAFETY: vouched for by the caller. The last tap reads `taps - 1` values behind the vectors of the first one.
        unsafe {
            for (v, vector) in held.iter_mut().take(WIDTH).enumerate() {
                *vector = isa.load(input.add(v * I::LANES));
            }
            held[WIDTH.min(VECTORS)] = isa.load_part(input.add(WIDTH * I::LANES), self.taps.len() - 1);
        }
        let first = isa.splat(self.taps[0]);
        for (v, sum) in sums.iter_mut().enumerate() {
            *sum = isa.mul_add(first, held[v.min(VECTORS)], *sum);
        }
        for (t, &tap) in self.taps.iter().enumerate().skip(1) {
            let tap = isa.splat(tap);
            for (v, sum) in sums.iter_mut().enumerate() {
                let inputs = isa.shift(held[v.min(VECTORS)], held[(v + 1).min(VECTORS)], t);
                *sum = isa.mul_add(tap, inputs, *sum);
            }
        }
    }
}
