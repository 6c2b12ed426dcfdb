//! Some rows of the tile, from one end to the other.

use super::{Beside, MOST_INPUTS, SeparableTile};
use crate::element::Element;
use crate::isa::Lanes;
use crate::microkernel::Finish;

/// `ROWS` output rows, with what their loop needs in registers. Of `TAPS` taps of a row, that of number `CENTRE` meets
/// whole vectors of sums. There are `TERMS` sums along columns: one, or one for each tap of the row.
pub(super) struct Block<
    T,
    I: Lanes<T>,
    const ROWS: usize,
    const TERMS: usize,
    const TAPS: usize,
    const CENTRE: usize,
> {
    /// The rows under these, and those that are wanted soon.
    inputs: [*const T; MOST_INPUTS],
    ahead: [*const T; ROWS],
    vectors: usize,
    /// What lies before the vectors, and behind them, from the row under the first of these on.
    left: Beside<T>,
    right: Beside<T>,
    columns: [[I::Vector; TAPS]; TERMS],
    row: [I::Vector; TAPS],
    step: usize,
    to: *mut T,
    to_step: isize,
    width: usize,
    bias: I::Vector,
    finish: Finish<T>,
    /// Whether that does anything.
    is_finish_plain: bool,
}

/// Sums along columns of some rows, for each term.
type Sums<V, const ROWS: usize, const TERMS: usize> = [[V; ROWS]; TERMS];

impl<T: Element, I: Lanes<T>, const ROWS: usize, const TERMS: usize, const TAPS: usize, const CENTRE: usize>
    Block<T, I, ROWS, TERMS, TAPS, CENTRE>
{
    /// The vectors of sums under the first outputs begin so many before the first whole one.
    const BEFORE: isize = if CENTRE > 0 { 1 } else { 0 };

    /// Whether the sums along columns for a tap of the row begin with the bias: where each tap has its own, those that
    /// are not shifted, as outputs are theirs and what the others add.
    const fn has_bias(tap: usize) -> bool {
        TERMS > 1 && tap == CENTRE
    }

    /// Of a tile, which has as many taps.
    #[inline(always)]
    pub(super) fn new(isa: I, tile: &SeparableTile<'_, T>) -> Self {
        let mut columns = [[isa.splat(T::default()); TAPS]; TERMS];
        for (to, &tap) in columns.as_flattened_mut().iter_mut().zip(tile.columns) {
            *to = isa.splat(tap);
        }
        let mut taps = [isa.splat(T::default()); TAPS];
        taps.iter_mut().zip(tile.row).for_each(|(to, &tap)| *to = isa.splat(tap));
        Block {
            inputs: [core::ptr::null(); MOST_INPUTS],
            ahead: [core::ptr::null(); ROWS],
            vectors: tile.vectors,
            left: tile.left,
            right: tile.right,
            columns,
            row: taps,
            step: tile.step,
            to: tile.to,
            to_step: tile.to_step,
            width: tile.width,
            bias: isa.splat(tile.bias),
            finish: *tile.finish,
            is_finish_plain: *tile.finish == Finish::plain(),
        }
    }

    /// The same for the rows of the tile from `row` on.
    ///
    /// # Safety
    /// They are rows of the tile.
    #[inline(always)]
    pub(super) unsafe fn at(&self, tile: &SeparableTile<'_, T>, row: usize) -> Self {
        let under = ROWS + TAPS - 1;
        // SAFETY: entries for the rows under the tile, and behind them for as many as it has; see `SeparableTile`.
        let input = |j: usize| unsafe { (*tile.inputs.add(row + j)).wrapping_offset(tile.first) };
        let mut inputs = self.inputs;
        inputs.iter_mut().take(under).enumerate().for_each(|(j, to)| *to = input(j));
        let mut ahead = self.ahead;
        ahead.iter_mut().enumerate().for_each(|(r, to)| *to = input(under + r));
        let beside = |side: &Beside<T>| Beside { rows: side.rows.wrapping_add(row), ..*side };
        Block {
            inputs,
            ahead,
            left: beside(&tile.left),
            right: beside(&tile.right),
            to: tile.to.wrapping_offset((row as isize).wrapping_mul(tile.to_step)),
            ..*self
        }
    }

    /// Computes all outputs of the rows.
    #[inline(always)]
    pub(super) fn run(&self, isa: I) {
        let (whole, count) = (self.width / I::LANES, self.width.div_ceil(I::LANES));
        // Outputs of these vectors need nothing behind the whole vectors of input.
        let inner = (self.vectors as isize + Self::BEFORE - 2).clamp(0, whole as isize) as usize;
        let mut low = self.sums(isa, -Self::BEFORE);
        let mut middle = self.sums(isa, 1 - Self::BEFORE);
        for v in 0..inner {
            // SAFETY: at most the last whole vector.
            let high = unsafe { self.sum_columns(isa, (v as isize + 2 - Self::BEFORE) as usize) };
            let results = self.sum_rows(isa, [&low, &middle, &high]);
            for (r, &result) in results.iter().enumerate() {
                // SAFETY: a whole vector of outputs.
                unsafe { isa.store(self.output(r, v * I::LANES), result) };
            }
            (low, middle) = (middle, high);
        }
        for v in inner..count {
            // Of the last outputs, what lies further is not used.
            let high = self.sums(isa, (v as isize + 2 - Self::BEFORE).min(count as isize));
            let results = self.sum_rows(isa, [&low, &middle, &high]);
            let left = (self.width - v * I::LANES).min(I::LANES);
            for (r, &result) in results.iter().enumerate() {
                // SAFETY: what is left of the outputs.
                unsafe { isa.store_part(self.output(r, v * I::LANES), result, left) };
            }
            (low, middle) = (middle, high);
        }
    }

    #[inline(always)]
    fn output(&self, row: usize, column: usize) -> *mut T {
        self.to.wrapping_offset((row as isize).wrapping_mul(self.to_step)).wrapping_add(column)
    }

    /// Sums along columns in vector `v`, which is whole, or one of those beside.
    #[inline(always)]
    fn sums(&self, isa: I, v: isize) -> Sums<I::Vector, ROWS, TERMS> {
        if (0..self.vectors as isize).contains(&v) {
            // SAFETY: a whole vector.
            return unsafe { self.sum_columns(isa, v as usize) };
        }
        let (side, v) = if v < 0 { (&self.left, v) } else { (&self.right, v - self.vectors as isize) };
        let mut rows = [core::ptr::null(); MOST_INPUTS];
        for (j, to) in rows.iter_mut().take(ROWS + TAPS - 1).enumerate() {
            // SAFETY: entries for the rows under these.
            *to = unsafe { *side.rows.add(j) }.wrapping_offset(side.first);
        }
        // SAFETY: the vector before, or one of those behind.
        unsafe { self.sum(isa, &rows, v * I::LANES as isize) }
    }

    /// Sums along columns in vector `v`.
    ///
    /// # Safety
    /// It is one of the whole vectors.
    #[inline(always)]
    unsafe fn sum_columns(&self, isa: I, v: usize) -> Sums<I::Vector, ROWS, TERMS> {
        let at = v * I::LANES;
        for row in &self.ahead {
            let wanted = row.wrapping_add(at);
            // A single row is wanted as soon as this one is done; of several, most are in the cache no longer by then.
            if ROWS == 1 { isa.prefetch_near(wanted) } else { isa.prefetch(wanted) }
        }
        // SAFETY: vouched for by the caller.
        unsafe { self.sum(isa, &self.inputs, at as isize) }
    }

    /// Sums along columns of a vector of some rows.
    ///
    /// # Safety
    /// It is readable in all rows under these.
    #[inline(always)]
    unsafe fn sum(&self, isa: I, rows: &[*const T; MOST_INPUTS], at: isize) -> Sums<I::Vector, ROWS, TERMS> {
        let mut sums = [[isa.splat(T::default()); ROWS]; TERMS];
        for (j, row) in rows.iter().take(ROWS + TAPS - 1).enumerate() {
            // SAFETY: vouched for by the caller.
            let input = unsafe { isa.load(row.offset(at)) };
            for (t, (sums, column)) in sums.iter_mut().zip(&self.columns).enumerate() {
                for (r, sum) in sums.iter_mut().enumerate() {
                    if j == r && Self::has_bias(t) {
                        *sum = isa.mul_add(column[0], input, self.bias);
                    } else if j == r {
                        *sum = isa.mul(column[0], input);
                    } else if j > r && j - r < TAPS {
                        *sum = isa.mul_add(column[j - r], input, *sum);
                    }
                }
            }
        }
        sums
    }

    /// Outputs from three vectors of sums.
    #[inline(always)]
    fn sum_rows(&self, isa: I, [low, middle, high]: [&Sums<I::Vector, ROWS, TERMS>; 3]) -> [I::Vector; ROWS] {
        let [whole, behind] = if CENTRE > 0 { [middle, high] } else { [low, middle] };
        let mut sums = if TERMS > 1 { whole[CENTRE] } else { [self.bias; ROWS] };
        for (t, &tap) in self.row.iter().enumerate() {
            if Self::has_bias(t) {
                continue;
            }
            let term = if TERMS > 1 { t } else { 0 };
            let [low, whole, behind] = [low, whole, behind].map(|sums| &sums[term]);
            for (r, sum) in sums.iter_mut().enumerate() {
                let inputs = match t {
                    _ if t < CENTRE => isa.shift(low[r], whole[r], I::LANES - (CENTRE - t) * self.step),
                    _ if t == CENTRE => whole[r],
                    _ => isa.shift(whole[r], behind[r], (t - CENTRE) * self.step),
                };
                // Where each tap has a term of its own, it is one.
                *sum = if TERMS > 1 { isa.add(inputs, *sum) } else { isa.mul_add(tap, inputs, *sum) };
            }
        }
        let mut results = [sums];
        if !self.is_finish_plain {
            self.finish.limit(isa, &mut results);
        }
        results[0]
    }
}
