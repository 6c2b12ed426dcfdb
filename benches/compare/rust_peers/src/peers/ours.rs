//! This crate.

use convolve::{Convolver, Layout, View, ViewMut, Workspace};

use super::{Contestant, Outcome};
use crate::layer::{Layer, Operands};
use crate::sample::index;

struct Ours {
    convolver: Convolver<f32>,
    workspace: Workspace,
    layout: Layout,
    input: Vec<f32>,
    output: Vec<f32>,
}

pub fn prepare(layer: &Layer, layout: Layout, operands: &Operands) -> Outcome<Box<dyn Contestant>> {
    let is_nhwc = layout == Layout::Nhwc;
    if layer.is_plane() && is_nhwc {
        return Err("of one channel, both layouts are the same".into());
    }
    if layer.is_filter() && !layer.is_plane() && !is_nhwc {
        return Err("the channels are interleaved".into());
    }
    let conv = layer.conv.clone().layout(layout);
    let convolver = conv.with_kernel(View::nchw(&operands.kernel, layer.shapes.kernel)?, None)?;
    let workspace = convolver.workspace()?;
    let input = match layout {
        Layout::Nchw => operands.input.clone(),
        Layout::Nhwc => channels_last(&operands.input, layer.shapes.input),
    };
    let output = vec![f32::NAN; layer.shapes.output.iter().product()];
    Ok(Box::new(Ours { convolver, workspace, layout, input, output }))
}

impl Contestant for Ours {
    fn run(&mut self) -> Outcome<()> {
        let plan = self.convolver.plan();
        let (x, y) = (plan.input_shape(), plan.output_shape());
        let (input, output) = match self.layout {
            Layout::Nchw => (View::nchw(&self.input, x)?, ViewMut::nchw(&mut self.output, y)?),
            Layout::Nhwc => (View::nhwc(&self.input, last(x))?, ViewMut::nhwc(&mut self.output, last(y))?),
        };
        Ok(self.convolver.execute(input, output, &mut self.workspace)?)
    }

    fn value(&self, at: [usize; 4]) -> f32 {
        let shape = self.convolver.output_shape();
        self.output[match self.layout {
            Layout::Nchw => index(at, shape),
            Layout::Nhwc => index(last(at), last(shape)),
        }]
    }

    fn note(&self) -> String {
        let plan = self.convolver.plan();
        format!("{} {}", plan.strategy(), plan.instruction_set())
    }
}

/// The axes in the order batch, row, column, channel.
fn last([batch, channel, row, column]: [usize; 4]) -> [usize; 4] {
    [batch, row, column, channel]
}

pub fn channels_last(values: &[f32], shape: [usize; 4]) -> Vec<f32> {
    let [batch, channels, rows, columns] = shape;
    let pixels = rows * columns;
    let of_item = |item: usize| {
        (0..pixels * channels).map(move |at| (item * channels + at % channels) * pixels + at / channels)
    };
    (0..batch).flat_map(of_item).map(|index| values[index]).collect()
}
