//! Any taps: each loads its own inputs.

use core::ops::Range;

use super::{DepthwiseTile, GENERAL_PIXELS};
use crate::element::Element;
use crate::isa::{Lanes, Microkernel};

/// Some columns of a [`DepthwiseTile`].
pub(super) struct GeneralTile<'a, T> {
    pub(super) tile: DepthwiseTile<'a, T>,
    pub(super) columns: Range<usize>,
}

impl<T: Element> Microkernel<T> for GeneralTile<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(mut self, isa: I) {
        for _ in 0..self.tile.rows {
            // SAFETY: the maker of the tile vouches for every row.
            unsafe { self.tile.general_row(isa, self.columns.clone()) };
            self.tile.advance();
        }
    }
}

impl<T: Element> DepthwiseTile<'_, T> {
    /// The pixels `row`, for any taps.
    ///
    /// # Safety
    /// See [`DepthwiseTile`]; they are pixels of the row.
    #[inline(always)]
    unsafe fn general_row<I: Lanes<T>>(&self, isa: I, row: Range<usize>) {
        let [_, inner] = self.touched_and_inner(self.stride);
        let mut x = row.start;
        while x < row.end {
            let mut end = x + 1;
            let taps = self.taps_inside(x);
            if inner.contains(&x) {
                end = inner.end.min(row.end);
            } else {
                let edge = if x < inner.start { inner.start.min(row.end) } else { row.end };
                while end < edge && self.taps_inside(end) == taps {
                    end += 1;
                }
            }
            // SAFETY: neighbouring pixels of the row; these taps have columns inside.
            unsafe { self.pixels(isa, x..end, taps) };
            x = end;
        }
    }

    /// The tap columns of a pixel whose inputs are inside.
    #[inline(always)]
    fn taps_inside(&self, x: usize) -> Range<usize> {
        let column = (x * self.stride) as isize;
        let first = |end: isize| ((end - column).max(0) as usize).div_ceil(self.dilation).min(self.taps);
        let Range { start, end } = self.inside;
        first(start)..first(end).max(first(start))
    }

    /// Neighbouring pixels under which the taps `taps` have inputs, and the others have none.
    ///
    /// # Safety
    /// See [`DepthwiseTile`].
    #[inline(always)]
    unsafe fn pixels<I: Lanes<T>>(&self, isa: I, pixels: Range<usize>, taps: Range<usize>) {
        let whole = self.whole_vectors::<I>();
        let mut x = pixels.start;
        while x < pixels.end {
            // SAFETY: pixels of the row, vectors of its channels.
            x += unsafe {
                match pixels.end - x {
                    GENERAL_PIXELS.. => self.general_pixels::<I, GENERAL_PIXELS>(isa, x, whole, &taps),
                    4.. => self.general_pixels::<I, 4>(isa, x, whole, &taps),
                    2.. => self.general_pixels::<I, 2>(isa, x, whole, &taps),
                    _ => self.general_pixels::<I, 1>(isa, x, whole, &taps),
                }
            };
        }
    }

    /// # Safety
    /// As for `general`, for each vector.
    #[inline(always)]
    unsafe fn general_pixels<I: Lanes<T>, const PIXELS: usize>(
        &self,
        isa: I,
        x: usize,
        whole: usize,
        taps: &Range<usize>,
    ) -> usize {
        // SAFETY: vouched for by the caller.
        unsafe {
            for v in 0..whole {
                self.general::<I, PIXELS, false>(isa, x, v, taps);
            }
            for v in whole..self.channels.div_ceil(I::LANES) {
                self.general::<I, PIXELS, true>(isa, x, v, taps);
            }
        }
        PIXELS
    }

    /// `PIXELS` outputs from `x` on, of vector `v`, from the tap columns `taps`.
    ///
    /// # Safety
    /// As for `pixels`; they are such pixels.
    #[inline(always)]
    unsafe fn general<I: Lanes<T>, const PIXELS: usize, const DEALT: bool>(
        &self,
        isa: I,
        x: usize,
        v: usize,
        taps: &Range<usize>,
    ) {
        let pixel_step = (self.stride as isize).wrapping_mul(self.column_step);
        let tap_step = (self.dilation as isize).wrapping_mul(self.column_step);
        let skip = (x as isize).wrapping_mul(pixel_step);
        let skip = skip.wrapping_add((taps.start as isize).wrapping_mul(tap_step));
        // SAFETY: vouched for by the caller.
        unsafe {
            let inputs = self.inputs_of::<I, DEALT>(isa, v);
            let skip = skip.wrapping_add(inputs.offset);
            let mut sums = self.begin::<I, PIXELS, DEALT>(isa, self.output_at::<I>(x, v), v);
            for i in 0..self.inputs {
                let mut weights = self.weights.add(v * self.vector_step + i * self.weight_step);
                for span in &self.spans {
                    let mut row = span.first.wrapping_offset(skip.wrapping_add(i as isize));
                    for _ in 0..span.count {
                        let mut tap = weights.add(taps.start * I::LANES);
                        let mut from = row;
                        for _ in taps.clone() {
                            let weight = isa.load(tap);
                            for (p, sum) in sums.iter_mut().enumerate() {
                                let from = from.wrapping_offset((p as isize).wrapping_mul(pixel_step));
                                *sum = isa.mul_add(weight, inputs.load::<DEALT>(isa, from), *sum);
                            }
                            tap = tap.wrapping_add(I::LANES);
                            from = from.wrapping_offset(tap_step);
                        }
                        row = row.wrapping_offset(span.step);
                        weights = weights.wrapping_add(self.taps * I::LANES);
                    }
                }
            }
            self.end::<I, PIXELS, DEALT>(isa, &sums, self.output_at::<I>(x, v), v);
        }
    }
}
