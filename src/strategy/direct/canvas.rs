//! Where windows are found with channels innermost: in the input itself, or in a copy with its padding.

use core::ops::Range;

use crate::call::Call;
use crate::element::Element;
use crate::microkernel::channel_tile::Run;
use crate::problem::{Axis, Problem};
use crate::window::Extensions;

/// A rectangle of outputs of one group of one item.
#[derive(Clone, Debug)]
pub(super) struct Rectangle {
    pub(super) item: usize,
    pub(super) group: usize,
    pub(super) rows: Range<usize>,
    pub(super) columns: Range<usize>,
}

impl Rectangle {
    /// Row and column of the first output.
    pub(super) fn first(&self) -> [usize; 2] {
        [self.rows.start, self.columns.start]
    }
}

/// One axis of a band: the inputs under neighbouring outputs.
#[derive(Clone, Copy)]
struct BandAxis {
    /// Inputs in the band, and from one to the next in the input.
    len: usize,
    read_step: usize,
    /// In the band, from an output to the next and from a tap to the next.
    pixel: usize,
    tap: usize,
}

impl BandAxis {
    fn new(axis: &Axis, outputs: usize) -> Self {
        if axis.taps == 1 {
            BandAxis { len: outputs, read_step: axis.stride, pixel: 1, tap: 0 }
        } else {
            let len = (outputs - 1).saturating_mul(axis.stride).saturating_add(axis.extent);
            BandAxis { len, read_step: 1, pixel: axis.stride, tap: axis.dilation }
        }
    }

    /// Whether any tap of any output reads this place.
    fn is_read(&self, axis: &Axis, at: usize, outputs: usize) -> bool {
        axis.taps == 1
            || (0..axis.taps).any(|tap| {
                at.checked_sub(tap * self.tap)
                    .is_some_and(|first| first % self.pixel == 0 && first / self.pixel < outputs)
            })
    }
}

/// Values in the band of so many rows and columns of outputs.
pub(super) fn band_values(problem: &Problem, [rows, columns]: [usize; 2]) -> usize {
    let rows = BandAxis::new(&problem.rows, rows).len;
    let columns = BandAxis::new(&problem.columns, columns).len;
    rows.saturating_mul(columns).saturating_mul(problem.group_in)
}

/// Whether every window lies inside the input.
pub(super) fn is_unpadded(problem: &Problem) -> bool {
    [&problem.rows, &problem.columns]
        .iter()
        .all(|axis| axis.before == 0 && (axis.output.max(1) - 1) * axis.stride + axis.extent <= axis.input)
}

/// The inputs of a rectangle of outputs, with channels innermost.
#[derive(Clone, Copy)]
pub(super) struct Canvas<T> {
    /// The first value of the first window.
    pub(super) first: *const T,
    /// From an output to the next: rows, columns.
    pixel: [isize; 2],
    /// From a tap to the next: rows, columns.
    tap: [isize; 2],
}

impl<T: Element> Canvas<T> {
    /// The input itself, where windows need no padding and channels are neighbours; else a copy in `band`.
    pub(super) fn new(
        problem: &Problem,
        call: &Call<'_, T>,
        extensions: &Extensions<T>,
        at: &Rectangle,
        band: &mut [T],
    ) -> Self {
        let [batch, channel, row, column] = call.input_strides;
        if !is_unpadded(problem) || (channel != 1 && problem.group_in > 1) {
            return Self::copied(problem, call, extensions, at, band);
        }
        let (rows, columns) = (&problem.rows, &problem.columns);
        let offset = (at.item as isize).wrapping_mul(batch)
            + ((at.group * problem.group_in) as isize).wrapping_mul(channel)
            + rows.start(at.rows.start) * row
            + columns.start(at.columns.start) * column;
        let step = |count: usize, stride: isize| (count as isize).wrapping_mul(stride);
        Canvas {
            first: call.input.wrapping_offset(offset),
            pixel: [step(rows.stride, row), step(columns.stride, column)],
            tap: [step(rows.dilation, row), step(columns.dilation, column)],
        }
    }

    fn copied(
        problem: &Problem,
        call: &Call<'_, T>,
        extensions: &Extensions<T>,
        at: &Rectangle,
        band: &mut [T],
    ) -> Self {
        let channels = problem.group_in;
        let first = at.group * channels;
        let pixels = call.pixels(problem, at.item, first..first + channels, extensions);
        let rows = BandAxis::new(&problem.rows, at.rows.len());
        let columns = BandAxis::new(&problem.columns, at.columns.len());
        let (top, left) = (problem.rows.start(at.rows.start), problem.columns.start(at.columns.start));
        let row_values = columns.len * channels;
        for (y, row) in band.chunks_exact_mut(row_values).take(rows.len).enumerate() {
            if rows.is_read(&problem.rows, y, at.rows.len()) {
                pixels.read(top + (y * rows.read_step) as isize, left, columns.read_step, channels, row);
            }
        }
        let [row, column] = [row_values as isize, channels as isize];
        Canvas {
            first: band.as_ptr(),
            pixel: [rows.pixel as isize * row, columns.pixel as isize * column],
            tap: [rows.tap as isize * row, columns.tap as isize * column],
        }
    }

    /// Writes where the window of each output of the rectangle starts, row by row.
    pub(super) fn write_pixels(&self, at: &Rectangle, pixels: &mut [isize]) {
        let columns = at.columns.len();
        for (row, pixels) in pixels.chunks_exact_mut(columns).take(at.rows.len()).enumerate() {
            for (column, pixel) in pixels.iter_mut().enumerate() {
                *pixel = (row as isize).wrapping_mul(self.pixel[0])
                    + (column as isize).wrapping_mul(self.pixel[1]);
            }
        }
    }

    /// Writes the steps `depth` of the window as runs of neighbouring values, and returns those. Steps are numbered by
    /// tap row, tap column, channel.
    pub(super) fn runs<'r>(&self, problem: &Problem, depth: Range<usize>, runs: &'r mut [Run]) -> &'r [Run] {
        let channels = problem.group_in;
        let taps = problem.columns.taps;
        // The channels of neighbouring taps may be neighbours.
        let whole_rows = self.tap[1] == channels as isize || taps == 1;
        let len = if whole_rows { taps * channels } else { channels };
        let (mut k, mut count) = (depth.start, 0);
        while k < depth.end {
            let (run, skipped) = (k / len, k % len);
            let (row, column) = if whole_rows { (run, 0) } else { (run / taps, run % taps) };
            let start =
                (row as isize).wrapping_mul(self.tap[0]) + (column as isize).wrapping_mul(self.tap[1]);
            let length = (len - skipped).min(depth.end - k);
            runs[count] = Run { offset: start + skipped as isize, len: length };
            (k, count) = (k + length, count + 1);
        }
        &runs[..count]
    }
}

/// Most runs that `depth` steps of the window take.
pub(super) fn most_runs(problem: &Problem, depth: usize) -> usize {
    depth.div_ceil(problem.group_in) + 1
}
