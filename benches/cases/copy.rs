//! A copy of the input, beside which filters of images are seen: nothing that reads an image and writes one can be
//! expected to be faster.

use std::hint::black_box;
use std::time::Instant;

/// So many bytes are copied at least, or reading the clock would take as long.
const LEAST_BYTES: usize = 1 << 20;

/// Seconds to copy the input over the output, as much as both have.
pub(crate) fn seconds<T: Copy>(input: &[T], output: &mut [T]) -> f64 {
    let count = input.len().min(output.len());
    let repeats = (LEAST_BYTES / size_of_val(&input[..count]).max(1)).clamp(1, LEAST_BYTES);
    let start = Instant::now();
    for _ in 0..repeats {
        black_box(&mut output[..count]).copy_from_slice(black_box(&input[..count]));
    }
    start.elapsed().as_secs_f64() / repeats as f64
}
