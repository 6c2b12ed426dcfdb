//! Outputs computed from a band: the input rows under an output row, with channels innermost.
//!
//! The band is a ring of rows. An input row is copied into it when the first output row needs it, and stays until the
//! last one has passed. In NCHW the copy is a transposition.

use core::ops::Range;

use super::{DepthwisePlan, Rectangle};
use crate::call::Call;
use crate::conv::Border;
use crate::element::Element;
use crate::microkernel::depthwise_tile::{DepthwiseTile, RowSpan};
use crate::microkernel::transpose::Transpose;
use crate::microkernel::{Finish, Vouched};
use crate::window::Pixels;
use crate::workspace::take;

/// A band while it wanders over a rectangle of outputs.
struct Band<'a, T> {
    values: &'a mut [T],
    pixels: Pixels<'a, T>,
    /// The row of the padded input that is in the first slot of the ring, and the first that has not been copied.
    origin: isize,
    next: isize,
    /// The columns of the padded input that are copied.
    columns: Range<isize>,
    /// Values of a pixel, and of a row, in the ring.
    pitch: usize,
    row: usize,
}

impl<T: Element> DepthwisePlan<T> {
    pub(super) fn through_band(&self, call: &Call<'_, T>, at: &Rectangle, workspace: &mut [u8]) {
        for first in at.channels.clone().step_by(self.cut.block) {
            for left in at.columns.clone().step_by(self.cut.band.columns) {
                let part = Rectangle {
                    channels: first..at.channels.end.min(first + self.cut.block),
                    columns: left..at.columns.end.min(left + self.cut.band.columns),
                    ..at.clone()
                };
                self.part_through_band(call, &part, workspace);
            }
        }
    }

    /// `at` is no larger than the band.
    fn part_through_band(&self, call: &Call<'_, T>, at: &Rectangle, workspace: &mut [u8]) {
        let problem = &self.problem;
        let mut memory = workspace;
        let [values, results] = self.cut.buffers().map(|count| take::<T>(&mut memory, count));
        let origin = problem.rows.start(at.rows.start);
        let channels = self.channels_read(&at.channels);
        let pitch = channels.len();
        let pixels = call.pixels(problem, at.item, channels, &self.extensions);
        let columns = self.columns_copied(&at.columns);
        let row = (columns.end - columns.start) as usize * pitch;
        let mut band = Band { values, pixels, origin, next: origin, columns, pitch, row };
        let in_place = call.output_strides[1] == 1 || problem.conv.channels_out == 1;
        for first in at.rows.clone().step_by(self.cut.result_rows) {
            let rows = first..at.rows.end.min(first + self.cut.result_rows);
            for row in rows.clone() {
                let spans = self.fill(call, &mut band, at, row);
                let (output, step) = if in_place {
                    let output = call.output_at(at.item, at.channels.start, [row, at.columns.start]);
                    (output, call.output_strides[3])
                } else {
                    let start = (row - first) * at.columns.len() * self.cut.block;
                    (results[start..].as_mut_ptr(), self.cut.block as isize)
                };
                self.row_from_band(call, &band, at, row, (spans, output, step, in_place));
            }
            if !in_place {
                self.write_transposed(call, &Rectangle { rows, ..at.clone() }, results);
            }
        }
    }

    /// The columns under these outputs; those that are zero are left out if they are at every row.
    fn columns_copied(&self, outputs: &Range<usize>) -> Range<isize> {
        let columns = &self.problem.columns;
        let border = &self.problem.conv.border;
        let start = columns.start(outputs.start);
        let end = start + ((outputs.len() - 1) * columns.stride + columns.extent) as isize;
        let are_zero = |borders: [Border; 2]| borders.iter().all(|&border| border == Border::Zero);
        if !are_zero([border.left, border.right]) || !are_zero([border.top, border.bottom]) {
            return start..end;
        }
        let first = start.clamp(0, columns.input as isize);
        first..end.clamp(first, (columns.input as isize).max(first))
    }

    /// Copies what the tap rows of an output row need and is not there, and tells where they are.
    fn fill(
        &self,
        call: &Call<'_, T>,
        band: &mut Band<'_, T>,
        at: &Rectangle,
        row: usize,
    ) -> [RowSpan<T>; 2] {
        let axis = &self.problem.rows;
        let taps = self.tap_rows(row);
        let start = axis.start(row);
        let tap = |k: usize| start + (k * axis.dilation) as isize;
        let span = |band: &Band<'_, T>, slot: usize, count: usize, dilation: usize| RowSpan {
            first: self.first_tap(band, at).wrapping_add(slot * band.row),
            step: (dilation * band.row) as isize,
            count,
        };
        if !self.cut.band.shares_rows {
            for (slot, k) in taps.clone().enumerate() {
                self.copy_row(band, tap(k), slot);
            }
            return [span(band, 0, taps.len(), 1), span(band, 0, 0, 1)];
        }
        let slot = |y: isize| (y - band.origin) as usize % self.cut.band.rows;
        let first = slot(tap(taps.start));
        let until_end = (self.cut.band.rows - first).div_ceil(axis.dilation).min(taps.len());
        let again = slot(tap(taps.start + until_end));
        if !taps.is_empty() && tap(taps.end - 1) >= band.next {
            self.copy_rows(call, band, at, start);
        }
        let rest = taps.len() - until_end;
        [span(band, first, until_end, axis.dilation), span(band, again, rest, axis.dilation)]
    }

    /// Copies the rows from `start` on for which there is room: also what the next output rows will want.
    fn copy_rows(&self, call: &Call<'_, T>, band: &mut Band<'_, T>, at: &Rectangle, start: isize) {
        let axis = &self.problem.rows;
        let border = &self.problem.conv.border;
        let last = axis.start(at.rows.end - 1) + axis.extent as isize;
        let room = (start + self.cut.band.rows as isize).min(last);
        let end = if border.bottom == Border::Zero { room.min(axis.input as isize) } else { room };
        let mut y = band.next.max(if border.top == Border::Zero { start.max(0) } else { start });
        while y < end {
            let slot = (y - band.origin) as usize % self.cut.band.rows;
            let rows = ((end - y) as usize).min(self.cut.band.rows - slot);
            if self.is_flat(call, &band.columns) {
                self.copy_flat(call, band, at, y as usize, &(slot..slot + rows));
                y += rows as isize;
            } else {
                self.copy_row(band, y, slot);
                y += 1;
            }
        }
        band.next = end;
    }

    /// Whether whole rows are copied that are neighbours in planes of the input. As all borders are zero then, they
    /// are rows inside.
    fn is_flat(&self, call: &Call<'_, T>, columns: &Range<isize>) -> bool {
        let border = &self.problem.conv.border;
        let are_zero =
            [border.top, border.bottom, border.left, border.right].iter().all(|b| *b == Border::Zero);
        let input = self.problem.columns.input as isize;
        let [_, _, row, column] = call.input_strides;
        are_zero && *columns == (0..input) && column == 1 && row == input
    }

    /// Copies all of the rows from `y` on into the slots `slots`.
    fn copy_flat(
        &self,
        call: &Call<'_, T>,
        band: &mut Band<'_, T>,
        at: &Rectangle,
        y: usize,
        slots: &Range<usize>,
    ) {
        let channels = self.channels_read(&at.channels);
        let transpose = Transpose {
            from: call.input_at(at.item, channels.start, [y as isize, 0]),
            from_step: call.input_strides[1],
            to: band.values[slots.start * band.row..slots.end * band.row].as_mut_ptr(),
            to_step: band.pitch as isize,
            rows: channels.len(),
            columns: slots.len() * self.problem.columns.input,
            finish: None,
            // SAFETY: rows of the input, which are neighbours; the slots have room for them.
            _vouched: unsafe { Vouched::new() },
        };
        T::dispatch(self.problem.isa, transpose);
    }

    /// Where a row in slot 0 would have its first column, if it were copied.
    fn first_tap(&self, band: &Band<'_, T>, at: &Rectangle) -> *const T {
        let skipped = band.columns.start - self.problem.columns.start(at.columns.start);
        band.values.as_ptr().wrapping_offset(-skipped * band.pitch as isize)
    }

    /// Copies row `y` of the padded input.
    fn copy_row(&self, band: &mut Band<'_, T>, y: isize, slot: usize) {
        let to = &mut band.values[slot * band.row..][..band.row];
        band.pixels.read(y, band.columns.start, 1, band.pitch, to);
    }

    fn row_from_band(
        &self,
        call: &Call<'_, T>,
        band: &Band<'_, T>,
        at: &Rectangle,
        row: usize,
        (spans, output, output_step, in_place): ([RowSpan<T>; 2], *mut T, isize, bool),
    ) {
        let problem = &self.problem;
        let axis = &problem.columns;
        let left = axis.start(at.columns.start);
        let row_taps = axis.taps * self.cut.lanes;
        let first = self.taps(at.channels.start) + self.tap_rows(row).start * row_taps;
        let tile = DepthwiseTile {
            rows: 1,
            spans,
            row_step: 0,
            inputs: problem.group_in,
            deals: self.deals_of(&at.channels),
            patterns: &self.patterns,
            first_channel: self.channels_read(&at.channels).start,
            column_step: band.pitch as isize,
            inside: band.columns.start - left..band.columns.end - left,
            stride: axis.stride,
            dilation: axis.dilation,
            taps: axis.taps,
            weights: call.packed[first..].as_ptr(),
            weight_step: problem.rows.taps * row_taps,
            vector_step: self.vector_step(),
            output,
            output_step,
            output_row_step: 0,
            width: at.columns.len(),
            channels: at.channels.len(),
            in_strip: self.cut.in_strip,
            bias: call.bias.map(|bias| bias[at.channels.clone()].as_ptr()),
            finish: if in_place || !self.finish.accumulates() { self.finish } else { Finish::plain() },
            // SAFETY: the spans are rows of the band, which hold the columns inside; the packed kernel holds whole
            // vectors; the outputs are those of the rectangle, or in the results.
            _vouched: unsafe { Vouched::new() },
        };
        tile.dispatch(problem.isa);
    }

    /// Moves results to the output, as many neighbouring pixels at a time as there are.
    fn write_transposed(&self, call: &Call<'_, T>, at: &Rectangle, results: &[T]) {
        let problem = &self.problem;
        let [_, channel_step, row_step, column_step] = call.output_strides;
        let (rows, columns) = (at.rows.len(), at.columns.len());
        let are_neighbours = column_step == 1 || problem.columns.output == 1;
        let are_rows_too = rows == 1 || (are_neighbours && row_step == columns as isize);
        let run = match () {
            () if are_neighbours && are_rows_too => rows * columns,
            () if are_neighbours => columns,
            () => 1,
        };
        for first in (0..rows * columns).step_by(run) {
            let place = [at.rows.start + first / columns, at.columns.start + first % columns];
            let transpose = Transpose {
                from: results[first * self.cut.block..].as_ptr(),
                from_step: self.cut.block as isize,
                to: call.output_at(at.item, at.channels.start, place),
                to_step: channel_step,
                rows: run,
                columns: at.channels.len(),
                finish: self.finish.accumulates().then_some(self.finish),
                // SAFETY: the results hold every pixel of the rectangle; `run` pixels are neighbours in the output.
                _vouched: unsafe { Vouched::new() },
            };
            T::dispatch(problem.isa, transpose);
        }
    }
}
