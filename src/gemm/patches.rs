//! Packing patches of the input, "im2col", one panel at a time: the matrix with a column for each output pixel
//! and a row for each tap of each channel (Chellapilla et al., 2006) is never stored whole (Chetlur et al., 2014).

use core::ops::Range;

use crate::call::Call;
use crate::element::Element;
use crate::problem::Problem;
use crate::window::{Extensions, Plane};

/// Most pixels in a panel: two vectors of 16.
const MAX_WIDTH: usize = 32;

/// How (channel, tap row, tap column) are numbered along the depth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DepthOrder {
    /// Channel slowest: planes are read one after another.
    ChannelFirst,
    /// Channel fastest: the channels of a pixel are neighbours in memory.
    ChannelLast,
}

impl DepthOrder {
    /// Channel, tap row and tap column of step `k`.
    pub(crate) fn decode(self, problem: &Problem, k: usize) -> [usize; 3] {
        let (channels, columns) = (problem.group_in, problem.columns.taps);
        let taps = problem.rows.taps * columns;
        let (channel, tap) = match self {
            DepthOrder::ChannelFirst => (k / taps, k % taps),
            DepthOrder::ChannelLast => (k % channels, k / channels),
        };
        [channel, tap / columns, tap % columns]
    }
}

/// Output pixels of a panel that are neighbours in one output row.
#[derive(Clone, Copy, Default)]
struct Run {
    /// Place of the first in the panel.
    lane: usize,
    len: usize,
    /// Input coordinates under tap (0, 0) of the first.
    y: isize,
    x: isize,
}

/// The patches of one group of one item.
pub(crate) struct Patches<'a, T> {
    pub(crate) problem: &'a Problem,
    pub(crate) call: &'a Call<'a, T>,
    pub(crate) extensions: &'a Extensions<T>,
    pub(crate) order: DepthOrder,
    pub(crate) item: usize,
    /// First input channel.
    pub(crate) channel: usize,
}

impl<T: Element> Patches<'_, T> {
    /// Packs the output pixels `pixels`, numbered along rows, for the steps `depth`: `panel[k][pixel]`, `width` values
    /// a step, zero beyond the pixels.
    pub(crate) fn pack(&self, depth: Range<usize>, pixels: Range<usize>, width: usize, panel: &mut [T]) {
        let mut runs = [Run::default(); MAX_WIDTH];
        let runs = self.runs(&pixels, &mut runs);
        let (rows, columns) = (&self.problem.rows, &self.problem.columns);
        for (k, lanes) in depth.zip(panel.chunks_exact_mut(width)) {
            let [channel, row, column] = self.order.decode(self.problem, k);
            let plane = self.plane(channel);
            let (y, x) = ((row * rows.dilation) as isize, (column * columns.dilation) as isize);
            for run in runs {
                plane.read(run.y + y, run.x + x, columns.stride, &mut lanes[run.lane..run.lane + run.len]);
            }
            lanes[pixels.len()..].fill(T::default());
        }
    }

    fn plane(&self, channel: usize) -> Plane<'_, T> {
        self.call.plane(self.problem, self.item, self.channel + channel, self.extensions)
    }

    fn runs<'r>(&self, pixels: &Range<usize>, runs: &'r mut [Run; MAX_WIDTH]) -> &'r [Run] {
        let (rows, columns) = (&self.problem.rows, &self.problem.columns);
        let mut pixel = pixels.start;
        let mut count = 0;
        while pixel < pixels.end {
            let (row, column) = (pixel / columns.output, pixel % columns.output);
            let len = (columns.output - column).min(pixels.end - pixel);
            runs[count] =
                Run { lane: pixel - pixels.start, len, y: rows.start(row), x: columns.start(column) };
            (pixel, count) = (pixel + len, count + 1);
        }
        &runs[..count]
    }
}
