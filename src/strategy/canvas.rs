//! Where windows are found with channels innermost: in the input itself, in copies of what lies under its edges, or in
//! a copy of everything.

mod frame;
mod reach;
mod rectangles;

use core::ops::Range;

pub(super) use reach::{depth_inside, leaves_much_out, share_inside};
pub(super) use rectangles::{Rectangle, Rectangles};

use frame::{Frame, frame_values, may_be_framed};

use crate::call::Call;
use crate::element::Element;
use crate::microkernel::channel_tile::Run;
use crate::problem::{Axis, Problem};
use crate::window::{Extensions, Pixels};

/// One axis of a copy: the inputs under neighbouring outputs.
#[derive(Clone, Copy)]
struct CopyAxis {
    /// Inputs in the copy, and from one to the next in the input.
    len: usize,
    read_step: usize,
    /// In the copy, from an output to the next and from a tap to the next.
    pixel: usize,
    tap: usize,
}

impl CopyAxis {
    fn new(axis: &Axis, outputs: usize) -> Self {
        if axis.taps == 1 {
            CopyAxis { len: outputs, read_step: axis.stride, pixel: 1, tap: 0 }
        } else {
            let len = outputs.saturating_sub(1).saturating_mul(axis.stride).saturating_add(axis.extent);
            CopyAxis { len, read_step: 1, pixel: axis.stride, tap: axis.dilation }
        }
    }

    /// Whether any tap of any output reads this place.
    fn is_read(&self, axis: &Axis, at: usize, outputs: usize) -> bool {
        let reads = |tap: usize| {
            let first = at.checked_sub(tap * self.tap);
            first.is_some_and(|first| first % self.pixel == 0 && first / self.pixel < outputs)
        };
        axis.taps == 1 || (0..axis.taps).any(reads)
    }
}

/// Those of the outputs `range` whose windows lie inside the input.
pub(super) fn inside(axis: &Axis, range: &Range<usize>) -> Range<usize> {
    let first = axis.before.div_ceil(axis.stride);
    let room = (axis.input + axis.before).checked_sub(axis.extent);
    let end = room.map_or(0, |room| room / axis.stride + 1);
    let start = first.clamp(range.start, range.end);
    start..end.clamp(start, range.end)
}

/// Whether every window lies inside the input.
pub(super) fn is_unpadded(problem: &Problem) -> bool {
    [&problem.rows, &problem.columns].iter().all(|axis| inside(axis, &(0..axis.output)) == (0..axis.output))
}

/// Values in a copy of everything under so many rows and columns of outputs; none where windows are never copied.
fn copied_values(problem: &Problem, [rows, columns]: [usize; 2]) -> usize {
    if problem.group_in == 1 && is_unpadded(problem) {
        return 0;
    }
    let height = CopyAxis::new(&problem.rows, rows).len;
    let width = CopyAxis::new(&problem.columns, columns).len;
    height.saturating_mul(width).saturating_mul(problem.group_in)
}

/// Values that copies of either kind may take.
pub(super) fn buffer_values(problem: &Problem, &Rectangles { rows, columns }: &Rectangles) -> usize {
    let is_whole = columns >= problem.columns.output;
    let frame = if is_whole && may_be_framed(problem) { frame_values(problem, rows) } else { 0 };
    match copied_values(problem, [rows, columns]) {
        0 => 0,
        all => all.max(frame),
    }
}

/// Where the windows of a rectangle of outputs are.
#[derive(Clone, Copy)]
pub(super) struct Canvas {
    /// From a tap to the next: rows, columns.
    pub(super) tap: [isize; 2],
}

/// What a canvas is made from.
pub(super) struct Source<'a, T> {
    pub(super) problem: &'a Problem,
    pub(super) call: &'a Call<'a, T>,
    pub(super) extensions: &'a Extensions<T>,
    pub(super) at: &'a Rectangle,
}

impl<T: Element> Source<'_, T> {
    /// Writes where the window of each output of the rectangle starts, row by row. `buffer` takes what must be copied.
    pub(super) fn canvas(&self, buffer: &mut [T], windows: &mut [*const T]) -> Canvas {
        let are_neighbours = self.call.input_strides[1] == 1 || self.problem.group_in == 1;
        if are_neighbours && is_unpadded(self.problem) {
            return self.in_place(windows);
        }
        match Frame::new(self) {
            Some(frame) => frame.canvas(self, buffer, windows),
            None => self.copied(buffer, windows),
        }
    }

    fn in_place(&self, windows: &mut [*const T]) -> Canvas {
        let (rows, columns) = (&self.problem.rows, &self.problem.columns);
        let [_, _, row, column] = self.call.input_strides;
        let step = |count: usize, stride: isize| (count as isize).wrapping_mul(stride);
        let first = self.input_at([rows.start(self.at.rows.start), columns.start(self.at.columns.start)]);
        self.write_windows(first, [step(rows.stride, row), step(columns.stride, column)], windows);
        Canvas { tap: [step(rows.dilation, row), step(columns.dilation, column)] }
    }

    /// A copy of everything under the rectangle.
    pub(super) fn copied(&self, buffer: &mut [T], windows: &mut [*const T]) -> Canvas {
        let (problem, at) = (self.problem, self.at);
        let channels = problem.group_in;
        let rows = CopyAxis::new(&problem.rows, at.rows.len());
        let columns = CopyAxis::new(&problem.columns, at.columns.len());
        let (top, left) = (problem.rows.start(at.rows.start), problem.columns.start(at.columns.start));
        let pixels = self.pixels();
        let row_values = columns.len * channels;
        for (y, row) in buffer.chunks_exact_mut(row_values).take(rows.len).enumerate() {
            if rows.is_read(&problem.rows, y, at.rows.len()) {
                pixels.read(top + (y * rows.read_step) as isize, left, columns.read_step, channels, row);
            }
        }
        let [row, column] = [row_values as isize, channels as isize];
        self.write_windows(
            buffer.as_ptr(),
            // A step that is never taken may be too long.
            [(rows.pixel as isize).wrapping_mul(row), (columns.pixel as isize).wrapping_mul(column)],
            windows,
        );
        Canvas { tap: [(rows.tap as isize).wrapping_mul(row), (columns.tap as isize).wrapping_mul(column)] }
    }

    pub(super) fn pixels(&self) -> Pixels<'_, T> {
        let first = self.at.group * self.problem.group_in;
        self.call.pixels(self.problem, self.at.item, first..first + self.problem.group_in, self.extensions)
    }

    /// The first channel of a place of the input.
    pub(super) fn input_at(&self, [y, x]: [isize; 2]) -> *const T {
        let [batch, channel, row, column] = self.call.input_strides;
        let offset = (self.at.item as isize)
            .wrapping_mul(batch)
            .wrapping_add(((self.at.group * self.problem.group_in) as isize).wrapping_mul(channel))
            .wrapping_add(y.wrapping_mul(row))
            .wrapping_add(x.wrapping_mul(column));
        self.call.input.wrapping_offset(offset)
    }

    /// Windows at even distances: rows, columns.
    fn write_windows(&self, first: *const T, steps: [isize; 2], windows: &mut [*const T]) {
        for (row, windows) in windows.chunks_exact_mut(self.at.columns.len()).enumerate() {
            let mut place = first.wrapping_offset((row as isize).wrapping_mul(steps[0]));
            for window in windows {
                *window = place;
                place = place.wrapping_offset(steps[1]);
            }
        }
    }
}

impl Canvas {
    /// Whether the channels of neighbouring taps are neighbours.
    pub(super) fn has_whole_rows(&self, problem: &Problem) -> bool {
        self.tap[1] == problem.group_in as isize || problem.columns.taps == 1
    }

    /// Writes the steps `depth` of the window as runs of neighbouring values, rows of taps or single ones, and returns
    /// those. Steps are numbered by tap row, tap column, channel.
    pub(super) fn runs<'r>(
        &self,
        problem: &Problem,
        whole_rows: bool,
        depth: Range<usize>,
        runs: &'r mut [Run],
    ) -> &'r [Run] {
        let (channels, taps) = (problem.group_in, problem.columns.taps);
        let len = if whole_rows { taps * channels } else { channels };
        let (mut k, mut count) = (depth.start, 0);
        while k < depth.end {
            let (run, skipped) = (k / len, k % len);
            let (row, column) = if whole_rows { (run, 0) } else { (run / taps, run % taps) };
            let start = (row as isize)
                .wrapping_mul(self.tap[0])
                .wrapping_add((column as isize).wrapping_mul(self.tap[1]));
            let length = (len - skipped).min(depth.end - k);
            runs[count] = Run { offset: start.wrapping_add(skipped as isize), len: length };
            (k, count) = (k + length, count + 1);
        }
        &runs[..count]
    }
}

/// Most runs that `depth` steps of the window take.
pub(super) fn most_runs(problem: &Problem, depth: usize) -> usize {
    depth.div_ceil(problem.group_in) + 1
}
