//! The error bound of Winograd's minimal filtering, from its transform matrices (`docs/accuracy.md`). The matrices are
//! derived here once more, from their points alone.

use convolve::reference;
use convolve::{Conv, Element, Padding, Plan, View};

use super::run::{Operands, view};

/// The transforms of one piece of the kernel along an axis, absolute values: |A^T|, |G|, |B^T|.
struct Piece {
    /// The first tap, and how many.
    tap: usize,
    taps: usize,
    back: Matrix,
    kernel: Matrix,
    input: Matrix,
}

type Matrix = Vec<Vec<f64>>;

impl Piece {
    /// Toom and Cook's construction from the finite points, and infinity.
    fn new(outputs: usize, tap: usize, taps: usize) -> Self {
        let points: &[f64] = match (outputs, taps) {
            (4, 3) => &[0.0, 0.625, -0.625, 1.5, -1.5],
            (4, 2) => &[0.375, -0.375, 1.25, -1.25],
            (2, 3) => &[0.0, 1.0, -1.0],
            (2, 2) => &[1.0, -1.0],
            // As many products as outputs.
            _ => {
                let unit = |i: usize| (0..outputs).map(|j| if i == j { 1.0 } else { 0.0 }).collect();
                let identity: Matrix = (0..outputs).map(unit).collect();
                return Piece {
                    tap,
                    taps,
                    back: identity.clone(),
                    kernel: vec![vec![1.0]; outputs],
                    input: identity,
                };
            }
        };
        let tile = points.len() + 1;
        let powers = |point: f64, count: usize| (0..count).map(move |power| point.powi(power as i32));
        let others = |point: f64| points.iter().copied().filter(move |&other| other != point);
        let mut kernel: Matrix = points
            .iter()
            .map(|&point| {
                let scale: f64 = others(point).map(|other| point - other).product();
                powers(point, taps).map(|power| (power / scale).abs()).collect()
            })
            .collect();
        kernel.push((0..taps).map(|i| if i + 1 == taps { 1.0 } else { 0.0 }).collect());
        let mut input: Matrix = points.iter().map(|&point| product_of(others(point), tile)).collect();
        input.push(product_of(points.iter().copied(), tile));
        let back = (0..outputs)
            .map(|i| {
                let finite = points.iter().map(|point| point.powi(i as i32).abs());
                finite.chain([if i + 1 == outputs { 1.0 } else { 0.0 }]).collect()
            })
            .collect();
        Piece { tap, taps, back, kernel, input }
    }

    fn tile(&self) -> usize {
        self.input.len()
    }
}

/// How an axis is computed.
struct Axis {
    pieces: Vec<Piece>,
    /// From tap to tap of a piece, and from input to input of a tile.
    tap_step: usize,
    input_step: usize,
    /// From output to output of a tile.
    phases: usize,
    stride: usize,
    dilation: usize,
    /// Outputs of a tile, and of the axis.
    outputs: usize,
    output: usize,
}

impl Axis {
    /// `code` is what the packed kernel says: outputs of a tile, and eight times one less than the step of taps.
    fn new<T: Element>(conv: &Conv, plan: &Plan<T>, axis: usize, code: usize) -> Self {
        let (outputs, tap_step) = (code % 8, code / 8 + 1);
        let (taps, output) = (plan.kernel_shape()[axis + 2], plan.output_shape()[axis + 2]);
        let stride = if output <= 1 { 1 } else { conv.stride[axis] };
        let dilation = if taps == 1 { 1 } else { conv.dilation[axis] };
        let divisor = (1..=stride).rev().find(|d| stride % d == 0 && dilation % d == 0).expect("one divides");
        let mut pieces = Vec::new();
        for first in 0..tap_step {
            let mut rest: Vec<usize> = (first..taps).step_by(tap_step).collect();
            while !rest.is_empty() {
                let length = match rest.len() {
                    _ if outputs == 1 => 1,
                    4 => 2,
                    count => count.min(3),
                };
                pieces.push(Piece::new(outputs, rest[0], length));
                rest.drain(..length);
            }
        }
        Axis {
            pieces,
            tap_step,
            input_step: tap_step * dilation,
            phases: dilation / divisor,
            stride,
            dilation,
            outputs,
            output,
        }
    }

    /// The first output of each tile.
    fn tiles(&self) -> Vec<usize> {
        let is_first = |n: &usize| n % (self.outputs * self.phases) < self.phases;
        (0..self.output).filter(is_first).collect()
    }

    /// Place in the padded input of an input of a tile.
    fn input(&self, first: usize, piece: &Piece, i: usize) -> usize {
        first * self.stride + piece.tap * self.dilation + i * self.input_step
    }

    /// Kinds of pieces, and the most pieces of a kind.
    fn kinds(&self) -> [usize; 2] {
        let counts = [1, 2, 3].map(|taps| self.pieces.iter().filter(|piece| piece.taps == taps).count());
        [counts.iter().filter(|&&count| count > 0).count(), counts.into_iter().max().unwrap_or(0)]
    }
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
fn nested(rows: &Matrix, columns: &Matrix, values: impl Fn(usize, usize) -> f64) -> Matrix {
    let times = |matrix: &Matrix, vector: &[f64]| -> Vec<f64> {
        matrix.iter().map(|row| row.iter().zip(vector).map(|(a, b)| a * b).sum()).collect()
    };
    let [height, width] = [rows[0].len(), columns[0].len()];
    let lines: Matrix =
        (0..height).map(|r| times(columns, &(0..width).map(|c| values(r, c)).collect::<Vec<_>>())).collect();
    let column = |c: usize| times(rows, &lines.iter().map(|line| line[c]).collect::<Vec<_>>());
    let turned: Matrix = (0..columns.len()).map(column).collect();
    (0..rows.len()).map(|r| turned.iter().map(|column| column[r]).collect()).collect()
}

/// For each output the sum over all pieces of the kernel of `|A^T| (sum over channels of (|G| |g| |G^T|) .* (|B^T| |d|
/// |B|)) |A|`, and how many roundings a value passes on its way.
pub fn bound<T: Element>(conv: &Conv, plan: &Plan<T>, operands: &Operands<T>) -> (Vec<f64>, f64) {
    let [.., rows, columns] = convolve::inspect::tiles(plan);
    let axes = [Axis::new(conv, plan, 0, rows), Axis::new(conv, plan, 1, columns)];
    let ([batch, outputs, height, width], [_, channels, ..]) = (plan.output_shape(), plan.kernel_shape());
    let padded = padded_input(conv, plan, operands);
    let mut bounds = vec![0.0; batch * outputs * height * width];
    let pairs = axes[0].pieces.iter().flat_map(|row| axes[1].pieces.iter().map(move |column| [row, column]));
    for pieces in pairs {
        let kernels = kernels(conv, plan, operands, &axes, pieces);
        let tiles = axes[0].tiles().into_iter();
        let tiles = tiles.flat_map(|row| axes[1].tiles().into_iter().map(move |column| [row, column]));
        for (item, first) in tiles.flat_map(|first| (0..batch).map(move |item| (item, first))) {
            let inputs: Vec<Matrix> = (0..conv.channels_in)
                .map(|channel| {
                    nested(&pieces[0].input, &pieces[1].input, |i, j| {
                        let [y, x] =
                            [(0, i), (1, j)].map(|(axis, i)| axes[axis].input(first[axis], pieces[axis], i));
                        padded(item, channel, y, x)
                    })
                })
                .collect();
            for output in 0..outputs {
                let group = output / (outputs / conv.groups);
                let inputs = &inputs[group * channels..(group + 1) * channels];
                let product = |i: usize, j: usize| -> f64 {
                    let kernels = &kernels[output * channels..];
                    inputs.iter().zip(kernels).map(|(input, kernel)| input[i][j] * kernel[i][j]).sum()
                };
                let results = nested(&pieces[0].back, &pieces[1].back, product);
                for (i, line) in results.iter().enumerate() {
                    for (j, &value) in line.iter().enumerate() {
                        let [y, x] = [(0, i), (1, j)].map(|(axis, i)| first[axis] + i * axes[axis].phases);
                        if y < height && x < width {
                            bounds[((item * outputs + output) * height + y) * width + x] += value;
                        }
                    }
                }
            }
        }
    }
    (bounds, roundings(&axes, channels))
}

/// Both transforms nest two axes of as many roundings at most as a tile has values; kernel and products round once. The
/// pieces of a family add up like channels, then the families.
fn roundings(axes: &[Axis; 2], channels: usize) -> f64 {
    let tile = |axis: &Axis| axis.pieces.iter().map(Piece::tile).max().unwrap_or(1);
    let [[families, pieces], [more_families, more_pieces]] = [0, 1].map(|axis| axes[axis].kinds());
    let transforms = 4 * (tile(&axes[0]) + tile(&axes[1]));
    (transforms + channels * pieces * more_pieces + families * more_families + 4) as f64
}

/// The taps of a piece transformed, for each pair of channels.
fn kernels<T: Element>(
    conv: &Conv,
    plan: &Plan<T>,
    operands: &Operands<T>,
    axes: &[Axis; 2],
    pieces: [&Piece; 2],
) -> Vec<Matrix> {
    let [outputs, channels, rows, columns] = plan.kernel_shape();
    let pairs = (0..outputs).flat_map(|output| (0..channels).map(move |channel| [output, channel]));
    pairs
        .map(|[output, channel]| {
            nested(&pieces[0].kernel, &pieces[1].kernel, |r, c| {
                let [r, c] = [(0, r), (1, c)].map(|(axis, i)| pieces[axis].tap + i * axes[axis].tap_step);
                let [r, c] = oriented(conv, [r, c], [rows, columns]);
                operands.kernel().get([output, channel, r, c]).map_or(0.0, |tap| tap.to_f64().abs())
            })
        })
        .collect()
}

fn oriented(conv: &Conv, [r, c]: [usize; 2], [rows, columns]: [usize; 2]) -> [usize; 2] {
    match conv.operation {
        convolve::Operation::Convolution => [rows - 1 - r, columns - 1 - c],
        _ => [r, c],
    }
}

/// Absolute values of the input as far as windows reach, zeros beyond: item, channel, and place from the corner of the
/// padding.
fn padded_input<T: Element>(
    conv: &Conv,
    plan: &Plan<T>,
    operands: &Operands<T>,
) -> impl Fn(usize, usize, usize, usize) -> f64 + use<T> {
    let [batch, channels, ..] = plan.input_shape();
    let shape = [0, 1].map(|axis| reach(conv, plan, axis));
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
        if y >= shape[0] || x >= shape[1] {
            return 0.0;
        }
        values[((item * channels + channel) * dims[2] + y) * dims[3] + x].value.abs()
    }
}

/// Inputs under all windows along an axis.
fn reach<T: Element>(conv: &Conv, plan: &Plan<T>, axis: usize) -> usize {
    let [outputs, taps] = [plan.output_shape()[axis + 2], plan.kernel_shape()[axis + 2]];
    outputs.saturating_sub(1) * conv.stride[axis] + (taps - 1) * conv.dilation[axis] + 1
}

/// Padding before an axis.
fn before<T: Element>(conv: &Conv, plan: &Plan<T>, axis: usize) -> usize {
    let total = reach(conv, plan, axis).saturating_sub(plan.input_shape()[axis + 2]);
    match conv.padding {
        Padding::Valid => 0,
        Padding::Full => (plan.kernel_shape()[axis + 2] - 1) * conv.dilation[axis],
        Padding::SameLower => total - total / 2,
        Padding::Explicit { top, left, .. } => [top, left][axis],
        _ => total / 2,
    }
}
