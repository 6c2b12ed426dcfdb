//! Kernels by name, and kernels given as factors.

use crate::element::Element;
use crate::error::Error;
use crate::view::View;

/// A two-dimensional kernel of one channel, as cross-correlation reads it (not flipped).
///
/// Its centre is the tap at `[rows / 2, columns / 2]`.
///
/// ```
/// use convolve::Kernel;
/// let kernel = Kernel::<f32>::sobel_x();
/// assert_eq!(kernel.dims(), [3, 3]);
/// assert_eq!(kernel.taps(), [-1.0, 0.0, 1.0, -2.0, 0.0, 2.0, -1.0, 0.0, 1.0]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Kernel<T> {
    rows: usize,
    columns: usize,
    taps: Vec<T>,
}

/// Taps of a kernel that has some.
fn count_of([rows, columns]: [usize; 2]) -> Result<usize, Error> {
    for (size, quantity) in [(rows, "kernel size (rows)"), (columns, "kernel size (columns)")] {
        if size == 0 {
            return Err(Error::Zero { quantity });
        }
    }
    rows.checked_mul(columns).ok_or(Error::TooLarge { quantity: "the kernel" })
}

impl<T: Element> Kernel<T> {
    /// Any taps, row by row; `dims` is `[rows, columns]`.
    ///
    /// # Errors
    /// [`Error::Zero`] without rows or columns, [`Error::Length`] if `taps` are not as many as `dims` say,
    /// [`Error::TooLarge`] if no memory could hold as many.
    pub fn new([rows, columns]: [usize; 2], taps: Vec<T>) -> Result<Self, Error> {
        let expected = count_of([rows, columns])?;
        if taps.len() != expected {
            return Err(Error::Length { operand: "kernel", expected, got: taps.len() });
        }
        Ok(Kernel { rows, columns, taps })
    }

    /// The outer product of a column and a row: tap (i, j) is `column[i] * row[j]`.
    ///
    /// # Errors
    /// [`Error::Zero`] if either is empty, [`Error::TooLarge`] or [`Error::OutOfMemory`] if there is no memory for the
    /// product.
    ///
    /// ```
    /// let blur = convolve::Kernel::separable(&[1.0f32, 2.0, 1.0], &[0.25, 0.5])?;
    /// assert_eq!(blur.dims(), [3, 2]);
    /// assert_eq!(blur.taps(), [0.25, 0.5, 0.5, 1.0, 0.25, 0.5]);
    /// # Ok::<(), convolve::Error>(())
    /// ```
    pub fn separable(column: &[T], row: &[T]) -> Result<Self, Error> {
        let dims = [column.len(), row.len()];
        Self::with_taps(dims, column.iter().flat_map(|&c| row.iter().map(move |&r| c * r)))
    }

    /// From as many taps as `dims` asks for, if there is memory for them.
    fn with_taps([rows, columns]: [usize; 2], values: impl Iterator<Item = T>) -> Result<Self, Error> {
        let count = count_of([rows, columns])?;
        let mut taps = Vec::new();
        let bytes = count.saturating_mul(T::TYPE.size());
        taps.try_reserve_exact(count).map_err(|_| Error::OutOfMemory { bytes })?;
        taps.extend(values.take(count));
        Ok(Kernel { rows, columns, taps })
    }

    /// Taps given as `f64`.
    fn from_f64([rows, columns]: [usize; 2], taps: &[f64]) -> Self {
        Kernel { rows, columns, taps: taps.iter().map(|&tap| T::from_f64(tap)).collect() }
    }

    /// Gaussian blur of standard deviation `sigma` pixels, cut off at three of them (at least one pixel, at most 1024)
    /// on each side, the taps summing to one. Taps are `exp(-d^2 / (2 sigma^2))`, sampled at pixel centres. A `sigma`
    /// that is not above zero gives the single tap one.
    ///
    /// ```
    /// let blur = convolve::Kernel::<f64>::gaussian(1.5);
    /// assert_eq!(blur.dims(), [11, 11]);
    /// assert!((blur.taps().iter().sum::<f64>() - 1.0).abs() < 1e-12);
    /// ```
    pub fn gaussian(sigma: f64) -> Self {
        let radius = if sigma > 0.0 { (3.0 * sigma).ceil().clamp(1.0, 1024.0) as i32 } else { 0 };
        let weight = |d: i32| if d == 0 { 1.0 } else { (-0.5 * (f64::from(d) / sigma).powi(2)).exp() };
        let sum: f64 = (-radius..=radius).map(weight).sum();
        let factor: Vec<f64> = (-radius..=radius).map(|d| weight(d) / sum).collect();
        // Multiplied before rounding to T.
        let taps: Vec<f64> = factor.iter().flat_map(|c| factor.iter().map(move |r| c * r)).collect();
        Self::from_f64([factor.len(); 2], &taps)
    }

    /// The mean of `rows` x `columns` pixels.
    ///
    /// # Errors
    /// As for [`Kernel::separable`].
    pub fn mean([rows, columns]: [usize; 2]) -> Result<Self, Error> {
        let tap = T::from_f64(1.0 / (rows as f64 * columns as f64));
        Self::with_taps([rows, columns], core::iter::repeat(tap))
    }

    /// Horizontal derivative, positive where values grow to the right (Sobel and Feldman 1968).
    pub fn sobel_x() -> Self {
        Self::from_f64([3, 3], &[-1.0, 0.0, 1.0, -2.0, 0.0, 2.0, -1.0, 0.0, 1.0])
    }

    /// Vertical derivative, positive where values grow downwards.
    pub fn sobel_y() -> Self {
        Self::from_f64([3, 3], &[-1.0, -2.0, -1.0, 0.0, 0.0, 0.0, 1.0, 2.0, 1.0])
    }

    /// Second derivatives summed: the four neighbours less four times the centre.
    pub fn laplacian() -> Self {
        Self::from_f64([3, 3], &[0.0, 1.0, 0.0, 1.0, -4.0, 1.0, 0.0, 1.0, 0.0])
    }

    /// The image less its Laplacian.
    pub fn sharpen() -> Self {
        Self::from_f64([3, 3], &[0.0, -1.0, 0.0, -1.0, 5.0, -1.0, 0.0, -1.0, 0.0])
    }

    /// Relief lit from the top left; flat areas keep their value.
    pub fn emboss() -> Self {
        Self::from_f64([3, 3], &[-2.0, -1.0, 0.0, -1.0, 1.0, 1.0, 0.0, 1.0, 2.0])
    }

    /// `[rows, columns]`.
    pub fn dims(&self) -> [usize; 2] {
        [self.rows, self.columns]
    }

    /// The taps, row by row.
    pub fn taps(&self) -> &[T] {
        &self.taps
    }

    /// As the kernel of a plan of one channel, shape `[1, 1, rows, columns]`.
    pub fn view(&self) -> View<'_, T> {
        View::plane(&self.taps, self.dims()).expect("a kernel has as many taps as its dims say")
    }
}
