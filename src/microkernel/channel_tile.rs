//! The tile with lanes along output channels: up to four vectors of channels by 6 to 10 output pixels in registers, six
//! vectors by 4 pixels, or one by up to 28 (`even`). Half-filled vectors serve two pixels (`halved`).
//!
//! ```text
//! for each value k of the window:
//!     for each pixel p, vector v of channels:  sum[p][v] += input[pixel p + k] * weights[k][v]
//! ```
//!
//! Every pixel has its own place in the input, so that a tile may take any pixels: those of several rows, steps apart
//! (Dukhan, "The indirect convolution algorithm", 2019, has a pointer for each pixel and tap; here the taps are common
//! to all pixels, as the input has been padded). The window is a list of runs of neighbouring values, which covers
//! kernel sizes, dilations and channels alike. With channels innermost a run is a pixel's channels, or those of a whole
//! row of taps.
//!
//! While the pixels of a block of the window pass by, the weights of the next block are prefetched, then the inputs of
//! the tiles to come. Where either is larger than the caches, waiting for it would take up to a third of the time.
//!
//! Per value of the window a tile of 6 pixels x 4 vectors takes 4 + 6 loads for 24 multiply-adds.

mod even;
mod halved;

use even::most_even;
use halved::max_pairs;

use super::finish::Finish;
use super::{HotLoop, Vouched};
use crate::element::Element;
use crate::isa::{Lanes, Microkernel};
use crate::workspace::AnyBits;

/// Most vectors of channels in a tile that serves windows of any length well.
pub(crate) const fn max_vectors(registers: usize) -> usize {
    if registers >= 32 { 4 } else { 2 }
}

/// Vectors of channels in the widest tile, of few pixels; it reads the weights more often.
pub(crate) const WIDEST: usize = 6;

/// Most pixels in a tile of so many vectors: sums, weights and one broadcast fill the vector registers, and each pixel
/// takes an address register.
pub(crate) const fn max_pixels(vectors: usize, registers: usize) -> usize {
    match vectors {
        1 | 2 if registers >= 32 => 10,
        3 => 9,
        4 => 6,
        WIDEST => 4,
        1 => 8,
        _ => 6,
    }
}

pub(super) fn hot_loops(registers: usize) -> Vec<HotLoop> {
    let tile = |vectors| vectors * max_pixels(vectors, registers);
    let widest = (registers >= 32).then_some(WIDEST);
    let sizes = (1..=max_vectors(registers)).chain(widest).map(tile);
    let halved =
        (2..=max_vectors(registers)).map(|vectors| (2 * vectors - 1) * max_pairs(vectors, registers));
    sizes
        .chain(halved)
        .chain([most_even(registers)])
        .map(|multiply_adds| HotLoop { microkernel: "ChannelTiles", multiply_adds })
        .collect()
}

/// Neighbouring values of the window.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// Place of the first, from the first value of the window.
    pub(crate) offset: isize,
    pub(crate) len: usize,
}

// SAFETY: `repr(C)` with two integers of one size.
unsafe impl AnyBits for Run {}

/// Computes the outputs of one panel of output channels for any number of pixels, or a part of their sums.
///
/// # Safety
/// Whoever makes it vouches that, with `lanes` those of the instruction set,
/// * `windows[p] + run.offset + i` is readable for all pixels `p`, `i < run.len` of every run;
/// * `weights` has `vectors * lanes` readable values for each value of the window; where channels fill at most half of
///   the last vector, its second half repeats the first;
/// * `output + outputs[p] + c` is readable and writable for all pixels `p`, `c < channels`;
/// * `windows` and `outputs` are of equal length, `1 <= vectors <= max_vectors(registers)`, or [`WIDEST`] with 32
///   registers, and `(vectors - 1) * lanes < channels <= vectors * lanes`; the bias, if any, has `channels` readable
///   values.
pub(crate) struct ChannelTiles<'a, T> {
    /// Where the window of each pixel starts.
    pub(crate) windows: &'a [*const T],
    pub(crate) runs: &'a [Run],
    pub(crate) weights: *const T,
    pub(crate) vectors: usize,
    pub(crate) output: *mut T,
    pub(crate) outputs: &'a [isize],
    pub(crate) channels: usize,
    pub(crate) bias: Option<*const T>,
    pub(crate) finish: Finish<T>,
    pub(crate) _vouched: Vouched,
}

impl<T: Element> Microkernel<T> for ChannelTiles<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        // SAFETY: the maker of `self` vouches for every pixel.
        unsafe {
            match self.vectors {
                2 if self.is_halved::<I>() => self.all_pairs::<I, 1, 2>(isa),
                3 if self.is_halved::<I>() => self.all_pairs::<I, 2, 3>(isa),
                4 if self.is_halved::<I>() => self.all_pairs::<I, 3, 4>(isa),
                WIDEST if I::REGISTERS >= 32 => self.all_pixels::<I, WIDEST>(isa),
                4 if max_vectors(I::REGISTERS) >= 4 => self.all_pixels::<I, 4>(isa),
                3 if max_vectors(I::REGISTERS) >= 3 => self.all_pixels::<I, 3>(isa),
                2 => self.all_pixels::<I, 2>(isa),
                _ => self.all_even::<I>(isa),
            }
        }
    }
}

impl<T: Element> ChannelTiles<'_, T> {
    /// Cuts the pixels into tiles of nearly equal height: one of 5 pixels beats one of 6 followed by a remnant.
    ///
    /// # Safety
    /// See [`ChannelTiles`]; `VECTORS == vectors`.
    #[inline(always)]
    unsafe fn all_pixels<I: Lanes<T>, const VECTORS: usize>(&self, isa: I) {
        let count = self.windows.len();
        let tiles = count.div_ceil(max_pixels(VECTORS, I::REGISTERS));
        let mut pixel = 0;
        for tile in 0..tiles {
            let ahead = self.ahead::<I>(tile, pixel + max_pixels(VECTORS, I::REGISTERS));
            let pixels = (count - pixel) / (tiles - tile);
            // SAFETY: pixels of the list.
            unsafe { self.tile_of::<I, VECTORS>(isa, pixel, pixels, ahead) };
            pixel += pixels;
        }
    }

    /// # Safety
    /// See [`ChannelTiles`]; `VECTORS == vectors`, and there are `pixels` pixels from `first` on, no more than a tile
    /// has.
    #[inline(always)]
    unsafe fn tile_of<I: Lanes<T>, const VECTORS: usize>(
        &self,
        isa: I,
        first: usize,
        pixels: usize,
        ahead: *const T,
    ) {
        macro_rules! by_pixels {
            ($($pixels:literal)+) => {
                match pixels {
                    $(
                        // SAFETY: vouched for by the caller. Larger tiles are never asked for.
                        $pixels if $pixels <= max_pixels(VECTORS, I::REGISTERS) => unsafe {
                            self.tile::<I, $pixels, VECTORS>(isa, first, ahead)
                        },
                    )+
                    _ => {}
                }
            };
        }
        by_pixels!(10 9 8 7 6 5 4 3 2 1);
    }

    /// What a tile asks for. The weights of the next block follow those of this one; each of the first tiles asks for a
    /// part of them, the others for the inputs of the tiles to come, from pixel `next` on.
    #[inline(always)]
    fn ahead<I: Lanes<T>>(&self, tile: usize, next: usize) -> *const T {
        if tile < self.vectors {
            let steps: usize = self.runs.iter().map(|run| run.len).sum();
            self.weights.wrapping_add((self.vectors + tile) * steps * I::LANES)
        } else {
            self.first_input(next)
        }
    }

    /// The first input of a pixel, or of the last one, in the last run: the others it often shares with pixels before
    /// it.
    #[inline(always)]
    fn first_input(&self, pixel: usize) -> *const T {
        let offset = self.runs.last().map_or(0, |run| run.offset);
        let window = self.windows.get(pixel).or(self.windows.last());
        window.map_or(core::ptr::null(), |window| window.wrapping_offset(offset))
    }

    /// # Safety
    /// See [`ChannelTiles`]; `VECTORS == vectors`, and there are `PIXELS` pixels from `first` on.
    #[inline(always)]
    unsafe fn tile<I: Lanes<T>, const PIXELS: usize, const VECTORS: usize>(
        &self,
        isa: I,
        first: usize,
        mut ahead: *const T,
    ) {
        // SAFETY: `first` and `PIXELS - 1` more are pixels of the list.
        unsafe {
            let inputs: [*const T; PIXELS] = core::array::from_fn(|p| *self.windows.get_unchecked(first + p));
            let mut sums = [self.initial_sums::<I, VECTORS>(isa); PIXELS];
            if self.finish.accumulates() {
                self.add_old::<I, PIXELS, VECTORS>(isa, &mut sums, first);
            }
            let mut weights = self.weights;
            for run in self.runs {
                for k in run.offset..run.offset + run.len as isize {
                    let mut vectors = [isa.splat(T::default()); VECTORS];
                    for (v, vector) in vectors.iter_mut().enumerate() {
                        *vector = isa.load(weights.add(v * I::LANES));
                    }
                    for (sums, input) in sums.iter_mut().zip(&inputs) {
                        let value = isa.splat(*input.offset(k));
                        for v in 0..VECTORS {
                            sums[v] = isa.mul_add(value, vectors[v], sums[v]);
                        }
                    }
                    weights = weights.add(VECTORS * I::LANES);
                    // Tiles of one vector wait for loads, not for products.
                    if VECTORS > 1 {
                        isa.prefetch(ahead);
                        ahead = ahead.wrapping_add(I::LANES);
                    }
                }
            }
            self.finish.limit(isa, &mut sums);
            self.write::<I, PIXELS, VECTORS>(isa, &sums, first);
        }
    }

    /// # Safety
    /// As for `tile`.
    #[inline(always)]
    unsafe fn initial_sums<I: Lanes<T>, const VECTORS: usize>(&self, isa: I) -> [I::Vector; VECTORS] {
        let mut sums = [isa.splat(T::default()); VECTORS];
        if let Some(bias) = self.bias {
            for (v, sum) in sums.iter_mut().enumerate() {
                // SAFETY: `channels` values are readable, of which the last vector may have a part.
                *sum = unsafe {
                    if v + 1 < VECTORS {
                        isa.load(bias.add(v * I::LANES))
                    } else {
                        isa.load_part(bias.add(v * I::LANES), self.channels - v * I::LANES)
                    }
                };
            }
        }
        sums
    }

    /// # Safety
    /// As for `tile`.
    #[inline(always)]
    unsafe fn add_old<I: Lanes<T>, const PIXELS: usize, const VECTORS: usize>(
        &self,
        isa: I,
        sums: &mut [[I::Vector; VECTORS]; PIXELS],
        first: usize,
    ) {
        let factor = isa.splat(self.finish.accumulate);
        let last = self.channels - (VECTORS - 1) * I::LANES;
        for (p, sums) in sums.iter_mut().enumerate() {
            // SAFETY: outputs of the pixel, of which the last vector may have a part.
            unsafe {
                let from = self.output.offset(*self.outputs.get_unchecked(first + p));
                for (v, sum) in sums[..VECTORS - 1].iter_mut().enumerate() {
                    *sum = isa.mul_add(factor, isa.load(from.add(v * I::LANES)), *sum);
                }
                let old = isa.load_part(from.add((VECTORS - 1) * I::LANES), last);
                sums[VECTORS - 1] = isa.mul_add(factor, old, sums[VECTORS - 1]);
            }
        }
    }

    /// # Safety
    /// As for `tile`.
    #[inline(always)]
    unsafe fn write<I: Lanes<T>, const PIXELS: usize, const VECTORS: usize>(
        &self,
        isa: I,
        sums: &[[I::Vector; VECTORS]; PIXELS],
        first: usize,
    ) {
        let last = self.channels - (VECTORS - 1) * I::LANES;
        for (p, sums) in sums.iter().enumerate() {
            // SAFETY: as in `add_old`.
            unsafe {
                let to = self.output.offset(*self.outputs.get_unchecked(first + p));
                self.finish.ask_ahead(isa, to, VECTORS);
                for (v, &sum) in sums.iter().enumerate() {
                    if v + 1 < VECTORS {
                        isa.store(to.add(v * I::LANES), sum);
                    } else {
                        isa.store_part(to.add(v * I::LANES), sum, last);
                    }
                }
            }
        }
    }
}
