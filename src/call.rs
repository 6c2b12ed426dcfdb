//! The operands of one execution, as strategies and packing read them.

use core::ops::Range;

use crate::element::Element;
use crate::problem::Problem;
use crate::view::{View, ViewMut};
use crate::window::{Extensions, Pixels, Plane};

/// The operands of one execution. Shapes have been checked against the problem.
pub(crate) struct Call<'a, T> {
    pub(crate) input: *const T,
    /// Batch, channel, row, column.
    pub(crate) input_strides: [isize; 4],
    pub(crate) output: *mut T,
    /// Batch, channel, row, column.
    pub(crate) output_strides: [isize; 4],
    pub(crate) packed: &'a [T],
    pub(crate) bias: Option<&'a [T]>,
    /// The views are borrowed as long as the call lives.
    borrowed: core::marker::PhantomData<(&'a [T], &'a mut [T])>,
}

// SAFETY: the input is only read; the output is written by tasks at disjoint places, which is the contract of
// `Prepared`; indices of the output view are distinct, which `ViewMut` proves.
unsafe impl<T: Element> Sync for Call<'_, T> {}

impl<'a, T: Element> Call<'a, T> {
    pub(crate) fn new(
        input: View<'a, T>,
        output: &'a mut ViewMut<'_, T>,
        packed: &'a [T],
        bias: Option<&'a [T]>,
    ) -> Self {
        Call {
            // In bounds unless an axis is empty, and then never dereferenced.
            input: input.data.as_ptr().wrapping_add(input.geometry.origin),
            input_strides: input.geometry.strides,
            output: output.data.as_mut_ptr().wrapping_add(output.geometry.origin),
            output_strides: output.geometry.strides,
            packed,
            bias,
            borrowed: core::marker::PhantomData,
        }
    }

    /// The same where each item has one row: all are rows of one item.
    pub(crate) fn with_items_as_rows(&self) -> Self {
        let mut call = Call { ..*self };
        call.input_strides.swap(0, 2);
        call.output_strides.swap(0, 2);
        call
    }

    /// A channel of an item of the input, seen through its borders.
    pub(crate) fn plane<'b>(
        &self,
        problem: &Problem,
        item: usize,
        channel: usize,
        extensions: &'b Extensions<T>,
    ) -> Plane<'b, T> {
        let [batch, channels, row, column] = self.input_strides;
        // The strides of an empty input may be anything; nothing is read through them.
        let offset =
            (item as isize).wrapping_mul(batch).wrapping_add((channel as isize).wrapping_mul(channels));
        let base = self.input.wrapping_offset(offset);
        // SAFETY: the shape of the input view was checked against the problem; a view is inside its slice.
        unsafe { Plane::new(base, [problem.rows.input, problem.columns.input], [row, column], extensions) }
    }

    /// Neighbouring channels of an item of the input, with channels innermost, seen through their borders.
    pub(crate) fn pixels<'b>(
        &self,
        problem: &Problem,
        item: usize,
        channels: Range<usize>,
        extensions: &'b Extensions<T>,
    ) -> Pixels<'b, T> {
        let [batch, channel, row, column] = self.input_strides;
        // As in `plane`.
        let offset =
            (item as isize).wrapping_mul(batch).wrapping_add((channels.start as isize).wrapping_mul(channel));
        let base = self.input.wrapping_offset(offset);
        let dims = [channels.len(), problem.rows.input, problem.columns.input];
        // SAFETY: as in `plane`.
        unsafe { Pixels::new(base, dims, [channel, row, column], extensions, problem.isa) }
    }

    /// Where a value of the input would stand, be it inside or not; the channel is one of all.
    pub(crate) fn input_at(&self, item: usize, channel: usize, [row, column]: [isize; 2]) -> *const T {
        let at = [item as isize, channel as isize, row, column];
        let offset = at
            .iter()
            .zip(&self.input_strides)
            .fold(0isize, |offset, (index, stride)| offset.wrapping_add(index.wrapping_mul(*stride)));
        self.input.wrapping_offset(offset)
    }

    /// Where an output stands; the channel is one of all, the place its row and column.
    pub(crate) fn output_at(&self, item: usize, channel: usize, [row, column]: [usize; 2]) -> *mut T {
        let at = [item, channel, row, column];
        let offset = at.iter().zip(&self.output_strides).fold(0isize, |offset, (&index, &stride)| {
            offset.wrapping_add((index as isize).wrapping_mul(stride))
        });
        self.output.wrapping_offset(offset)
    }

    /// The bias of an output channel.
    pub(crate) fn bias(&self, channel: usize) -> T {
        self.bias.map_or(T::default(), |bias| bias[channel])
    }
}
