//! Taps that are neighbours and few: an input is loaded once for all of them.

use core::ops::Range;

use super::{DepthwiseTile, Inputs, each, max_pixels, pixels_of_next};
use crate::element::Element;
use crate::isa::Lanes;

impl<T: Element> DepthwiseTile<'_, T> {
    /// The pixels whose windows have a column inside, with columns shared by `TAPS` taps. Returns them.
    ///
    /// # Safety
    /// See [`DepthwiseTile`]; `TAPS == taps`, `STRIDE == stride`, and the dilation is one.
    #[inline(always)]
    pub(super) unsafe fn shared_row<I: Lanes<T>, const TAPS: usize, const STRIDE: usize>(
        &self,
        isa: I,
    ) -> Range<usize> {
        let [touched, inner] = self.touched_and_inner(STRIDE);
        let most = const { max_pixels(TAPS, STRIDE, I::REGISTERS) };
        // SAFETY: pixels of the row, and vectors of the channels.
        unsafe {
            let mut x = touched.start;
            while x < touched.end && self.whole_vectors::<I>() > 0 {
                let is_inner = inner.contains(&x) && inner.end - x >= most;
                let pixels = if is_inner { most } else { pixels_of_next(touched.end - x, most) };
                match pixels {
                    14 if is_inner && most == 14 => self.shared_vectors::<I, TAPS, STRIDE, 14, false>(isa, x),
                    8 if is_inner && most == 8 => self.shared_vectors::<I, TAPS, STRIDE, 8, false>(isa, x),
                    7 if is_inner && most == 7 => self.shared_vectors::<I, TAPS, STRIDE, 7, false>(isa, x),
                    14 if most >= 14 => self.shared_vectors::<I, TAPS, STRIDE, 14, true>(isa, x),
                    8 if most >= 8 => self.shared_vectors::<I, TAPS, STRIDE, 8, true>(isa, x),
                    7 if most >= 7 => self.shared_vectors::<I, TAPS, STRIDE, 7, true>(isa, x),
                    4 => self.shared_vectors::<I, TAPS, STRIDE, 4, true>(isa, x),
                    2 => self.shared_vectors::<I, TAPS, STRIDE, 2, true>(isa, x),
                    _ => self.shared_vectors::<I, TAPS, STRIDE, 1, true>(isa, x),
                }
                x += pixels;
            }
            self.shared_dealt::<I, TAPS, STRIDE>(isa, &touched);
        }
        touched
    }

    /// The vectors whose inputs are dealt out.
    ///
    /// # Safety
    /// As for `shared`.
    #[inline(always)]
    unsafe fn shared_dealt<I: Lanes<T>, const TAPS: usize, const STRIDE: usize>(
        &self,
        isa: I,
        touched: &Range<usize>,
    ) {
        let mut x = touched.start;
        while x < touched.end && !self.deals.is_empty() {
            let mut pixels = 0;
            for v in self.whole_vectors::<I>()..self.channels.div_ceil(I::LANES) {
                // SAFETY: vouched for by the caller.
                pixels = unsafe {
                    match touched.end - x {
                        7.. if I::REGISTERS >= 32 => self.shared::<I, TAPS, STRIDE, 7, true, true>(isa, x, v),
                        6.. if I::REGISTERS < 32 && TAPS < 7 => {
                            self.shared::<I, TAPS, STRIDE, 6, true, true>(isa, x, v)
                        }
                        4.. => self.shared::<I, TAPS, STRIDE, 4, true, true>(isa, x, v),
                        _ => self.shared::<I, TAPS, STRIDE, 1, true, true>(isa, x, v),
                    }
                };
            }
            x += pixels;
        }
    }

    /// # Safety
    /// As for `shared`, for each vector that takes its inputs as they are.
    #[inline(always)]
    unsafe fn shared_vectors<
        I: Lanes<T>,
        const TAPS: usize,
        const STRIDE: usize,
        const PIXELS: usize,
        const EDGE: bool,
    >(
        &self,
        isa: I,
        x: usize,
    ) {
        for v in 0..self.whole_vectors::<I>() {
            // SAFETY: vouched for by the caller.
            unsafe { self.shared::<I, TAPS, STRIDE, PIXELS, EDGE, false>(isa, x, v) };
        }
    }

    /// `PIXELS` outputs from `x` on, of vector `v`. Returns `PIXELS`.
    ///
    /// # Safety
    /// As for `shared_row`; they are outputs of the row whose windows have a column inside, and without `EDGE` none
    /// outside.
    #[inline(always)]
    unsafe fn shared<
        I: Lanes<T>,
        const TAPS: usize,
        const STRIDE: usize,
        const PIXELS: usize,
        const EDGE: bool,
        const DEALT: bool,
    >(
        &self,
        isa: I,
        x: usize,
        v: usize,
    ) -> usize {
        let column = (x * STRIDE) as isize;
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
                        self.add_row::<I, TAPS, STRIDE, PIXELS, EDGE, DEALT>(
                            isa, &mut sums, row, weights, &inside, &inputs,
                        );
                        row = row.wrapping_offset(span.step);
                        weights = weights.wrapping_add(TAPS * I::LANES);
                    }
                }
            }
            self.end::<I, PIXELS, DEALT>(isa, &sums, x, v);
        }
        PIXELS
    }

    /// Adds one tap row: `row` is under tap 0 of the first pixel, and has the columns `inside`.
    ///
    /// # Safety
    /// As for `shared`.
    #[inline(always)]
    #[allow(unused_assignments, reason = "the last columns have no successors")]
    unsafe fn add_row<
        I: Lanes<T>,
        const TAPS: usize,
        const STRIDE: usize,
        const PIXELS: usize,
        const EDGE: bool,
        const DEALT: bool,
    >(
        &self,
        isa: I,
        sums: &mut [I::Vector; PIXELS],
        mut row: *const T,
        weights: *const T,
        inside: &Range<isize>,
        inputs: &Inputs<I, T>,
    ) {
        let mut taps = [isa.splat(T::default()); TAPS];
        for (t, tap) in taps.iter_mut().enumerate() {
            // SAFETY: a tap of the row.
            *tap = unsafe { isa.load(weights.add(t * I::LANES)) };
        }
        // Columns so far apart that no two of them lie under the same window: their products wait for no sum of each other.
        let apart = STRIDE * TAPS.div_ceil(STRIDE);
        let jump = self.column_step.wrapping_mul(apart as isize);
        each!(first in [0 1 2 3 4 5 6] {
            let mut from = row;
            each!(turn in [0 1 2 3 4 5 6 7] {
                let column = first + turn * apart;
                // The window of the first pixel has a column inside, and so has that of the last.
                let may_be_before = EDGE && column + 1 < TAPS;
                let may_be_behind = EDGE && column > (PIXELS - 1) * STRIDE;
                let is_outside = may_be_before && (column as isize) < inside.start
                    || may_be_behind && column as isize >= inside.end;
                if first < apart && column < (PIXELS - 1) * STRIDE + TAPS && !is_outside {
                    // SAFETY: a column inside.
                    let input = unsafe { inputs.load::<DEALT>(isa, from) };
                    for (t, &tap) in taps.iter().enumerate() {
                        let pixel = column.wrapping_sub(t) / STRIDE;
                        if column >= t && (column - t).is_multiple_of(STRIDE) && pixel < PIXELS {
                            sums[pixel] = isa.mul_add(tap, input, sums[pixel]);
                        }
                    }
                }
                from = from.wrapping_offset(jump);
            });
            row = row.wrapping_offset(self.column_step);
        });
    }
}
