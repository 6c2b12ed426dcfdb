//! The request: what to compute, as plain data that can be cloned, compared, printed and parsed.

mod options;
mod problem_string;

pub use options::{
    Accuracy, Activation, Border, Borders, Choice, DEFAULT_WORKSPACE_LIMIT, Layout, Operation, Padding,
    PerAxis,
};

use crate::element_type::ElementType;

/// A request for a convolution or cross-correlation.
///
/// Nothing is checked until [`plan`](Conv::plan), [`with_kernel`](Conv::with_kernel) or
/// [`output_shape`](Conv::output_shape) validates the whole. Axes are in the order batch, channel, row, column;
/// a one-dimensional request has one row. Everything that is not set has the default noted at its method.
///
/// ```
/// use convolve::{Conv, Padding};
/// let conv = Conv::d2([224, 224], [3, 3]).batch(8).channels(64, 128).stride(2).padding(Padding::Same);
/// assert_eq!(conv.output_shape()?, [8, 128, 112, 112]);
///
/// // The problem string names it completely, and is read back.
/// let line = "correlate in=224x224 kernel=3x3 batch=8 channels=64:128 stride=2x2 padding=same";
/// assert_eq!(conv.to_string(), line);
/// assert_eq!(line.parse::<Conv>()?, conv);
/// # Ok::<(), convolve::Error>(())
/// ```
///
/// All but the number of dimensions can be read and set directly as well; `[usize; 2]` is rows, columns.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
#[must_use = "a request computes nothing: plan it, or give it a kernel"]
pub struct Conv {
    /// 1 or 2. With 1, there is one row.
    pub(crate) dimensions: usize,
    /// Size of the input.
    pub input: [usize; 2],
    /// Size of the kernel.
    pub kernel: [usize; 2],
    /// Items in the batch.
    pub batch: usize,
    /// Input channels, all groups together.
    pub channels_in: usize,
    /// Output channels, all groups together.
    pub channels_out: usize,
    /// Groups of channels that do not mix.
    pub groups: usize,
    /// Steps of the kernel between outputs.
    pub stride: [usize; 2],
    /// Distance between taps.
    pub dilation: [usize; 2],
    /// How far the input is extended.
    pub padding: Padding,
    /// What it is extended with.
    pub border: Borders,
    /// Whether the kernel is flipped.
    pub operation: Operation,
    /// Memory order of the input.
    pub input_layout: Layout,
    /// Memory order of the output.
    pub output_layout: Layout,
    /// What is applied to every result last.
    pub activation: Activation,
    /// Factor of the old output that is added.
    pub accumulate: f64,
    /// The element type, if it is settled.
    pub element_type: Option<ElementType>,
    /// The strategy, or leave to choose.
    pub strategy: Choice,
    /// The instruction set, or leave to choose.
    pub instruction_set: Choice,
    /// Which error bound must hold.
    pub accuracy: Accuracy,
    /// Bytes of workspace per thread that a strategy may use.
    pub workspace_limit: usize,
}

impl Conv {
    fn new(dimensions: usize, input: [usize; 2], kernel: [usize; 2], operation: Operation) -> Self {
        Conv {
            dimensions,
            input,
            kernel,
            batch: 1,
            channels_in: 1,
            channels_out: 1,
            groups: 1,
            stride: [1, 1],
            dilation: [1, 1],
            padding: Padding::Valid,
            border: Borders::all(Border::Zero),
            operation,
            input_layout: Layout::Nchw,
            output_layout: Layout::Nchw,
            activation: Activation::None,
            accumulate: 0.0,
            element_type: None,
            strategy: Choice::Auto,
            instruction_set: Choice::Auto,
            accuracy: Accuracy::Normwise,
            workspace_limit: DEFAULT_WORKSPACE_LIMIT,
        }
    }

    /// One dimension: a signal of `input` samples and a kernel of `kernel` taps. Cross-correlation, one channel,
    /// no padding, until told otherwise.
    pub fn d1(input: usize, kernel: usize) -> Self {
        Self::new(1, [1, input], [1, kernel], Operation::CrossCorrelation)
    }

    /// Two dimensions: images of `[rows, columns]` and kernels of `[rows, columns]`. Cross-correlation, one
    /// channel, no padding, until told otherwise.
    pub fn d2(input: [usize; 2], kernel: [usize; 2]) -> Self {
        Self::new(2, input, kernel, Operation::CrossCorrelation)
    }

    /// Spatial dimensions, 1 or 2.
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// Items in the batch; 1 unless set. Zero is allowed, and computes nothing.
    pub fn batch(mut self, batch: usize) -> Self {
        self.batch = batch;
        self
    }

    /// Channels of the input and of the output, all groups together; 1 and 1 unless set.
    pub fn channels(mut self, input: usize, output: usize) -> Self {
        (self.channels_in, self.channels_out) = (input, output);
        self
    }

    /// Splits the channels into groups that do not mix; 1 unless set. With as many groups as input channels
    /// the convolution is *depthwise*, with `output / input` kernels per channel (the multiplier).
    pub fn groups(mut self, groups: usize) -> Self {
        self.groups = groups;
        self
    }

    /// Steps of the kernel between outputs; 1 unless set. One number serves every axis, `[rows, columns]`
    /// sets them apart.
    pub fn stride(mut self, stride: impl Into<PerAxis>) -> Self {
        self.stride = stride.into().spread(self.dimensions, 1);
        self
    }

    /// Distance between taps; 1 unless set. One number serves every axis, `[rows, columns]` sets them apart.
    pub fn dilation(mut self, dilation: impl Into<PerAxis>) -> Self {
        self.dilation = dilation.into().spread(self.dimensions, 1);
        self
    }

    /// How far the input is extended on each side; [`Padding::Valid`] (not at all) unless set.
    pub fn padding(mut self, padding: Padding) -> Self {
        self.padding = padding;
        self
    }

    /// What the input is extended with, one [`Border`] for all sides or [`Borders`] per side;
    /// [`Border::Zero`] unless set.
    pub fn border(mut self, border: impl Into<Borders>) -> Self {
        self.border = border.into();
        self
    }

    /// Slides the kernel as it stands: `y[i] = sum over k of x[i + k] * h[k]`. The default, and the meaning of
    /// "convolution" in neural networks and image filters.
    pub fn cross_correlation(mut self) -> Self {
        self.operation = Operation::CrossCorrelation;
        self
    }

    /// Flips the kernel along rows and columns first: `y[i] = sum over k of x[i + K - 1 - k] * h[k]`, the
    /// meaning of "convolution" in mathematics and signal processing.
    pub fn convolution(mut self) -> Self {
        self.operation = Operation::Convolution;
        self
    }

    /// The memory order that input and output will have; [`Layout::Nchw`] unless set. The choice of a strategy
    /// counts on it; any strides are accepted when executing.
    pub fn layout(self, layout: Layout) -> Self {
        self.layouts(layout, layout)
    }

    /// As [`layout`](Conv::layout), where input and output differ.
    pub fn layouts(mut self, input: Layout, output: Layout) -> Self {
        (self.input_layout, self.output_layout) = (input, output);
        self
    }

    /// What is applied to every result last; [`Activation::None`] unless set.
    pub fn activation(mut self, activation: Activation) -> Self {
        self.activation = activation;
        self
    }

    /// Adds `factor` times the value that the output holds already; 0 unless set. With 0 the output is never
    /// read. The activation comes after the addition.
    pub fn accumulate(mut self, factor: f64) -> Self {
        self.accumulate = factor;
        self
    }

    /// Names the element type; planning for another one is then an error. Unset, the request serves all.
    pub fn element_type(mut self, element: ElementType) -> Self {
        self.element_type = Some(element);
        self
    }

    /// Chooses by cost ([`Choice::Auto`], the default) or forces one strategy: `"direct"`, `"gemm"`, `"depthwise"`,
    /// or another one that [`strategies`](crate::strategies) lists.
    pub fn strategy(mut self, strategy: impl Into<Choice>) -> Self {
        self.strategy = strategy.into();
        self
    }

    /// The best instruction set of the machine ([`Choice::Auto`], the default) or a named one, see
    /// [`InstructionSet`](crate::InstructionSet).
    pub fn instruction_set(mut self, instruction_set: impl Into<Choice>) -> Self {
        self.instruction_set = instruction_set.into();
        self
    }

    /// Which error bound must hold; [`Accuracy::Normwise`] unless set.
    pub fn accuracy(mut self, accuracy: Accuracy) -> Self {
        self.accuracy = accuracy;
        self
    }

    /// Bytes of workspace per thread that a strategy may use; 1 GiB unless set. `fft`, `winograd` and `dot` decline
    /// when they need more, and `direct` takes loops that need less. What `gemm`, `depthwise`, `separable` and those
    /// loops of `direct` need is bounded by the sizes of the caches whatever the problem, a few MiB, and not compared
    /// with the limit.
    pub fn workspace_limit(mut self, bytes: usize) -> Self {
        self.workspace_limit = bytes;
        self
    }
}
