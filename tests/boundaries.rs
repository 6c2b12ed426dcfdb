//! Exhaustive small sizes: every width around lanes and tiles, kernels larger than inputs, single rows and columns,
//! and outputs around the ends of FFT tiles. Whole numbers, so that every result must be exact.

mod support;

use convolve::{Activation, Border, Borders, Conv, Element, Layout, Padding, Plan};
use support::random::Random;
use support::run::{Operands, ROUND, combinations, forced};

/// Compares one request, forced to every combination, with the definition.
fn check<T: Element>(conv: &Conv, layout: Layout, random: &mut Random) {
    check_with::<T>(conv, layout, random, |conv| conv);
}

/// The same with `fft` narrowed: a limit on its workspace makes its tiles small, others could not serve at all.
fn check_with<T: Element>(conv: &Conv, layout: Layout, random: &mut Random, narrow: impl Fn(Conv) -> Conv) {
    let operands = Operands::<T>::new(conv, layout, random, |random, count| random.integers(count, 4));
    check_operands(conv, &operands, narrow);
}

fn check_operands<T: Element>(conv: &Conv, operands: &Operands<T>, narrow: impl Fn(Conv) -> Conv) {
    let exact = operands.reference(conv);
    for (strategy, isa) in combinations() {
        let conv = forced(conv, strategy, isa);
        let conv = if strategy == "fft" { narrow(conv) } else { conv };
        let plan: Plan<T> = conv.plan().expect("a valid request");
        if plan.strategy() != strategy {
            continue;
        }
        let computed = operands.execute(&plan, conv.accumulate != 0.0);
        for (i, (value, exact)) in computed.iter().zip(&exact).enumerate() {
            let value = if ROUND.contains(&strategy) { value.to_f64().round() } else { value.to_f64() };
            assert_eq!(value, exact.value, "output {i} of {strategy} on {isa}: {}", plan.explain().problem);
        }
    }
}

/// Three vectors of the widest kind and one more, for every kernel from 1 to 9.
fn every_width_and_kernel<T: Element>(rows: usize) {
    let mut random = Random(5);
    for width in 1..=3 * 16 + 1 {
        for taps in 1..=9 {
            for padding in [Padding::Valid, Padding::Same, Padding::Full] {
                let conv = if rows == 1 { Conv::d1(width, taps) } else { Conv::d2([rows, width], [3, taps]) };
                let conv = conv.padding(padding);
                if conv.output_shape().is_ok() {
                    check::<T>(&conv, Layout::Nchw, &mut random);
                }
            }
        }
    }
}

#[test]
fn every_width_and_kernel_of_signals() {
    every_width_and_kernel::<f32>(1);
    every_width_and_kernel::<f64>(1);
}

#[test]
fn every_width_and_kernel_of_images() {
    every_width_and_kernel::<f32>(5);
    every_width_and_kernel::<f64>(5);
}

/// Tiles of one row are ten vectors wide, and share loads among taps that are up to three vectors apart.
#[test]
fn rows_around_wide_tiles_and_taps_around_vectors() {
    let mut random = Random(16);
    for width in [158, 160, 161, 175, 330] {
        for taps in [2, 5, 8, 15, 16, 17, 31, 33, 48, 63, 64, 65, 100, 130] {
            for (stride, dilation) in [(1, 1), (1, 2), (1, 3), (2, 1), (3, 2)] {
                let extent = (taps - 1) * dilation + 1;
                let conv = Conv::d1((width - 1) * stride + extent, taps).stride([1, stride]);
                check::<f32>(&conv.dilation([1, dilation]), Layout::Nchw, &mut random);
            }
            let conv = Conv::d1(width, taps).padding(Padding::Same).accumulate(2.0);
            check::<f64>(&conv, Layout::Nchw, &mut random);
        }
    }
}

/// The items of a batch of signals are rows of a plane, of which a task takes up to 64.
#[test]
fn batches_of_signals() {
    let mut random = Random(17);
    for batch in [1, 2, 16, 65, 130] {
        for (width, taps) in [(1, 1), (7, 3), (40, 5), (200, 20)] {
            for channels in [1, 2] {
                let conv = Conv::d1(width, taps).batch(batch).channels(channels, channels).groups(channels);
                check::<f32>(&conv.padding(Padding::Same), Layout::Nchw, &mut random);
            }
        }
    }
}

/// Few channels in a pixel, each with a kernel of its own; in views of either layout, whatever the request says.
#[test]
fn interleaved_channels() {
    let mut random = Random(18);
    for channels in 2..=9 {
        for (input, kernel) in
            [([1, 5], [1, 2]), ([4, 17], [3, 3]), ([9, 40], [2, 5]), ([13, 130], [5, 4]), ([22, 230], [3, 1])]
        {
            for (stride, dilation) in [(1, 1), (2, 1), (1, 2), (3, 2)] {
                let conv = Conv::d2(input, kernel).channels(channels, channels).groups(channels);
                let conv = conv.stride(stride).dilation(dilation).padding(Padding::Same);
                let conv = conv.border(Border::Reflect101).layout(Layout::Nhwc);
                if conv.output_shape().is_ok() {
                    check::<f32>(&conv, Layout::Nhwc, &mut random);
                    check::<f64>(&conv, Layout::Nhwc, &mut random);
                    check::<f32>(&conv, Layout::Nchw, &mut random);
                }
            }
        }
    }
}

/// Colours that have one kernel, with one bias, a bias each, and none.
#[test]
fn interleaved_channels_with_one_kernel() {
    let mut random = Random(18);
    for channels in [2, 3, 4, 6] {
        for (width, kernel) in
            [(5, [3, 3]), (40, [3, 3]), (70, [5, 5]), (70, [7, 7]), (37, [2, 6]), (40, [1, 9])]
        {
            for border in [Border::Zero, Border::Reflect101] {
                let conv = Conv::d2([19, width], kernel).channels(channels, channels).groups(channels);
                let conv = conv.layout(Layout::Nhwc).padding(Padding::Same).border(border);
                check_one_kernel::<f32>(&conv, channels, &mut random);
                check_one_kernel::<f64>(&conv.clone().dilation(2).accumulate(1.0), channels, &mut random);
                check_one_kernel::<f32>(&conv.stride([2, 1]), channels, &mut random);
            }
        }
    }
}

fn check_one_kernel<T: Element>(conv: &Conv, channels: usize, random: &mut Random) {
    let fill = |random: &mut Random, count: usize| random.integers(count, 4);
    let mut operands = Operands::<T>::new(conv, Layout::Nhwc, random, fill);
    operands.kernel = operands.kernel[..operands.kernel.len() / channels].repeat(channels);
    for bias in [None, Some(vec![T::from_f64(3.0); channels]), Some(fill(random, channels))] {
        operands.bias = bias;
        check_operands(conv, &operands, |conv| conv);
    }
}

/// Tiles take up to four rows, and rows at a spacing where there are dilations.
#[test]
fn every_height_stride_and_dilation_of_rows() {
    let mut random = Random(6);
    for height in 1..=13 {
        for taps in 1..=6 {
            for (stride, dilation) in
                [(1, 1), (1, 2), (1, 3), (2, 1), (3, 1), (2, 2), (4, 6), (3, 2), (5, 20)]
            {
                let conv = Conv::d2([height, 5], [taps, 2]).stride([stride, 1]).dilation([dilation, 1]);
                check::<f32>(&conv.padding(Padding::Full), Layout::Nchw, &mut random);
            }
        }
    }
}

/// Bands hold phases of the stride, or tap columns apart where dilations are wide.
#[test]
fn every_stride_and_dilation_of_columns() {
    let mut random = Random(7);
    for stride in 1..=9 {
        for dilation in [1, 2, 3, 4, 7, 50] {
            for taps in [1, 2, 5] {
                let conv = Conv::d2([3, 40], [2, taps]).stride([1, stride]).dilation([1, dilation]);
                check::<f32>(&conv.padding(Padding::Full), Layout::Nchw, &mut random);
            }
        }
    }
}

/// Strides that leave rows or columns out, along an axis of a single tap beside one of several.
#[test]
fn strides_beyond_one_tap() {
    let mut random = Random(17);
    for stride in [2, 3, 4, 7] {
        for (kernel, stride) in [([3, 1], [1, stride]), ([1, 3], [stride, 1]), ([2, 1], [1, stride])] {
            for layout in [Layout::Nchw, Layout::Nhwc] {
                let conv = Conv::d2([13, 11], kernel).stride(stride).channels(12, 6).groups(3);
                let sides = Padding::Explicit { top: 1, bottom: 2, left: 3, right: 1 };
                check::<f32>(&conv, layout, &mut random);
                check::<f64>(&conv.padding(sides).border(Border::Replicate), layout, &mut random);
            }
        }
    }
}

/// Panels of up to 14 rows and 32 columns, in both roles.
#[test]
fn every_channel_count_around_panels() {
    let mut random = Random(8);
    for layout in [Layout::Nchw, Layout::Nhwc] {
        for outputs in 1..=35 {
            for pixels in [1, 6, 13, 14, 15, 31, 33] {
                let conv = Conv::d2([1, pixels], [1, 1]).channels(3, outputs).layout(layout);
                check::<f32>(&conv, layout, &mut random);
            }
        }
    }
}

/// Two pixels share the last vector of channels where these fill at most half of it; pixels are taken by twos then.
#[test]
fn channels_that_fill_half_a_vector() {
    let mut random = Random(19);
    for outputs in [3, 6, 9, 12, 17, 24, 25, 40, 55, 56, 57, 72] {
        for pixels in 1..=23 {
            let conv = Conv::d2([1, pixels], [1, 1]).channels(3, outputs).layout(Layout::Nhwc);
            check::<f32>(&conv, Layout::Nhwc, &mut random);
            let conv = conv.accumulate(2.0).activation(Activation::Clamp { min: -9.0, max: 12.0 });
            check::<f64>(&conv, Layout::Nhwc, &mut random);
            check::<f32>(&conv, Layout::Nchw, &mut random);
        }
        let conv = Conv::d2([7, 5], [3, 3]).channels(4, 2 * outputs).groups(2).padding(Padding::Same);
        check::<f32>(&conv, Layout::Nhwc, &mut random);
        check::<f64>(&conv, Layout::Nhwc, &mut random);
    }
}

/// Tiles of one vector take up to 28 pixels of a row, or 12, and some of several rows where those are left.
#[test]
fn one_vector_of_channels_along_rows_of_any_length() {
    let mut random = Random(20);
    for outputs in [2, 7, 16] {
        for pixels in (10..=36).chain([40, 49, 55, 56, 57, 63, 85, 112]) {
            let conv = Conv::d2([3, pixels], [1, 1]).channels(2, outputs).layout(Layout::Nhwc);
            check::<f32>(&conv.clone().stride([2, 1]), Layout::Nhwc, &mut random);
            let conv = conv.padding(Padding::Explicit { top: 1, bottom: 0, left: 2, right: 1 });
            let conv = conv.accumulate(-1.0).activation(Activation::Relu);
            check::<f32>(&conv, Layout::Nhwc, &mut random);
            check::<f64>(&conv, Layout::Nchw, &mut random);
        }
    }
}

/// The depth of matrices is cut into blocks.
#[test]
fn depths_around_blocks() {
    let mut random = Random(9);
    for channels in [63, 64, 255, 256, 257, 511, 513, 1030] {
        for layout in [Layout::Nchw, Layout::Nhwc] {
            for outputs in [5, 21] {
                let conv = Conv::d2([3, 6], [1, 1]).channels(channels, outputs).layout(layout);
                check::<f32>(&conv, layout, &mut random);
                check::<f64>(&conv, layout, &mut random);
            }
        }
    }
}

#[test]
fn kernels_larger_than_the_input() {
    let mut random = Random(10);
    for (input, kernel) in [([1, 1], [9, 9]), ([3, 2], [7, 11]), ([1, 5], [1, 60]), ([40, 1], [90, 3])] {
        for padding in [Padding::Same, Padding::SameLower, Padding::Full] {
            check::<f32>(&Conv::d2(input, kernel).padding(padding), Layout::Nchw, &mut random);
            check::<f64>(&Conv::d2(input, kernel).padding(padding).convolution(), Layout::Nchw, &mut random);
        }
    }
}

#[test]
fn one_row_and_one_column() {
    let mut random = Random(11);
    for size in [[1, 100], [100, 1]] {
        for kernel in [[1, 7], [7, 1], [1, 1], [5, 5]] {
            check::<f32>(&Conv::d2(size, kernel).padding(Padding::Full), Layout::Nchw, &mut random);
        }
    }
}

/// Kernels that do not fit one band of the direct strategy are added up in passes.
#[test]
fn kernels_in_several_passes() {
    let mut random = Random(12);
    for (input, kernel, channels) in
        [([90, 30], [70, 20], 1), ([3, 700], [1, 600], 2), ([12, 12], [5, 5], 150)]
    {
        let conv = Conv::d2(input, kernel).channels(channels, 2).padding(Padding::Same);
        check::<f64>(&conv, Layout::Nchw, &mut random);
    }
}

/// Windows that lie over zeros for the most part, at either end or at both, and some over nothing else.
#[test]
fn paddings_deeper_than_the_input() {
    let mut random = Random(16);
    for layout in [Layout::Nchw, Layout::Nhwc] {
        for length in [1, 5, 23] {
            for taps in [7, 40, 64] {
                let channels = |conv: Conv| conv.channels(6, 34).groups(2).batch(2);
                let line = channels(Conv::d1(length, taps));
                let sides = |left, right| Padding::Explicit { top: 0, bottom: 0, left, right };
                for [left, right] in [[taps, taps], [2 * taps, 0], [0, 2 * taps]] {
                    let conv = line.clone().padding(sides(left, right));
                    check::<f32>(&conv, layout, &mut random);
                    let repeated = Borders { left: Border::Replicate, ..Borders::all(Border::Zero) };
                    check::<f64>(&conv.clone().border(repeated).accumulate(2.0), layout, &mut random);
                    check::<f32>(&conv.stride(3), layout, &mut random);
                }
                let plane = channels(Conv::d2([length, 9], [taps.min(9), 3])).padding(Padding::Full);
                check::<f32>(&plane, layout, &mut random);
                check::<f64>(&plane.dilation([7, 2]), layout, &mut random);
            }
        }
    }
}

/// Rows of constants above and below reach beyond columns of zeros, which are left out where they are alone.
#[test]
fn rows_of_constants_cross_columns_of_zeros() {
    let mut random = Random(17);
    let constant = Border::Constant(-3.0);
    let rows = [[constant; 2], [constant, Border::Zero], [Border::Zero, constant], [constant, Border::Wrap]];
    for [top, bottom] in rows {
        for taps in [1, 3, 40] {
            let columns = 2 * taps;
            let padding = Padding::Explicit { top: 2, bottom: 2, left: columns, right: columns };
            let border = Borders { top, bottom, ..Borders::all(Border::Zero) };
            let conv = Conv::d2([2, 5], [1, taps]).padding(padding).border(border);
            for [inputs, outputs, groups] in [[1, 1, 1], [6, 34, 2], [20, 20, 20]] {
                let conv = conv.clone().channels(inputs, outputs).groups(groups);
                check::<f32>(&conv, Layout::Nchw, &mut random);
                check::<f64>(&conv.clone().stride([2, 3]), Layout::Nhwc, &mut random);
            }
        }
    }
}

/// A low limit of workspace makes FFT tiles short, shorter than powers of two can be cut; every length about several
/// tiles is tried. Vendor libraries have returned wrong samples just behind each 4096.
#[test]
#[cfg(feature = "fft")]
fn every_length_around_short_fft_tiles() {
    let mut random = Random(13);
    for taps in [2, 5, 17] {
        for length in 90..230 {
            let conv = Conv::d1(length, taps).padding(Padding::Full);
            check_with::<f32>(&conv, Layout::Nchw, &mut random, |conv| conv.workspace_limit(3 << 10));
        }
    }
}

#[test]
fn lengths_around_powers_of_two() {
    let mut random = Random(14);
    for power in [1024, 4096, 8192] {
        for length in power - 2..=power + 2 {
            for taps in [3, 31, 200] {
                check::<f64>(&Conv::d1(length, taps).padding(Padding::Same), Layout::Nchw, &mut random);
                check::<f64>(&Conv::d1(length + taps - 1, taps), Layout::Nchw, &mut random);
            }
        }
    }
}

#[test]
fn planes_around_fft_tiles() {
    let mut random = Random(15);
    for rows in [15, 16, 17, 31, 33, 50] {
        for columns in [23, 24, 25, 47, 49, 60] {
            for stride in [1, 3] {
                let conv = Conv::d2([rows, columns], [5, 4]).stride(stride).padding(Padding::Full);
                check_with::<f32>(&conv, Layout::Nchw, &mut random, |conv| conv.workspace_limit(10 << 10));
            }
        }
    }
}
