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
//! tap of the row, which is one. Then there is a sum along columns for each tap of the row ([`Terms::Columns`]).
//!
//! Departures: 1. So nothing is written but outputs, and few rows are under way, which the first-level cache holds. It
//! needs an instruction set that shifts two vectors together in registers. 2. The number of taps is known when
//! compiling, and so is the one that meets whole vectors of sums: the middle one, or the first.

mod block;

use super::{Finish, HotLoop, Vouched};
use crate::element::Element;
use crate::isa::{InstructionSet, Lanes, Microkernel};
use block::Block;

/// Output rows that are computed at once: they share loads.
const HIGH: usize = 4;
/// The same for 3 taps and short rows, and by columns: memory limits, and is read fastest as one row after the other.
const LOW: usize = 1;
/// Bytes of a short row: the first-level cache holds three of input, one of output, and the next.
const SHORT: usize = 8 << 10;
/// Most taps along either axis: their sums and they themselves stay in registers.
const MOST_TAPS: usize = 9;
/// Taps along either axis of kernels that are taken by columns: with more of them registers do not suffice.
const BY_COLUMNS: usize = 3;
/// Most input rows under a block.
const MOST_INPUTS: usize = HIGH + MOST_TAPS - 1;
/// Bytes.
const CACHE_LINE: usize = 64;

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
        Terms::Product => rows >= HIGH && [3, 5, 7, MOST_TAPS].contains(&taps[0]),
        Terms::Columns => rows >= LOW && takes_columns(taps),
    };
    lanes * size >= CACHE_LINE && has_loop && taps[0] == taps[1] && is_aligned
}

/// Whether kernels of so many taps along columns and rows can be taken by columns.
pub(crate) fn takes_columns(taps: [usize; 2]) -> bool {
    taps == [BY_COLUMNS; 2]
}

/// Computes `rows` x `width` outputs.
///
/// # Safety
/// Whoever makes it vouches that, with `lanes` those of the instruction set,
/// * [`serves`] the rows and taps, where half of the inputs of the first output are `lead` if `is_centred`, else none;
/// * `inputs` holds `rows + taps - 1` pointers, and `pointer + first + x` is readable for each of them and all
///   `x < vectors * lanes`; and then as many pointers as rows, to anywhere: these are asked for ahead of time;
/// * what lies beside these vectors is in as many rows `left` and `right`: if `is_centred`, a vector is readable before
///   `left`, and so are those from `right` on that lie under outputs, and a vector more;
/// * `to + r * to_step + x` is writable for all `r < rows`, `x < width`, and does not overlap the inputs;
/// * `finish` does not accumulate.
pub(crate) struct SeparableTile<'a, T> {
    /// The input rows under the tile, in order, then the rows that are wanted soon.
    pub(crate) inputs: *const *const T,
    /// From where a pointer points to the first whole vector.
    pub(crate) first: isize,
    /// Whole vectors to read there.
    pub(crate) vectors: usize,
    /// Whether the middle tap of the row of the first output meets `first`; else its first tap does.
    pub(crate) is_centred: bool,
    pub(crate) left: Beside<T>,
    pub(crate) right: Beside<T>,
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
    pub(crate) bias: T,
    pub(crate) finish: &'a Finish<T>,
    pub(crate) _vouched: Vouched,
}

/// Rows of what lies to one side of whole vectors.
#[derive(Clone, Copy)]
pub(crate) struct Beside<T> {
    /// For each input row under the tile, in order.
    pub(crate) rows: *const *const T,
    /// From where a pointer points to the whole vectors.
    pub(crate) first: isize,
}

pub(super) fn hot_loops(registers: usize) -> Vec<HotLoop> {
    // Those of 3 taps and of 5, along both axes, where vectors are as long as cache lines. A sum along columns begins
    // with a product, but for one that begins with the bias.
    let loops = [LOW * (2 * 3 - 1), HIGH * (2 * 5 - 1), LOW * (BY_COLUMNS * BY_COLUMNS - (BY_COLUMNS - 1))];
    let loops = if registers >= 32 { &loops[..] } else { &[] };
    loops.iter().map(|&multiply_adds| HotLoop { microkernel: "Taps", multiply_adds }).collect()
}

impl<T: Element> SeparableTile<'_, T> {
    /// Computes it by the loop for its taps.
    pub(crate) fn run(self, isa: InstructionSet) {
        if self.terms == Terms::Columns {
            return match self.is_centred {
                false => T::dispatch(isa, Taps::<T, LOW, BY_COLUMNS, BY_COLUMNS, 0>(self)),
                true => T::dispatch(isa, Taps::<T, LOW, BY_COLUMNS, BY_COLUMNS, 1>(self)),
            };
        }
        let is_short = self.width * size_of::<T>() <= SHORT;
        match (self.row.len(), self.is_centred) {
            (3, false) if is_short => T::dispatch(isa, Taps::<T, LOW, 1, 3, 0>(self)),
            (3, true) if is_short => T::dispatch(isa, Taps::<T, LOW, 1, 3, 1>(self)),
            (3, false) => T::dispatch(isa, Taps::<T, HIGH, 1, 3, 0>(self)),
            (3, true) => T::dispatch(isa, Taps::<T, HIGH, 1, 3, 1>(self)),
            (5, false) => T::dispatch(isa, Taps::<T, HIGH, 1, 5, 0>(self)),
            (5, true) => T::dispatch(isa, Taps::<T, HIGH, 1, 5, 2>(self)),
            (7, false) => T::dispatch(isa, Taps::<T, HIGH, 1, 7, 0>(self)),
            (7, true) => T::dispatch(isa, Taps::<T, HIGH, 1, 7, 3>(self)),
            (9, false) => T::dispatch(isa, Taps::<T, HIGH, 1, 9, 0>(self)),
            (9, true) => T::dispatch(isa, Taps::<T, HIGH, 1, 9, 4>(self)),
            (taps, _) => debug_assert!(false, "`serves` no {taps} taps"),
        }
    }
}

/// A tile of so many taps along either axis, of which that of number `CENTRE` meets whole vectors of sums, `ROWS` rows
/// at once, with `TERMS` sums along columns. Compiled one by one, as they need all registers.
struct Taps<'a, T, const ROWS: usize, const TERMS: usize, const TAPS: usize, const CENTRE: usize>(
    SeparableTile<'a, T>,
);

impl<T: Element, const ROWS: usize, const TERMS: usize, const TAPS: usize, const CENTRE: usize> Microkernel<T>
    for Taps<'_, T, ROWS, TERMS, TAPS, CENTRE>
{
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        let tile = self.0;
        if !I::SHIFTS || tile.rows < ROWS {
            debug_assert!(false, "not what `serves` asks for");
            return;
        }
        let block = Block::<T, I, ROWS, TERMS, TAPS, CENTRE>::new(isa, &tile);
        // The last rows may be computed twice.
        for row in (0..tile.rows).step_by(ROWS) {
            // SAFETY: rows of the tile that its maker vouches for.
            unsafe { block.at(&tile, row.min(tile.rows - ROWS)) }.run(isa);
        }
    }
}
