//! What Winograd's minimal filtering costs.

use super::{Constants, Machine};
use crate::conv::Layout;
use crate::problem::Problem;

/// How the work is cut.
pub(crate) struct WinogradShape {
    /// Multiplications of a tile for each pair of channels: points of all pieces of the kernel.
    pub(crate) products: usize,
    /// Points of its families, for which products add up, and how many families there are.
    pub(crate) sums: usize,
    pub(crate) families: usize,
    /// Pieces of all families.
    pub(crate) pieces: usize,
    /// Groups of channels of all items.
    pub(crate) items: usize,
    /// Tiles of one of them.
    pub(crate) tiles: usize,
    /// Groups of tiles in all, and parts of the output channels, each of which transforms the inputs anew.
    pub(crate) tasks: usize,
    pub(crate) parts: usize,
    /// Whether planes of inputs are transposed by whole rows.
    pub(crate) is_dense: bool,
    /// Transformed values of a task.
    pub(crate) task_bytes: usize,
}

/// Share of the multiply-add limit that the products reach.
const EFFICIENCY: f64 = 0.9;
/// Cycles of the transforms for each point of a vector of channels.
const INPUT: f64 = 6.0;
const OUTPUT: f64 = 5.0;
/// Cycles to transpose a value.
const TRANSPOSE: f64 = 0.85;
/// The same to planes that do not stay in the second-level cache.
const SPREAD: f64 = 2.0;
/// Cycles to add a value to what a plane holds, for a family after the first.
const ADD: f64 = 2.0;
/// Cycles to read a value of a plane by itself, and of channels that do not fill a vector.
const GATHER: f64 = 5.0;
const FEW: f64 = 2.0;
/// Cycles to copy a pixel at the edges, where the channels of other groups lie between.
const PIXEL: f64 = 8.0;
/// Cycles of a call of a tile in a product, and of one in a transform.
const TILE: f64 = 25.0;
const TRANSFORM: f64 = 115.0;
/// Bytes of transformed values that are written and read again in a cycle, where they do not stay in cache.
const SPILLED: f64 = 11.5;
const TASK: f64 = 500.0;

/// Predicted seconds.
pub(crate) fn winograd_seconds(problem: &Problem, machine: &Machine, shape: &WinogradShape) -> f64 {
    let lanes = problem.isa.lanes(problem.element) as f64;
    let vectors = |channels: usize| (channels as f64 / lanes).ceil();
    let [inputs, outputs] = [vectors(problem.group_in), vectors(problem.group_out)];
    let groups = shape.items as f64;
    let tiles = shape.tiles as f64 * groups;
    let (points, sums, families) = (shape.products as f64, shape.sums as f64, shape.families as f64);
    let (tasks, parts) = (shape.tasks as f64, shape.parts as f64);

    let steps = points * problem.group_in as f64 * outputs * tiles;
    let products = steps / (Constants::vector_rate(problem, machine) * EFFICIENCY);
    let blocks = (outputs / 4.0).ceil() * (points * problem.group_in as f64 / 128.0).max(sums);
    let calls = blocks * (tasks * TILE + tiles / 6.0 * TILE);
    let size = problem.element.size() as f64;
    let kernel = points * problem.group_in as f64 * outputs * lanes * size;
    // What stays in cache until the next call: all, if the kernels of all groups fit beside the transformed values.
    let l2 = machine.l2 as f64;
    let kernels = kernel * problem.groups() as f64;
    let near = 1.0 - ((kernels + shape.task_bytes as f64 - l2 / 2.0) / l2).clamp(0.0, 1.0);
    let streaming = tasks * Constants::kernel_cycles(kernel, near);
    let spilled =
        if shape.task_bytes > machine.l2 { 2.0 * tasks * shape.task_bytes as f64 / SPILLED } else { 0.0 };

    let calls_of_tile = (shape.pieces as f64 + families) * parts * TRANSFORM;
    let transforms = tiles * (points * inputs * INPUT * parts + sums * outputs * OUTPUT + calls_of_tile);
    let total = products + calls + streaming + spilled + transforms + transposing(problem, machine, shape);
    (total + TASK * tasks * parts) / Constants::CLOCK
}

/// Outputs of the largest tile, and the least share of the multiply-adds that is left: F(4x4, 3x3).
const MOST_OUTPUTS: usize = 16;
const LEAST_LEFT: f64 = 0.25;

/// Seconds that it takes at least: those of products, and of calls for each tile.
pub(crate) fn winograd_least_seconds(problem: &Problem, machine: &Machine) -> f64 {
    let products = LEAST_LEFT * problem.multiply_adds() / Constants::channels_peak(problem, machine);
    let items = (problem.batch() * problem.groups()) as f64;
    let tiles = items * problem.output_plane().div_ceil(MOST_OUTPUTS) as f64;
    (products + tiles * 2.0 * TRANSFORM) / Constants::CLOCK
}

/// The part of the tiles that reach beyond the input, as if there were as many rows of them as columns.
fn edges(problem: &Problem, shape: &WinogradShape) -> f64 {
    if problem.rows.before + problem.rows.after + problem.columns.before + problem.columns.after == 0 {
        return 0.0;
    }
    let side = (shape.tiles as f64).sqrt().max(1.0);
    1.0 - ((side - 2.0).max(0.0) / side).powi(2)
}

/// Cycles to transpose inputs and outputs where channels are not innermost.
fn transposing(problem: &Problem, machine: &Machine, shape: &WinogradShape) -> f64 {
    let lanes = problem.isa.lanes(problem.element) as f64;
    let whole = |channels: usize| (channels as f64 / lanes).ceil() * lanes;
    let [inputs, outputs] = [whole(problem.group_in), whole(problem.group_out)];
    let strides = problem.rows.stride as f64 * problem.columns.stride as f64;
    let pixels = problem.output_plane() as f64 * shape.items as f64;
    let patches = shape.tiles as f64 * shape.items as f64 * shape.products as f64;
    let parts = shape.parts as f64;
    let from_planes = match problem.conv.input_layout {
        Layout::Nchw if shape.is_dense => pixels * strides * inputs * 1.3 * TRANSPOSE * parts,
        Layout::Nchw => patches * problem.group_in as f64 * GATHER * parts,
        Layout::Nhwc if problem.group_in < problem.isa.lanes(problem.element) => {
            patches * problem.group_in as f64 * FEW
        }
        Layout::Nhwc if problem.groups() > 1 => patches * edges(problem, shape) * PIXEL,
        Layout::Nhwc => 0.0,
    };
    let written = pixels * outputs;
    let to_planes = match problem.conv.output_layout {
        Layout::Nchw => {
            let is_far = written * problem.element.size() as f64 > machine.l2 as f64;
            written * (if is_far { SPREAD } else { TRANSPOSE } + (shape.families as f64 - 1.0) * ADD)
        }
        Layout::Nhwc => 0.0,
    };
    from_planes + to_planes
}
