//! Some rows of the tile, from one end to the other.

use super::{MOST_INPUTS, SeparableTile};
use crate::element::Element;
use crate::isa::Lanes;
use crate::microkernel::Finish;

/// `ROWS` output rows, with what their loop needs in registers. Of `TAPS` taps of a row, that of number `CENTRE` meets whole
/// vectors of sums.
pub(super) struct Block<T, I: Lanes<T>, const ROWS: usize, const TAPS: usize, const CENTRE: usize> {
    inputs: [*const T; MOST_INPUTS],
    ahead: [*const T; ROWS],
    vectors: usize,
    sums: *const T,
    sums_step: usize,
    column: [I::Vector; TAPS],
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

impl<T: Element, I: Lanes<T>, const ROWS: usize, const TAPS: usize, const CENTRE: usize>
    Block<T, I, ROWS, TAPS, CENTRE>
{
    /// The vectors of sums under the first outputs begin so many before the first whole one.
    const BEFORE: isize = if CENTRE > 0 { 1 } else { 0 };

    /// The rows from `row` on.
    ///
    /// # Safety
    /// They are rows of the tile, which has as many taps.
    #[inline(always)]
    pub(super) unsafe fn new(isa: I, tile: &SeparableTile<'_, T>, row: usize) -> Self {
        // SAFETY: entries for the rows under these, and behind them for as many rows; see `SeparableTile`.
        let input = |j: usize| unsafe { (*tile.inputs.add(row + j)).wrapping_offset(tile.first) };
        let under = ROWS + TAPS - 1;
        let mut inputs = [core::ptr::null(); MOST_INPUTS];
        inputs.iter_mut().take(under).enumerate().for_each(|(j, to)| *to = input(j));
        let taps = |taps: &[T]| core::array::from_fn(|t| isa.splat(taps[t]));
        Block {
            inputs,
            ahead: core::array::from_fn(|r| input(under + r)),
            vectors: tile.vectors,
            sums: tile.sums.wrapping_add(row * tile.sums_step),
            sums_step: tile.sums_step,
            column: taps(tile.column),
            row: taps(tile.row),
            step: tile.step,
            to: tile.to.wrapping_offset((row as isize).wrapping_mul(tile.to_step)),
            to_step: tile.to_step,
            width: tile.width,
            bias: isa.splat(tile.bias),
            finish: *tile.finish,
            is_finish_plain: *tile.finish == Finish::plain(),
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
    fn sums(&self, isa: I, v: isize) -> [I::Vector; ROWS] {
        if (0..self.vectors as isize).contains(&v) {
            // SAFETY: a whole vector.
            return unsafe { self.sum_columns(isa, v as usize) };
        }
        let from = self.sums.wrapping_offset(v * I::LANES as isize);
        // SAFETY: the vector before, or as far as the one behind the last outputs.
        core::array::from_fn(|r| unsafe { isa.load(from.wrapping_add(r * self.sums_step)) })
    }

    /// Sums along columns in vector `v`.
    ///
    /// # Safety
    /// It is one of the whole vectors.
    #[inline(always)]
    unsafe fn sum_columns(&self, isa: I, v: usize) -> [I::Vector; ROWS] {
        let at = v * I::LANES;
        for row in &self.ahead {
            let wanted = row.wrapping_add(at);
            // A single row is wanted as soon as this one is done; of several, most are in the cache no longer by then.
            if ROWS == 1 { isa.prefetch_near(wanted) } else { isa.prefetch(wanted) }
        }
        let mut sums = [isa.splat(T::default()); ROWS];
        for (j, input) in self.inputs.iter().take(ROWS + TAPS - 1).enumerate() {
            // SAFETY: vouched for by the caller.
            let input = unsafe { isa.load(input.add(at)) };
            for (r, sum) in sums.iter_mut().enumerate() {
                if j >= r && j - r < TAPS {
                    *sum = isa.mul_add(self.column[j - r], input, *sum);
                }
            }
        }
        sums
    }

    /// Outputs from three vectors of sums.
    #[inline(always)]
    fn sum_rows(&self, isa: I, [low, middle, high]: [&[I::Vector; ROWS]; 3]) -> [I::Vector; ROWS] {
        let [whole, behind] = if CENTRE > 0 { [middle, high] } else { [low, middle] };
        let mut sums = [self.bias; ROWS];
        for (t, &tap) in self.row.iter().enumerate() {
            for (r, sum) in sums.iter_mut().enumerate() {
                let inputs = match t {
                    _ if t < CENTRE => isa.shift(low[r], whole[r], I::LANES - (CENTRE - t) * self.step),
                    _ if t == CENTRE => whole[r],
                    _ => isa.shift(whole[r], behind[r], (t - CENTRE) * self.step),
                };
                *sum = isa.mul_add(tap, inputs, *sum);
            }
        }
        let mut results = [sums];
        if !self.is_finish_plain {
            self.finish.limit(isa, &mut results);
        }
        results[0]
    }
}
