//! The values that a request is made of.

use std::borrow::Cow;

/// Bytes of workspace per thread that a strategy may use unless the request says otherwise: 1 GiB.
pub const DEFAULT_WORKSPACE_LIMIT: usize = 1 << 30;

/// One number for every axis, or `[rows, columns]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PerAxis {
    /// The same for every axis that the request has.
    Every(usize),
    /// Rows, columns.
    Each([usize; 2]),
}

impl From<usize> for PerAxis {
    fn from(every: usize) -> Self {
        PerAxis::Every(every)
    }
}

impl From<[usize; 2]> for PerAxis {
    fn from(each: [usize; 2]) -> Self {
        PerAxis::Each(each)
    }
}

impl PerAxis {
    /// `[rows, columns]`; a request of one dimension keeps `neutral` for its one row.
    pub(crate) fn spread(self, dimensions: usize, neutral: usize) -> [usize; 2] {
        match self {
            PerAxis::Each(each) => each,
            PerAxis::Every(every) if dimensions == 1 => [neutral, every],
            PerAxis::Every(every) => [every, every],
        }
    }
}

/// How far the input is extended on each side before the kernel slides over it. A kernel *spans*
/// `dilation * (taps - 1) + 1` inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding {
    /// Not at all: only where the kernel lies wholly inside.
    Valid,
    /// So that the output has `ceil(input / stride)` elements; an odd rest goes to the end (ONNX SAME_UPPER).
    Same,
    /// As `Same`, an odd rest goes to the beginning (ONNX SAME_LOWER).
    SameLower,
    /// By the span less one on both sides: wherever the kernel touches the input.
    Full,
    /// By these amounts. A request of one dimension uses `left` and `right`.
    Explicit {
        /// Rows above.
        top: usize,
        /// Rows below.
        bottom: usize,
        /// Columns before.
        left: usize,
        /// Columns after.
        right: usize,
    },
}

impl Padding {
    /// `columns` on the left and on the right, for requests of one dimension.
    pub fn columns(columns: usize) -> Self {
        Padding::Explicit { top: 0, bottom: 0, left: columns, right: columns }
    }

    /// `rows` above and below, `columns` left and right.
    pub fn symmetric(rows: usize, columns: usize) -> Self {
        Padding::Explicit { top: rows, bottom: rows, left: columns, right: columns }
    }
}

/// What the input is extended with. Any width is allowed; the rules apply periodically. Drawn for `a b c d`:
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Border {
    /// `0 0 0 | a b c d | 0 0 0`
    Zero,
    /// `v v v | a b c d | v v v`
    Constant(f64),
    /// `a a a | a b c d | d d d`
    Replicate,
    /// `c b a | a b c d | d c b`: SciPy's `reflect`, OpenCV's `BORDER_REFLECT`.
    Symmetric,
    /// `d c b | a b c d | c b a`: NumPy's and PyTorch's `reflect`, OpenCV's `BORDER_REFLECT_101`.
    /// One element replicates.
    Reflect101,
    /// `b c d | a b c d | a b c`
    Wrap,
}

impl Border {
    /// Whether it stands for one value, whatever the input holds.
    pub(crate) fn is_constant(self) -> bool {
        matches!(self, Border::Zero | Border::Constant(_))
    }
}

/// A [`Border`] for each side. Rows are extended first: in a corner, a zero or constant border of the row fills
/// it; any other names an input row, which the left or right border then extends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Borders {
    /// Above the first row.
    pub top: Border,
    /// Below the last row.
    pub bottom: Border,
    /// Before the first column.
    pub left: Border,
    /// After the last column.
    pub right: Border,
}

impl Borders {
    /// The same on all sides.
    pub fn all(border: Border) -> Self {
        Borders { top: border, bottom: border, left: border, right: border }
    }
}

impl From<Border> for Borders {
    fn from(border: Border) -> Self {
        Borders::all(border)
    }
}

/// Whether the kernel is flipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// The kernel slides as it stands.
    CrossCorrelation,
    /// The kernel is flipped along rows and columns first.
    Convolution,
}

/// Memory order of the four axes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Batch, channel, row, column: each channel is a plane.
    Nchw,
    /// Batch, row, column, channel: the channels of a pixel are neighbours.
    Nhwc,
}

/// What is applied to every result last. A NaN passes through unchanged.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Activation {
    /// Nothing.
    None,
    /// Negative values become zero.
    Relu,
    /// Values below `min` become `min`, above `max` become `max`. ReLU6 is `Clamp { min: 0.0, max: 6.0 }`.
    Clamp {
        /// Lower limit.
        min: f64,
        /// Upper limit.
        max: f64,
    },
}

impl Activation {
    /// The limits; without activation they are infinite, so that one pair of instructions serves all.
    pub(crate) fn limits(self) -> [f64; 2] {
        match self {
            Activation::None => [f64::NEG_INFINITY, f64::INFINITY],
            Activation::Relu => [0.0, f64::INFINITY],
            Activation::Clamp { min, max } => [min, max],
        }
    }
}

/// Which error bound must hold. `docs/accuracy.md` states both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Accuracy {
    /// Every output's error is bounded by the sum of `|x| |h|` over its own window, and a NaN or infinity reaches only
    /// the outputs whose window holds it. Keeps `fft` and `winograd` out, and `separable` for kernels that are sums of
    /// several products.
    Componentwise,
    /// Errors are bounded by the norms of input and kernel. An FFT meets this, yet spreads a NaN or infinity over
    /// its whole block, and drowns values that are tiny beside their neighbours; `winograd` does so within a tile.
    Normwise,
}

/// Leave it to the crate, or name one. Made from a name, of which `auto` is one, or from an
/// [`InstructionSet`](crate::InstructionSet).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// The best by predicted cost.
    Auto,
    /// This one, or an error that says why not.
    Only(Cow<'static, str>),
}

impl From<&'static str> for Choice {
    fn from(name: &'static str) -> Self {
        if name == "auto" { Choice::Auto } else { Choice::Only(Cow::Borrowed(name)) }
    }
}

impl From<String> for Choice {
    fn from(name: String) -> Self {
        if name == "auto" { Choice::Auto } else { Choice::Only(Cow::Owned(name)) }
    }
}
