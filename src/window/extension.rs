//! What stands outside the input: a constant, or values of the input again.

use crate::conv::{Border, Borders};
use crate::element::Element;

/// A border with its constant in the element type.
#[derive(Clone, Copy, Debug)]
pub(super) enum Extension<T> {
    Constant(T),
    Replicate,
    Symmetric,
    Reflect101,
    Wrap,
}

impl<T: Element> Extension<T> {
    fn new(border: Border) -> Self {
        match border {
            Border::Zero => Extension::Constant(T::default()),
            Border::Constant(value) => Extension::Constant(T::from_f64(value)),
            Border::Replicate => Extension::Replicate,
            Border::Symmetric => Extension::Symmetric,
            Border::Reflect101 => Extension::Reflect101,
            Border::Wrap => Extension::Wrap,
        }
    }

    /// The value of all places outside `0..len`, if it is one.
    pub(super) fn constant(self, len: usize) -> Option<T> {
        match self {
            Extension::Constant(value) => Some(value),
            // There is nothing to repeat, and `Problem` has refused what would need it.
            _ if len == 0 => Some(T::default()),
            _ => None,
        }
    }

    /// What stands from place `at` on, which is outside `0..len`, where that is no constant.
    pub(super) fn run(self, at: isize, len: usize) -> Run {
        let n = len as isize;
        let forwards = |first: isize| Run { first, direction: 1, count: (n - first).unsigned_abs() };
        let backwards =
            |first: isize, count: isize| Run { first, direction: -1, count: count.unsigned_abs() };
        let repeated = |first: isize, count: usize| Run { first, direction: 0, count };
        match self {
            Extension::Constant(_) => repeated(0, usize::MAX),
            Extension::Replicate if at < 0 => repeated(0, at.unsigned_abs()),
            Extension::Replicate => repeated(n - 1, usize::MAX),
            Extension::Symmetric => match within(at, 2 * n) {
                phase if phase < n => forwards(phase),
                phase => backwards(2 * n - 1 - phase, 2 * n - phase),
            },
            Extension::Reflect101 if n == 1 => repeated(0, usize::MAX),
            Extension::Reflect101 => match within(at, 2 * n - 2) {
                phase if phase < n => forwards(phase),
                phase => backwards(2 * n - 2 - phase, 2 * n - 2 - phase),
            },
            Extension::Wrap => forwards(within(at, n)),
        }
    }
}

/// Neighbouring places outside which take their values from neighbours inside, or all from the same.
pub(super) struct Run {
    /// Where the first takes its value from.
    pub(super) first: isize,
    /// From one source to the next: 1, -1 or 0.
    pub(super) direction: isize,
    /// How many places there are.
    pub(super) count: usize,
}

/// `at` modulo the period. Near the input, where most reads are, without the division.
fn within(at: isize, period: isize) -> isize {
    match at {
        _ if (0..period).contains(&at) => at,
        _ if (-period..0).contains(&at) => at + period,
        _ if at >= period && at - period < period => at - period,
        _ => at.rem_euclid(period),
    }
}

/// What stands at a place of the padded input.
pub(crate) enum Place<T> {
    Value(T),
    Index(isize),
}

/// The borders of a problem in the element type.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extensions<T> {
    top: Extension<T>,
    bottom: Extension<T>,
    pub(super) left: Extension<T>,
    pub(super) right: Extension<T>,
}

impl<T: Element> Extensions<T> {
    pub(crate) fn new(borders: Borders) -> Self {
        Extensions {
            top: Extension::new(borders.top),
            bottom: Extension::new(borders.bottom),
            left: Extension::new(borders.left),
            right: Extension::new(borders.right),
        }
    }

    /// The value of all columns outside, if it is one.
    pub(crate) fn constant_of_columns(&self) -> Option<T> {
        match (self.left, self.right) {
            (Extension::Constant(left), Extension::Constant(right)) if left == right => Some(left),
            _ => None,
        }
    }

    /// Where row `y` takes its values from.
    #[inline]
    pub(crate) fn row(&self, y: isize, rows: usize) -> Place<T> {
        place([self.top, self.bottom], y, rows)
    }

    /// Where column `x` takes its values from, in rows inside.
    pub(crate) fn column(&self, x: isize, columns: usize) -> Place<T> {
        place([self.left, self.right], x, columns)
    }
}

/// What stands at a place, between these borders.
#[inline]
fn place<T: Element>([before, behind]: [Extension<T>; 2], at: isize, len: usize) -> Place<T> {
    if (0..len as isize).contains(&at) {
        return Place::Index(at);
    }
    let extension = if at < 0 { before } else { behind };
    match extension.constant(len) {
        Some(value) => Place::Value(value),
        None => Place::Index(extension.run(at, len).first),
    }
}
