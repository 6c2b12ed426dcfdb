//! The ends of rows under a border that is one constant: lanes beside the input have it instead.
//!
//! They are masked, tap column by tap column, so that nothing has to be copied. Masks need registers and instructions of
//! their own: blocks are one vector wide, and what is between the ends is left to tiles without them.

use core::hint::black_box;
use core::ops::Range;

use super::super::finish::Staging;
use super::rows::{Reader, TapColumn};
use super::{HotLoop, SHARED_ROWS, SlidingTile};
use crate::element::Element;
use crate::isa::{Lanes, Microkernel};

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

/// The lanes `first..last`; the others are `outside`.
#[derive(Clone, Copy)]
struct Between<T> {
    first: usize,
    last: usize,
    outside: T,
}

impl<T: Element> Reader<T> for Between<T> {
    #[inline(always)]
    unsafe fn load<I: Lanes<T>>(self, isa: I, from: *const T) -> I::Vector {
        // SAFETY: vouched for by the caller.
        unsafe { isa.load_between(from, self.first, self.last, isa.splat(self.outside)) }
    }
}

impl<T: Element> Microkernel<T> for EndsTile<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        let mut row = 0;
        while row < self.tile.rows {
            for column in (0..self.tile.width).step_by(I::LANES) {
                // SAFETY: rows and columns of the tile, for which the maker of `self` vouches.
                unsafe {
                    match self.tile.rows - row {
                        SHARED_ROWS.. => self.block::<I, SHARED_ROWS>(isa, row, column),
                        2.. => self.block::<I, 2>(isa, row, column),
                        _ => self.block::<I, 1>(isa, row, column),
                    }
                }
            }
            row += match self.tile.rows - row {
                SHARED_ROWS.. => SHARED_ROWS,
                2.. => 2,
                _ => 1,
            };
        }
    }
}

impl<T: Element> EndsTile<'_, T> {
    /// `ROWS` x one vector of outputs from (`row`, `column`).
    ///
    /// # Safety
    /// They are rows of the tile, and a column of it.
    #[inline(always)]
    unsafe fn block<I: Lanes<T>, const ROWS: usize>(&self, isa: I, row: usize, column: usize) {
        let tile = &self.tile;
        let target = tile.target(row, column, ROWS, I::LANES);
        // SAFETY: a part of the tile; see `EndsTile`. Pointers to what is not read need not be valid.
        unsafe {
            let mut staging = Staging::new();
            let (to, row_step) = staging.begin(&target, I::LANES, tile.finish.accumulates());
            let mut sums = tile.begin::<I, ROWS, 1, 0>(isa, to, row_step);
            let offset = (row as isize).wrapping_mul(tile.row_step);
            let mut input = tile.input.wrapping_offset(offset);
            let mut weights = tile.weights;
            for _ in 0..tile.channels {
                for sweep in 0..tile.sweeps {
                    let input = input.wrapping_offset(tile.sweep_step.wrapping_mul(sweep as isize));
                    let weights = weights.wrapping_add(sweep.wrapping_mul(tile.weight_sweep_step));
                    self.add_sweep(isa, &mut sums, (input, weights), column, tile.tap_rows(sweep));
                }
                input = input.wrapping_offset(tile.channel_step);
                weights = weights.wrapping_add(tile.weight_channel_step);
            }
            tile.finish.write(isa, &mut sums, to, row_step);
            staging.end(&target, I::LANES);
        }
    }

    /// Adds the products of one sweep of a channel.
    ///
    /// # Safety
    /// `input` is under the first output row of the block and the first column of the tile, `weights` is the first tap,
    /// both of one sweep.
    #[inline(always)]
    unsafe fn add_sweep<I: Lanes<T>, const ROWS: usize>(
        &self,
        isa: I,
        sums: &mut [[I::Vector; 1]; ROWS],
        (input, mut weights): (*const T, *const T),
        column: usize,
        tap_rows: usize,
    ) {
        let row_step = black_box(self.tile.row_step); // as in `rows.rs`
        for run in self.tile.runs {
            let mut at = run.start.wrapping_add(column as isize);
            for _ in 0..run.steps {
                let lane = |edge: isize| edge.saturating_sub(at).clamp(0, I::LANES as isize) as usize;
                let [first, last] = [self.inside.start, self.inside.end].map(lane);
                let reader = Between { first, last, outside: self.outside };
                let input = input.wrapping_offset(at);
                let column = TapColumn::<T, _, 0> { input, row_step, weights, reader };
                // SAFETY: a tap column of the sweep; see `EndsTile`.
                unsafe { column.add(isa, sums, tap_rows) };
                // Steps beyond the last tap are not used.
                weights = weights.wrapping_add(self.tile.weight_column_step);
                at = at.wrapping_add(run.step);
            }
        }
    }
}
