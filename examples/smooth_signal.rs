//! Smooths a noisy signal, and finds a pattern that is hidden in noise.
//!
//! ```text
//! cargo run --release --example smooth_signal
//! ```

use convolve::{Border, Conv, Error, Mode, Padding, View, ViewMut, correlate};

fn main() -> Result<(), Error> {
    smooth()?;
    find()
}

/// Gaussian smoothing: the window sums to one, so that slow changes pass and noise averages out.
fn smooth() -> Result<(), Error> {
    let clean: Vec<f32> =
        (0..2000).map(|i| (i as f32 * 0.01).sin() + 0.5 * (i as f32 * 0.023).cos()).collect();
    let noisy = with_noise(&clean, 0.5);
    let window = gaussian_window(8.0);

    // The signal is mirrored at its ends; zeros there would pull the result down.
    let conv = Conv::d1(noisy.len(), window.len()).padding(Padding::Same).border(Border::Symmetric);
    let convolver = conv.with_kernel(View::signal(&window), None)?;
    let mut smoothed = vec![0.0; noisy.len()];
    convolver.execute(View::signal(&noisy), ViewMut::signal(&mut smoothed), &mut convolver.workspace()?)?;

    // A weighted sum of independent noise shrinks it by the root of the sum of the squared weights.
    let expected = window.iter().map(|weight| weight * weight).sum::<f32>().sqrt();
    let (before, after) = (rms_difference(&noisy, &clean), rms_difference(&smoothed, &clean));
    println!("smoothing with {} taps, by {}", window.len(), convolver.plan().strategy());
    println!("  noise before  {before:.3}");
    println!("  noise after   {after:.3}, {:.3} of it left, {expected:.3} expected", after / before);
    println!("  noisy     [{}]", plot(&noisy, first));
    println!("  smoothed  [{}]", plot(&smoothed, first));
    println!("  clean     [{}]", plot(&clean, first));
    Ok(())
}

/// Pattern search: the similarity of each stretch of the signal to the pattern, from -1 to 1 (Pearson's correlation
/// coefficient). Whatever the level and the loudness of the signal, 1 means the same shape.
fn find() -> Result<(), Error> {
    let hidden_at = 1234;
    // A tone that rises.
    let pattern: Vec<f32> = (0..150).map(|i| (0.002 * (i * i) as f32).sin()).collect();
    let mut signal = vec![0.0; 2000];
    signal[hidden_at..hidden_at + pattern.len()].copy_from_slice(&pattern);
    let signal = with_noise(&signal, 1.0);

    let similarity = similarity(&signal, &pattern)?;
    let best = (0..similarity.len()).max_by(|&a, &b| similarity[a].total_cmp(&similarity[b]));
    let found_at = best.unwrap_or_default();
    println!("searching {} samples of pattern in {}", pattern.len(), signal.len());
    println!("  hidden at     {hidden_at}");
    println!("  found at      {found_at}, with similarity {:.3}", similarity[found_at]);
    println!("  signal      [{}]", plot(&signal, highest));
    println!("  similarity  [{}]", plot(&similarity, highest));
    Ok(())
}

/// With the pattern's mean removed, the mean of the signal cancels in the numerator. What is left to divide by are
/// the deviations of both, and those of the signal are sums over a window: correlations with ones.
fn similarity(signal: &[f32], pattern: &[f32]) -> Result<Vec<f32>, Error> {
    let len = pattern.len() as f32;
    let mean = pattern.iter().sum::<f32>() / len;
    let shape: Vec<f32> = pattern.iter().map(|value| value - mean).collect();
    let shape_deviation = shape.iter().map(|value| value * value).sum::<f32>();
    let squares: Vec<f32> = signal.iter().map(|value| value * value).collect();
    let ones = vec![1.0; pattern.len()];

    let products = correlate(signal, &shape, Mode::Valid)?;
    let sums = correlate(signal, &ones, Mode::Valid)?;
    let square_sums = correlate(&squares, &ones, Mode::Valid)?;
    let windows = products.iter().zip(&sums).zip(&square_sums);
    let similarity = windows.map(|((product, sum), square_sum)| {
        let deviation = square_sum - sum * sum / len;
        product / (deviation * shape_deviation).sqrt()
    });
    Ok(similarity.collect())
}

/// Cut off at three standard deviations.
fn gaussian_window(sigma: f32) -> Vec<f32> {
    let radius = (3.0 * sigma).ceil() as i32;
    let weights: Vec<f32> = (-radius..=radius).map(|i| (-0.5 * (i as f32 / sigma).powi(2)).exp()).collect();
    let sum: f32 = weights.iter().sum();
    weights.iter().map(|weight| weight / sum).collect()
}

/// Adds uniform noise of this standard deviation, the same at every run.
fn with_noise(signal: &[f32], deviation: f32) -> Vec<f32> {
    // Knuth's linear congruential generator MMIX; the upper bits are the random ones.
    let mut state = 1u64;
    let mut uniform = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    // Uniform numbers between -1 and 1 have the standard deviation 1 / sqrt(3).
    signal.iter().map(|value| value + 3f32.sqrt() * deviation * uniform()).collect()
}

fn rms_difference(a: &[f32], b: &[f32]) -> f32 {
    let squares: f32 = a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum();
    (squares / a.len() as f32).sqrt()
}

/// One character for each of 80 stretches of the signal, in ten levels from the lowest to the highest.
fn plot(signal: &[f32], pick: fn(&[f32]) -> f32) -> String {
    let picked: Vec<f32> = signal.chunks(signal.len().div_ceil(80)).map(pick).collect();
    let low = picked.iter().copied().fold(f32::INFINITY, f32::min);
    let range = (highest(&picked) - low).max(f32::MIN_POSITIVE);
    let level = |value: &f32| b" .:-=+*#%@"[((value - low) / range * 9.0).round() as usize] as char;
    picked.iter().map(level).collect()
}

fn first(stretch: &[f32]) -> f32 {
    stretch[0]
}

fn highest(stretch: &[f32]) -> f32 {
    stretch.iter().copied().fold(f32::NEG_INFINITY, f32::max)
}
