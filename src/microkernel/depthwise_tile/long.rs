//! Taps that are neighbours, of any number: the inputs of a row pass by under the sums of neighbouring pixels.
//!
//! In the middle of a row every input lies under a tap of every pixel; before, only under taps of the first pixels, and
//! behind only under those of the last.

use core::ops::Range;

use super::{DepthwiseTile, Inputs, each, max_pixels, pixels_of_next};
use crate::element::Element;
use crate::isa::{Lanes, Microkernel};

/// A [`DepthwiseTile`] whose stride and dilation are one: the pixels whose windows have a column inside.
pub(super) struct LongTile<'a, T>(pub(super) DepthwiseTile<'a, T>);

impl<T: Element> Microkernel<T> for LongTile<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(mut self, isa: I) {
        // Where it is not meant for, it need not be compiled.
        if const { I::LANES > 1 } {
            for _ in 0..self.0.rows {
                // SAFETY: the maker of the tile vouches for every row.
                unsafe { self.0.long_row(isa) };
                self.0.advance();
            }
        }
    }
}

impl<T: Element> DepthwiseTile<'_, T> {
    /// # Safety
    /// See [`DepthwiseTile`]; stride and dilation are one.
    #[inline(always)]
    unsafe fn long_row<I: Lanes<T>>(&self, isa: I) {
        let [touched, _] = self.touched_and_inner(1);
        let whole = self.whole_vectors::<I>();
        let most = const { max_pixels(0, 1, I::REGISTERS) };
        let mut x = touched.start;
        while x < touched.end && whole > 0 {
            let pixels = pixels_of_next(touched.end - x, most.min(self.taps));
            // SAFETY: pixels of the row, and vectors of the channels.
            unsafe {
                match pixels {
                    14 if const { max_pixels(0, 1, I::REGISTERS) >= 14 } => {
                        self.long_vectors::<I, 14, false>(isa, x, 0..whole)
                    }
                    8 => self.long_vectors::<I, 8, false>(isa, x, 0..whole),
                    7 => self.long_vectors::<I, 7, false>(isa, x, 0..whole),
                    4 => self.long_vectors::<I, 4, false>(isa, x, 0..whole),
                    _ => self.long_vectors::<I, 1, false>(isa, x, 0..whole),
                }
            }
            x += pixels;
        }
        let dealt = whole..self.channels.div_ceil(I::LANES);
        let mut x = touched.start;
        while x < touched.end && !dealt.is_empty() {
            let pixels = if self.taps.min(touched.end - x) >= 7 { 7 } else { 1 };
            // SAFETY: pixels of the row, and vectors of the channels.
            unsafe {
                match pixels {
                    7 => self.long_vectors::<I, 7, true>(isa, x, dealt.clone()),
                    _ => self.long_vectors::<I, 1, true>(isa, x, dealt.clone()),
                }
            }
            x += pixels;
        }
    }

    /// # Safety
    /// As for `long`, for each vector.
    #[inline(always)]
    unsafe fn long_vectors<I: Lanes<T>, const PIXELS: usize, const DEALT: bool>(
        &self,
        isa: I,
        x: usize,
        vectors: Range<usize>,
    ) {
        for v in vectors {
            // SAFETY: vouched for by the caller.
            unsafe { self.long::<I, PIXELS, DEALT>(isa, x, v) };
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
            let mut sums = self.begin::<I, PIXELS, DEALT>(isa, self.output_at::<I>(x, v), v);
            for i in 0..self.inputs {
                let mut weights = self.weights.add(v * self.vector_step + i * self.weight_step);
                for span in &self.spans {
                    let mut row = span.first.wrapping_offset(skip.wrapping_add(i as isize));
                    for _ in 0..span.count {
                        self.add_ends::<I, PIXELS, DEALT>(isa, &mut sums, row, weights, &inside, &inputs);
                        self.add_middle::<I, PIXELS, DEALT>(isa, &mut sums, row, weights, &inside, &inputs);
                        row = row.wrapping_offset(span.step);
                        weights = weights.wrapping_add(self.taps * I::LANES);
                    }
                }
            }
            self.end::<I, PIXELS, DEALT>(isa, &sums, self.output_at::<I>(x, v), v);
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
        let lanes = I::LANES as isize;
        if inside.start + 1 < PIXELS as isize {
            each!(COLUMN in [0 1 2 3 4 5 6 7 8 9 10 11 12] {
                if const { COLUMN + 1 < PIXELS } && inside.contains(&(COLUMN as isize)) {
                    // SAFETY: a column inside, and the taps of the pixels whose windows have begun.
                    unsafe {
                        let from = row.wrapping_offset((COLUMN as isize).wrapping_mul(self.column_step));
                        let input = inputs.load::<DEALT>(isa, from);
                        each!(PIXEL in [0 1 2 3 4 5 6 7 8 9 10 11 12] {
                            if const { PIXEL < COLUMN + 1 && PIXEL < PIXELS } {
                                let tap = isa.load(weights.offset((COLUMN as isize - PIXEL as isize) * lanes));
                                sums[PIXEL] = isa.mul_add(tap, input, sums[PIXEL]);
                            }
                        });
                    }
                }
            });
        }
        let taps = self.taps as isize;
        if inside.end > taps {
            let end = row.wrapping_offset(taps.wrapping_mul(self.column_step));
            let weights = weights.wrapping_add(self.taps * I::LANES);
            each!(COLUMN in [0 1 2 3 4 5 6 7 8 9 10 11 12] {
                if const { COLUMN + 1 < PIXELS } && inside.contains(&(taps + COLUMN as isize)) {
                    // SAFETY: a column inside, and the taps of the pixels whose windows have not ended.
                    unsafe {
                        let from = end.wrapping_offset((COLUMN as isize).wrapping_mul(self.column_step));
                        let input = inputs.load::<DEALT>(isa, from);
                        each!(PIXEL in [1 2 3 4 5 6 7 8 9 10 11 12 13] {
                            if const { PIXEL > COLUMN && PIXEL < PIXELS } {
                                let tap = isa.load(weights.offset((COLUMN as isize - PIXEL as isize) * lanes));
                                sums[PIXEL] = isa.mul_add(tap, input, sums[PIXEL]);
                            }
                        });
                    }
                }
            });
        }
    }
}
