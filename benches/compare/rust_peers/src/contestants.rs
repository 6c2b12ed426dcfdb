//! What takes part: a layer that some crate has prepared, ready to be timed.

use std::error::Error;

use convolve::{Layout, PackedKernel, Plan, View, ViewMut, Workspace};
use rten::BufferPool;
use rten::ops::{self, Padding};
use rten_tensor::{AsView, Layout as _, Tensor};

use crate::layer::Layer;
use crate::sample::index;

pub trait Contestant {
    /// What is timed.
    fn run(&mut self) -> Result<(), Box<dyn Error>>;

    /// What the last run left at batch, channel, row, column.
    fn value(&self, at: [usize; 4]) -> f32;

    /// The code that runs, as far as the crate tells.
    fn note(&self) -> String;
}

/// This crate.
pub struct Ours {
    plan: Plan<f32>,
    packed: PackedKernel<f32>,
    workspace: Workspace,
    layout: Layout,
    input: Vec<f32>,
    output: Vec<f32>,
}

impl Ours {
    pub fn new(layer: &Layer, layout: Layout, input: &[f32], kernel: &[f32]) -> Result<Self, Box<dyn Error>> {
        let plan = layer.conv.clone().layout(layout).plan::<f32>()?;
        let packed = plan.pack(View::nchw(kernel, plan.kernel_shape())?, None)?;
        let workspace = plan.workspace()?;
        let input = match layout {
            Layout::Nchw => input.to_vec(),
            Layout::Nhwc => channels_last(input, plan.input_shape()),
        };
        let output = vec![f32::NAN; plan.output_shape().iter().product()];
        Ok(Ours { plan, packed, workspace, layout, input, output })
    }
}

impl Contestant for Ours {
    fn run(&mut self) -> Result<(), Box<dyn Error>> {
        let (x, y) = (self.plan.input_shape(), self.plan.output_shape());
        let (input, output) = match self.layout {
            Layout::Nchw => (View::nchw(&self.input, x)?, ViewMut::nchw(&mut self.output, y)?),
            Layout::Nhwc => (View::nhwc(&self.input, last(x))?, ViewMut::nhwc(&mut self.output, last(y))?),
        };
        Ok(self.plan.execute(&self.packed, input, output, &mut self.workspace)?)
    }

    fn value(&self, at: [usize; 4]) -> f32 {
        let shape = self.plan.output_shape();
        self.output[match self.layout {
            Layout::Nchw => index(at, shape),
            Layout::Nhwc => index(last(at), last(shape)),
        }]
    }

    fn note(&self) -> String {
        format!("{} {}", self.plan.strategy(), self.plan.instruction_set())
    }
}

/// The axes in the order batch, row, column, channel.
fn last([batch, channel, row, column]: [usize; 4]) -> [usize; 4] {
    [batch, row, column, channel]
}

fn channels_last(values: &[f32], shape: [usize; 4]) -> Vec<f32> {
    let [batch, channels, rows, columns] = shape;
    let pixels = rows * columns;
    let of_item = |item: usize| {
        (0..pixels * channels).map(move |at| (item * channels + at % channels) * pixels + at / channels)
    };
    (0..batch).flat_map(of_item).map(|index| values[index]).collect()
}

/// rten's operator, as its graphs call it: outputs come from a pool and go back there. It packs dense kernels on every
/// call, for its models cannot do that beforehand either.
pub struct Rten {
    input: Tensor<f32>,
    kernel: Tensor<f32>,
    output: Tensor<f32>,
    pool: BufferPool,
    padding: Vec<usize>,
    stride: Vec<usize>,
    dilation: Vec<usize>,
    groups: usize,
}

impl Rten {
    pub fn new(layer: &Layer, input: &[f32], kernel: &[f32]) -> Self {
        let conv = &layer.conv;
        // It takes signals as tensors of three axes.
        let is_signal = conv.dimensions() == 1;
        let spatial = |values: &[usize]| values[usize::from(is_signal)..].to_vec();
        let shape = |[a, b, rows, columns]: [usize; 4]| [vec![a, b], spatial(&[rows, columns])].concat();
        let [_, left, _, right] = layer.padding;
        Rten {
            input: Tensor::from_data(&shape(layer.shapes.input), input.to_vec()),
            kernel: Tensor::from_data(&shape(layer.shapes.kernel), kernel.to_vec()),
            output: Tensor::zeros(&shape(layer.shapes.output)),
            pool: BufferPool::new(),
            padding: if is_signal { vec![left, right] } else { layer.padding.to_vec() },
            stride: spatial(&conv.stride),
            dilation: spatial(&conv.dilation),
            groups: conv.groups,
        }
    }
}

impl Contestant for Rten {
    fn run(&mut self) -> Result<(), Box<dyn Error>> {
        let output = ops::conv::<f32, f32, f32>(
            &self.pool,
            self.input.view(),
            self.kernel.view(),
            None,
            Padding::Fixed(self.padding.as_slice().into()),
            self.groups,
            &self.stride,
            &self.dilation,
        )?;
        let old = std::mem::replace(&mut self.output, output);
        self.pool.add(old.into_data());
        Ok(())
    }

    fn value(&self, at: [usize; 4]) -> f32 {
        let at = if self.output.ndim() == 3 { vec![at[0], at[1], at[3]] } else { at.to_vec() };
        self.output[at.as_slice()]
    }

    fn note(&self) -> String {
        String::new()
    }
}
