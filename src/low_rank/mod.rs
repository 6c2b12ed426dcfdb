//! Kernels as sums of separable ones: `h[i][j]` as the sum over terms of `column[t][i] * row[t][j]`.
//!
//! Cross approximation with complete pivoting finds rows that span those of the kernel (Bebendorf 2000); each step takes
//! the largest value left, and removes its row and column. A kernel of one term keeps that row, divided so that whole
//! numbers stay whole. The rows of several terms are made orthonormal, improved by a step of subspace iteration, and
//! rotated until the columns are orthogonal too (one-sided Jacobi, Hestenes 1958): that is the singular value
//! decomposition, whose terms do not cancel more than they must.
//!
//! What counts is what comes out: the factors are rounded to the element type, multiplied out in `f64` and compared with
//! the kernel. They are accepted at round-off level only, relative to the kernel.

mod vectors;

use core::marker::PhantomData;

use crate::element::Element;
use crate::element_type::ElementType;
use crate::view::View;
use vectors::{common_divisor, dot, euclidean, orthonormalize, power_of_two, rotate};

/// More terms than this are not looked for.
pub(crate) const MOST_TERMS: usize = 8;
/// What the factors may miss of the kernel in the Frobenius norm, in units of round-off relative to its own.
const ACCEPTED: f64 = 8.0;
/// From what is left on it is worth a look whether the terms suffice.
const PROMISING: f64 = 64.0;
/// Larger planes are not looked at.
const MOST_TAPS: usize = 1 << 20;
/// Kernels with larger or smaller magnitudes may overflow on the way.
const MAGNITUDES: core::ops::Range<f64> = 1e-140..1e140;

/// What is known of the kernel when a strategy is chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum KernelFacts {
    /// Its values are not known.
    Unknown,
    /// It is no sum of few separable ones, or nobody looked because that would not help.
    HighRank,
    /// It is.
    LowRank(LowRank),
}

/// What is known of a kernel of low rank, the worst of all its planes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct LowRank {
    /// Terms.
    pub(crate) terms: usize,
    /// Frobenius norm of the difference between factors and kernel, relative to that of the kernel.
    pub(crate) truncation: f64,
    /// The largest such difference of one tap, relative to that tap.
    pub(crate) by_tap: f64,
    /// Frobenius norm of the sum of the absolute values of the terms, relative to that of the kernel: at least 1.
    pub(crate) weight: f64,
    /// Whether all planes are the same.
    pub(crate) is_shared: bool,
}

/// Unit round-off.
pub(crate) fn round_off(element: ElementType) -> f64 {
    match element {
        ElementType::F32 => f64::from(f32::EPSILON) / 2.0,
        ElementType::F64 => f64::EPSILON / 2.0,
    }
}

/// Values that the decomposition of planes of this size needs room for.
pub(crate) fn room([rows, columns]: [usize; 2], terms: usize) -> Option<usize> {
    let factors = rows.checked_add(columns)?.checked_mul(terms)?;
    rows.checked_mul(columns)?.checked_mul(2)?.checked_add(factors)
}

/// As many terms as can pay: so many of them take as many products as the plane itself.
pub(crate) fn most_terms([rows, columns]: [usize; 2]) -> usize {
    (rows.saturating_mul(columns) / rows.saturating_add(columns)).clamp(1, MOST_TERMS)
}

impl LowRank {
    /// Decomposes every plane of a kernel with one input channel to a group; `None` if one of them has too high a rank,
    /// or there is no memory to find out.
    pub(crate) fn of<T: Element>(kernel: View<'_, T>) -> Option<LowRank> {
        let [_, _, rows, columns] = kernel.dims();
        let most = most_terms([rows, columns]);
        rows.checked_mul(columns).filter(|&taps| taps <= MOST_TAPS)?;
        let count = room([rows, columns], most)?;
        let mut memory = Vec::new();
        memory.try_reserve_exact(count).ok()?;
        memory.resize(count, 0.0);
        Self::within(kernel, most, &mut memory)
    }

    /// The same with at most `most` terms, in room for as many.
    pub(crate) fn within<T: Element>(
        kernel: View<'_, T>,
        most: usize,
        memory: &mut [f64],
    ) -> Option<LowRank> {
        let [planes, _, rows, columns] = kernel.dims();
        let is_shared = is_shared(kernel);
        let mut all = LowRank { terms: 1, truncation: 0.0, by_tap: 0.0, weight: 1.0, is_shared };
        for plane in 0..if is_shared { 1 } else { planes } {
            let mut terms = Terms::<T>::new([rows, columns], most, memory);
            let found = terms.decompose(kernel, plane)?;
            all.terms = all.terms.max(found.terms);
            all.truncation = all.truncation.max(found.truncation);
            all.by_tap = all.by_tap.max(found.by_tap);
            all.weight = all.weight.max(found.weight);
        }
        Some(all)
    }
}

fn is_shared<T: Element>(kernel: View<'_, T>) -> bool {
    let [planes, _, rows, columns] = kernel.dims();
    if kernel.strides()[0] == 0 {
        return true;
    }
    let same = |plane, row, column| kernel.get([plane, 0, row, column]) == kernel.get([0, 0, row, column]);
    (1..planes).all(|plane| (0..rows).all(|row| (0..columns).all(|column| same(plane, row, column))))
}

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
    /// In [`room`] for `most` terms.
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

    /// Adds to the columns what the terms miss of the taps along orthogonal rows: in `f64`, roundings on the way here are
    /// as large as what is accepted.
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
        LowRank { terms, truncation: squares.sqrt() / norm, by_tap, weight, is_shared: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn low_rank<T: Element>(taps: &[T], dims: [usize; 2]) -> Option<LowRank> {
        LowRank::of(View::plane(taps, dims).unwrap())
    }

    fn wave(seed: usize, count: usize) -> Vec<f64> {
        (0..count).map(|i| ((i * i * 7 + i * (seed + 3) + seed) as f64 * 0.7).sin()).collect()
    }

    /// Sums of outer products of waves, rounded to the element type.
    fn sum_of<T: Element>(terms: usize, [rows, columns]: [usize; 2]) -> Vec<T> {
        let mut taps = vec![0.0; rows * columns];
        for term in 0..terms {
            let (column, row) = (wave(2 * term, rows), wave(2 * term + 1, columns));
            for (at, tap) in taps.iter_mut().enumerate() {
                *tap += column[at / columns] * row[at % columns];
            }
        }
        taps.into_iter().map(T::from_f64).collect()
    }

    #[test]
    fn finds_the_terms_of_sums() {
        for terms in 1..=3 {
            let of_f32 = low_rank(&sum_of::<f32>(terms, [9, 11]), [9, 11]).unwrap();
            let of_f64 = low_rank(&sum_of::<f64>(terms, [9, 11]), [9, 11]).unwrap();
            assert_eq!([of_f32.terms, of_f64.terms], [terms; 2]);
            assert!(of_f32.truncation <= 4.0 * f64::from(f32::EPSILON) + 1e-14);
            assert!(of_f64.truncation <= (4.0 + 2.0 * terms as f64) * f64::EPSILON);
            // Orthogonal terms: the absolute values cannot weigh more than the root of their number.
            assert!(of_f64.weight <= (terms as f64).sqrt() * (1.0 + 1e-12));
        }
        assert_eq!(low_rank(&sum_of::<f32>(6, [9, 11]), [9, 11]), None);
    }

    #[test]
    fn a_tap_moved_by_little_more_than_round_off_is_noticed() {
        let mut taps = sum_of::<f64>(1, [9, 9]);
        assert_eq!(low_rank(&taps, [9, 9]).unwrap().terms, 1);
        taps[40] += 1e-13;
        assert_ne!(low_rank(&taps, [9, 9]).unwrap().terms, 1);
    }

    #[test]
    fn whole_numbers_stay_whole() {
        let binomial = [1.0f32, 4.0, 6.0, 4.0, 1.0];
        let taps: Vec<f32> =
            binomial.iter().flat_map(|a| binomial.iter().map(move |b| -3.0 * a * b)).collect();
        let mut memory = vec![0.0; room([5, 5], 1).unwrap()];
        let mut terms = Terms::<f32>::new([5, 5], 1, &mut memory);
        let found = terms.decompose(View::plane(&taps, [5, 5]).unwrap(), 0).unwrap();
        assert!(found.by_tap <= f64::EPSILON);
        for factor in terms.factors(0) {
            assert!(factor.iter().all(|value| value.fract() == 0.0), "{factor:?}");
        }
    }

    #[test]
    fn odd_values_are_refused_and_zeros_are_not() {
        assert_eq!(low_rank(&[0.0f32; 9], [3, 3]).unwrap().terms, 1);
        assert_eq!(low_rank(&[f32::NAN; 9], [3, 3]), None);
        assert_eq!(low_rank(&[1e200f64; 9], [3, 3]), None);
        assert_eq!(low_rank(&[f64::INFINITY; 9], [3, 3]), None);
    }

    #[test]
    fn planes_are_compared() {
        let planes = [[1.0f32, 2.0, 2.0, 4.0], [1.0, 2.0, 2.0, 4.0], [1.0, 1.0, 1.0, 1.0]].concat();
        let of =
            |count: usize| LowRank::of(View::nchw(&planes[..4 * count], [count, 1, 2, 2]).unwrap()).unwrap();
        assert!(of(2).is_shared);
        assert!(!of(3).is_shared);
    }
}
