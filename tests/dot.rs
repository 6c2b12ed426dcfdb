//! Layers of few output channels: runs of several vectors with rests, panels of every size, pixels that are neighbours
//! in the output and others, planes of several tasks.

mod support;

use convolve::{Conv, Layout, Padding};
use support::layers::{Layer, agree_exactly, agrees_exactly};
use support::random::Random;

fn layer(random: &mut Random) -> Layer {
    let groups = random.pick(&[1, 1, 1, 2, 3]);
    let channels = [random.between(2, 70), random.between(1, 10).div_ceil(groups)];
    if random.one_in(5) {
        let (input, kernel) = ([1, random.between(1, 90)], [1, random.between(1, 7)]);
        return Layer { channels, groups, dimensions: 1, input, kernel };
    }
    if random.one_in(12) {
        let channels = [random.between(2, 7), channels[1]];
        return Layer {
            channels,
            groups,
            dimensions: 2,
            input: [random.between(60, 80), 40],
            kernel: [3, 3],
        };
    }
    let kernel = random.pick(&[[1, 1], [3, 3], [3, 3], [5, 5], [2, 4], [3, 1]]);
    Layer { channels, groups, dimensions: 2, input: [random.between(1, 9), random.between(1, 20)], kernel }
}

#[test]
fn few_outputs_agree_exactly_f32() {
    agree_exactly::<f32>("dot", 71, layer);
}

#[test]
fn few_outputs_agree_exactly_f64() {
    agree_exactly::<f64>("dot", 72, layer);
}

/// The second row of outputs lies over padding only, as far away as addresses allow.
#[test]
fn a_stride_may_leave_the_memory() {
    let far = 1 << (usize::BITS - 4);
    let padding = Padding::Explicit { top: 0, bottom: far, left: 0, right: 0 };
    let conv = Conv::d2([2, 8], [2, 1]).channels(4, 1).stride([far, 1]).padding(padding);
    let conv = conv.layouts(Layout::Nhwc, Layout::Nhwc);
    for strategy in ["direct", "dot"] {
        let conv = conv.clone().workspace_limit(usize::MAX);
        agrees_exactly::<f32>(&conv, strategy, Layout::Nhwc, &mut Random(73));
    }
}
