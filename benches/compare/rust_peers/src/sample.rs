//! What the results ought to be, on a sample of the outputs, and how large their errors may be expected to be.

use crate::layer::{Layer, Operands};

const SAMPLES: usize = 2000;
const FEWEST_SAMPLES: usize = 100;
/// Of a sample; long kernels have smaller ones.
const MOST_PRODUCTS: usize = 20_000_000;

/// One output: where it is, and its exact value.
struct Output {
    at: [usize; 4],
    value: f64,
}

pub struct Sample {
    outputs: Vec<Output>,
    /// Relative error of sums in f32 that add one product after the other.
    pub sequential_error: f64,
}

impl Sample {
    pub fn new(layer: &Layer, operands: &Operands) -> Self {
        let count: usize = layer.shapes.output.iter().product();
        // Coprime to most sizes, so that all rows, columns and channels get their share.
        let products_of_one: usize = layer.shapes.kernel[1..].iter().product();
        let samples = SAMPLES.min((MOST_PRODUCTS / products_of_one).max(FEWEST_SAMPLES));
        let step = (count / samples).max(1) | 1;
        let (mut outputs, mut sequential) = (Vec::new(), Vec::new());
        for at in (0..count).step_by(step).map(|index| place(index, layer.shapes.output)) {
            let products = products(layer, operands, at);
            outputs.push(Output {
                at,
                value: products.iter().map(|[x, h]| f64::from(*x) * f64::from(*h)).sum(),
            });
            sequential.push(products.iter().fold(0.0, |sum, [x, h]| sum + x * h));
        }
        let mut sample = Sample { outputs, sequential_error: 0.0 };
        let values = sequential.iter().map(|&value| f64::from(value));
        sample.sequential_error = sample.relative_error(values);
        sample
    }

    /// Root mean square of the errors, as a part of that of the exact values.
    pub fn error(&self, value: impl Fn([usize; 4]) -> f32) -> f64 {
        self.relative_error(self.outputs.iter().map(|output| f64::from(value(output.at))))
    }

    fn relative_error(&self, values: impl Iterator<Item = f64>) -> f64 {
        let squares = self.outputs.iter().zip(values).map(|(output, value)| (value - output.value).powi(2));
        let scale: f64 = self.outputs.iter().map(|output| output.value.powi(2)).sum();
        (squares.sum::<f64>() / scale).sqrt()
    }
}

/// The place of the element with this number, the last axis being the fastest.
fn place(mut index: usize, shape: [usize; 4]) -> [usize; 4] {
    let mut at = [0; 4];
    for axis in (0..4).rev() {
        at[axis] = index % shape[axis];
        index /= shape[axis];
    }
    at
}

/// The number of the element at this place.
pub fn index(at: [usize; 4], shape: [usize; 4]) -> usize {
    (0..4).fold(0, |index, axis| index * shape[axis] + at[axis])
}

/// The inputs under an output, each with its tap.
fn products(layer: &Layer, operands: &Operands, at: [usize; 4]) -> Vec<[f32; 2]> {
    let Layer { conv, shapes, .. } = layer;
    let group = at[1] / (conv.channels_out / conv.groups);
    let under = |axis: usize, tap: usize| {
        layer.under(axis, at[2 + axis] * conv.stride[axis] + tap * conv.dilation[axis])
    };
    let taps = shapes.kernel[1..].iter().product();
    let pair = |number| {
        let [_, channel, row, column] = place(number, shapes.kernel);
        let from = [at[0], group * shapes.kernel[1] + channel, under(0, row)?, under(1, column)?];
        let tap = [at[1], channel, row, column];
        Some([operands.input[index(from, shapes.input)], operands.correlated[index(tap, shapes.kernel)]])
    };
    (0..taps).filter_map(pair).collect()
}
