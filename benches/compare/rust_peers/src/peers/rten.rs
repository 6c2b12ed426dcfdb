//! rten's operator, as its graphs call it: outputs come from a pool and go back there. It packs dense kernels on every
//! call, for its models cannot do that beforehand either.

use rten::BufferPool;
use rten::ops::{self, Padding};
use rten_tensor::{AsView, Layout as _, Tensor};

use super::{Contestant, Outcome, require_few_products, require_zero_border};
use crate::layer::{Layer, Operands};

struct Rten {
    input: Tensor<f32>,
    kernel: Tensor<f32>,
    output: Tensor<f32>,
    pool: BufferPool,
    padding: Vec<usize>,
    stride: Vec<usize>,
    dilation: Vec<usize>,
    groups: usize,
}

pub fn prepare(layer: &Layer, operands: &Operands) -> Outcome<Box<dyn Contestant>> {
    require_zero_border(layer)?;
    require_few_products(layer)?;
    let conv = &layer.conv;
    // It takes signals as tensors of three axes.
    let is_signal = conv.dimensions() == 1;
    let spatial = |sizes| super::spatial(layer, sizes);
    let shape = |[a, b, rows, columns]: [usize; 4]| [vec![a, b], spatial([rows, columns])].concat();
    let [_, left, _, right] = layer.padding;
    Ok(Box::new(Rten {
        input: Tensor::from_data(&shape(layer.shapes.input), operands.input.clone()),
        kernel: Tensor::from_data(&shape(layer.shapes.kernel), operands.correlated.clone()),
        output: Tensor::zeros(&shape(layer.shapes.output)),
        pool: BufferPool::new(),
        padding: if is_signal { vec![left, right] } else { layer.padding.to_vec() },
        stride: spatial(conv.stride),
        dilation: spatial(conv.dilation),
        groups: conv.groups,
    }))
}

impl Contestant for Rten {
    fn run(&mut self) -> Outcome<()> {
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
}
