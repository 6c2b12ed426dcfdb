//! The constants of the cost model and the formulas that use them; strategies with more of either have a file beside
//! this one.
//!
//! Fitted on 2026-11-21 on an Intel Xeon (Emerald Rapids), one thread, by `cargo bench --bench cases -- --file FILE
//! --strategy all`. Other machines differ by a common factor first, which changes no choice between strategies (only
//! from what size on threads are used). `docs/choosing.md` explains the model.

use crate::conv::Layout;
#[cfg(feature = "fft")]
use crate::element_type::ElementType;
use crate::problem::Problem;

/// The table.
pub(crate) struct Constants;

impl Constants {
    /// Clock cycles in a second.
    pub(super) const CLOCK: f64 = 2.9e9;
    /// Vector multiply-adds started in a cycle; without fused ones half as many.
    const MULTIPLY_ADDS: f64 = 2.0;
    /// Cycles to copy one value through the window, in runs along a row.
    const COPY: f64 = 0.35;
    /// The same from memory whose columns are not neighbours.
    const GATHER: f64 = 1.5;
    /// Cycles to start a read through the window.
    const READ: f64 = 12.0;
    /// Cycles to run a task, and to run a tile in it.
    const TASK: f64 = 60.0;
    const TILE: f64 = 25.0;
    /// Bytes that memory beyond the second-level cache moves in a cycle.
    pub(super) const MEMORY_BYTES: f64 = 5.0;

    /// Share of the multiply-add limit that large tiles of `gemm` reach.
    const GEMM: f64 = 0.85;

    /// Vector multiply-adds in a cycle at best.
    pub(super) fn vector_rate(problem: &Problem) -> f64 {
        Self::MULTIPLY_ADDS * if problem.isa.is_fused() { 1.0 } else { 0.5 }
    }

    /// Multiply-adds in a cycle at best.
    fn peak(problem: &Problem) -> f64 {
        problem.isa.lanes(problem.element) as f64 * Self::vector_rate(problem)
    }

    /// Cycles to move input and output once: no strategy is faster.
    pub(super) fn memory(problem: &Problem) -> f64 {
        let count = |shape: [usize; 4]| shape.iter().map(|&size| size as f64).product::<f64>();
        let values = count(problem.input_shape()) + count(problem.output_shape());
        values * problem.element.size() as f64 / Self::MEMORY_BYTES
    }

    /// Predicted seconds of `gemm`, with lanes along output channels or along pixels.
    pub(crate) fn gemm_seconds(problem: &Problem, lanes_are_channels: bool) -> f64 {
        let lanes = problem.isa.lanes(problem.element) as f64;
        let [pixels, channels] = [problem.output_plane() as f64, problem.group_out as f64];
        let [across, along] = if lanes_are_channels { [channels, pixels] } else { [pixels, channels] };
        let padded = (across / lanes).ceil() * lanes / across.max(1.0);
        // A tile of few rows is bound by loads and latency.
        let rows = along.clamp(1.0, 14.0);
        let efficiency = Self::GEMM * rows / (rows + 2.5);
        let compute = problem.multiply_adds() * padded / (Self::peak(problem) * efficiency);
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
        (compute.max(Self::memory(problem)) + packing + calls + Self::TASK) / Self::CLOCK
    }
}

/// Seconds of the parts of one tile of the FFT strategy.
#[cfg(feature = "fft")]
pub(crate) struct FftSeconds {
    /// One real transform along a row, with moving its values.
    pub(crate) along_row: f64,
    /// All complex transforms along columns.
    pub(crate) along_columns: f64,
    /// One complex product.
    pub(crate) product: f64,
    /// One complex value from beyond the second-level cache.
    pub(crate) stream: f64,
    /// What a tile costs besides.
    pub(crate) tile: f64,
}

#[cfg(feature = "fft")]
impl Constants {
    /// Cycles of a real transform per value and level, `f32`; `f64` takes twice as long.
    const REAL_FFT: f64 = 0.32;
    /// The same of a complex transform.
    const COMPLEX_FFT: f64 = 0.30;
    /// Cycles to call a transform.
    const FFT_CALL: f64 = 150.0;
    /// Cycles to transpose a complex value, there and back.
    const TRANSPOSE: f64 = 1.6;
    /// Cycles that a complex value from beyond the second-level cache takes on top of a product.
    const STREAM: f64 = 0.8;
    /// Cycles of a complex product with its sum.
    const PRODUCT: f64 = 1.0;

    /// The parts of a tile of `[rows, columns]`.
    pub(crate) fn fft(problem: &Problem, [rows, columns]: [usize; 2]) -> FftSeconds {
        let [rows, columns] = [rows as f64, columns as f64];
        let width = if problem.element == ElementType::F64 { 2.0 } else { 1.0 };
        let bins = (columns / 2.0 + 1.0).floor();
        let mut along_row = Self::FFT_CALL + width * columns * (Self::REAL_FFT * columns.log2() + Self::COPY);
        let mut along_columns = 0.0;
        if rows > 1.0 {
            along_row += width * bins * Self::TRANSPOSE;
            along_columns = bins * (Self::FFT_CALL / 4.0 + width * rows * Self::COMPLEX_FFT * rows.log2());
        }
        FftSeconds {
            along_row: along_row / Self::CLOCK,
            along_columns: along_columns / Self::CLOCK,
            product: width * Self::PRODUCT / Self::CLOCK,
            stream: width * Self::STREAM / Self::CLOCK,
            tile: Self::TASK / Self::CLOCK,
        }
    }
}
