//! candle: its tensors' `conv1d` and `conv2d`, which allocate the output.

use candle_core::{Device, Tensor};

use super::{Contestant, Outcome, require_few_products, require_zero_border, spatial};
use crate::layer::{Layer, Operands};
use crate::sample::index;

struct Candle {
    input: Tensor,
    kernel: Tensor,
    output: Option<Tensor>,
    /// Filled when it is asked for.
    values: std::cell::OnceCell<Vec<f32>>,
    padding: usize,
    stride: usize,
    dilation: usize,
    groups: usize,
    shape: [usize; 4],
}

pub fn prepare(layer: &Layer, operands: &Operands) -> Outcome<Box<dyn Contestant>> {
    require_zero_border(layer)?;
    require_few_products(layer)?;
    let [top, left, bottom, right] = layer.padding;
    let one_of = |values: Vec<usize>| match values.as_slice() {
        [first, rest @ ..] if rest.iter().all(|value| value == first) => Ok(*first),
        _ => Err("it pads and steps alike on all sides"),
    };
    let paddings = [spatial(layer, [top, left]), spatial(layer, [bottom, right])].concat();
    let shape = |[a, b, rows, columns]: [usize; 4]| [vec![a, b], spatial(layer, [rows, columns])].concat();
    let tensor = |values: &[f32], sizes| Tensor::from_vec(values.to_vec(), shape(sizes), &Device::Cpu);
    Ok(Box::new(Candle {
        input: tensor(&operands.input, layer.shapes.input)?,
        kernel: tensor(&operands.correlated, layer.shapes.kernel)?,
        output: None,
        values: std::cell::OnceCell::new(),
        padding: one_of(paddings)?,
        stride: one_of(spatial(layer, layer.conv.stride))?,
        dilation: one_of(spatial(layer, layer.conv.dilation))?,
        groups: layer.conv.groups,
        shape: layer.shapes.output,
    }))
}

impl Contestant for Candle {
    fn run(&mut self) -> Outcome<()> {
        let Candle { input, kernel, padding, stride, dilation, groups, .. } = &*self;
        let output = match input.rank() {
            3 => input.conv1d(kernel, *padding, *stride, *dilation, *groups),
            _ => input.conv2d(kernel, *padding, *stride, *dilation, *groups),
        }?;
        self.output = Some(output);
        Ok(())
    }

    fn value(&self, at: [usize; 4]) -> f32 {
        let values = self.values.get_or_init(|| {
            let flat = self.output.as_ref().and_then(|output| output.flatten_all().ok());
            flat.and_then(|flat| flat.to_vec1().ok()).unwrap_or_default()
        });
        values.get(index(at, self.shape)).copied().unwrap_or(f32::NAN)
    }
}
