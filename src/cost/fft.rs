//! What pairs of tiles of `fft` cost, by the loops of this crate.

use super::{Constants, Machine};
use crate::problem::Problem;

/// Bytes of a cache line.
const LINE: f64 = 64.0;

impl Constants {
    /// Cycles that a vector takes in one level of a transform, there and back, with 32 registers and with fewer.
    const LEVEL_WIDE: f64 = 5.4;
    const LEVEL: f64 = 4.1;
    /// Factor to that where a pair, its kernel and tables take more than half of the second-level cache.
    const BEYOND: f64 = 1.45;
    /// Cycles to start a pair of tiles, along one axis and along both.
    const LINES: f64 = 200.0;
    const PLANES: f64 = 600.0;
    /// Cycles of a value that is read and written through copies, and of a row of them.
    const STAGED: f64 = 0.3;
    const STAGED_ROW: f64 = 18.0;
    /// Cycles of a value read and one written whose neighbours in memory are of other channels, and more where each has a
    /// cache line of its own.
    const STRIDED: f64 = 2.0;
    const OWN_LINE: f64 = 4.5;
    /// Bytes in a cycle of spectra that are written and read again.
    const SPECTRUM_BYTES: f64 = 5.0;
    /// How much of the time that memory takes still counts beside transforms, of planes and of lines, which wait for the
    /// next block when they have done with one.
    const BESIDE: f64 = 0.3;
    const BESIDE_LINES: f64 = 0.7;
    /// Share of the multiply-add limit that products reach.
    const PRODUCTS: f64 = 0.8;

    /// Seconds that transforms of signals take at least, of either kind: per output, there and back, as if no output were lost
    /// to overlaps. (Those on rustfft take two thirds of a cycle for a value and a level, on any instruction set.)
    pub(crate) fn fft_least_seconds(problem: &Problem) -> f64 {
        let is_signal = problem.rows.taps == 1 && problem.group_in == 1 && problem.group_out == 1;
        let outputs = problem.batch() * problem.groups() * problem.output_plane();
        if !is_signal || outputs == 0 || problem.columns.extent < 2 {
            return 0.0;
        }
        let levels = problem.columns.extent.ilog2() as f64;
        let lanes = problem.isa.lanes(problem.element) as f64;
        // Of powers of two, lengths are lanes x lanes at least.
        let of_pairs = Self::LEVEL / 2.0 / lanes * levels.max(6.0).max(2.0 * lanes.log2());
        let value = of_pairs.min(0.6 * levels);
        outputs as f64 * value / Self::CLOCK
    }

    /// Cycles of a pair of tiles, forward and back.
    fn fft_pair(problem: &Problem, machine: &Machine, [rows, columns]: [usize; 2]) -> f64 {
        let area = rows as f64 * columns as f64;
        let lanes = problem.isa.lanes(problem.element) as f64;
        let level = if problem.isa.registers() >= 32 { Self::LEVEL_WIDE } else { Self::LEVEL };
        let is_plane = problem.rows.taps > 1 && problem.columns.taps > 1;
        let levels = if rows > 1 && !is_plane { (rows as f64).log2() } else { area.log2() };
        // Of tables and kernels as many bytes pass as of the pair itself.
        let bytes = area * (4 * problem.element.size()) as f64;
        let beyond = if bytes > machine.l2 as f64 / 2.0 { Self::BEYOND } else { 1.0 };
        let start = if is_plane { Self::PLANES } else { Self::LINES };
        start + area / lanes * levels * level * beyond
    }

    /// Cycles for copies of the tiles that lie at an edge, or of all where columns are not neighbours in memory.
    fn fft_copies(problem: &Problem, [rows, columns]: [usize; 2], pairs: f64) -> f64 {
        use crate::conv::Layout::Nchw;
        let area = 2.0 * rows as f64 * columns as f64;
        let nchw = [problem.conv.input_layout, problem.conv.output_layout] == [Nchw; 2];
        if !nchw || problem.rows.stride * problem.columns.stride > 1 {
            let channels = problem.conv.channels_in.max(problem.conv.channels_out);
            let lines = (channels * problem.element.size()) as f64 / LINE;
            return pairs * area * (Self::STRIDED + Self::OWN_LINE * lines.min(1.0));
        }
        let across = (problem.columns.output as f64 / columns as f64).max(1.0);
        let along = (problem.rows.output as f64 / rows as f64).max(1.0);
        let edges = if problem.rows.output == 1 { 2.0 / across } else { 2.0 / across + 2.0 / along };
        pairs * area * edges.min(1.0) * (Self::STAGED + Self::STAGED_ROW / columns as f64)
    }

    /// Predicted seconds of `fft` by pairs of tiles of `[rows, columns]`, one channel at a time.
    pub(crate) fn fft_pairs(problem: &Problem, machine: &Machine, tile: [usize; 2], pairs: f64) -> f64 {
        let pairs = pairs.ceil();
        let compute = pairs * Self::fft_pair(problem, machine, tile) + Self::fft_copies(problem, tile, pairs);
        let memory = Self::memory(problem, machine);
        let is_plane = problem.rows.taps > 1 && problem.columns.taps > 1;
        let beside = if is_plane { Self::BESIDE } else { Self::BESIDE_LINES };
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
        let transforms = pairs * (inputs + outputs) / 2.0 * Self::fft_pair(problem, machine, tile);
        let staged = Self::fft_copies(problem, tile, pairs) * (inputs + outputs) / 2.0;
        let rate = lanes * Self::vector_rate(problem) * Self::PRODUCTS;
        let products = 4.0 * pairs * area * inputs * outputs / rate;
        let bytes = area * (2 * problem.element.size()) as f64;
        let kernel = bytes * inputs * outputs;
        let spectra = 2.0 * bytes * pairs * (inputs + outputs);
        let near = if kernel > machine.l2 as f64 { 0.0 } else { 1.0 };
        let kernels = tasks * Self::kernel_cycles(machine, kernel, near);
        let traffic = kernels + spectra / Self::SPECTRUM_BYTES;
        (transforms + staged + products + traffic + tasks * Self::TASK) / Self::CLOCK
    }
}
