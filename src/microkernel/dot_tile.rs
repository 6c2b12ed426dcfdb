//! The tile with lanes along the window: each output is a dot product of its window and a kernel.
//!
//! ```text
//! for each vector k of the window:
//!     for each pixel p, output channel c:  sum[p][c] += input[pixel p + k] * weights[k][c]
//! ```
//!
//! A vector of inputs serves all channels, a vector of weights all pixels. In the end the lanes of each sum are added
//! up, by halves, for a vector of sums at a time. It needs no more output channels than one to keep all lanes at work,
//! but neighbouring values in the window.

use super::channel_tile::Run;
use super::finish::Finish;
use super::{HotLoop, Vouched};
use crate::element::Element;
use crate::isa::{Lanes, Microkernel};

/// Most output channels of a tile.
pub(crate) const MAX_CHANNELS: usize = 4;

/// Most lanes of a vector.
const MAX_LANES: usize = 16;

/// Most sums of a tile.
const MAX_SUMS: usize = 16;

/// Most pixels of a tile. Their sums make few vectors of totals, without a remnant, and enough chains to hide the
/// latency of multiply-adds.
pub(crate) const fn max_pixels(channels: usize, registers: usize) -> usize {
    match channels {
        1 => 8,
        2 if registers >= 32 => 8,
        3 if registers >= 32 => 5,
        2 | 3 => 4,
        _ if registers >= 32 => 4,
        _ => 2,
    }
}

const _: () = {
    let mut channels = 1;
    while channels <= MAX_CHANNELS {
        assert!(
            channels * max_pixels(channels, 16) <= MAX_SUMS
                && channels * max_pixels(channels, 32) <= MAX_SUMS
        );
        channels += 1;
    }
};

pub(super) fn hot_loops(registers: usize) -> Vec<HotLoop> {
    let sums = |channels| channels * max_pixels(channels, registers);
    (1..=MAX_CHANNELS)
        .map(|channels| HotLoop { microkernel: "DotTiles", multiply_adds: sums(channels) })
        .collect()
}

/// Computes a few output channels of any number of pixels.
///
/// # Safety
/// Whoever makes it vouches that, with `lanes` those of the instruction set,
/// * `windows[p] + run.offset + i` is readable for all pixels `p`, `i < run.len` of every run;
/// * `weights` has `channels` readable vectors for each vector of each run, of which the last one counts as whole;
/// * `output + places[p] + c * channel_step` is readable and writable for all pixels `p`, `c < channels`;
/// * `windows` and `places` are of equal length, and `1 <= channels <= MAX_CHANNELS`; the bias, if any, has `channels`
///   readable values.
pub(crate) struct DotTiles<'a, T> {
    /// Where the window of each pixel starts.
    pub(crate) windows: &'a [*const T],
    pub(crate) runs: &'a [Run],
    pub(crate) weights: *const T,
    pub(crate) channels: usize,
    pub(crate) output: *mut T,
    pub(crate) channel_step: isize,
    pub(crate) places: &'a [isize],
    pub(crate) bias: Option<*const T>,
    pub(crate) finish: Finish<T>,
    pub(crate) _vouched: Vouched,
}

impl<T: Element> Microkernel<T> for DotTiles<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        // SAFETY: the maker of `self` vouches for every pixel.
        unsafe {
            match self.channels {
                1 => self.all_pixels::<I, 1>(isa),
                2 => self.all_pixels::<I, 2>(isa),
                3 => self.all_pixels::<I, 3>(isa),
                _ => self.all_pixels::<I, 4>(isa),
            }
        }
    }
}

impl<T: Element> DotTiles<'_, T> {
    /// Whole tiles, then one of the pixels that are left.
    ///
    /// # Safety
    /// See [`DotTiles`]; `CHANNELS == channels`.
    #[inline(always)]
    unsafe fn all_pixels<I: Lanes<T>, const CHANNELS: usize>(&self, isa: I) {
        let (count, most) = (self.windows.len(), max_pixels(CHANNELS, I::REGISTERS));
        for first in (0..count).step_by(most) {
            macro_rules! by_pixels {
                ($($pixels:literal)+) => {
                    match (count - first).min(most) {
                        $(
                            // SAFETY: pixels of the list. Larger tiles are never asked for.
                            $pixels if $pixels <= max_pixels(CHANNELS, I::REGISTERS) => unsafe {
                                self.tile::<I, $pixels, CHANNELS>(isa, first)
                            },
                        )+
                        _ => {}
                    }
                };
            }
            by_pixels!(8 7 6 5 4 3 2 1);
        }
    }

    /// # Safety
    /// See [`DotTiles`]; `CHANNELS == channels`, and there are `PIXELS` pixels from `first` on.
    #[inline(always)]
    unsafe fn tile<I: Lanes<T>, const PIXELS: usize, const CHANNELS: usize>(&self, isa: I, first: usize) {
        // SAFETY: `first` and `PIXELS - 1` more are pixels of the list; the maker of `self` vouches for runs and
        // weights.
        unsafe {
            let inputs: [*const T; PIXELS] = core::array::from_fn(|p| *self.windows.get_unchecked(first + p));
            let mut sums = self.initial_sums::<I, PIXELS, CHANNELS>(isa, first);
            let mut weights = self.weights;
            for run in self.runs {
                let end = run.offset + (run.len / I::LANES * I::LANES) as isize;
                let mut k = run.offset;
                while k < end {
                    add(isa, &mut sums, weights, inputs.map(|input| input.offset(k)), I::LANES);
                    weights = weights.add(CHANNELS * I::LANES);
                    k += I::LANES as isize;
                }
                let rest = run.len % I::LANES;
                if rest > 0 {
                    add(isa, &mut sums, weights, inputs.map(|input| input.offset(k)), rest);
                    weights = weights.add(CHANNELS * I::LANES);
                }
            }
            // A copy, lest the sums be kept in memory.
            let results = sums;
            self.write::<I, PIXELS, CHANNELS>(isa, &results, first);
        }
    }

    /// Bias and old output, each in one lane of its sum.
    ///
    /// # Safety
    /// As for `tile`.
    #[inline(always)]
    unsafe fn initial_sums<I: Lanes<T>, const PIXELS: usize, const CHANNELS: usize>(
        &self,
        isa: I,
        first: usize,
    ) -> [[I::Vector; CHANNELS]; PIXELS] {
        let mut sums = [[isa.splat(T::default()); CHANNELS]; PIXELS];
        if let Some(bias) = self.bias {
            for sums in &mut sums {
                for (c, sum) in sums.iter_mut().enumerate() {
                    // SAFETY: a bias for each channel.
                    *sum = unsafe { isa.load_part(bias.add(c), 1) };
                }
            }
        }
        if self.finish.accumulates() {
            let factor = isa.splat(self.finish.accumulate);
            for (p, sums) in sums.iter_mut().enumerate() {
                for (c, sum) in sums.iter_mut().enumerate() {
                    // SAFETY: an output of the pixel.
                    let old = unsafe { isa.load_part(self.output_at(first + p, c), 1) };
                    *sum = isa.mul_add(factor, old, *sum);
                }
            }
        }
        sums
    }

    /// # Safety
    /// The pixel is one of the list, the channel below `channels`.
    #[inline(always)]
    unsafe fn output_at(&self, pixel: usize, channel: usize) -> *mut T {
        // SAFETY: vouched for by the caller and by the maker of `self`.
        unsafe {
            let place = *self.places.get_unchecked(pixel);
            self.output.offset(place).wrapping_offset((channel as isize).wrapping_mul(self.channel_step))
        }
    }

    /// Adds up the lanes, a vector of sums at a time, and writes the totals: at once where they are neighbours.
    ///
    /// # Safety
    /// As for `tile`.
    #[inline(always)]
    unsafe fn write<I: Lanes<T>, const PIXELS: usize, const CHANNELS: usize>(
        &self,
        isa: I,
        sums: &[[I::Vector; CHANNELS]; PIXELS],
        first: usize,
    ) {
        const { assert!(I::LANES <= MAX_LANES) };
        let count = PIXELS * CHANNELS;
        // SAFETY: outputs of the pixels, and places in `totals`, which has room for whole vectors.
        unsafe {
            let are_neighbours = self.are_neighbours::<PIXELS, CHANNELS>(first);
            let to = self.output_at(first, 0);
            let mut totals = [T::default(); MAX_SUMS + MAX_LANES];
            for start in (0..count).step_by(I::LANES) {
                let mut total = [[fold(isa, sums.as_flattened(), start)]];
                self.finish.limit(isa, &mut total);
                if are_neighbours {
                    isa.store_part(to.add(start), total[0][0], (count - start).min(I::LANES));
                } else {
                    isa.store(totals.as_mut_ptr().add(start), total[0][0]);
                }
            }
            if !are_neighbours {
                for (at, &total) in totals[..count].iter().enumerate() {
                    *self.output_at(first + at / CHANNELS, at % CHANNELS) = total;
                }
            }
        }
    }

    /// Whether the outputs of these pixels follow each other, each with its channels.
    ///
    /// # Safety
    /// As for `tile`.
    #[inline(always)]
    unsafe fn are_neighbours<const PIXELS: usize, const CHANNELS: usize>(&self, first: usize) -> bool {
        // SAFETY: pixels of the list.
        let place = |p: usize| unsafe { *self.places.get_unchecked(first + p) };
        (CHANNELS == 1 || self.channel_step == 1)
            && (1..PIXELS).all(|p| place(p).wrapping_sub(place(p - 1)) == CHANNELS as isize)
    }
}

/// Adds the products of one vector of each window, or of its first `count` lanes.
///
/// # Safety
/// `weights` is readable for `CHANNELS` vectors, each input for `count` values.
#[inline(always)]
unsafe fn add<T: Element, I: Lanes<T>, const PIXELS: usize, const CHANNELS: usize>(
    isa: I,
    sums: &mut [[I::Vector; CHANNELS]; PIXELS],
    weights: *const T,
    inputs: [*const T; PIXELS],
    count: usize,
) {
    let mut taps = [isa.splat(T::default()); CHANNELS];
    for (c, taps) in taps.iter_mut().enumerate() {
        // SAFETY: vouched for by the caller.
        *taps = unsafe { isa.load(weights.add(c * I::LANES)) };
    }
    for (input, sums) in inputs.into_iter().zip(sums) {
        // SAFETY: vouched for by the caller.
        let values = unsafe { if count == I::LANES { isa.load(input) } else { isa.load_part(input, count) } };
        for (sum, &taps) in sums.iter_mut().zip(&taps) {
            *sum = isa.mul_add(values, taps, *sum);
        }
    }
}

/// The totals of the lanes of a vector of sums from `start` on, one in each lane. The order of additions is the same
/// for each.
#[inline(always)]
fn fold<T: Element, I: Lanes<T>>(isa: I, sums: &[I::Vector], start: usize) -> I::Vector {
    let mut vectors = [isa.splat(T::default()); MAX_LANES];
    for (vector, &sum) in vectors.iter_mut().zip(&sums[start..]).take(I::LANES) {
        *vector = sum;
    }
    // Of each two vectors one: the sums of their neighbouring lanes. Counts are literals, or loops would stay loops.
    if I::LANES > 8 {
        halve::<T, I, 8>(isa, &mut vectors);
    }
    if I::LANES > 4 {
        halve::<T, I, 4>(isa, &mut vectors);
    }
    if I::LANES > 2 {
        halve::<T, I, 2>(isa, &mut vectors);
    }
    if I::LANES > 1 {
        halve::<T, I, 1>(isa, &mut vectors);
    }
    vectors[0]
}

#[inline(always)]
fn halve<T: Element, I: Lanes<T>, const HALF: usize>(isa: I, vectors: &mut [I::Vector; MAX_LANES]) {
    for at in 0..HALF {
        let [even, odd] = isa.deinterleave(vectors[2 * at], vectors[2 * at + 1]);
        vectors[at] = isa.add(even, odd);
    }
}
