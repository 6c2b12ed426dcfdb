//! Sums along columns and rows at once have the bits of those taken one after the other, which memory that is no neighbour
//! leaves no choice but to take.

use convolve::*;

use super::support::random::Random;

const TAPS: [usize; 4] = [3, 5, 7, 9];

fn borders() -> [Borders; 5] {
    let mixed = |top, bottom, left, right| Borders { top, bottom, left, right };
    [
        Border::Zero.into(),
        Border::Reflect101.into(),
        Border::Wrap.into(),
        mixed(Border::Constant(2.0), Border::Replicate, Border::Constant(-3.0), Border::Symmetric),
        mixed(Border::Symmetric, Border::Constant(0.5), Border::Wrap, Border::Constant(7.0)),
    ]
}

/// The output in memory as it is, and with every pixel apart from its neighbours.
fn both_ways<T: Element>(conv: &Conv, taps: [&[T]; 2], x: &[T], channels: usize) -> [Vec<T>; 2] {
    let convolver = conv.with_factors(taps[0], taps[1], None).unwrap();
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

fn check<T: Element>(seed: usize, dims: [usize; 2], channels: usize, random: &mut Random) {
    let borders = borders();
    let border = borders[seed % borders.len()];
    for taps in TAPS {
        let factors = [random.reals::<T>(taps), random.reals::<T>(taps)];
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
                let [once, twice] = both_ways(&conv, [&factors[0], &factors[1]], &x, channels);
                let same = once.iter().zip(&twice).all(|(a, b)| a.to_f64().to_bits() == b.to_f64().to_bits());
                assert!(same, "{isa}: {conv:?}");
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

/// Rows that are cut into strips.
#[test]
fn strips_have_the_same_bits() {
    let mut random = Random(92);
    for seed in 0..borders().len() {
        check::<f32>(seed, [21, 40_003], 1, &mut random);
        check::<f64>(seed, [17, 20_011], 3, &mut random);
    }
}
