//! The tile of the depthwise strategy: neighbouring output pixels of one row x one vector of channels, in registers.
//!
//! Every lane is a channel of its own. In one row of outputs the plain loop is
//!
//! ```text
//! for each vector v of channels, pixel p, tap row k, tap column t:
//!     sum[p][v] += weight[v][k][t] * input[row k][p * stride + t * dilation][v]
//! ```
//!
//! Departures: 1. Where the tap columns are neighbours, the loop runs over input columns: each input vector is loaded
//! once and multiplied by the weight of every pixel that it lies under. If they are few (3, 5, 7), the weights of a tap
//! row stay in registers (`shared`), else they are read again for each column (`long`). 2. Input columns that lie
//! outside of a row whose border is zero are left out: in these tiles by a branch per column at either end, in the
//! general tile as bounds of the loop over taps.
//! 3. The rows under the taps come in *spans*, so that they may lie in several places, and rows of zeros are left out.

mod general;
mod long;
mod shared;

use core::ops::Range;

use super::finish::Finish;
use super::{HotLoop, Vouched};
use crate::element::Element;
use crate::isa::{InstructionSet, Lanes};
use general::GeneralTile;
use long::LongTile;
use shared::{DealtTile, SharedTile};

/// The block once for each number, as a constant. The compiler would not unroll loops of this size; and what stands in
/// the block behind an `if const` that does not hold is gone before it is optimised, which most of it is.
macro_rules! each {
    ($name:ident in [$($number:literal)*] $block:block) => { $({ const $name: usize = $number; $block })* };
}
use each;

/// Pixels in the widest tile of so many tap columns that share their inputs: sums, taps and an input fill the
/// registers. With strides, wider ones lie over too many inputs.
const fn max_pixels(taps: usize, stride: usize, registers: usize) -> usize {
    match taps {
        _ if stride > 1 => 7,
        _ if registers >= 32 => 14,
        7 => 4,
        5 => 7,
        _ => 8,
    }
}

/// Pixels of the next tile, of at most `most`, where there are so many to come: those that leave no small ones to the
/// end, as sums of few pixels wait for each other.
#[inline(always)]
fn pixels_of_next(rest: usize, most: usize) -> usize {
    match rest {
        14 | 21.. if most >= 14 => 14,
        8.. if most >= 8 => 8,
        7.. if most >= 7 => 7,
        4.. if most >= 4 => 4,
        _ => 1,
    }
}

/// The same where each tap loads its own input.
const GENERAL_PIXELS: usize = 8;

/// Of the widest tiles: a row of taps that stay in registers, and a column of others.
pub(super) fn hot_loops(registers: usize) -> Vec<HotLoop> {
    let shared = [3, 5, 7].map(|taps| HotLoop {
        microkernel: "SharedTile",
        multiply_adds: taps * max_pixels(taps, 1, registers),
    });
    let long = HotLoop { microkernel: "LongTile", multiply_adds: max_pixels(0, 1, registers) };
    [shared.as_slice(), &[long]].concat()
}

/// Whether there is a loop of its own for so many tap columns, in which inputs are loaded once for all of them.
pub(crate) fn shares_columns(taps: usize, stride: usize, dilation: usize) -> bool {
    matches!((taps, stride, dilation), (3 | 5 | 7, 1, 1) | (3 | 5, 2, 1))
}

/// Input rows under successive tap rows, a step apart.
#[derive(Clone, Copy)]
pub(crate) struct RowSpan<T> {
    /// The input under tap column 0 of the first pixel; it may lie outside of the row.
    pub(crate) first: *const T,
    pub(crate) step: isize,
    pub(crate) count: usize,
}

/// Where the lanes of a vector of output channels find input channel 0 of their groups.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deal {
    /// The input channel of the first lane, of all input channels.
    pub(crate) channel: usize,
    /// How many channels on from there are read.
    pub(crate) count: usize,
    /// Where the lanes of the pattern start among all patterns.
    pub(crate) pattern: usize,
}

/// Computes `width` outputs of each of some rows in `channels` channels.
///
/// # Safety
/// Whoever makes it vouches that, with `lanes` those of the instruction set,
/// * `first + r * row_step + k * step + x * column_step + c` is readable for all `r < rows`, each span, `k < count`,
///   every x in `inside` that is `p * stride + t * dilation` for some `p < width`, `t < taps`, and `c < lanes * vectors
///   without a deal`, and every c that is `channel - first_channel + i + j` for `i < inputs`, `j < count` of a deal;
/// * `weights + v * vector_step + i * weight_step + j` is readable for all `v < channels / lanes` rounded up,
///   `i < inputs`, `j < lanes * taps * rows` with `rows` those in all spans;
/// * `output + r * output_row_step + p * output_step + c` is readable and writable for all `r < rows`, `p < width`,
///   `c < channels`;
/// * `bias`, if any, has `channels` readable values;
/// * `inputs` is one where a vector has no deal, and then the vector is whole;
/// * `count <= lanes` for each deal, and its pattern has `lanes` numbers below `lanes` among the patterns.
#[derive(Clone)]
pub(crate) struct DepthwiseTile<'a, T> {
    pub(crate) rows: usize,
    /// The input rows under the first row of outputs, and from those to the next.
    pub(crate) spans: [RowSpan<T>; 2],
    pub(crate) row_step: isize,
    /// Input channels of a group.
    pub(crate) inputs: usize,
    /// Of the last vectors of channels. Those before take the inputs as they are, each its own.
    pub(crate) deals: &'a [Deal],
    pub(crate) patterns: &'a [u32],
    /// The input channel at `first` of the spans.
    pub(crate) first_channel: usize,
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
    /// From a pixel to the next, and from a row to the next.
    pub(crate) output_step: isize,
    pub(crate) output_row_step: isize,
    pub(crate) width: usize,
    pub(crate) channels: usize,
    /// Vectors of channels that the rows pass by at once, where tap columns share inputs: one or more.
    pub(crate) in_strip: usize,
    pub(crate) bias: Option<*const T>,
    pub(crate) finish: Finish<T>,
    pub(crate) _vouched: Vouched,
}

/// The inputs of a vector.
struct Inputs<I: Lanes<T>, T> {
    /// From that of the first vector.
    offset: isize,
    count: usize,
    pattern: Option<I::Pattern>,
}

impl<T: Element> DepthwiseTile<'_, T> {
    /// Runs the loops that serve the taps best. They are micro-kernels of their own, as one that holds them all takes
    /// the compiler minutes.
    pub(crate) fn dispatch(self, isa: InstructionSet) {
        // One lane gains nothing from loads that are shared.
        let taps = if isa.lanes(T::TYPE) == 1 { 0 } else { self.taps };
        match (taps, self.stride, self.dilation) {
            // As `shares_columns` says.
            (3, 1, 1) => self.dispatch_shared::<3, 1>(isa),
            (5, 1, 1) => self.dispatch_shared::<5, 1>(isa),
            (7, 1, 1) => self.dispatch_shared::<7, 1>(isa),
            (3, 2, 1) => self.dispatch_shared::<3, 2>(isa),
            (5, 2, 1) => self.dispatch_shared::<5, 2>(isa),
            (4.., 1, 1) => {
                self.dispatch_rest(isa);
                T::dispatch(isa, LongTile(self));
            }
            _ => {
                let columns = 0..self.width;
                T::dispatch(isa, GeneralTile { tile: self, columns });
            }
        }
    }

    fn dispatch_shared<const TAPS: usize, const STRIDE: usize>(self, isa: InstructionSet) {
        self.dispatch_rest(isa);
        if !self.deals.is_empty() {
            T::dispatch(isa, DealtTile::<T, TAPS, STRIDE>(self.clone()));
        }
        if self.channels.div_ceil(isa.lanes(T::TYPE)) > self.deals.len() {
            T::dispatch(isa, SharedTile::<T, TAPS, STRIDE>(self));
        }
    }

    /// The pixels whose windows have no column inside.
    fn dispatch_rest(&self, isa: InstructionSet) {
        let reach = ((self.taps - 1) * self.dilation) as isize;
        let last = (self.width.max(1) - 1) * self.stride;
        if self.inside.start <= reach && (last as isize) < self.inside.end {
            return;
        }
        let [touched, _] = self.touched_and_inner(self.stride);
        for columns in [0..touched.start, touched.end..self.width] {
            if !columns.is_empty() {
                T::dispatch(isa, GeneralTile { tile: self.clone(), columns });
            }
        }
    }

    /// Goes on to the next row.
    #[inline(always)]
    fn advance(&mut self) {
        for span in &mut self.spans {
            span.first = span.first.wrapping_offset(self.row_step);
        }
        self.output = self.output.wrapping_offset(self.output_row_step);
    }

    /// The pixels whose windows have a column inside, and those that have no column outside. `stride` is that of the
    /// row: where the compiler knows it, it spares the divisions.
    #[inline(always)]
    fn touched_and_inner(&self, stride: usize) -> [Range<usize>; 2] {
        let reach = ((self.taps - 1) * self.dilation) as isize;
        let first = |column: isize| (column.max(0) as usize).div_ceil(stride).min(self.width);
        let Range { start, end } = self.inside;
        let touched = first(start - reach)..first(end);
        let inner = first(start)..first(end - reach);
        [touched.start..touched.end.max(touched.start), inner.start..inner.end.max(inner.start)]
    }

    /// The vectors that take their inputs as they are: those before the ones that have deals.
    #[inline(always)]
    fn whole_vectors<I: Lanes<T>>(&self) -> usize {
        self.channels.div_ceil(I::LANES) - self.deals.len()
    }

    /// # Safety
    /// See [`DepthwiseTile`]; with `DEALT`, vector `v` has a deal.
    #[inline(always)]
    unsafe fn inputs_of<I: Lanes<T>, const DEALT: bool>(&self, isa: I, v: usize) -> Inputs<I, T> {
        if !DEALT {
            return Inputs { offset: (v * I::LANES) as isize, count: I::LANES, pattern: None };
        }
        // SAFETY: the last vectors have deals, which have patterns.
        unsafe {
            let deal = self.deals.get_unchecked(v - self.whole_vectors::<I>());
            let pattern = isa.pattern(self.patterns.as_ptr().add(deal.pattern));
            let offset = (deal.channel - self.first_channel) as isize;
            Inputs { offset, count: deal.count, pattern: Some(pattern) }
        }
    }

    /// A vector of biases or outputs, or as many as vector `v` has.
    ///
    /// # Safety
    /// They are readable.
    #[inline(always)]
    unsafe fn load<I: Lanes<T>, const DEALT: bool>(&self, isa: I, from: *const T, v: usize) -> I::Vector {
        // SAFETY: vouched for by the caller.
        unsafe {
            if DEALT {
                isa.load_part(from, I::LANES.min(self.channels - v * I::LANES))
            } else {
                isa.load(from)
            }
        }
    }

    /// The sums that outputs start with: bias and old output, of the pixels from `at` on in vector `v`.
    ///
    /// # Safety
    /// They are outputs of the tile.
    #[inline(always)]
    unsafe fn begin<I: Lanes<T>, const PIXELS: usize, const DEALT: bool>(
        &self,
        isa: I,
        at: *const T,
        v: usize,
    ) -> [I::Vector; PIXELS] {
        // SAFETY: vouched for by the caller.
        unsafe {
            let bias = match self.bias {
                Some(bias) => self.load::<I, DEALT>(isa, bias.add(v * I::LANES), v),
                None => isa.splat(T::default()),
            };
            let mut sums = [bias; PIXELS];
            if self.finish.accumulates() {
                let factor = isa.splat(self.finish.accumulate);
                let mut from = at;
                for sum in &mut sums {
                    *sum = isa.mul_add(factor, self.load::<I, DEALT>(isa, from, v), *sum);
                    from = from.wrapping_offset(self.output_step);
                }
            }
            sums
        }
    }

    /// Applies the activation and writes to the pixels from `to` on.
    ///
    /// # Safety
    /// As for `begin`.
    #[inline(always)]
    unsafe fn end<I: Lanes<T>, const PIXELS: usize, const DEALT: bool>(
        &self,
        isa: I,
        sums: &[I::Vector; PIXELS],
        mut to: *mut T,
        v: usize,
    ) {
        let mut results = [*sums];
        self.finish.limit(isa, &mut results);
        // From pixel to pixel, by a step that is not read again after each store: products of it would outnumber these.
        let step = self.output_step;
        for &result in results.as_flattened() {
            // SAFETY: vouched for by the caller.
            unsafe {
                if DEALT {
                    isa.store_part(to, result, I::LANES.min(self.channels - v * I::LANES));
                } else {
                    isa.store(to, result);
                }
            }
            to = to.wrapping_offset(step);
        }
    }

    /// Where the output of a pixel is in the first row, in vector `v`.
    #[inline(always)]
    fn output_at<I: Lanes<T>>(&self, x: usize, v: usize) -> *mut T {
        self.output.wrapping_offset((x as isize).wrapping_mul(self.output_step)).wrapping_add(v * I::LANES)
    }
}

impl<I: Lanes<T>, T: Element> Inputs<I, T> {
    /// The inputs at `from`, dealt out to the lanes.
    ///
    /// # Safety
    /// They are readable.
    #[inline(always)]
    unsafe fn load<const DEALT: bool>(&self, isa: I, from: *const T) -> I::Vector {
        // SAFETY: vouched for by the caller.
        unsafe {
            match self.pattern {
                Some(pattern) if DEALT => isa.permute(isa.load_part(from, self.count), pattern),
                _ => isa.load(from),
            }
        }
    }
}
