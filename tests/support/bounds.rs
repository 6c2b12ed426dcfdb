//! Error bounds, as `docs/accuracy.md` derives them. `u` is the unit round-off.

use convolve::reference::Exact;
use convolve::{Border, Borders, Conv, Element, Plan};

use super::run::Operands;
use super::winograd;

pub fn unit_roundoff<T: Element>() -> f64 {
    match T::TYPE {
        convolve::ElementType::F32 => f64::from(f32::EPSILON) / 2.0,
        _ => f64::EPSILON / 2.0,
    }
}

/// Bounds for the outputs of one problem.
pub struct Bounds {
    u: f64,
    /// Products in a sum.
    products: f64,
    /// Levels of a transform of the whole padded input, rounded up to the next power of two, or of the shortest there
    /// is: no tile has more.
    levels: f64,
    /// Sum over the channels of a group of |x| |h|, the largest over the output channels, where |x| is the norm of both
    /// tiles of a pair.
    norms: f64,
    channels: f64,
    /// For `winograd`: what its transforms make of absolute values, for each output, and roundings on the way.
    tiles: Option<(Vec<f64>, f64)>,
}

impl Bounds {
    /// Borders and paddings bound the norm of the padded input: as many values as it has of the largest that it has.
    pub fn new<T: Element>(conv: &Conv, plan: &Plan<T>, operands: &Operands<T>) -> Self {
        let Borders { top, bottom, left, right } = conv.border;
        let [outputs, channels, rows, columns] = plan.kernel_shape();
        let padded = padded_size(conv, plan);
        let largest = |values: &[T]| values.iter().map(|value| value.to_f64().abs()).fold(0.0, f64::max);
        let constant = [top, bottom, left, right].into_iter().map(|border| match border {
            Border::Constant(value) => value.abs(),
            _ => 0.0,
        });
        let input_norm =
            (2.0 * padded[0] * padded[1]).sqrt() * constant.fold(largest(&operands.input), f64::max);
        let norm = |values: &[T]| values.iter().map(|value| value.to_f64().powi(2)).sum::<f64>().sqrt();
        let taps = rows * columns;
        let kernel_norms = (0..outputs).map(|output| {
            let kernel = &operands.kernel[output * channels * taps..(output + 1) * channels * taps];
            kernel.chunks_exact(taps).map(norm).sum::<f64>()
        });
        Bounds {
            u: unit_roundoff::<T>(),
            products: (channels * taps) as f64,
            levels: levels(padded, rows),
            norms: input_norm * kernel_norms.fold(0.0, f64::max),
            channels: channels as f64,
            tiles: (plan.strategy() == "winograd").then(|| winograd::bound(conv, plan, operands)),
        }
    }

    /// Summation in any order, with or without fused multiply-add, bias and old output included: gamma_d times the
    /// sum of absolute values (Higham, "Accuracy and Stability of Numerical Algorithms", chapter 3).
    pub fn proven_sum(&self, exact: &Exact) -> f64 {
        let d = (self.products + 3.0) * self.u;
        d / (1.0 - d) * exact.magnitude
    }

    /// What sums really lose, with a margin of two: catches a loss of accuracy long before the proven bound.
    pub fn fitted_sum(&self, exact: &Exact) -> f64 {
        (4.0 + 2.0 * (self.products + 3.0).sqrt()) * self.u * exact.magnitude
    }

    /// Three transforms of 6.7 u a level (Higham, theorem 24.2), products and sums over channels, the mean taken out
    /// and given back, by norms; then the epilogue.
    pub fn proven_fft(&self, exact: &Exact) -> f64 {
        (3.0 * 6.7 * self.levels + 6.0 + self.channels) * self.u * self.norms + 3.0 * self.u * exact.magnitude
    }

    /// What transforms really lose, with a margin: u (levels + 3) by norms.
    pub fn fitted_fft(&self, exact: &Exact) -> f64 {
        (self.levels + 3.0 + self.channels) * self.u * self.norms + 3.0 * self.u * exact.magnitude
    }

    /// The bound of `winograd` for an output, with a factor that stands for its roundings.
    fn transformed(&self, exact: &Exact, output: usize, factor: impl Fn(f64) -> f64) -> f64 {
        let (magnitudes, roundings) = self.tiles.as_ref().expect("made for this strategy");
        factor(*roundings) * magnitudes[output] + 3.0 * self.u * exact.magnitude
    }

    /// What a strategy must keep, for one of the outputs.
    pub fn proven(&self, strategy: &str, exact: &Exact, output: usize) -> f64 {
        match strategy {
            "fft" => self.proven_fft(exact),
            "winograd" => self.transformed(exact, output, |d| d * self.u / (1.0 - d * self.u)),
            _ => self.proven_sum(exact),
        }
    }

    /// What it keeps in practice.
    pub fn fitted(&self, strategy: &str, exact: &Exact, output: usize) -> f64 {
        match strategy {
            "fft" => self.fitted_fft(exact),
            "winograd" => self.transformed(exact, output, |d| d.sqrt() * self.u),
            _ => self.fitted_sum(exact).min(self.proven_sum(exact)),
        }
    }
}

/// Levels of transforms along both axes, of the next power of two. The shortest blocks along rows alone, for kernels of
/// one row, have 512 samples, twice the square of the longest vector, and turning their halves counts as the level that
/// their transform is short of; others have 16.
fn levels([height, width]: [f64; 2], taps: usize) -> f64 {
    let of = |size: f64, least: f64| (2.0 * size.max(least / 2.0)).log2().ceil();
    of(height, 16.0) + of(width, if taps == 1 { 512.0 } else { 16.0 })
}

/// Rows and columns of the padded input that any window or tile reads.
fn padded_size<T: Element>(conv: &Conv, plan: &Plan<T>) -> [f64; 2] {
    let (output, kernel) = (plan.output_shape(), plan.kernel_shape());
    [0, 1].map(|axis| {
        let reach = (output[axis + 2] - 1) * conv.stride[axis] + (kernel[axis + 2] - 1) * conv.dilation[axis];
        (reach + 1).max(plan.input_shape()[axis + 2]) as f64
    })
}
