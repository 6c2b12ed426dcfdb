//! Sums along columns and rows at once have the bits of those taken one after the other, which memory that is no
//! neighbour leaves no choice but to take.

use convolve::*;

use super::mirror;
use super::support::random::Random;

const TAPS: [usize; 4] = [3, 5, 7, 9];

fn borders() -> [Borders; 7] {
    let mixed = |top, bottom, left, right| Borders { top, bottom, left, right };
    [
        Border::Zero.into(),
        Border::Reflect101.into(),
        Border::Wrap.into(),
        mixed(Border::Constant(2.0), Border::Replicate, Border::Constant(-3.0), Border::Symmetric),
        mixed(Border::Symmetric, Border::Constant(0.5), Border::Wrap, Border::Constant(7.0)),
        mixed(Border::Constant(2.0), Border::Replicate, Border::Wrap, Border::Constant(2.0)),
        mixed(Border::Zero, Border::Constant(5.0), Border::Replicate, Border::Symmetric),
    ]
}

/// The output in memory as it is, and with every pixel apart from its neighbours.
fn both_ways<T: Element>(convolver: &Convolver<T>, x: &[T], channels: usize) -> [Vec<T>; 2] {
    assert_eq!(convolver.plan().strategy(), "separable");
    let (dims, [_, _, rows, columns]) = (convolver.plan().input_shape(), convolver.output_shape());
    let input = View::nhwc(x, [dims[0], dims[2], dims[3], dims[1]]).unwrap();
    [1, 2].map(|spread| {
        let step = channels * spread;
        let mut y = vec![T::from_f64(f64::NAN); rows * columns * step];
        let strides = [0, 1, columns * step, step].map(|stride| stride as isize);
        let output = ViewMut::strided(&mut y, 0, [1, channels, rows, columns], strides).unwrap();
        convolver.execute(input, output, &mut convolver.workspace().unwrap()).unwrap();
        y.chunks_exact(step).flat_map(|pixel| pixel[..channels].iter().copied()).collect()
    })
}

pub(super) fn assert_same<T: Element>(convolver: &Convolver<T>, x: &[T], channels: usize) {
    let [once, twice] = both_ways(convolver, x, channels);
    let same = once.iter().zip(&twice).all(|(a, b)| a.to_f64().to_bits() == b.to_f64().to_bits());
    assert!(same, "{}", convolver.explain());
}

fn check<T: Element>(seed: usize, dims: [usize; 2], channels: usize, random: &mut Random) {
    let borders = borders();
    let border = borders[seed % borders.len()];
    for taps in TAPS {
        let mut factors = [random.reals::<T>(taps), random.reals::<T>(taps)];
        if !seed.is_multiple_of(3) {
            factors.iter_mut().for_each(|taps| mirror(taps));
        }
        let x = random.reals::<T>(dims[0] * dims[1] * channels);
        let aside = Padding::Explicit { top: 1, bottom: 0, left: taps / 2, right: taps };
        for padding in [Padding::Same, Padding::Valid, aside] {
            let conv = Conv::d2(dims, [taps, taps])
                .channels(channels, channels)
                .groups(channels)
                .layouts(Layout::Nhwc, Layout::Nhwc)
                .padding(padding)
                .dilation(if taps > 5 { [1, 1] } else { [1 + seed / 2 % 2, 1 + seed / 4 % 2] })
                .border(border)
                .activation(if seed.is_multiple_of(2) { Activation::None } else { Activation::Relu })
                .strategy("separable");
            for &isa in InstructionSet::available().unwrap() {
                let conv = conv.clone().instruction_set(isa.name());
                assert_same(&conv.with_factors(&factors[0], &factors[1], None).unwrap(), &x, channels);
            }
        }
    }
}

#[test]
fn both_sums_at_once_have_the_same_bits() {
    let mut random = Random(91);
    // Rows that end with a vector and with part of one, tiles of all heights, rows too short for any.
    for (seed, columns) in [16, 17, 31, 48, 65, 130].into_iter().enumerate() {
        for (more, rows) in [9, 12, 16, 20, 35].into_iter().enumerate() {
            for channels in [1, 3] {
                let seed = seed + more;
                check::<f32>(seed, [rows, columns], channels, &mut random);
                check::<f64>(seed, [rows, columns], channels, &mut random);
            }
        }
    }
}

#[test]
fn tasks_and_far_padding_have_the_same_bits() {
    let mut random = Random(92);
    // Several tasks, the last of which has too few rows for a tile; tasks that lie above or below the input as a whole;
    // all that stands beside is to the right, as much as a vector.
    let sides = |top, bottom, left, right| Padding::Explicit { top, bottom, left, right };
    let paddings = [Padding::Same, sides(150, 90, 1, 1), sides(1, 1, 0, 16), sides(0, 2, 0, 7)];
    for (columns, channels) in [(64, 1), (67, 1), (35, 4)] {
        for (seed, padding) in paddings.into_iter().enumerate() {
            for border in borders() {
                let mut factors = [random.reals::<f32>(3), random.reals::<f32>(3)];
                if random.one_in(2) {
                    factors.iter_mut().for_each(|taps| mirror(taps));
                }
                let dims = [66 + 64 * (seed % 2), columns];
                let x = random.reals::<f32>(dims[0] * dims[1] * channels);
                let conv = Conv::d2(dims, [3, 3])
                    .channels(channels, channels)
                    .groups(channels)
                    .layouts(Layout::Nhwc, Layout::Nhwc)
                    .padding(padding)
                    .border(border)
                    .strategy("separable");
                assert_same(&conv.with_factors(&factors[0], &factors[1], None).unwrap(), &x, channels);
            }
        }
    }
}

#[test]
fn strides_of_dilated_rows_have_the_same_bits() {
    let mut random = Random(95);
    let mut factors = [random.reals::<f32>(5), random.reals::<f32>(5)];
    let x = random.reals::<f32>(90 * 50);
    for (round, (stride, dilation)) in [(2, 2), (2, 4), (1, 3)].repeat(2).into_iter().enumerate() {
        if round == 3 {
            factors.iter_mut().for_each(|taps| mirror(taps));
        }
        let conv = Conv::d2([90, 50], [5, 5])
            .stride([stride, 1])
            .dilation([dilation, 1])
            .padding(Padding::Same)
            .border(Border::Reflect101)
            .strategy("separable");
        assert_same(&conv.with_factors(&factors[0], &factors[1], None).unwrap(), &x, 1);
    }
}

/// Padding that reaches so far that the rows behind it cannot be counted: they are asked for, but not read.
#[test]
fn rows_beyond_all_that_is_counted_are_not_read() {
    let far = isize::MAX as usize / 5;
    let conv = Conv::d2([16, 64], [3, 3])
        .dilation([far, 1])
        .padding(Padding::Explicit { top: 3, bottom: 2 * far - 16 + 1 - 3 + 2, left: 1, right: 1 })
        .border(Border::Replicate)
        .strategy("separable");
    let kernel = Random(96).reals::<f32>(9);
    let kernel = View::nchw(&kernel, [1, 1, 3, 3]).unwrap();
    if let Ok(convolver) = conv.with_kernel(kernel, None) {
        assert_same(&convolver, &Random(97).reals::<f32>(16 * 64), 1);
    }
}

/// Kernels of full rank, which are taken by columns where there is a tile: returns how often there was. Without a bias,
/// which that tile adds at another place.
fn check_by_columns<T: Element>(
    seed: usize,
    dims: [usize; 2],
    channels: usize,
    random: &mut Random,
) -> usize {
    let border = borders()[seed % borders().len()];
    let x = random.reals::<T>(dims[0] * dims[1] * channels);
    let mut kernel = random.reals::<T>(9);
    if random.one_in(2) {
        // The outer columns are alike, and have one sum.
        kernel.chunks_exact_mut(3).for_each(|row| row[2] = row[0]);
    }
    let kernel = View::strided(&kernel, 0, [channels, 1, 3, 3], [0, 0, 3, 1]).unwrap();
    let taken = [Padding::Same, Padding::Valid, Padding::Full].into_iter().filter(|&padding| {
        let conv = Conv::d2(dims, [3, 3])
            .channels(channels, channels)
            .groups(channels)
            .layouts(Layout::Nhwc, Layout::Nhwc)
            .padding(padding)
            .dilation([1 + seed / 2 % 2, 1 + seed / 4 % 2])
            .border(border)
            .strategy("separable");
        match conv.with_kernel(kernel, None) {
            Err(Error::Declined { reason: Declined::Values { .. }, .. }) => false,
            convolver => {
                assert_same(&convolver.unwrap(), &x, channels);
                true
            }
        }
    });
    taken.count()
}

#[test]
fn sums_by_columns_have_the_same_bits() {
    let mut random = Random(93);
    let mut taken = 0;
    for (seed, columns) in [16, 17, 31, 48, 65, 130, 2100].into_iter().enumerate() {
        for (more, rows) in [5, 6, 12, 33, 70].into_iter().enumerate() {
            for channels in [1, 3] {
                taken += check_by_columns::<f32>(seed + more, [rows, columns], channels, &mut random);
                taken += check_by_columns::<f64>(seed + more, [rows, columns], channels, &mut random);
            }
        }
    }
    let has_tile = InstructionSet::best().unwrap().name() == "avx512";
    assert_eq!(taken > 100, has_tile, "{taken}");
}

/// Without values, too: any kernel is the sum of its columns.
#[test]
fn sums_by_columns_need_no_values() {
    let plan = Conv::d2([40, 70], [3, 3]).strategy("separable").plan::<f32>();
    if InstructionSet::best().unwrap().name() != "avx512" {
        assert!(matches!(plan, Err(Error::Declined { reason: Declined::Values { .. }, .. })));
        return;
    }
    let plan = plan.unwrap();
    let mut random = Random(94);
    let (x, kernel) = (random.reals::<f32>(40 * 70), random.reals::<f32>(9));
    let packed = plan.pack(View::plane(&kernel, [3, 3]).unwrap(), None).unwrap();
    let mut y = vec![0.0; 38 * 68];
    let output = ViewMut::plane(&mut y, [38, 68]).unwrap();
    plan.execute(&packed, View::plane(&x, [40, 70]).unwrap(), output, &mut plan.workspace().unwrap())
        .unwrap();
    for (at, &y) in y.iter().enumerate() {
        let products = (0..9).map(|tap| {
            let place = (at / 68 + tap / 3) * 70 + at % 68 + tap % 3;
            f64::from(x[place]) * f64::from(kernel[tap])
        });
        let (sum, magnitude) =
            products.fold((0.0, 0.0), |(sum, all): (f64, f64), p| (sum + p, all + p.abs()));
        let bound = 12.0 * f64::from(f32::EPSILON) / 2.0 * magnitude * (1.0 + 1e-6);
        assert!((f64::from(y) - sum).abs() <= bound, "{at}: {y}, not {sum}");
    }
}

/// Rows that are cut into strips.
#[test]
fn strips_have_the_same_bits() {
    let mut random = Random(92);
    for seed in 0..borders().len() {
        check::<f32>(seed, [21, 40_003], 1, &mut random);
        check::<f64>(seed, [17, 20_011], 3, &mut random);
    }
}
