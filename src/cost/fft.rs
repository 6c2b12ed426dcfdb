//! What pairs of tiles of `fft` cost, by the loops of this crate. `HALVED`, `HALVED_PLANES`, `BEYOND_NEAR`, `FAR` and
//! `PLANES` were fitted on 2026-11-23 on an AMD EPYC (Zen 4), where each tile that could be taken was timed.

use super::{Constants, Machine};
use crate::conv::Layout;
use crate::microkernel::fft::MOST_PLANES;
use crate::problem::{Axis, Problem};

/// Bytes of a cache line.
const LINE: f64 = 64.0;

/// Shortest transform along an axis that has others beside it.
pub(crate) const SHORTEST_TRANSFORM: usize = 16;

/// Shortest transform of samples that are neighbours in a vector.
pub(crate) fn shortest_line_transform(lanes: usize) -> usize {
    (lanes * lanes).max(64)
}

/// Values of an axis that overlapping tiles cover at least, each as many as `halves` transforms take, and levels of the
/// shortest transform.
fn least_cover(axis: &Axis, shortest: usize, halves: usize) -> [f64; 2] {
    let mut len = axis.extent.max(shortest * halves).next_power_of_two();
    let levels = f64::from((len / halves).ilog2());
    let mut least = f64::INFINITY;
    loop {
        // Zeros at both ends of samples may wrap around.
        if halves > 1 && len >= axis.output {
            return [least.min(len as f64), levels];
        }
        let outputs = len - axis.extent + 1;
        least = least.min(axis.output.div_ceil(outputs) as f64 * len as f64);
        if outputs >= axis.output {
            return [least, levels];
        }
        len *= 2;
    }
}

/// Whether both axes are transformed.
fn is_plane(problem: &Problem) -> bool {
    problem.rows.taps > 1 && problem.columns.taps > 1
}

impl Constants {
    /// Cycles that a vector takes in one level of a transform, there and back, with 32 registers and with fewer.
    const LEVEL_WIDE: f64 = 5.4;
    const LEVEL: f64 = 4.1;
    /// Factor to that where vectors go through the units in halves, along one axis and along both: sums take other units
    /// than products do.
    const HALVED: f64 = 1.5;
    const HALVED_PLANES: f64 = 1.2;
    /// Factor to that where a pair, its kernel and tables take more than half of the second-level cache, and where the
    /// third is near.
    const BEYOND: f64 = 1.45;
    const BEYOND_NEAR: f64 = 1.1;
    /// Factor to transforms that take more than a quarter of the third-level cache, which others use, too.
    const FAR: f64 = 1.6;
    /// Cycles to start a pair of tiles, along one axis and along both.
    const LINES: f64 = 400.0;
    const PLANES: f64 = 2000.0;
    /// Cycles of a value that is read and written through copies, and of a row of them.
    const STAGED: f64 = 0.3;
    const STAGED_ROW: f64 = 18.0;
    /// Cycles of a value read and one written whose neighbours in memory are of other channels, and more where each has
    /// a cache line of its own.
    const STRIDED: f64 = 2.0;
    const OWN_LINE: f64 = 4.5;
    /// Bytes in a cycle of spectra that are written and read again.
    const SPECTRUM_BYTES: f64 = 5.0;
    /// How much of the time that memory takes still counts beside transforms, of planes and of lines, which wait for
    /// the next block when they have done with one.
    const BESIDE: f64 = 0.3;
    const BESIDE_LINES: f64 = 0.7;
    /// Share of the multiply-add limit that products reach.
    const PRODUCTS: f64 = 0.8;

    /// Seconds that pairs of tiles take at least: the start of one pair for each plane there and back, and transforms
    /// that are no longer than the kernel asks for.
    pub(crate) fn fft_pairs_least_seconds(problem: &Problem, machine: &Machine) -> f64 {
        let (rows, columns) = (&problem.rows, &problem.columns);
        let lanes = problem.isa.lanes(problem.element);
        let untouched = |axis: &Axis| [axis.output as f64, 0.0];
        let [high, wide] = match (rows.taps, columns.taps) {
            (1, _) => [untouched(rows), least_cover(columns, shortest_line_transform(lanes), 2)],
            (_, 1) => [least_cover(rows, SHORTEST_TRANSFORM, 1), untouched(columns)],
            _ => [rows, columns].map(|axis| least_cover(axis, SHORTEST_TRANSFORM, 1)),
        };
        let vectors = high[0] * wide[0] / 2.0 / lanes as f64;
        // Planes side by side share the start.
        let is_side_by_side = problem.conv.input_layout == Layout::Nhwc && is_plane(problem);
        let share = if is_side_by_side { MOST_PLANES as f64 } else { 1.0 };
        let pair = Self::fft_start(problem) / share
            + vectors * (high[1] + wide[1]) * Self::fft_level(problem, machine);
        Self::planes_there_and_back(problem) * pair / Self::CLOCK
    }

    /// Transforms of a whole plane, there and back.
    pub(super) fn planes_there_and_back(problem: &Problem) -> f64 {
        problem.batch() as f64 * (problem.conv.channels_in + problem.conv.channels_out) as f64 / 2.0
    }

    /// Cycles to start a pair of tiles.
    fn fft_start(problem: &Problem) -> f64 {
        if is_plane(problem) { Self::PLANES } else { Self::LINES }
    }

    /// Cycles of a vector in a level.
    fn fft_level(problem: &Problem, machine: &Machine) -> f64 {
        if problem.isa.registers() < 32 {
            return Self::LEVEL;
        }
        match Self::loads(problem, machine) < Self::UNITS {
            true if is_plane(problem) => Self::LEVEL_WIDE * Self::HALVED_PLANES,
            true => Self::LEVEL_WIDE * Self::HALVED,
            false => Self::LEVEL_WIDE,
        }
    }

    /// Cycles of a pair of tiles, forward and back, each of so many planes beside each other.
    fn fft_pair(problem: &Problem, machine: &Machine, [rows, columns]: [usize; 2], planes: usize) -> f64 {
        let area = rows as f64 * columns as f64;
        let lanes = problem.isa.lanes(problem.element) as f64;
        let level = Self::fft_level(problem, machine);
        let levels = if rows > 1 && !is_plane(problem) { (rows as f64).log2() } else { area.log2() };
        // Of tables and kernels as many bytes pass as of the pair itself.
        let bytes = area * (4 * problem.element.size() * planes) as f64;
        let beyond = match machine.has_near_l3 {
            _ if bytes <= machine.l2 as f64 / 2.0 => 1.0,
            true => Self::BEYOND_NEAR,
            false => Self::BEYOND,
        };
        let far = Self::fft_far(machine, bytes);
        Self::fft_start(problem) / planes as f64 + area / lanes * levels * level * beyond * far
    }

    /// Factor to transforms among so many bytes.
    pub(super) fn fft_far(machine: &Machine, bytes: f64) -> f64 {
        if bytes > machine.l3 as f64 / 4.0 { Self::FAR } else { 1.0 }
    }

    /// Cycles for copies of what lies at an edge, or of all where columns are not neighbours in memory.
    fn fft_copies(problem: &Problem, [rows, columns]: [usize; 2], planes: usize, pairs: f64) -> f64 {
        let area = 2.0 * rows as f64 * columns as f64;
        let conv = &problem.conv;
        let is_apart = |layout: Layout, channels: usize| layout == Layout::Nhwc && channels > 1;
        let apart =
            is_apart(conv.input_layout, conv.channels_in) || is_apart(conv.output_layout, conv.channels_out);
        if (apart && planes == 1) || problem.rows.stride * problem.columns.stride > 1 {
            let channels = problem.conv.channels_in.max(problem.conv.channels_out);
            let lines = (channels * problem.element.size()) as f64 / LINE;
            return pairs * area * (Self::STRIDED + Self::OWN_LINE * lines.min(1.0));
        }
        let halves = if problem.rows.taps > 1 { 1.0 } else { 2.0 };
        let across = (problem.columns.output as f64 / (halves * columns as f64)).max(1.0);
        if problem.rows.taps > 1 {
            // At either end of each row of tiles about half a kernel, in whole vectors.
            let beside =
                problem.columns.extent.div_ceil(2).next_multiple_of(problem.isa.lanes(problem.element));
            let row = Self::STAGED_ROW + Self::STAGED * beside as f64;
            return pairs * (4.0 / across) * rows as f64 * row;
        }
        pairs * area * (2.0 / across).min(1.0) * (Self::STAGED + Self::STAGED_ROW / columns as f64)
    }

    /// Predicted seconds of `fft` by pairs of tiles of `[rows, columns]`, so many planes at a time.
    pub(crate) fn fft_pairs(
        problem: &Problem,
        machine: &Machine,
        tile: [usize; 2],
        planes: usize,
        pairs: f64,
    ) -> f64 {
        let pairs = pairs.ceil();
        let copies = Self::fft_copies(problem, tile, planes, pairs);
        let compute = pairs * Self::fft_pair(problem, machine, tile, planes) + copies;
        let memory = Self::memory(problem, machine);
        let beside = if is_plane(problem) { Self::BESIDE } else { Self::BESIDE_LINES };
        (compute.max(memory) + beside * compute.min(memory) + Self::TASK) / Self::CLOCK
    }

    /// The same with sums over channels, by so many tasks.
    pub(crate) fn fft_channels(
        problem: &Problem,
        machine: &Machine,
        tile: [usize; 2],
        pairs: f64,
        tasks: f64,
    ) -> f64 {
        let [inputs, outputs] = [problem.group_in as f64, problem.group_out as f64];
        let area = tile[0] as f64 * tile[1] as f64;
        let lanes = problem.isa.lanes(problem.element) as f64;
        // Half a pair of transforms for each input, half for each output.
        let transforms = pairs * (inputs + outputs) / 2.0 * Self::fft_pair(problem, machine, tile, 1);
        let staged = Self::fft_copies(problem, tile, 1, pairs) * (inputs + outputs) / 2.0;
        let rate = lanes * Self::vector_rate(problem, machine) * Self::PRODUCTS;
        let products = 4.0 * pairs * area * inputs * outputs / rate;
        let bytes = area * (2 * problem.element.size()) as f64;
        let kernel = bytes * inputs * outputs;
        let spectra = 2.0 * bytes * pairs * (inputs + outputs);
        let near = if kernel > machine.l2 as f64 { 0.0 } else { 1.0 };
        let kernels = tasks * Self::kernel_cycles(kernel, near);
        let traffic = kernels + spectra / Self::SPECTRUM_BYTES;
        (transforms + staged + products + traffic + tasks * Self::TASK) / Self::CLOCK
    }
}
