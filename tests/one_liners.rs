//! `convolve`, `correlate` and `filter2d` against their definitions, for every mode and either operand longer.

mod support;

use convolve::{Border, Error, Kernel, Mode, convolve, correlate, filter2d};
use support::random::{BORDERS, Random};

/// The full convolution by definition.
fn full(x: &[f64], h: &[f64]) -> Vec<f64> {
    let mut y = vec![0.0; x.len() + h.len() - 1];
    for (i, x) in x.iter().enumerate() {
        h.iter().enumerate().for_each(|(j, h)| y[i + j] += x * h);
    }
    y
}

/// SciPy's meaning of the modes.
fn part(full: &[f64], n: usize, k: usize, mode: Mode) -> &[f64] {
    match mode {
        Mode::Full => full,
        Mode::Same => &full[(k - 1) / 2..][..n],
        Mode::Valid => &full[n.min(k) - 1..][..n.abs_diff(k) + 1],
    }
}

#[test]
fn signals_in_every_mode_and_length() {
    let mut random = Random(61);
    for n in [1, 2, 3, 8, 17, 40, 700] {
        for k in [1, 2, 3, 4, 9, 16, 60, 500] {
            let (x, h): (Vec<f64>, Vec<f64>) = (random.integers(n, 8), random.integers(k, 8));
            let reversed: Vec<f64> = h.iter().rev().copied().collect();
            for mode in [Mode::Full, Mode::Same, Mode::Valid] {
                let rounded =
                    |y: Result<Vec<f64>, Error>| y.unwrap().iter().map(|y| y.round()).collect::<Vec<_>>();
                let convolved = full(&x, &h);
                assert_eq!(rounded(convolve(&x, &h, mode)), part(&convolved, n, k, mode), "{n} {k} {mode:?}");
                let correlated = full(&x, &reversed);
                assert_eq!(
                    rounded(correlate(&x, &h, mode)),
                    part(&correlated, n, k, mode),
                    "{n} {k} {mode:?}"
                );
            }
        }
    }
}

#[test]
fn empty_signals_are_refused() {
    for mode in [Mode::Full, Mode::Same, Mode::Valid] {
        assert!(matches!(convolve(&[], &[1.0f32], mode), Err(Error::Zero { .. })));
        assert!(matches!(correlate(&[1.0f32], &[], mode), Err(Error::Zero { .. })));
    }
}

/// Index that a border gives, by walking outwards.
fn walked(at: isize, n: isize, border: Border) -> Option<usize> {
    let mut at = at;
    while at < 0 || at >= n {
        at = match border {
            Border::Zero | Border::Constant(_) => return None,
            Border::Replicate => at.clamp(0, n - 1),
            Border::Symmetric => {
                if at < 0 {
                    -1 - at
                } else {
                    2 * n - 1 - at
                }
            }
            Border::Reflect101 => {
                if n == 1 {
                    0
                } else if at < 0 {
                    -at
                } else {
                    2 * n - 2 - at
                }
            }
            Border::Wrap => at.rem_euclid(n),
        };
    }
    Some(at as usize)
}

#[test]
fn images_with_every_border_kernel_and_channel_count() {
    let mut random = Random(62);
    for border in BORDERS {
        let outside = if let Border::Constant(value) = border { value } else { 0.0 };
        for [rows, columns, channels] in [[5, 7, 1], [4, 33, 3], [1, 1, 2], [9, 20, 4]] {
            for [tap_rows, tap_columns] in [[1, 1], [3, 3], [2, 4], [5, 1], [11, 9]] {
                let image: Vec<f64> = random.integers(rows * columns * channels, 8);
                let taps: Vec<f64> = random.integers(tap_rows * tap_columns, 8);
                let kernel = Kernel::new([tap_rows, tap_columns], taps.clone()).unwrap();
                let output = filter2d(&image, [rows, columns, channels], &kernel, border).unwrap();
                for (i, &value) in output.iter().enumerate() {
                    let (pixel, channel) = (i / channels, i % channels);
                    let mut sum = 0.0;
                    for (t, tap) in taps.iter().enumerate() {
                        let y = (pixel / columns + t / tap_columns) as isize - (tap_rows / 2) as isize;
                        let x = (pixel % columns + t % tap_columns) as isize - (tap_columns / 2) as isize;
                        let place = walked(y, rows as isize, border).zip(walked(x, columns as isize, border));
                        sum += tap
                            * place.map_or(outside, |(y, x)| image[(y * columns + x) * channels + channel]);
                    }
                    assert_eq!(
                        value.round(),
                        sum,
                        "{border:?} {rows}x{columns}x{channels} {tap_rows}x{tap_columns}"
                    );
                }
            }
        }
    }
}

#[test]
fn images_of_the_wrong_length_or_no_pixels() {
    let kernel = Kernel::<f32>::mean([3, 3]).unwrap();
    let got = filter2d(&[0.0; 5], [2, 3, 1], &kernel, Border::Zero);
    assert_eq!(got, Err(Error::Length { operand: "image", expected: 6, got: 5 }));
    assert!(filter2d(&[], [usize::MAX, 2, 2], &kernel, Border::Zero).is_err());
    for empty in [[0, 4, 3], [0, usize::MAX, 2], [usize::MAX, 2, 0]] {
        assert_eq!(filter2d(&[], empty, &kernel, Border::Replicate), Ok(vec![]));
    }
}

#[test]
fn named_kernels_sum_to_what_they_should() {
    let sum = |kernel: Kernel<f64>| kernel.taps().iter().sum::<f64>();
    for sigma in [0.1, 0.5, 1.0, 2.5, 8.0] {
        approx::assert_abs_diff_eq!(sum(Kernel::gaussian(sigma)), 1.0, epsilon = 1e-12);
        let kernel = Kernel::<f64>::gaussian(sigma);
        let mut reversed = kernel.taps().to_vec();
        reversed.reverse();
        assert_eq!(kernel.taps(), reversed, "symmetric");
    }
    assert!(matches!(Kernel::<f64>::mean([usize::MAX, 2]), Err(Error::TooLarge { .. })));
    assert!(matches!(Kernel::<f64>::mean([1 << 30, 1 << 25]), Err(Error::OutOfMemory { .. })));
    assert_eq!(Kernel::<f64>::gaussian(0.0).taps(), [1.0]);
    assert_eq!(Kernel::<f64>::gaussian(f64::NAN).taps(), [1.0]);
    approx::assert_abs_diff_eq!(sum(Kernel::mean([4, 5]).unwrap()), 1.0, epsilon = 1e-12);
    assert_eq!(sum(Kernel::sobel_x()), 0.0);
    assert_eq!(sum(Kernel::sobel_y()), 0.0);
    assert_eq!(sum(Kernel::laplacian()), 0.0);
    assert_eq!(sum(Kernel::sharpen()), 1.0);
    assert_eq!(sum(Kernel::emboss()), 1.0);
}
