//! NaN, infinities, empty batches and outputs, and what each accuracy policy promises of them.

mod support;

use convolve::*;
use support::run::{ROUND, combinations, compute, forced};

/// A NaN or infinity reaches exactly the outputs whose window holds it, except by tiles.
#[test]
fn non_finite_values_stay_in_their_windows() {
    for (strategy, isa) in combinations() {
        if ROUND.contains(&strategy) {
            continue;
        }
        for layout in [Layout::Nchw, Layout::Nhwc] {
            for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                let conv =
                    forced(&Conv::d2([9, 40], [3, 5]).padding(Padding::Same).layout(layout), strategy, isa);
                let mut x = vec![1.0; 360];
                x[4 * 40 + 17] = value;
                let y = compute(&conv, &x, &[0.5; 15]).unwrap();
                for (i, y) in y.iter().enumerate() {
                    let inside = (3..=5).contains(&(i / 40)) && (15..=19).contains(&(i % 40));
                    assert_eq!(!y.is_finite(), inside, "{strategy} {isa} {i}");
                    assert!(!inside || y.is_nan() == value.is_nan(), "{strategy} {isa} {i}: {y}");
                }
            }
        }
    }
}

/// The same by policy, wherever the choice falls: the sizes are those where an FFT would win.
#[test]
fn componentwise_accuracy_keeps_non_finite_values_in_their_windows() {
    let conv = Conv::d1(20_000, 500).accuracy(Accuracy::Componentwise);
    let mut x = vec![1.0f32; 20_000];
    x[10_000] = f32::NAN;
    let y = compute(&conv, &x, &[0.25; 500]).unwrap();
    assert_eq!(y.iter().filter(|y| y.is_nan()).count(), 500);
}

#[test]
fn explain_warns_of_the_spread_by_fft() {
    let plan = Conv::d1(20_000, 500).strategy("fft").plan::<f32>().unwrap();
    assert!(plan.explain().caution.is_some_and(|caution| caution.contains("NaN")));
    assert!(plan.explain().to_string().contains("spreads"));
    let mut x = vec![1.0f32; 20_000];
    x[10_000] = f32::NAN;
    let y = compute(&Conv::d1(20_000, 500).strategy("fft"), &x, &[0.25; 500]).unwrap();
    assert!(y.iter().filter(|y| y.is_nan()).count() >= 500);
    let direct = Conv::d1(20_000, 500).strategy("direct").plan::<f32>().unwrap();
    assert_eq!(direct.explain().caution, None);
}

#[test]
fn activations_pass_nan_on() {
    for (strategy, isa) in combinations() {
        for activation in [Activation::Relu, Activation::Clamp { min: -1.0, max: 1.0 }] {
            let conv = forced(&Conv::d1(1, 1).activation(activation), strategy, isa);
            assert!(compute(&conv, &[f64::NAN], &[1.0]).unwrap()[0].is_nan(), "{strategy} {isa}");
            let conv = forced(&Conv::d1(1, 1).activation(Activation::Relu), strategy, isa);
            assert_eq!(compute(&conv, &[-3.0], &[1.0]).unwrap(), [0.0]);
        }
    }
}

#[test]
fn constant_borders_may_be_anything() {
    for (strategy, isa) in combinations() {
        let border = Border::Constant(f64::NAN);
        let conv = forced(&Conv::d1(3, 3).padding(Padding::Same).border(border), strategy, isa);
        let y = compute(&conv, &[1.0f32, 2.0, 3.0], &[1.0, 1.0, 1.0]).unwrap();
        assert!(y[0].is_nan() && y[2].is_nan());
        assert!(ROUND.contains(&strategy) || y[1] == 6.0, "{strategy} {isa}");
    }
}

#[test]
fn nothing_in_gives_nothing_out() {
    for (strategy, isa) in combinations() {
        let empty = forced(&Conv::d2([5, 5], [3, 3]).batch(0), strategy, isa);
        assert_eq!(compute::<f32>(&empty, &[], &[1.0; 9]).unwrap(), []);
        let empty = forced(&Conv::d2([0, 5], [3, 3]).padding(Padding::Same), strategy, isa);
        assert_eq!(empty.output_shape().unwrap(), [1, 1, 0, 5]);
        assert_eq!(compute::<f32>(&empty, &[], &[1.0; 9]).unwrap(), []);
        // Wide enough for any tile, and not forced.
        for columns in [5, 64] {
            let conv = Conv::d2([0, columns], [3, 3]).padding(Padding::Same).instruction_set(isa);
            assert_eq!(compute::<f32>(&conv, &[], &[1.0; 9]).unwrap(), []);
            assert_eq!(compute::<f64>(&conv, &[], &[1.0; 9]).unwrap(), []);
            assert_eq!(conv.plan::<f32>().unwrap().output_shape(), [1, 1, 0, columns]);
        }
        // Padding alone still gives outputs, whatever the steps.
        for [stride, dilation, left] in [[1, 1, 5], [2, 2, 7], [3, 1, 9], [1, 4, 20], [4, 3, 11]] {
            let padding = Padding::Explicit { top: 0, bottom: 0, left, right: 0 };
            let conv = Conv::d1(0, 3)
                .stride(stride)
                .dilation(dilation)
                .padding(padding)
                .border(Border::Constant(1.0));
            let y = compute::<f32>(&forced(&conv, strategy, isa), &[], &[1.0; 3]).unwrap();
            assert_eq!(y.len(), (left - 2 * dilation - 1) / stride + 1);
            y.iter().for_each(|y| approx::assert_abs_diff_eq!(*y, 3.0, epsilon = 1e-5));
        }

        let padded =
            forced(&Conv::d1(0, 2).padding(Padding::columns(2)).border(Border::Constant(3.0)), strategy, isa);
        let y = compute::<f32>(&padded, &[], &[1.0; 2]).unwrap();
        y.iter().for_each(|y| approx::assert_abs_diff_eq!(*y, 6.0, epsilon = 1e-5));
        assert_eq!(y.len(), 3);
    }
}

/// A spike drowns its neighbours in an FFT, by the bound that the policy states; componentwise policy avoids it.
#[test]
fn a_spike_shows_the_difference_of_the_policies() {
    let mut x: Vec<f32> = (0..8192).map(|i| ((i * 37) % 32) as f32 - 16.0).collect();
    x[4000] = 1e8;
    let h: Vec<f32> = (0..255).map(|i| ((i * 29) % 16) as f32 / 8.0 - 1.0).collect();
    let conv = Conv::d1(8192, 255);
    let exact = reference::convolve(&conv, View::signal(&x), View::signal(&h), None, None).unwrap();
    let worst_away_from_spike = |conv: Conv| {
        let y = compute(&conv, &x, &h).unwrap();
        let away = (0..exact.len()).filter(|&i| i + 254 < 4000 || i > 4000);
        away.map(|i| exact[i].distance(f64::from(y[i]))).fold(0.0, f64::max)
    };
    let strict = worst_away_from_spike(conv.clone().accuracy(Accuracy::Componentwise));
    let by_norm = worst_away_from_spike(conv.strategy("fft"));
    assert!(strict < 0.01, "{strict}");
    assert!(by_norm > 10.0 * strict, "{by_norm}");
    // |x| |h| (log2 N + 1) u with |x| = 1e8, |h| < 16, N <= 16384.
    assert!(by_norm < 1e8 * 16.0 * 15.0 * 2f64.powi(-24), "{by_norm}");
}
