//! A layer of a convolutional neural network: planned once, executed for many inputs.
//!
//! ```text
//! cargo run --release --example cnn_layer
//! ```

use std::time::Instant;

use convolve::{Activation, Conv, Error, Padding, View, ViewMut, reference};

const BATCH: usize = 2;
const CHANNELS: [usize; 2] = [16, 32];
const SIZE: usize = 56;

fn main() -> Result<(), Error> {
    let conv = Conv::d2([SIZE, SIZE], [3, 3])
        .batch(BATCH)
        .channels(CHANNELS[0], CHANNELS[1])
        .padding(Padding::Same)
        .activation(Activation::Relu);
    let weights = values(CHANNELS[1] * CHANNELS[0] * 9, 0.37);
    let bias = values(CHANNELS[1], 0.11);

    // Here memory is allocated and the weights are packed; after this nothing is.
    let layer = conv.with_kernel(View::nchw(&weights, [CHANNELS[1], CHANNELS[0], 3, 3])?, Some(&bias))?;
    let mut workspace = layer.workspace()?;
    let mut output = vec![0.0; BATCH * CHANNELS[1] * SIZE * SIZE];
    print!("{}", layer.explain());

    for seed in [0.19, 0.23, 0.29] {
        let input = values(BATCH * CHANNELS[0] * SIZE * SIZE, seed);
        let x = View::nchw(&input, layer.plan().input_shape())?;
        let y = ViewMut::nchw(&mut output, layer.output_shape())?;
        let start = Instant::now();
        layer.execute(x, y, &mut workspace)?;
        let seconds = start.elapsed().as_secs_f64();

        let speed = layer.plan().multiply_adds() / seconds / 1e9;
        let error = error_at(&output, x, &weights, &bias, [20, 30])?;
        println!("executed in {:.3} ms, {speed:.1} billion multiply-adds per second", 1e3 * seconds);
        println!("  distance from the reference at pixel (20, 30): {error:.1e}");
    }
    Ok(())
}

/// The largest distance from the definition in any channel of one pixel. Only the inputs under the kernel matter to
/// it: a crop as large as the kernel, without padding, gives the same values.
fn error_at(
    output: &[f32],
    input: View<'_, f32>,
    weights: &[f32],
    bias: &[f32],
    [row, column]: [usize; 2],
) -> Result<f64, Error> {
    let crop = input.rows(row - 1..row + 2)?.columns(column - 1..column + 2)?;
    let conv = Conv::d2([3, 3], [3, 3]).batch(BATCH).channels(CHANNELS[0], CHANNELS[1]);
    let conv = conv.activation(Activation::Relu);
    let weights = View::nchw(weights, [CHANNELS[1], CHANNELS[0], 3, 3])?;
    let exact = reference::convolve(&conv, crop, weights, Some(bias), None)?;
    let planes = output.chunks_exact(SIZE * SIZE);
    let errors =
        exact.iter().zip(planes).map(|(exact, plane)| exact.distance(plane[row * SIZE + column].into()));
    Ok(errors.fold(0.0, f64::max))
}

/// Numbers between -1 and 1, in place of trained weights and real inputs.
fn values(count: usize, seed: f32) -> Vec<f32> {
    (0..count).map(|i| (i as f32 * seed).sin()).collect()
}
