//! A pair of tiles of a plane: lanes are independent transforms, first columns, then frequencies of columns.
//!
//! ```text
//! for each vector of columns:   transform along it, straight from the plane; transpose squares of it to rows
//! for each vector of rows:      transform along it, multiply, transform back
//! for each vector of columns:   transpose squares back; transform back, straight to the plane
//! ```
//!
//! Rows of a transposed square are frequencies, so that a tile is never put in order either. Vectors of columns that
//! are not kept are left out of the way back. Several planes may stand side by side, column by column in turn: for
//! columns it is all the same, and along rows each takes every so many-th element. Where the kernel has one column,
//! there is nothing along rows, and the product is made between the two transforms along columns.

use super::arithmetic::{Arithmetic, ColumnsOfRows, Elements};
use super::line_tile::transpose;
use super::middle::Middle;
use super::passes::{BACK, ENTER, Ends, FORWARD, LEAVE, SHARED};
use super::{Band, Both, Offsets, Pair, Passes, Stage};
use crate::element::Element;
use crate::isa::{Lanes, Microkernel};
use crate::microkernel::Vouched;

/// Transforms two tiles of `rows` x `columns` values of each of `planes` planes side by side.
///
/// # Safety
/// Whoever makes it vouches that, with `lanes` those of the instruction set,
/// * `along_columns` has at least one level besides its last, and is a transform of `rows` numbers whose lanes are
///   independent, `along_rows` one of `columns`; both numbers are multiples of `lanes`; if there is no `along_rows`,
///   `columns` is `lanes`, and there is one plane;
/// * the bands of `source` end with all columns of all planes, and those of `rows` rows are readable from the end of
///   the band before to their own, unless the stage is [`Stage::Back`];
/// * both parts of `target` are writable for as many rows and columns as are `kept` of them, neither more than the tile
///   has, unless it is [`Stage::Forward`];
/// * `work` is readable and writable for `2 * rows * columns` values of each plane, holds sums if the stage is
///   [`Stage::Back`], and `column` for `2 * rows * lanes`; they meet neither of them nor each other;
/// * `kernel` is readable for as many values as `work`, plane after plane, if the stage is [`Stage::Convolve`].
pub(crate) struct PlaneTile<'a, T> {
    pub(crate) stage: Stage,
    pub(crate) source: &'a [Band<T>],
    pub(crate) target: Pair<T>,
    /// Taken from the inputs, and added to the results.
    pub(crate) before: Offsets<T>,
    pub(crate) after: Offsets<T>,
    pub(crate) work: *mut T,
    pub(crate) column: *mut T,
    pub(crate) kernel: *const T,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) planes: usize,
    /// Rows and columns of either tile, the latter of all planes.
    pub(crate) kept: Both<[usize; 2]>,
    /// Columns from these tiles to the next pair, whose first ones are asked for.
    pub(crate) next: usize,
    pub(crate) along_columns: Passes<'a, T>,
    pub(crate) along_rows: Option<Passes<'a, T>>,
    pub(crate) _vouched: Vouched,
}

impl<T: Element> Microkernel<T> for PlaneTile<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        let ops = Arithmetic::new(isa);
        let work = Elements::packed(isa, self.work);
        let buffer = Elements::packed(isa, self.column);
        // Without transforms along rows, columns are done where the spectra belong.
        let column = if self.along_rows.is_some() { buffer } else { work };
        // SAFETY: what the maker vouches for.
        unsafe {
            if self.stage != Stage::Back {
                let mut first = 0;
                for &Band { rows, end } in self.source {
                    while first < end {
                        self.enter(ops, ColumnsOfRows { rows, first }, column);
                        if self.along_rows.is_some() {
                            self.squares::<I, true>(ops, column, work.from(first));
                        }
                        first += I::LANES;
                    }
                }
            }
            match &self.along_rows {
                Some(passes) if self.planes == 1 => self.rows(ops, work, passes),
                Some(passes) => self.rows_of_planes(ops, work, passes),
                None => self.middle(ops, column, self.stage),
            }
            if self.stage != Stage::Forward {
                let columns = self.kept[0][1].max(self.kept[1][1]);
                for first in (0..columns).step_by(I::LANES) {
                    if self.along_rows.is_some() {
                        self.squares::<I, false>(ops, column, work.from(first));
                    }
                    self.leave(ops, column, first);
                }
            }
        }
    }
}

impl<T: Element> PlaneTile<'_, T> {
    /// A vector of columns from the source to the buffer, transformed, but for the last level if the product follows.
    ///
    /// # Safety
    /// As the maker vouches; the source is a vector of columns of the tile.
    #[inline(always)]
    unsafe fn enter<I: Lanes<T>>(
        &self,
        ops: Arithmetic<T, I>,
        source: ColumnsOfRows<T>,
        column: Elements<T>,
    ) {
        let ends = Ends {
            offset: self.before.at(source.first),
            kept: [0; 2],
            lanes: [I::LANES; 2],
            asks_ahead: false,
        };
        let passes = &self.along_columns;
        // SAFETY: as the maker vouches.
        unsafe {
            passes.level::<I, SHARED, ENTER>(ops, 0, (source, column), ends);
            passes.in_place::<I, SHARED, FORWARD>(ops, 1..passes.levels.len(), column, self.rows);
            if self.along_rows.is_some() {
                self.middle(ops, column, Stage::Forward);
            }
        }
    }

    /// A vector of columns from the buffer to the target, transformed back.
    ///
    /// # Safety
    /// As the maker vouches; some of the columns from `first` on are kept.
    #[inline(always)]
    unsafe fn leave<I: Lanes<T>>(&self, ops: Arithmetic<T, I>, column: Elements<T>, first: usize) {
        let Pair { re, im, row_step } = self.target;
        let target = Elements { re: re.wrapping_add(first), im: im.wrapping_add(first), step: row_step };
        let lanes = self.kept.map(|[_, columns]| columns.saturating_sub(first).min(I::LANES));
        let ends = Ends {
            offset: self.after.at(first),
            kept: self.kept.map(|[rows, _]| rows),
            lanes,
            asks_ahead: true,
        };
        let passes = &self.along_columns;
        // SAFETY: as the maker vouches.
        unsafe {
            if self.along_rows.is_some() {
                self.middle(ops, column, Stage::Back);
            }
            passes.in_place::<I, SHARED, BACK>(ops, 1..passes.levels.len(), column, self.rows);
            passes.level::<I, SHARED, LEAVE>(ops, 0, (column, target), ends);
        }
    }

    /// The middle of the transforms along columns.
    ///
    /// # Safety
    /// As the maker vouches.
    #[inline(always)]
    unsafe fn middle<I: Lanes<T>>(&self, ops: Arithmetic<T, I>, column: Elements<T>, stage: Stage) {
        let middle = Middle { from: column, to: column, kernel: self.kernel, len: self.rows };
        // SAFETY: as the maker vouches.
        unsafe { middle.run(ops, self.along_columns.last, stage) };
    }

    /// Squares of a vector of columns to rows, or back.
    ///
    /// # Safety
    /// As the maker vouches; `work` starts at the first of the columns.
    #[inline(always)]
    unsafe fn squares<I: Lanes<T>, const FORTH: bool>(
        &self,
        ops: Arithmetic<T, I>,
        column: Elements<T>,
        work: Elements<T>,
    ) {
        for row in (0..self.rows).step_by(I::LANES) {
            let (column, rows) = (column.from(row), work.from(row / I::LANES * self.columns * self.planes));
            let (from, to) = if FORTH { (column, rows) } else { (rows, column) };
            // SAFETY: squares inside both.
            unsafe { transpose(ops, from, to) };
        }
    }

    /// The transforms along rows, with what belongs between them.
    ///
    /// # Safety
    /// As the maker vouches.
    #[inline(always)]
    unsafe fn rows<I: Lanes<T>>(&self, ops: Arithmetic<T, I>, work: Elements<T>, passes: &Passes<'_, T>) {
        for row in 0..self.rows / I::LANES {
            let kernel = self.kernel.wrapping_add(row * self.columns * 2 * I::LANES);
            // SAFETY: as the maker vouches.
            unsafe {
                self.ask_ahead(ops.isa, row * I::LANES);
                self.vector_of_rows(ops, work.from(row * self.columns), kernel, passes);
            }
        }
    }

    /// The same for planes side by side.
    ///
    /// # Safety
    /// As the maker vouches.
    #[inline(always)]
    unsafe fn rows_of_planes<I: Lanes<T>>(
        &self,
        ops: Arithmetic<T, I>,
        work: Elements<T>,
        passes: &Passes<'_, T>,
    ) {
        for row in 0..self.rows / I::LANES {
            // SAFETY: as the maker vouches.
            unsafe { self.ask_ahead(ops.isa, row * I::LANES) };
            for plane in 0..self.planes {
                let first = work.from(row * self.columns * self.planes + plane);
                let elements = Elements { step: first.step * self.planes as isize, ..first };
                let place = (plane * self.rows / I::LANES + row) * self.columns;
                let kernel = self.kernel.wrapping_add(place * 2 * I::LANES);
                // SAFETY: as the maker vouches.
                unsafe { self.vector_of_rows(ops, elements, kernel, passes) };
            }
        }
    }

    /// The transforms along a vector of rows of a plane.
    ///
    /// # Safety
    /// As the maker vouches; the elements are those of the rows.
    #[inline(always)]
    unsafe fn vector_of_rows<I: Lanes<T>>(
        &self,
        ops: Arithmetic<T, I>,
        elements: Elements<T>,
        kernel: *const T,
        passes: &Passes<'_, T>,
    ) {
        let (len, levels) = (self.columns, 0..passes.levels.len());
        // SAFETY: vouched for by the caller.
        unsafe {
            if self.stage != Stage::Back {
                passes.in_place::<I, SHARED, FORWARD>(ops, levels.clone(), elements, len);
            }
            Middle { from: elements, to: elements, kernel, len }.run(ops, passes.last, self.stage);
            if self.stage != Stage::Forward {
                passes.in_place::<I, SHARED, BACK>(ops, levels, elements, len);
            }
        }
    }

    /// Asks for the first columns of what is written next and of what is read after it, in a vector of rows: they are
    /// the ones that no columns before them have asked for.
    ///
    /// # Safety
    /// As the maker vouches.
    #[inline(always)]
    unsafe fn ask_ahead<I: Lanes<T>>(&self, isa: I, first: usize) {
        let Pair { re, im, row_step } = self.target;
        let Some(band) = self.source.get(self.source.len() / 2) else { return };
        if self.stage != Stage::Convolve {
            return;
        }
        for row in first..first + I::LANES {
            for (part, target) in [re, im].into_iter().enumerate() {
                let target = target.wrapping_offset((row as isize).wrapping_mul(row_step));
                // SAFETY: the tables hold all rows.
                let source = unsafe { (*band.rows[part].add(row)).wrapping_add(self.next) };
                isa.prefetch(source);
                isa.prefetch(source.wrapping_add(I::LANES - 1));
                isa.prefetch(target);
                isa.prefetch(target.wrapping_add(I::LANES - 1));
            }
        }
    }
}
