//! tract: a model of one node with constant weights, optimised, which packs them.

use std::sync::Arc;

use tract_core::internal::*;
use tract_core::ops::cnn::{Conv, KernelFormat, PaddingSpec, PoolSpec};
use tract_core::ops::nn::DataFormat;

use super::{Contestant, Outcome, require_few_products, require_zero_border, spatial};
use crate::layer::{Layer, Operands};
use crate::sample::index;

struct Tract {
    model: Arc<TypedRunnableModel>,
    input: TValue,
    output: TVec<TValue>,
    shape: [usize; 4],
}

pub fn prepare(layer: &Layer, operands: &Operands) -> Outcome<Box<dyn Contestant>> {
    require_zero_border(layer)?;
    require_few_products(layer)?;
    let shape = |[a, b, rows, columns]: [usize; 4]| [vec![a, b], spatial(layer, [rows, columns])].concat();
    let input = shape(layer.shapes.input);
    let mut model = TypedModel::default();
    let x = model.add_source("x", f32::fact(&input)).map_err(text)?;
    let kernel = Tensor::from_shape(&shape(layer.shapes.kernel), &operands.correlated).map_err(text)?;
    let kernel = model.add_const("kernel", kernel.into_arc_tensor()).map_err(text)?;
    let bias = model.add_const("bias", rctensor0(0f32)).map_err(text)?;
    let output = model.wire_node("conv", node(layer), &[x, kernel, bias]).map_err(text)?;
    model.select_output_outlets(&output).map_err(text)?;
    let model = model.into_optimized().and_then(|model| model.into_runnable()).map_err(text)?;
    let input = Tensor::from_shape(&input, &operands.input).map_err(text)?.into_tvalue();
    Ok(Box::new(Tract { model, input, output: tvec!(), shape: layer.shapes.output }))
}

fn node(layer: &Layer) -> Conv {
    let [top, left, bottom, right] = layer.padding;
    let axes = |sizes| TVec::from_vec(spatial(layer, sizes));
    Conv {
        pool_spec: PoolSpec {
            data_format: DataFormat::NCHW,
            kernel_shape: axes(layer.conv.kernel),
            padding: PaddingSpec::Explicit(axes([top, left]), axes([bottom, right])),
            dilations: Some(axes(layer.conv.dilation)),
            strides: Some(axes(layer.conv.stride)),
            input_channels: layer.conv.channels_in,
            output_channels: layer.conv.channels_out,
        },
        kernel_fmt: KernelFormat::OIHW,
        group: layer.conv.groups,
        q_params: None,
    }
}

/// Its errors are no `std::error::Error`.
fn text(error: TractError) -> String {
    error.to_string()
}

impl Contestant for Tract {
    fn run(&mut self) -> Outcome<()> {
        self.output = self.model.run(tvec!(self.input.clone())).map_err(text)?;
        Ok(())
    }

    fn value(&self, at: [usize; 4]) -> f32 {
        let plain = self.output.first().and_then(|output| output.to_plain_array_view::<f32>().ok());
        plain.and_then(|view| view.as_slice().map(|values| values[index(at, self.shape)])).unwrap_or(f32::NAN)
    }
}
