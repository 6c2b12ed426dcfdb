//! Timing of one call, in samples. A short call is repeated within a sample, so that reading the clock costs nothing
//! beside it.

use std::time::Instant;

/// A sample lasts at least this long.
const SAMPLE_SECONDS: f64 = 20e-6;
/// So many samples at least, unless they take too long.
const LEAST_SAMPLES: usize = 5;
/// No further sample once they have taken this long.
const MOST_SECONDS: f64 = 10.0;

/// Seconds of one call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    pub(crate) least: f64,
    pub(crate) median: f64,
}

/// Times `call`; `before_sample` runs before each sample, outside of it. Both change the same `output`.
pub(crate) fn measure<T, E>(
    min_seconds: f64,
    output: &mut [T],
    mut call: impl FnMut(&mut [T]) -> Result<(), E>,
    mut before_sample: impl FnMut(&mut [T]),
) -> Result<Timing, E> {
    // The first call meets cold caches and untouched pages. It counts only if it is too long to be made again.
    let first = sample(1, &mut || call(output))?;
    if first >= MOST_SECONDS {
        return Ok(Timing { least: first, median: first });
    }
    // Even a first call that slow means that one call fills a sample.
    let repeats = if first > 100.0 * SAMPLE_SECONDS { 1 } else { repeats(&mut || call(output))? };
    let (mut samples, mut total) = (Vec::new(), 0.0);
    while (samples.len() < LEAST_SAMPLES || total < min_seconds) && total < min_seconds.max(MOST_SECONDS) {
        before_sample(output);
        let seconds = sample(repeats, &mut || call(output))?;
        total += seconds;
        samples.push(seconds / repeats as f64);
    }
    samples.sort_by(f64::total_cmp);
    Ok(Timing { least: samples[0], median: samples[samples.len() / 2] })
}

/// How often to call within a sample.
fn repeats<E>(call: &mut impl FnMut() -> Result<(), E>) -> Result<usize, E> {
    let mut repeats = 1;
    loop {
        let seconds = sample(repeats, call)?;
        if seconds >= SAMPLE_SECONDS {
            return Ok(repeats);
        }
        let growth = (1.1 * SAMPLE_SECONDS / seconds).clamp(1.0, 100.0);
        repeats = (repeats as f64 * growth) as usize + 1;
    }
}

fn sample<E>(repeats: usize, call: &mut impl FnMut() -> Result<(), E>) -> Result<f64, E> {
    let start = Instant::now();
    for _ in 0..repeats {
        call()?;
    }
    Ok(start.elapsed().as_secs_f64())
}

/// The result of `make` and the shortest of three times it took.
pub(crate) fn shortest<R, E>(make: impl Fn() -> Result<R, E>) -> Result<(R, f64), E> {
    let timed = || {
        let start = Instant::now();
        let result = make()?;
        Ok((result, start.elapsed().as_secs_f64()))
    };
    let first = timed()?.1.min(timed()?.1);
    let (result, last) = timed()?;
    Ok((result, last.min(first)))
}
