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
mod sums;

use super::{Finish, HotLoop, Vouched};
use crate::element::Element;
use crate::isa::{InstructionSet, Lanes, Microkernel};
use block::Block;

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
        Terms::Product => rows >= HIGH && [3, 5, 7, MOST_TAPS].contains(&taps[0]),
        Terms::Columns => rows >= LOW && takes_columns(taps),
    };
    lanes * size == CACHE_LINE && has_loop && taps[0] == taps[1] && is_aligned
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
    /// Whether 3 taps go one row after the other.
    pub(crate) is_row_by_row: bool,
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
    let loops = if registers >= 32 { &loops[..] } else { &[] };
    loops.iter().map(|&multiply_adds| HotLoop { microkernel: "Taps", multiply_adds }).collect()
}

impl<T: Element> SeparableTile<'_, T> {
    /// Computes it by the loop for its taps.
    pub(crate) fn run(self, isa: InstructionSet) {
        match self.terms {
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
        debug_assert!((I::LANES..=tile.width + I::LANES).contains(&tile.length));
        let block = Block::<T, I, ROWS, TERMS, TAPS, CENTRE, STEP>::new(isa, &tile);
        // The last rows may be computed twice.
        for row in (0..tile.rows).step_by(ROWS) {
            // SAFETY: rows of the tile that its maker vouches for.
            unsafe { block.run(&tile, row.min(tile.rows - ROWS)) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDTH: usize = 50;
    const ROWS: usize = 5;
    const BIAS: f32 = 0.25;

    /// A tile of 3 taps along both axes, beside whose rows the first value is repeated, and a constant stands, or the
    /// other way round.
    #[derive(Clone, Copy, Debug)]
    struct Case {
        terms: Terms,
        is_centred: bool,
        step: usize,
        begins_constant: bool,
        is_row_by_row: bool,
        has_like_sides: bool,
    }

    impl Case {
        const CONSTANT: f32 = 3.0;

        /// Whole numbers, so that sums are exact.
        fn input(row: usize, column: usize) -> f32 {
            ((row * WIDTH + column) * 37 % 101) as f32
        }

        fn taps(self) -> ([f32; 9], [f32; 3]) {
            let mut columns = [1.0, -2.0, 3.0, 0.5, 4.0, -1.0, 2.0, 2.0, 7.0];
            if self.has_like_sides {
                columns.copy_within(..3, 6);
            }
            (columns, if self.terms == Terms::Columns { [1.0; 3] } else { [2.0, -1.0, 0.5] })
        }

        /// As the definition says.
        fn expected(self, row: usize, column: usize) -> f32 {
            let (columns, along) = self.taps();
            let before = if self.is_centred { self.step } else { 0 };
            let tap = |i: usize, j: usize| {
                let at = (column + j * self.step) as isize - before as isize;
                let repeated = at.clamp(0, WIDTH as isize - 1);
                let is_constant = at != repeated && self.begins_constant == (at < 0);
                let input =
                    if is_constant { Self::CONSTANT } else { Self::input(row + i, repeated as usize) };
                input * columns[if self.terms == Terms::Columns { 3 * j + i } else { i }] * along[j]
            };
            BIAS + (0..9).map(|at| tap(at / 3, at % 3)).sum::<f32>()
        }

        fn outputs(self, isa: InstructionSet, lanes: usize) -> Vec<f32> {
            let inputs: Vec<f32> =
                (0..WIDTH * (ROWS + 2)).map(|i| Self::input(i / WIDTH, i % WIDTH)).collect();
            let rows: Vec<*const f32> =
                (0..ROWS + 2 + AHEAD).map(|r| inputs.as_ptr().wrapping_add(r * WIDTH)).collect();
            let (columns, along) = self.taps();
            let mut outputs = vec![f32::NAN; WIDTH * ROWS];
            let constant = Outside { constant: Some(Self::CONSTANT), source: 0, places: [0; MOST_LANES] };
            let first = Outside { constant: None, source: 0, places: [0; MOST_LANES] };
            let last = (WIDTH - lanes) as isize;
            let last = Outside { constant: None, source: last, places: [lanes as u32 - 1; MOST_LANES] };
            let tile = SeparableTile {
                inputs: rows.as_ptr(),
                first: 0,
                length: WIDTH,
                is_centred: self.is_centred,
                left: if self.begins_constant { constant } else { first },
                right: if self.begins_constant { last } else { constant },
                terms: self.terms,
                columns: &columns,
                row: &along,
                step: self.step,
                to: outputs.as_mut_ptr(),
                to_step: WIDTH as isize,
                rows: ROWS,
                width: WIDTH,
                is_row_by_row: self.is_row_by_row,
                bias: BIAS,
                finish: &Finish::plain(),
                // SAFETY: rows of so many values, a vector or more; pointers behind them are only asked for.
                _vouched: unsafe { Vouched::new() },
            };
            tile.run(isa);
            outputs
        }
    }

    #[test]
    fn three_taps_of_any_kind_are_summed_as_defined() {
        let isa = InstructionSet::best().unwrap();
        let lanes = isa.lanes(crate::ElementType::F32);
        for kind in 0..32 * 3 {
            let bit = |at: usize| (kind / 3) & (1 << at) != 0;
            let case = Case {
                terms: if bit(0) { Terms::Columns } else { Terms::Product },
                is_centred: bit(1),
                step: 1 + kind % 3,
                begins_constant: bit(2),
                is_row_by_row: bit(3),
                has_like_sides: bit(4),
            };
            let lead = if case.is_centred { case.step } else { 0 };
            if serves([lanes, size_of::<f32>()], ROWS, case.terms, [3, 3], [lead, case.step]) {
                let outputs = case.outputs(isa, lanes);
                let expected: Vec<f32> =
                    (0..WIDTH * ROWS).map(|i| case.expected(i / WIDTH, i % WIDTH)).collect();
                assert_eq!(outputs, expected, "{case:?}");
            }
        }
    }

    #[test]
    fn short_rows_go_one_after_the_other_where_the_cache_holds_them() {
        assert!(goes_row_by_row(7680, 48 << 10));
        assert!(!goes_row_by_row(7680, 32 << 10));
        assert!(!goes_row_by_row(9 << 10, 48 << 10));
    }
}
