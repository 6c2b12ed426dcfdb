//! How the work is cut into tasks, and a task into bands.

use core::ops::Range;

use super::Rectangle;
use crate::conv::Layout;
use crate::cost::Machine;
use crate::microkernel::depthwise_tile::shares_columns;
use crate::problem::Problem;
use crate::workspace::Booking;

/// Most values in a band: beyond, its rows are not shared, and then it is narrowed.
const MOST_VALUES: usize = 128 << 10;
/// Pixels that are worth a transposition.
const FLAT: usize = 128;
/// Outputs of a channel that are collected before they are transposed.
const RESULTS: usize = 256;
/// Input columns under the widest tile of pixels, about.
const STRIP: usize = 14;
/// The part of the first-level cache that the rows of a strip take.
const STRIP_PART: usize = 3;
/// Taps that take longer than their inputs from memory.
const BUSY: usize = 16;
/// Vector multiply-adds in a task: some 20 microseconds.
const TASK_STEPS: usize = 64 << 10;

#[derive(Clone, Copy, Debug)]
pub(super) struct Cut {
    pub(super) lanes: usize,
    /// Output channels side by side while the rows pass by, where the input is used in place.
    pub(super) side_by_side: usize,
    /// Vectors of them that the rows of a strip of pixels pass by.
    pub(super) in_strip: usize,
    /// Output channels in a band: whole vectors.
    pub(super) block: usize,
    pub(super) band: BandShape,
    /// Output rows that are collected before they are transposed.
    pub(super) result_rows: usize,
    /// Parts of an item: channels, rows, columns.
    parts: [usize; 3],
}

/// The size of a band.
#[derive(Clone, Copy, Debug)]
pub(super) struct BandShape {
    /// Outputs of a row, inputs under them, and values of an input: the channels that a block reads.
    pub(super) columns: usize,
    inputs: usize,
    pitch: usize,
    /// Input rows.
    pub(super) rows: usize,
    /// Whether successive output rows find their common input rows in the band; else each fills it anew.
    pub(super) shares_rows: bool,
}

impl BandShape {
    fn new(problem: &Problem, machine: &Machine, pitch: usize) -> Option<Self> {
        let (rows, columns) = (&problem.rows, &problem.columns);
        let all = columns.output.max(1);
        let under =
            |outputs: usize| (outputs - 1).saturating_mul(columns.stride).saturating_add(columns.extent);
        let row = |outputs: usize| under(outputs).saturating_mul(pitch);
        let mut width = all;
        let comfortable = machine.l1 * 2 / 3 / problem.element.size();
        let least = columns.extent.saturating_mul(2).max(32);
        while row(width).saturating_mul(rows.extent) > comfortable && width > least {
            width = evenly(all, width / 2);
        }
        let shares_rows = row(width).saturating_mul(rows.extent) <= MOST_VALUES;
        // Short rows of a plane are copied several at a time.
        let is_planar = problem.conv.input_layout == Layout::Nchw;
        let ahead = if is_planar { (FLAT / width).min(rows.input).min(comfortable / row(width)) } else { 0 };
        let band_rows = if shares_rows { rows.extent + ahead } else { rows.taps };
        while row(width).saturating_mul(band_rows) > MOST_VALUES && width > 8 {
            width = evenly(all, width / 2);
        }
        let fits = row(width).saturating_mul(band_rows) <= 2 * MOST_VALUES;
        let shape = BandShape { columns: width, inputs: under(width), pitch, rows: band_rows, shares_rows };
        fits.then_some(shape)
    }

    /// Values in an input row.
    fn row_values(&self) -> usize {
        self.inputs * self.pitch
    }
}

impl Cut {
    /// `None` where even the inputs under a few outputs are too many to copy.
    pub(super) fn new(problem: &Problem, machine: &Machine) -> Option<Self> {
        let lanes = problem.isa.lanes(problem.element);
        let vectors = problem.conv.channels_out.div_ceil(lanes);
        // Rows of a plane that are short leave room for more channels.
        let is_planar = problem.conv.input_layout == Layout::Nchw;
        let side_by_side = if is_planar { 56 / problem.columns.output.max(1) } else { 4 };
        let block = lanes * side_by_side.clamp(1, 4).min(vectors);
        let band = BandShape::new(problem, machine, most_read(problem, block))?;
        Some(Cut {
            lanes,
            side_by_side: self::side_by_side(problem, machine, lanes),
            in_strip: in_strip(problem, machine, lanes),
            block,
            band,
            result_rows: (RESULTS / band.columns).clamp(1, problem.rows.output.max(1)),
            parts: parts(problem, block, lanes),
        })
    }

    /// Values in the band, and in the results.
    pub(super) fn buffers(&self) -> [usize; 2] {
        [self.band.rows * self.band.row_values(), self.result_rows * self.band.columns * self.block]
    }

    pub(super) fn workspace<T>(&self) -> usize {
        let [band, results] = self.buffers();
        Booking::new().add::<T>(band).add::<T>(results).bytes()
    }

    /// Values copied for an item, rounded up to vectors.
    pub(super) fn copied(&self, problem: &Problem) -> f64 {
        let (rows, columns) = (&problem.rows, &problem.columns);
        let chunks =
            columns.output.div_ceil(self.band.columns) * problem.conv.channels_out.div_ceil(self.block);
        let copied = if self.band.shares_rows {
            rows.output as f64 * rows.stride.min(rows.extent) as f64 + rows.extent as f64
        } else {
            rows.output as f64 * rows.taps as f64
        };
        let row = self.band.inputs as f64 * self.band.pitch.next_multiple_of(self.lanes) as f64;
        chunks as f64 * copied * row
    }

    /// Tasks of an item.
    pub(super) fn tasks(&self, problem: &Problem) -> usize {
        if problem.output_plane() == 0 { 0 } else { self.parts.iter().product() }
    }

    /// The outputs of a task.
    pub(super) fn rectangle(&self, problem: &Problem, task: usize) -> Rectangle {
        let tasks = self.tasks(problem);
        let [channels, rows, columns] = self.parts;
        let (item, part) = (task / tasks, task % tasks);
        let (row, column) = (part / columns % rows, part % columns);
        let blocks = problem.conv.channels_out.div_ceil(self.block);
        let block = share(blocks, channels, part / columns / rows);
        Rectangle {
            item,
            channels: block.start * self.block..(block.end * self.block).min(problem.conv.channels_out),
            rows: share(problem.rows.output, rows, row),
            columns: share(problem.columns.output, columns, column),
        }
    }
}

/// The most input channels that a block of output channels reads.
fn most_read(problem: &Problem, block: usize) -> usize {
    let Problem { group_in, group_out, .. } = *problem;
    let straddled = if block.is_multiple_of(group_out) { 0 } else { 2 };
    (block / group_out + straddled).min(problem.groups()) * group_in
}

/// Rows are best passed by for a few vectors of channels at a time, so that those of the window stay in the first-level
/// cache; but rows that come from memory, to a few taps that wait for them, are best read from end to end. Tiles whose
/// tap columns share inputs see to that themselves.
fn side_by_side(problem: &Problem, machine: &Machine, lanes: usize) -> usize {
    if shares_columns(problem.columns.taps, problem.columns.stride, problem.columns.dilation) {
        return usize::MAX;
    }
    let pixels =
        problem.rows.input.saturating_mul(problem.columns.input).saturating_add(problem.output_plane());
    let bytes = pixels.saturating_mul(problem.conv.channels_out * problem.element.size());
    if bytes > machine.l2 && problem.products() < BUSY { usize::MAX } else { 4 * lanes }
}

/// As many vectors that what lies under a row of a strip of them takes a part of the first-level cache, and the rest is
/// left for outputs and for what is read ahead. So an input row comes from beyond that cache once, not once for each
/// tap row.
fn in_strip(problem: &Problem, machine: &Machine, lanes: usize) -> usize {
    let (rows, columns) = (&problem.rows, &problem.columns);
    let pixels = STRIP.max(columns.stride) - columns.stride + columns.extent;
    let bytes = rows.extent.saturating_mul(pixels).saturating_mul(lanes * problem.element.size());
    let fitting = machine.l1 / STRIP_PART / bytes;
    1 << fitting.max(1).ilog2()
}

/// The largest equal parts of `all` that are no larger than `most`.
fn evenly(all: usize, most: usize) -> usize {
    all.div_ceil(all.div_ceil(most.max(1)))
}

/// One of `parts` nearly equal parts.
fn share(all: usize, parts: usize, part: usize) -> Range<usize> {
    let at = |part: usize| (all as u128 * part as u128 / parts as u128) as usize;
    at(part)..at(part + 1)
}

/// Cuts an item so that each part is worth a task: planes between channels first, pixels between rows.
fn parts(problem: &Problem, block: usize, lanes: usize) -> [usize; 3] {
    let channels = problem.conv.channels_out;
    let steps = (problem.output_plane() as u128 * channels as u128).div_ceil(lanes as u128);
    // Few taps wait for memory.
    let steps = steps * problem.products().max(12) as u128;
    let mut wanted = (steps / TASK_STEPS as u128).clamp(1, 64) as usize;
    let (blocks, rows) = (channels.div_ceil(block), problem.rows.output.max(1));
    let columns = problem.columns.output.div_ceil(256);
    let mut most = [blocks, rows.div_ceil(4), columns];
    let order = if problem.conv.input_layout == Layout::Nchw { [0, 1, 2] } else { [1, 2, 0] };
    for axis in order {
        most[axis] = most[axis].clamp(1, wanted);
        wanted = wanted.div_ceil(most[axis]);
    }
    most
}
