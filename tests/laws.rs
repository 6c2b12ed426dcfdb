//! What convolution is known to satisfy, for every strategy on every instruction set. Whole numbers, so that the
//! laws hold exactly (after rounding for those that transform).

mod support;

use convolve::{Activation, Border, Conv, Error, InstructionSet, Layout, PackedKernel, Padding, Plan, View};
use support::random::Random;
use support::run::{ROUND, combinations, compute, forced, in_order, view, view_mut};

/// The result in whole numbers.
fn whole(
    conv: &Conv,
    input: &[f32],
    kernel: &[f32],
    (strategy, isa): (&'static str, InstructionSet),
) -> Vec<f32> {
    let output = compute(&forced(conv, strategy, isa), input, kernel).expect("a valid request");
    if ROUND.contains(&strategy) { output.iter().map(|value| value.round()).collect() } else { output }
}

fn integers(random: &mut Random, count: usize) -> Vec<f32> {
    random.integers(count, 6)
}

#[test]
fn the_worked_example() {
    let image = [
        [1.0f32, 2.0, 3.0, 0.0, 1.0],
        [0.0, 1.0, 2.0, 3.0, 1.0],
        [1.0, 2.0, 1.0, 0.0, 0.0],
        [2.0, 1.0, 0.0, 1.0, 2.0],
        [0.0, 1.0, 2.0, 3.0, 1.0],
    ];
    let vertical_edges = [1.0f32, 0.0, -1.0].repeat(3);
    // By hand: column sums of three rows, each less the one two to the right. Rows 0..3 sum to 2 5 6 3 2.
    let correlation = [-4.0, 2.0, 4.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
    let sums =
        |first: usize| -> Vec<f32> { (0..5).map(|x| (0..3).map(|y| image[first + y][x]).sum()).collect() };
    assert_eq!(sums(0), [2.0, 5.0, 6.0, 3.0, 2.0]);
    assert_eq!(sums(1), [3.0, 4.0, 3.0, 4.0, 3.0]);
    assert_eq!(sums(2), [3.0, 4.0, 3.0, 4.0, 3.0]);
    for combination in combinations() {
        let conv = Conv::d2([5, 5], [3, 3]);
        let output = whole(&conv, image.as_flattened(), &vertical_edges, combination);
        assert_eq!(output, correlation, "{combination:?}");
        // Flipping this kernel changes its sign.
        let flipped = whole(&conv.convolution(), image.as_flattened(), &vertical_edges, combination);
        assert_eq!(flipped, correlation.map(|value| -value), "{combination:?}");
    }
}

#[test]
fn full_convolution_commutes() {
    let mut random = Random(21);
    for combination in combinations() {
        for (n, k) in [([1, 30], [1, 9]), ([7, 6], [4, 11]), ([1, 1], [5, 3])] {
            let (x, h) = (integers(&mut random, n[0] * n[1]), integers(&mut random, k[0] * k[1]));
            let conv = |a, b| Conv::d2(a, b).convolution().padding(Padding::Full);
            let one = whole(&conv(n, k), &x, &h, combination);
            assert_eq!(one, whole(&conv(k, n), &h, &x, combination), "{combination:?}");
        }
    }
}

#[test]
fn results_add_as_inputs_do() {
    let mut random = Random(22);
    for combination in combinations() {
        let conv = Conv::d2([9, 21], [3, 4]).channels(3, 2).padding(Padding::Same);
        let [x, y] = [(); 2].map(|()| integers(&mut random, 3 * 9 * 21));
        let h = integers(&mut random, 2 * 3 * 12);
        let sum: Vec<f32> = x.iter().zip(&y).map(|(x, y)| 2.0 * x - 3.0 * y).collect();
        let (of_x, of_y) = (whole(&conv, &x, &h, combination), whole(&conv, &y, &h, combination));
        let expected: Vec<f32> = of_x.iter().zip(&of_y).map(|(x, y)| 2.0 * x - 3.0 * y).collect();
        assert_eq!(whole(&conv, &sum, &h, combination), expected, "{combination:?}");
    }
}

#[test]
fn a_delta_copies_and_shifts() {
    let mut random = Random(23);
    let x = integers(&mut random, 6 * 19);
    for combination in combinations() {
        let conv = Conv::d2([6, 19], [3, 5]).padding(Padding::Same);
        for (row, column) in [(1, 2), (0, 0), (2, 4)] {
            let mut delta = [0.0; 15];
            delta[row * 5 + column] = 1.0;
            let output = whole(&conv, &x, &delta, combination);
            for (i, &value) in output.iter().enumerate() {
                let (y, x_at) = ((i / 19 + row) as isize - 1, (i % 19 + column) as isize - 2);
                let inside = (0..6).contains(&y) && (0..19).contains(&x_at);
                let expected = if inside { x[y as usize * 19 + x_at as usize] } else { 0.0 };
                assert_eq!(value, expected, "{combination:?} {i}");
            }
        }
    }
}

#[test]
fn a_shifted_signal_gives_a_shifted_result() {
    let mut random = Random(24);
    let (x, h) = (integers(&mut random, 60), integers(&mut random, 7));
    for combination in combinations() {
        let all = whole(&Conv::d1(60, 7), &x, &h, combination);
        for shift in 1..20 {
            let part = whole(&Conv::d1(60 - shift, 7), &x[shift..], &h, combination);
            assert_eq!(part, all[shift..], "{combination:?}");
        }
    }
}

#[test]
fn a_stride_picks_from_the_dense_result() {
    let mut random = Random(25);
    let (x, h) = (integers(&mut random, 2 * 13 * 29), integers(&mut random, 3 * 2 * 12));
    for combination in combinations() {
        let conv = Conv::d2([13, 29], [3, 4]).channels(2, 3).padding(Padding::symmetric(2, 3));
        let dense = whole(&conv, &x, &h, combination);
        let [_, _, rows, columns] = conv.output_shape().unwrap();
        for stride in [[2, 1], [1, 2], [3, 4], [20, 50]] {
            let strided = whole(&conv.clone().stride(stride), &x, &h, combination);
            let mut expected = Vec::new();
            for channel in 0..3 {
                for y in (0..rows).step_by(stride[0]) {
                    expected.extend(
                        (0..columns).step_by(stride[1]).map(|x| dense[(channel * rows + y) * columns + x]),
                    );
                }
            }
            assert_eq!(strided, expected, "{combination:?} {stride:?}");
        }
    }
}

/// A kernel of one tap copies; with a stride beyond the input, a single row or column is left of it.
#[test]
fn a_single_tap_picks_inputs() {
    let mut random = Random(31);
    let x = integers(&mut random, 2 * 40 * 9);
    for combination in combinations() {
        for stride in [[1, 1], [1, 9], [1, 50], [40, 1], [60, 1], [60, 50], [7, 2]] {
            for layout in [Layout::Nchw, Layout::Nhwc] {
                let conv = Conv::d2([40, 9], [1, 1]).channels(2, 3).stride(stride);
                let output = whole(
                    &conv.layouts(Layout::Nchw, layout),
                    &x,
                    &[1.0, 0.0, 0.0, 1.0, 1.0, 1.0],
                    combination,
                );
                let at = |channel: usize, y: usize, x_at: usize| x[(channel * 40 + y) * 9 + x_at];
                let mut expected = Vec::new();
                for channel in 0..3 {
                    for y in (0..40).step_by(stride[0]) {
                        expected.extend((0..9).step_by(stride[1]).map(|x_at| match channel {
                            2 => at(0, y, x_at) + at(1, y, x_at),
                            _ => at(channel, y, x_at),
                        }));
                    }
                }
                assert_eq!(output, expected, "{combination:?} {stride:?}");
            }
        }
    }
}

/// By hand, with an even kernel: the modes differ in where the odd element goes.
#[test]
fn padding_modes_by_hand() {
    for combination in combinations() {
        let sums = |length: usize, taps: usize, stride: usize, padding| {
            let x: Vec<f32> = (1..=length).map(|i| i as f32).collect();
            whole(&Conv::d1(length, taps).stride(stride).padding(padding), &x, &vec![1.0; taps], combination)
        };
        assert_eq!(sums(4, 2, 1, Padding::Same), [3.0, 5.0, 7.0, 4.0]);
        assert_eq!(sums(4, 2, 1, Padding::SameLower), [1.0, 3.0, 5.0, 7.0]);
        assert_eq!(sums(5, 4, 2, Padding::Same), [6.0, 14.0, 9.0]);
        assert_eq!(sums(5, 4, 2, Padding::SameLower), [3.0, 10.0, 12.0]);
        assert_eq!(sums(4, 3, 1, Padding::Same), [3.0, 6.0, 9.0, 7.0]);
        assert_eq!(sums(3, 2, 1, Padding::Full), [1.0, 3.0, 5.0, 3.0]);
        assert_eq!(sums(6, 2, 3, Padding::Same), [3.0, 9.0]);
    }
}

#[test]
fn a_dilation_is_a_kernel_stuffed_with_zeros() {
    let mut random = Random(26);
    let (x, h) = (integers(&mut random, 17 * 31), integers(&mut random, 6));
    for combination in combinations() {
        for [by_rows, by_columns] in [[2, 3], [1, 5], [6, 1]] {
            let size = [by_rows + 1, 2 * by_columns + 1];
            let mut stuffed = vec![0.0; size[0] * size[1]];
            for (i, &tap) in h.iter().enumerate() {
                stuffed[i / 3 * by_rows * size[1] + i % 3 * by_columns] = tap;
            }
            let dilated = Conv::d2([17, 31], [2, 3]).dilation([by_rows, by_columns]).padding(Padding::Full);
            let dense = Conv::d2([17, 31], size).padding(Padding::Full);
            let expected = whole(&dense, &x, &stuffed, combination);
            assert_eq!(whole(&dilated, &x, &h, combination), expected, "{combination:?}");
        }
    }
}

#[test]
fn a_border_is_an_explicitly_padded_input() {
    let mut random = Random(27);
    let (x, h) = (integers(&mut random, 5 * 8), integers(&mut random, 12));
    // Index of the input value that stands at `at` of an axis of `n`, by drawing the extension out.
    let drawn = |border: Border, at: isize, n: isize| -> isize {
        let period: Vec<isize> = match border {
            Border::Symmetric => (0..n).chain((0..n).rev()).collect(),
            Border::Reflect101 => (0..n).chain((1..n - 1).rev()).collect(),
            _ => (0..n).collect(),
        };
        if border == Border::Replicate {
            at.clamp(0, n - 1)
        } else {
            period[at.rem_euclid(period.len() as isize) as usize]
        }
    };
    for combination in combinations() {
        for border in [Border::Replicate, Border::Symmetric, Border::Reflect101, Border::Wrap] {
            let (top, bottom, left, right) = (7, 6, 11, 9);
            let mut padded = Vec::new();
            for y in -top..5 + bottom {
                for x_at in -left..8 + right {
                    padded.push(x[(drawn(border, y, 5) * 8 + drawn(border, x_at, 8)) as usize]);
                }
            }
            let [top, bottom, left, right] = [top, bottom, left, right].map(|width| width as usize);
            let padding = Padding::Explicit { top, bottom, left, right };
            let implicit = Conv::d2([5, 8], [3, 4]).padding(padding).border(border);
            let explicit = Conv::d2([5 + top + bottom, 8 + left + right], [3, 4]);
            let expected = whole(&explicit, &padded, &h, combination);
            assert_eq!(whole(&implicit, &x, &h, combination), expected, "{combination:?} {border:?}");
        }
    }
}

#[test]
fn groups_are_separate_convolutions() {
    let mut random = Random(28);
    let (plane, taps) = (7 * 18, 3 * 3);
    let (x, h) = (integers(&mut random, 6 * plane), integers(&mut random, 9 * 2 * taps));
    for combination in combinations() {
        let conv = Conv::d2([7, 18], [3, 3]).padding(Padding::Same);
        let grouped = whole(&conv.clone().channels(6, 9).groups(3), &x, &h, combination);
        let parts = x.chunks(2 * plane).zip(h.chunks(3 * 2 * taps));
        let separate = parts.flat_map(|(x, h)| whole(&conv.clone().channels(2, 3), x, h, combination));
        assert_eq!(grouped, separate.collect::<Vec<_>>(), "{combination:?}");
    }
}

/// Real numbers here: the bits must be the same.
#[test]
fn an_item_of_a_batch_has_the_bits_it_has_alone() {
    let mut random = Random(29);
    let x: Vec<f32> = random.reals(3 * 2 * 11 * 23);
    let h: Vec<f32> = random.reals(5 * 2 * 12);
    let layers = Conv::d2([11, 23], [3, 4]).channels(2, 5).padding(Padding::Same);
    let pictures = layers.clone().channels(2, 2).groups(2).layout(Layout::Nhwc);
    for ((strategy, isa), conv) in
        combinations().into_iter().flat_map(|one| [(one, &layers), (one, &pictures)])
    {
        let conv = forced(conv, strategy, isa);
        let h = &h[..conv.plan::<f32>().unwrap().kernel_shape().iter().product()];
        let batch = compute(&conv.clone().batch(3), &x, h).unwrap();
        let alone = x.chunks(2 * 11 * 23).flat_map(|item| compute(&conv, item, h).unwrap());
        let bits = |value: f32| value.to_bits();
        assert!(batch.iter().copied().map(bits).eq(alone.map(bits)), "{strategy} {isa}");
    }
}

#[test]
fn the_epilogue_comes_after_the_sum_in_its_order() {
    for (strategy, isa) in combinations() {
        let conv = forced(
            &Conv::d1(4, 1).accumulate(2.0).activation(Activation::Clamp { min: -1.0, max: 6.0 }),
            strategy,
            isa,
        );
        let plan = conv.plan::<f64>().unwrap();
        let packed = plan.pack(View::signal(&[3.0]), Some(&[0.5])).unwrap();
        let mut y = [0.0, 1.0, -9.0, 0.25];
        let output = convolve::ViewMut::signal(&mut y);
        plan.execute(&packed, View::signal(&[1.0, 1.0, 1.0, 0.5]), output, &mut plan.workspace().unwrap())
            .unwrap();
        // 3 x + 0.5 + 2 y, limited to [-1, 6].
        let expected = [3.5, 5.5, -1.0, 2.5];
        y.iter().zip(expected).for_each(|(y, e)| approx::assert_abs_diff_eq!(*y, e, epsilon = 1e-14));
    }
}

#[test]
fn layouts_change_nothing_but_memory() {
    let mut random = Random(30);
    let x: Vec<f32> = integers(&mut random, 2 * 6 * 9 * 4);
    let h: Vec<f32> = integers(&mut random, 7 * 4 * 9);
    for (strategy, isa) in combinations() {
        let conv = forced(&Conv::d2([6, 9], [3, 3]).batch(2).channels(4, 7), strategy, isa);
        let mut results = Vec::new();
        for input in [Layout::Nchw, Layout::Nhwc] {
            for output in [Layout::Nchw, Layout::Nhwc] {
                let plan = conv.clone().layouts(input, output).plan::<f32>().unwrap();
                let packed = plan.pack(View::nchw(&h, [7, 4, 3, 3]).unwrap(), None).unwrap();
                let from = in_order(support::run::view(&x, [2, 4, 6, 9], Layout::Nchw));
                let from: Vec<f32> = match input {
                    Layout::Nchw => from,
                    Layout::Nhwc => {
                        (0..x.len()).map(|i| from[(i / (54 * 4) * 4 + i % 4) * 54 + i / 4 % 54]).collect()
                    }
                };
                let mut y = vec![f32::NAN; 2 * 7 * 4 * 7];
                let to = support::run::view_mut(&mut y, [2, 7, 4, 7], output);
                let from = support::run::view(&from, [2, 4, 6, 9], input);
                plan.execute(&packed, from, to, &mut plan.workspace().unwrap()).unwrap();
                let values = in_order(support::run::view(&y, [2, 7, 4, 7], output));
                results.push(values.into_iter().map(f32::round).collect::<Vec<_>>());
            }
        }
        assert!(results.iter().all(|result| *result == results[0]), "{strategy} {isa}");
    }
}

/// Of two plans that differ in the sizes of their inputs, one takes what the other has packed only if that is what it
/// would have packed.
#[test]
fn plans_take_what_others_have_packed_alike() {
    let mut random = Random(41);
    // Rows of the first exceed a band with channels side by side, those of the second do not.
    let far =
        |rows| Conv::d2([rows, 713], [10, 3]).stride([1, 2]).dilation([1, 101]).channels(8, 8).groups(8);
    let mut pairs = vec![[far(13), far(11)]];
    for _ in 0..60 {
        let [kernel, stride, dilation] = [[5, 9], [1, 3], [1, 30]]
            .map(|[rows, columns]: [usize; 2]| [random.between(1, rows), random.between(1, columns)]);
        let channels = random.pick(&[[1, 1, 1], [3, 3, 3], [8, 8, 8], [4, 6, 2], [16, 20, 1]]);
        pairs.push([(), ()].map(|()| {
            let extent = |axis: usize| (kernel[axis] - 1) * dilation[axis];
            let input = [random.between(1, 9) + extent(0), random.between(1, 400) + extent(1)];
            Conv::d2(input, kernel)
                .stride(stride)
                .dilation(dilation)
                .channels(channels[0], channels[1])
                .groups(channels[2])
        }));
    }
    for (i, pair) in pairs.iter().enumerate() {
        let layout = [Layout::Nhwc, Layout::Nchw][i % 2];
        for (strategy, isa) in combinations() {
            let plans = pair.clone().map(|conv| forced(&conv.layout(layout), strategy, isa).plan::<f32>());
            let [Ok(first), Ok(second)] = plans else { continue };
            takes_what_the_other_has_packed(&first, &second, layout, &mut random);
            takes_what_the_other_has_packed(&second, &first, layout, &mut random);
        }
    }
}

fn takes_what_the_other_has_packed(plan: &Plan<f32>, other: &Plan<f32>, layout: Layout, random: &mut Random) {
    let count = |shape: [usize; 4]| shape.iter().product();
    let x: Vec<f32> = random.integers(count(plan.input_shape()), 3);
    let h: Vec<f32> = random.integers(count(plan.kernel_shape()), 3);
    let taps = view(&h, plan.kernel_shape(), Layout::Nchw);
    let run = |packed: &PackedKernel<f32>| {
        let mut y = vec![f32::NAN; count(plan.output_shape())];
        let output = view_mut(&mut y, plan.output_shape(), layout);
        let input = view(&x, plan.input_shape(), layout);
        plan.execute(packed, input, output, &mut plan.workspace().unwrap()).map(|()| y)
    };
    let own = run(&plan.pack(taps, None).unwrap()).unwrap();
    match run(&other.pack(taps, None).unwrap()) {
        Ok(foreign) => assert_eq!(foreign, own, "{plan:?} takes what {other:?} has packed"),
        Err(error) => assert!(matches!(error, Error::PackingMismatch { .. }), "{error}"),
    }
}
