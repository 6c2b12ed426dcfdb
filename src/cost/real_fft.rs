//! What tiles of `fft` of any good length cost, on rustfft.

use super::{Constants, Machine};
use crate::element_type::ElementType;
use crate::problem::{Axis, Problem};

/// Seconds of the parts of one tile of the FFT strategy.
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

    /// Seconds that it takes at least: as if no output were lost to overlaps, in transforms as long as the kernel.
    pub(crate) fn fft_real_least_seconds(problem: &Problem) -> f64 {
        let levels = |axis: &Axis| f64::from(axis.extent.ilog2());
        let (rows, columns) = (problem.rows.output as f64, problem.columns.output as f64);
        // Of columns, there are half as many, of complex values.
        let level =
            Self::REAL_FFT * levels(&problem.columns) + Self::COMPLEX_FFT / 2.0 * levels(&problem.rows);
        let row = Self::FFT_CALL + columns * (level + Self::COPY);
        Self::planes_there_and_back(problem) * 2.0 * rows * row / Self::CLOCK
    }

    /// The parts of a tile of `[rows, columns]`.
    pub(crate) fn fft(problem: &Problem, machine: &Machine, [rows, columns]: [usize; 2]) -> FftSeconds {
        let [rows, columns] = [rows as f64, columns as f64];
        // Of a tile there are its values, and spectra of it and of the kernel.
        let far = Self::fft_far(machine, 3.0 * rows * columns * problem.element.size() as f64);
        let width = if problem.element == ElementType::F64 { 2.0 } else { 1.0 };
        let bins = (columns / 2.0 + 1.0).floor();
        let mut along_row = Self::FFT_CALL + width * columns * (Self::REAL_FFT * columns.log2() + Self::COPY);
        let mut along_columns = 0.0;
        if rows > 1.0 {
            along_row += width * bins * Self::TRANSPOSE;
            along_columns = bins * (Self::FFT_CALL / 4.0 + width * rows * Self::COMPLEX_FFT * rows.log2());
        }
        FftSeconds {
            along_row: far * along_row / Self::CLOCK,
            along_columns: far * along_columns / Self::CLOCK,
            product: width * Self::PRODUCT / Self::CLOCK,
            stream: width * Self::STREAM / Self::CLOCK,
            tile: Self::TASK / Self::CLOCK,
        }
    }
}
