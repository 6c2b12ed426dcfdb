//! Outputs computed from a band: the input rows under an output row, with channels innermost.
//!
//! The band is a ring of rows. An input row is copied into it when the first output row needs it, and stays until the
//! last one has passed. In NCHW the copy is a transposition; where a group has several channels, there is a row for each
//! of them, with the value that each output channel needs in its lane.

use core::ops::Range;

use super::{DepthwisePlan, Rectangle};
use crate::call::Call;
use crate::conv::Border;
use crate::element::Element;
use crate::microkernel::depthwise_tile::{DepthwiseTile, RowSpan};
use crate::microkernel::transpose::Transpose;
use crate::microkernel::{Finish, Vouched};
use crate::problem::Problem;
use crate::window::Pixels;
use crate::workspace::take;

/// A band while it wanders over a rectangle of outputs.
struct Band<'a, T> {
    values: &'a mut [T],
    /// A row before it is dealt out to lanes.
    raw: &'a mut [T],
    pixels: Pixels<'a, T>,
    /// The row of the padded input that is in the first slot of the ring, and the first that has not been copied.
    origin: isize,
    next: isize,
    /// The columns of the padded input that are copied.
    columns: Range<isize>,
}

impl<T: Element> DepthwisePlan<T> {
    pub(super) fn through_band(&self, call: &Call<'_, T>, at: &Rectangle, workspace: &mut [u8]) {
        for first in at.channels.clone().step_by(self.cut.block) {
            for left in at.columns.clone().step_by(self.cut.columns) {
                let part = Rectangle {
                    channels: first..at.channels.end.min(first + self.cut.block),
                    columns: left..at.columns.end.min(left + self.cut.columns),
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
        let [values, raw, results] = self.cut.buffers(problem);
        let [values, raw, results] = [values, raw, results].map(|count| take::<T>(&mut memory, count));
        let origin = problem.rows.start(at.rows.start);
        let pixels = call.pixels(problem, at.item, self.channels_read(&at.channels), &self.extensions);
        let columns = self.columns_copied(&at.columns);
        let mut band = Band { values, raw, pixels, origin, next: origin, columns };
        let in_place = call.output_strides[1] == 1 || problem.conv.channels_out == 1;
        for first in at.rows.clone().step_by(self.cut.result_rows) {
            let rows = first..at.rows.end.min(first + self.cut.result_rows);
            for row in rows.clone() {
                let spans = self.fill(&mut band, at, row);
                let (output, step) = if in_place {
                    let output = call.output_at(at.item, at.channels.start, [row, at.columns.start]);
                    (output, call.output_strides[3])
                } else {
                    let start = (row - first) * at.columns.len() * self.cut.block;
                    (results[start..].as_mut_ptr(), self.cut.block as isize)
                };
                self.row_from_band(call, &band, at, row, (&spans, output, step, in_place));
            }
            if !in_place {
                self.write_transposed(call, &Rectangle { rows, ..at.clone() }, results);
            }
        }
    }

    /// The input channels of these output channels.
    fn channels_read(&self, outputs: &Range<usize>) -> Range<usize> {
        let Problem { group_in, group_out, .. } = self.problem;
        outputs.start / group_out * group_in..outputs.end.div_ceil(group_out) * group_in
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
    fn fill(&self, band: &mut Band<'_, T>, at: &Rectangle, row: usize) -> [RowSpan<T>; 2] {
        let axis = &self.problem.rows;
        let taps = self.tap_rows(row);
        let size = self.cut.row_values(&self.problem);
        let start = axis.start(row);
        let tap = |k: usize| start + (k * axis.dilation) as isize;
        let span = |band: &Band<'_, T>, slot: usize, count: usize, dilation: usize| RowSpan {
            first: self.first_tap(band, at).wrapping_add(slot * size),
            step: (dilation * size) as isize,
            count,
        };
        if !self.cut.shares_rows {
            for (slot, k) in taps.clone().enumerate() {
                self.copy_row(band, at, tap(k), slot);
            }
            return [span(band, 0, taps.len(), 1), span(band, 0, 0, 1)];
        }
        let slot = |y: isize| (y - band.origin) as usize % self.cut.rows;
        let first = slot(tap(taps.start));
        let until_end = (self.cut.rows - first).div_ceil(axis.dilation).min(taps.len());
        let again = slot(tap(taps.start + until_end));
        if !taps.is_empty() {
            // Also rows between the taps: the next output rows will want them.
            let inside = if self.problem.conv.border.top == Border::Zero { 0 } else { start };
            for y in band.next.max(start).max(inside)..=tap(taps.end - 1) {
                self.copy_row(band, at, y, (y - band.origin) as usize % self.cut.rows);
                band.next = y + 1;
            }
        }
        let rest = taps.len() - until_end;
        [span(band, first, until_end, axis.dilation), span(band, again, rest, axis.dilation)]
    }

    /// Where a row in slot 0 would have its first column, if it were copied.
    fn first_tap(&self, band: &Band<'_, T>, at: &Rectangle) -> *const T {
        let skipped = band.columns.start - self.problem.columns.start(at.columns.start);
        band.values.as_ptr().wrapping_offset(-skipped * self.cut.block as isize)
    }

    /// Copies row `y` of the padded input.
    fn copy_row(&self, band: &mut Band<'_, T>, at: &Rectangle, y: isize, slot: usize) {
        let Range { start, end } = band.columns;
        let (pixels, block) = ((end - start) as usize, self.cut.block);
        let size = self.cut.row_values(&self.problem);
        let to = &mut band.values[slot * size..][..size];
        if band.raw.is_empty() {
            return band.pixels.read(y, start, 1, block, &mut to[..pixels * block]);
        }
        let Problem { group_in, group_out, .. } = self.problem;
        let channels = self.channels_read(&at.channels).len();
        let raw = &mut band.raw[..pixels * channels];
        band.pixels.read(y, start, 1, channels, raw);
        let skipped = at.channels.start % group_out;
        for (i, to) in to.chunks_exact_mut(self.cut.inputs * block).enumerate() {
            for (raw, to) in raw.chunks_exact(channels).zip(to.chunks_exact_mut(block)) {
                for (lane, to) in to[..at.channels.len()].iter_mut().enumerate() {
                    *to = raw[(skipped + lane) / group_out * group_in + i];
                }
            }
        }
    }

    fn row_from_band(
        &self,
        call: &Call<'_, T>,
        band: &Band<'_, T>,
        at: &Rectangle,
        row: usize,
        (spans, output, output_step, in_place): (&[RowSpan<T>], *mut T, isize, bool),
    ) {
        let problem = &self.problem;
        let (axis, block) = (&problem.columns, self.cut.block);
        let left = axis.start(at.columns.start);
        let row_taps = axis.taps * self.cut.lanes;
        let first = self.taps(at.channels.start) + self.tap_rows(row).start * row_taps;
        let tile = DepthwiseTile {
            spans,
            inputs: problem.group_in,
            input_step: (self.cut.inputs * block) as isize,
            column_step: block as isize,
            inside: band.columns.start - left..band.columns.end - left,
            stride: axis.stride,
            dilation: axis.dilation,
            taps: axis.taps,
            weights: call.packed[first..].as_ptr(),
            weight_step: problem.rows.taps * row_taps,
            vector_step: self.vector_step(),
            output,
            output_step,
            width: at.columns.len(),
            channels: at.channels.len(),
            bias: call.bias.map(|bias| bias[at.channels.clone()].as_ptr()),
            finish: if in_place || !self.finish.accumulates() { self.finish } else { Finish::plain() },
            // SAFETY: the spans are rows of the band, which hold the columns inside; the packed kernel holds whole
            // vectors; the outputs are those of the rectangle, or in the results.
            _vouched: unsafe { Vouched::new() },
        };
        T::dispatch(problem.isa, tile);
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
