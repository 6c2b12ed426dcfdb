//! `fft` by pairs of tiles: outputs around the ends of tiles, and what errors depend on.

mod support;

use convolve::*;
use support::bounds::unit_roundoff;
use support::random::Random;
use support::run::{Operands, compute};

/// The request forced to `fft` on an instruction set, with its transform lengths, if they are of pairs.
fn pairs<T: Element>(conv: Conv, isa: InstructionSet) -> Option<(Conv, [usize; 2])> {
    let conv = conv.strategy("fft").instruction_set(isa);
    let [rows, columns, lanes, extents] = convolve::inspect::tiles(&conv.plan::<T>().ok()?);
    // Tiles of rustfft's lengths have dilations in the last two places, here of one.
    let is_pairs = lanes == isa.lanes(T::TYPE) && extents > columns;
    is_pairs.then_some((conv, [rows, columns]))
}

/// Whether there is but one instruction set, on which other transforms may be the faster ones.
fn is_single() -> bool {
    InstructionSet::available().unwrap().len() == 1
}

/// Whole numbers come out exactly after rounding.
fn check<T: Element>(conv: &Conv, layout: Layout, random: &mut Random) {
    let plan: Plan<T> = conv.plan().expect("a valid request");
    let operands = Operands::<T>::new(conv, layout, random, |random, count| random.integers(count, 4));
    let exact = operands.reference(conv);
    let computed = operands.execute(&plan, false);
    for (i, (value, exact)) in computed.iter().zip(&exact).enumerate() {
        assert_eq!(value.to_f64().round(), exact.value, "output {i}: {}", plan.explain().problem);
    }
}

/// One to four tiles, with one output more and one less; kernels up to three times as long as the shortest tile.
fn lengths_around_tiles<T: Element>() {
    let mut random = Random(61);
    let mut checked = 0;
    for &isa in InstructionSet::available().unwrap() {
        for taps in [2, 33, 100, 250, 770] {
            // So little memory that there are several tiles.
            let shortest = isa.lanes(T::TYPE).pow(2).max(64).max((taps + 32_usize).next_power_of_two());
            let narrow = |conv: Conv| conv.workspace_limit(4 * shortest * T::TYPE.size() + 256);
            let Some((_, [_, len])) = pairs::<T>(narrow(Conv::d1(1 << 15, taps)), isa) else { continue };
            let lanes = isa.lanes(T::TYPE);
            let kept = (len + 1 - taps) / lanes * lanes;
            for tiles in 1..=4 {
                for outputs in tiles * kept - 1..=tiles * kept + 1 {
                    for padding in [Padding::Valid, Padding::Same] {
                        let input = if padding == Padding::Valid { outputs + taps - 1 } else { outputs };
                        let Some((conv, _)) = pairs::<T>(narrow(Conv::d1(input, taps).padding(padding)), isa)
                        else {
                            continue;
                        };
                        check::<T>(&conv, Layout::Nchw, &mut random);
                        checked += 1;
                    }
                }
            }
        }
    }
    assert!(checked > 20, "{checked} requests were served by pairs");
}

#[test]
fn lengths_around_tiles_of_signals() {
    lengths_around_tiles::<f32>();
    lengths_around_tiles::<f64>();
}

/// Signals about as long as their kernels: zeros outside of them may wrap around, but nothing else may.
fn ends_that_wrap<T: Element>() {
    let mut random = Random(69);
    let mut wrapping = 0;
    for &isa in InstructionSet::available().unwrap() {
        for (input, taps) in [(400, 400), (512, 513), (511, 514), (750, 275), (750, 276), (50, 950)] {
            for [left, right] in [[taps - 1, taps - 1], [250, taps - 1], [taps, 100], [0, 350], [1500, 1500]]
            {
                for (i, border) in
                    [Border::Zero, Border::Constant(3.0), Border::Replicate].into_iter().enumerate()
                {
                    for step in [1, 3] {
                        let padding = Padding::Explicit { top: 0, bottom: 0, left, right };
                        let conv = Conv::d1(input, taps).padding(padding).border(border).stride(step);
                        let conv = conv.channels(2, 2).groups(1 + step % 2);
                        let Some((conv, [_, len])) = pairs::<T>(conv, isa) else { continue };
                        check::<T>(&conv, Layout::Nchw, &mut random);
                        wrapping += usize::from(i == 0 && 2 * len < left + input + right);
                    }
                }
            }
        }
    }
    assert!(
        wrapping > 20 || is_single(),
        "{wrapping} requests had no room for all zeros, or were cut into several tiles"
    );
}

#[test]
fn ends_of_signals_that_wrap() {
    ends_that_wrap::<f32>();
    ends_that_wrap::<f64>();
}

/// Tiles of both axes, of one axis only, with steps and several channels.
fn planes_around_tiles<T: Element>() {
    let mut random = Random(62);
    let mut checked = [0; 2];
    for &isa in InstructionSet::available().unwrap() {
        for (kernel, channels) in [
            ([5, 4], [1, 1]),
            ([9, 9], [1, 1]),
            ([1, 7], [1, 1]),
            ([7, 1], [1, 1]),
            ([5, 5], [3, 4]),
            ([3, 1], [2, 5]),
            ([1, 4], [1, 3]),
        ] {
            for rows in [15, 23, 24, 25, 49] {
                for columns in [24, 25, 55, 100] {
                    for step in [1, 3] {
                        let conv = Conv::d2([rows, columns], kernel)
                            .channels(channels[0], channels[1])
                            .stride(step)
                            .padding(Padding::Full)
                            .workspace_limit(60 << 10);
                        if let Some((conv, _)) = pairs::<T>(conv, isa) {
                            check::<T>(&conv, Layout::Nchw, &mut random);
                            checked[usize::from(channels != [1, 1])] += 1;
                        }
                    }
                }
            }
        }
    }
    assert!(checked.iter().all(|&checked| checked > 20), "{checked:?} requests were served by pairs");
}

#[test]
fn planes_around_tiles_of_images() {
    planes_around_tiles::<f32>();
    planes_around_tiles::<f64>();
}

const BORDERS: [Border; 6] = [
    Border::Zero,
    Border::Constant(7.0),
    Border::Replicate,
    Border::Symmetric,
    Border::Reflect101,
    Border::Wrap,
];

/// Channels side by side, in several tiles, in memory as the plan expects it and otherwise.
fn pictures<T: Element>() {
    let mut random = Random(65);
    let mut several = 0;
    for &isa in InstructionSet::available().unwrap() {
        for channels in 1..=5 {
            for (i, border) in BORDERS.into_iter().enumerate() {
                for (padding, dims) in
                    [(Padding::Same, [33, 40]), (Padding::Valid, [50, 71]), (Padding::Full, [9, 90])]
                {
                    let conv = Conv::d2(dims, [5 + i % 2, 4])
                        .channels(channels, channels)
                        .groups(channels)
                        .layout(Layout::Nhwc)
                        .border(border)
                        .padding(padding)
                        .workspace_limit(channels * (14 << 10));
                    let Some((conv, [_, columns])) = pairs::<T>(conv, isa) else { continue };
                    check::<T>(&conv, Layout::Nhwc, &mut random);
                    check::<T>(&conv, Layout::Nchw, &mut random);
                    several += usize::from(columns < dims[1] && (2..=4).contains(&channels));
                }
            }
        }
    }
    assert!(
        several > 20 || is_single(),
        "{several} requests of two to four channels were cut into several tiles"
    );
}

#[test]
fn pictures_in_tiles() {
    pictures::<f32>();
    pictures::<f64>();
}

/// What is outside of the input, and under no window, has no say, be it a NaN.
#[test]
fn borders_where_nothing_is_padded_are_not_read() {
    let mut random = Random(66);
    let mut checked = 0;
    for &isa in InstructionSet::available().unwrap() {
        for (dims, kernel, channels) in
            [([100, 101], [9, 9], 1), ([37, 90], [5, 6], 3), ([1, 1000], [1, 77], 1), ([300, 11], [55, 1], 1)]
        {
            let conv = Conv::d2(dims, kernel).channels(channels, channels).groups(channels);
            let conv = conv.layout(Layout::Nhwc).border(Border::Constant(f64::NAN));
            if let Some((conv, _)) = pairs::<f32>(conv, isa) {
                check::<f32>(&conv, Layout::Nhwc, &mut random);
                checked += 1;
            }
        }
    }
    assert!(checked > 2 || is_single(), "{checked}");
}

/// Tiles that are written in place leave what lies between the rows and pixels of the output as it is.
#[test]
fn nothing_is_written_beside_the_output() {
    let mut random = Random(67);
    let mut checked = 0;
    for &isa in InstructionSet::available().unwrap() {
        for (channels, pixel) in [(1, 1), (2, 2), (3, 3), (4, 4), (3, 5), (1, 2)] {
            let conv = Conv::d2([75, 83], [6, 5]).channels(channels, channels).groups(channels);
            let conv = conv.layout(Layout::Nhwc).workspace_limit(channels * (14 << 10));
            let Some((conv, _)) = pairs::<f32>(conv, isa) else { continue };
            let plan: Plan<f32> = conv.plan().unwrap();
            let operands = Operands::<f32>::new(&conv, Layout::Nhwc, &mut random, |random, count| {
                random.integers(count, 4)
            });
            let packed = plan.pack(operands.kernel(), operands.bias.as_deref()).unwrap();
            let [_, _, rows, columns] = plan.output_shape();
            let row = columns * pixel + 7;
            let mut output = vec![f32::NAN; 1000 + rows * row];
            let strides = [0, 1, row as isize, pixel as isize];
            let to = ViewMut::strided(&mut output, 500, [1, channels, rows, columns], strides).unwrap();
            plan.execute(&packed, operands.input(), to, &mut plan.workspace().unwrap()).unwrap();
            let exact = operands.reference(&conv);
            for (at, value) in output.iter().enumerate() {
                let place = at.wrapping_sub(500);
                let [y, x, c] = [place / row, place % row / pixel, place % row % pixel];
                if place < rows * row && x < columns && c < channels {
                    let expected = exact[(c * rows + y) * columns + x].value;
                    assert_eq!(f64::from(*value).round(), expected, "{isa} {channels} {c} {y} {x}");
                } else {
                    assert!(value.is_nan(), "{isa} {channels}: {value} beside the output at {at}");
                }
            }
            checked += 1;
        }
    }
    assert!(checked > 4 || is_single(), "{checked}");
}

/// Pictures that are far from zero, each channel by an offset of its own, lose no more than what varies in them, at
/// their ends as well, by kernels whose taps add up to nothing.
fn an_offset_costs_nothing(conv: &Conv, len: usize, random: &mut Random) {
    let plan = conv.plan::<f32>().unwrap();
    let [_, channels, rows, columns] = plan.input_shape();
    let noise: Vec<f32> = random.reals(channels * rows * columns);
    let offsets = [1e4, -2e3, 4e4];
    let input: Vec<f32> = noise.iter().enumerate().map(|(i, x)| x + offsets[i % channels]).collect();
    let mut kernel: Vec<f32> = random.reals(channels * 81);
    for taps in kernel.chunks_mut(81) {
        taps[40] = 0.0;
        (0..40).for_each(|tap| taps[80 - tap] = -taps[tap]);
    }
    let packed = plan.pack(View::nchw(&kernel, plan.kernel_shape()).unwrap(), None).unwrap();
    let input = View::nhwc(&input, [1, rows, columns, channels]).unwrap();
    let mut output = vec![f32::NAN; plan.output_shape().iter().product()];
    let to = ViewMut::nchw(&mut output, plan.output_shape()).unwrap();
    plan.execute(&packed, input, to, &mut plan.workspace().unwrap()).unwrap();
    let view = View::nchw(&kernel, plan.kernel_shape()).unwrap();
    let exact = reference::convolve(conv, input, view, None, None).unwrap();
    let worst =
        output.iter().zip(&exact).map(|(&got, exact)| exact.distance(f64::from(got))).fold(0.0, f64::max);
    let largest = noise.iter().map(|x| f64::from(x.abs())).fold(0.0, f64::max);
    let norm = kernel.chunks(81).map(norm).fold(0.0, f64::max);
    // The mean of a sample is off by no more than the noise is large.
    let varying = (2.0 * len as f64).sqrt() * 2.0 * largest * norm;
    let bound = ((len as f64).log2() + 3.0) * unit_roundoff::<f32>() * varying;
    assert!(worst <= bound, "{}: {worst} {bound}", plan.explain().problem);
}

#[test]
fn offsets_of_pictures_cost_nothing() {
    let mut random = Random(68);
    let mut checked = 0;
    for &isa in InstructionSet::available().unwrap() {
        for (channels, limit) in [(1, 40 << 10), (1, 1 << 20), (2, 80 << 10), (3, 120 << 10), (3, 3 << 20)] {
            let conv = Conv::d2([103, 131], [9, 9]).channels(channels, channels).groups(channels);
            let conv = conv.layout(Layout::Nhwc).workspace_limit(limit);
            let Some((conv, [rows, columns])) = pairs::<f32>(conv, isa) else { continue };
            an_offset_costs_nothing(&conv, rows * columns, &mut random);
            checked += 1;
        }
    }
    assert!(checked > 4 || is_single(), "{checked}");
}

/// Kernels of one row transform nothing along columns, kernels of one column nothing along rows.
#[test]
fn the_other_axis_is_left_alone() {
    let mut checked = 0;
    for &isa in InstructionSet::available().unwrap() {
        if let Some((_, [rows, _])) = pairs::<f32>(Conv::d2([300, 1000], [1, 101]), isa) {
            assert_eq!(rows, 1, "{isa}");
            checked += 1;
        }
        if let Some((_, [_, columns])) = pairs::<f32>(Conv::d2([1000, 300], [101, 1]), isa) {
            assert_eq!(columns, isa.lanes(ElementType::F32), "{isa}");
            checked += 1;
        }
    }
    assert!(checked > 0);
}

/// Largest error of `fft` on a signal.
fn worst<T: Element>(conv: &Conv, input: &[T], kernel: &[T]) -> f64 {
    let exact = reference::convolve(conv, View::signal(input), View::signal(kernel), None, None).unwrap();
    let computed = compute(conv, input, kernel).unwrap();
    computed.iter().zip(&exact).map(|(value, exact)| exact.distance(value.to_f64())).fold(0.0, f64::max)
}

fn norm<T: Element>(values: &[T]) -> f64 {
    values.iter().map(|value| value.to_f64().powi(2)).sum::<f64>().sqrt()
}

/// A signal that is far from zero loses no more than what varies in it, and what the sum of the taps makes of the
/// offset.
fn an_offset_costs_little<T: Element>(isa: InstructionSet) -> bool {
    const TAPS: usize = 300;
    let mut random = Random(63);
    let (kernel, noise): (Vec<T>, Vec<T>) = (random.reals(TAPS), random.reals(31_234));
    let offset = 1e4;
    let input: Vec<T> = noise.iter().map(|&x| T::from_f64(x.to_f64() + offset)).collect();
    let Some((conv, [_, len])) = pairs::<T>(Conv::d1(input.len(), TAPS), isa) else { return false };
    let largest = noise.iter().map(|x| x.to_f64().abs()).fold(0.0, f64::max);
    let sum: f64 = kernel.iter().map(|tap| tap.to_f64().abs()).sum();
    // The mean of a sample is off by no more than the noise is large.
    let varying = (2.0 * len as f64).sqrt() * 2.0 * largest * norm(&kernel);
    let u = unit_roundoff::<T>();
    let bound = ((len as f64).log2() + 3.0) * u * varying + 4.0 * u * offset * sum;
    let worst = worst(&conv, &input, &kernel);
    assert!(worst <= bound, "{isa}: {worst} {bound}");
    true
}

#[test]
fn offsets_cost_little() {
    let mut served = 0;
    for &isa in InstructionSet::available().unwrap() {
        served +=
            usize::from(an_offset_costs_little::<f32>(isa)) + usize::from(an_offset_costs_little::<f64>(isa));
    }
    assert!(served > 1 || is_single());
}

/// The normwise bound of `docs/accuracy.md` for inputs that are hard on it.
#[test]
fn spikes_and_constants_stay_within_the_bound() {
    let mut random = Random(64);
    let kernel: Vec<f32> = random.reals(255);
    let mut spike: Vec<f32> = random.reals(20_000);
    spike[7777] = 1e8;
    let mut late = vec![0.0f32; 20_000];
    late[19_999] = -3e7;
    for &isa in InstructionSet::available().unwrap() {
        for input in [&spike, &late, &vec![1.0f32; 20_000], &vec![-1e6f32; 20_000]] {
            for padding in [Padding::Valid, Padding::Full] {
                let conv = Conv::d1(20_000, 255).padding(padding).strategy("fft").instruction_set(isa);
                let [_, len, ..] = convolve::inspect::tiles(&conv.plan::<f32>().unwrap());
                // The norm of the whole signal bounds that of any pair of tiles but for what both of them hold.
                let norms = 2f64.sqrt() * norm(input) * norm(&kernel);
                let bound = ((len as f64).log2() + 4.0 + 3.0) * unit_roundoff::<f32>() * norms;
                let worst = worst(&conv, input, &kernel);
                assert!(worst <= bound, "{isa}: {worst} {bound}");
            }
        }
    }
}
