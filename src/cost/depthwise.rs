//! What the depthwise tiles cost.

use super::Constants;
use crate::conv::Layout;
use crate::problem::Problem;

/// How the work is cut.
pub(crate) struct DepthwiseShape {
    pub(crate) lanes: usize,
    /// Values copied for an item, where the input is not used in place.
    pub(crate) copied: f64,
    /// Tasks of an item.
    pub(crate) tasks: usize,
}

/// Cycles of a vector multiply-add, and of the rest of a vector of outputs.
const STEP: f64 = 0.65;
const OUTPUT: f64 = 2.0;
/// Cycles to copy a value with channels innermost, and with channels outermost; to deal one out to its lane.
const COPY: f64 = 0.15;
const TRANSPOSE: f64 = 0.5;
const DEAL: f64 = 1.0;
/// Cycles of a task, and of a row.
const TASK: f64 = 200.0;
const ROW: f64 = 60.0;

/// Predicted seconds.
pub(crate) fn depthwise_seconds(problem: &Problem, shape: &DepthwiseShape) -> f64 {
    let batch = problem.batch() as f64;
    let vectors = problem.conv.channels_out.div_ceil(shape.lanes) as f64;
    let pixels = problem.output_plane() as f64;
    let per_output = problem.products() as f64 * STEP * 2.0 / Constants::vector_rate(problem) + OUTPUT;
    let compute = vectors * pixels * per_output;
    let is_planar = |layout| layout == Layout::Nchw && problem.conv.channels_out > 1;
    let is_dealt = problem.group_in > 1 || problem.group_out > 1;
    let value = match () {
        () if is_dealt => DEAL,
        () if is_planar(problem.conv.input_layout) => TRANSPOSE,
        () if is_planar(problem.conv.output_layout) => COPY,
        () => 0.0,
    };
    let written = vectors * shape.lanes as f64 * pixels;
    let written = if is_planar(problem.conv.output_layout) { written * TRANSPOSE } else { 0.0 };
    let rows = problem.rows.output as f64 * (vectors / 4.0).ceil();
    let total = compute + shape.copied * value + written + rows * ROW + shape.tasks as f64 * TASK;
    (batch * total).max(Constants::memory(problem)) / Constants::CLOCK
}
