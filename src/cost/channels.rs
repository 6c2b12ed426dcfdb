//! What the tiles with lanes along output channels cost.

use super::{Constants, Machine};
use crate::conv::Layout;
use crate::problem::{Axis, Problem};

/// How the work is cut.
pub(crate) struct ChannelsShape {
    /// Tasks of an item's group: rectangles of pixels, and blocks of channels.
    pub(crate) tasks: [usize; 2],
    /// Pixels of a rectangle.
    pub(crate) pixels: usize,
    /// Values copied for a rectangle because of padding.
    pub(crate) copied: usize,
    /// Steps of the window that are computed, on average: the others lie over zeros.
    pub(crate) depth: f64,
    /// Vectors of output channels. One that two pixels share counts as a whole one, which it is where a choice between
    /// lanes takes as long as a multiply-add.
    pub(crate) vectors: usize,
}

/// Share of the multiply-add limit that large tiles reach.
const EFFICIENCY: f64 = 0.9;
/// Cycles to copy a value with channels innermost, and with channels outermost.
const COPY: f64 = 0.15;
const TRANSPOSE: f64 = 0.9;
/// Cycles to copy a pixel besides, where those of other groups lie between.
const PIXEL: f64 = 8.0;
/// The same with channels outermost, where they are too few to be transposed in registers.
const GATHER: f64 = 1.2;
/// The same of planes of which every other column is read; of fewer, each takes longer.
const STRIDED: f64 = 4.0;
/// Cycles to write a transposed value to planes that do not stay in the second-level cache.
const SPREAD: f64 = 2.0;
/// Cycles of a task, and of a tile's beginning and end.
const TASK: f64 = 300.0;
const TILE: f64 = 20.0;
/// Share of the shorter of computing and waiting for a kernel from beyond the second-level cache that the longer does
/// not hide.
const EXPOSED: f64 = 0.2;
/// Cycles of a multiply-add until its sum can be added to.
const LATENCY: f64 = 4.0;

/// Predicted seconds.
pub(crate) fn channels_seconds(problem: &Problem, machine: &Machine, shape: &ChannelsShape) -> f64 {
    let groups = (problem.batch() * problem.groups()) as f64;
    let [rectangles, parts] = shape.tasks.map(|count| count as f64);
    let (depth, vectors) = (shape.depth, shape.vectors as f64);
    let pixels = problem.output_plane() as f64;

    // Few pixels in a tile wait for each other's sums, or for the weights.
    let in_tile = (shape.pixels as f64).min(7.0);
    let steps = depth * vectors * pixels;
    let lanes_per_cycle = Constants::vector_rate(problem, machine) * EFFICIENCY;
    let waiting = (LATENCY / (vectors.min(4.0) * in_tile)).max(1.0 / lanes_per_cycle);
    let tiles = pixels / in_tile.max(1.0) * (vectors / 4.0).ceil() * TILE;
    let weights = depth * vectors * problem.isa.lanes(problem.element) as f64 * problem.element.size() as f64;
    let near = if weights <= machine.l2 as f64 / 2.0 { 1.0 } else { 0.0 };
    let streaming = rectangles * Constants::kernel_cycles(weights, near);
    let compute = steps * waiting + tiles;
    let exposed = (1.0 - near) * EXPOSED;
    let compute = compute.max(streaming) + exposed * compute.min(streaming);

    let copied = copying(problem, shape.copied as f64 * rectangles * parts);
    let moved = copied + transposing(problem, machine);
    let total = (compute + moved + TASK * rectangles * parts) * groups;
    Constants::beside_memory(problem, machine, total) / Constants::CLOCK
}

/// Seconds that they take at least: those of products, less what may lie over zeros along one axis.
pub(crate) fn channels_least_seconds(problem: &Problem, machine: &Machine) -> f64 {
    let inside = |axis: &Axis| {
        let padded = (axis.before + axis.after).div_ceil(axis.stride);
        axis.output.saturating_sub(padded) as f64 / axis.output.max(1) as f64
    };
    let share = inside(&problem.rows).min(inside(&problem.columns));
    share * problem.multiply_adds() / Constants::channels_peak(problem, machine) / Constants::CLOCK
}

/// Cycles to copy so many inputs, transposed where channels are not innermost.
pub(super) fn copying(problem: &Problem, copied: f64) -> f64 {
    let is_planar = problem.conv.input_layout == Layout::Nchw;
    let is_few = 4 * problem.group_in <= problem.isa.lanes(problem.element);
    let skips = problem.columns.stride > 1 && problem.columns.taps == 1;
    let value = match is_planar {
        true if problem.group_in == 1 => COPY,
        true if skips => STRIDED * (problem.columns.stride as f64 / 2.0).sqrt(),
        true if is_few => GATHER,
        true => TRANSPOSE,
        false if problem.groups() > 1 => COPY + PIXEL / problem.group_in as f64,
        false => COPY,
    };
    copied * value
}

/// Cycles to transpose the outputs of a group of channels.
fn transposing(problem: &Problem, machine: &Machine) -> f64 {
    let outputs = problem.output_plane() as f64 * problem.group_out as f64;
    let is_planar = problem.conv.output_layout == Layout::Nchw && problem.group_out > 1;
    let is_far = outputs * problem.element.size() as f64 > machine.l2 as f64;
    match is_planar {
        true if is_far => outputs * SPREAD,
        true => outputs * TRANSPOSE,
        false => 0.0,
    }
}
