//! Problems with their values, and the lists that name them.

use std::error::Error;
use std::fs;
use std::path::Path;

use convolve::{Border, Borders, Conv, ElementType, Layout, Operation, Padding};

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
    /// Whether the kernel is the product of a column and a row.
    separable: bool,
}

/// Batch, channel, row, column; of the kernel output channel, input channel of the group, row, column.
#[derive(Clone, Copy)]
pub struct Shapes {
    pub input: [usize; 4],
    pub kernel: [usize; 4],
    pub output: [usize; 4],
}

/// The values of input and kernel, in the order of their shapes.
pub struct Operands {
    pub input: Vec<f32>,
    /// As the problem has it.
    pub kernel: Vec<f32>,
    /// As cross-correlation reads it: backwards if the problem is a convolution.
    pub correlated: Vec<f32>,
}

/// The problems of a list that are of `f32`. `# count N` in front of a line says how often its network has that layer,
/// `# kernels separable` that the kernels of all lines from there on are products of a column and a row.
pub fn read_list(path: &Path) -> Result<Vec<Layer>, Box<dyn Error>> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let (mut layers, mut count, mut separable) = (Vec::new(), 1, false);
    for (index, line) in text.lines().map(str::trim).enumerate() {
        let place = |error: Box<dyn Error>| format!("{}:{}: {error}", path.display(), index + 1);
        if let Some(number) = line.strip_prefix("# count ") {
            count = number.parse().map_err(|error: std::num::ParseIntError| place(error.into()))?;
        } else if let Some(kind) = line.strip_prefix("# kernels ") {
            separable = kind == "separable";
        } else if !line.is_empty() && !line.starts_with('#') {
            let conv: Conv = line.parse().map_err(|error: convolve::Error| place(error.into()))?;
            if conv.element_type != Some(ElementType::F64) {
                layers.push(Layer::new(line, conv, count, separable).map_err(place)?);
            }
            count = 1;
        }
    }
    Ok(layers)
}

impl Layer {
    fn new(text: &str, conv: Conv, count: usize, separable: bool) -> Result<Self, Box<dyn Error>> {
        if ![Border::Zero, Border::Reflect101].map(Borders::all).contains(&conv.border) {
            return Err("not compared: only zero borders and reflect101 are".into());
        }
        let plan = conv.plan::<f32>()?;
        let shapes =
            Shapes { input: plan.input_shape(), kernel: plan.kernel_shape(), output: plan.output_shape() };
        let [[top, bottom], [left, right]] = [0, 1].map(|axis| padding(&conv, &shapes, axis));
        let padding = [top, left, bottom, right];
        Ok(Layer { text: text.to_string(), count, conv, shapes, padding, separable })
    }

    pub fn has_zero_border(&self) -> bool {
        self.conv.border == Borders::all(Border::Zero)
    }

    pub fn is_convolution(&self) -> bool {
        self.conv.operation == Operation::Convolution
    }

    /// One channel in and out, no batch, no strides, no dilation.
    pub fn is_plane(&self) -> bool {
        self.is_filter() && self.shapes.input[1] == 1
    }

    /// A plane, or a picture of three interleaved channels under one kernel.
    pub fn is_filter(&self) -> bool {
        let Conv { batch, channels_in, channels_out, groups, stride, dilation, .. } = self.conv;
        let is_picture = channels_in == 3 && self.conv.input_layout == Layout::Nhwc;
        let is_plain = batch == 1 && stride == [1, 1] && dilation == [1, 1];
        is_plain && (channels_in == 1 || is_picture) && channels_in == channels_out && groups == channels_in
    }

    /// Which place of the input a place of the padded input reads: axis 0 rows, 1 columns. `None` in a zero border.
    pub fn under(&self, axis: usize, place: usize) -> Option<usize> {
        let (size, before) = (self.conv.input[axis], self.padding[axis]);
        if self.has_zero_border() {
            return place.checked_sub(before).filter(|&place| place < size);
        }
        let place = place.abs_diff(before);
        Some(if place < size { place } else { 2 * (size - 1) - place })
    }

    /// Of the sum as defined.
    pub fn multiply_adds(&self) -> usize {
        self.shapes.output.iter().chain(&self.shapes.kernel[1..]).product()
    }

    /// Uniform in [-1, 1), or products of such, and always the same for the same problem string.
    pub fn operands(&self) -> Operands {
        let mut state = self.text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let [input, mut kernel] = [self.shapes.input, self.shapes.kernel].map(|shape| {
            let count = shape.iter().product();
            (0..count).map(|_| uniform(&mut state)).collect::<Vec<f32>>()
        });
        let [_, _, rows, columns] = self.shapes.kernel;
        if self.separable {
            let factors = kernel.clone();
            for (index, value) in kernel.iter_mut().enumerate() {
                let of_plane = index - index % (rows * columns);
                let [row, column] = [index / columns % rows, index % columns];
                *value = factors[of_plane + row * columns] * factors[of_plane + column];
            }
        }
        if self.is_filter() {
            let channels = kernel.len() / (rows * columns);
            kernel = kernel[..rows * columns].repeat(channels);
        }
        let mut correlated = kernel.clone();
        if self.is_convolution() {
            correlated.chunks_exact_mut(rows * columns).for_each(<[f32]>::reverse);
        }
        Operands { input, kernel, correlated }
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
