//! Taps that are neighbours, of any number: the inputs of a row pass by under the sums of neighbouring pixels.
//!
//! In the middle of a row every input lies under a tap of every pixel; before, only under taps of the first pixels, and
//! behind only under those of the last.

use core::ops::Range;

use super::{DepthwiseTile, Inputs, each, max_pixels, pixels_of_next};
use crate::element::Element;
use crate::isa::Lanes;

impl<T: Element> DepthwiseTile<'_, T> {
    /// The pixels whose windows have a column inside. Returns them.
    ///
    /// # Safety
    /// See [`DepthwiseTile`]; stride and dilation are one.
    #[inline(always)]
    pub(super) unsafe fn long_row<I: Lanes<T>>(&self, isa: I) -> Range<usize> {
        let [touched, _] = self.touched_and_inner(1);
        let whole = self.whole_vectors::<I>();
        let most = const { max_pixels(0, 1, I::REGISTERS) };
        let mut x = touched.start;
        while x < touched.end {
            let pixels = pixels_of_next(touched.end - x, most.min(self.taps));
            // SAFETY: pixels of the row, and vectors of the channels.
            unsafe {
                match pixels {
                    14 if most >= 14 => self.long_vectors::<I, 14>(isa, x, whole),
                    8 => self.long_vectors::<I, 8>(isa, x, whole),
                    7 => self.long_vectors::<I, 7>(isa, x, whole),
                    4 => self.long_vectors::<I, 4>(isa, x, whole),
                    2 => self.long_vectors::<I, 2>(isa, x, whole),
                    _ => self.long_vectors::<I, 1>(isa, x, whole),
                }
            }
            x += pixels;
        }
        touched
    }

    /// # Safety
    /// As for `long`, for each vector.
    #[inline(always)]
    unsafe fn long_vectors<I: Lanes<T>, const PIXELS: usize>(&self, isa: I, x: usize, whole: usize) {
        // SAFETY: vouched for by the caller.
        unsafe {
            for v in 0..whole {
                self.long::<I, PIXELS, false>(isa, x, v);
            }
            for v in whole..self.channels.div_ceil(I::LANES) {
                self.long::<I, PIXELS, true>(isa, x, v);
            }
        }
    }

    /// `PIXELS` outputs from `x` on, of vector `v`.
    ///
    /// # Safety
    /// As for `long_row`; they are outputs of the row, and there are as many taps.
    #[inline(always)]
    unsafe fn long<I: Lanes<T>, const PIXELS: usize, const DEALT: bool>(&self, isa: I, x: usize, v: usize) {
        let column = x as isize;
        let inside = self.inside.start - column..self.inside.end - column;
        // SAFETY: vouched for by the caller.
        unsafe {
            let inputs = self.inputs_of::<I, DEALT>(isa, v);
            let skip = column.wrapping_mul(self.column_step).wrapping_add(inputs.offset);
            let mut sums = self.begin::<I, PIXELS, DEALT>(isa, x, v);
            for i in 0..self.inputs {
                let mut weights = self.weights.add(v * self.vector_step + i * self.weight_step);
                for span in &self.spans {
                    let mut row = span.first.wrapping_offset(skip + i as isize);
                    for _ in 0..span.count {
                        self.add_ends::<I, PIXELS, DEALT>(isa, &mut sums, row, weights, &inside, &inputs);
                        self.add_middle::<I, PIXELS, DEALT>(isa, &mut sums, row, weights, &inside, &inputs);
                        row = row.wrapping_offset(span.step);
                        weights = weights.wrapping_add(self.taps * I::LANES);
                    }
                }
            }
            self.end::<I, PIXELS, DEALT>(isa, &sums, x, v);
        }
    }

    /// Adds the products of a tap row with the columns that lie under taps of all pixels.
    ///
    /// # Safety
    /// As for `long`: `row` is under tap 0 of the first pixel, and has the columns `inside`.
    #[inline(always)]
    unsafe fn add_middle<I: Lanes<T>, const PIXELS: usize, const DEALT: bool>(
        &self,
        isa: I,
        sums: &mut [I::Vector; PIXELS],
        row: *const T,
        weights: *const T,
        inside: &Range<isize>,
        inputs: &Inputs<I, T>,
    ) {
        let first = inside.start.max(PIXELS as isize - 1);
        let mut from = row.wrapping_offset(first.wrapping_mul(self.column_step));
        let mut tap = weights.wrapping_offset(first * I::LANES as isize);
        for _ in first..inside.end.min(self.taps as isize) {
            // SAFETY: a column inside, and its taps: that of the first pixel, and those before.
            unsafe {
                let input = inputs.load::<DEALT>(isa, from);
                for (p, sum) in sums.iter_mut().enumerate() {
                    *sum = isa.mul_add(isa.load(tap.wrapping_sub(p * I::LANES)), input, *sum);
                }
            }
            from = from.wrapping_offset(self.column_step);
            tap = tap.wrapping_add(I::LANES);
        }
    }

    /// Adds the products of a tap row with the other columns.
    ///
    /// # Safety
    /// As for `add_middle`.
    #[inline(always)]
    unsafe fn add_ends<I: Lanes<T>, const PIXELS: usize, const DEALT: bool>(
        &self,
        isa: I,
        sums: &mut [I::Vector; PIXELS],
        row: *const T,
        weights: *const T,
        inside: &Range<isize>,
        inputs: &Inputs<I, T>,
    ) {
        if inside.start + 1 < PIXELS as isize {
            each!(column in [0 1 2 3 4 5 6 7 8 9 10 11 12] {
                if column + 1 < PIXELS && inside.contains(&(column as isize)) {
                    // SAFETY: a column inside, and the taps of the pixels whose windows have begun.
                    unsafe {
                        let from = row.wrapping_offset((column as isize).wrapping_mul(self.column_step));
                        let input = inputs.load::<DEALT>(isa, from);
                        for (p, sum) in sums.iter_mut().enumerate().take(column + 1) {
                            *sum = isa.mul_add(isa.load(weights.add((column - p) * I::LANES)), input, *sum);
                        }
                    }
                }
            });
        }
        let taps = self.taps;
        if inside.end > taps as isize {
            let end = row.wrapping_offset((taps as isize).wrapping_mul(self.column_step));
            each!(column in [0 1 2 3 4 5 6 7 8 9 10 11 12] {
                if column + 1 < PIXELS && inside.contains(&((taps + column) as isize)) {
                    // SAFETY: a column inside, and the taps of the pixels whose windows have not ended.
                    unsafe {
                        let from = end.wrapping_offset((column as isize).wrapping_mul(self.column_step));
                        let input = inputs.load::<DEALT>(isa, from);
                        for (p, sum) in sums.iter_mut().enumerate().skip(column + 1) {
                            let tap = weights.add((taps + column - p) * I::LANES);
                            *sum = isa.mul_add(isa.load(tap), input, *sum);
                        }
                    }
                }
            });
        }
    }
}
