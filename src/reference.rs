//! The definition, in nested loops: slow, readable, and the oracle of all tests.
//!
//! ```text
//! y[b, o, i, j] = activation(bias[o] + accumulate * y_old[b, o, i, j]
//!                 + sum over c, k, l of x[b, c, i * stride + k * dilation - before, ...] * h[o, c, k, l])
//! ```
//!
//! with `x` extended by its borders, `c` running over the channels of the group of `o`, and `h` flipped along rows
//! and columns for a convolution. Products are exact and sums are kept one precision wider than the elements: `f64`
//! for `f32`, double-double for `f64` (Dekker 1971). It shares no code with the strategies but the sizes.

use crate::conv::{Activation, Border, Conv, Operation};
use crate::element::Element;
use crate::element_type::ElementType;
use crate::error::Error;
use crate::problem::{Axis, Problem};
use crate::view::View;

/// One output as the definition gives it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Exact {
    /// The result, rounded to `f64`.
    pub value: f64,
    /// What `value` lacks: the result is `value + tail` to twice the precision of `f64` if the elements are `f64`;
    /// zero for `f32`.
    pub tail: f64,
    /// The sum of the absolute values of everything added: the scale of componentwise error bounds.
    pub magnitude: f64,
}

impl Exact {
    /// Distance of a computed result. Two NaNs and equal infinities are at distance 0.
    pub fn distance(&self, computed: f64) -> f64 {
        if computed == self.value && self.tail == 0.0 || computed.is_nan() && self.value.is_nan() {
            return 0.0;
        }
        let distance = ((computed - self.value) - self.tail).abs();
        if distance.is_nan() { f64::INFINITY } else { distance }
    }
}

/// Computes every output by definition, in the order batch, channel, row, column.
///
/// `old` is what the output held, needed only if the request accumulates.
///
/// # Errors
/// One that names what in the request cannot be, or [`Error::Shape`] or [`Error::Length`] of an operand.
///
/// ```
/// use convolve::{Conv, View, reference};
/// let exact = reference::convolve(
///     &Conv::d1(3, 2).convolution(),
///     View::signal(&[1.0f32, 2.0, 3.0]),
///     View::signal(&[10.0, 1.0]),
///     None,
///     None,
/// )?;
/// assert_eq!([exact[0].value, exact[1].value], [21.0, 32.0]);
/// # Ok::<(), convolve::Error>(())
/// ```
pub fn convolve<T: Element>(
    conv: &Conv,
    input: View<'_, T>,
    kernel: View<'_, T>,
    bias: Option<&[T]>,
    old: Option<View<'_, T>>,
) -> Result<Vec<Exact>, Error> {
    let problem = Problem::new(conv, T::TYPE)?;
    let shapes = [
        ("input", problem.input_shape(), input.dims()),
        ("kernel", problem.kernel_shape(), kernel.dims()),
        ("output", problem.output_shape(), old.map_or(problem.output_shape(), |old| old.dims())),
    ];
    for (operand, expected, got) in shapes {
        if expected != got {
            return Err(Error::Shape { operand, expected, got });
        }
    }
    if let Some(bias) = bias.filter(|bias| bias.len() != conv.channels_out) {
        return Err(Error::Length { operand: "bias", expected: conv.channels_out, got: bias.len() });
    }
    Ok(match T::TYPE {
        ElementType::F32 => outputs::<T, f64>(&problem, input, kernel, bias, old),
        ElementType::F64 => outputs::<T, DoubleDouble>(&problem, input, kernel, bias, old),
    })
}

/// Every output; the shapes have been checked.
fn outputs<T: Element, A: Accumulator>(
    problem: &Problem,
    input: View<'_, T>,
    kernel: View<'_, T>,
    bias: Option<&[T]>,
    old: Option<View<'_, T>>,
) -> Vec<Exact> {
    let [batch, channels, rows, columns] = problem.output_shape();
    let mut exact = Vec::new();
    for item in 0..batch {
        for channel in 0..channels {
            for row in 0..rows {
                for column in 0..columns {
                    let at = [item, channel, row, column];
                    exact.push(output::<T, A>(problem, input, kernel, bias, old, at));
                }
            }
        }
    }
    exact
}

/// One output by definition; the shapes have been checked. `at` is batch, channel, row, column.
fn output<T: Element, A: Accumulator>(
    problem: &Problem,
    input: View<'_, T>,
    kernel: View<'_, T>,
    bias: Option<&[T]>,
    old: Option<View<'_, T>>,
    at: [usize; 4],
) -> Exact {
    let [item, channel, row, column] = at;
    let first_input = channel / problem.group_out * problem.group_in;
    let flipped = problem.conv.operation == Operation::Convolution;
    let mut sum = A::default();
    let mut magnitude = 0.0;
    let mut add = |x: f64, h: f64| {
        sum.add_product(x, h);
        magnitude += (x * h).abs();
    };
    for c in 0..problem.group_in {
        for k in 0..problem.rows.taps {
            for l in 0..problem.columns.taps {
                let y = coordinate(&problem.rows, row, k);
                let x = coordinate(&problem.columns, column, l);
                let tap =
                    if flipped { [problem.rows.taps - 1 - k, problem.columns.taps - 1 - l] } else { [k, l] };
                let h = kernel.get([channel, c, tap[0], tap[1]]).map_or(0.0, T::to_f64);
                add(extended(problem, input, [item, first_input + c], y, x), h);
            }
        }
    }
    if let Some(bias) = bias {
        add(bias[channel].to_f64(), 1.0);
    }
    let factor = T::from_f64(problem.conv.accumulate).to_f64();
    if factor != 0.0 {
        add(old.and_then(|old| old.get(at)).map_or(0.0, T::to_f64), factor);
    }
    let [value, tail] = sum.value();
    activated::<T>(problem.conv.activation, Exact { value, tail, magnitude })
}

/// Input coordinate under tap `tap` of output `at`.
fn coordinate(axis: &Axis, at: usize, tap: usize) -> isize {
    (at * axis.stride + tap * axis.dilation) as isize - axis.before as isize
}

/// The input at any place, extended by its borders.
fn extended<T: Element>(problem: &Problem, input: View<'_, T>, at: [usize; 2], y: isize, x: isize) -> f64 {
    let borders = &problem.conv.border;
    let row = match inside(y, problem.rows.input, borders.top, borders.bottom) {
        Ok(row) => row,
        Err(constant) => return T::from_f64(constant).to_f64(),
    };
    let column = match inside(x, problem.columns.input, borders.left, borders.right) {
        Ok(column) => column,
        Err(constant) => return T::from_f64(constant).to_f64(),
    };
    input.get([at[0], at[1], row, column]).map_or(0.0, T::to_f64)
}

/// Follows a border back into `0..len`, one reflection or turn at a time, or returns its constant.
fn inside(mut at: isize, len: usize, before: Border, after: Border) -> Result<usize, f64> {
    let n = len as isize;
    let border = if at < 0 { before } else { after };
    while !(0..n).contains(&at) {
        at = match border {
            Border::Zero => return Err(0.0),
            Border::Constant(value) => return Err(value),
            Border::Replicate => at.clamp(0, n - 1),
            Border::Symmetric if at < 0 => -1 - at,
            Border::Symmetric => 2 * n - 1 - at,
            Border::Reflect101 if n == 1 => 0,
            Border::Reflect101 if at < 0 => -at,
            Border::Reflect101 => 2 * (n - 1) - at,
            Border::Wrap if at < 0 => at + n,
            Border::Wrap => at - n,
        };
    }
    Ok(at as usize)
}

fn activated<T: Element>(activation: Activation, exact: Exact) -> Exact {
    let (low, high) = match activation {
        Activation::None => return exact,
        Activation::Relu => (0.0, f64::INFINITY),
        Activation::Clamp { min, max } => (T::from_f64(min).to_f64(), T::from_f64(max).to_f64()),
    };
    // Not `clamp`: a NaN must pass, and so must the tail of a value inside.
    if exact.value < low {
        Exact { value: low, tail: 0.0, ..exact }
    } else if exact.value > high {
        Exact { value: high, tail: 0.0, ..exact }
    } else {
        exact
    }
}

/// A sum of products, one precision wider than the elements.
trait Accumulator: Default {
    /// Adds `x * h`.
    fn add_product(&mut self, x: f64, h: f64);
    /// The sum, rounded, and what rounding lost.
    fn value(&self) -> [f64; 2];
}

impl Accumulator for f64 {
    fn add_product(&mut self, x: f64, h: f64) {
        // The product of two f32 values is exact in f64.
        *self += x * h;
    }

    fn value(&self) -> [f64; 2] {
        [*self, 0.0]
    }
}

/// An unevaluated sum of two `f64`.
#[derive(Clone, Copy, Debug, Default)]
struct DoubleDouble {
    high: f64,
    low: f64,
}

impl Accumulator for DoubleDouble {
    fn add_product(&mut self, x: f64, h: f64) {
        let product = x * h;
        let product_error = x.mul_add(h, -product);
        // Knuth's two-sum: `sum + error` is `high + product` exactly.
        let sum = self.high + product;
        let shadow = sum - self.high;
        let error = (self.high - (sum - shadow)) + (product - shadow);
        let low = self.low + error + product_error;
        // Without the finite case, an infinite sum would leave a NaN behind.
        (self.high, self.low) =
            if sum.is_finite() { (sum + low, low - ((sum + low) - sum)) } else { (sum, 0.0) };
    }

    fn value(&self) -> [f64; 2] {
        [self.high, self.low]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn double_double_keeps_what_f64_drops() {
        let mut sum = DoubleDouble::default();
        // 1 / 3 is not exact, so its square has an error that only the low part can hold.
        for (x, h) in [(1e10, 1.0), (1.0 / 3.0, 1.0 / 3.0), (-1e10, 1.0)] {
            sum.add_product(x, h);
        }
        let square = (1.0 / 3.0) * (1.0 / 3.0);
        let square_error = (1.0f64 / 3.0).mul_add(1.0 / 3.0, -square);
        assert_eq!(sum.value()[0], square);
        // About 106 bits of the largest intermediate sum.
        assert!((sum.value()[1] - square_error).abs() < 1e10 * 2f64.powi(-104));
        assert!(square_error.abs() > 1e3 * 1e10 * 2f64.powi(-104), "large enough to be missed");
        let mut plain = 1e10;
        plain += square;
        assert_ne!(plain - 1e10, square, "what f64 alone would give");
    }

    #[test]
    fn distance_counts_nan_and_infinity() {
        let exact = |value| Exact { value, ..Exact::default() };
        assert_eq!(exact(f64::NAN).distance(f64::NAN), 0.0);
        assert_eq!(exact(f64::INFINITY).distance(f64::INFINITY), 0.0);
        assert_eq!(exact(1.0).distance(f64::NAN), f64::INFINITY);
        assert_eq!(exact(f64::NAN).distance(1.0), f64::INFINITY);
        assert_eq!(exact(1.0).distance(1.5), 0.5);
    }
}
