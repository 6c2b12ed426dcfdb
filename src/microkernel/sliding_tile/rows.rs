//! Several output rows: the loop of images.
//!
//! 1. In a tap column, it runs over input rows j = r + k, so that a vector is loaded once and multiplied by the weights
//!    of every output row r that it lies under. 2. The first and last input rows lie under some of the output rows
//!    only; they are taken apart from the loop, so that sums stay in registers and nothing is left to branch on.

use core::hint::black_box;

use super::super::finish::Staging;
use super::{SHARED_ROWS, SlidingTile};
use crate::element::Element;
use crate::isa::Lanes;

/// Bytes.
const CACHE_LINE: usize = 64;

/// Vectors side by side in a block of so many rows: as many as registers allow and load sharing wants. They are a
/// multiple of the period of the weights.
pub(super) const fn vectors(rows: usize, registers: usize, period: usize) -> usize {
    match (rows > 2 && registers < 32, period) {
        (true, 3) => 3,
        (false, 3) => 6,
        (true, _) => 2,
        (false, _) => 4,
    }
}

impl<T: Element> SlidingTile<'_, T> {
    /// Output rows `row .. row + ROWS`, all columns, in blocks as wide as the registers allow; returns `ROWS`.
    ///
    /// # Safety
    /// They are rows of the tile; see [`SlidingTile`].
    #[inline(always)]
    pub(super) unsafe fn several_rows<I: Lanes<T>, const ROWS: usize, const PERIOD: usize>(
        &self,
        isa: I,
        row: usize,
    ) -> usize {
        let mut column = 0;
        if ROWS == SHARED_ROWS && PERIOD == 0 {
            // SAFETY: rows of the tile.
            column = unsafe { self.small_blocks(isa, row) };
        }
        while column < self.width {
            let left = (self.width - column).div_ceil(I::LANES);
            // SAFETY: each block starts at a column below `width` and is no wider than what is left, rounded up
            // to whole vectors.
            unsafe {
                column += match left.min(vectors(ROWS, I::REGISTERS, PERIOD)) {
                    4.. if PERIOD == 3 => self.block::<I, ROWS, 6, PERIOD, _>(isa, row, column, |_| Whole),
                    _ if PERIOD == 3 => self.block::<I, ROWS, 3, PERIOD, _>(isa, row, column, |_| Whole),
                    4.. => self.block::<I, ROWS, 4, PERIOD, _>(isa, row, column, |_| Whole),
                    2.. => self.block::<I, ROWS, 2, PERIOD, _>(isa, row, column, |_| Whole),
                    _ => self.block::<I, ROWS, 1, PERIOD, _>(isa, row, column, |_| Whole),
                };
            }
        }
        ROWS
    }

    /// `ROWS` x `VECTORS` outputs from (`row`, `column`); returns how many columns that are. Without a `PERIOD` a
    /// weight goes to all lanes; with one, weights are as many vectors, which follow each other over and over.
    /// `reader_at` knows how to read what is so many columns behind the first column of the block.
    ///
    /// # Safety
    /// As for `several_rows`; of the columns, those below `width` are written.
    #[inline(always)]
    pub(super) unsafe fn block<
        I: Lanes<T>,
        const ROWS: usize,
        const VECTORS: usize,
        const PERIOD: usize,
        R: Reader<T>,
    >(
        &self,
        isa: I,
        row: usize,
        column: usize,
        reader_at: impl Fn(isize) -> R,
    ) -> usize {
        let width = VECTORS * I::LANES;
        let target = self.target(row, column, ROWS, width);
        // SAFETY: a part of the tile; see `SlidingTile`. Pointers one step beyond what is read are not used.
        unsafe {
            let mut staging = Staging::new();
            let (to, row_step) = staging.begin(&target, width, self.finish.accumulates());
            // Interleaved channels are slower with it.
            if ROWS > 1 && PERIOD == 0 {
                self.prefetch_below(isa, row + ROWS, column, [ROWS, width]);
            }
            let mut sums = self.begin::<I, ROWS, VECTORS, PERIOD>(isa, to, row_step);
            let mut input = self.input_at(row, column);
            let mut weights = self.weights;
            for _ in 0..self.channels {
                for sweep in 0..self.sweeps {
                    let input = input.wrapping_offset(self.sweep_step.wrapping_mul(sweep as isize));
                    let weights = weights.wrapping_add(sweep.wrapping_mul(self.weight_sweep_step));
                    let taps = (weights, self.tap_rows(sweep));
                    self.add_sweep::<I, ROWS, VECTORS, PERIOD, R>(isa, &mut sums, input, taps, &reader_at);
                }
                input = input.wrapping_offset(self.channel_step);
                weights = weights.wrapping_add(self.weight_channel_step);
            }
            self.finish.write(isa, &mut sums, to, row_step);
            staging.end(&target, width);
        }
        width
    }

    /// Asks for what the block below will be the first to read: its last input rows. Rows follow each other in more
    /// streams than the machine foresees.
    #[inline(always)]
    pub(super) fn prefetch_below<I: Lanes<T>>(
        &self,
        isa: I,
        row: usize,
        column: usize,
        [rows, width]: [usize; 2],
    ) {
        let last_tap_row = self.tap_rows(0) - 1;
        for r in row..row + rows {
            let input_row = ((r + last_tap_row) as isize).wrapping_mul(self.row_step);
            let input = self.input.wrapping_offset(input_row).wrapping_add(column);
            for at in (0..width).step_by(CACHE_LINE / size_of::<T>()) {
                isa.prefetch(input.wrapping_add(at));
            }
        }
    }

    /// Adds the products of one sweep of a channel.
    ///
    /// # Safety
    /// `input` is under the first output row of the block, `weights` is the first of so many tap rows, both of one
    /// sweep.
    #[inline(always)]
    unsafe fn add_sweep<
        I: Lanes<T>,
        const ROWS: usize,
        const VECTORS: usize,
        const PERIOD: usize,
        R: Reader<T>,
    >(
        &self,
        isa: I,
        sums: &mut [[I::Vector; VECTORS]; ROWS],
        input: *const T,
        (mut weights, tap_rows): (*const T, usize),
        reader_at: impl Fn(isize) -> R,
    ) {
        // Unknown to the compiler, which would else prepare the distances of all rows before the loop over tiles, and
        // keep them, far too many, on the stack.
        let row_step = black_box(self.row_step);
        for run in self.runs {
            // Two counters: distances from one pointer would make kernels of few taps slower by a tenth.
            let (mut input, mut at) = (input.wrapping_offset(run.start), run.start);
            for _ in 0..run.steps {
                let column = TapColumn::<T, R, PERIOD> { input, row_step, weights, reader: reader_at(at) };
                // SAFETY: a tap column of the sweep; see `SlidingTile`.
                unsafe { column.add(isa, sums, tap_rows) };
                // Steps beyond the last tap are not used.
                weights = weights.wrapping_add(self.weight_column_step);
                input = input.wrapping_offset(run.step);
                at = at.wrapping_add(run.step);
            }
        }
    }
}

/// How a vector of inputs is read.
pub(super) trait Reader<T: Element>: Copy {
    /// # Safety
    /// What it reads is readable.
    unsafe fn load<I: Lanes<T>>(self, isa: I, from: *const T) -> I::Vector;
}

/// All lanes.
#[derive(Clone, Copy)]
pub(super) struct Whole;

impl<T: Element> Reader<T> for Whole {
    #[inline(always)]
    unsafe fn load<I: Lanes<T>>(self, isa: I, from: *const T) -> I::Vector {
        // SAFETY: vouched for by the caller.
        unsafe { isa.load(from) }
    }
}

/// The taps of one column of a sweep, and the inputs under a block.
#[derive(Clone, Copy)]
struct TapColumn<T, R, const PERIOD: usize> {
    input: *const T,
    row_step: isize,
    weights: *const T,
    reader: R,
}

impl<T: Element, R: Reader<T>, const PERIOD: usize> TapColumn<T, R, PERIOD> {
    /// Adds the products of `tap_rows` taps.
    ///
    /// # Safety
    /// There are so many, at least one; see [`SlidingTile`].
    #[inline(always)]
    unsafe fn add<I: Lanes<T>, const ROWS: usize, const VECTORS: usize>(
        self,
        isa: I,
        sums: &mut [[I::Vector; VECTORS]; ROWS],
        tap_rows: usize,
    ) {
        // SAFETY: vouched for by the caller.
        unsafe {
            match tap_rows {
                1 if ROWS > 1 => self.add_few::<I, ROWS, VECTORS, 1>(isa, sums),
                2 if ROWS > 2 => self.add_few::<I, ROWS, VECTORS, 2>(isa, sums),
                3 if ROWS > 3 => self.add_few::<I, ROWS, VECTORS, 3>(isa, sums),
                _ => self.add_many(isa, sums, tap_rows),
            }
        }
    }

    /// Fewer taps than rows.
    ///
    /// # Safety
    /// There are `TAPS` taps, at most three; see [`SlidingTile`].
    #[inline(always)]
    unsafe fn add_few<I: Lanes<T>, const ROWS: usize, const VECTORS: usize, const TAPS: usize>(
        self,
        isa: I,
        sums: &mut [[I::Vector; VECTORS]; ROWS],
    ) {
        // SAFETY: vouched for by the caller. Input rows beyond the last one lie under no output row.
        unsafe {
            self.add_row_of::<I, ROWS, VECTORS, TAPS>(isa, sums, 0);
            self.add_row_of::<I, ROWS, VECTORS, TAPS>(isa, sums, 1);
            self.add_row_of::<I, ROWS, VECTORS, TAPS>(isa, sums, 2);
            self.add_row_of::<I, ROWS, VECTORS, TAPS>(isa, sums, 3);
            self.add_row_of::<I, ROWS, VECTORS, TAPS>(isa, sums, 4);
            self.add_row_of::<I, ROWS, VECTORS, TAPS>(isa, sums, 5);
        }
    }

    /// Input row `j`, a constant, under the rows of a block that has `TAPS` taps.
    ///
    /// # Safety
    /// As for `add_few`.
    #[inline(always)]
    unsafe fn add_row_of<I: Lanes<T>, const ROWS: usize, const VECTORS: usize, const TAPS: usize>(
        self,
        isa: I,
        sums: &mut [[I::Vector; VECTORS]; ROWS],
        j: usize,
    ) {
        let (first, last) = ((j + 1).saturating_sub(TAPS), (j + 1).min(ROWS));
        // SAFETY: vouched for by the caller.
        unsafe {
            match (first, last) {
                (0, 1) => self.add_row::<I, ROWS, VECTORS, 0, 1>(isa, sums, j, j),
                (0, 2) => self.add_row::<I, ROWS, VECTORS, 0, 2>(isa, sums, j, j),
                (0, 3) => self.add_row::<I, ROWS, VECTORS, 0, 3>(isa, sums, j, j),
                (1, 2) => self.add_row::<I, ROWS, VECTORS, 1, 2>(isa, sums, j, j - 1),
                (1, 3) => self.add_row::<I, ROWS, VECTORS, 1, 3>(isa, sums, j, j - 1),
                (1, 4) => self.add_row::<I, ROWS, VECTORS, 1, 4>(isa, sums, j, j - 1),
                (2, 3) => self.add_row::<I, ROWS, VECTORS, 2, 3>(isa, sums, j, j - 2),
                (2, 4) => self.add_row::<I, ROWS, VECTORS, 2, 4>(isa, sums, j, j - 2),
                (3, 4) => self.add_row::<I, ROWS, VECTORS, 3, 4>(isa, sums, j, j - 3),
                _ => {}
            }
        }
    }

    /// At least as many taps as rows: input rows under the first rows, under all, and under the last rows.
    ///
    /// # Safety
    /// There are `tap_rows` taps, no fewer than `ROWS`; see [`SlidingTile`].
    #[inline(always)]
    unsafe fn add_many<I: Lanes<T>, const ROWS: usize, const VECTORS: usize>(
        self,
        isa: I,
        sums: &mut [[I::Vector; VECTORS]; ROWS],
        tap_rows: usize,
    ) {
        // SAFETY: vouched for by the caller.
        unsafe {
            if ROWS > 1 {
                self.add_row::<I, ROWS, VECTORS, 0, 1>(isa, sums, 0, 0);
            }
            if ROWS > 2 {
                self.add_row::<I, ROWS, VECTORS, 0, 2>(isa, sums, 1, 1);
            }
            if ROWS > 3 {
                self.add_row::<I, ROWS, VECTORS, 0, 3>(isa, sums, 2, 2);
            }
            for j in ROWS - 1..tap_rows {
                self.add_row::<I, ROWS, VECTORS, 0, ROWS>(isa, sums, j, j);
            }
            if ROWS > 1 {
                self.add_row::<I, ROWS, VECTORS, 1, ROWS>(isa, sums, tap_rows, tap_rows - 1);
            }
            if ROWS > 2 {
                self.add_row::<I, ROWS, VECTORS, 2, ROWS>(isa, sums, tap_rows + 1, tap_rows - 1);
            }
            if ROWS > 3 {
                self.add_row::<I, ROWS, VECTORS, 3, ROWS>(isa, sums, tap_rows + 2, tap_rows - 1);
            }
        }
    }

    /// Adds input row `j` to the output rows `FIRST .. LAST`: `tap` is the tap row over the first of them, the
    /// following ones have the tap rows before it. The range is constant, as else sums would have to be in memory.
    ///
    /// # Safety
    /// There are such input and tap rows; see [`SlidingTile`].
    #[inline(always)]
    unsafe fn add_row<
        I: Lanes<T>,
        const ROWS: usize,
        const VECTORS: usize,
        const FIRST: usize,
        const LAST: usize,
    >(
        self,
        isa: I,
        sums: &mut [[I::Vector; VECTORS]; ROWS],
        j: usize,
        tap: usize,
    ) {
        if LAST > ROWS || FIRST > LAST {
            return; // never asked for; keeps the indices below in bounds for the compiler
        }
        let input = self.input.wrapping_offset(self.row_step.wrapping_mul(j as isize));
        let mut inputs = [isa.splat(T::default()); VECTORS];
        // SAFETY: vouched for by the caller.
        unsafe {
            for (v, vector) in inputs.iter_mut().enumerate() {
                *vector = self.reader.load(isa, input.wrapping_add(v * I::LANES));
            }
            for (back, sums) in sums[FIRST..LAST].iter_mut().enumerate() {
                let weights = self.weights.add((tap - back) * weight_row::<T, I, PERIOD>());
                add_tap::<T, I, VECTORS, PERIOD>(isa, sums, &inputs, weights);
            }
        }
    }
}

/// Adds the products of one tap to one output row.
///
/// # Safety
/// `weights` is a weight: one value, or the vectors of a period.
#[inline(always)]
unsafe fn add_tap<T: Element, I: Lanes<T>, const VECTORS: usize, const PERIOD: usize>(
    isa: I,
    sums: &mut [I::Vector; VECTORS],
    inputs: &[I::Vector; VECTORS],
    weights: *const T,
) {
    // SAFETY: vouched for by the caller.
    unsafe {
        if PERIOD == 0 {
            let weight = isa.splat(*weights);
            for (sum, &input) in sums.iter_mut().zip(inputs) {
                *sum = isa.mul_add(weight, input, *sum);
            }
        }
        for phase in 0..PERIOD {
            let weight = isa.load(weights.add(phase * I::LANES));
            let mut v = phase;
            while v < VECTORS {
                sums[v] = isa.mul_add(weight, inputs[v], sums[v]);
                v += PERIOD;
            }
        }
    }
}

/// Values of a weight: one, or the vectors of a period. So far apart are the weights of successive tap rows.
#[inline(always)]
const fn weight_row<T, I: Lanes<T>, const PERIOD: usize>() -> usize {
    if PERIOD == 0 { 1 } else { PERIOD * I::LANES }
}
