//! The tile of the depthwise strategy: neighbouring output pixels of one row x one vector of channels, in registers.
//!
//! Every lane is a channel of its own. In one row of outputs the plain loop is
//!
//! ```text
//! for each vector v of channels, pixel p, tap row k, tap column t:
//!     sum[p][v] += weight[v][k][t] * input[row k][p * stride + t * dilation][v]
//! ```
//!
//! Departures: 1. Where the tap columns are neighbours and few (3, 5, 7), the weights of a tap row stay in registers
//! and the loop runs over input columns: each input vector is loaded once and multiplied by the weight of every pixel
//! that it lies under. 2. Input columns that lie outside of a row whose border is zero are left out: in these tiles by a
//! branch per column at either end, in the general tile as bounds of the loop over taps.
//! 3. The rows under the taps come in *spans*, so that they may lie in several places, and rows of zeros are left out.

use core::ops::Range;

use super::finish::Finish;
use super::{HotLoop, Vouched};
use crate::element::Element;
use crate::isa::{Lanes, Microkernel};

/// Pixels in the widest tile, where the columns are shared, and where they are not.
const fn max_pixels(registers: usize) -> usize {
    if registers >= 32 { 14 } else { 7 }
}
const GENERAL_PIXELS: usize = 8;

pub(super) fn hot_loops(registers: usize) -> Vec<HotLoop> {
    let tile = |multiply_adds| HotLoop { microkernel: "DepthwiseTile", multiply_adds };
    let mut loops: Vec<_> = [3, 5, 7].map(|taps| tile(taps * max_pixels(registers))).into();
    loops.push(tile(GENERAL_PIXELS));
    loops
}

/// Input rows under successive tap rows, a step apart.
#[derive(Clone, Copy)]
pub(crate) struct RowSpan<T> {
    /// The input under tap column 0 of the first pixel; it may lie outside of the row.
    pub(crate) first: *const T,
    pub(crate) step: isize,
    pub(crate) count: usize,
}

/// Computes `width` outputs of one row in `channels` channels.
///
/// # Safety
/// Whoever makes it vouches that, with `lanes` those of the instruction set,
/// * `first + k * step + i * input_step + x * column_step + c` is readable for each span, `k < count`, `i < inputs`,
///   `c < channels`, and every x in `inside` that is `p * stride + t * dilation` for some `p < width`, `t < taps`;
/// * `weights + v * vector_step + i * weight_step + j` is readable for all `v < channels / lanes` rounded up,
///   `i < inputs`, `j < lanes * taps * rows` with `rows` those in all spans;
/// * `output + p * output_step + c` is readable and writable for all `p < width`, `c < channels`;
/// * `bias`, if any, has `channels` readable values.
pub(crate) struct DepthwiseTile<'a, T> {
    pub(crate) spans: &'a [RowSpan<T>],
    /// Input channels of a group, and from one to the next in the rows.
    pub(crate) inputs: usize,
    pub(crate) input_step: isize,
    /// From a column to the next in the rows.
    pub(crate) column_step: isize,
    /// The columns that a row has, counted from `first`; the others are zero.
    pub(crate) inside: Range<isize>,
    pub(crate) stride: usize,
    pub(crate) dilation: usize,
    /// Tap columns.
    pub(crate) taps: usize,
    /// The taps of the first row of the first span.
    pub(crate) weights: *const T,
    /// From an input channel to the next, and from a vector of channels to the next.
    pub(crate) weight_step: usize,
    pub(crate) vector_step: usize,
    pub(crate) output: *mut T,
    /// From a pixel to the next.
    pub(crate) output_step: isize,
    pub(crate) width: usize,
    pub(crate) channels: usize,
    pub(crate) bias: Option<*const T>,
    pub(crate) finish: Finish<T>,
    pub(crate) _vouched: Vouched,
}

/// The block once for each number, as a constant: loops of this size would not be unrolled.
macro_rules! each {
    ($name:ident in [$($number:literal)*] $block:block) => { $({ const $name: usize = $number; $block })* };
}

impl<T: Element> Microkernel<T> for DepthwiseTile<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        // SAFETY: the maker of `self` vouches for every pixel.
        unsafe {
            match (self.taps, self.stride, self.dilation) {
                (3, 1, 1) => self.shared_row::<I, 3, 1>(isa),
                (5, 1, 1) => self.shared_row::<I, 5, 1>(isa),
                (7, 1, 1) => self.shared_row::<I, 7, 1>(isa),
                (3, 2, 1) => self.shared_row::<I, 3, 2>(isa),
                (5, 2, 1) => self.shared_row::<I, 5, 2>(isa),
                (7, 2, 1) => self.shared_row::<I, 7, 2>(isa),
                _ => self.general_row(isa),
            }
        }
    }
}

impl<T: Element> DepthwiseTile<'_, T> {
    /// The pixels whose windows have a column inside, and those that have no column outside.
    #[inline(always)]
    fn touched_and_inner(&self) -> [Range<usize>; 2] {
        let reach = ((self.taps - 1) * self.dilation) as isize;
        let first = |column: isize| (column.max(0) as usize).div_ceil(self.stride).min(self.width);
        let Range { start, end } = self.inside;
        let touched = first(start - reach)..first(end);
        let inner = first(start)..first(end - reach);
        [touched.start..touched.end.max(touched.start), inner.start..inner.end.max(inner.start)]
    }

    /// All pixels, with columns shared by `TAPS` taps.
    ///
    /// # Safety
    /// See [`DepthwiseTile`]; `TAPS == taps`, `STRIDE == stride`, and the dilation is one.
    #[inline(always)]
    unsafe fn shared_row<I: Lanes<T>, const TAPS: usize, const STRIDE: usize>(&self, isa: I) {
        let [touched, _] = self.touched_and_inner();
        let whole = self.channels / I::LANES;
        let is_wide = max_pixels(I::REGISTERS) >= 14;
        let mut x = touched.start;
        // SAFETY: pixels of the row, and whole vectors of the channels.
        unsafe {
            while x < touched.end {
                x += match touched.end - x {
                    14.. if is_wide => self.shared_pixels::<I, TAPS, STRIDE, 14>(isa, x, whole),
                    7.. => self.shared_pixels::<I, TAPS, STRIDE, 7>(isa, x, whole),
                    4.. => self.shared_pixels::<I, TAPS, STRIDE, 4>(isa, x, whole),
                    2.. => self.shared_pixels::<I, TAPS, STRIDE, 2>(isa, x, whole),
                    _ => self.shared_pixels::<I, TAPS, STRIDE, 1>(isa, x, whole),
                };
            }
            if whole * I::LANES < self.channels {
                let mut x = touched.start;
                while x < touched.end {
                    x += match touched.end - x {
                        4.. => self.shared::<I, TAPS, STRIDE, 4, true>(isa, x, whole),
                        _ => self.shared::<I, TAPS, STRIDE, 1, true>(isa, x, whole),
                    };
                }
            }
            self.pixels(isa, 0..touched.start, 0..0);
            self.pixels(isa, touched.end..self.width, 0..0);
        }
    }

    /// # Safety
    /// As for `shared`, for each of the first `vectors` vectors.
    #[inline(always)]
    unsafe fn shared_pixels<I: Lanes<T>, const TAPS: usize, const STRIDE: usize, const PIXELS: usize>(
        &self,
        isa: I,
        x: usize,
        vectors: usize,
    ) -> usize {
        for v in 0..vectors {
            // SAFETY: vouched for by the caller.
            unsafe { self.shared::<I, TAPS, STRIDE, PIXELS, false>(isa, x, v) };
        }
        PIXELS
    }

    /// `PIXELS` outputs from `x` on, of vector `v`; with `PART`, of as many of its channels as there are. Returns
    /// `PIXELS`.
    ///
    /// # Safety
    /// As for `shared_row`; they are outputs of the row whose windows have a column inside.
    #[inline(always)]
    unsafe fn shared<
        I: Lanes<T>,
        const TAPS: usize,
        const STRIDE: usize,
        const PIXELS: usize,
        const PART: bool,
    >(
        &self,
        isa: I,
        x: usize,
        v: usize,
    ) -> usize {
        let column = (x * STRIDE) as isize;
        let inside = self.inside.start - column..self.inside.end - column;
        let skip = column.wrapping_mul(self.column_step).wrapping_add((v * I::LANES) as isize);
        // SAFETY: vouched for by the caller.
        unsafe {
            let mut sums = self.begin::<I, PIXELS, PART>(isa, x, v);
            for i in 0..self.inputs {
                let mut weights = self.weights.add(v * self.vector_step + i * self.weight_step);
                for span in self.spans {
                    let mut row = span.first.wrapping_offset(skip + i as isize * self.input_step);
                    for _ in 0..span.count {
                        self.add_row::<I, TAPS, STRIDE, PIXELS, PART>(
                            isa, &mut sums, row, weights, &inside, v,
                        );
                        row = row.wrapping_offset(span.step);
                        weights = weights.wrapping_add(TAPS * I::LANES);
                    }
                }
            }
            self.end::<I, PIXELS, PART>(isa, &sums, x, v);
        }
        PIXELS
    }

    /// Adds one tap row: `row` is under tap 0 of the first pixel, and has the columns `inside`.
    ///
    /// # Safety
    /// As for `shared`.
    #[inline(always)]
    unsafe fn add_row<
        I: Lanes<T>,
        const TAPS: usize,
        const STRIDE: usize,
        const PIXELS: usize,
        const PART: bool,
    >(
        &self,
        isa: I,
        sums: &mut [I::Vector; PIXELS],
        row: *const T,
        weights: *const T,
        inside: &Range<isize>,
        v: usize,
    ) {
        let mut taps = [isa.splat(T::default()); TAPS];
        for (t, tap) in taps.iter_mut().enumerate() {
            // SAFETY: a tap of the row.
            *tap = unsafe { isa.load(weights.add(t * I::LANES)) };
        }
        each!(COLUMN in [0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32] {
            // The window of the first pixel has a column inside, and so has that of the last.
            let may_be_before = COLUMN + 1 < TAPS;
            let may_be_behind = COLUMN > (PIXELS - 1) * STRIDE;
            let is_outside = may_be_before && (COLUMN as isize) < inside.start
                || may_be_behind && COLUMN as isize >= inside.end;
            if COLUMN < (PIXELS - 1) * STRIDE + TAPS && !is_outside {
                // SAFETY: a column inside.
                let input = unsafe {
                    let at = (COLUMN as isize).wrapping_mul(self.column_step);
                    self.load::<I, PART>(isa, row.wrapping_offset(at), v)
                };
                for (t, &tap) in taps.iter().enumerate() {
                    let pixel = COLUMN.wrapping_sub(t) / STRIDE;
                    if COLUMN >= t && (COLUMN - t) % STRIDE == 0 && pixel < PIXELS {
                        sums[pixel] = isa.mul_add(tap, input, sums[pixel]);
                    }
                }
            }
        });
    }

    /// All pixels, for any taps.
    ///
    /// # Safety
    /// See [`DepthwiseTile`].
    #[inline(always)]
    unsafe fn general_row<I: Lanes<T>>(&self, isa: I) {
        let [_, inner] = self.touched_and_inner();
        let mut x = 0;
        while x < self.width {
            let mut end = x + 1;
            let taps = self.taps_inside(x);
            if inner.contains(&x) {
                end = inner.end;
            } else {
                let edge = if x < inner.start { inner.start } else { self.width };
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
        let whole = self.channels / I::LANES;
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
            if whole * I::LANES < self.channels {
                self.general::<I, PIXELS, true>(isa, x, whole, taps);
            }
        }
        PIXELS
    }

    /// `PIXELS` outputs from `x` on, of vector `v`, from the tap columns `taps`.
    ///
    /// # Safety
    /// As for `pixels`; they are such pixels.
    #[inline(always)]
    unsafe fn general<I: Lanes<T>, const PIXELS: usize, const PART: bool>(
        &self,
        isa: I,
        x: usize,
        v: usize,
        taps: &Range<usize>,
    ) {
        let pixel_step = (self.stride as isize).wrapping_mul(self.column_step);
        let tap_step = (self.dilation as isize).wrapping_mul(self.column_step);
        let skip = (x as isize).wrapping_mul(pixel_step).wrapping_add((v * I::LANES) as isize);
        let skip = skip.wrapping_add((taps.start as isize).wrapping_mul(tap_step));
        // SAFETY: vouched for by the caller.
        unsafe {
            let mut sums = self.begin::<I, PIXELS, PART>(isa, x, v);
            for i in 0..self.inputs {
                let mut weights = self.weights.add(v * self.vector_step + i * self.weight_step);
                for span in self.spans {
                    let mut row = span.first.wrapping_offset(skip + i as isize * self.input_step);
                    for _ in 0..span.count {
                        let mut tap = weights.add(taps.start * I::LANES);
                        let mut inputs = row;
                        for _ in taps.clone() {
                            let weight = isa.load(tap);
                            for (p, sum) in sums.iter_mut().enumerate() {
                                let input = inputs.wrapping_offset((p as isize).wrapping_mul(pixel_step));
                                *sum = isa.mul_add(weight, self.load::<I, PART>(isa, input, v), *sum);
                            }
                            tap = tap.wrapping_add(I::LANES);
                            inputs = inputs.wrapping_offset(tap_step);
                        }
                        row = row.wrapping_offset(span.step);
                        weights = weights.wrapping_add(self.taps * I::LANES);
                    }
                }
            }
            self.end::<I, PIXELS, PART>(isa, &sums, x, v);
        }
    }

    /// A vector of the inputs; with `PART`, as many as vector `v` has.
    ///
    /// # Safety
    /// They are readable.
    #[inline(always)]
    unsafe fn load<I: Lanes<T>, const PART: bool>(&self, isa: I, from: *const T, v: usize) -> I::Vector {
        // SAFETY: vouched for by the caller.
        unsafe { if PART { isa.load_part(from, self.channels - v * I::LANES) } else { isa.load(from) } }
    }

    /// The sums that outputs start with: bias and old output.
    ///
    /// # Safety
    /// They are outputs of the row, and channels.
    #[inline(always)]
    unsafe fn begin<I: Lanes<T>, const PIXELS: usize, const PART: bool>(
        &self,
        isa: I,
        x: usize,
        v: usize,
    ) -> [I::Vector; PIXELS] {
        // SAFETY: vouched for by the caller.
        unsafe {
            let bias = match self.bias {
                Some(bias) => self.load::<I, PART>(isa, bias.add(v * I::LANES), v),
                None => isa.splat(T::default()),
            };
            let mut sums = [bias; PIXELS];
            if self.finish.accumulates() {
                let factor = isa.splat(self.finish.accumulate);
                for (p, sum) in sums.iter_mut().enumerate() {
                    let old = self.load::<I, PART>(isa, self.output_at::<I>(x + p, v), v);
                    *sum = isa.mul_add(factor, old, *sum);
                }
            }
            sums
        }
    }

    /// Applies the activation and writes.
    ///
    /// # Safety
    /// As for `begin`.
    #[inline(always)]
    unsafe fn end<I: Lanes<T>, const PIXELS: usize, const PART: bool>(
        &self,
        isa: I,
        sums: &[I::Vector; PIXELS],
        x: usize,
        v: usize,
    ) {
        let (low, high) = (isa.splat(self.finish.low), isa.splat(self.finish.high));
        for (p, &sum) in sums.iter().enumerate() {
            let result = isa.at_most(isa.at_least(sum, low), high);
            let to = self.output_at::<I>(x + p, v);
            // SAFETY: vouched for by the caller.
            unsafe {
                if PART {
                    isa.store_part(to, result, self.channels - v * I::LANES);
                } else {
                    isa.store(to, result);
                }
            }
        }
    }

    #[inline(always)]
    fn output_at<I: Lanes<T>>(&self, x: usize, v: usize) -> *mut T {
        self.output.wrapping_offset((x as isize).wrapping_mul(self.output_step)).wrapping_add(v * I::LANES)
    }
}
