//! Several output rows of 3x3, 5x5 and 7x7 taps: the loop of most filters.
//!
//! What `rows.rs` does for any kernel takes more instructions besides the multiply-adds than these few can hide. Here the
//! number of taps is known when compiling: nothing is counted, and nine weights stay in registers all along a row.

use core::hint::black_box;

use super::{HotLoop, SHARED_ROWS, SlidingTile};
use crate::element::Element;
use crate::isa::Lanes;

/// Vectors side by side in a block.
const VECTORS: usize = 4;
/// With fewer registers, sums, inputs and taps do not fit.
const LEAST_REGISTERS: usize = 32;

/// Multiply-adds of the loops: of all columns of taps where these are in registers, else of one.
pub(super) fn hot_loops(registers: usize) -> Vec<HotLoop> {
    let block = |taps: usize| SHARED_ROWS * VECTORS * taps;
    let counts =
        if registers < LEAST_REGISTERS { vec![] } else { vec![block(HELD * HELD), block(5), block(7)] };
    counts.into_iter().map(|multiply_adds| HotLoop { microkernel: "SlidingTile", multiply_adds }).collect()
}

impl<T: Element> SlidingTile<'_, T> {
    /// As many of the first columns of the output rows from `row` on as are whole blocks; returns how many these are: none if
    /// the kernel is another, or registers are few.
    ///
    /// # Safety
    /// There are [`SHARED_ROWS`] such rows; taps share no loads. See [`SlidingTile`].
    #[inline(always)]
    pub(super) unsafe fn square_blocks<I: Lanes<T>>(&self, isa: I, row: usize) -> usize {
        let is_plain = self.sweeps == 1 && self.channels == 1 && self.output_step == 1;
        let [first, ..] = self.runs else { return 0 };
        if I::REGISTERS < LEAST_REGISTERS
            || !is_plain
            || self.runs.len() > 1
            || first.steps != self.tap_rows(0)
        {
            return 0;
        }
        // SAFETY: of as many tap rows as tap columns; the rest is vouched for by the caller.
        unsafe {
            match first.steps {
                3 => self.square_rows::<I, 3>(isa, row),
                5 => self.square_rows::<I, 5>(isa, row),
                7 => self.square_rows::<I, 7>(isa, row),
                _ => 0,
            }
        }
    }

    /// # Safety
    /// There are `TAPS` x `TAPS` taps, in one run; see `square_blocks`.
    #[inline(always)]
    unsafe fn square_rows<I: Lanes<T>, const TAPS: usize>(&self, isa: I, row: usize) -> usize {
        let width = VECTORS * I::LANES;
        let end = self.width / width * width;
        let run = self.runs[0];
        // Known where the taps are in registers. Else unknown to the compiler, which would write all columns out.
        let tap_columns = if TAPS == HELD { TAPS } else { black_box(TAPS) };
        // SAFETY: blocks of the rows; see `SlidingTile`.
        unsafe {
            let weights = Weights::<T, I::Vector, TAPS>::new(isa, self.weights, self.weight_column_step);
            for column in (0..end).step_by(width) {
                let to = self.target(row, column, SHARED_ROWS, width);
                self.prefetch_below(isa, row + SHARED_ROWS, column, [SHARED_ROWS, width]);
                let mut sums = self.begin::<I, SHARED_ROWS, VECTORS, 0>(isa, to.first, to.row_step);
                let mut input = self.input_at(row, column).wrapping_offset(run.start);
                for tap_column in 0..tap_columns {
                    weights.add_column(isa, tap_column, (input, self.row_step), &mut sums);
                    input = input.wrapping_offset(run.step);
                }
                self.finish.write(isa, &mut sums, to.first, to.row_step);
            }
        }
        end
    }
}

/// Of kernels with so many rows and columns, all taps fit into registers.
const HELD: usize = 3;

/// The taps: few in registers, more where they are.
struct Weights<T, V, const TAPS: usize> {
    held: [[V; TAPS]; TAPS],
    first: *const T,
    column_step: usize,
}

impl<T: Element, V: Copy, const TAPS: usize> Weights<T, V, TAPS> {
    /// # Safety
    /// `first + column * column_step + row` is readable for all columns and rows below `TAPS`, as long as this lives.
    #[inline(always)]
    unsafe fn new<I: Lanes<T, Vector = V>>(isa: I, first: *const T, column_step: usize) -> Self {
        let mut held = [[isa.splat(T::default()); TAPS]; TAPS];
        if TAPS == HELD {
            for (column, held) in held.iter_mut().enumerate() {
                for (row, held) in held.iter_mut().enumerate() {
                    // SAFETY: vouched for by the caller.
                    *held = isa.splat(unsafe { *first.add(column * column_step + row) });
                }
            }
        }
        Weights { held, first, column_step }
    }

    /// The tap in all lanes.
    ///
    /// # Safety
    /// There are such a row and column.
    #[inline(always)]
    unsafe fn get<I: Lanes<T, Vector = V>>(&self, isa: I, column: usize, row: usize) -> V {
        if TAPS == HELD {
            return self.held[column][row];
        }
        // SAFETY: vouched for by the caller of `new`.
        isa.splat(unsafe { *self.first.add(column * self.column_step + row) })
    }

    /// Adds the products of a tap column: an input row at a time, with the taps of all output rows that it lies under.
    ///
    /// # Safety
    /// There is such a column; `SHARED_ROWS + TAPS - 1` input rows from `input` on are readable, in as many vectors as there
    /// are sums in a row.
    #[inline(always)]
    unsafe fn add_column<I: Lanes<T, Vector = V>>(
        &self,
        isa: I,
        column: usize,
        (mut input, row_step): (*const T, isize),
        sums: &mut [[V; VECTORS]; SHARED_ROWS],
    ) {
        for j in 0..SHARED_ROWS + TAPS - 1 {
            let mut inputs = [isa.splat(T::default()); VECTORS];
            for (v, vector) in inputs.iter_mut().enumerate() {
                // SAFETY: vouched for by the caller.
                *vector = unsafe { isa.load(input.wrapping_add(v * I::LANES)) };
            }
            for (r, sums) in sums.iter_mut().enumerate() {
                if r <= j && j - r < TAPS {
                    // SAFETY: vouched for by the caller.
                    let weight = unsafe { self.get(isa, column, j - r) };
                    for (sum, &input) in sums.iter_mut().zip(&inputs) {
                        *sum = isa.mul_add(weight, input, *sum);
                    }
                }
            }
            input = input.wrapping_offset(row_step);
        }
    }
}
