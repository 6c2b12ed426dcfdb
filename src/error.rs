//! The one error type. Every variant names what was expected, what was given and what to change.

use core::fmt;

/// Why a request, a view or a call was refused. Nothing has been written when an error is returned.
///
/// ```
/// use convolve::{Conv, Error};
/// let error = Conv::d1(100, 5).stride(0).plan::<f32>().unwrap_err();
/// assert_eq!(error, Error::Zero { quantity: "stride (columns)" });
/// assert_eq!(error.to_string(), "stride (columns) is 0, expected at least 1");
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// A size or step that must be at least 1 is 0.
    Zero {
        /// Which one.
        quantity: &'static str,
    },
    /// `groups` does not divide both channel counts.
    GroupsDoNotDivide {
        /// The group count given.
        groups: usize,
        /// Input channels.
        channels_in: usize,
        /// Output channels.
        channels_out: usize,
    },
    /// A derived size does not fit the address space.
    TooLarge {
        /// Which one.
        quantity: &'static str,
    },
    /// The dilated kernel does not fit into the padded input.
    KernelExceedsInput {
        /// `rows` or `columns`.
        axis: &'static str,
        /// dilation * (taps - 1) + 1.
        kernel_extent: usize,
        /// Input size plus padding.
        padded_input: usize,
    },
    /// A border that repeats input values was asked for on an axis that has none.
    BorderOfEmptyAxis {
        /// `rows` or `columns`.
        axis: &'static str,
    },
    /// A two-dimensional option was given to a one-dimensional request.
    OneDimensional {
        /// Which one.
        quantity: &'static str,
    },
    /// A number that must be finite is not.
    NotFinite {
        /// Which one.
        quantity: &'static str,
        /// The value given.
        got: f64,
    },
    /// A clamp whose lower limit is above its upper limit, or not a number.
    EmptyClamp {
        /// Lower limit given.
        min: f64,
        /// Upper limit given.
        max: f64,
    },
    /// A view does not have the shape that the plan expects.
    Shape {
        /// `input`, `kernel`, `output`.
        operand: &'static str,
        /// Expected sizes: batch, channel, row, column (kernel: output channel, input channel, row, column).
        expected: [usize; 4],
        /// Sizes of the view given.
        got: [usize; 4],
    },
    /// A slice does not have the length that its shape asks for.
    Length {
        /// Which slice.
        operand: &'static str,
        /// Elements expected.
        expected: usize,
        /// Elements given.
        got: usize,
    },
    /// A crop does not lie inside its view.
    Crop {
        /// First index asked for.
        start: usize,
        /// Index behind the last asked for.
        end: usize,
        /// Size of the axis.
        len: usize,
    },
    /// A strided view reaches outside its slice.
    OutOfBounds {
        /// Sizes asked for.
        dims: [usize; 4],
        /// Strides asked for, in elements.
        strides: [isize; 4],
        /// Index of the element at (0, 0, 0, 0).
        offset: usize,
        /// Length of the slice.
        len: usize,
    },
    /// Two indices of an output view may name the same element.
    Overlap {
        /// Sizes asked for.
        dims: [usize; 4],
        /// Strides asked for, in elements.
        strides: [isize; 4],
    },
    /// The workspace is smaller than the plan needs.
    WorkspaceTooSmall {
        /// Bytes needed.
        expected: usize,
        /// Bytes given.
        got: usize,
    },
    /// Memory for a packed kernel, a workspace or a result could not be had.
    OutOfMemory {
        /// Bytes asked for.
        bytes: usize,
    },
    /// No strategy has this name.
    UnknownStrategy {
        /// The name given.
        got: String,
        /// The names there are.
        known: Vec<&'static str>,
    },
    /// The strategy asked for cannot serve this request.
    Declined {
        /// Its name.
        strategy: &'static str,
        /// Its reason.
        reason: Declined,
    },
    /// The instruction set asked for is unknown, not on this machine, or above the cap set by `CONVOLVE_ISA`.
    InstructionSetUnavailable {
        /// The name given.
        got: String,
        /// The names that can be had here.
        available: Vec<&'static str>,
    },
    /// A packed kernel was made for another strategy, tile size or shape.
    PackingMismatch {
        /// The packing that the plan needs.
        expected: String,
        /// The packing given.
        got: String,
    },
    /// The request names another element type than the one planned for.
    ElementType {
        /// The type that the request names.
        expected: &'static str,
        /// The type planned for.
        got: &'static str,
    },
    /// A problem string could not be read.
    Parse {
        /// The word that could not be read.
        got: String,
        /// What was expected there.
        expected: &'static str,
    },
}

/// Why a strategy declines a request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Declined {
    /// The strategy's errors are bounded by norms only, and the request asks for componentwise accuracy.
    Accuracy,
    /// It needs more workspace than the request allows.
    Workspace {
        /// Bytes that its smallest form needs.
        needed: usize,
        /// The limit in the request.
        limit: usize,
    },
    /// It is made for other problems.
    Problem {
        /// Which ones.
        serves: &'static str,
    },
    /// It depends on the values of the kernel: on others than these, or they are not known when a plan is made without
    /// them.
    Values {
        /// What it needs.
        needs: &'static str,
    },
}

impl fmt::Display for Declined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Declined::Accuracy => f.write_str("its accuracy is normwise, the request asks for componentwise"),
            Declined::Workspace { needed, limit } => {
                write!(f, "it needs {needed} bytes of workspace, the limit is {limit}")
            }
            Declined::Problem { serves } => write!(f, "it serves only {serves}"),
            Declined::Values { needs } => write!(f, "it needs {needs}"),
        }
    }
}

impl fmt::Display for Error {
    #[cold]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Zero { quantity } => write!(f, "{quantity} is 0, expected at least 1"),
            Error::GroupsDoNotDivide { groups, channels_in, channels_out } => write!(
                f,
                "groups must divide the channels, got {groups} groups for {channels_in} input and \
                 {channels_out} output channels"
            ),
            Error::TooLarge { quantity } => {
                write!(f, "{quantity} cannot be addressed on this machine, make the problem smaller")
            }
            Error::KernelExceedsInput { axis, kernel_extent, padded_input } => write!(
                f,
                "the kernel spans {kernel_extent} {axis} but the padded input has only {padded_input}: \
                 pad the input or take a smaller kernel or dilation"
            ),
            Error::BorderOfEmptyAxis { axis } => {
                write!(f, "the input has no {axis} to repeat: use a zero or constant border")
            }
            Error::OneDimensional { quantity } => {
                write!(f, "{quantity} is for two dimensions, this request has one")
            }
            Error::NotFinite { quantity, got } => write!(f, "{quantity} must be finite, got {got}"),
            Error::EmptyClamp { min, max } => write!(f, "clamp needs min <= max, got {min} and {max}"),
            Error::Shape { operand, expected, got } => {
                write!(f, "{operand} has shape {got:?}, expected {expected:?}")
            }
            Error::Length { operand, expected, got } => {
                write!(f, "{operand} has {got} elements, expected {expected}")
            }
            Error::Crop { start, end, len } => {
                write!(f, "cannot crop {start}..{end} from an axis of {len}, expected start <= end <= {len}")
            }
            Error::OutOfBounds { dims, strides, offset, len } => write!(
                f,
                "a view of shape {dims:?} with strides {strides:?} from element {offset} leaves its slice \
                 of {len} elements"
            ),
            Error::Overlap { dims, strides } => write!(
                f,
                "an output of shape {dims:?} with strides {strides:?} may write one element twice: \
                 use strides that nest"
            ),
            Error::WorkspaceTooSmall { expected, got } => {
                write!(f, "the workspace has {got} bytes, expected at least {expected}")
            }
            Error::OutOfMemory { bytes } => write!(f, "no memory for {bytes} bytes"),
            Error::UnknownStrategy { got, known } => {
                write!(f, "no strategy is called `{got}`, expected one of {}", known.join(", "))
            }
            Error::Declined { strategy, reason } => write!(f, "strategy `{strategy}` declines: {reason}"),
            Error::InstructionSetUnavailable { got, available } => {
                write!(
                    f,
                    "instruction set `{got}` is not available here, expected one of {}",
                    available.join(", ")
                )
            }
            Error::PackingMismatch { expected, got } => {
                write!(
                    f,
                    "the kernel was packed as [{got}], this plan needs [{expected}]: pack it with this plan"
                )
            }
            Error::ElementType { expected, got } => {
                write!(f, "the request is for {expected}, it was planned for {got}")
            }
            Error::Parse { got, expected } => write!(f, "cannot read `{got}`, expected {expected}"),
        }
    }
}

impl core::error::Error for Error {}
