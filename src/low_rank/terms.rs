//! The decomposition of one plane of taps.
//!
//! Cross approximation with complete pivoting finds rows that span those of the kernel (Bebendorf 2000); each step
//! takes the largest value left, and removes its row and column. A kernel of one term keeps that row, divided so that
//! whole numbers stay whole. The rows of several terms are made orthonormal, improved by a step of subspace iteration,
//! and rotated until the columns are orthogonal too (one-sided Jacobi, Hestenes 1958): that is the singular value
//! decomposition, whose terms do not cancel more than they must.

use core::marker::PhantomData;

use super::vectors::{common_divisor, dot, euclidean, orthonormalize, power_of_two, rotate};
use super::{LowRank, is_symmetric, round_off};
use crate::element::Element;
use crate::view::View;

/// What the factors may miss of the kernel in the Frobenius norm, in units of round-off relative to its own.
const ACCEPTED: f64 = 8.0;
/// From what is left on it is worth a look whether the terms suffice.
const PROMISING: f64 = 64.0;
/// Kernels with larger or smaller magnitudes may overflow on the way.
const MAGNITUDES: core::ops::Range<f64> = 1e-140..1e140;

/// The terms of one plane.
pub(crate) struct Terms<'a, T> {
    dims: [usize; 2],
    most: usize,
    taps: &'a mut [f64],
    rest: &'a mut [f64],
    /// Term after term.
    columns: &'a mut [f64],
    rows: &'a mut [f64],
    element: PhantomData<T>,
}

impl<'a, T: Element> Terms<'a, T> {
    /// In [`room`](super::room) for `most` terms.
    pub(crate) fn new([rows, columns]: [usize; 2], most: usize, memory: &'a mut [f64]) -> Self {
        let (taps, memory) = memory.split_at_mut(rows * columns);
        let (rest, memory) = memory.split_at_mut(rows * columns);
        let (column_factors, memory) = memory.split_at_mut(rows * most);
        let row_factors = &mut memory[..columns * most];
        Terms {
            dims: [rows, columns],
            most,
            taps,
            rest,
            columns: column_factors,
            rows: row_factors,
            element: PhantomData,
        }
    }

    /// Column and row of a term, to be rounded to the element type; zeros beyond the terms found.
    pub(crate) fn factors(&self, term: usize) -> [&[f64]; 2] {
        let [rows, columns] = self.dims;
        [&self.columns[term * rows..][..rows], &self.rows[term * columns..][..columns]]
    }

    /// Finds the terms of a plane, and what they miss.
    pub(crate) fn decompose(&mut self, kernel: View<'_, T>, plane: usize) -> Option<LowRank> {
        self.columns.fill(0.0);
        self.rows.fill(0.0);
        let norm = self.load(kernel, plane)?;
        if norm == 0.0 {
            return Some(self.compare(1, 1.0));
        }
        let unit = round_off(T::TYPE) * norm;
        for terms in 1..=self.most {
            self.cross(terms - 1);
            if euclidean(self.rest) > PROMISING * unit {
                continue;
            }
            let found = if terms == 1 { self.one_term(norm) } else { self.singular_terms(terms, norm) };
            if found.truncation * norm <= ACCEPTED * unit {
                // What the comparison itself may have lost.
                let lost = terms as f64 * f64::EPSILON * found.weight;
                let [truncation, by_tap] = [found.truncation + lost, found.by_tap + lost];
                return Some(LowRank { truncation, by_tap, ..found });
            }
        }
        None
    }

    /// Copies the taps; returns their norm unless one is not finite, or they are too large or small to square.
    fn load(&mut self, kernel: View<'_, T>, plane: usize) -> Option<f64> {
        let [rows, columns] = self.dims;
        let mut most = 0.0f64;
        for row in 0..rows {
            for column in 0..columns {
                let tap = kernel.get([plane, 0, row, column])?.to_f64();
                self.taps[row * columns + column] = tap;
                most = if tap.is_finite() { most.max(tap.abs()) } else { return None };
            }
        }
        self.rest.copy_from_slice(self.taps);
        (most == 0.0 || MAGNITUDES.contains(&most)).then(|| euclidean(self.taps))
    }

    /// Takes the row of the largest value left, and subtracts the cross that it makes with its column.
    fn cross(&mut self, term: usize) {
        let [rows, columns] = self.dims;
        let largest = |best: usize, at: usize| {
            if self.rest[at].abs() > self.rest[best].abs() { at } else { best }
        };
        let pivot = (0..rows * columns).fold(0, largest);
        let row = &mut self.rows[term * columns..][..columns];
        row.copy_from_slice(&self.rest[pivot / columns * columns..][..columns]);
        let value = self.rest[pivot];
        if value == 0.0 {
            return;
        }
        for rest in self.rest.chunks_exact_mut(columns) {
            let factor = rest[pivot % columns] / value;
            rest.iter_mut().zip(&*row).for_each(|(rest, value)| *rest -= factor * value);
        }
    }

    /// One column and the row found, exact if taps are products of whole numbers.
    fn one_term(&mut self, norm: f64) -> LowRank {
        let [_, columns] = self.dims;
        let row = &mut self.rows[..columns];
        let divisor = common_divisor(row);
        row.iter_mut().for_each(|value| *value /= divisor);
        self.project_columns(1);
        let found = self.compare(1, norm);
        if found.by_tap == 0.0 {
            return found;
        }
        self.project_rows(1);
        let row = &mut self.rows[..columns];
        let divisor = power_of_two(row.iter().fold(0.0, |most, value| value.abs().max(most)));
        row.iter_mut().for_each(|value| *value /= divisor);
        self.project_columns(1);
        self.correct(1);
        self.compare(1, norm)
    }

    /// The singular value decomposition within the rows found.
    fn singular_terms(&mut self, terms: usize, norm: f64) -> LowRank {
        let [rows, columns] = self.dims;
        orthonormalize(self.rows, columns, terms);
        self.project_columns(terms);
        self.project_rows(terms);
        orthonormalize(self.rows, columns, terms);
        self.project_columns(terms);
        rotate([self.columns, self.rows], [rows, columns], terms);
        self.correct(terms);
        self.compare(terms, norm)
    }

    /// The columns that fit the taps best beside orthogonal rows.
    fn project_columns(&mut self, terms: usize) {
        let [rows, columns] = self.dims;
        for (row, column) in
            self.rows.chunks_exact(columns).zip(self.columns.chunks_exact_mut(rows)).take(terms)
        {
            let square = dot(row, row);
            for (value, taps) in column.iter_mut().zip(self.taps.chunks_exact(columns)) {
                *value = dot(taps, row) / square;
            }
        }
    }

    /// Rows along those that fit the taps best beside the columns.
    fn project_rows(&mut self, terms: usize) {
        let [rows, columns] = self.dims;
        for (row, column) in
            self.rows.chunks_exact_mut(columns).zip(self.columns.chunks_exact(rows)).take(terms)
        {
            row.fill(0.0);
            for (&factor, taps) in column.iter().zip(self.taps.chunks_exact(columns)) {
                row.iter_mut().zip(taps).for_each(|(value, tap)| *value += factor * tap);
            }
        }
    }

    /// Adds to the columns what the terms miss of the taps along orthogonal rows: in `f64`, roundings on the way here
    /// are as large as what is accepted.
    fn correct(&mut self, terms: usize) {
        let [rows, columns] = self.dims;
        self.rest.copy_from_slice(self.taps);
        for (row, column) in self.rows.chunks_exact(columns).zip(self.columns.chunks_exact(rows)).take(terms)
        {
            for (rest, factor) in self.rest.chunks_exact_mut(columns).zip(column) {
                rest.iter_mut().zip(row).for_each(|(rest, value)| *rest -= factor * value);
            }
        }
        for (row, column) in
            self.rows.chunks_exact(columns).zip(self.columns.chunks_exact_mut(rows)).take(terms)
        {
            let square = dot(row, row);
            for (value, rest) in column.iter_mut().zip(self.rest.chunks_exact(columns)) {
                *value += dot(rest, row) / square;
            }
        }
    }

    /// What the rounded factors miss of the taps.
    fn compare(&self, terms: usize, norm: f64) -> LowRank {
        let [rows, columns] = self.dims;
        let rounded = |value: f64| T::from_f64(value).to_f64();
        let (mut squares, mut weights, mut by_tap) = (0.0f64, 0.0f64, 0.0f64);
        for (index, &tap) in self.taps.iter().enumerate() {
            let (mut difference, mut weight) = (tap, 0.0);
            for term in 0..terms {
                let column = rounded(self.columns[term * rows + index / columns]);
                let product = column * rounded(self.rows[term * columns + index % columns]);
                difference -= product;
                weight += product.abs();
            }
            squares += difference * difference;
            weights += weight * weight;
            by_tap = if difference == 0.0 { by_tap } else { by_tap.max((difference / tap).abs()) };
        }
        let weight = (weights.sqrt() / norm).max(1.0);
        let truncation = squares.sqrt() / norm;
        LowRank {
            terms,
            truncation,
            by_tap,
            weight,
            is_shared: false,
            is_level: self.is_level(terms),
            is_symmetric: self.is_symmetric(terms),
            is_by_columns: false,
        }
    }

    /// Whether the column of a single term consists of equal taps, and its row.
    fn is_level(&self, terms: usize) -> [bool; 2] {
        let is_level =
            |taps: &[f64]| terms == 1 && taps.iter().all(|&tap| T::from_f64(tap) == T::from_f64(taps[0]));
        self.factors(0).map(is_level)
    }

    /// Whether the columns of all terms are alike from either end, and their rows.
    fn is_symmetric(&self, terms: usize) -> [bool; 2] {
        let is_symmetric = |taps: &[f64]| is_symmetric(taps.iter().map(|&tap| T::from_f64(tap)));
        [0, 1].map(|axis| (0..terms).all(|term| is_symmetric(self.factors(term)[axis])))
    }
}
