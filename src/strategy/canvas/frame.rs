//! Windows in the input itself, but for those that leave it: what lies under them is copied, with the pitch of the
//! input, so that all windows have their values at the same distances.
//!
//! ```text
//!   left   columns inside   right
//! +------+----------------+------+
//! |      |  copy of rows  |      |  rows that reach above the input
//! | copy +----------------+ copy |
//! |  of  |  the input     |  of  |  rows inside
//! | the  |  itself        | the  |
//! | end  +----------------+ end  |
//! |      |  copy of rows  |      |  rows that reach below
//! +------+----------------+------+
//! ```

use core::ops::Range;

use super::{Canvas, Source, inside};
use crate::conv::Layout;
use crate::element::Element;
use crate::problem::{Axis, Problem};

/// Whether inputs may be dense, with channels innermost, and worth it: copies that have the pitch of the input have its
/// rows too, of which long strides read few.
pub(super) fn may_be_framed(problem: &Problem) -> bool {
    let is_dense = problem.conv.input_layout == Layout::Nhwc && problem.groups() == 1;
    is_dense && problem.rows.stride <= problem.rows.extent
}

/// Values that the copies take for so many rows of outputs of full width: the ends of all rows, and the rows above and
/// below the input, which overlap in what they need besides.
pub(super) fn frame_values(problem: &Problem, rows: usize) -> usize {
    let height = span(&problem.rows, rows);
    let rows = height.saturating_mul(2).saturating_add(problem.rows.extent);
    rows.saturating_mul(problem.columns.input).saturating_mul(problem.group_in)
}

/// Inputs under neighbouring outputs.
fn span(axis: &Axis, outputs: usize) -> usize {
    if outputs == 0 { 0 } else { (outputs - 1).saturating_mul(axis.stride).saturating_add(axis.extent) }
}

/// How a rectangle of outputs is divided.
pub(super) struct Frame {
    /// Rows and columns of outputs whose windows lie inside the input.
    rows: Range<usize>,
    columns: Range<usize>,
    /// Input columns under the outputs at the left and at the right end.
    left: usize,
    right: usize,
    /// Values of a row of the input, and of the copies.
    pitch: usize,
}

/// The parts of the buffer: ends of rows, rows above, rows below.
type Copies<T> = [*const T; 3];

impl Frame {
    /// `None` where copying everything is as good, or the input is not dense.
    pub(super) fn new<T: Element>(source: &Source<'_, T>) -> Option<Self> {
        let (problem, at) = (source.problem, source.at);
        let channels = problem.group_in;
        let pitch = problem.columns.input * channels;
        let is_dense = source.call.input_strides[1..] == [1, pitch as isize, channels as isize];
        let is_whole = at.columns == (0..problem.columns.output);
        if !may_be_framed(problem) || !is_dense || !is_whole {
            return None;
        }
        let (rows, columns) = (inside(&problem.rows, &at.rows), inside(&problem.columns, &at.columns));
        let left = span(&problem.columns, columns.start - at.columns.start);
        let right = span(&problem.columns, at.columns.end - columns.end);
        let is_worth_it = 2 * rows.len() * columns.len() >= at.rows.len() * at.columns.len();
        (is_worth_it && left + right <= problem.columns.input).then_some(Frame {
            rows,
            columns,
            left,
            right,
            pitch,
        })
    }

    /// Copies what must be copied, and writes where the window of each output starts.
    pub(super) fn canvas<T: Element>(
        &self,
        source: &Source<'_, T>,
        buffer: &mut [T],
        windows: &mut [*const T],
    ) -> Canvas {
        let (problem, at) = (source.problem, source.at);
        let copies = self.copy(source, buffer);
        for (row, windows) in at.rows.clone().zip(windows.chunks_exact_mut(at.columns.len())) {
            self.write_row(source, &copies, row, windows);
        }
        let [row, column] = [self.pitch as isize, problem.group_in as isize];
        Canvas { tap: [problem.rows.dilation as isize * row, problem.columns.dilation as isize * column] }
    }

    fn copy<T: Element>(&self, source: &Source<'_, T>, buffer: &mut [T]) -> Copies<T> {
        let (problem, at) = (source.problem, source.at);
        let (channels, pixels) = (problem.group_in, source.pixels());
        let start = |row: usize| problem.rows.start(row);
        let column = |column: usize| problem.columns.start(column);
        let height = if self.left + self.right == 0 { 0 } else { span(&problem.rows, at.rows.len()) };
        let (ends, buffer) = buffer.split_at_mut(height * self.pitch);
        for (y, row) in ends.chunks_exact_mut(self.pitch).enumerate() {
            let y = start(at.rows.start) + y as isize;
            let (left, right) = row[..(self.left + self.right) * channels].split_at_mut(self.left * channels);
            for (x, end) in [(at.columns.start, left), (self.columns.end, right)] {
                if !end.is_empty() {
                    pixels.read(y, column(x), 1, channels, end);
                }
            }
        }
        let (above, buffer) =
            buffer.split_at_mut(span(&problem.rows, self.rows.start - at.rows.start) * self.pitch);
        let below = &mut buffer[..span(&problem.rows, at.rows.end - self.rows.end) * self.pitch];
        for (first, rows) in [(at.rows.start, &mut *above), (self.rows.end, &mut *below)] {
            for (y, row) in rows.chunks_exact_mut(self.pitch).enumerate() {
                pixels.read(start(first) + y as isize, 0, 1, channels, row);
            }
        }
        [ends.as_ptr(), above.as_ptr(), below.as_ptr()]
    }

    /// Writes where the windows of one row of outputs start.
    fn write_row<T: Element>(
        &self,
        source: &Source<'_, T>,
        [ends, above, below]: &Copies<T>,
        row: usize,
        windows: &mut [*const T],
    ) {
        let (problem, at) = (source.problem, source.at);
        let (rows, columns) = (&problem.rows, &problem.columns);
        let row_of = |copy: &*const T, y: usize| copy.wrapping_add(y * rows.stride * self.pitch);
        let (left, windows) = windows.split_at_mut(self.columns.start - at.columns.start);
        let (inside, right) = windows.split_at_mut(self.columns.len());
        // Not negative where a column is inside.
        let x = columns.start(self.columns.start);
        let first_inside = match row {
            _ if row < self.rows.start => row_of(above, row - at.rows.start),
            _ if row >= self.rows.end => row_of(below, row - self.rows.end),
            _ => source.input_at([rows.start(row), 0]),
        };
        let end = row_of(ends, row - at.rows.start);
        let channels = problem.group_in;
        let step = columns.stride * channels;
        let parts = [
            (left, end),
            (inside, first_inside.wrapping_offset(x * channels as isize)),
            (right, end.wrapping_add(self.left * channels)),
        ];
        for (windows, first) in parts {
            let mut place = first;
            for window in windows {
                *window = place;
                place = place.wrapping_add(step);
            }
        }
    }
}
