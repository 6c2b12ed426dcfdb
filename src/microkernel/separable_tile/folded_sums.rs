//! The same sums where the taps of the column are alike from either end, and so are those of the row: inputs that meet
//! equal taps are added first, and multiplied once.

use super::sums::{Ending, Sums};
use super::{MOST_INPUTS, MOST_TAPS, SeparableTile};
use crate::element::Element;
use crate::isa::Lanes;

/// Taps from the first to the middle one.
const HALF: usize = MOST_TAPS / 2 + 1;

/// Half of an odd number of taps, with what outputs begin with. The middle taps are taken first, then the others in
/// pairs, the outer ones first: [`FoldedColumns`](crate::microkernel::folded_columns::FoldedColumns) and
/// [`RowPass`](crate::microkernel::row_pass::RowPass) add in this order, too.
/// For `CENTRE` and `STEP` see [`PlainSums`](super::sums::PlainSums).
pub(super) struct FoldedSums<T, I: Lanes<T>, const TAPS: usize, const CENTRE: usize, const STEP: usize> {
    column: [I::Vector; HALF],
    row: [I::Vector; HALF],
    step: usize,
    bias: I::Vector,
    ending: Ending<T>,
}

impl<T: Element, I: Lanes<T>, const TAPS: usize, const CENTRE: usize, const STEP: usize>
    FoldedSums<T, I, TAPS, CENTRE, STEP>
{
    const MIDDLE: usize = TAPS / 2;

    /// Those of a tile, which has as many taps.
    #[inline(always)]
    pub(super) fn new(isa: I, tile: &SeparableTile<'_, T>) -> Self {
        const { assert!(TAPS % 2 == 1 && TAPS <= MOST_TAPS) };
        let (mut column, mut row) = ([isa.splat(T::default()); HALF], [isa.splat(T::default()); HALF]);
        for tap in 0..=Self::MIDDLE {
            column[tap] = isa.splat(tile.columns[tap]);
            row[tap] = isa.splat(tile.row[tap]);
        }
        let bias = isa.splat(tile.bias);
        FoldedSums { column, row, step: tile.step, bias, ending: Ending::new(tile.finish) }
    }

    /// What a tap of the row meets, of a vector of sums along columns and those on both sides of it.
    #[inline(always)]
    fn under(&self, isa: I, tap: usize, [before, whole, behind]: [I::Vector; 3]) -> I::Vector {
        let step = if STEP > 0 { STEP } else { self.step };
        let (low, high, by) = if tap < CENTRE {
            (before, whole, I::LANES - (CENTRE - tap) * step)
        } else {
            (whole, behind, (tap - CENTRE) * step)
        };
        match by {
            0 => low,
            _ if STEP > 0 => isa.shift_known(low, high, by),
            _ => isa.shift(low, high, by),
        }
    }
}

impl<T: Element, I: Lanes<T>, const TAPS: usize, const CENTRE: usize, const STEP: usize> Sums<T, I, 1>
    for FoldedSums<T, I, TAPS, CENTRE, STEP>
{
    const TAPS: usize = TAPS;
    const CENTRE: usize = CENTRE;

    #[inline(always)]
    fn along_columns<const ROWS: usize>(
        &self,
        isa: I,
        input: impl Fn(usize) -> I::Vector,
    ) -> [[I::Vector; 1]; ROWS] {
        let mut inputs = [isa.splat(T::default()); MOST_INPUTS];
        for (j, to) in inputs[..ROWS + TAPS - 1].iter_mut().enumerate() {
            *to = input(j);
        }
        let mut sums = [[isa.splat(T::default()); 1]; ROWS];
        for r in 0..ROWS {
            let mut sum = isa.mul(self.column[Self::MIDDLE], inputs[r + Self::MIDDLE]);
            for tap in 0..Self::MIDDLE {
                let both = isa.add(inputs[r + tap], inputs[r + TAPS - 1 - tap]);
                sum = isa.mul_add(self.column[tap], both, sum);
            }
            sums[r] = [sum];
        }
        sums
    }

    /// The sums before: a pair of taps may meet vectors on both sides.
    #[inline(always)]
    fn begin(&self, _: I, [before]: [I::Vector; 1], _: [I::Vector; 1]) -> I::Vector {
        before
    }

    #[inline(always)]
    fn end(&self, isa: I, before: I::Vector, [whole]: [I::Vector; 1], [behind]: [I::Vector; 1]) -> I::Vector {
        let vectors = [before, whole, behind];
        let mut sum = isa.mul_add(self.row[Self::MIDDLE], self.under(isa, Self::MIDDLE, vectors), self.bias);
        for tap in 0..Self::MIDDLE {
            let left = self.under(isa, tap, vectors);
            let right = self.under(isa, TAPS - 1 - tap, vectors);
            sum = isa.mul_add(self.row[tap], isa.add(left, right), sum);
        }
        sum
    }

    #[inline(always)]
    fn ending(&self) -> &Ending<T> {
        &self.ending
    }
}
