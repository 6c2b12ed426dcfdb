//! An RC low-pass: the convolution integral of circuit theory, computed as a sum.
//!
//! ```text
//! cargo run --release --example rc_low_pass
//! ```
//!
//! A resistor R and a capacitor C answer an impulse with h(t) = exp(-t / RC) / RC, and any voltage x(t) with
//! y(t) = integral of h(tau) x(t - tau) d tau. Sampled every dt, the integral becomes the sum
//!
//! ```text
//! y[n] = dt * sum over k of h[k] * x[n - k]
//! ```
//!
//! and that is a convolution times dt. The factor is the d tau of the integral: without it the result would have the
//! wrong unit, and would double whenever dt is halved.
//!
//! The sum counts each sample for a whole dt, those at both ends of the integral too, which is half a dt too much at
//! each. That makes an error in proportion to dt, largest at the first output: one term where the integral is zero.

use convolve::{Error, Mode, convolve};

/// R times C in seconds: 1 kiloohm and 1 microfarad.
const TIME_CONSTANT: f64 = 1e3 * 1e-6;

/// How long to watch.
const DURATION: f64 = 5.0 * TIME_CONSTANT;

fn main() -> Result<(), Error> {
    println!("step response of an RC low-pass, RC = {TIME_CONSTANT} s, for {DURATION} s");
    println!("{:>12} {:>9} {:>15} {:>24}", "dt", "samples", "largest error", "largest error * RC / dt");
    for steps_per_time_constant in [10, 20, 40, 80, 160, 320, 640, 1280] {
        let dt = TIME_CONSTANT / f64::from(steps_per_time_constant);
        let response = step_response(dt)?;
        let errors = response.iter().enumerate().map(|(n, y)| (y - exact_step_response(n as f64 * dt)).abs());
        let largest = errors.fold(0.0, f64::max);
        let relative = largest * TIME_CONSTANT / dt;
        println!("{dt:>12.3e} {:>9} {largest:>15.3e} {relative:>24.4}", response.len());
    }
    println!("The last column is constant: the error shrinks linearly with dt.");
    Ok(())
}

/// The voltage at the capacitor after the input steps from 0 to 1 at time 0.
fn step_response(dt: f64) -> Result<Vec<f64>, Error> {
    let samples = (DURATION / dt).round() as usize;
    let impulse_response = |time: f64| (-time / TIME_CONSTANT).exp() / TIME_CONSTANT;
    let h: Vec<f64> = (0..samples).map(|k| impulse_response(k as f64 * dt)).collect();
    let x = vec![1.0; samples];
    let mut y = convolve(&x, &h, Mode::Full)?;
    // Later ones lack the inputs that were not sampled.
    y.truncate(samples);
    y.iter_mut().for_each(|value| *value *= dt);
    Ok(y)
}

fn exact_step_response(time: f64) -> f64 {
    1.0 - (-time / TIME_CONSTANT).exp()
}
