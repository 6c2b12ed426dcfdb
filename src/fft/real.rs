//! Real transforms in one and two dimensions on realfft and rustfft, in the caller's memory.
//!
//! A spectrum of `rows` x `columns` real values has `bins = columns / 2 + 1` columns of complex values, the others
//! being their conjugates. It is stored by bins, `spectrum[bin][row]`, so that the transforms along columns run over
//! neighbours and one transposition each way is all that moves data.

use std::sync::Arc;

use num_complex::Complex;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};
use rustfft::{Fft, FftDirection, FftNum, FftPlanner};

/// Transforms of one size.
pub(crate) struct RealFft2d<T> {
    rows: usize,
    columns: usize,
    along_row: Arc<dyn RealToComplex<T>>,
    along_row_back: Arc<dyn ComplexToReal<T>>,
    /// Forward and back, unless there is only one row.
    along_columns: Option<[Arc<dyn Fft<T>>; 2]>,
}

/// Edge of the squares in which matrices are transposed: two of them stay in the first-level cache.
const SQUARE: usize = 16;

impl<T: FftNum> RealFft2d<T> {
    pub(crate) fn new([rows, columns]: [usize; 2]) -> Self {
        let mut real = RealFftPlanner::new();
        let along_columns = (rows > 1).then(|| {
            let mut complex = FftPlanner::new();
            [FftDirection::Forward, FftDirection::Inverse].map(|direction| complex.plan_fft(rows, direction))
        });
        RealFft2d {
            rows,
            columns,
            along_row: real.plan_fft_forward(columns),
            along_row_back: real.plan_fft_inverse(columns),
            along_columns,
        }
    }

    /// Complex values in a row of the spectrum.
    pub(crate) fn bins(columns: usize) -> usize {
        columns / 2 + 1
    }

    /// Complex values in a spectrum.
    pub(crate) fn spectrum_len(&self) -> usize {
        Self::bins(self.columns) * self.rows
    }

    /// Complex values of scratch that the transforms need.
    pub(crate) fn scratch_len(&self) -> usize {
        let mut len = self.along_row.get_scratch_len().max(self.along_row_back.get_scratch_len());
        for transform in self.along_columns.iter().flatten() {
            len = len.max(transform.get_inplace_scratch_len());
        }
        len
    }

    /// Complex values of row spectra awaiting transposition.
    pub(crate) fn lines_len([rows, columns]: [usize; 2]) -> usize {
        if rows > 1 { rows * Self::bins(columns) } else { 0 }
    }

    /// Transforms the rows in `image`, the others being zero. Destroys `image`.
    pub(crate) fn forward(
        &self,
        image: &mut [T],
        spectrum: &mut [Complex<T>],
        lines: &mut [Complex<T>],
        scratch: &mut [Complex<T>],
    ) {
        let bins = Self::bins(self.columns);
        let Some([forward, _]) = &self.along_columns else {
            return transform_row(self.along_row.as_ref(), image, spectrum, scratch);
        };
        let used = image.len() / self.columns;
        for (row, line) in image.chunks_exact_mut(self.columns).zip(lines.chunks_exact_mut(bins)) {
            transform_row(self.along_row.as_ref(), row, line, scratch);
        }
        transpose(&lines[..used * bins], bins, spectrum, self.rows);
        for column in spectrum.chunks_exact_mut(self.rows) {
            column[used..].fill(Complex::new(T::zero(), T::zero()));
        }
        forward.process_with_scratch(spectrum, scratch);
    }

    /// Transforms back, not normalised: values come out times rows x columns. Only the first rows, as many as
    /// `image` holds, are computed. Destroys `spectrum`.
    pub(crate) fn backward(
        &self,
        spectrum: &mut [Complex<T>],
        image: &mut [T],
        lines: &mut [Complex<T>],
        scratch: &mut [Complex<T>],
    ) {
        let bins = Self::bins(self.columns);
        let Some([_, back]) = &self.along_columns else {
            return transform_row_back(self.along_row_back.as_ref(), spectrum, image, scratch);
        };
        back.process_with_scratch(spectrum, scratch);
        let kept = image.len() / self.columns;
        transpose_front(spectrum, self.rows, &mut lines[..kept * bins], bins);
        for (row, line) in image.chunks_exact_mut(self.columns).zip(lines.chunks_exact_mut(bins)) {
            transform_row_back(self.along_row_back.as_ref(), line, row, scratch);
        }
    }
}

fn transform_row<T: FftNum>(
    transform: &dyn RealToComplex<T>,
    row: &mut [T],
    line: &mut [Complex<T>],
    scratch: &mut [Complex<T>],
) {
    transform.process_with_scratch(row, line, scratch).expect("lengths are those of the transform");
}

fn transform_row_back<T: FftNum>(
    transform: &dyn ComplexToReal<T>,
    line: &mut [Complex<T>],
    row: &mut [T],
    scratch: &mut [Complex<T>],
) {
    // Real by symmetry; rounding leaves a residue, which the transform would refuse.
    line[0].im = T::zero();
    if row.len().is_multiple_of(2) {
        line[row.len() / 2].im = T::zero();
    }
    transform.process_with_scratch(line, row, scratch).expect("lengths are those of the transform");
}

/// `to[c][r] = from[r][c]`, where rows of `from` have `width` values and rows of `to` have `height`.
fn transpose<T: Copy>(from: &[T], width: usize, to: &mut [T], height: usize) {
    let rows = from.len() / width;
    for r in (0..rows).step_by(SQUARE) {
        for c in (0..width).step_by(SQUARE) {
            for column in c..(c + SQUARE).min(width) {
                let to = &mut to[column * height..][r..(r + SQUARE).min(rows)];
                for (value, row) in to.iter_mut().zip(r..) {
                    *value = from[row * width + column];
                }
            }
        }
    }
}

/// `to[r][c] = from[c][r]` for as many rows as `to` holds, where rows of `from` have `height` values and rows of
/// `to` have `width`.
fn transpose_front<T: Copy>(from: &[T], height: usize, to: &mut [T], width: usize) {
    let rows = to.len() / width;
    for r in (0..rows).step_by(SQUARE) {
        for c in (0..width).step_by(SQUARE) {
            for row in r..(r + SQUARE).min(rows) {
                let to = &mut to[row * width..][c..(c + SQUARE).min(width)];
                for (value, column) in to.iter_mut().zip(c..) {
                    *value = from[column * height + row];
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The transform by its definition.
    fn definition(image: &[f64], [rows, columns]: [usize; 2], bin: usize, row: usize) -> Complex<f64> {
        let mut sum = Complex::new(0.0, 0.0);
        for (i, &value) in image.iter().enumerate() {
            let (y, x) = (i / columns, i % columns);
            let turns = (y * row) as f64 / rows as f64 + (x * bin) as f64 / columns as f64;
            sum += Complex::from_polar(value, -core::f64::consts::TAU * turns);
        }
        sum
    }

    #[test]
    fn spectra_follow_the_definition_and_come_back() {
        for size in [[1, 2], [1, 9], [1, 16], [2, 3], [3, 8], [12, 18], [16, 5]] {
            let [rows, columns] = size;
            let fft = RealFft2d::<f64>::new(size);
            let image: Vec<f64> = (0..rows * columns).map(|i| ((i * 7919) % 31) as f64 - 15.0).collect();
            let mut spectrum = vec![Complex::default(); fft.spectrum_len()];
            let mut lines = vec![Complex::default(); RealFft2d::<f64>::lines_len(size)];
            let mut scratch = vec![Complex::default(); fft.scratch_len()];
            fft.forward(&mut image.clone(), &mut spectrum, &mut lines, &mut scratch);
            for (i, value) in spectrum.iter().enumerate() {
                let expected = definition(&image, size, i / rows, i % rows);
                assert!((value - expected).norm() < 1e-9, "{size:?} {i}: {value} {expected}");
            }
            let mut back = vec![0.0; image.len()];
            fft.backward(&mut spectrum, &mut back, &mut lines, &mut scratch);
            for (value, expected) in back.iter().zip(&image) {
                assert!((value / (rows * columns) as f64 - expected).abs() < 1e-12, "{size:?}");
            }
        }
    }

    #[test]
    fn missing_rows_are_zero_and_later_rows_are_not_computed() {
        let fft = RealFft2d::<f32>::new([8, 4]);
        let mut scratch = vec![Complex::default(); fft.scratch_len()];
        let mut lines = vec![Complex::default(); RealFft2d::<f32>::lines_len([8, 4])];
        let [mut short, mut full] =
            [(); 2].map(|()| vec![Complex::new(f32::NAN, f32::NAN); fft.spectrum_len()]);
        let image: Vec<f32> = (0..12).map(|i| i as f32).collect();
        fft.forward(&mut image.clone(), &mut short, &mut lines, &mut scratch);
        let mut padded = image.clone();
        padded.resize(32, 0.0);
        fft.forward(&mut padded, &mut full, &mut lines, &mut scratch);
        assert_eq!(short, full);
        let mut front = vec![0.0; 8];
        fft.backward(&mut short, &mut front, &mut lines, &mut scratch);
        front
            .iter()
            .zip(&image)
            .for_each(|(value, expected)| assert!((value / 32.0 - expected).abs() < 1e-5));
    }
}
