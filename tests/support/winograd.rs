//! The error bound of Winograd's minimal filtering, from its transform matrices (`docs/accuracy.md`). The matrices are
//! derived here once more, from their points alone.

use convolve::reference;
use convolve::{Conv, Element, Padding, Plan, View};

use super::run::{Operands, view};

/// The transforms of one axis, absolute values: |A^T|, |G|, |B^T|.
struct Axis {
    outputs: usize,
    tile: usize,
    back: Vec<Vec<f64>>,
    kernel: Vec<Vec<f64>>,
    input: Vec<Vec<f64>>,
}

impl Axis {
    /// Toom and Cook's construction from the finite points, and infinity.
    fn new(outputs: usize) -> Self {
        let points: &[f64] = match outputs {
            4 => &[0.0, 0.625, -0.625, 1.5, -1.5],
            2 => &[0.0, 1.0, -1.0],
            _ => return Axis { outputs: 1, tile: 1, back: one(), kernel: one(), input: one() },
        };
        let tile = points.len() + 1;
        let powers = |point: f64, count: usize| (0..count).map(move |power| point.powi(power as i32));
        let others = |point: f64| points.iter().copied().filter(move |&other| other != point);
        let mut kernel: Vec<Vec<f64>> = points
            .iter()
            .map(|&point| {
                let scale: f64 = others(point).map(|other| point - other).product();
                powers(point, 3).map(|power| (power / scale).abs()).collect()
            })
            .collect();
        kernel.push(vec![0.0, 0.0, 1.0]);
        let mut input: Vec<Vec<f64>> = points.iter().map(|&point| product_of(others(point), tile)).collect();
        input.push(product_of(points.iter().copied(), tile));
        let back = (0..outputs)
            .map(|i| {
                let finite = points.iter().map(|point| point.powi(i as i32).abs());
                finite.chain([if i + 1 == outputs { 1.0 } else { 0.0 }]).collect()
            })
            .collect();
        Axis { outputs, tile, back, kernel, input }
    }
}

fn one() -> Vec<Vec<f64>> {
    vec![vec![1.0]]
}

/// Absolute coefficients of the product of (x - root), lowest first.
fn product_of(roots: impl Iterator<Item = f64>, count: usize) -> Vec<f64> {
    let mut coefficients = vec![0.0; count];
    coefficients[0] = 1.0;
    for root in roots {
        for i in (0..count).rev() {
            let lower = if i > 0 { coefficients[i - 1] } else { 0.0 };
            coefficients[i] = lower - root * coefficients[i];
        }
    }
    coefficients.into_iter().map(f64::abs).collect()
}

/// `rows * values * columns^T`
fn nested(rows: &[Vec<f64>], columns: &[Vec<f64>], values: impl Fn(usize, usize) -> f64) -> Vec<Vec<f64>> {
    let line = |row: &Vec<f64>, column: &Vec<f64>| {
        let mut sum = 0.0;
        for (r, a) in row.iter().enumerate() {
            for (c, b) in column.iter().enumerate() {
                if a * b != 0.0 {
                    sum += a * b * values(r, c);
                }
            }
        }
        sum
    };
    rows.iter().map(|row| columns.iter().map(|column| line(row, column)).collect()).collect()
}

/// For each output: `|A^T| (sum over channels of (|G| |g| |G^T|) .* (|B^T| |d| |B|)) |A|`, and how many roundings a value
/// passes on its way.
pub fn bound<T: Element>(conv: &Conv, plan: &Plan<T>, operands: &Operands<T>) -> (Vec<f64>, f64) {
    let [_, _, rows, columns] = convolve::inspect::tiles(plan);
    let axes = [Axis::new(rows), Axis::new(columns)];
    let ([batch, outputs, height, width], [_, channels, kernel_rows, kernel_columns]) =
        (plan.output_shape(), plan.kernel_shape());
    let padded = padded_input(conv, plan, operands);
    let tiles = [height.div_ceil(axes[0].outputs), width.div_ceil(axes[1].outputs)];
    let group_out = outputs / conv.groups;
    let mut bounds = vec![0.0; batch * outputs * height * width];
    for output in 0..outputs {
        let kernels: Vec<_> = (0..channels)
            .map(|channel| {
                nested(&axes[0].kernel, &axes[1].kernel, |r, c| {
                    let inside = r < kernel_rows && c < kernel_columns;
                    let [r, c] = oriented(conv, [r, c], [kernel_rows, kernel_columns]);
                    let tap = operands.kernel().get([output, channel, r, c]).filter(|_| inside);
                    tap.map_or(0.0, |tap| tap.to_f64().abs())
                })
            })
            .collect();
        for item in 0..batch {
            for tile in 0..tiles[0] * tiles[1] {
                let first = [tile / tiles[1] * axes[0].outputs, tile % tiles[1] * axes[1].outputs];
                let mut products = vec![vec![0.0; axes[1].tile]; axes[0].tile];
                for (channel, kernel) in kernels.iter().enumerate() {
                    let channel = output / group_out * channels + channel;
                    let inputs = nested(&axes[0].input, &axes[1].input, |y, x| {
                        padded(item, channel, first[0] + y, first[1] + x)
                    });
                    for (products, (kernel, inputs)) in products.iter_mut().zip(kernel.iter().zip(&inputs)) {
                        for (product, (g, d)) in products.iter_mut().zip(kernel.iter().zip(inputs)) {
                            *product += g * d;
                        }
                    }
                }
                let results = nested(&axes[0].back, &axes[1].back, |i, j| products[i][j]);
                for (y, line) in results.iter().enumerate().filter(|(y, _)| first[0] + y < height) {
                    for (x, &value) in line.iter().enumerate().filter(|(x, _)| first[1] + x < width) {
                        let row = (item * outputs + output) * height + first[0] + y;
                        bounds[row * width + first[1] + x] = value;
                    }
                }
            }
        }
    }
    // Both transforms nest two axes of as many roundings at most as a tile has values; kernel and products round once.
    let transforms = 4.0 * (axes[0].tile + axes[1].tile) as f64;
    (bounds, transforms + channels as f64 + 4.0)
}

fn oriented(conv: &Conv, [r, c]: [usize; 2], [rows, columns]: [usize; 2]) -> [usize; 2] {
    match conv.operation {
        convolve::Operation::Convolution => [(rows - 1).saturating_sub(r), (columns - 1).saturating_sub(c)],
        _ => [r, c],
    }
}

/// Absolute values of the input as far as windows reach, zeros beyond: item, channel, and place from the corner of the padding.
fn padded_input<T: Element>(
    conv: &Conv,
    plan: &Plan<T>,
    operands: &Operands<T>,
) -> impl Fn(usize, usize, usize, usize) -> f64 + use<T> {
    let [batch, channels, ..] = plan.input_shape();
    let shape = [0, 1].map(|axis| plan.output_shape()[axis + 2] + plan.kernel_shape()[axis + 2] - 1);
    let before = [0, 1].map(|axis| before(conv, plan, axis));
    let after = [0, 1].map(|axis| (shape[axis] - before[axis]).saturating_sub(plan.input_shape()[axis + 2]));
    let copy = Conv::d2([conv.input[0], conv.input[1]], [1, 1])
        .batch(batch)
        .channels(channels, channels)
        .groups(channels)
        .border(conv.border)
        .padding(Padding::Explicit { top: before[0], bottom: after[0], left: before[1], right: after[1] });
    let ones = vec![T::from_f64(1.0); channels];
    let kernel: View<'_, T> = view(&ones, [channels, 1, 1, 1], convolve::Layout::Nchw);
    let values = reference::convolve(&copy, operands.input(), kernel, None, None).expect("a valid request");
    let dims = copy.output_shape().expect("a valid request");
    move |item, channel, y, x| {
        if y >= dims[2] || x >= dims[3] {
            return 0.0;
        }
        values[((item * channels + channel) * dims[2] + y) * dims[3] + x].value.abs()
    }
}

/// Padding before an axis, for steps of one.
fn before<T: Element>(conv: &Conv, plan: &Plan<T>, axis: usize) -> usize {
    let total = (plan.output_shape()[axis + 2] + plan.kernel_shape()[axis + 2] - 1)
        .saturating_sub(plan.input_shape()[axis + 2]);
    match conv.padding {
        Padding::Valid => 0,
        Padding::Full => plan.kernel_shape()[axis + 2] - 1,
        Padding::SameLower => total - total / 2,
        Padding::Explicit { top, left, .. } => [top, left][axis],
        _ => total / 2,
    }
}
