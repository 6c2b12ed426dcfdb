//! Sums along columns where the taps are alike from either end: rows that meet equal taps are added first, and
//! multiplied once.
//!
//! ```text
//! for each output row r, pair of taps k and `taps - 1 - k`, vector v of columns:
//!     sum[r][v] += tap[k] * (input[r + k][v] + input[r + taps - 1 - k][v])
//! ```
//!
//! Half of the multiply-adds, and as many additions: that pays where these have units of their own.
//!
//! Departure: from a pair to the next, what lies under the upper taps of all output rows moves one row down, and what
//! lies under the lower taps one row up. All of it stays in registers, of which the row that is left behind takes up the
//! new one, so that a pair takes two loads for all output rows together. Steps that differ in which register that is are
//! compiled one after the other.

use super::HotLoop;
use super::columns::{Blocks, Columns};
use crate::element::Element;
use crate::isa::{Lanes, Microkernel};

/// Output rows of a tile: they and the rows under both taps of a pair take 24 registers.
const TALL: usize = 8;
/// The same for what is left of the rows, and as many vectors side by side as take these registers.
const LOW: usize = 4;
const LOW_VECTORS: usize = 2;
/// Vectors side by side where rows are taken one by one.
const WIDE: usize = 4;

/// Whether there are registers for it.
pub(crate) const fn has_room(registers: usize) -> bool {
    registers >= 32
}

/// Computes [`Columns`] with taps that are alike from either end, and a step of 1.
pub(crate) struct FoldedColumns<'a, T>(pub(crate) Columns<'a, T>);

pub(super) fn hot_loops(registers: usize) -> Vec<HotLoop> {
    let tile = HotLoop { microkernel: "FoldedColumns", multiply_adds: TALL * TALL };
    if has_room(registers) { vec![tile] } else { Vec::new() }
}

/// The rows under both taps of a pair, for so many output rows and vectors. From pair to pair their places go around.
struct Pair<V, const ROWS: usize, const VECTORS: usize> {
    upper: [[V; VECTORS]; ROWS],
    lower: [[V; VECTORS]; ROWS],
}

impl<T: Element> Microkernel<T> for FoldedColumns<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        debug_assert_eq!(self.0.step, 1);
        let (rows, mut row) = (self.0.rows, 0);
        // SAFETY: rows of the tile that the maker of `self` vouches for.
        unsafe {
            while row < rows {
                row += match rows - row {
                    TALL.. if has_room(I::REGISTERS) => self.row_block::<I, TALL, 1>(isa, row),
                    LOW.. if has_room(I::REGISTERS) => self.row_block::<I, LOW, LOW_VECTORS>(isa, row),
                    _ => self.row_block::<I, 1, WIDE>(isa, row),
                };
            }
        }
    }
}

impl<T: Element> Blocks<T> for FoldedColumns<'_, T> {
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
        let Columns { inputs, first, .. } = self.0;
        let mut sums = [[isa.splat(T::default()); VECTORS]; ROWS];
        // SAFETY: the rows and columns are parts of the tile. `add_middle` and `add_pairs` ask for rows below
        // `ROWS + taps - 1` and vectors of the block only.
        let input = |j: usize, v: usize| unsafe {
            let row = (*inputs.add(row + j)).wrapping_offset(first);
            isa.load(row.wrapping_add(column + v * I::LANES))
        };
        self.add_middle(isa, &mut sums, input);
        self.add_pairs(isa, &mut sums, input);
        sums
    }
}

impl<T: Element> FoldedColumns<'_, T> {
    /// The products of the middle tap, if there is one; asks for rows from that tap on.
    #[inline(always)]
    fn add_middle<I: Lanes<T>, const ROWS: usize, const VECTORS: usize>(
        &self,
        isa: I,
        sums: &mut [[I::Vector; VECTORS]; ROWS],
        input: impl Fn(usize, usize) -> I::Vector,
    ) {
        if self.0.taps.len().is_multiple_of(2) {
            return;
        }
        let middle = self.0.taps.len() / 2;
        let tap = isa.splat(self.0.taps[middle]);
        for (r, sums) in sums.iter_mut().enumerate() {
            for (v, sum) in sums.iter_mut().enumerate() {
                *sum = isa.mul(tap, input(middle + r, v));
            }
        }
    }

    /// Those of all other taps, the outer ones first; asks for all rows under them.
    #[inline(always)]
    fn add_pairs<I: Lanes<T>, const ROWS: usize, const VECTORS: usize>(
        &self,
        isa: I,
        sums: &mut [[I::Vector; VECTORS]; ROWS],
        input: impl Fn(usize, usize) -> I::Vector,
    ) {
        let (last, pairs) = (self.0.taps.len() - 1, self.0.taps.len() / 2);
        let mut pair = Pair { upper: *sums, lower: *sums };
        for r in 0..ROWS {
            for v in 0..VECTORS {
                pair.upper[r][v] = input(r, v);
                pair.lower[r][v] = input(last + r, v);
            }
        }
        let mut k = 0;
        macro_rules! steps {
            ($($turn:literal)+) => {$(
                if $turn < ROWS {
                    if k >= pairs {
                        break;
                    }
                    // The row behind those under the upper taps, and the one before those under the lower taps. Both
                    // are rows under the tile also behind the last pair.
                    let next = |v| [input(k + ROWS, v), input(last - 1 - k, v)];
                    Self::add_pair::<I, ROWS, VECTORS, $turn>(isa, sums, &mut pair, self.0.taps[k], next);
                    k += 1;
                }
            )+};
        }
        const { assert!(TALL == 8) };
        loop {
            steps!(0 1 2 3 4 5 6 7);
        }
    }

    /// Those of a pair that has been preceded by as many as `TURN`, but for whole turns.
    #[inline(always)]
    fn add_pair<I: Lanes<T>, const ROWS: usize, const VECTORS: usize, const TURN: usize>(
        isa: I,
        sums: &mut [[I::Vector; VECTORS]; ROWS],
        pair: &mut Pair<I::Vector, ROWS, VECTORS>,
        tap: T,
        next: impl Fn(usize) -> [I::Vector; 2],
    ) {
        let tap = isa.splat(tap);
        for (r, sums) in sums.iter_mut().enumerate() {
            for (v, sum) in sums.iter_mut().enumerate() {
                let upper = pair.upper[(r + TURN) % ROWS][v];
                let lower = pair.lower[(r + ROWS - TURN % ROWS) % ROWS][v];
                *sum = isa.mul_add(tap, isa.add(upper, lower), *sum);
            }
        }
        for v in 0..VECTORS {
            [pair.upper[TURN % ROWS][v], pair.lower[(2 * ROWS - 1 - TURN % ROWS) % ROWS][v]] = next(v);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::{InstructionSet, Vectorized};
    use crate::microkernel::Vouched;

    const WIDTH: usize = 70;

    /// Whole numbers, so that sums are exact.
    fn input(row: usize, column: usize) -> f32 {
        ((row * 31 + column) * 37 % 101) as f32 - 50.0
    }

    fn check(isa: InstructionSet, rows: usize, count: usize) {
        let under = rows + count - 1;
        // Room for a vector behind what is wanted.
        let pitch = WIDTH + 32;
        let inputs: Vec<f32> = (0..under * pitch).map(|i| input(i / pitch, i % pitch)).collect();
        let pointers: Vec<*const f32> =
            (0..under).map(|row| inputs.as_ptr().wrapping_add(row * pitch)).collect();
        let taps: Vec<f32> = (0..count).map(|tap| 1.0 + tap.min(count - 1 - tap) as f32).collect();
        let mut sums = vec![f32::NAN; rows * pitch];
        let columns = Columns {
            inputs: pointers.as_ptr(),
            first: 3,
            step: 1,
            taps: &taps,
            to: sums.as_mut_ptr(),
            to_step: pitch,
            rows,
            width: WIDTH,
            soon: None,
            // SAFETY: all rows have room for whole vectors.
            _vouched: unsafe { Vouched::new() },
        };
        f32::dispatch(isa, FoldedColumns(columns));
        for (row, sums) in sums.chunks_exact(pitch).enumerate() {
            for (column, &sum) in sums[..WIDTH].iter().enumerate() {
                let products =
                    taps.iter().enumerate().map(|(tap, value)| value * input(row + tap, column + 3));
                assert_eq!(sum, products.sum(), "{isa}, {count} taps, row {row} of {rows}, column {column}");
            }
        }
    }

    #[test]
    fn any_number_of_taps_is_summed_as_defined() {
        for &isa in InstructionSet::available().unwrap() {
            for rows in [1, 3, 8, 17] {
                (1..40).for_each(|taps| check(isa, rows, taps));
            }
        }
    }
}
