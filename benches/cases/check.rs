//! What the results ought to be: the crate's reference, on every output of a small problem, and on a sample of a
//! large one. The inputs under a sampled output are gathered here, borders included, so that this does not depend on
//! how the crate finds them.

use convolve::reference::{self, Exact};
use convolve::{Border, Borders, Conv, Element, ElementType, Error, Padding, View};

use crate::operands::{Operands, Random, Shapes, collect};
use crate::request::Request;

/// The reference takes a few nanoseconds for a multiply-add.
const MOST_MULTIPLY_ADDS: f64 = 2e8;
const MOST_OUTPUTS: usize = 4_000_000;
/// Outputs picked at random from a large problem.
const RANDOM_OUTPUTS: usize = 200;

/// Results with a larger error are wrong. The rounding errors of a sum of so many products add up like the steps of a
/// random walk; FFTs do better.
pub(crate) fn most_relative_error(element: ElementType, products: usize) -> f64 {
    let unit = if element == ElementType::F32 { f64::from(f32::EPSILON) } else { f64::EPSILON };
    unit * (64.0 + 4.0 * (products as f64).sqrt())
}

/// Outputs with what they ought to be.
pub(crate) struct Expected(Vec<([usize; 4], Exact)>);

impl Expected {
    pub(crate) fn new<T: Element>(
        request: &Request,
        shapes: &Shapes,
        operands: &Operands<T>,
        multiply_adds: f64,
    ) -> Result<Self, Error> {
        let input = request.input(&operands.input, shapes.input)?;
        let kernel = View::nchw(&operands.kernel, shapes.kernel)?;
        let old = request.output(&operands.old, shapes.output)?;
        let outputs = operands.old.len();
        if multiply_adds <= MOST_MULTIPLY_ADDS && outputs <= MOST_OUTPUTS {
            let exact = reference::convolve(&request.conv, input, kernel, None, Some(old))?;
            let places = (0..outputs).map(|index| place(index, shapes.output));
            return Ok(Expected(places.zip(exact).collect()));
        }
        let window = Window::new(&request.conv, shapes);
        let exact = |at| Ok((at, window.exact(at, input, kernel, old)?));
        places_to_sample(shapes.output).into_iter().map(exact).collect::<Result<_, Error>>().map(Expected)
    }

    /// The largest error as a part of the largest value; infinite if any of `values`, all that the output has, was
    /// not written.
    pub(crate) fn max_relative_error<T: Element>(&self, values: &[T], output: View<'_, T>) -> f64 {
        let has_nan = values.iter().any(|value| value.to_f64().is_nan());
        if has_nan && !self.0.iter().any(|(_, exact)| exact.value.is_nan()) {
            return f64::INFINITY;
        }
        let computed = |at| output.get(at).map_or(f64::NAN, T::to_f64);
        let error = self.0.iter().map(|(at, exact)| exact.distance(computed(*at))).fold(0.0, f64::max);
        let scale = self.0.iter().map(|(_, exact)| exact.value.abs()).fold(0.0, f64::max);
        if error == 0.0 { 0.0 } else { error / scale }
    }
}

/// The place of the output with this number.
fn place(mut index: usize, dims: [usize; 4]) -> [usize; 4] {
    let mut at = [0; 4];
    for axis in (0..4).rev() {
        at[axis] = index % dims[axis];
        index /= dims[axis];
    }
    at
}

/// Corners and ends of rows, where borders and partial vectors are, and places at random.
fn places_to_sample(dims: [usize; 4]) -> Vec<[usize; 4]> {
    let [batch, channels, rows, columns] = dims;
    let mut random = Random::new("places to sample");
    let mut places = Vec::new();
    for item in [0, batch - 1] {
        for channel in [0, channels / 2, channels - 1] {
            for row in [0, rows / 2, rows - 1] {
                places.extend([0, columns / 2, columns - 1].map(|column| [item, channel, row, column]));
            }
        }
    }
    places.extend((0..RANDOM_OUTPUTS).map(|_| dims.map(|dim| random.below(dim))));
    places
}

/// One spatial axis of a problem.
struct Axis {
    stride: usize,
    dilation: usize,
    /// Padding before the first input.
    before: usize,
    input: usize,
    /// Before and after.
    borders: [Border; 2],
}

impl Axis {
    /// The axis of this index: 0 rows, 1 columns.
    fn new(conv: &Conv, shapes: &Shapes, index: usize) -> Self {
        let [input, taps, outputs] =
            [shapes.input, shapes.kernel, shapes.output].map(|shape| shape[2 + index]);
        let (stride, dilation) = (conv.stride[index], conv.dilation[index]);
        let extent = (taps - 1) * dilation + 1;
        let total = (outputs.saturating_sub(1) * stride + extent).saturating_sub(input);
        let before = match conv.padding {
            Padding::Valid => 0,
            Padding::Full => extent - 1,
            Padding::Same => total / 2,
            Padding::SameLower => total - total / 2,
            Padding::Explicit { top, left, .. } => [top, left][index],
        };
        let Borders { top, bottom, left, right } = conv.border;
        Axis { stride, dilation, before, input, borders: [[top, bottom], [left, right]][index] }
    }

    /// The input under a tap, or the constant that stands there.
    fn source(&self, output: usize, tap: usize) -> Result<usize, f64> {
        let at = (output * self.stride + tap * self.dilation) as i64 - self.before as i64;
        let last = self.input as i64 - 1;
        if (0..=last).contains(&at) {
            return Ok(at as usize);
        }
        // Positions within one period of the extended signal: by the formula, not step by step as the reference.
        let folded = match self.borders[usize::from(at >= 0)] {
            Border::Zero => return Err(0.0),
            Border::Constant(value) => return Err(value),
            Border::Replicate => at.clamp(0, last),
            Border::Wrap => at.rem_euclid(last + 1),
            Border::Symmetric => {
                let phase = at.rem_euclid(2 * (last + 1));
                phase.min(2 * last + 1 - phase)
            }
            Border::Reflect101 => {
                let phase = at.rem_euclid((2 * last).max(1));
                phase.min(2 * last - phase)
            }
        };
        Ok(folded as usize)
    }
}

/// Gathers the inputs of one output and leaves the sum to the reference.
struct Window {
    rows: Axis,
    columns: Axis,
    single_output: Conv,
    /// Sizes of the kernel: output channels, input channels of a group, rows, columns.
    kernel: [usize; 4],
    outputs_per_group: usize,
}

impl Window {
    fn new(conv: &Conv, shapes: &Shapes) -> Self {
        let [channels_out, channels, rows, columns] = shapes.kernel;
        let groups = shapes.input[1] / channels;
        Window {
            rows: Axis::new(conv, shapes, 0),
            columns: Axis::new(conv, shapes, 1),
            single_output: single_output(conv, channels, [rows, columns]),
            kernel: shapes.kernel,
            outputs_per_group: channels_out / groups,
        }
    }

    fn exact<T: Element>(
        &self,
        at: [usize; 4],
        input: View<'_, T>,
        kernel: View<'_, T>,
        old: View<'_, T>,
    ) -> Result<Exact, Error> {
        let [_, channels, rows, columns] = self.kernel;
        let dims = [1, channels, rows, columns];
        let taps = (0..channels * rows * columns).map(|index| place(index, dims));
        let window = collect(taps.clone().map(|tap| self.input_under(input, at, tap)))?;
        let weight = |[_, channel, row, column]: [usize; 4]| kernel.get([at[1], channel, row, column]);
        let weights = collect(taps.map(|tap| weight(tap).unwrap_or_default()))?;
        let old = [old.get(at).unwrap_or_default()];
        let exact = reference::convolve(
            &self.single_output,
            View::nchw(&window, dims)?,
            View::nchw(&weights, dims)?,
            None,
            Some(View::signal(&old)),
        )?;
        exact.first().copied().ok_or(Error::Zero { quantity: "output" })
    }

    fn input_under<T: Element>(&self, input: View<'_, T>, at: [usize; 4], tap: [usize; 4]) -> T {
        let channel = at[1] / self.outputs_per_group * self.kernel[1] + tap[1];
        let row = match self.rows.source(at[2], tap[2]) {
            Ok(row) => row,
            Err(constant) => return T::from_f64(constant),
        };
        match self.columns.source(at[3], tap[3]) {
            Ok(column) => input.get([at[0], channel, row, column]).unwrap_or_default(),
            Err(constant) => T::from_f64(constant),
        }
    }
}

/// The sum and what follows it (activation, accumulation) for one output whose inputs lie side by side.
fn single_output(conv: &Conv, channels: usize, window: [usize; 2]) -> Conv {
    let mut single = Conv::d2(window, window).channels(channels, 1);
    (single.operation, single.element_type) = (conv.operation, conv.element_type);
    single.activation(conv.activation).accumulate(conv.accumulate)
}
