//! What the depthwise tiles cost. Fitted on 2026-11-21 on an Intel Xeon (Emerald Rapids), one thread, operands at cache
//! lines, by `cargo bench --bench cases -- --file benches/cases/mobilenet.txt --layout nhwc --strategy all --only
//! groups=`, and the same for nchw.

use super::{Constants, Machine};
use crate::conv::{Border, Borders, Layout};
use crate::problem::{Axis, Problem};

/// How the work is cut.
pub(crate) struct DepthwiseShape {
    pub(crate) lanes: usize,
    /// Values copied for an item, where the input is not used in place, rounded up to vectors.
    pub(crate) copied: f64,
    /// Tasks of an item.
    pub(crate) tasks: usize,
}

/// Cycles of a multiply-add of vectors where taps share their inputs and stay in registers, where they share them, and
/// where each loads its own.
const SHARED: f64 = 0.65;
const LONG: f64 = 0.8;
const GENERAL: f64 = 1.1;
/// The same besides, for dealing a vector of inputs out to its lanes: those of narrow tiles serve fewer taps.
const DEAL: f64 = 0.3;
const DEAL_STRIDED: f64 = 0.8;
/// Cycles of the rest of a vector of outputs, and more where it is not whole.
const OUTPUT: f64 = 2.5;
const PART: f64 = 3.0;
/// Cycles to copy a value with channels innermost, and with channels outermost.
const COPY: f64 = 0.15;
const TRANSPOSE: f64 = 0.45;
/// Most taps of an axis that are looked at.
const MOST_TAPS: usize = 64;
/// How much of the waiting for memory beyond the second-level cache is not hidden.
const BESIDE: f64 = 0.8;
/// Cycles of a task, and of a row of four vectors.
const TASK: f64 = 200.0;
const ROW: f64 = 70.0;

/// Predicted seconds.
pub(crate) fn depthwise_seconds(problem: &Problem, machine: &Machine, shape: &DepthwiseShape) -> f64 {
    let channels = problem.conv.channels_out;
    let vectors = channels.div_ceil(shape.lanes) as f64;
    let outputs = vectors * problem.output_plane() as f64;
    let is_whole = channels.is_multiple_of(shape.lanes);
    let is_dealt = problem.group_in > 1 || problem.group_out > 1;
    let parts = if is_whole || is_dealt { 0.0 } else { PART * problem.output_plane() as f64 };
    let products = problem.products() as f64 * products_inside(problem);
    let compute = outputs * (products * step(problem, machine) + OUTPUT) + parts;
    let rows = problem.rows.output as f64 * (vectors / 4.0).ceil();
    let calls = rows * ROW + shape.tasks as f64 * TASK;

    let copies = copies(problem, shape, outputs);
    let memory = Constants::memory(problem, machine) / problem.batch().max(1) as f64;
    let is_far = Constants::is_far(problem, machine);
    let work = compute + copies;
    let cycles = calls + if is_far { memory.max(work + BESIDE * memory) } else { work.max(memory) };
    (problem.batch() as f64 * cycles + Constants::CALL) / Constants::CLOCK
}

/// Seconds that it takes at least: those of everything but products and copies.
pub(crate) fn depthwise_least_seconds(problem: &Problem) -> f64 {
    let vectors = problem.conv.channels_out.div_ceil(problem.isa.lanes(problem.element)) as f64;
    let rows = problem.rows.output as f64 * (vectors / 4.0).ceil();
    let outputs = vectors * problem.output_plane() as f64;
    (problem.batch() as f64 * (rows * ROW + outputs * OUTPUT) + Constants::CALL) / Constants::CLOCK
}

/// The share of the products that do not lie over a border of zeros.
fn products_inside(problem: &Problem) -> f64 {
    let Borders { top, bottom, left, right } = problem.conv.border;
    let share = |axis: &Axis, borders: [Border; 2]| {
        let is_zero = |index: usize| borders[index] == Border::Zero;
        let outputs = axis.output.max(1) as f64;
        let from = |column: usize| (column.div_ceil(axis.stride) as f64).min(outputs);
        let inside = |tap: usize| {
            let first = if is_zero(0) { from(axis.before.saturating_sub(tap * axis.dilation)) } else { 0.0 };
            let end = (axis.before + axis.input).saturating_sub(tap * axis.dilation);
            let end = if is_zero(1) { from(end) } else { outputs };
            (end - first).max(0.0)
        };
        // Of long kernels, some taps stand for all.
        let step = axis.taps.div_ceil(MOST_TAPS).max(1);
        let taps = (0..axis.taps).step_by(step);
        let count = taps.len() as f64;
        taps.map(inside).sum::<f64>() / (count * outputs)
    };
    share(&problem.rows, [top, bottom]) * share(&problem.columns, [left, right])
}

/// Cycles of a multiply-add of vectors.
fn step(problem: &Problem, machine: &Machine) -> f64 {
    let columns = &problem.columns;
    let is_shared =
        matches!((columns.taps, columns.stride), (3 | 5 | 7, 1) | (3 | 5, 2)) && columns.dilation == 1;
    let is_dealt = problem.group_in > 1 || problem.group_out > 1;
    let multiply_add = match (columns.taps, columns.stride, columns.dilation) {
        _ if is_shared => SHARED,
        (2.., 1, 1) => LONG,
        _ => GENERAL,
    };
    let deal = match () {
        () if !is_dealt => 0.0,
        () if columns.stride == 1 => DEAL,
        () => DEAL_STRIDED,
    };
    let fused = if problem.isa.is_fused() { 1.0 } else { 2.0 };
    (multiply_add * fused).max(1.0 / Constants::vector_rate(problem, machine)) + deal
}

/// Cycles to bring inputs into a band, and outputs out of it.
fn copies(problem: &Problem, shape: &DepthwiseShape, outputs: f64) -> f64 {
    let conv = &problem.conv;
    let is_planar = |layout: Layout, channels: usize| layout == Layout::Nchw && channels > 1;
    let from_planes = is_planar(conv.input_layout, conv.channels_in);
    let to_planes = is_planar(conv.output_layout, conv.channels_out);
    let written = if to_planes { outputs * shape.lanes as f64 * TRANSPOSE } else { 0.0 };
    let borders = conv.border;
    let are_zero =
        [borders.top, borders.bottom, borders.left, borders.right].iter().all(|b| *b == Border::Zero);
    let (rows, columns) = (&problem.rows, &problem.columns);
    let padding = rows.before + rows.after + columns.before + columns.after;
    // Where only the edges go through a band, those of a small plane are much of it.
    let edges = if are_zero { 0 } else { padding };
    let edges = (edges as f64 / (rows.output + columns.output).max(1) as f64).min(1.0);
    let share = if from_planes || to_planes { 1.0 } else { edges };
    written + shape.copied * share * if from_planes { TRANSPOSE } else { COPY }
}
