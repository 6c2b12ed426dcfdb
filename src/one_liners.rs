//! Allocate, plan, run, return: the whole flow in one call, for one signal or image at a time.

use crate::conv::{Border, Conv, Layout, Padding};
use crate::element::Element;
use crate::error::Error;
use crate::kernels::Kernel;
use crate::view::{View, ViewMut};

/// Which part of the full result is returned. For a signal of n samples and a kernel of k taps:
///
/// ```text
/// signal            a b c d e                    n = 5
/// kernel, k = 4     the full result has n + k - 1 = 8 values:
///
///   Full            0 1 2 3 4 5 6 7
///   Same              1 2 3 4 5                  from (k - 1) / 2, rounded down: n values
///   Valid                 3 4                    where the kernel lies wholly inside: n - k + 1 values
/// ```
///
/// These are SciPy's meanings. An even kernel has no centre; `Same` then keeps one value more of the end than of the
/// beginning, as the picture shows. NumPy's `same` has the length of the longer operand, ours always that of the
/// first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Every overlap, even of one sample: n + k - 1 values.
    Full,
    /// The middle of the full result, as long as the first operand.
    Same,
    /// Only where the shorter operand lies wholly inside the longer one.
    Valid,
}

/// Convolution of two signals: `full[i] = sum over j of x[i - j] * h[j]`.
///
/// The operands commute but for `Same`, which has the length of the first, whichever is longer. As in NumPy and
/// SciPy, `Valid` slides the shorter operand over the longer.
///
/// # Errors
/// [`Error::Zero`] if an operand is empty, [`Error::TooLarge`] or [`Error::OutOfMemory`] if there is no memory for the
/// result.
///
/// ```
/// use convolve::{Mode, convolve};
/// assert_eq!(convolve(&[1.0f32, 2.0, 3.0], &[0.0, 1.0, 0.5], Mode::Full)?, [0.0, 1.0, 2.5, 4.0, 1.5]);
/// assert_eq!(convolve(&[1.0f32, 2.0, 3.0], &[0.0, 1.0, 0.5], Mode::Same)?, [1.0, 2.5, 4.0]);
/// assert_eq!(convolve(&[1.0f32, 2.0, 3.0], &[0.0, 1.0, 0.5], Mode::Valid)?, [2.5]);
/// # Ok::<(), convolve::Error>(())
/// ```
pub fn convolve<T: Element>(x: &[T], h: &[T], mode: Mode) -> Result<Vec<T>, Error> {
    convolve_signals(View::signal(x), View::signal(h), mode)
}

/// Cross-correlation of two signals: `full[i] = sum over j of x[j] * h[j - i + k - 1]`, the kernel sliding from its
/// last tap under the first sample to its first tap under the last.
///
/// Equal to convolution with the reversed kernel in every mode, as in SciPy. If the kernel is longer than the signal,
/// `Valid` gives the positions where the signal lies wholly inside the kernel.
///
/// # Errors
/// As for [`convolve`].
///
/// ```
/// use convolve::{Mode, correlate};
/// // Where in the signal is the pattern?
/// let found = correlate(&[0.0f32, 1.0, 3.0, 1.0, 0.0, 0.0], &[1.0, 3.0, 1.0], Mode::Valid)?;
/// assert_eq!(found, [6.0, 11.0, 6.0, 1.0]);
/// # Ok::<(), convolve::Error>(())
/// ```
pub fn correlate<T: Element>(x: &[T], h: &[T], mode: Mode) -> Result<Vec<T>, Error> {
    convolve_signals(View::signal(x), View::signal(h).reverse_columns(), mode)
}

/// Convolution by the flow that everything takes, the longer operand being the input: `out` values of the full result
/// from index `start` are asked for as padding, and inputs that no such value sees are left out.
fn convolve_signals<T: Element>(x: View<'_, T>, h: View<'_, T>, mode: Mode) -> Result<Vec<T>, Error> {
    let [n, k] = [x.dims()[3], h.dims()[3]];
    if n == 0 || k == 0 {
        return Err(Error::Zero { quantity: if n == 0 { "signal length" } else { "kernel size (columns)" } });
    }
    let (longer, shorter) = if n >= k { (x, h) } else { (h, x) };
    let (long, short) = (n.max(k), n.min(k));
    let full = n.checked_add(k - 1).ok_or(Error::TooLarge { quantity: "the output" })?;
    let (start, count) = match mode {
        Mode::Full => (0, full),
        Mode::Same => ((k - 1) / 2, n),
        Mode::Valid => (short - 1, long - short + 1),
    };
    // Output i sees inputs i - (short - 1) to i.
    let first = start.saturating_sub(short - 1);
    let last = (start + count).min(long);
    let input = longer.columns(first..last)?;
    let left = (first + short - 1) - start;
    let right = count + short - 1 - left - (last - first);
    let padding = Padding::Explicit { top: 0, bottom: 0, left, right };
    let conv = Conv::d1(last - first, short).convolution().padding(padding);
    let mut output = zeros(count)?;
    run(&conv, input, shorter, ViewMut::signal(&mut output))?;
    Ok(output)
}

/// Filters an image: cross-correlation with the kernel, the output as large as the input, the same kernel for each
/// channel. `dims` is `[rows, columns, channels]` with the channels of a pixel side by side; a gray image has one.
///
/// The centre of the kernel, `[rows / 2, columns / 2]`, lies over the pixel computed, also for even kernels.
///
/// # Errors
/// [`Error::Length`] if `image` is not as long as `dims` say, [`Error::TooLarge`] or [`Error::OutOfMemory`] if there is no
/// memory for the result.
///
/// ```
/// use convolve::{Border, Kernel, filter2d};
/// let image = [0.0f32, 0.0, 0.0, 0.0, 9.0, 0.0, 0.0, 0.0, 0.0];
/// assert_eq!(filter2d(&image, [3, 3, 1], &Kernel::mean([3, 3])?, Border::Zero)?, [1.0; 9]);
/// # Ok::<(), convolve::Error>(())
/// ```
pub fn filter2d<T: Element>(
    image: &[T],
    dims: [usize; 3],
    kernel: &Kernel<T>,
    border: Border,
) -> Result<Vec<T>, Error> {
    let [rows, columns, channels] = dims;
    let [tap_rows, tap_columns] = kernel.dims();
    let is_empty = dims.contains(&0);
    let count = rows.checked_mul(columns).and_then(|count| count.checked_mul(channels));
    let count = if is_empty { Some(0) } else { count };
    let expected = count.ok_or(Error::TooLarge { quantity: "the image" })?;
    if image.len() != expected {
        return Err(Error::Length { operand: "image", expected, got: image.len() });
    }
    if is_empty {
        return Ok(Vec::new());
    }
    let padding = Padding::Explicit {
        top: tap_rows / 2,
        bottom: (tap_rows - 1) / 2,
        left: tap_columns / 2,
        right: (tap_columns - 1) / 2,
    };
    let layout = if channels > 1 { Layout::Nhwc } else { Layout::Nchw };
    let conv = Conv::d2([rows, columns], [tap_rows, tap_columns]).padding(padding).border(border);
    let conv = conv.channels(channels, channels).groups(channels).layout(layout);
    // The same taps for each channel.
    let strides = [0, 0, tap_columns as isize, 1];
    let kernel = View::strided(kernel.taps(), 0, [channels, 1, tap_rows, tap_columns], strides)?;
    let mut output = zeros(expected)?;
    let dims = [1, rows, columns, channels];
    run(&conv, View::nhwc(image, dims)?, kernel, ViewMut::nhwc(&mut output, dims)?)?;
    Ok(output)
}

fn zeros<T: Element>(count: usize) -> Result<Vec<T>, Error> {
    let mut zeros = Vec::new();
    let bytes = count.saturating_mul(T::TYPE.size());
    zeros.try_reserve_exact(count).map_err(|_| Error::OutOfMemory { bytes })?;
    zeros.resize(count, T::default());
    Ok(zeros)
}

fn run<T: Element>(
    conv: &Conv,
    input: View<'_, T>,
    kernel: View<'_, T>,
    output: ViewMut<'_, T>,
) -> Result<(), Error> {
    let convolver = conv.with_kernel(kernel, None)?;
    convolver.execute(input, output, &mut convolver.workspace()?)
}
