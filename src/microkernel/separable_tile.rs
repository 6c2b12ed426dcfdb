//! Both halves of a separable filter at once, for kernels of few taps: sums along columns stay in registers, where they
//! are shifted together for the taps of the row.
//!
//! ```text
//! for each output row r, vector v of columns:
//!     sum[r][v] = column[0] * input[r][v] + column[1] * input[r + 1][v] + ...
//!     output[r][v] = row[0] * sum[r][from v - centre on] + row[1] * sum[r][from v - centre + step on] + ...
//! ```
//!
//! A kernel of few taps that is no such product is as many of them as it has columns: each of its columns, and a single
//! tap of the row, which is one. Then there is a sum along columns for each tap of the row ([`Terms::Columns`]), or one
//! for both outer taps if their columns are alike, as in Laplacians and kernels that sharpen.
//!
//! Departures: 1. So nothing is written but outputs, and few rows are under way, which the first-level cache holds. It
//! needs an instruction set that shifts two vectors together in registers. 2. The number of taps is known when
//! compiling, and so is the one that meets whole vectors of sums: the middle one, or the first.

mod block;
mod folded_sums;
mod sums;

use super::{Finish, HotLoop, Vouched};
use crate::element::Element;
use crate::isa::{InstructionSet, Lanes, Microkernel};
use block::Block;
use folded_sums::FoldedSums;
use sums::{PlainSums, Sums};

/// Output rows that are computed at once: they share loads.
const HIGH: usize = 4;
/// The same by columns that differ: there are three sums along columns for each of them.
const HIGH_BY_COLUMNS: usize = 3;
/// The same where 3 taps go one row after the other: input and output are one stream each, as in a copy.
const LOW: usize = 1;
/// Bytes of a first-level cache that holds three rows of input, one of output and the next, and of the longest of these
/// rows: then they are taken one after the other.
const LARGE_CACHE: usize = 40 << 10;
const SHORT: usize = 8 << 10;
/// Most taps along either axis: their sums and they themselves stay in registers.
const MOST_TAPS: usize = 9;
/// Taps along either axis of kernels that are taken by columns: with more of them registers do not suffice.
const BY_COLUMNS: usize = 3;
/// Most input rows under a block.
const MOST_INPUTS: usize = HIGH + MOST_TAPS - 1;
/// Rows behind those under a tile that are asked for.
pub(crate) const AHEAD: usize = HIGH;
/// Bytes.
const CACHE_LINE: usize = 64;
/// Most lanes of a vector as long as a cache line.
pub(crate) const MOST_LANES: usize = CACHE_LINE / size_of::<f32>();

/// What a kernel is the sum of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Terms {
    /// The product of a column and a row.
    Product,
    /// Its columns, each with a tap of the row, which is one.
    Columns,
}

/// Whether there is a tile of so many rows for taps along columns and rows, the latter `step` values apart, where the
/// first output has `lead` of its inputs before whole vectors. Instruction sets are known by their lanes and the bytes
/// of each.
pub(crate) fn serves(
    [lanes, size]: [usize; 2],
    rows: usize,
    terms: Terms,
    taps: [usize; 2],
    [lead, step]: [usize; 2],
) -> bool {
    let reach = (taps[1] - 1).saturating_mul(step);
    let is_centred = reach.is_multiple_of(2) && lead == reach / 2;
    let is_aligned = if lead == 0 { reach <= lanes } else { is_centred && lead <= lanes };
    let has_loop = match terms {
        Terms::Product => rows >= HIGH && takes_product(taps),
        Terms::Columns => rows >= LOW && takes_columns(taps),
    };
    lanes * size == CACHE_LINE && has_loop && is_aligned
}

/// Whether products of columns and rows of so many taps can be taken.
pub(crate) fn takes_product(taps: [usize; 2]) -> bool {
    [3, 5, 7, MOST_TAPS].iter().any(|&served| taps == [served; 2])
}

/// Whether kernels of so many taps along columns and rows can be taken by columns.
pub(crate) fn takes_columns(taps: [usize; 2]) -> bool {
    taps == [BY_COLUMNS; 2]
}

/// Whether rows of so many bytes go one after the other where there is a loop for it: on a machine with so large a
/// first-level cache. Measured with 48 KiB on Zen 5, where four rows at once were slower, and with 32 KiB on Zen 4,
/// where one was, by 8 to 30 %.
pub(crate) fn goes_row_by_row(row_bytes: usize, cache: usize) -> bool {
    cache >= LARGE_CACHE && row_bytes <= SHORT
}

/// Computes `rows` x `width` outputs.
///
/// # Safety
/// Whoever makes it vouches that, with `lanes` those of the instruction set,
/// * [`serves`] the rows and taps, where `lead` is half of what lies under a row of taps if `is_centred`, else nothing;
/// * `inputs` holds `rows + taps - 1` pointers, and `pointer + first + x` is readable for each of them and all
///   `x < length`, from `lanes` to `width + lanes`; and then [`AHEAD`] pointers, to anywhere: these are asked for ahead
///   of time;
/// * what the outputs need besides is `left`, at most `lanes` values, if `is_centred`, and `right`, as many;
/// * `to + r * to_step + x` is writable for all `r < rows`, `x < width`, and does not overlap the inputs;
/// * column and row are alike from either end if `is_folded`, or else outputs are those of other taps;
/// * `finish` does not accumulate.
pub(crate) struct SeparableTile<'a, T> {
    /// The input rows under the tile, in order, then the rows that are wanted soon.
    pub(crate) inputs: *const *const T,
    /// From where a pointer points to the first whole vector of inputs, and values from there on.
    pub(crate) first: isize,
    pub(crate) length: usize,
    /// Whether the middle tap of the row of the first output meets `first`; else its first tap does.
    pub(crate) is_centred: bool,
    /// What stands before `first`: the vector that ends there. And the one that begins behind `length` values.
    pub(crate) left: Outside<T>,
    pub(crate) right: Outside<T>,
    pub(crate) terms: Terms,
    /// The taps of each column, one after the other, and those of the row.
    pub(crate) columns: &'a [T],
    pub(crate) row: &'a [T],
    /// Values from a tap of the row to the next.
    pub(crate) step: usize,
    pub(crate) to: *mut T,
    pub(crate) to_step: isize,
    pub(crate) rows: usize,
    pub(crate) width: usize,
    /// Whether 3 taps go one row after the other, if they are not folded.
    pub(crate) is_row_by_row: bool,
    /// Whether inputs under equal taps of a product are added first.
    pub(crate) is_folded: bool,
    pub(crate) bias: T,
    pub(crate) finish: &'a Finish<T>,
    pub(crate) _vouched: Vouched,
}

/// A vector of what lies beside an input row: a constant, or values of the row. Sums along columns are then those of
/// these values, too.
///
/// # Safety
/// Whoever makes one vouches that a vector is readable at `pointer + source` for every input row under a tile, and that
/// there are only lanes in `places`.
#[derive(Clone, Copy)]
pub(crate) struct Outside<T> {
    pub(crate) constant: Option<T>,
    /// From where a pointer points to the vector with these values, and which of its lanes each is.
    pub(crate) source: isize,
    pub(crate) places: [u32; MOST_LANES],
}

pub(super) fn hot_loops(registers: usize) -> Vec<HotLoop> {
    // Those of 3 taps and of 5, along both axes, where vectors are as long as cache lines. A sum along columns begins
    // with a product, but for one that begins with the bias. Two sums by columns come to as many as a product.
    let by_columns = BY_COLUMNS * BY_COLUMNS - (BY_COLUMNS - 1);
    let loops = [
        LOW * (2 * 3 - 1),
        HIGH * (2 * 3 - 1),
        HIGH * (2 * 5 - 1),
        LOW * by_columns,
        HIGH_BY_COLUMNS * by_columns,
    ];
    // Of two equal taps one, and the middle one.
    let folded = [HIGH * (2 * 2 - 1), HIGH * (2 * 3 - 1)];
    if registers < 32 {
        return Vec::new();
    }
    let named = |microkernel| move |multiply_adds| HotLoop { microkernel, multiply_adds };
    loops.into_iter().map(named("Taps")).chain(folded.into_iter().map(named("FoldedTaps"))).collect()
}

impl<T: Element> SeparableTile<'_, T> {
    /// Computes it by the loop for its taps.
    pub(crate) fn run(self, isa: InstructionSet) {
        match self.terms {
            Terms::Product if self.is_folded => self.run_folded(isa),
            Terms::Product => self.run_product(isa),
            Terms::Columns => self.run_columns(isa),
        }
    }

    fn run_product(self, isa: InstructionSet) {
        match (self.row.len(), self.is_centred) {
            (3, false) if self.is_row_by_row => self.by_step::<LOW, 1, 3, 0>(isa),
            (3, true) if self.is_row_by_row => self.by_step::<LOW, 1, 3, 1>(isa),
            (3, false) => self.by_step::<HIGH, 1, 3, 0>(isa),
            (3, true) => self.by_step::<HIGH, 1, 3, 1>(isa),
            (5, false) => self.by_step::<HIGH, 1, 5, 0>(isa),
            (5, true) => self.by_step::<HIGH, 1, 5, 2>(isa),
            (7, false) => self.by_step::<HIGH, 1, 7, 0>(isa),
            (7, true) => self.by_step::<HIGH, 1, 7, 3>(isa),
            (9, false) => self.by_step::<HIGH, 1, 9, 0>(isa),
            (9, true) => self.by_step::<HIGH, 1, 9, 4>(isa),
            (taps, _) => debug_assert!(false, "`serves` no {taps} taps"),
        }
    }

    fn run_folded(self, isa: InstructionSet) {
        match (self.row.len(), self.is_centred) {
            (3, false) => self.folded_by_step::<3, 0>(isa),
            (3, true) => self.folded_by_step::<3, 1>(isa),
            (5, false) => self.folded_by_step::<5, 0>(isa),
            (5, true) => self.folded_by_step::<5, 2>(isa),
            (7, false) => self.folded_by_step::<7, 0>(isa),
            (7, true) => self.folded_by_step::<7, 3>(isa),
            (9, false) => self.folded_by_step::<9, 0>(isa),
            (9, true) => self.folded_by_step::<9, 4>(isa),
            (taps, _) => debug_assert!(false, "`serves` no {taps} taps"),
        }
    }

    fn run_columns(self, isa: InstructionSet) {
        if self.has_like_sides() {
            self.by_rows::<HIGH, 2>(isa)
        } else {
            self.by_rows::<HIGH_BY_COLUMNS, BY_COLUMNS>(isa)
        }
    }

    /// So many rows at once with so many sums along columns, or one after the other.
    fn by_rows<const ROWS: usize, const TERMS: usize>(self, isa: InstructionSet) {
        const TAPS: usize = BY_COLUMNS;
        match (self.is_row_by_row || self.rows < ROWS, self.is_centred) {
            (true, false) => self.by_step::<LOW, TERMS, TAPS, 0>(isa),
            (true, true) => self.by_step::<LOW, TERMS, TAPS, 1>(isa),
            (false, false) => self.by_step::<ROWS, TERMS, TAPS, 0>(isa),
            (false, true) => self.by_step::<ROWS, TERMS, TAPS, 1>(isa),
        }
    }

    /// Whether the outer columns are alike, as in filters that do not tell left from right: one sum does for both.
    fn has_like_sides(&self) -> bool {
        self.columns[..BY_COLUMNS] == self.columns[2 * BY_COLUMNS..][..BY_COLUMNS]
    }

    /// One channel, and three that are interleaved, have loops of their own.
    fn by_step<const ROWS: usize, const TERMS: usize, const TAPS: usize, const CENTRE: usize>(
        self,
        isa: InstructionSet,
    ) {
        match self.step {
            1 => T::dispatch(isa, Taps::<T, ROWS, TERMS, TAPS, CENTRE, 1>(self)),
            3 => T::dispatch(isa, Taps::<T, ROWS, TERMS, TAPS, CENTRE, 3>(self)),
            _ => T::dispatch(isa, Taps::<T, ROWS, TERMS, TAPS, CENTRE, 0>(self)),
        }
    }

    /// The same of taps that are alike from either end.
    fn folded_by_step<const TAPS: usize, const CENTRE: usize>(self, isa: InstructionSet) {
        match self.step {
            1 => T::dispatch(isa, FoldedTaps::<T, TAPS, CENTRE, 1>(self)),
            3 => T::dispatch(isa, FoldedTaps::<T, TAPS, CENTRE, 3>(self)),
            _ => T::dispatch(isa, FoldedTaps::<T, TAPS, CENTRE, 0>(self)),
        }
    }

    /// All rows, `ROWS` at once.
    #[inline(always)]
    fn run_blocks<I: Lanes<T>, S: Sums<T, I, TERMS>, const ROWS: usize, const TERMS: usize>(
        &self,
        isa: I,
        sums: S,
    ) {
        debug_assert!((I::LANES..=self.width + I::LANES).contains(&self.length));
        let block = Block::<T, I, S, ROWS, TERMS>::new(isa, self, sums);
        // The last rows may be computed twice.
        for row in (0..self.rows).step_by(ROWS) {
            // SAFETY: rows of the tile that its maker vouches for.
            unsafe { block.run(self, row.min(self.rows - ROWS)) };
        }
    }
}

/// A tile of so many taps along either axis, of which that of number `CENTRE` meets whole vectors of sums, `ROWS` rows
/// at once, with `TERMS` sums along columns, and `STEP` values from a tap of the row to the next; if that is zero, any
/// number. Compiled one by one, as they need all registers.
struct Taps<
    'a,
    T,
    const ROWS: usize,
    const TERMS: usize,
    const TAPS: usize,
    const CENTRE: usize,
    const STEP: usize,
>(SeparableTile<'a, T>);

impl<
    T: Element,
    const ROWS: usize,
    const TERMS: usize,
    const TAPS: usize,
    const CENTRE: usize,
    const STEP: usize,
> Microkernel<T> for Taps<'_, T, ROWS, TERMS, TAPS, CENTRE, STEP>
{
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        let tile = self.0;
        if !I::SHIFTS || tile.rows < ROWS {
            debug_assert!(false, "not what `serves` asks for");
            return;
        }
        let sums = PlainSums::<T, I, TERMS, TAPS, CENTRE, STEP>::new(isa, &tile);
        tile.run_blocks::<I, _, ROWS, TERMS>(isa, sums);
    }
}

/// The same of taps that are alike from either end, [`HIGH`] rows at once.
struct FoldedTaps<'a, T, const TAPS: usize, const CENTRE: usize, const STEP: usize>(SeparableTile<'a, T>);

impl<T: Element, const TAPS: usize, const CENTRE: usize, const STEP: usize> Microkernel<T>
    for FoldedTaps<'_, T, TAPS, CENTRE, STEP>
{
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        let tile = self.0;
        if !I::SHIFTS || tile.rows < HIGH {
            debug_assert!(false, "not what `serves` asks for");
            return;
        }
        let sums = FoldedSums::<T, I, TAPS, CENTRE, STEP>::new(isa, &tile);
        tile.run_blocks::<I, _, HIGH, 1>(isa, sums);
    }
}

#[cfg(test)]
mod tests;
