//! Layers with their values, and the lists that name them.

use std::error::Error;
use std::fs;
use std::path::Path;

use convolve::{Border, Borders, Conv, ElementType, Operation, Padding};

/// A line of a list.
pub struct Layer {
    /// The problem string.
    pub text: String,
    /// How often its network has it.
    pub count: usize,
    pub conv: Conv,
    pub shapes: Shapes,
    /// Top, left, bottom, right.
    pub padding: [usize; 4],
}

/// Batch, channel, row, column; of the kernel output channel, input channel of the group, row, column.
#[derive(Clone, Copy)]
pub struct Shapes {
    pub input: [usize; 4],
    pub kernel: [usize; 4],
    pub output: [usize; 4],
}

/// The layers of a list. `# count N` in front of a line says how often its network has that layer.
pub fn read_list(path: &Path) -> Result<Vec<Layer>, Box<dyn Error>> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let (mut layers, mut count) = (Vec::new(), 1);
    for (index, line) in text.lines().map(str::trim).enumerate() {
        let place = |error: Box<dyn Error>| format!("{}:{}: {error}", path.display(), index + 1);
        if let Some(number) = line.strip_prefix("# count ") {
            count = number.parse().map_err(|error: std::num::ParseIntError| place(error.into()))?;
        } else if !line.is_empty() && !line.starts_with('#') {
            layers.push(Layer::new(line, count).map_err(place)?);
            count = 1;
        }
    }
    Ok(layers)
}

impl Layer {
    fn new(text: &str, count: usize) -> Result<Self, Box<dyn Error>> {
        let conv: Conv = text.parse()?;
        let is_layer = conv.operation == Operation::CrossCorrelation
            && conv.element_type != Some(ElementType::F64)
            && conv.border == Borders::all(Border::Zero);
        if !is_layer {
            return Err("not compared: only cross-correlation of f32 with zero borders is".into());
        }
        let plan = conv.plan::<f32>()?;
        let shapes =
            Shapes { input: plan.input_shape(), kernel: plan.kernel_shape(), output: plan.output_shape() };
        let [[top, bottom], [left, right]] = [0, 1].map(|axis| padding(&conv, &shapes, axis));
        let padding = [top, left, bottom, right];
        Ok(Layer { text: text.to_string(), count, conv, shapes, padding })
    }

    /// Input and kernel, uniform in [-1, 1), always the same for the same problem string.
    pub fn operands(&self) -> [Vec<f32>; 2] {
        let mut state = self.text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        [self.shapes.input, self.shapes.kernel].map(|shape| {
            let count = shape.iter().product();
            (0..count).map(|_| uniform(&mut state)).collect()
        })
    }
}

/// SplitMix64 (Steele, Lea and Flood 2014), of which 24 bits fill an f32.
fn uniform(state: &mut u64) -> f32 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((mixed ^ (mixed >> 31)) >> 40) as f32 / (1u32 << 23) as f32 - 1.0
}

/// Before and after one axis: 0 rows, 1 columns.
fn padding(conv: &Conv, shapes: &Shapes, axis: usize) -> [usize; 2] {
    let extent = (conv.kernel[axis] - 1) * conv.dilation[axis] + 1;
    let reach = (shapes.output[2 + axis] - 1) * conv.stride[axis] + extent;
    let total = reach.saturating_sub(conv.input[axis]);
    match conv.padding {
        Padding::Valid => [0, 0],
        Padding::Full => [extent - 1; 2],
        Padding::Same => [total / 2, total - total / 2],
        Padding::SameLower => [total - total / 2, total / 2],
        Padding::Explicit { top, bottom, left, right } => [[top, bottom], [left, right]][axis],
    }
}
