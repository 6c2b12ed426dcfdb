//! What the passes of `separable` cost. Fitted on 2026-11-21 on an Intel Xeon (Emerald Rapids), one thread, AVX-512, by
//! `cargo bench --bench cases -- --file benches/cases/separable.txt`, and `boxes.txt` for taps that are all alike;
//! `BYTES`, `BYTES_AT_ONCE`, `BOTH`, `BY_COLUMN` and `ROW` on 2026-11-22 on an AMD EPYC (Zen 5); `ROW_AT_ONCE`,
//! `ROW_BY_COLUMNS`, `FOLDED` and `FOLDED_BOTH` on 2026-11-23 on an AMD EPYC (Zen 4).

use super::planes::few_taps;
use super::{Constants, Machine};
use crate::conv::Layout;
use crate::microkernel::row_pass::Sharing;
use crate::problem::Problem;

/// How the work is cut.
pub(crate) struct SeparableShape {
    /// Products of a column and a row that are summed.
    pub(crate) terms: usize,
    /// Whether planes are taken side by side.
    pub(crate) is_interleaved: bool,
    /// Whether rows have the tile of few taps.
    pub(crate) has_few_taps: bool,
    /// Else, which of them share loads.
    pub(crate) sharing: Option<Sharing>,
    /// Whether both sums are taken at once, and whether there is one along columns for each column of the kernel.
    pub(crate) is_at_once: bool,
    pub(crate) is_by_columns: bool,
    /// Whether inputs under equal taps of a column, and of a row, are added in pairs.
    pub(crate) folds: [bool; 2],
    /// Whether equal taps of columns, and of rows, are summed first.
    pub(crate) is_level: [bool; 2],
    /// For such rows: outputs that are summed at once, and the values under them.
    pub(crate) piece: usize,
    pub(crate) work: usize,
    /// Output rows of a tile, and input rows from one to the next.
    pub(crate) tile: usize,
    pub(crate) step: usize,
    /// Whether input rows are asked for ahead of time.
    pub(crate) asks_ahead: bool,
    /// Values that are summed along columns for each plane.
    pub(crate) inputs: f64,
    pub(crate) tasks: usize,
}

/// Shares of the multiply-add limit that both passes reach.
const COLUMNS: f64 = 1.05;
const ROWS: f64 = 0.89;
/// Cycles of a multiply-add along a row with a load of its own, most of which cross a cache line; and of planes side by
/// side, of which some do not.
const LOAD: f64 = 1.25;
const SIDE: f64 = 1.09;
/// Where both sums are taken at once: cycles of a tap along columns and one along rows, and what a vector of outputs
/// takes besides.
const BOTH: f64 = 1.0;
const BOTH_VECTOR: f64 = 1.2;
/// What is left of the cycles of taps where inputs under equal ones are added in pairs: along columns, and of both at
/// once.
const FOLDED: f64 = 0.56;
const FOLDED_BOTH: f64 = 0.62;
/// Where both are taken at once with a sum for each column: cycles to put a vector of it to the others.
const BY_COLUMN: f64 = 0.2;
/// Cycles to load a vector and to store it at least.
const MOVE: f64 = 3.0;
/// Where equal taps are summed first: cycles to add a vector of an input row, and what an output takes besides; of each
/// pass over a row, of adding one value more in it, and what an output takes besides.
const ADD: f64 = 2.0;
const PASS: f64 = 2.2;
const ODD: f64 = 1.0;
const LAST: f64 = 4.0;
/// Factor to passes that leave the first-level cache.
const SLOWER: f64 = 1.8;
/// Cycles to read a value of a row that cannot be read in place, and to write one that has no neighbours.
const GATHER: f64 = 1.5;
const SCATTER: f64 = 1.5;
/// Cycles to deal a value out to the phases of a stride.
const DEAL: f64 = 1.0;
/// Bytes that memory beyond the second-level cache moves in a cycle: where both sums are taken at once, where the next
/// input rows are asked for ahead of time, and where they are not; also where there is a sum for each column, one row
/// at a time, and the planes exceed the last cache.
const BYTES_AT_ONCE: f64 = 24.0;
const BYTES: f64 = 12.0;
const LATE_BYTES: f64 = 8.35;
/// How much of the shorter of computing and waiting for memory is not hidden behind the other.
const BESIDE: f64 = 0.36;
/// Cycles of a task, and of a tile, however few rows it has.
const TASK: f64 = 400.0;
const TILE: f64 = 400.0;
const LEAST_TILE: usize = 8;
/// Cycles of a row for what its borders repeat, and of a value of that; where both sums are taken at once, for all that
/// surrounds its loop, with one sum along columns and with a sum for each; of a value of a row of constants.
const ROW: f64 = 10.0;
const ROW_AT_ONCE: f64 = 15.0;
const ROW_BY_COLUMNS: f64 = 25.0;
const REPEAT: f64 = 1.0;
const COPY: f64 = 0.4;

/// Predicted seconds.
pub(crate) fn separable_seconds(problem: &Problem, machine: &Machine, shape: &SeparableShape) -> f64 {
    let planes = (problem.batch() * problem.conv.channels_out) as f64;
    let lanes = problem.isa.lanes(problem.element) as f64;
    let terms = if shape.is_by_columns { 1.0 } else { shape.terms as f64 };
    let outputs = problem.output_plane() as f64;
    let inputs = problem.rows.input as f64 * problem.columns.input as f64;

    let column = column_cycles(problem, machine, shape);
    let dealt = if problem.columns.stride > 1 { lanes * DEAL } else { 0.0 };
    let sums = if shape.is_at_once { 0.0 } else { terms * shape.inputs / lanes * (column + dealt) };
    let results = terms * outputs / lanes * row_cycles(problem, machine, shape);
    let tiles = (problem.rows.output as f64 / shape.tile.max(LEAST_TILE) as f64).ceil();
    let tiles = if shape.is_at_once { 0.0 } else { tiles * TILE };
    let compute = sums + results + tiles + edges(problem, shape) + strided(problem, shape, [inputs, outputs]);

    let bytes = (inputs + outputs) * problem.element.size() as f64;
    let is_beyond = planes * bytes > 0.75 * machine.l3 as f64;
    let rate = match shape {
        _ if shape.is_by_columns && is_beyond => LATE_BYTES,
        _ if shape.is_at_once => BYTES_AT_ONCE,
        _ if shape.asks_ahead => BYTES,
        _ => LATE_BYTES,
    };
    let waiting = if planes * bytes > machine.l2 as f64 { bytes / rate } else { 0.0 };
    let plane = compute.max(waiting) + BESIDE * compute.min(waiting);
    (planes * plane + shape.tasks as f64 * TASK) / Constants::CLOCK
}

/// Cycles of the taps of a column for a vector of sums.
fn column_cycles(problem: &Problem, machine: &Machine, shape: &SeparableShape) -> f64 {
    let taps = problem.rows.taps as f64;
    if shape.is_level[0] {
        // What the rows of a tile share, and what lies above and below for each.
        return MOVE + ADD * (taps / shape.tile as f64 + 2.0 * shape.step as f64);
    }
    let folded = if shape.folds[0] { FOLDED } else { 1.0 };
    MOVE.max(taps * folded / (Constants::vector_rate(problem, machine) * COLUMNS))
}

/// Cycles of the taps of a row for a vector of outputs, with those of columns if both are taken at once.
fn row_cycles(problem: &Problem, machine: &Machine, shape: &SeparableShape) -> f64 {
    let columns = &problem.columns;
    let taps = columns.taps as f64;
    let rate = Constants::vector_rate(problem, machine);
    if shape.is_by_columns {
        return taps * (problem.rows.taps as f64 / rate + BY_COLUMN) + BOTH_VECTOR;
    }
    if shape.is_at_once {
        let folded = if shape.folds[1] { FOLDED_BOTH } else { 1.0 };
        return taps * folded * BOTH.max(2.0 / rate) + BOTH_VECTOR;
    }
    if shape.is_level[1] {
        let (passes, digits) = (columns.taps.ilog2(), columns.taps.count_ones());
        let halo = shape.work as f64 / shape.piece.max(1) as f64;
        // Values and their sums.
        let bytes = 2 * shape.work * problem.element.size();
        let slower = if bytes > machine.l1 { SLOWER } else { 1.0 };
        return LAST + (PASS * f64::from(passes) + ODD * f64::from(digits - 1)) * halo * slower;
    }
    if shape.has_few_taps && Constants::fills_lines(problem) {
        return few_taps(taps, rate);
    }
    let loads = shape.sharing.map_or(1.0, |sharing| sharing.loads(columns.taps));
    let load = if shape.is_interleaved { SIDE } else { LOAD };
    let multiply_add = 1.0 / (rate * ROWS);
    let halved = Constants::UNITS / Constants::loads(problem, machine);
    taps * multiply_add.max(load * halved * loads)
}

/// Cycles to read and write what has no neighbours, planes being taken one by one.
fn strided(problem: &Problem, shape: &SeparableShape, [inputs, outputs]: [f64; 2]) -> f64 {
    let is_strided =
        |layout: Layout, channels: usize| layout == Layout::Nhwc && channels > 1 && !shape.is_interleaved;
    let gathered = is_strided(problem.conv.input_layout, problem.conv.channels_in);
    let scattered = is_strided(problem.conv.output_layout, problem.conv.channels_out);
    (if gathered { inputs * GATHER } else { 0.0 }) + if scattered { outputs * SCATTER } else { 0.0 }
}

/// Cycles of what lies under the edges.
fn edges(problem: &Problem, shape: &SeparableShape) -> f64 {
    let (rows, columns, borders) = (&problem.rows, &problem.columns, problem.conv.border);
    let beside = (columns.before + columns.after) as f64;
    let outside = [(rows.before, borders.top), (rows.after, borders.bottom)];
    let copied: usize = outside.iter().filter(|(_, border)| border.is_constant()).map(|(rows, _)| rows).sum();
    let row = match shape {
        _ if shape.is_by_columns => ROW_BY_COLUMNS,
        _ if shape.is_at_once => ROW_AT_ONCE,
        _ => ROW + beside * REPEAT,
    };
    rows.output as f64 * row + copied as f64 * columns.input as f64 * COPY
}
