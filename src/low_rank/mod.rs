//! Kernels as sums of separable ones: `h[i][j]` as the sum over terms of `column[t][i] * row[t][j]`.
//!
//! [`Terms`] finds them. What counts is what comes out: the factors are rounded to the element type, multiplied out in
//! `f64` and compared with the kernel. They are accepted at round-off level only, relative to the kernel.

mod terms;
mod vectors;

use crate::element::Element;
use crate::element_type::ElementType;
use crate::view::View;
pub(crate) use terms::Terms;

/// More terms than this are not looked for.
pub(crate) const MOST_TERMS: usize = 8;
/// Larger planes are not looked at.
const MOST_TAPS: usize = 1 << 20;

/// What is known of the kernel when a strategy is chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum KernelFacts {
    /// Its values are not known.
    Unknown,
    /// It is no sum of few separable ones, or nobody looked because that would not help.
    HighRank {
        /// Whether all planes are the same.
        is_shared: bool,
    },
    /// It is.
    LowRank(LowRank),
}

impl KernelFacts {
    /// Whether all planes are known to be the same.
    pub(crate) fn is_shared(&self) -> bool {
        match *self {
            KernelFacts::Unknown => false,
            KernelFacts::HighRank { is_shared } => is_shared,
            KernelFacts::LowRank(LowRank { is_shared, .. }) => is_shared,
        }
    }
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
    /// Whether the taps of the column are all alike, and those of the row: of single terms only.
    pub(crate) is_level: [bool; 2],
    /// Whether the taps of the columns of all terms are alike from either end, and those of the rows.
    pub(crate) is_symmetric: [bool; 2],
    /// Whether the terms are the columns of the kernel, whatever its rank, each with a single tap of the row, which is
    /// one.
    pub(crate) is_by_columns: bool,
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

    /// Any kernel of so many columns, as the sum of them: what no other terms are found for.
    pub(crate) fn by_columns(columns: usize, is_shared: bool) -> LowRank {
        LowRank {
            terms: columns,
            truncation: 0.0,
            by_tap: 0.0,
            weight: 1.0,
            is_shared,
            is_level: [false; 2],
            is_symmetric: [false; 2],
            is_by_columns: true,
        }
    }

    /// The same with at most `most` terms, in room for as many.
    pub(crate) fn within<T: Element>(
        kernel: View<'_, T>,
        most: usize,
        memory: &mut [f64],
    ) -> Option<LowRank> {
        let [planes, _, rows, columns] = kernel.dims();
        let is_shared = is_shared(kernel);
        let mut all = LowRank {
            terms: 1,
            truncation: 0.0,
            by_tap: 0.0,
            weight: 1.0,
            is_shared,
            is_level: [true; 2],
            is_symmetric: [true; 2],
            is_by_columns: false,
        };
        for plane in 0..if is_shared { 1 } else { planes } {
            let mut terms = Terms::<T>::new([rows, columns], most, memory);
            let found = terms.decompose(kernel, plane)?;
            all.terms = all.terms.max(found.terms);
            all.truncation = all.truncation.max(found.truncation);
            all.by_tap = all.by_tap.max(found.by_tap);
            all.weight = all.weight.max(found.weight);
            for axis in 0..2 {
                all.is_level[axis] &= found.is_level[axis];
                all.is_symmetric[axis] &= found.is_symmetric[axis];
            }
        }
        Some(all)
    }
}

/// Whether taps are alike from either end.
pub(crate) fn is_symmetric<V: PartialEq>(taps: impl DoubleEndedIterator<Item = V> + Clone) -> bool {
    taps.clone().eq(taps.rev())
}

/// Whether all planes of a kernel with one input channel to a group are the same.
pub(crate) fn is_shared<T: Element>(kernel: View<'_, T>) -> bool {
    let [planes, _, rows, columns] = kernel.dims();
    if kernel.strides()[0] == 0 {
        return true;
    }
    let same = |plane, row, column| kernel.get([plane, 0, row, column]) == kernel.get([0, 0, row, column]);
    (1..planes).all(|plane| (0..rows).all(|row| (0..columns).all(|column| same(plane, row, column))))
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
    fn whatever_is_alike_from_either_end_stays_so() {
        // A blur, and a difference of two, whose terms are found by rotating.
        let bell = |i: usize, width: f64| (-((i as f64 - 5.0) / width).powi(2)).exp();
        let blur: Vec<f32> = (0..121).map(|i| (bell(i / 11, 2.0) * bell(i % 11, 2.0)) as f32).collect();
        let difference = (0..121).map(|i| {
            (bell(i / 11, 2.0) * bell(i % 11, 2.0) - 0.4 * bell(i / 11, 3.5) * bell(i % 11, 3.5)) as f32
        });
        let difference: Vec<f32> = difference.collect();
        for (terms, taps) in [(1, &blur), (2, &difference)] {
            let found = low_rank(taps, [11, 11]).unwrap();
            assert_eq!((found.terms, found.is_symmetric), (terms, [true; 2]));
        }
        let ramp: Vec<f32> = (0..121).map(|i| blur[i] * (i % 11) as f32).collect();
        let found = low_rank(&ramp, [11, 11]).unwrap();
        assert_eq!((found.terms, found.is_symmetric), (1, [true, false]));
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
