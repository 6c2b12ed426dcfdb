//! The constants of the cost model and the formulas that use them; strategies with more of either have a file beside
//! this one.
//!
//! Fitted on 2026-11-21 on an Intel Xeon (Emerald Rapids), one thread, by `cargo bench --bench cases -- --file FILE
//! --strategy all`. Other machines differ by a common factor first, which changes no choice between strategies (only
//! from what size on threads are used); what else differs, [`Machine`] knows. `docs/choosing.md` explains the model.

use super::Machine;
use crate::conv::Layout;
use crate::problem::{Axis, Problem};

/// The table.
pub(crate) struct Constants;

impl Constants {
    /// Clock cycles in a second.
    pub(super) const CLOCK: f64 = 2.9e9;
    /// Vectors that are loaded, or multiplied and added, in a cycle; without fused multiply-adds half as many of these.
    pub(super) const UNITS: f64 = 2.0;
    /// Cycles to copy one value through the window, in runs along a row.
    pub(super) const COPY: f64 = 0.35;
    /// The same from memory whose columns are not neighbours.
    pub(super) const GATHER: f64 = 1.5;
    /// Cycles to start a read through the window.
    pub(super) const READ: f64 = 12.0;
    /// Cycles to run a task, and to run a tile in it.
    pub(super) const TASK: f64 = 60.0;
    pub(super) const TILE: f64 = 25.0;
    /// Bytes in a cycle that the second-level cache moves, that memory beyond it is read at, and written at.
    const NEAR_BYTES: f64 = 28.0;
    const READ_BYTES: f64 = 9.0;
    const WRITTEN_BYTES: f64 = 5.5;

    /// Cycles of a call of `gemm` or `depthwise`, besides its tasks.
    pub(super) const CALL: f64 = 200.0;

    /// Share of the multiply-add limit that large tiles of `gemm` reach.
    const GEMM: f64 = 0.98;

    /// Bytes in a cycle of a packed kernel that is read from the second-level cache, and from beyond; of one that takes
    /// more than four times as much as that cache fewer, at worst the least.
    const KERNEL_NEAR: f64 = 40.0;
    const KERNEL_FAR: f64 = 13.0;
    const KERNEL_LEAST: f64 = 3.0;
    /// Bytes of kernels from which on the caches beyond the second hold less and less of them.
    const KERNEL_LARGE: f64 = (8 << 20) as f64;

    /// Vectors that are loaded in a cycle at best.
    pub(super) fn loads(problem: &Problem, machine: &Machine) -> f64 {
        Self::UNITS * if machine.halves_vectors && Self::fills_lines(problem) { 0.5 } else { 1.0 }
    }

    /// Vector multiply-adds in a cycle at best.
    pub(super) fn vector_rate(problem: &Problem, machine: &Machine) -> f64 {
        Self::loads(problem, machine) * if problem.isa.is_fused() { 1.0 } else { 0.5 }
    }

    /// Whether a vector is as long as a cache line. Most unaligned loads cross one then, and loops shift lanes.
    pub(super) fn fills_lines(problem: &Problem) -> bool {
        problem.isa.lanes(problem.element) * problem.element.size() == 64
    }

    /// Multiply-adds in a cycle at best.
    pub(super) fn peak(problem: &Problem, machine: &Machine) -> f64 {
        problem.isa.lanes(problem.element) as f64 * Self::vector_rate(problem, machine)
    }

    /// The same with lanes along the output channels of a group, some of them idle.
    pub(super) fn channels_peak(problem: &Problem, machine: &Machine) -> f64 {
        let lanes = problem.isa.lanes(problem.element);
        let busy = problem.group_out as f64 / problem.group_out.next_multiple_of(lanes) as f64;
        Self::peak(problem, machine) * busy
    }

    /// Cycles to read a packed kernel of so many bytes, of which a share stays in the second-level cache from one time
    /// to the next.
    pub(super) fn kernel_cycles(bytes: f64, near: f64) -> f64 {
        let large = (Self::KERNEL_LARGE / bytes.max(1.0)).min(1.0);
        let far = (Self::KERNEL_FAR * large.powf(0.25)).max(Self::KERNEL_LEAST);
        bytes * (near / Self::KERNEL_NEAR + (1.0 - near) / far)
    }

    /// Bytes of input and output. Of pixels that strides leave out, those that have their channels to themselves are
    /// not counted.
    pub(super) fn bytes(problem: &Problem) -> [f64; 2] {
        let size = problem.element.size() as f64;
        let of = |shape: [usize; 4]| shape.iter().map(|&count| count as f64).product::<f64>() * size;
        let read = |axis: &Axis| (axis.taps as f64 * axis.output as f64 / axis.input.max(1) as f64).min(1.0);
        let share = match problem.conv.input_layout {
            Layout::Nhwc if problem.conv.channels_in > 1 => read(&problem.rows) * read(&problem.columns),
            _ => 1.0,
        };
        [of(problem.input_shape()) * share, of(problem.output_shape())]
    }

    /// Whether input and output exceed the second-level cache.
    pub(super) fn is_far(problem: &Problem, machine: &Machine) -> bool {
        Self::bytes(problem).iter().sum::<f64>() > machine.l2 as f64
    }

    /// Cycles to move input and output once.
    pub(super) fn memory(problem: &Problem, machine: &Machine) -> f64 {
        let [read, written] = Self::bytes(problem);
        if Self::is_far(problem, machine) {
            read / Self::READ_BYTES + written / Self::WRITTEN_BYTES
        } else {
            (read + written) / Self::NEAR_BYTES
        }
    }

    /// The cycles of work with those of moving input and output once, which it hides; but not where the pixels of
    /// groups are read and written in pieces, far apart.
    pub(super) fn beside_memory(problem: &Problem, machine: &Machine, work: f64) -> f64 {
        let memory = Self::memory(problem, machine);
        let layouts = [problem.conv.input_layout, problem.conv.output_layout];
        let in_pieces = problem.groups() > 1 && layouts.contains(&Layout::Nhwc);
        if in_pieces && Self::is_far(problem, machine) { work + memory } else { work.max(memory) }
    }

    /// Seconds that `gemm` takes at least: its products or, if each output channel has an input channel of its own,
    /// packing, of which each value then serves one product.
    pub(crate) fn gemm_least_seconds(problem: &Problem, machine: &Machine) -> f64 {
        let is_single = problem.group_in == 1 && problem.group_out == 1 && problem.products() > 1;
        let product = if is_single { Self::COPY } else { 1.0 / Self::peak(problem, machine) };
        (problem.multiply_adds() * product + Self::CALL) / Self::CLOCK
    }

    /// Predicted seconds of `gemm`, with lanes along output channels or along pixels.
    pub(crate) fn gemm_seconds(problem: &Problem, machine: &Machine, lanes_are_channels: bool) -> f64 {
        let lanes = problem.isa.lanes(problem.element) as f64;
        let [pixels, channels] = [problem.output_plane() as f64, problem.group_out as f64];
        let [across, along] = if lanes_are_channels { [channels, pixels] } else { [pixels, channels] };
        let padded = (across / lanes).ceil() * lanes / across.max(1.0);
        // A tile of few rows is bound by loads and latency.
        let rows = along.clamp(1.0, 14.0);
        let efficiency = Self::GEMM * rows / (rows + 2.5);
        let compute = problem.multiply_adds() * padded / (Self::peak(problem, machine) * efficiency);
        let groups = (problem.batch() * problem.groups()) as f64;
        let neighbours = problem.conv.input_layout == Layout::Nchw && problem.columns.stride == 1;
        let in_place = neighbours && !lanes_are_channels && problem.rows.taps * problem.columns.taps == 1;
        let packing = if in_place {
            0.0
        } else {
            let run =
                (problem.columns.output as f64).min(if lanes_are_channels { 14.0 } else { 2.0 * lanes });
            let value = if neighbours { Self::COPY } else { Self::GATHER };
            groups * problem.products() as f64 * pixels * (value + Self::READ / run.max(1.0))
        };
        let calls = groups * (across / (2.0 * lanes)).ceil() * (along / 14.0).ceil() * Self::TILE;
        let weights = problem.products() as f64 * channels * problem.element.size() as f64;
        let is_near = weights <= machine.l2 as f64;
        let streaming = if is_near { 0.0 } else { groups * Self::kernel_cycles(weights, 0.0) };
        // Vectors of pixels go to as many planes as a tile has channels; beyond all caches, nothing hides that.
        let is_spread = !lanes_are_channels && channels > 1.0 && problem.conv.output_layout == Layout::Nchw;
        let moved = if is_spread && machine.is_left_by(problem) {
            compute + Self::memory(problem, machine)
        } else {
            Self::beside_memory(problem, machine, compute)
        };
        (moved + packing + calls + streaming + Self::CALL) / Self::CLOCK
    }
}
