//! Sums along columns, and along a row, in registers.

use super::SeparableTile;
use crate::element::Element;
use crate::isa::Lanes;
use crate::microkernel::Finish;

/// How outputs come from inputs: by `TERMS` sums along columns for each, of which a vector and those on both sides of
/// it make a vector of outputs.
pub(super) trait Sums<T, I: Lanes<T>, const TERMS: usize> {
    /// Taps along either axis, and the number of the one that meets whole vectors of sums along columns.
    const TAPS: usize;
    const CENTRE: usize;

    /// Those along columns for some output rows, of input rows by their numbers. Each input is read once.
    fn along_columns<const ROWS: usize>(
        &self,
        isa: I,
        input: impl Fn(usize) -> I::Vector,
    ) -> [[I::Vector; TERMS]; ROWS];

    /// What an output needs to know of two vectors of sums along columns, the second of which the tap `CENTRE` meets.
    fn begin(&self, isa: I, before: [I::Vector; TERMS], whole: [I::Vector; TERMS]) -> I::Vector;

    /// The output that has begun so, with what comes from the vector behind.
    fn end(
        &self,
        isa: I,
        begun: I::Vector,
        whole: [I::Vector; TERMS],
        behind: [I::Vector; TERMS],
    ) -> I::Vector;

    /// What is done to complete sums. It stays with the taps: beside them, the loop over three sums by columns had no
    /// register left for one of them.
    fn ending(&self) -> &Ending<T>;
}

/// A [`Finish`], and whether it does anything.
pub(super) struct Ending<T> {
    finish: Finish<T>,
    is_plain: bool,
}

impl<T: Element> Ending<T> {
    #[inline(always)]
    pub(super) fn new(finish: &Finish<T>) -> Self {
        Ending { finish: *finish, is_plain: *finish == Finish::plain() }
    }

    /// Outputs, whose sums are complete.
    #[inline(always)]
    pub(super) fn apply<I: Lanes<T>, const ROWS: usize>(
        &self,
        isa: I,
        sums: [I::Vector; ROWS],
    ) -> [I::Vector; ROWS] {
        let mut results = [sums];
        if !self.is_plain {
            self.finish.limit(isa, &mut results);
        }
        results[0]
    }
}

/// The plain ones: the taps of a tile, and what outputs begin and end with. Of `TAPS` taps of a row, that of number
/// `CENTRE` meets whole vectors of sums along columns. There are `TERMS` of these for each output: one, or one for each
/// tap of the row, or two for three taps, of which the outer ones share one.
/// There are `STEP` values from a tap of the row to the next, or any number where that is zero: shifts by a number known
/// when compiling take other instructions, which on some machines leave more room for multiply-adds.
pub(super) struct PlainSums<
    T,
    I: Lanes<T>,
    const TERMS: usize,
    const TAPS: usize,
    const CENTRE: usize,
    const STEP: usize,
> {
    columns: [[I::Vector; TAPS]; TERMS],
    row: [I::Vector; TAPS],
    step: usize,
    bias: I::Vector,
    ending: Ending<T>,
}

impl<T: Element, I: Lanes<T>, const TERMS: usize, const TAPS: usize, const CENTRE: usize, const STEP: usize>
    PlainSums<T, I, TERMS, TAPS, CENTRE, STEP>
{
    /// Those of a tile, which has as many taps.
    #[inline(always)]
    pub(super) fn new(isa: I, tile: &SeparableTile<'_, T>) -> Self {
        // By numbers that are known when compiling, or the taps would stay in memory.
        let mut columns = [[isa.splat(T::default()); TAPS]; TERMS];
        let mut row = [isa.splat(T::default()); TAPS];
        for tap in 0..TAPS {
            for (term, column) in columns.iter_mut().enumerate() {
                column[tap] = isa.splat(tile.columns[term * TAPS + tap]);
            }
            row[tap] = isa.splat(tile.row[tap]);
        }
        let bias = isa.splat(tile.bias);
        PlainSums { columns, row, step: tile.step, bias, ending: Ending::new(tile.finish) }
    }

    /// The sum along columns that a tap of the row takes.
    const fn term(tap: usize) -> usize {
        tap % TERMS
    }

    /// Whether that of a term begins with the bias: where there are several, the one that only the middle tap takes.
    const fn has_bias(term: usize) -> bool {
        TERMS > 1 && term == Self::term(TAPS / 2)
    }

    #[inline(always)]
    fn step(&self) -> usize {
        if STEP > 0 { STEP } else { self.step }
    }

    #[inline(always)]
    fn shift(&self, isa: I, low: I::Vector, high: I::Vector, by: usize) -> I::Vector {
        if STEP > 0 { isa.shift_known(low, high, by) } else { isa.shift(low, high, by) }
    }

    /// Adds an input, which meets a tap of each column.
    #[inline(always)]
    fn add_input(&self, isa: I, sums: &mut [I::Vector; TERMS], tap: usize, input: I::Vector) {
        for (t, (sum, column)) in sums.iter_mut().zip(&self.columns).enumerate() {
            *sum = match tap {
                0 if Self::has_bias(t) => isa.mul_add(column[0], input, self.bias),
                0 => isa.mul(column[0], input),
                _ => isa.mul_add(column[tap], input, *sum),
            };
        }
    }

    /// Adds a tap of the row, which is one where there are several terms.
    #[inline(always)]
    fn add_tap(&self, isa: I, tap: usize, inputs: I::Vector, sum: I::Vector) -> I::Vector {
        if TERMS > 1 { isa.add(inputs, sum) } else { isa.mul_add(self.row[tap], inputs, sum) }
    }
}

impl<T: Element, I: Lanes<T>, const TERMS: usize, const TAPS: usize, const CENTRE: usize, const STEP: usize>
    Sums<T, I, TERMS> for PlainSums<T, I, TERMS, TAPS, CENTRE, STEP>
{
    const TAPS: usize = TAPS;
    const CENTRE: usize = CENTRE;

    #[inline(always)]
    fn along_columns<const ROWS: usize>(
        &self,
        isa: I,
        input: impl Fn(usize) -> I::Vector,
    ) -> [[I::Vector; TERMS]; ROWS] {
        let mut sums = [[isa.splat(T::default()); TERMS]; ROWS];
        for j in 0..ROWS + TAPS - 1 {
            let input = input(j);
            for (r, sums) in sums.iter_mut().enumerate() {
                if j >= r && j - r < TAPS {
                    self.add_input(isa, sums, j - r, input);
                }
            }
        }
        sums
    }

    /// An output as far as it comes from these.
    #[inline(always)]
    fn begin(&self, isa: I, before: [I::Vector; TERMS], whole: [I::Vector; TERMS]) -> I::Vector {
        // Of several terms, that of the middle tap begins with the bias, and outputs with one of them.
        let mut sum = if TERMS > 1 { whole[Self::term(CENTRE)] } else { self.bias };
        for t in 0..CENTRE {
            let by = I::LANES - (CENTRE - t) * self.step();
            let inputs = self.shift(isa, before[Self::term(t)], whole[Self::term(t)], by);
            sum = self.add_tap(isa, t, inputs, sum);
        }
        if TERMS > 1 { sum } else { self.add_tap(isa, CENTRE, whole[0], sum) }
    }

    #[inline(always)]
    fn end(
        &self,
        isa: I,
        begun: I::Vector,
        whole: [I::Vector; TERMS],
        behind: [I::Vector; TERMS],
    ) -> I::Vector {
        let mut sum = begun;
        for t in CENTRE + 1..TAPS {
            let by = (t - CENTRE) * self.step();
            let inputs = self.shift(isa, whole[Self::term(t)], behind[Self::term(t)], by);
            sum = self.add_tap(isa, t, inputs, sum);
        }
        sum
    }

    #[inline(always)]
    fn ending(&self) -> &Ending<T> {
        &self.ending
    }
}
