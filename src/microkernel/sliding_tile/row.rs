//! One output row: the loop of signals.
//!
//! The taps t, t + LANES, t + 2 LANES, ... of a row find their inputs whole vectors apart, so that input vector m
//! serves tap p of such a sequence for the sums of vector m - p. The taps of the sequence stay in registers, and the
//! input passes by: `VECTORS + PHASES - 1` loads for `VECTORS * PHASES` multiply-adds.

use super::super::finish::Staging;
use super::SlidingTile;
use crate::element::Element;
use crate::isa::Lanes;

/// Taps that share their loads: they, the sums and an input fill 16 registers.
pub(crate) const MAX_PHASES: usize = 4;
/// Vectors of columns in the widest block.
pub(super) const VECTORS: usize = 10;

/// Of so many steps, those whose inputs are shifted together: then multiply-adds and loads take equally long.
const SHIFT_CYCLE: usize = 5;
const SHIFTED: [usize; 2] = [0, 2];

/// Tap columns at regular distances: step i has the taps at `start + step * i`, and `LANES` on from there, `phases` of
/// them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) start: isize,
    pub(crate) step: isize,
    pub(crate) steps: usize,
    pub(crate) phases: usize,
}

impl<T: Element> SlidingTile<'_, T> {
    /// One output row, all columns; returns how many rows that are.
    ///
    /// # Safety
    /// It is a row of the tile; see [`SlidingTile`].
    #[inline(always)]
    pub(super) unsafe fn single_row<I: Lanes<T>>(&self, isa: I, row: usize) -> usize {
        let mut column = 0;
        while column < self.width {
            let (vectors, start) = self.next_block(column, I::LANES);
            // SAFETY: the block is part of the row, or as wide as may be read beyond it.
            unsafe {
                match vectors {
                    VECTORS => self.row_block::<I, VECTORS, true>(isa, row, start),
                    4 => self.row_block::<I, 4, false>(isa, row, start),
                    2 => self.row_block::<I, 2, false>(isa, row, start),
                    _ => self.row_block::<I, 1, false>(isa, row, start),
                }
            }
            column = start + vectors * I::LANES;
        }
        1
    }

    /// The vectors of the next block, and where it starts: before `column` if a single block ends the row then, which
    /// computes some outputs again.
    #[inline(always)]
    fn next_block(&self, column: usize, lanes: usize) -> (usize, usize) {
        let left = self.width - column;
        let enough = match left.div_ceil(lanes) {
            5.. => VECTORS,
            3..=4 => 4,
            vectors => vectors,
        };
        // Old outputs are read, and must not have been written yet.
        if enough * lanes <= self.width && !self.finish.accumulates() {
            return (enough, column.min(self.width - enough * lanes));
        }
        let whole = if self.finish.accumulates() { left.div_ceil(lanes) } else { left / lanes };
        match whole {
            VECTORS.. => (VECTORS, column),
            4.. => (4, column),
            2.. => (2, column),
            _ => (1, column),
        }
    }

    /// `WIDTH` vectors of outputs from (`row`, `column`). Only with `SHARED`, taps share their loads; the order of the
    /// products is the same.
    ///
    /// # Safety
    /// As for `single_row`; of the columns, those below `width` are written.
    #[inline(always)]
    unsafe fn row_block<I: Lanes<T>, const WIDTH: usize, const SHARED: bool>(
        &self,
        isa: I,
        row: usize,
        column: usize,
    ) {
        let width = WIDTH * I::LANES;
        let target = self.target(row, column, 1, width);
        // SAFETY: a part of the tile; see `SlidingTile`. Pointers one step beyond what is read are not used.
        unsafe {
            let mut staging = Staging::new();
            let (to, row_step) = staging.begin(&target, width, self.finish.accumulates());
            let mut sums = self.begin::<I, 1, WIDTH, 0>(isa, to, row_step);
            let mut input = self.input_at(row, column);
            let mut weights = self.weights;
            for _ in 0..self.channels {
                for sweep in 0..self.sweeps {
                    let mut input = input.wrapping_offset(self.sweep_step.wrapping_mul(sweep as isize));
                    for k in 0..self.tap_rows(sweep) {
                        let weights = weights.wrapping_add(sweep.wrapping_mul(self.weight_sweep_step) + k);
                        self.add_runs::<I, WIDTH, SHARED>(isa, &mut sums[0], input, weights);
                        input = input.wrapping_offset(self.row_step);
                    }
                }
                input = input.wrapping_offset(self.channel_step);
                weights = weights.wrapping_add(self.weight_channel_step);
            }
            self.finish.write(isa, &mut sums, to, row_step);
            staging.end(&target, width);
        }
    }

    /// Adds the products of one tap row.
    ///
    /// # Safety
    /// `input` is under the block, `weights` is the first tap of the row.
    #[inline(always)]
    unsafe fn add_runs<I: Lanes<T>, const WIDTH: usize, const SHARED: bool>(
        &self,
        isa: I,
        sums: &mut [I::Vector; WIDTH],
        input: *const T,
        weights: *const T,
    ) {
        let mut weights = weights;
        let column = self.weight_column_step;
        for run in self.runs {
            // SAFETY: see `SlidingTile`.
            unsafe {
                let input = input.offset(run.start);
                match run.phases {
                    1 if SHARED && I::SHIFTS && run.step == 1 && run.steps <= I::LANES => {
                        add_shifted::<T, I, WIDTH>(isa, sums, input, (weights, column), run);
                    }
                    _ if !SHARED => add_unshared::<T, I, WIDTH>(isa, sums, input, (weights, column), run),
                    1 => add_run::<T, I, WIDTH, 1>(isa, sums, input, (weights, column), run),
                    2 => add_run::<T, I, WIDTH, 2>(isa, sums, input, (weights, column), run),
                    3 => add_run::<T, I, WIDTH, 3>(isa, sums, input, (weights, column), run),
                    _ => add_run::<T, I, WIDTH, 4>(isa, sums, input, (weights, column), run),
                }
                weights = weights.wrapping_add(run.steps * run.phases * column);
            }
        }
    }
}

/// Adds a run of `PHASES` phases.
///
/// # Safety
/// `input` is under the block and the first tap of the run, which is that of the weights; they are `column` apart. See
/// [`SlidingTile`].
#[inline(always)]
unsafe fn add_run<T: Element, I: Lanes<T>, const WIDTH: usize, const PHASES: usize>(
    isa: I,
    sums: &mut [I::Vector; WIDTH],
    mut input: *const T,
    (mut weights, column): (*const T, usize),
    run: &Run,
) {
    for _ in 0..run.steps {
        // SAFETY: vouched for by the caller.
        unsafe {
            let mut taps = [isa.splat(T::default()); PHASES];
            for (p, tap) in taps.iter_mut().enumerate() {
                *tap = isa.splat(*weights.add(p * column));
            }
            for m in 0..WIDTH + PHASES - 1 {
                let vector = isa.load(input.add(m * I::LANES));
                for (p, &tap) in taps.iter().enumerate() {
                    if m >= p && m - p < WIDTH {
                        sums[m - p] = isa.mul_add(tap, vector, sums[m - p]);
                    }
                }
            }
        }
        // One step beyond the last one, unused.
        weights = weights.wrapping_add(PHASES * column);
        input = input.wrapping_offset(run.step);
    }
}

/// The same for neighbouring taps of one phase: some of their inputs are shifted together from vectors that stay in
/// registers, which takes a slot of multiply-adds instead of two slots of loads.
///
/// # Safety
/// As for `add_run`; taps are neighbours, of one phase, and no more than a vector has lanes.
#[inline(always)]
unsafe fn add_shifted<T: Element, I: Lanes<T>, const WIDTH: usize>(
    isa: I,
    sums: &mut [I::Vector; WIDTH],
    input: *const T,
    (weights, column): (*const T, usize),
    run: &Run,
) {
    debug_assert!(run.step == 1 && run.phases == 1 && run.steps <= I::LANES);
    let mut held = [isa.splat(T::default()); VECTORS + 1];
    // SAFETY: vouched for by the caller. The last step reads `steps - 1` values behind the vectors of the first one.
    unsafe {
        for (v, vector) in held.iter_mut().take(WIDTH).enumerate() {
            *vector = isa.load(input.add(v * I::LANES));
        }
        held[WIDTH.min(VECTORS)] = isa.load_part(input.add(WIDTH * I::LANES), run.steps - 1);
        for step in 0..run.steps {
            let tap = isa.splat(*weights.add(step * column));
            if SHIFTED.contains(&(step % SHIFT_CYCLE)) {
                for (v, sum) in sums.iter_mut().enumerate() {
                    let (low, high) = (held[v.min(VECTORS)], held[(v + 1).min(VECTORS)]);
                    *sum = isa.mul_add(tap, isa.shift(low, high, step), *sum);
                }
            } else {
                for (v, sum) in sums.iter_mut().enumerate() {
                    *sum = isa.mul_add(tap, isa.load(input.add(step + v * I::LANES)), *sum);
                }
            }
        }
    }
}

/// The same, where each tap loads its inputs.
///
/// # Safety
/// As for `add_run`.
#[inline(always)]
unsafe fn add_unshared<T: Element, I: Lanes<T>, const WIDTH: usize>(
    isa: I,
    sums: &mut [I::Vector; WIDTH],
    mut input: *const T,
    (mut weights, column): (*const T, usize),
    run: &Run,
) {
    for _ in 0..run.steps {
        for p in 0..run.phases {
            // SAFETY: vouched for by the caller.
            unsafe {
                let tap = isa.splat(*weights.add(p * column));
                for (v, sum) in sums.iter_mut().enumerate() {
                    *sum = isa.mul_add(tap, isa.load(input.add((p + v) * I::LANES)), *sum);
                }
            }
        }
        input = input.wrapping_offset(run.step);
        weights = weights.wrapping_add(run.phases * column);
    }
}
