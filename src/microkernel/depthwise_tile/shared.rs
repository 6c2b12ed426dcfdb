//! Taps that are neighbours and few: an input is loaded once for all of them.

use core::ops::Range;

use super::{DepthwiseTile, Inputs, each, max_pixels, pixels_of_next};
use crate::element::Element;
use crate::isa::{Lanes, Microkernel};

/// A [`DepthwiseTile`] of so many taps, of dilation one: the pixels whose windows have a column inside, in the vectors
/// of channels that take their inputs as they are.
pub(super) struct SharedTile<'a, T, const TAPS: usize, const STRIDE: usize>(pub(super) DepthwiseTile<'a, T>);

/// The same, in the vectors that have deals.
pub(super) struct DealtTile<'a, T, const TAPS: usize, const STRIDE: usize>(pub(super) DepthwiseTile<'a, T>);

impl<T: Element, const TAPS: usize, const STRIDE: usize> Microkernel<T> for SharedTile<'_, T, TAPS, STRIDE> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        // Where it is not meant for, it need not be compiled.
        if const { I::LANES > 1 } {
            // SAFETY: the maker of the tile vouches for it.
            unsafe { self.0.shared_strips::<I, TAPS, STRIDE>(isa) };
        }
    }
}

impl<T: Element, const TAPS: usize, const STRIDE: usize> Microkernel<T> for DealtTile<'_, T, TAPS, STRIDE> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(mut self, isa: I) {
        if const { I::LANES > 1 } {
            for _ in 0..self.0.rows {
                // SAFETY: the maker of the tile vouches for every row.
                unsafe { self.0.dealt_row::<I, TAPS, STRIDE>(isa) };
                self.0.advance();
            }
        }
    }
}

impl<T: Element> DepthwiseTile<'_, T> {
    /// # Safety
    /// See [`DepthwiseTile`]; `TAPS == taps`, `STRIDE == stride`, and the dilation is one.
    #[inline(always)]
    unsafe fn shared_strips<I: Lanes<T>, const TAPS: usize, const STRIDE: usize>(&self, isa: I) {
        let [touched, inner] = self.touched_and_inner(STRIDE);
        let most = const { max_pixels(TAPS, STRIDE, I::REGISTERS) };
        let mut x = touched.start;
        while x < touched.end {
            let is_inner = inner.contains(&x) && inner.end - x >= most;
            let pixels = if is_inner { most } else { pixels_of_next(touched.end - x, most) };
            // SAFETY: pixels of the row, and vectors of the channels.
            unsafe {
                match pixels {
                    14 if const { max_pixels(TAPS, STRIDE, I::REGISTERS) == 14 } && is_inner => {
                        self.shared_strip::<I, TAPS, STRIDE, 14, false>(isa, x)
                    }
                    8 if const { max_pixels(TAPS, STRIDE, I::REGISTERS) == 8 } && is_inner => {
                        self.shared_strip::<I, TAPS, STRIDE, 8, false>(isa, x)
                    }
                    7 if const { max_pixels(TAPS, STRIDE, I::REGISTERS) == 7 } && is_inner => {
                        self.shared_strip::<I, TAPS, STRIDE, 7, false>(isa, x)
                    }
                    4 if const { max_pixels(TAPS, STRIDE, I::REGISTERS) == 4 } && is_inner => {
                        self.shared_strip::<I, TAPS, STRIDE, 4, false>(isa, x)
                    }
                    14 if const { max_pixels(TAPS, STRIDE, I::REGISTERS) >= 14 } => {
                        self.shared_strip::<I, TAPS, STRIDE, 14, true>(isa, x)
                    }
                    8 if const { max_pixels(TAPS, STRIDE, I::REGISTERS) >= 8 } => {
                        self.shared_strip::<I, TAPS, STRIDE, 8, true>(isa, x)
                    }
                    7 if const { max_pixels(TAPS, STRIDE, I::REGISTERS) >= 7 } => {
                        self.shared_strip::<I, TAPS, STRIDE, 7, true>(isa, x)
                    }
                    4 => self.shared_strip::<I, TAPS, STRIDE, 4, true>(isa, x),
                    _ => self.shared_strip::<I, TAPS, STRIDE, 1, true>(isa, x),
                }
            }
            x += pixels;
        }
    }

    /// # Safety
    /// As for `shared_row`.
    #[inline(always)]
    unsafe fn dealt_row<I: Lanes<T>, const TAPS: usize, const STRIDE: usize>(&self, isa: I) {
        let [touched, _] = self.touched_and_inner(STRIDE);
        let most = const { dealt_pixels(TAPS, STRIDE, I::REGISTERS) };
        let mut x = touched.start;
        while x < touched.end {
            let pixels = match touched.end - x {
                rest if rest >= most => most,
                4.. => 4,
                2.. if STRIDE > 1 => 2,
                _ => 1,
            };
            let to = self.output_at::<I>(x, 0);
            for v in self.whole_vectors::<I>()..self.channels.div_ceil(I::LANES) {
                // SAFETY: pixels of the row, and vectors of the channels.
                unsafe {
                    match pixels {
                        7 if const { dealt_pixels(TAPS, STRIDE, I::REGISTERS) == 7 } => {
                            self.shared::<I, TAPS, STRIDE, 7, true, true>(isa, x, v, 0, to)
                        }
                        6 if const { dealt_pixels(TAPS, STRIDE, I::REGISTERS) == 6 } => {
                            self.shared::<I, TAPS, STRIDE, 6, true, true>(isa, x, v, 0, to)
                        }
                        4 => self.shared::<I, TAPS, STRIDE, 4, true, true>(isa, x, v, 0, to),
                        2 if STRIDE > 1 => self.shared::<I, TAPS, STRIDE, 2, true, true>(isa, x, v, 0, to),
                        _ => self.shared::<I, TAPS, STRIDE, 1, true, true>(isa, x, v, 0, to),
                    }
                }
            }
            x += pixels;
        }
    }

    /// `PIXELS` outputs from `x` on in all rows, for a few vectors at a time: what lies under a row of them stays in
    /// the first-level cache until the next rows have read it, too.
    ///
    /// # Safety
    /// As for `shared`, for each row, and each vector that takes its inputs as they are.
    #[inline(always)]
    unsafe fn shared_strip<
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
        let (whole, at_once) = (self.whole_vectors::<I>(), self.in_strip);
        for first in (0..whole).step_by(at_once) {
            let (mut skip, mut to) = (0isize, self.output_at::<I>(x, 0));
            for _ in 0..self.rows {
                for v in first..whole.min(first + at_once) {
                    // SAFETY: vouched for by the caller.
                    unsafe { self.shared::<I, TAPS, STRIDE, PIXELS, EDGE, false>(isa, x, v, skip, to) };
                }
                skip = skip.wrapping_add(self.row_step);
                to = to.wrapping_offset(self.output_row_step);
            }
        }
    }

    /// `PIXELS` outputs from `x` on, of vector `v`, in a row whose inputs begin `skip` behind those of the first, and
    /// whose output of pixel `x` and channel 0 is at `to`.
    ///
    /// # Safety
    /// As for `shared_strips`; they are outputs of the row whose windows have a column inside, and without `EDGE` none
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
        skip: isize,
        to: *mut T,
    ) {
        let column = (x * STRIDE) as isize;
        let inside = self.inside.start - column..self.inside.end - column;
        let to = to.wrapping_add(v * I::LANES);
        // SAFETY: vouched for by the caller.
        unsafe {
            let inputs = self.inputs_of::<I, DEALT>(isa, v);
            let skip = column.wrapping_mul(self.column_step).wrapping_add(inputs.offset).wrapping_add(skip);
            let mut sums = self.begin::<I, PIXELS, DEALT>(isa, to, v);
            for i in 0..self.inputs {
                let mut weights = self.weights.add(v * self.vector_step + i * self.weight_step);
                for span in &self.spans {
                    let mut row = span.first.wrapping_offset(skip.wrapping_add(i as isize));
                    for _ in 0..span.count {
                        self.add_row::<I, TAPS, STRIDE, PIXELS, EDGE, DEALT>(
                            isa, &mut sums, row, weights, &inside, &inputs,
                        );
                        row = row.wrapping_offset(span.step);
                        weights = weights.wrapping_add(TAPS * I::LANES);
                    }
                }
            }
            self.end::<I, PIXELS, DEALT>(isa, &sums, to, v);
        }
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
        // Read as if it might have changed: of a step that it knows to stay, the compiler would make a pointer to each
        // column, more than there are registers, and keep them all up to date from tile to tile. SAFETY: a field of the
        // tile.
        let column_step = unsafe { core::ptr::read_volatile(&raw const self.column_step) };
        let jump = column_step.wrapping_mul(const { apart(TAPS, STRIDE) as isize });
        each!(FIRST in [0 1 2 3 4 5 6] {
            if const { FIRST < apart(TAPS, STRIDE) } {
                let mut from = row;
                each!(TURN in [0 1 2 3 4 5 6 7] {
                    if const { FIRST + TURN * apart(TAPS, STRIDE) < (PIXELS - 1) * STRIDE + TAPS } {
                        let column = const { FIRST + TURN * apart(TAPS, STRIDE) };
                        // The window of the first pixel has a column inside, and so has that of the last.
                        let may_be_before = EDGE && column + 1 < TAPS;
                        let may_be_behind = EDGE && column > (PIXELS - 1) * STRIDE;
                        let is_outside = may_be_before && (column as isize) < inside.start
                            || may_be_behind && column as isize >= inside.end;
                        if !is_outside {
                            // SAFETY: a column inside.
                            let input = unsafe { inputs.load::<DEALT>(isa, from) };
                            each!(TAP in [0 1 2 3 4 5 6] {
                                if const { is_under::<TAPS, STRIDE, PIXELS>(FIRST, TURN, TAP) } {
                                    let pixel = (column - TAP) / STRIDE;
                                    sums[pixel] = isa.mul_add(taps[TAP], input, sums[pixel]);
                                }
                            });
                        }
                        from = from.wrapping_offset(jump);
                    }
                });
                row = row.wrapping_offset(column_step);
            }
        });
    }
}

/// Pixels in the widest tile whose inputs are dealt out. With strides, wider ones lie over more inputs than there are
/// registers for their addresses.
const fn dealt_pixels(taps: usize, stride: usize, registers: usize) -> usize {
    match taps {
        _ if stride > 1 => 4,
        _ if registers >= 32 => 7,
        7 => 4,
        _ => 6,
    }
}

/// Columns so far apart that no two of them lie under the same window: their products wait for no sum of each other.
const fn apart(taps: usize, stride: usize) -> usize {
    stride * taps.div_ceil(stride)
}

/// Whether a column lies under a tap of any of the pixels.
const fn is_under<const TAPS: usize, const STRIDE: usize, const PIXELS: usize>(
    first: usize,
    turn: usize,
    tap: usize,
) -> bool {
    let column = first + turn * apart(TAPS, STRIDE);
    tap < TAPS && tap <= column && (column - tap).is_multiple_of(STRIDE) && (column - tap) / STRIDE < PIXELS
}
