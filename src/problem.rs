//! The validated problem. All arithmetic on sizes is checked here and nowhere else.

use crate::conv::{Border, Borders, Choice, Conv, Operation, Padding};
use crate::element_type::ElementType;
use crate::error::Error;
use crate::isa::InstructionSet;
use crate::view::View;

/// One spatial axis, every size derived and within `isize`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Axis {
    pub(crate) input: usize,
    pub(crate) taps: usize,
    pub(crate) stride: usize,
    pub(crate) dilation: usize,
    /// Padding before and after.
    pub(crate) before: usize,
    pub(crate) after: usize,
    /// Inputs that the dilated kernel spans.
    pub(crate) extent: usize,
    pub(crate) output: usize,
}

impl Axis {
    /// Input coordinate under tap 0 of output `at`; negative in the padding.
    #[inline]
    pub(crate) fn start(&self, at: usize) -> isize {
        (at * self.stride) as isize - self.before as isize
    }
}

/// A request whose every size has been checked.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub(crate) conv: Conv,
    pub(crate) element: ElementType,
    pub(crate) isa: InstructionSet,
    pub(crate) rows: Axis,
    pub(crate) columns: Axis,
    /// Input and output channels of one group.
    pub(crate) group_in: usize,
    pub(crate) group_out: usize,
}

impl Conv {
    /// Batch, channels, rows and columns of the output. Checks the whole request.
    ///
    /// # Errors
    /// One that names what in the request cannot be.
    pub fn output_shape(&self) -> Result<[usize; 4], Error> {
        Ok(Problem::new(self, self.element_type.unwrap_or(ElementType::F32))?.output_shape())
    }
}

impl Problem {
    pub(crate) fn new(conv: &Conv, element: ElementType) -> Result<Self, Error> {
        if let Some(expected) = conv.element_type.filter(|&expected| expected != element) {
            return Err(Error::ElementType { expected: expected.name(), got: element.name() });
        }
        check_counts(conv)?;
        check_epilogue(conv, element)?;
        let isa = match &conv.instruction_set {
            Choice::Auto => InstructionSet::best()?,
            Choice::Only(name) => InstructionSet::find(name)?,
        };
        let problem = Problem {
            element,
            isa,
            rows: axis(conv, 0)?,
            columns: axis(conv, 1)?,
            group_in: conv.channels_in / conv.groups,
            group_out: conv.channels_out / conv.groups,
            conv: conv.clone(),
        };
        problem.check_memory()?;
        Ok(problem)
    }

    pub(crate) fn batch(&self) -> usize {
        self.conv.batch
    }

    pub(crate) fn groups(&self) -> usize {
        self.conv.groups
    }

    /// Batch, channel, row, column.
    pub(crate) fn input_shape(&self) -> [usize; 4] {
        [self.conv.batch, self.conv.channels_in, self.rows.input, self.columns.input]
    }

    /// Batch, channel, row, column.
    pub(crate) fn output_shape(&self) -> [usize; 4] {
        [self.conv.batch, self.conv.channels_out, self.rows.output, self.columns.output]
    }

    /// Output channel, input channel of the group, row, column.
    pub(crate) fn kernel_shape(&self) -> [usize; 4] {
        [self.conv.channels_out, self.group_in, self.rows.taps, self.columns.taps]
    }

    /// The kernel as cross-correlation reads it: flipped if the request is for convolution.
    pub(crate) fn oriented<'a, T>(&self, kernel: View<'a, T>) -> View<'a, T> {
        match self.conv.operation {
            Operation::CrossCorrelation => kernel,
            Operation::Convolution => kernel.reverse_rows().reverse_columns(),
        }
    }

    /// Products summed in one output.
    pub(crate) fn products(&self) -> usize {
        self.group_in * self.rows.taps * self.columns.taps
    }

    /// Outputs of one channel of one item.
    pub(crate) fn output_plane(&self) -> usize {
        self.rows.output * self.columns.output
    }

    /// Row and column of an output, numbered along rows.
    pub(crate) fn place(&self, pixel: usize) -> [usize; 2] {
        [pixel / self.columns.output, pixel % self.columns.output]
    }

    /// Multiply-adds of direct convolution.
    pub(crate) fn multiply_adds(&self) -> f64 {
        let [batch, channels, rows, columns] = self.output_shape().map(|size| size as f64);
        batch * channels * rows * columns * self.products() as f64
    }

    /// Elements of each array and their bytes fit `isize`, empty axes counted as one so that no product of
    /// some of the sizes overflows either.
    fn check_memory(&self) -> Result<(), Error> {
        let arrays = [
            ("the input", self.input_shape()),
            ("the kernel", self.kernel_shape()),
            ("the output", self.output_shape()),
        ];
        for (quantity, dims) in arrays {
            dims.iter()
                .try_fold(self.element.size(), |bytes, &dim| bytes.checked_mul(dim.max(1)))
                .filter(|&bytes| bytes <= isize::MAX as usize)
                .ok_or(Error::TooLarge { quantity })?;
        }
        Ok(())
    }
}

/// Everything that must be at least one is, and one-dimensional requests have one row.
fn check_counts(conv: &Conv) -> Result<(), Error> {
    let [rows, columns] = [0, 1];
    let counts = [
        (conv.kernel[rows], "kernel size (rows)"),
        (conv.kernel[columns], "kernel size (columns)"),
        (conv.stride[rows], "stride (rows)"),
        (conv.stride[columns], "stride (columns)"),
        (conv.dilation[rows], "dilation (rows)"),
        (conv.dilation[columns], "dilation (columns)"),
        (conv.groups, "groups"),
        (conv.channels_in, "input channels"),
        (conv.channels_out, "output channels"),
    ];
    if let Some(&(_, quantity)) = counts.iter().find(|(count, _)| *count == 0) {
        return Err(Error::Zero { quantity });
    }
    let Conv { groups, channels_in, channels_out, .. } = *conv;
    if channels_in % groups != 0 || channels_out % groups != 0 {
        return Err(Error::GroupsDoNotDivide { groups, channels_in, channels_out });
    }
    if conv.dimensions == 1 {
        if conv.input[rows] != 1 || conv.kernel[rows] != 1 {
            return Err(Error::OneDimensional { quantity: "an input or kernel of several rows" });
        }
        if conv.stride[rows] != 1 {
            return Err(Error::OneDimensional { quantity: "a stride of rows" });
        }
        if conv.dilation[rows] != 1 {
            return Err(Error::OneDimensional { quantity: "a dilation of rows" });
        }
        if matches!(conv.padding, Padding::Explicit { top, bottom, .. } if top > 0 || bottom > 0) {
            return Err(Error::OneDimensional { quantity: "padding at top or bottom" });
        }
    }
    Ok(())
}

fn check_epilogue(conv: &Conv, element: ElementType) -> Result<(), Error> {
    let is_finite = match element {
        ElementType::F32 => (conv.accumulate as f32).is_finite(),
        ElementType::F64 => conv.accumulate.is_finite(),
    };
    if !is_finite {
        return Err(Error::NotFinite { quantity: "the accumulate factor", got: conv.accumulate });
    }
    let [min, max] = conv.activation.limits();
    if min <= max { Ok(()) } else { Err(Error::EmptyClamp { min, max }) }
}

/// Derives the sizes of one axis: 0 rows, 1 columns.
fn axis(conv: &Conv, index: usize) -> Result<Axis, Error> {
    let name = ["rows", "columns"][index];
    let too_large = Error::TooLarge { quantity: ["the padded rows", "the padded columns"][index] };
    let (input, taps) = (conv.input[index], conv.kernel[index]);
    let (stride, dilation) = (conv.stride[index], conv.dilation[index]);
    let extent = (taps - 1).checked_mul(dilation).and_then(|reach| reach.checked_add(1));
    let extent = extent.ok_or_else(|| too_large.clone())?;
    let same = input.div_ceil(stride);
    let [before, after] = match conv.padding {
        Padding::Valid => [0, 0],
        Padding::Full => [extent - 1, extent - 1],
        Padding::Explicit { top, bottom, left, right } => [[top, bottom], [left, right]][index],
        Padding::Same | Padding::SameLower => {
            let reach = same.saturating_sub(1).checked_mul(stride).and_then(|last| last.checked_add(extent));
            let total =
                if same == 0 { 0 } else { reach.ok_or_else(|| too_large.clone())?.saturating_sub(input) };
            let (less, more) = (total / 2, total - total / 2);
            if conv.padding == Padding::Same { [less, more] } else { [more, less] }
        }
    };
    let padded = input.checked_add(before).and_then(|sum| sum.checked_add(after));
    let padded = padded.filter(|&sum| sum <= isize::MAX as usize / 2).ok_or(too_large)?;
    let output = if same == 0 && matches!(conv.padding, Padding::Same | Padding::SameLower) {
        0
    } else if extent > padded {
        return Err(Error::KernelExceedsInput { axis: name, kernel_extent: extent, padded_input: padded });
    } else {
        (padded - extent) / stride + 1
    };
    let Borders { top, bottom, left, right } = conv.border;
    let [first, last] = [[top, bottom], [left, right]][index];
    // Also where there is no padding on that side: reading ahead may look at it.
    let repeats = |border: Border| !border.is_constant();
    if input == 0 && output > 0 && (repeats(first) || repeats(last)) {
        return Err(Error::BorderOfEmptyAxis { axis: name });
    }
    // A step that is never taken is one, so that products of steps stay small.
    let stride = if output <= 1 { 1 } else { stride };
    let dilation = if taps == 1 || output == 0 { 1 } else { dilation };
    let extent = if output == 0 { taps } else { extent };
    Ok(Axis { input, taps, stride, dilation, before, after, extent, output })
}

/// The greatest common divisor.
pub(crate) fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}
