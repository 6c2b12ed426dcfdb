//! Outputs computed from the input where it is.

use core::ops::Range;

use super::{DepthwisePlan, Rectangle};
use crate::call::Call;
use crate::element::Element;
use crate::microkernel::Vouched;
use crate::microkernel::depthwise_tile::{DepthwiseTile, RowSpan};

impl<T: Element> DepthwisePlan<T> {
    /// Input and output have channels innermost; windows are inside, or over zeros.
    pub(super) fn in_place(&self, call: &Call<'_, T>, at: &Rectangle) {
        if at.columns.is_empty() {
            return;
        }
        for first in at.channels.clone().step_by(self.cut.side_by_side) {
            let end = at.channels.end.min(first.saturating_add(self.cut.side_by_side));
            let block = Rectangle { channels: first..end, ..at.clone() };
            let mut row = at.rows.start;
            while row < at.rows.end {
                let taps = self.tap_rows(row);
                let end = (row + 1..at.rows.end).find(|&next| self.tap_rows(next) != taps);
                let rows = row..end.unwrap_or(at.rows.end);
                row = rows.end;
                self.rows_in_place(call, &Rectangle { rows, ..block.clone() }, &taps);
            }
        }
    }

    /// Rows that have the tap rows `taps`.
    fn rows_in_place(&self, call: &Call<'_, T>, at: &Rectangle, taps: &Range<usize>) {
        let (problem, channel) = (&self.problem, at.channels.start);
        let first_channel = self.channels_read(&at.channels).start;
        let [_, _, row_stride, column_stride] = call.input_strides;
        let row_step = (problem.rows.dilation as isize).wrapping_mul(row_stride);
        let left = problem.columns.start(at.columns.start);
        let span = RowSpan {
            first: call
                .input_at(at.item, first_channel, [problem.rows.start(at.rows.start), left])
                .wrapping_offset((taps.start as isize).wrapping_mul(row_step)),
            step: row_step,
            count: taps.len(),
        };
        let row_taps = problem.columns.taps * self.cut.lanes;
        let tile = DepthwiseTile {
            rows: at.rows.len(),
            spans: [span, RowSpan { count: 0, ..span }],
            row_step: (problem.rows.stride as isize).wrapping_mul(row_stride),
            inputs: problem.group_in,
            deals: self.deals_of(&at.channels),
            patterns: &self.patterns,
            first_channel,
            column_step: column_stride,
            inside: -left..problem.columns.input as isize - left,
            stride: problem.columns.stride,
            dilation: problem.columns.dilation,
            taps: problem.columns.taps,
            weights: call.packed[self.taps(channel) + taps.start * row_taps..].as_ptr(),
            weight_step: problem.rows.taps * row_taps,
            vector_step: self.vector_step(),
            output: call.output_at(at.item, channel, [at.rows.start, at.columns.start]),
            output_step: call.output_strides[3],
            output_row_step: call.output_strides[2],
            width: at.columns.len(),
            channels: at.channels.len(),
            in_strip: self.cut.in_strip,
            bias: call.bias.map(|bias| bias[at.channels.clone()].as_ptr()),
            finish: self.finish,
            // SAFETY: the tap rows are rows of the input, and so are the columns inside; the packed kernel holds whole
            // vectors; the outputs are those of the rectangle.
            _vouched: unsafe { Vouched::new() },
        };
        tile.dispatch(problem.isa);
    }
}
