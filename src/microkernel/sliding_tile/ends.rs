//! The ends of rows under a border that is one constant: lanes beside the input have it instead.
//!
//! They are masked, tap column by tap column, so that nothing has to be copied. Masks need registers and instructions
//! of their own: blocks are one vector wide, and what is between the ends is left to tiles without them.

use core::ops::Range;

use super::rows::Reader;
use super::{HotLoop, SHARED_ROWS, SlidingTile};
use crate::element::Element;
use crate::isa::{Lanes, Microkernel, first_bits};

/// A [`SlidingTile`] that reads no columns but those `inside`.
///
/// # Safety
/// As for [`SlidingTile`], but that of the columns `column(t) + x` only those inside are readable; all `runs` have one
/// phase.
pub(crate) struct EndsTile<'a, T> {
    pub(crate) tile: SlidingTile<'a, T>,
    /// Counted from `tile.input`.
    pub(crate) inside: Range<isize>,
    /// What all other columns hold.
    pub(crate) outside: T,
}

pub(super) fn hot_loops() -> [HotLoop; 1] {
    [HotLoop { microkernel: "EndsTile", multiply_adds: SHARED_ROWS }]
}

/// The lanes whose bits are set; the others are `outside`.
#[derive(Clone, Copy)]
struct Inside<T> {
    lanes: u64,
    outside: T,
}

impl<T: Element> Reader<T> for Inside<T> {
    #[inline(always)]
    unsafe fn load<I: Lanes<T>>(self, isa: I, from: *const T) -> I::Vector {
        // SAFETY: vouched for by the caller.
        unsafe { isa.load_lanes(from, self.lanes, isa.splat(self.outside)) }
    }
}

impl<T: Element> Microkernel<T> for EndsTile<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        let mut row = 0;
        while row < self.tile.rows {
            // SAFETY: rows of the tile, for which the maker of `self` vouches.
            unsafe {
                row += match self.tile.rows - row {
                    SHARED_ROWS.. => self.some_rows::<I, SHARED_ROWS>(isa, row),
                    2.. => self.some_rows::<I, 2>(isa, row),
                    _ => self.some_rows::<I, 1>(isa, row),
                };
            }
        }
    }
}

impl<T: Element> EndsTile<'_, T> {
    /// Output rows `row .. row + ROWS`, all columns; returns `ROWS`.
    ///
    /// # Safety
    /// They are rows of the tile; see [`EndsTile`].
    #[inline(always)]
    unsafe fn some_rows<I: Lanes<T>, const ROWS: usize>(&self, isa: I, row: usize) -> usize {
        for column in (0..self.tile.width).step_by(I::LANES) {
            let reader_at = |offset: isize| {
                let at = offset.wrapping_add(column as isize);
                let below = |edge: isize| first_bits(edge.saturating_sub(at).max(0) as usize);
                let lanes = below(self.inside.end) & !below(self.inside.start);
                Inside { lanes, outside: self.outside }
            };
            // SAFETY: columns of the tile, of which the reader reads those inside.
            unsafe { self.tile.block::<I, ROWS, 1, 0, _>(isa, row, column, reader_at) };
        }
        ROWS
    }
}
