//! What the passes of `separable` cost. Fitted on 2026-11-21 on an Intel Xeon (Emerald Rapids), one thread, AVX-512, by
//! `cargo bench --bench cases -- --file benches/cases/separable.txt --strategy all`.

use super::{Constants, Machine};
use crate::conv::{Border, Layout};
use crate::problem::Problem;

/// How the work is cut.
pub(crate) struct SeparableShape {
    /// Products of a column and a row that are summed.
    pub(crate) terms: usize,
    /// Whether planes are taken side by side.
    pub(crate) is_interleaved: bool,
    /// Values that are summed along columns for each plane.
    pub(crate) inputs: f64,
    pub(crate) tasks: usize,
}

/// Share of the multiply-add limit that the pass along columns reaches.
const COLUMNS: f64 = 0.95;
/// Cycles of a multiply-add along a row with a load of its own, and the share of that for each further one that shares
/// the load.
const LOAD: f64 = 0.75;
const SHARED: f64 = 0.55;
/// Cycles of a vector of sums besides, and of one of outputs.
const SUM: f64 = 1.0;
const OUTPUT: f64 = 2.0;
/// Cycles to read a value of a row that cannot be read in place, and to write one that has no neighbours.
const GATHER: f64 = 1.5;
const SCATTER: f64 = 1.5;
/// Cycles to deal a value out to the phases of a stride.
const DEAL: f64 = 1.0;
/// Bytes that memory beyond the second-level cache moves in a cycle beside all this.
const BYTES: f64 = 15.0;
/// Cycles of a task, of a tile, of a row that is copied, and of a value of it.
const TASK: f64 = 400.0;
const TILE: f64 = 250.0;
const ROW: f64 = 40.0;
const COPY: f64 = 0.4;

/// Predicted seconds.
pub(crate) fn separable_seconds(problem: &Problem, machine: &Machine, shape: &SeparableShape) -> f64 {
    let planes = (problem.batch() * problem.conv.channels_out) as f64;
    let lanes = problem.isa.lanes(problem.element) as f64;
    let rate = Constants::vector_rate(problem);
    let (rows, columns) = (&problem.rows, &problem.columns);
    let terms = shape.terms as f64;
    let outputs = problem.output_plane() as f64;

    let sums = terms * (shape.inputs / lanes) * (rows.taps as f64 / (rate * COLUMNS) + SUM);
    let dealt = if columns.stride > 1 { terms * shape.inputs * DEAL } else { 0.0 };
    let per_vector = row_cycles(problem, shape, lanes, rate);
    let results = (outputs / lanes) * (terms * per_vector + OUTPUT);

    let strided =
        |layout: Layout, channels: usize| layout == Layout::Nhwc && channels > 1 && !shape.is_interleaved;
    let inputs = problem.rows.input as f64 * columns.input as f64;
    let gathered =
        if strided(problem.conv.input_layout, problem.conv.channels_in) { inputs * GATHER } else { 0.0 };
    let scattered =
        if strided(problem.conv.output_layout, problem.conv.channels_out) { outputs * SCATTER } else { 0.0 };
    let edges = edges(problem);

    let bytes = (inputs + outputs) * problem.element.size() as f64;
    let waiting = if planes * bytes > machine.l2 as f64 { bytes / BYTES } else { 0.0 };
    let tiles = (rows.output as f64 / 8.0).ceil() * TILE;
    let plane = sums + dealt + results + gathered + scattered + edges + waiting + tiles;
    (planes * plane + shape.tasks as f64 * TASK) / Constants::CLOCK
}

/// Cycles of the taps of a row for a vector of outputs.
fn row_cycles(problem: &Problem, shape: &SeparableShape, lanes: f64, rate: f64) -> f64 {
    let columns = &problem.columns;
    let taps = columns.taps as f64;
    let load = LOAD.max(1.0 / rate);
    if columns.stride > 1 || columns.dilation > 1 || shape.is_interleaved {
        return taps * load;
    }
    let shared = (taps / lanes).clamp(1.0, 4.0);
    taps * (load * (1.0 + (shared - 1.0) * SHARED) / shared).max(1.0 / rate)
}

/// Cycles to copy what lies under the edges.
fn edges(problem: &Problem) -> f64 {
    let (rows, columns) = (&problem.rows, &problem.columns);
    let is_constant = |border: Border| matches!(border, Border::Zero | Border::Constant(_));
    let factor = if is_constant(problem.conv.border.left) && is_constant(problem.conv.border.right) {
        1.0
    } else {
        4.0
    };
    let beside = (columns.before + columns.after) as f64;
    let outside = (rows.before + rows.after) as f64;
    rows.input as f64 * (2.0 * ROW + beside * COPY * factor)
        + outside * (2.0 * ROW + columns.input as f64 * COPY)
}
