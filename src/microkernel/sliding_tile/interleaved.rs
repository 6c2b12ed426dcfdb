//! Pixels of a few channels, each with a kernel of its own: rows of interleaved values.
//!
//! A row of pixels is a row of values whose taps are a pixel apart. Lanes have the weights of their channels. Where the
//! channels do not divide the lanes, the weights of a tap are a *period* of vectors, after which channels and lanes
//! meet again: three for red, green and blue.

use super::rows::vectors;
use super::{HotLoop, SHARED_ROWS, SlidingTile};
use crate::element::Element;
use crate::isa::{Lanes, Microkernel};

/// The periods that there are loops for.
pub(crate) const PERIODS: [usize; 2] = [1, 3];

/// A [`SlidingTile`] of interleaved channels. The columns are those of values, not of pixels, `width` too.
///
/// # Safety
/// As for [`SlidingTile`], but that
/// * `width` is rounded up to `lanes * period` in what is readable of the input;
/// * weights are vectors: where `SlidingTile` has tap t of a row, this has `lanes * period` values from
///   `t * lanes * period` on;
/// * `bias` has `lanes * period` readable values;
/// * `period` is one of [`PERIODS`]; all `runs` have one phase.
pub(crate) struct InterleavedTile<'a, T> {
    pub(crate) tile: SlidingTile<'a, T>,
    pub(crate) period: usize,
}

pub(super) fn hot_loops(registers: usize) -> Vec<HotLoop> {
    let tile = |period| HotLoop {
        microkernel: "InterleavedTile",
        multiply_adds: SHARED_ROWS * vectors(SHARED_ROWS, registers, period),
    };
    PERIODS.map(tile).into()
}

impl<T: Element> Microkernel<T> for InterleavedTile<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        let tile = &self.tile;
        let shares_rows = tile.tap_rows(0) > 1;
        let mut row = 0;
        while row < tile.rows {
            let is_block = shares_rows && tile.rows - row >= SHARED_ROWS;
            // SAFETY: rows of the tile, for which the maker of `self` vouches.
            unsafe {
                row += match (is_block, self.period) {
                    (true, 3) => tile.several_rows::<I, SHARED_ROWS, 3>(isa, row),
                    (true, _) => tile.several_rows::<I, SHARED_ROWS, 1>(isa, row),
                    (false, 3) => tile.several_rows::<I, 1, 3>(isa, row),
                    (false, _) => tile.several_rows::<I, 1, 1>(isa, row),
                };
            }
        }
    }
}
