//! Requests from bytes: hostile ones, which only planning may survive, and small ones, which can be executed.

use convolve::{Accuracy, Activation, Border, Borders, Conv, ElementType, InstructionSet, Layout, Padding};

use super::bytes::Bytes;

/// What goes into a [`Conv`], kept readable so that the formula for the output can be checked independently.
#[derive(Clone, Debug)]
pub struct Request {
    pub dimensions: usize,
    /// Rows, columns; as for all pairs of axes below. A request of one dimension has one row.
    pub input: [usize; 2],
    pub kernel: [usize; 2],
    pub batch: usize,
    /// Input, output.
    pub channels: [usize; 2],
    pub groups: usize,
    pub stride: [usize; 2],
    pub dilation: [usize; 2],
    pub padding: Padding,
    pub borders: Borders,
    pub is_convolution: bool,
    /// Input, output.
    pub layouts: [Layout; 2],
    pub activation: Activation,
    pub accumulate: f64,
    pub accuracy: Accuracy,
    pub element: Option<ElementType>,
    pub strategy: Option<&'static str>,
    pub instruction_set: Option<&'static str>,
    pub workspace_limit: usize,
}

/// Enough for every transform of a small request.
pub const AMPLE_WORKSPACE: usize = 16 << 20;

impl Request {
    pub fn conv(&self) -> Conv {
        let conv = match self.dimensions {
            1 => Conv::d1(self.input[1], self.kernel[1]),
            _ => Conv::d2(self.input, self.kernel),
        };
        let conv = if self.is_convolution { conv.convolution() } else { conv.cross_correlation() };
        let conv = conv
            .batch(self.batch)
            .channels(self.channels[0], self.channels[1])
            .groups(self.groups)
            .stride(self.stride)
            .dilation(self.dilation)
            .padding(self.padding)
            .border(self.borders)
            .layouts(self.layouts[0], self.layouts[1])
            .activation(self.activation)
            .accumulate(self.accumulate)
            .accuracy(self.accuracy)
            .workspace_limit(self.workspace_limit);
        let conv = self.element.into_iter().fold(conv, Conv::element_type);
        let conv = self.strategy.into_iter().fold(conv, Conv::strategy);
        self.instruction_set.into_iter().fold(conv, Conv::instruction_set)
    }

    /// Batch, channels, rows and columns of the output by the formula; `None` if there is no such output.
    pub fn output_shape(&self) -> Option<[i128; 4]> {
        let [rows, columns] = [self.output_of_axis(0)?, self.output_of_axis(1)?];
        Some([self.batch as i128, self.channels[1] as i128, rows, columns])
    }

    fn output_of_axis(&self, axis: usize) -> Option<i128> {
        let wide = |pair: [usize; 2]| pair[axis] as i128;
        let (input, taps, stride) = (wide(self.input), wide(self.kernel), wide(self.stride));
        if taps == 0 || stride == 0 {
            return None;
        }
        let reach = (taps - 1).checked_mul(wide(self.dilation))?;
        let padding = match self.padding {
            Padding::Same | Padding::SameLower => return Some((input + stride - 1) / stride),
            Padding::Valid => 0,
            Padding::Full => reach.checked_mul(2)?,
            Padding::Explicit { top, bottom, left, right } => wide([top, left]) + wide([bottom, right]),
        };
        let steps = input.checked_add(padding)?.checked_sub(reach)? - 1;
        (steps >= 0).then(|| steps / stride + 1)
    }

    /// The same request with its padding as numbers, for the reference: it derives sizes as strategies do, so that a
    /// wrong padding would go unnoticed. For small requests.
    pub fn definition(&self) -> Conv {
        let conv = self.conv();
        if self.output_shape().is_none_or(|shape| shape.contains(&0)) {
            return conv;
        }
        let [[top, bottom], [left, right]] = [0, 1].map(|axis| self.padding_of_axis(axis));
        conv.padding(Padding::Explicit { top, bottom, left, right })
    }

    /// Before and after.
    fn padding_of_axis(&self, axis: usize) -> [usize; 2] {
        let span = self.dilation[axis] * (self.kernel[axis] - 1) + 1;
        let (input, stride) = (self.input[axis], self.stride[axis]);
        let last_start = input.saturating_sub(1) / stride * stride;
        let missing = (last_start + span).saturating_sub(input);
        match self.padding {
            Padding::Valid => [0, 0],
            Padding::Same => [missing / 2, missing.div_ceil(2)],
            Padding::SameLower => [missing.div_ceil(2), missing / 2],
            Padding::Full => [span - 1; 2],
            Padding::Explicit { top, bottom, left, right } => [[top, bottom], [left, right]][axis],
        }
    }

    /// Multiply-adds of the definition, for small requests; 0 if there is no output.
    pub fn multiply_adds(&self) -> f64 {
        let outputs =
            self.output_shape().map_or(0.0, |shape| shape.iter().map(|&size| size as f64).product());
        let products = self.channels[0] / self.groups * self.kernel[0] * self.kernel[1];
        outputs * products as f64
    }

    /// Any request at all.
    pub fn hostile(bytes: &mut Bytes<'_>) -> Self {
        let dimensions = 1 + bytes.below(2);
        let groups = hostile_size(bytes);
        let [stride, dilation] = [(); 2].map(|()| hostile_steps(bytes, dimensions));
        let [input, kernel] = [(); 2].map(|()| match dimensions {
            1 => [1, hostile_size(bytes)],
            _ => [hostile_size(bytes), hostile_size(bytes)],
        });
        Request {
            dimensions,
            input,
            kernel,
            batch: hostile_size(bytes),
            channels: hostile_channels(bytes, groups),
            groups,
            stride,
            dilation,
            padding: padding(bytes, hostile_size),
            borders: borders(bytes, hostile_real),
            is_convolution: bytes.flag(),
            layouts: layouts(bytes),
            activation: activation(bytes, hostile_real),
            accumulate: hostile_real(bytes),
            accuracy: bytes.pick(&[Accuracy::Normwise, Accuracy::Componentwise]),
            element: bytes.pick(&[None, None, Some(ElementType::F32), Some(ElementType::F64)]),
            strategy: hostile_name(bytes, &convolve::strategies()),
            instruction_set: hostile_name(bytes, &INSTRUCTION_SETS),
            workspace_limit: bytes.pick(&[AMPLE_WORKSPACE, 1 << 20, 1 << 16, 1000, 0]),
        }
    }

    /// A request whose sums are integers, exact in `f32`, and whose definition takes few operations.
    pub fn small(bytes: &mut Bytes<'_>) -> Self {
        let dimensions = 1 + bytes.below(2);
        let groups = 1 + bytes.below(3);
        let mut request = Request {
            dimensions,
            input: [(); 2].map(|()| small_size(bytes)),
            kernel: [(); 2].map(|()| bytes.pick(&[1, 1, 2, 3, 3, 4, 5, 7])),
            batch: bytes.pick(&[1, 2, 3, 0]),
            channels: [(); 2].map(|()| groups * (1 + bytes.below(6))),
            groups,
            stride: [(); 2].map(|()| bytes.pick(&[1, 1, 2, 3, 4, 7])),
            dilation: [(); 2].map(|()| 1 + bytes.below(4)),
            padding: padding(bytes, small_size),
            borders: borders(bytes, small_integer),
            is_convolution: bytes.flag(),
            layouts: layouts(bytes),
            activation: activation(bytes, |bytes| 8.0 * small_integer(bytes)),
            accumulate: bytes.pick(&[0.0, 1.0, -1.0, 2.0]),
            accuracy: Accuracy::Normwise,
            element: None,
            strategy: None,
            instruction_set: None,
            workspace_limit: bytes.pick(&[AMPLE_WORKSPACE, AMPLE_WORKSPACE, 1 << 16, 1 << 12]),
        };
        match bytes.below(8) {
            0 => request.lengthen_signal(bytes),
            1 => request.lengthen_kernel(bytes),
            2 => request.spread_out(bytes),
            3 => request.multiply_channels(bytes),
            4 => (request.kernel, request.padding) = ([1, 1], Padding::Valid),
            5 => request.empty_axis(bytes),
            _ => {}
        }
        request.flatten();
        request
    }

    /// Longer than a task and several transforms.
    fn lengthen_signal(&mut self, bytes: &mut Bytes<'_>) {
        self.dimensions = 1;
        self.input[1] = 8000 + 8 * usize::from(bytes.byte());
        (self.batch, self.groups, self.channels) = (1, 1, [1, 1]);
    }

    /// More taps than are summed in one pass.
    fn lengthen_kernel(&mut self, bytes: &mut Bytes<'_>) {
        self.kernel = if bytes.flag() { [60 + bytes.below(16), 2] } else { [1, 200 + bytes.below(150)] };
        self.padding = Padding::Same;
        (self.batch, self.groups, self.channels) = (1, 1, [1, 1 + bytes.below(2)]);
    }

    /// Sums too deep for one block of a matrix product, or many output channels.
    fn multiply_channels(&mut self, bytes: &mut Bytes<'_>) {
        let channels = [8 + 8 * usize::from(bytes.byte()), 1 + bytes.below(40)];
        self.channels = if bytes.flag() { channels } else { [channels[1], channels[0]] };
        self.input = self.input.map(|size| size % 10);
        self.kernel = self.kernel.map(|size| 1 + size % 2);
        (self.batch, self.groups) = (1, 1);
    }

    /// Nothing but padding along one axis. A border that repeats inputs is refused, so mostly there is none on the
    /// padded sides.
    fn empty_axis(&mut self, bytes: &mut Bytes<'_>) {
        let axis = if self.dimensions == 1 { 1 } else { bytes.below(2) };
        self.input[axis] = 0;
        let mut sides = [[1; 2]; 2];
        sides[axis] = bytes.pick(&[[20, 0], [0, 20], [7, 6], [3, 0], [0, 0]]);
        let [[top, bottom], [left, right]] = sides;
        self.padding = Padding::Explicit { top, bottom, left, right };
        let Borders { top, bottom, left, right } = &mut self.borders;
        let borders = if axis == 0 { [top, bottom] } else { [left, right] };
        let padded = bytes.pick(&[Border::Zero, Border::Zero, Border::Constant(3.0), Border::Wrap]);
        for (border, _) in borders.into_iter().zip(sides[axis]).filter(|(_, width)| *width > 0) {
            *border = padded;
        }
    }

    /// Few outputs and taps along one axis, as far apart as addresses allow.
    fn spread_out(&mut self, bytes: &mut Bytes<'_>) {
        let axis = if self.dimensions == 1 { 1 } else { bytes.below(2) };
        let far = 1 << bytes.below(usize::BITS as usize - 3);
        let [before, tap] = [bytes.below(3) * far / 2, bytes.below(2)];
        self.stride[axis] = far;
        self.dilation[axis] = if bytes.flag() { far } else { far / 2 + 1 };
        self.kernel[axis] = 1 + tap;
        self.input[axis] %= 20;
        let mut sides = [[1; 2]; 2];
        sides[axis] = [before, far + tap];
        let [[top, bottom], [left, right]] = sides;
        self.padding = Padding::Explicit { top, bottom, left, right };
        let Borders { top, bottom, left, right } = &mut self.borders;
        [top, bottom, left, right].into_iter().for_each(replicate_periodic);
    }

    /// One row, if there is one dimension.
    fn flatten(&mut self) {
        if self.dimensions == 1 {
            for pair in [&mut self.input, &mut self.kernel, &mut self.stride, &mut self.dilation] {
                pair[0] = 1;
            }
            if let Padding::Explicit { top, bottom, .. } = &mut self.padding {
                (*top, *bottom) = (0, 0);
            }
        }
    }
}

/// Every instruction set, whether this machine has it or not, so that bytes mean the same everywhere.
const INSTRUCTION_SETS: [&str; 4] = ["avx512", "avx2", "portable", "scalar"];

/// One that this machine has; the best of them in place of one that it has not.
pub fn available_instruction_set(bytes: &mut Bytes<'_>) -> &'static str {
    let name = bytes.pick(&INSTRUCTION_SETS);
    let best = || InstructionSet::best().expect("CONVOLVE_ISA names an instruction set");
    InstructionSet::find(name).unwrap_or_else(|_| best()).name()
}

/// The reference follows periodic borders back step by step, which would take forever from afar.
fn replicate_periodic(border: &mut Border) {
    if !matches!(border, Border::Zero | Border::Constant(_)) {
        *border = Border::Replicate;
    }
}

/// Small numbers, and those at which careless arithmetic overflows. On targets of 32 bits the large ones lose their
/// upper bits, which leaves them hostile.
pub fn hostile_size(bytes: &mut Bytes<'_>) -> usize {
    const LARGE: [u64; 16] = [
        100,
        255,
        256,
        4097,
        65_536,
        1 << 20,
        (1 << 31) - 1,
        1 << 31,
        1 << 32,
        1 << 55,
        (1 << 61) - 1,
        1 << 62,
        i64::MAX as u64,
        i64::MAX as u64 + 1,
        u64::MAX - 1,
        u64::MAX,
    ];
    match bytes.byte() {
        byte @ 0..192 => usize::from(byte) % 16,
        byte @ 192..255 => LARGE[usize::from(byte) % LARGE.len()] as usize,
        255 => bytes.word() as usize,
    }
}

/// Steps for both axes; mostly one where a request of one dimension has its only row.
fn hostile_steps(bytes: &mut Bytes<'_>, dimensions: usize) -> [usize; 2] {
    let rows = if dimensions == 1 && bytes.below(16) > 0 { 1 } else { hostile_size(bytes) };
    [rows, hostile_size(bytes)]
}

/// Mostly multiples of the groups.
fn hostile_channels(bytes: &mut Bytes<'_>, groups: usize) -> [usize; 2] {
    let unit = if bytes.below(8) > 0 { groups } else { 1 };
    [(); 2].map(|()| hostile_size(bytes).wrapping_mul(unit))
}

fn hostile_real(bytes: &mut Bytes<'_>) -> f64 {
    match bytes.below(24) {
        0 => f64::NAN,
        1 => f64::INFINITY,
        2 => f64::NEG_INFINITY,
        3 => -0.0,
        4 => f64::MAX,
        5 => -1e39,
        6 => f64::from_bits(1),
        7 => f64::from_bits(bytes.word()),
        8..16 => 0.0,
        other => other as f64 - 19.5,
    }
}

fn hostile_name(bytes: &mut Bytes<'_>, known: &[&'static str]) -> Option<&'static str> {
    match bytes.below(known.len() + 2) {
        0 => None,
        1 => bytes.pick(&[None, None, None, Some("unheard_of")]),
        other => Some(known[other - 2]),
    }
}

/// Tiny as often as not: what is special about empty axes and single outputs needs few elements.
fn small_size(bytes: &mut Bytes<'_>) -> usize {
    match bytes.byte() {
        byte @ 0..128 => usize::from(byte) % 6,
        byte => usize::from(byte) % 40,
    }
}

fn small_integer(bytes: &mut Bytes<'_>) -> f64 {
    bytes.below(17) as f64 - 8.0
}

fn padding(bytes: &mut Bytes<'_>, size: fn(&mut Bytes<'_>) -> usize) -> Padding {
    match bytes.below(6) {
        0 => Padding::Valid,
        1 => Padding::Same,
        2 => Padding::SameLower,
        3 => Padding::Full,
        4 => Padding::symmetric(size(bytes), size(bytes)),
        _ => {
            let [top, bottom, left, right] = [(); 4].map(|()| size(bytes));
            Padding::Explicit { top, bottom, left, right }
        }
    }
}

fn borders(bytes: &mut Bytes<'_>, real: fn(&mut Bytes<'_>) -> f64) -> Borders {
    if bytes.flag() {
        return Borders::all(border(bytes, real));
    }
    let [top, bottom, left, right] = [(); 4].map(|()| border(bytes, real));
    Borders { top, bottom, left, right }
}

fn border(bytes: &mut Bytes<'_>, real: fn(&mut Bytes<'_>) -> f64) -> Border {
    match bytes.below(6) {
        0 => Border::Zero,
        1 => Border::Constant(real(bytes)),
        2 => Border::Replicate,
        3 => Border::Symmetric,
        4 => Border::Reflect101,
        _ => Border::Wrap,
    }
}

fn layouts(bytes: &mut Bytes<'_>) -> [Layout; 2] {
    [(); 2].map(|()| bytes.pick(&[Layout::Nchw, Layout::Nhwc]))
}

/// The limits of a clamp may come in the wrong order.
fn activation(bytes: &mut Bytes<'_>, real: fn(&mut Bytes<'_>) -> f64) -> Activation {
    match bytes.below(3) {
        0 => Activation::None,
        1 => Activation::Relu,
        _ => Activation::Clamp { min: real(bytes), max: real(bytes) },
    }
}
