//! What the tiles with lanes along columns cost: multiply-adds and loads that a tile issues, memory, and copies at the
//! edges. Fitted on 2026-11-21 on an Intel Xeon (Emerald Rapids), one thread, by `cargo bench --bench cases -- --file
//! FILE --strategy direct` over `benches/cases/images.txt`, `signals.txt` and `basic.txt`.

use super::{Constants, Machine};
use crate::conv::Layout;
use crate::problem::Problem;

/// How the work is cut.
pub(crate) struct PlanesShape {
    /// Planes that are filtered each by itself, and the output rows of one.
    pub(crate) planes: usize,
    pub(crate) rows: usize,
    /// Values in a column: the channels of interleaved pixels, else one.
    pub(crate) pixel: usize,
    /// Vectors of weights for a tap; 0 if they are broadcast.
    pub(crate) period: usize,
    /// Sweeps of tap rows.
    pub(crate) sweeps: usize,
    /// Rows of a task, and tasks of one row.
    pub(crate) block: usize,
    pub(crate) tasks: usize,
    /// Taps of a row to the next that shares its loads; 0 if there are none.
    pub(crate) tap_period: usize,
    /// Whether the planes are signals, whether these have the tile of few taps, and whether even and odd inputs of them
    /// are dealt out.
    pub(crate) is_signal: bool,
    pub(crate) has_few_taps: bool,
    pub(crate) is_paired: bool,
    /// Whether the ends of rows are masked rather than copied.
    pub(crate) ends_are_masked: bool,
}

/// Rows of a tile that share loads, vectors of a tile of one row, and its most taps that share loads.
const SHARED_ROWS: usize = 4;
const ROW_VECTORS: f64 = 10.0;
/// Tap rows that there are loops for where there are 32 registers.
const SMALL: [usize; 3] = [3, 5, 7];
const PHASES: usize = 4;
/// Cycles to begin a row of taps in a tile of one row, and to begin and end such a tile.
const TAP_ROW: f64 = 3.0;
const TILE: f64 = 20.0;
/// Cycles to go on to the next tap column in a tile of several rows, unless their number is built in, and to begin and
/// end such a tile; for each of the vectors side by side.
const TAP_COLUMN: f64 = 1.75;
const SHARED_TILE: f64 = 12.0;
/// Cycles of a multiply-add until its sum can be added to.
const LATENCY: f64 = 4.0;
/// What multiply-adds and loads take in practice, relative to the least.
const SLACK: f64 = 1.08;
/// Bytes that the second-level cache moves in a cycle.
const L2_BYTES: f64 = 24.0;
/// Bytes that memory beyond it moves in a cycle: rows follow each other in few streams.
const MEMORY_BYTES: f64 = 12.0;
/// How much of the shorter of computing and waiting for memory is not hidden behind the longer: tiles of several rows
/// ask for their inputs ahead of time.
const BESIDE: f64 = 0.7;
const SHARED_BESIDE: f64 = 0.15;
/// What is left of a step of one phase where some of its inputs are shifted together in registers.
const SHIFTED: f64 = 0.75;
/// Cycles of a call, of a task, and of a read through the window; to copy a value, and to gather one.
const CALL: f64 = 250.0;
const TASK: f64 = 300.0;
const READ: f64 = 28.0;
const COPY: f64 = 0.12;
/// Cycles of an end of a row that is masked.
const MASKED: f64 = 8.0;
const GATHER: f64 = 1.1;
/// Cycles of a task of a signal, with its ends.
const SIGNAL: f64 = 100.0;
/// Cycles of a multiply-add of vectors where inputs are dealt out, and of a vector of outputs besides.
const PAIRED: f64 = 0.58;
const DEALT: f64 = 3.0;
/// Cycles of a multiply-add of vectors where lanes are shifted for few taps, and of a vector of outputs besides; fitted
/// on 2026-11-22 on an AMD EPYC (Zen 5).
const FEW: f64 = 0.72;
const FEW_VECTOR: f64 = 1.5;
/// Share of the multiply-add limit that such loops, and those where inputs are dealt out, reach at most; fitted on
/// 2026-11-23 on an AMD EPYC (Zen 4).
const DENSE: f64 = 0.9;
/// Cycles to write one result where results are not neighbours.
const SCATTER: f64 = 3.0;

/// Cycles of a vector of outputs where lanes are shifted for few taps.
pub(super) fn few_taps(taps: f64, rate: f64) -> f64 {
    taps * FEW.max(1.0 / (rate * DENSE)) + FEW_VECTOR
}

/// Predicted seconds.
pub(crate) fn planes_seconds(problem: &Problem, machine: &Machine, shape: &PlanesShape) -> f64 {
    let planes = shape.planes as f64;
    let outputs = problem.output_shape().iter().map(|&size| size as f64).product::<f64>();
    let channels = (problem.group_in * problem.group_out) as f64;
    let scattered =
        shape.pixel == 1 && problem.conv.output_layout == Layout::Nhwc && problem.conv.channels_out > 1;
    let scatter = if scattered { outputs * SCATTER } else { 0.0 };
    let compute = planes * channels * compute(problem, machine, shape) + scatter;
    let [read, written] = Constants::bytes(problem);
    let bytes = read * sweeps_over(problem, machine, shape) + written;
    let waiting = bytes / if bytes > machine.l2 as f64 { MEMORY_BYTES } else { L2_BYTES };
    let rows = (shape.rows as f64 / shape.block as f64).ceil();
    let task = if shape.is_signal { SIGNAL } else { TASK };
    let calls = planes * rows * shape.tasks as f64 * task * problem.group_out as f64;
    let call = if shape.is_signal { 0.0 } else { CALL };
    let beside = if shares_rows(problem, shape) { SHARED_BESIDE } else { BESIDE };
    let work = compute.max(waiting) + beside * compute.min(waiting);
    let copies = planes * problem.group_in as f64 * copies(problem, shape);
    (work + copies + calls + call) / Constants::CLOCK
}

/// How often inputs come from beyond the second-level cache: once, or for each output channel of the group where those
/// of a task are too many for it.
fn sweeps_over(problem: &Problem, machine: &Machine, shape: &PlanesShape) -> f64 {
    let rows = &problem.rows;
    let rows = (shape.block as f64 * rows.stride as f64 + rows.extent as f64).min(rows.input as f64);
    let columns = problem.columns.input / shape.tasks.max(1);
    let values = problem.group_in as f64 * rows * columns as f64;
    let is_near = values * problem.element.size() as f64 <= machine.l2 as f64;
    if is_near { 1.0 } else { problem.group_out as f64 }
}

/// Whether output rows share what they load.
fn shares_rows(problem: &Problem, shape: &PlanesShape) -> bool {
    shape.rows > 1 && problem.rows.taps > shape.sweeps
}

/// Whether there is a loop for so many rows of taps.
fn is_small(problem: &Problem, shape: &PlanesShape) -> bool {
    let is_plain = shape.sweeps == 1 && shape.period == 0 && problem.group_in == 1;
    is_plain && problem.isa.registers() >= 32 && SMALL.contains(&problem.rows.taps)
}

/// Cycles of the tiles of one input and output plane.
fn compute(problem: &Problem, machine: &Machine, shape: &PlanesShape) -> f64 {
    let lanes = problem.isa.lanes(problem.element);
    let vectors = (problem.columns.output * shape.pixel).div_ceil(lanes) as f64;
    let rows = shape.rows as f64;
    let taps = problem.rows.taps.div_ceil(shape.sweeps);
    let sweeps = problem.rows.taps as f64 / taps as f64;
    let shares = shares_rows(problem, shape);
    if !shares && shape.period == 0 {
        return rows * problem.rows.taps as f64 * (tap_row(problem, machine, shape, vectors) + TAP_ROW)
            + rows * TILE;
    }
    let wide = match (problem.isa.registers() >= 32, shape.period) {
        (true, 3) => 6.0,
        (false, 3) => 3.0,
        (true, _) => 4.0,
        (false, _) => 2.0,
    };
    let in_tile = if shares { SHARED_ROWS } else { 1 };
    // Under a tile, a tap column meets each input row once, and each weight in every row.
    let loads =
        (taps + in_tile - 1) as f64 * wide * load(problem) + (in_tile * taps * shape.period.max(1)) as f64;
    let multiply_adds = (in_tile * taps) as f64 * wide;
    let turn = if is_small(problem, shape) { 0.0 } else { wide * TAP_COLUMN };
    let column = (multiply_adds / Constants::vector_rate(problem, machine))
        .max(loads / Constants::loads(problem, machine))
        + turn;
    let tile = sweeps * problem.columns.taps as f64 * column + wide * SHARED_TILE;
    (rows / in_tile as f64).ceil() * (vectors / wide).max(0.5).ceil() * tile
}

/// Cycles of a tap row in tiles of one row, over all columns.
fn tap_row(problem: &Problem, machine: &Machine, shape: &PlanesShape, vectors: f64) -> f64 {
    let rate = Constants::vector_rate(problem, machine);
    let loads = Constants::loads(problem, machine);
    let taps = problem.columns.taps;
    let is_shifted = Constants::fills_lines(problem);
    if shape.is_paired {
        return vectors * (taps as f64 * PAIRED.max(1.0 / (rate * DENSE)) + DEALT);
    }
    if shape.has_few_taps && is_shifted {
        return vectors * few_taps(taps as f64, rate);
    }
    let block = PHASES * shape.tap_period;
    let unshared =
        |taps: f64, wide: f64| taps * (wide / rate).max((wide * load(problem) + 1.0) / loads).max(LATENCY);
    let wide_blocks = (vectors / ROW_VECTORS).floor();
    let narrow = vectors - wide_blocks * ROW_VECTORS;
    let rest = if narrow > 0.0 { unshared(taps as f64, narrow) } else { 0.0 };
    // Steps of so many phases in a block of 10 vectors.
    let step = |phases: usize| {
        let shifted = if is_shifted && phases == 1 { SHIFTED } else { 1.0 };
        let phases = phases as f64;
        let loading = ((ROW_VECTORS + phases - 1.0) * load(problem) + phases) / loads;
        shifted * (phases * ROW_VECTORS / rate).max(loading)
    };
    if block == 0 {
        return SLACK * (wide_blocks * unshared(taps as f64, ROW_VECTORS) + rest);
    }
    let (whole, left) = ((taps / block) as f64, taps % block);
    let (phases, more) = (left / shape.tap_period, left % shape.tap_period);
    let of_block = whole * shape.tap_period as f64 * step(PHASES)
        + more as f64 * step(phases + 1)
        + if phases > 0 { (shape.tap_period - more) as f64 * step(phases) } else { 0.0 };
    SLACK * (wide_blocks * of_block + rest)
}

/// Loads that a vector which is not aligned counts for.
fn load(problem: &Problem) -> f64 {
    1.0 + (problem.isa.lanes(problem.element) * problem.element.size()) as f64 / 64.0
}

/// Cycles to copy inputs of one plane: all of them where they cannot be read in place, else what lies under the edges.
fn copies(problem: &Problem, shape: &PlanesShape) -> f64 {
    let (rows, columns) = (&problem.rows, &problem.columns);
    let lanes = problem.isa.lanes(problem.element) as f64;
    let width = columns.output as f64;
    let blocks = (shape.rows as f64 / shape.block as f64).ceil();
    let copied_rows = shape.rows as f64 + blocks * (rows.taps - 1) as f64;
    let is_gathered =
        shape.pixel == 1 && problem.conv.input_layout == Layout::Nhwc && problem.conv.channels_in > 1;
    let is_padded = columns.before + columns.after > 0;
    let pixel = shape.pixel as f64;
    if is_gathered || columns.stride > 1 {
        let segments = columns.stride.min(columns.extent) as f64 * (width / 512.0).ceil();
        return copied_rows * (width * pixel * columns.stride as f64 * GATHER + segments * READ);
    }
    let short = is_padded && width <= lanes * if shape.ends_are_masked { 5.0 } else { 8.0 };
    let edges = if short {
        width
    } else if is_padded {
        2.0 * (lanes + columns.extent as f64).min(width)
    } else {
        0.2 * lanes
    };
    let reads = if short || !is_padded { 1.0 } else { 2.0 };
    let above = if rows.before + rows.after > 0 { (2 * (rows.taps + SHARED_ROWS)) as f64 } else { 0.0 };
    let above = if above > 0.0 { above * (width * pixel * COPY + READ) } else { 0.0 };
    let sides = match () {
        () if !is_padded => 0.0,
        () if shape.ends_are_masked && !short => shape.rows as f64 * reads * MASKED,
        () => copied_rows * (edges * pixel * COPY + reads * READ),
    };
    sides + above
}
