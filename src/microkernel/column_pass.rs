//! The first half of a separable filter: sums along columns, several rows of them at once.
//!
//! ```text
//! for each output row r, tap k, vector v of columns:
//!     sum[r][v] += tap[k] * input[r * step + k][v]
//! ```
//!
//! Departures: 1. The loop runs over input rows, so that a vector is loaded once for all output rows that it lies
//! under. Kernels of many taps read each input row from the second-level cache, and the taller the tile, the less
//! often: so it is as tall as registers allow. Taps that are `step` apart form a group, in which each output row is one
//! input row further. 2. Input rows are found through a table, so that some may lie in the input itself and others in
//! copies.

use super::HotLoop;
use super::columns::{Blocks, Columns};
use crate::element::Element;
use crate::isa::{Lanes, Microkernel};

/// Output rows of a low tile, for kernels of few taps and for what is left of the rows.
const LOW: usize = 4;
/// Vectors side by side in a tall tile.
const TALL_VECTORS: usize = 2;

/// Most output rows in one tile.
pub(crate) const fn tall(registers: usize) -> usize {
    if registers >= 32 { 8 } else { 6 }
}

/// Vectors side by side in a low tile, as registers allow.
const fn low_vectors(registers: usize) -> usize {
    if registers >= 32 { 4 } else { 2 }
}

/// Computes [`Columns`] with any taps.
pub(crate) struct ColumnPass<'a, T>(pub(crate) Columns<'a, T>);

pub(super) fn hot_loops(registers: usize) -> Vec<HotLoop> {
    let tile = |multiply_adds| HotLoop { microkernel: "ColumnPass", multiply_adds };
    vec![tile(tall(registers) * TALL_VECTORS), tile(LOW * low_vectors(registers))]
}

impl<T: Element> Microkernel<T> for ColumnPass<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        let Columns { rows, taps, step, .. } = self.0;
        let mut row = 0;
        // SAFETY: rows of the tile that the maker of `self` vouches for.
        unsafe {
            while row < rows {
                let is_tall = rows - row >= tall(I::REGISTERS) && taps.len() >= 8 * step;
                row += match (is_tall, rows - row, I::REGISTERS) {
                    (true, _, 32..) => self.row_block::<I, 8, TALL_VECTORS>(isa, row),
                    (true, _, _) => self.row_block::<I, 6, TALL_VECTORS>(isa, row),
                    (false, LOW.., 32..) => self.row_block::<I, LOW, 4>(isa, row),
                    (false, LOW.., _) => self.row_block::<I, LOW, 2>(isa, row),
                    _ => self.row_block::<I, 1, 4>(isa, row),
                };
            }
        }
    }
}

impl<T: Element> Blocks<T> for ColumnPass<'_, T> {
    #[inline(always)]
    fn columns(&self) -> &Columns<'_, T> {
        &self.0
    }

    /// # Safety
    /// As [`Blocks::sums`] asks.
    #[inline(always)]
    unsafe fn sums<I: Lanes<T>, const ROWS: usize, const VECTORS: usize>(
        &self,
        isa: I,
        row: usize,
        column: usize,
    ) -> [[I::Vector; VECTORS]; ROWS] {
        let Columns { inputs, first, step, taps, .. } = self.0;
        let mut sums = [[isa.splat(T::default()); VECTORS]; ROWS];
        let offset = first.wrapping_add(column as isize);
        for group in 0..step.min(taps.len()) {
            // SAFETY: groups begin with the first taps; the rows and columns are parts of the tile.
            unsafe { self.add_group(isa, &mut sums, inputs.add(row * step + group), offset, group) };
        }
        sums
    }
}

impl<T: Element> ColumnPass<'_, T> {
    /// Adds the products of tap `group` and those `step`, `2 * step`, ... after it.
    ///
    /// # Safety
    /// `inputs` is the entry of the row under that tap and the first output row of the block.
    #[inline(always)]
    unsafe fn add_group<I: Lanes<T>, const ROWS: usize, const VECTORS: usize>(
        &self,
        isa: I,
        sums: &mut [[I::Vector; VECTORS]; ROWS],
        inputs: *const *const T,
        offset: isize,
        group: usize,
    ) {
        let count = (self.0.taps.len() - group).div_ceil(self.0.step);
        // Input row j lies under the output rows r with 0 <= j - r < count: under all of them between both ends.
        // SAFETY: these rows are under the tile. Tap j - r of the first such r is the one of the highest address used.
        unsafe {
            let input = |j: usize| (*inputs.add(j * self.0.step)).wrapping_offset(offset);
            let tap = |k: usize| self.0.taps.as_ptr().add(group + k * self.0.step);
            for j in 0..ROWS - 1 {
                let first = (j + 1).saturating_sub(count);
                self.add_to(isa, sums, input(j), tap(j - first), [first, j + 1]);
            }
            for j in ROWS - 1..count {
                self.add_row::<I, ROWS, VECTORS, 0, ROWS>(isa, sums, input(j), tap(j));
            }
            for j in count.max(ROWS - 1)..ROWS + count - 1 {
                self.add_to(isa, sums, input(j), tap(count - 1), [j + 1 - count, ROWS]);
            }
        }
    }

    /// Adds one input row to the output rows from `first` to `end`, of which one is the first or the last of the block
    /// unless the block is low.
    ///
    /// # Safety
    /// As for `add_row`.
    #[inline(always)]
    unsafe fn add_to<I: Lanes<T>, const ROWS: usize, const VECTORS: usize>(
        &self,
        isa: I,
        sums: &mut [[I::Vector; VECTORS]; ROWS],
        input: *const T,
        taps: *const T,
        [first, end]: [usize; 2],
    ) {
        macro_rules! rows {
            ($($first:literal .. $end:literal),+) => {
                match (first, end) {
                    $(($first, $end) => {
                        // SAFETY: vouched for by the caller.
                        unsafe { self.add_row::<I, ROWS, VECTORS, $first, $end>(isa, sums, input, taps) };
                    })+
                    _ => debug_assert!(false, "{first}..{end} of {ROWS} rows"),
                }
            };
        }
        match ROWS {
            8 => rows!(0..1, 0..2, 0..3, 0..4, 0..5, 0..6, 0..7, 1..8, 2..8, 3..8, 4..8, 5..8, 6..8, 7..8),
            6 => rows!(0..1, 0..2, 0..3, 0..4, 0..5, 1..6, 2..6, 3..6, 4..6, 5..6),
            _ => rows!(0..1, 0..2, 0..3, 0..4, 1..2, 1..3, 1..4, 2..3, 2..4, 3..4),
        }
    }

    /// Adds one input row to the output rows `FIRST .. END`. `taps` is the tap of output row `FIRST`; the following
    /// output rows have those before it, `step` apart.
    ///
    /// # Safety
    /// `input` is readable for the vectors of the block, and these taps are.
    #[inline(always)]
    unsafe fn add_row<
        I: Lanes<T>,
        const ROWS: usize,
        const VECTORS: usize,
        const FIRST: usize,
        const END: usize,
    >(
        &self,
        isa: I,
        sums: &mut [[I::Vector; VECTORS]; ROWS],
        input: *const T,
        taps: *const T,
    ) {
        if END > ROWS {
            return; // never asked for; keeps the indices below in bounds for the compiler
        }
        let mut inputs = [isa.splat(T::default()); VECTORS];
        for (v, vector) in inputs.iter_mut().enumerate() {
            // SAFETY: vouched for by the caller.
            *vector = unsafe { isa.load(input.add(v * I::LANES)) };
        }
        for (back, sums) in sums[FIRST..END].iter_mut().enumerate() {
            // SAFETY: vouched for by the caller.
            let tap = isa.splat(unsafe { *taps.sub(back * self.0.step) });
            for (sum, &input) in sums.iter_mut().zip(&inputs) {
                *sum = isa.mul_add(tap, input, *sum);
            }
        }
    }
}
