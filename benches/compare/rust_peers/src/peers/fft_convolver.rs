//! fft-convolver: partitions of the kernel, made for streams. The whole signal is handed over at once.

use ::fft_convolver::FFTConvolver;

use super::{Contestant, Outcome};
use crate::layer::{Layer, Operands};

/// Samples of a partition. Longer ones are faster, but for kernels that do not fill them.
const LONGEST_BLOCK: usize = 4096;
const SHORTEST_BLOCK: usize = 256;

struct Convolver {
    convolver: FFTConvolver<f32>,
    /// Zeros behind it bring out the end of the convolution.
    input: Vec<f32>,
    output: Vec<f32>,
    first: usize,
    block: usize,
}

pub fn prepare(layer: &Layer, operands: &Operands) -> Outcome<Box<dyn Contestant>> {
    if layer.conv.dimensions() != 1 || !layer.is_plane() || !layer.is_convolution() {
        return Err("signals only".into());
    }
    let taps = operands.kernel.len();
    let block = taps.next_power_of_two().clamp(SHORTEST_BLOCK, LONGEST_BLOCK);
    let mut convolver = FFTConvolver::default();
    convolver.init(block, &operands.kernel)?;
    let [_, left, _, _] = layer.padding;
    let first = taps - 1 - left;
    let mut input = operands.input.clone();
    input.resize(first + layer.shapes.output[3], 0.0);
    let output = vec![f32::NAN; input.len()];
    Ok(Box::new(Convolver { convolver, input, output, first, block }))
}

impl Contestant for Convolver {
    fn run(&mut self) -> Outcome<()> {
        self.convolver.reset();
        Ok(self.convolver.process(&self.input, &mut self.output)?)
    }

    fn value(&self, [_, _, _, column]: [usize; 4]) -> f32 {
        self.output[self.first + column]
    }

    fn note(&self) -> String {
        format!("blocks of {}", self.block)
    }
}
