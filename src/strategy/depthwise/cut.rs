//! How the work is cut into tasks, and a task into bands.

use core::ops::Range;

use super::Rectangle;
use crate::conv::Layout;
use crate::cost::Machine;
use crate::problem::Problem;
use crate::workspace::Booking;

/// Most input channels of a group: each is copied into lanes of its own.
pub(super) const MAX_GROUP_IN: usize = 16;
/// Most values in a band: beyond, its rows are not shared, and then it is narrowed.
const MOST_VALUES: usize = 128 << 10;
/// Outputs of a channel that are collected before they are transposed.
const RESULTS: usize = 256;
/// Vector multiply-adds in a task: some 20 microseconds.
const TASK_STEPS: usize = 64 << 10;

#[derive(Clone, Copy, Debug)]
pub(super) struct Cut {
    pub(super) lanes: usize,
    /// Output channels side by side while the rows pass by, where the input is used in place.
    pub(super) side_by_side: usize,
    /// Output channels in a band: whole vectors.
    pub(super) block: usize,
    /// Outputs of a row of a band, and inputs under them.
    pub(super) columns: usize,
    pub(super) inputs: usize,
    /// Input rows in a band.
    pub(super) rows: usize,
    /// Whether successive output rows find their common input rows in the band; else each fills it anew.
    pub(super) shares_rows: bool,
    /// Output rows that are collected before they are transposed.
    pub(super) result_rows: usize,
    /// Parts of an item: channels, rows, columns.
    parts: [usize; 3],
}

impl Cut {
    /// `None` where even the inputs under a few outputs are too many to copy.
    pub(super) fn new(problem: &Problem, machine: &Machine) -> Option<Self> {
        let lanes = problem.isa.lanes(problem.element);
        let vectors = problem.conv.channels_out.div_ceil(lanes);
        let (rows, columns) = (&problem.rows, &problem.columns);
        let all = columns.output.max(1);
        let is_planar = problem.conv.input_layout == Layout::Nchw;
        let side = if is_planar { 56 / all } else { 4 };
        let block = lanes * side.clamp(1, 4).min(vectors);
        let under =
            |outputs: usize| (outputs - 1).saturating_mul(columns.stride).saturating_add(columns.extent);
        let row = |outputs: usize| under(outputs).saturating_mul(problem.group_in * block);
        let mut width = all;
        let comfortable = machine.l1 * 2 / 3 / problem.element.size();
        let least = columns.extent.saturating_mul(2).max(32);
        while row(width).saturating_mul(rows.extent) > comfortable && width > least {
            width = evenly(all, width / 2);
        }
        let shares_rows = row(width).saturating_mul(rows.extent) <= MOST_VALUES;
        let band_rows = if shares_rows { rows.extent } else { rows.taps };
        while row(width).saturating_mul(band_rows) > MOST_VALUES && width > 8 {
            width = evenly(all, width / 2);
        }
        if row(width).saturating_mul(band_rows) > 4 * MOST_VALUES {
            return None;
        }
        Some(Cut {
            lanes,
            side_by_side: 4 * lanes,
            block,
            columns: width,
            inputs: under(width),
            rows: band_rows,
            shares_rows,
            result_rows: (RESULTS / width).clamp(1, rows.output.max(1)),
            parts: parts(problem, block, lanes),
        })
    }

    /// Values of a pixel that are read before they are dealt out to the lanes; none where each has its lane already.
    pub(super) fn raw_channels(&self, problem: &Problem) -> usize {
        if problem.group_in == 1 && problem.group_out == 1 {
            return 0;
        }
        let groups = ((self.block - 1) / problem.group_out + 2).min(problem.groups());
        groups * problem.group_in
    }

    /// Values in an input row of the band.
    pub(super) fn row_values(&self, problem: &Problem) -> usize {
        problem.group_in * self.inputs * self.block
    }

    /// Values in the band, in a raw row, in the results.
    pub(super) fn buffers(&self, problem: &Problem) -> [usize; 3] {
        [
            self.rows * self.row_values(problem),
            self.inputs * self.raw_channels(problem),
            self.result_rows * self.columns * self.block,
        ]
    }

    pub(super) fn workspace<T>(&self, problem: &Problem) -> usize {
        let [band, raw, results] = self.buffers(problem);
        Booking::new().add::<T>(band).add::<T>(raw).add::<T>(results).bytes()
    }

    /// Values copied for an item.
    pub(super) fn copied(&self, problem: &Problem) -> f64 {
        let chunks =
            problem.columns.output.div_ceil(self.columns) * problem.conv.channels_out.div_ceil(self.block);
        let rows = if self.shares_rows {
            problem.rows.output.saturating_mul(problem.rows.stride).saturating_add(problem.rows.extent)
        } else {
            problem.rows.output.saturating_mul(problem.rows.taps)
        };
        chunks as f64 * rows as f64 * self.row_values(problem) as f64
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
