//! What both kinds of sums along columns have in common: where their rows are, and how these are cut into blocks.
//!
//! * [`ColumnPass`](super::column_pass::ColumnPass): any taps;
//! * [`FoldedColumns`](super::folded_columns::FoldedColumns): taps that are alike from either end.

use super::Vouched;
use crate::element::Element;
use crate::isa::Lanes;

/// `rows` x `width` sums.
///
/// # Safety
/// Whoever makes it vouches that, with `lanes` those of the instruction set,
/// * `inputs` holds `(rows - 1) * step + taps.len()` pointers, and `pointer + first + x` is readable for each of them
///   and all `x < width` rounded up to `lanes`;
/// * `to + r * to_step + x` is writable for all `r < rows` and the same `x`;
/// * there are taps, and `step >= 1`.
pub(crate) struct Columns<'a, T> {
    /// The input rows under the tile, in order.
    pub(crate) inputs: *const *const T,
    /// From where a pointer points to the first value wanted.
    pub(crate) first: isize,
    /// Input rows from one output row to the next.
    pub(crate) step: usize,
    pub(crate) taps: &'a [T],
    pub(crate) to: *mut T,
    pub(crate) to_step: usize,
    pub(crate) rows: usize,
    pub(crate) width: usize,
    /// Memory that is wanted soon, as many rows of as many values: asked for on the way.
    pub(crate) soon: Option<Soon<T>>,
    pub(crate) _vouched: Vouched,
}

/// The first value of the first row, and values from one row to the next.
#[derive(Clone, Copy)]
pub(crate) struct Soon<T> {
    pub(crate) first: *const T,
    pub(crate) step: isize,
}

impl<T> Soon<T> {
    /// Asks for `ROWS` x `VECTORS` vectors from (`row`, `column`).
    #[inline(always)]
    fn ask<I: Lanes<T>, const ROWS: usize, const VECTORS: usize>(self, isa: I, row: usize, column: usize) {
        for r in 0..ROWS {
            let row = self.first.wrapping_offset((row + r) as isize * self.step).wrapping_add(column);
            for v in 0..VECTORS {
                isa.prefetch(row.wrapping_add(v * I::LANES));
            }
        }
    }
}

/// A way to compute them, block by block.
pub(super) trait Blocks<T: Element> {
    fn columns(&self) -> &Columns<'_, T>;

    /// `ROWS` x `VECTORS` sums from (`row`, `column`).
    ///
    /// # Safety
    /// They are rows and columns of the tile, the latter rounded up to whole vectors; see [`Columns`].
    unsafe fn sums<I: Lanes<T>, const ROWS: usize, const VECTORS: usize>(
        &self,
        isa: I,
        row: usize,
        column: usize,
    ) -> [[I::Vector; VECTORS]; ROWS];

    /// Computes the output rows `row .. row + ROWS`, all columns; returns how many rows that are.
    ///
    /// # Safety
    /// They are rows of the tile.
    #[inline(always)]
    unsafe fn row_block<I: Lanes<T>, const ROWS: usize, const VECTORS: usize>(
        &self,
        isa: I,
        row: usize,
    ) -> usize {
        let (width, mut column) = (self.columns().width, 0);
        // SAFETY: each block starts at a column below `width` and is no wider than what is left, rounded up to whole
        // vectors.
        unsafe {
            while column < width {
                column += if (width - column).div_ceil(I::LANES) >= VECTORS {
                    self.block::<I, ROWS, VECTORS>(isa, row, column)
                } else {
                    self.block::<I, ROWS, 1>(isa, row, column)
                };
            }
        }
        ROWS
    }

    /// Computes `ROWS` x `VECTORS` sums from (`row`, `column`); returns how many columns that are.
    ///
    /// # Safety
    /// As for `sums`.
    #[inline(always)]
    unsafe fn block<I: Lanes<T>, const ROWS: usize, const VECTORS: usize>(
        &self,
        isa: I,
        row: usize,
        column: usize,
    ) -> usize {
        let Columns { to, to_step, soon, .. } = *self.columns();
        if let Some(soon) = soon {
            soon.ask::<I, ROWS, VECTORS>(isa, row, column);
        }
        // SAFETY: vouched for by the caller.
        unsafe {
            let sums = self.sums::<I, ROWS, VECTORS>(isa, row, column);
            for (r, sums) in sums.iter().enumerate() {
                for (v, &sum) in sums.iter().enumerate() {
                    isa.store(to.add((row + r) * to_step + column + v * I::LANES), sum);
                }
            }
        }
        VECTORS * I::LANES
    }
}
