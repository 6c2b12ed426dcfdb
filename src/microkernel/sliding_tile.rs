//! The tile of the direct strategy: up to four output rows and several vectors of columns, in registers.
//!
//! In one channel, the plain loop is
//!
//! ```text
//! for each output row r, tap row k, tap column t, vector v of columns:
//!     sum[r][v] += weight[k][t] * input[r + k][column(t) + v]
//! ```
//!
//! Departures: 1. The loop runs over input rows j = r + k, so that a vector is loaded once and multiplied by the
//! weights of every row r that it lies under: one unaligned load per multiply-add would limit the machine to less
//! than half of its speed, since most such loads cross a cache line. 2. The first and last input rows lie under
//! some of the output rows only; that range is a constant of the loop, so the sums stay in registers.
//! Rows of input and output may be apart by any step, which is how strides and dilations are served.

use super::finish::{Finish, Staging, Target};
use super::{HotLoop, Vouched};
use crate::element::Element;
use crate::isa::{Lanes, Microkernel};

/// Most output rows in one tile.
pub(crate) const MAX_ROWS: usize = 4;

/// Computes `rows` x `width` outputs of one channel, or a part of their sums.
///
/// # Safety
/// Whoever makes it vouches that, with `lanes` those of the instruction set,
/// * `input + c * channel_step + j * row_step + columns[t] + x` is readable for all `c < channels`,
///   `j < rows + tap_rows - 1`, `x < width` rounded up to `lanes`;
/// * `weights + c * weight_channel_step + k * weight_row_step + t` is readable for all `k < tap_rows`;
/// * `output + r * output_row_step + x * output_step` is readable and writable for all `r < rows`, `x < width`;
/// * `1 <= rows <= MAX_ROWS`, and `tap_rows >= 1`.
pub(crate) struct SlidingTile<'a, T> {
    pub(crate) input: *const T,
    pub(crate) channels: usize,
    pub(crate) channel_step: isize,
    /// From an input row under the tile to the next.
    pub(crate) row_step: isize,
    /// Where each tap column finds its first input.
    pub(crate) columns: &'a [isize],
    pub(crate) tap_rows: usize,
    pub(crate) weights: *const T,
    pub(crate) weight_channel_step: usize,
    pub(crate) weight_row_step: usize,
    pub(crate) output: *mut T,
    pub(crate) output_row_step: isize,
    pub(crate) output_step: isize,
    pub(crate) rows: usize,
    pub(crate) width: usize,
    pub(crate) bias: T,
    pub(crate) finish: Finish<T>,
    pub(crate) _vouched: Vouched,
}

/// Vectors side by side in a tile of so many rows: as many as registers allow and load sharing wants.
const fn vectors(rows: usize, registers: usize) -> usize {
    match rows {
        1 => 8,
        2 => 4,
        _ if registers >= 32 => 4,
        _ => 2,
    }
}

pub(super) fn hot_loops(registers: usize) -> Vec<HotLoop> {
    let tile = |rows| HotLoop { microkernel: "SlidingTile", multiply_adds: rows * vectors(rows, registers) };
    vec![tile(1), tile(2), tile(4)]
}

impl<T: Element> Microkernel<T> for SlidingTile<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        // SAFETY: parts of the tile that the maker of `self` vouches for.
        unsafe {
            match self.rows {
                4 => self.row_block::<I, 4>(isa, 0),
                3 => {
                    self.row_block::<I, 2>(isa, 0);
                    self.single_row(isa, 2);
                }
                2 => self.row_block::<I, 2>(isa, 0),
                _ => self.single_row(isa, 0),
            }
        }
    }
}

impl<T: Element> SlidingTile<'_, T> {
    /// Output rows `row .. row + ROWS`, all columns, in blocks as wide as the registers allow.
    ///
    /// # Safety
    /// They are rows of the tile; see [`SlidingTile`].
    #[inline(always)]
    unsafe fn row_block<I: Lanes<T>, const ROWS: usize>(&self, isa: I, row: usize) {
        let mut column = 0;
        // SAFETY: each block starts at a column below `width` and is no wider than what is left, rounded up
        // to whole vectors.
        unsafe {
            while column < self.width {
                let left = (self.width - column).div_ceil(I::LANES);
                column += match left.min(vectors(ROWS, I::REGISTERS)) {
                    4.. => self.block::<I, ROWS, 4>(isa, row, column),
                    2.. => self.block::<I, ROWS, 2>(isa, row, column),
                    _ => self.block::<I, ROWS, 1>(isa, row, column),
                };
            }
        }
    }

    /// One output row, in wider blocks.
    ///
    /// # Safety
    /// As for `row_block`.
    #[inline(always)]
    unsafe fn single_row<I: Lanes<T>>(&self, isa: I, row: usize) {
        let mut column = 0;
        // SAFETY: as in `row_block`.
        unsafe {
            while column < self.width {
                column += match (self.width - column).div_ceil(I::LANES) {
                    8.. => self.block::<I, 1, 8>(isa, row, column),
                    4.. => self.block::<I, 1, 4>(isa, row, column),
                    2.. => self.block::<I, 1, 2>(isa, row, column),
                    _ => self.block::<I, 1, 1>(isa, row, column),
                };
            }
        }
    }

    /// `ROWS` x `VECTORS` outputs from (`row`, `column`); returns how many columns that are.
    ///
    /// # Safety
    /// As for `row_block`; of the columns, those below `width` are written.
    #[inline(always)]
    unsafe fn block<I: Lanes<T>, const ROWS: usize, const VECTORS: usize>(
        &self,
        isa: I,
        row: usize,
        column: usize,
    ) -> usize {
        let width = VECTORS * I::LANES;
        // SAFETY: the rows and columns are parts of the tile; see `SlidingTile`.
        unsafe {
            let offset = row as isize * self.output_row_step + column as isize * self.output_step;
            let target = Target {
                first: self.output.offset(offset),
                row_step: self.output_row_step,
                step: self.output_step,
                rows: ROWS,
                columns: width.min(self.width - column),
            };
            let mut staging = Staging::new();
            let (to, row_step) = staging.begin(&target, width, self.finish.accumulates());
            let mut sums = [[isa.splat(self.bias); VECTORS]; ROWS];
            if self.finish.accumulates() {
                self.finish.add_old(isa, &mut sums, to, row_step);
            }
            let mut input = self.input.offset(row as isize * self.row_step).add(column);
            let mut weights = self.weights;
            for _ in 0..self.channels {
                self.add_channel(isa, &mut sums, input, weights);
                input = input.wrapping_offset(self.channel_step);
                weights = weights.wrapping_add(self.weight_channel_step);
            }
            self.finish.write(isa, &sums, to, row_step);
            staging.end(&target, width);
        }
        width
    }

    /// Adds the products of one channel.
    ///
    /// # Safety
    /// `input` is under the first output row of the block, `weights` is the first tap, both of one channel.
    #[inline(always)]
    unsafe fn add_channel<I: Lanes<T>, const ROWS: usize, const VECTORS: usize>(
        &self,
        isa: I,
        sums: &mut [[I::Vector; VECTORS]; ROWS],
        mut input: *const T,
        weights: *const T,
    ) {
        for j in 0..ROWS + self.tap_rows - 1 {
            // Input row j lies under the output rows r with 0 <= j - r < tap_rows.
            let first = (j + 1).saturating_sub(self.tap_rows);
            let last = (j + 1).min(ROWS);
            // SAFETY: row j - first is a tap row, and the one of the highest address that is used.
            unsafe {
                let weights = weights.add((j - first) * self.weight_row_step);
                match (first, last) {
                    (0, 1) => self.add_row::<I, ROWS, VECTORS, 0, 1>(isa, sums, input, weights),
                    (0, 2) => self.add_row::<I, ROWS, VECTORS, 0, 2>(isa, sums, input, weights),
                    (0, 3) => self.add_row::<I, ROWS, VECTORS, 0, 3>(isa, sums, input, weights),
                    (0, 4) => self.add_row::<I, ROWS, VECTORS, 0, 4>(isa, sums, input, weights),
                    (1, 2) => self.add_row::<I, ROWS, VECTORS, 1, 2>(isa, sums, input, weights),
                    (1, 3) => self.add_row::<I, ROWS, VECTORS, 1, 3>(isa, sums, input, weights),
                    (1, 4) => self.add_row::<I, ROWS, VECTORS, 1, 4>(isa, sums, input, weights),
                    (2, 3) => self.add_row::<I, ROWS, VECTORS, 2, 3>(isa, sums, input, weights),
                    (2, 4) => self.add_row::<I, ROWS, VECTORS, 2, 4>(isa, sums, input, weights),
                    _ => self.add_row::<I, ROWS, VECTORS, 3, 4>(isa, sums, input, weights),
                }
                input = input.wrapping_offset(self.row_step); // one step beyond the last row, unused
            }
        }
    }

    /// Adds one input row to the output rows `FIRST .. LAST`. `weights` is the tap row of output row `FIRST`;
    /// the following output rows have the tap rows before it.
    ///
    /// # Safety
    /// As for `add_channel`.
    #[inline(always)]
    unsafe fn add_row<
        I: Lanes<T>,
        const ROWS: usize,
        const VECTORS: usize,
        const FIRST: usize,
        const LAST: usize,
    >(
        &self,
        isa: I,
        sums: &mut [[I::Vector; VECTORS]; ROWS],
        input: *const T,
        weights: *const T,
    ) {
        if LAST > ROWS {
            return; // never asked for; keeps the indices below in bounds for the compiler
        }
        let mut weights = weights;
        for &column in self.columns {
            // SAFETY: see `SlidingTile`; output row FIRST + back takes the tap row that is `back` before that of
            // `weights`.
            unsafe {
                let mut inputs = [isa.splat(T::default()); VECTORS];
                for (v, vector) in inputs.iter_mut().enumerate() {
                    *vector = isa.load(input.offset(column).add(v * I::LANES));
                }
                for (back, sums) in sums[FIRST..LAST].iter_mut().enumerate() {
                    let weight = isa.splat(*weights.sub(back * self.weight_row_step));
                    for (sum, &input) in sums.iter_mut().zip(&inputs) {
                        *sum = isa.mul_add(weight, input, *sum);
                    }
                }
                weights = weights.add(1);
            }
        }
    }
}
