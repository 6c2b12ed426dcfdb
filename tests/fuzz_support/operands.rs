//! Integer operands and the comparison with the reference: small integers make every sum exact in `f32`, so that
//! summation in any order must give equal results, and transforms must round to them.

use convolve::reference::Exact;
use convolve::{Declined, Element, Error, Plan};

use super::request::{AMPLE_WORKSPACE, Request};

/// More multiply-adds than this take the reference too long.
const MOST_MULTIPLY_ADDS: f64 = 50_000.0;

/// What a case leaves free: values and memory.
#[derive(Clone, Copy)]
pub struct Seed(pub u8);

impl Seed {
    /// Integers from -8 to 8, other ones for each `operand`.
    pub fn integers<T: Element>(self, operand: u64, count: usize) -> Vec<T> {
        let mut state = u64::from(self.0) << 8 | operand;
        let mut next = || {
            // Steele and Vigna's SplitMix64.
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
            (mixed ^ mixed >> 31) % 17
        };
        (0..count).map(|_| T::from_f64(next() as f64 - 8.0)).collect()
    }
}

/// The kernel of one execution: for a strategy that depends on its values, a column times a row for each plane, or
/// equal taps, which lines must have.
pub fn kernel<T: Element>(seed: Seed, strategy: &str, dims: [usize; 4]) -> Vec<T> {
    let count = dims.iter().product();
    if strategy != "separable" {
        return seed.integers(1, count);
    }
    let [outputs, inputs, rows, columns] = dims;
    let (column, row) = (seed.integers::<T>(1, outputs * inputs * rows), seed.integers::<T>(4, columns));
    if rows == 1 || columns == 1 || seed.0.is_multiple_of(4) {
        return (0..count).map(|tap| column[tap / (rows * columns)]).collect();
    }
    (0..count).map(|tap| column[tap / columns] * row[tap % columns]).collect()
}

/// Whether the definition can be computed while a fuzzer waits.
pub fn is_affordable(request: &Request) -> bool {
    let count = |shape: [usize; 4]| shape.iter().map(|&size| size as f64).product::<f64>();
    let Request { batch, channels, input, kernel, groups, .. } = *request;
    let inputs = count([batch, channels[0], input[0], input[1]]);
    let taps = count([channels[1], channels[0] / groups, kernel[0], kernel[1]]);
    request.multiply_adds() + inputs + taps <= MOST_MULTIPLY_ADDS
}

/// Whether a kernel can be packed while a fuzzer limits memory: spectra of many short kernels are far longer than
/// those.
pub fn is_packable<T: Element>(plan: &Plan<T>) -> bool {
    plan.packed_bytes() <= AMPLE_WORKSPACE
}

/// Strategies that serve every problem.
const SERVE_ALL: [&str; 3] = ["direct", "gemm", "fft"];

/// Small requests are refused for these reasons only.
pub fn assert_refusal_is_due(request: &Request, strategy: &str, error: &Error) {
    let is_due = match error {
        Error::KernelExceedsInput { .. } => request.output_shape().is_none(),
        Error::BorderOfEmptyAxis { .. } => request.input.contains(&0),
        Error::EmptyClamp { min, max } => min > max,
        Error::Declined { strategy, reason: Declined::Problem { .. } } => !SERVE_ALL.contains(strategy),
        Error::Declined {
            strategy: "fft" | "winograd" | "dot",
            reason: Declined::Workspace { needed, limit },
        } => needed > limit && *limit == request.workspace_limit && is_far_or_tight(request),
        _ => false,
    };
    assert!(is_due, "{strategy} refuses {}: {error}", request.conv());
}

/// Whether a transform, or a copy, may not fit the workspace.
fn is_far_or_tight(request: &Request) -> bool {
    let extents = [0, 1].map(|axis| (request.kernel[axis] - 1).saturating_mul(request.dilation[axis]));
    request.workspace_limit < AMPLE_WORKSPACE
        || extents.iter().any(|&extent| extent > 1000)
        || request.channels[0] > 1000
}

/// Panics unless the outputs, in the order of the reference, are exact; those of a transform after rounding.
pub fn assert_exact(case: &str, strategy: &str, expected: &[Exact], computed: impl Iterator<Item = f64>) {
    let mut count = 0;
    for (index, (exact, computed)) in expected.iter().zip(computed).enumerate() {
        let rounded =
            if ["fft", "winograd", "separable"].contains(&strategy) { computed.round() } else { computed };
        assert!(rounded == exact.value, "{case}: output {index} is {computed}, not {}", exact.value);
        count += 1;
    }
    assert_eq!(count, expected.len(), "{case}: outputs are missing");
}

/// Every index in the order of the reference.
pub fn indices(dims: [usize; 4]) -> impl Iterator<Item = [usize; 4]> + Clone {
    let [_, channels, rows, columns] = dims;
    let place = move |i: usize| {
        let (line, column) = (i / columns, i % columns);
        let (plane, row) = (line / rows, line % rows);
        [plane / channels, plane % channels, row, column]
    };
    // Other sizes beside a zero may be too large to multiply.
    let count = if dims.contains(&0) { 0 } else { dims.iter().product() };
    (0..count).map(place)
}
