//! What Winograd's minimal filtering costs.

use super::{Constants, Machine};
use crate::conv::Layout;
use crate::problem::Problem;

/// How the work is cut.
pub(crate) struct WinogradShape {
    /// Multiplications of a tile for each pair of channels.
    pub(crate) points: usize,
    /// Groups of channels of all items.
    pub(crate) items: usize,
    /// Tiles of one of them.
    pub(crate) tiles: usize,
    /// Groups of tiles in all, and parts of the output channels, each of which transforms the inputs anew.
    pub(crate) tasks: usize,
    pub(crate) parts: usize,
    /// Transformed values of a task.
    pub(crate) task_bytes: usize,
}

/// Share of the multiply-add limit that the products reach.
const EFFICIENCY: f64 = 0.82;
/// Cycles of the transforms for each point of a vector of channels.
const INPUT: f64 = 4.5;
const OUTPUT: f64 = 4.0;
/// Cycles to transpose a value.
const TRANSPOSE: f64 = 0.6;
/// Cycles of a call of a tile, in a product and in a transform.
const TILE: f64 = 25.0;
const TASK: f64 = 500.0;

/// Predicted seconds.
pub(crate) fn winograd_seconds(problem: &Problem, machine: &Machine, shape: &WinogradShape) -> f64 {
    let lanes = problem.isa.lanes(problem.element) as f64;
    let vectors = |channels: usize| (channels as f64 / lanes).ceil();
    let [inputs, outputs] = [vectors(problem.group_in), vectors(problem.group_out)];
    let groups = shape.items as f64;
    let (points, tiles) = (shape.points as f64, shape.tiles as f64 * groups);
    let (tasks, parts) = (shape.tasks as f64, shape.parts as f64);

    let steps = points * problem.group_in as f64 * outputs * tiles;
    let products = steps / (Constants::vector_rate(problem) * EFFICIENCY);
    let blocks = points * (outputs / 4.0).ceil() * (problem.group_in as f64 / 128.0).ceil();
    let calls = blocks * (tasks * TILE + tiles / 6.0 * TILE);
    let size = problem.element.size() as f64;
    let kernel = points * problem.group_in as f64 * outputs * lanes * size;
    let per_cycle = if kernel <= machine.l2 as f64 / 2.0 { 40.0 } else { 8.0 };
    let streaming = tasks * kernel / per_cycle;
    // Transformed values that do not stay in cache are written and read again.
    let spilled =
        if shape.task_bytes > machine.l2 { 2.0 * tasks * shape.task_bytes as f64 / 12.0 } else { 0.0 };

    let transforms = tiles * points * (inputs * INPUT * parts + outputs * OUTPUT) + tiles * parts * TILE;
    let planar = |layout: Layout, vectors: f64| match layout {
        Layout::Nchw => problem.output_plane() as f64 * groups * vectors * lanes * TRANSPOSE,
        Layout::Nhwc => 0.0,
    };
    let transposed =
        planar(problem.conv.input_layout, inputs * 1.3 * parts) + planar(problem.conv.output_layout, outputs);
    let total = (products + calls).max(streaming) + 0.3 * (products + calls).min(streaming);
    let total = total + spilled + transforms + transposed + TASK * tasks * parts;
    total / Constants::CLOCK
}
