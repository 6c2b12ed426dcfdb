//! What the tiles with lanes along the window cost. Fitted on 2026-11-21 on an Intel Xeon (Emerald Rapids), one thread,
//! by `cargo bench --bench cases -- --file FILE --strategy all` over layers of few output channels, in either layout.

use super::channels::copying;
use super::{Constants, Machine};
use crate::problem::Problem;

/// How the work is cut.
pub(crate) struct DotShape {
    /// Rectangles of an item's group, the pixels of one, and the values copied for it.
    pub(crate) rectangles: usize,
    pub(crate) pixels: usize,
    pub(crate) copied: usize,
    /// Vectors of a window.
    pub(crate) vectors: usize,
    /// Panels of output channels, and most pixels of a tile of one.
    pub(crate) panels: usize,
    pub(crate) tile: usize,
}

/// Share of the limits of multiply-adds and of loads that the tiles reach.
const EFFICIENCY: f64 = 0.9;
/// Loads of vectors in a cycle from the second-level cache.
const FAR_LOADS: f64 = 1.1;
/// Cycles of a multiply-add until its sum can be added to.
const LATENCY: f64 = 4.0;
/// Cycles to add up the lanes of a vector of sums, for each of them, and to write the totals.
const FOLD: f64 = 2.0;
/// Cycles to begin and end a tile.
const TILE: f64 = 15.0;
/// Cycles of a task, and of a pixel's pointers in it.
const TASK: f64 = 300.0;
const PIXEL: f64 = 2.0;
/// Share of the time that a kernel takes from beyond the second-level cache, which computing does not hide.
const EXPOSED: f64 = 0.5;

/// Predicted seconds.
pub(crate) fn dot_seconds(problem: &Problem, machine: &Machine, shape: &DotShape) -> f64 {
    let groups = (problem.batch() * problem.groups()) as f64;
    let (pixels, tasks) = (problem.output_plane() as f64, shape.rectangles as f64);
    let panels = shape.panels as f64;
    let channels = problem.group_out as f64 / panels;
    let in_tile = shape.tile.min(shape.pixels).max(1) as f64;

    let products = channels * in_tile / Constants::vector_rate(problem, machine);
    let is_near = bytes_of_tile(problem, channels, in_tile) <= machine.l1 as f64;
    let near = Constants::loads(problem, machine);
    let loads = (channels + in_tile) / if is_near { near } else { FAR_LOADS.min(near) };
    let steps = shape.vectors as f64 * (products.max(loads) / EFFICIENCY).max(LATENCY);
    let tile = steps + FOLD * channels * in_tile + TILE;
    let compute = pixels * (panels * tile / in_tile + PIXEL);

    let vector = (problem.isa.lanes(problem.element) * problem.element.size()) as f64;
    let weights = shape.vectors as f64 * vector * problem.group_out as f64;
    let is_streamed = weights > machine.l2 as f64 / 2.0;
    let streaming = if is_streamed { tasks * Constants::kernel_cycles(weights, 0.0) } else { 0.0 };
    let copies = copying(problem, shape.copied as f64 * tasks);
    let total = (compute + EXPOSED * streaming + copies + TASK * tasks) * groups;
    Constants::beside_memory(problem, machine, total) / Constants::CLOCK
}

/// Weights and inputs that a tile reads; inputs of neighbouring pixels are the same but for dilated columns.
fn bytes_of_tile(problem: &Problem, channels: f64, pixels: f64) -> f64 {
    let columns = &problem.columns;
    let [taps, stride, extent] = [columns.taps, columns.stride, columns.extent].map(|size| size as f64);
    let in_row = (taps * pixels).min((pixels - 1.0) * stride + extent);
    let inputs = problem.rows.taps as f64 * in_row * problem.group_in as f64;
    (channels * problem.products() as f64 + inputs) * problem.element.size() as f64
}
