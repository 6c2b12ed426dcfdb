//! The tile for channels that fill at most half of the last vector: two pixels share that vector.
//!
//! ```text
//! for each value k of the window, pixels p and q:
//!     for each whole vector v:  sum[p][v] += input[p + k] * weights[k][v];  sum[q][v] += input[q + k] * weights[k][v]
//!     half[p, q] += (input[p + k] in the first lanes, input[q + k] in the last) * weights[k][last]
//! ```
//!
//! The last vector of the weights has its channels twice. With 24 channels on vectors of 16, two pixels take 3
//! multiply-adds and one choice between lanes instead of 4 multiply-adds: as many instructions, of which the choices
//! have ports of their own on some machines.

use super::ChannelTiles;
use crate::element::Element;
use crate::isa::Lanes;

/// Most pairs of pixels in a tile of so many vectors, the shared one counted as one: as in
/// [`max_pixels`](super::max_pixels). None where there is no such tile.
pub(super) const fn max_pairs(vectors: usize, registers: usize) -> usize {
    match vectors {
        2 | 3 if registers >= 32 => 5,
        4 if registers >= 32 => 3,
        2 => 3,
        _ => 0,
    }
}

/// Sums of two pixels.
#[derive(Clone, Copy)]
struct Pair<V, const WHOLE: usize> {
    whole: [[V; WHOLE]; 2],
    shared: V,
}

impl<V: Copy, const WHOLE: usize> Pair<V, WHOLE> {
    /// Adds the products of an input of each pixel with the weights of one step; `shared` are the last ones, so many.
    #[inline(always)]
    fn add<T: Element, I: Lanes<T, Vector = V>>(
        &mut self,
        isa: I,
        values: [V; 2],
        weights: &[V; WHOLE],
        (shared, count): (V, usize),
    ) {
        for (v, &weights) in weights.iter().enumerate() {
            self.whole[0][v] = isa.mul_add(values[0], weights, self.whole[0][v]);
            self.whole[1][v] = isa.mul_add(values[1], weights, self.whole[1][v]);
        }
        let both = isa.join_halves(values[0], values[1], count);
        self.shared = isa.mul_add(both, shared, self.shared);
    }
}

impl<T: Element> ChannelTiles<'_, T> {
    /// Whether two pixels can share the last vector.
    #[inline(always)]
    pub(super) fn is_halved<I: Lanes<T>>(&self) -> bool {
        max_pairs(self.vectors, I::REGISTERS) > 0
            && self.channels <= (self.vectors - 1) * I::LANES + I::LANES / 2
    }

    /// Cuts the pixels into tiles of nearly equal height, of pairs. Of an odd number some are left, which take a tile
    /// of whole vectors: so many that its sums do not wait for each other.
    ///
    /// # Safety
    /// See [`ChannelTiles`]; `WHOLE + 1 == VECTORS == vectors`, and `is_halved`.
    #[inline(always)]
    pub(super) unsafe fn all_pairs<I: Lanes<T>, const WHOLE: usize, const VECTORS: usize>(&self, isa: I) {
        const { assert!(WHOLE + 1 == VECTORS) };
        let count = self.windows.len();
        let most = max_pairs(VECTORS, I::REGISTERS);
        let odd = if count % 2 == 1 { count.min(5) } else { 0 };
        let pairs = (count - odd) / 2;
        let tiles = pairs.div_ceil(most);
        let mut pair = 0;
        for tile in 0..tiles {
            let ahead = self.ahead::<I>(tile, 2 * (pair + most));
            let in_tile = (pairs - pair) / (tiles - tile);
            macro_rules! by_pairs {
                ($($pairs:literal)+) => {
                    match in_tile {
                        $(
                            // SAFETY: pixels of the list. Larger tiles are never asked for.
                            $pairs if $pairs <= max_pairs(VECTORS, I::REGISTERS) => unsafe {
                                self.halved_tile::<I, $pairs, WHOLE>(isa, 2 * pair, ahead)
                            },
                        )+
                        _ => {}
                    }
                };
            }
            by_pairs!(5 4 3 2 1);
            pair += in_tile;
        }
        let ahead = self.ahead::<I>(tiles, count);
        // SAFETY: the pixels left.
        unsafe { self.tile_of::<I, VECTORS>(isa, 2 * pairs, odd, ahead) };
    }

    /// `WHOLE` vectors and half a one.
    ///
    /// # Safety
    /// See [`ChannelTiles`]; `WHOLE + 1 == vectors`, `is_halved`, and there are `2 * PAIRS` pixels from `first` on.
    #[inline(always)]
    unsafe fn halved_tile<I: Lanes<T>, const PAIRS: usize, const WHOLE: usize>(
        &self,
        isa: I,
        first: usize,
        mut ahead: *const T,
    ) {
        // SAFETY: `first` and `2 * PAIRS - 1` more are pixels of the list.
        unsafe {
            let window = |p: usize| *self.windows.get_unchecked(first + p);
            let inputs: [[*const T; 2]; PAIRS] =
                core::array::from_fn(|pair| [window(2 * pair), window(2 * pair + 1)]);
            let mut sums = [self.initial_pair::<I, WHOLE>(isa); PAIRS];
            if self.finish.accumulates() {
                self.add_old_pairs(isa, &mut sums, first);
            }
            let last = self.channels - WHOLE * I::LANES;
            let mut weights = self.weights;
            for run in self.runs {
                for k in run.offset..run.offset + run.len as isize {
                    let mut vectors = [isa.splat(T::default()); WHOLE];
                    for (v, vector) in vectors.iter_mut().enumerate() {
                        *vector = isa.load(weights.add(v * I::LANES));
                    }
                    let shared = isa.load(weights.add(WHOLE * I::LANES));
                    for (sums, inputs) in sums.iter_mut().zip(&inputs) {
                        let values = [isa.splat(*inputs[0].offset(k)), isa.splat(*inputs[1].offset(k))];
                        sums.add(isa, values, &vectors, (shared, last));
                    }
                    weights = weights.add((WHOLE + 1) * I::LANES);
                    isa.prefetch(ahead);
                    ahead = ahead.wrapping_add(I::LANES);
                }
            }
            for (pair, sums) in sums.iter().enumerate() {
                self.write_pair(isa, sums, first + 2 * pair);
            }
        }
    }

    /// # Safety
    /// As for `halved_tile`.
    #[inline(always)]
    unsafe fn initial_pair<I: Lanes<T>, const WHOLE: usize>(&self, isa: I) -> Pair<I::Vector, WHOLE> {
        let mut pair = Pair { whole: [[isa.splat(T::default()); WHOLE]; 2], shared: isa.splat(T::default()) };
        if let Some(bias) = self.bias {
            // SAFETY: `channels` values are readable, `WHOLE` vectors and a part.
            unsafe {
                for v in 0..WHOLE {
                    pair.whole[0][v] = isa.load(bias.add(v * I::LANES));
                    pair.whole[1][v] = pair.whole[0][v];
                }
                let last = isa.load_part(bias.add(WHOLE * I::LANES), self.channels - WHOLE * I::LANES);
                pair.shared = join(isa, [last; 2], self.channels - WHOLE * I::LANES);
            }
        }
        pair
    }

    /// # Safety
    /// As for `halved_tile`.
    #[inline(always)]
    unsafe fn add_old_pairs<I: Lanes<T>, const PAIRS: usize, const WHOLE: usize>(
        &self,
        isa: I,
        sums: &mut [Pair<I::Vector, WHOLE>; PAIRS],
        first: usize,
    ) {
        let factor = isa.splat(self.finish.accumulate);
        for (pair, sums) in sums.iter_mut().enumerate() {
            let mut last = [factor; 2];
            for (p, last) in last.iter_mut().enumerate() {
                // SAFETY: outputs of the pixel, `WHOLE` vectors and a part.
                unsafe {
                    let from = self.output.offset(*self.outputs.get_unchecked(first + 2 * pair + p));
                    for v in 0..WHOLE {
                        let old = isa.load(from.add(v * I::LANES));
                        sums.whole[p][v] = isa.mul_add(factor, old, sums.whole[p][v]);
                    }
                    *last = isa.load_part(from.add(WHOLE * I::LANES), self.channels - WHOLE * I::LANES);
                }
            }
            sums.shared = isa.mul_add(factor, join(isa, last, self.channels - WHOLE * I::LANES), sums.shared);
        }
    }

    /// # Safety
    /// As for `halved_tile`; `first` is the first pixel of the pair.
    #[inline(always)]
    unsafe fn write_pair<I: Lanes<T>, const WHOLE: usize>(
        &self,
        isa: I,
        sums: &Pair<I::Vector, WHOLE>,
        first: usize,
    ) {
        let mut whole = sums.whole;
        let mut shared = [[sums.shared]];
        self.finish.limit(isa, &mut whole);
        self.finish.limit(isa, &mut shared);
        let [[shared]] = shared;
        let last = [shared, isa.shift_known(shared, shared, I::LANES / 2)];
        for (p, whole) in whole.iter().enumerate() {
            // SAFETY: as in `add_old_pairs`.
            unsafe {
                let to = self.output.offset(*self.outputs.get_unchecked(first + p));
                self.finish.ask_ahead(isa, to, WHOLE + 1);
                for (v, &sum) in whole.iter().enumerate() {
                    isa.store(to.add(v * I::LANES), sum);
                }
                isa.store_part(to.add(WHOLE * I::LANES), last[p], self.channels - WHOLE * I::LANES);
            }
        }
    }
}

/// The first `count` lanes of two vectors, in either half.
#[inline(always)]
fn join<T: Element, I: Lanes<T>>(isa: I, [low, high]: [I::Vector; 2], count: usize) -> I::Vector {
    isa.join_halves(low, isa.shift_known(high, high, I::LANES / 2), count)
}
