//! A request, and how its operands lie in memory.

use convolve::{Conv, ElementType, Error, Layout, View, ViewMut};

/// Where the elements of an array of shape `[batch, channel, row, column]` lie. All are dense.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Memory {
    /// Batch, channel, row, column.
    Planes,
    /// Batch, row, column, channel.
    Pixels,
    /// Row, column, batch: the channels of a picture taken as items of a batch, so that one kernel serves all.
    InterleavedItems,
}

impl From<Layout> for Memory {
    fn from(layout: Layout) -> Self {
        match layout {
            Layout::Nchw => Memory::Planes,
            Layout::Nhwc => Memory::Pixels,
        }
    }
}

impl Memory {
    /// Strides for [`Memory::InterleavedItems`], which no layout describes; its items have one channel.
    fn interleaved([items, _, _, columns]: [usize; 4]) -> [isize; 4] {
        [1, 0, columns * items, items].map(|stride| stride as isize)
    }

    pub(crate) fn view<T>(self, data: &[T], dims: [usize; 4]) -> Result<View<'_, T>, Error> {
        let [batch, channels, rows, columns] = dims;
        match self {
            Memory::Planes => View::nchw(data, dims),
            Memory::Pixels => View::nhwc(data, [batch, rows, columns, channels]),
            Memory::InterleavedItems => View::strided(data, 0, dims, Self::interleaved(dims)),
        }
    }

    pub(crate) fn view_mut<T>(self, data: &mut [T], dims: [usize; 4]) -> Result<ViewMut<'_, T>, Error> {
        let [batch, channels, rows, columns] = dims;
        match self {
            Memory::Planes => ViewMut::nchw(data, dims),
            Memory::Pixels => ViewMut::nhwc(data, [batch, rows, columns, channels]),
            Memory::InterleavedItems => ViewMut::strided(data, 0, dims, Self::interleaved(dims)),
        }
    }
}

/// What the taps of a kernel are, where a plan may depend on them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Taps {
    /// Anything.
    Dense,
    /// The outer product of a column and a row.
    Separable,
    /// All alike.
    Level,
}

/// What to compute, on which memory, and how to count its work.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) conv: Conv,
    pub(crate) element: ElementType,
    pub(crate) input: Memory,
    pub(crate) output: Memory,
    pub(crate) taps: Taps,
    /// Multiply-adds to report, where custom counts otherwise than the plan.
    pub(crate) multiply_adds: Option<f64>,
}

impl Request {
    /// As the request itself says; `f32` if it leaves the type open.
    pub(crate) fn new(conv: Conv) -> Self {
        let (input, output) = (conv.input_layout.into(), conv.output_layout.into());
        let element = conv.element_type.unwrap_or(ElementType::F32);
        let conv = conv.element_type(element);
        Request { conv, element, input, output, taps: Taps::Dense, multiply_adds: None }
    }

    /// Whether the output is read.
    pub(crate) fn accumulates(&self) -> bool {
        self.conv.accumulate != 0.0
    }
}
