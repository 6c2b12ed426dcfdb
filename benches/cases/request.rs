//! A request, and its operands as views.

use convolve::{Conv, ElementType, Error, View, ViewMut};

/// What the taps of a kernel are, where a plan may depend on them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Taps {
    /// Anything.
    Dense,
    /// Anything, the same for every channel.
    Shared,
    /// The outer product of a column and a row.
    Separable,
    /// The same, both alike from either end.
    Symmetric,
    /// All alike.
    Level,
}

/// What to compute, on which memory, and how to count its work.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) conv: Conv,
    pub(crate) element: ElementType,
    pub(crate) taps: Taps,
    /// Multiply-adds to report, where custom counts otherwise than the plan.
    pub(crate) multiply_adds: Option<f64>,
}

impl Request {
    /// As the request itself says; `f32` if it leaves the type open.
    pub(crate) fn new(conv: Conv) -> Self {
        let element = conv.element_type.unwrap_or(ElementType::F32);
        let conv = conv.element_type(element);
        Request { conv, element, taps: Taps::Dense, multiply_adds: None }
    }

    /// An input of the request; arrays are dense.
    pub(crate) fn input<'a, T>(&self, data: &'a [T], dims: [usize; 4]) -> Result<View<'a, T>, Error> {
        View::new(data, dims, self.conv.input_layout)
    }

    /// An output of the request, to be read.
    pub(crate) fn output<'a, T>(&self, data: &'a [T], dims: [usize; 4]) -> Result<View<'a, T>, Error> {
        View::new(data, dims, self.conv.output_layout)
    }

    /// An output of the request, to be written.
    pub(crate) fn output_mut<'a, T>(
        &self,
        data: &'a mut [T],
        dims: [usize; 4],
    ) -> Result<ViewMut<'a, T>, Error> {
        ViewMut::new(data, dims, self.conv.output_layout)
    }

    /// Whether the output is read.
    pub(crate) fn accumulates(&self) -> bool {
        self.conv.accumulate != 0.0
    }
}
