//! Taps of planes side by side that share loads have the bits of those that do not, as memory whose pixels are no
//! neighbours has it.

use convolve::*;

use super::at_once::assert_same;
use super::mirror;
use super::support::random::Random;

fn check<T: Element>(channels: usize, taps: usize, dilation: usize, random: &mut Random) {
    let mut factors = [random.reals::<T>(5), random.reals::<T>(taps)];
    if random.one_in(2) {
        mirror(&mut factors[0]);
    }
    // Two wide blocks for 16 lanes, and some vectors of which the last has a part.
    let columns = 300 / channels + 7;
    let x = random.reals::<T>(6 * columns * channels);
    let conv = Conv::d2([6, columns], [5, taps])
        .channels(channels, channels)
        .groups(channels)
        .layouts(Layout::Nhwc, Layout::Nhwc)
        .padding(Padding::Same)
        .dilation([1, dilation])
        .border(Border::Reflect101)
        .strategy("separable");
    for &isa in InstructionSet::available().unwrap() {
        let conv = conv.clone().instruction_set(isa);
        assert_same(&conv.with_factors(&factors[0], &factors[1], None).unwrap(), &x, channels);
    }
}

#[test]
fn taps_that_share_loads_have_the_same_bits() {
    let mut random = Random(98);
    for channels in 2..=6 {
        for taps in [2, 5, 9, 16, 17, 33, 70] {
            for dilation in 1..=3 {
                check::<f32>(channels, taps, dilation, &mut random);
                check::<f64>(channels, taps, dilation, &mut random);
            }
        }
    }
}

/// Taps that are packed in another order, because others share loads, are refused.
#[test]
fn plans_of_other_dilations_take_no_kernel_in_another_order() {
    let blur = |dilation| {
        let conv = Conv::d2([8, 500], [3, 70]).dilation([1, dilation]).strategy("separable");
        let factors = [[0.5f32; 3].as_slice(), &Random(99).reals::<f32>(70)].map(<[f32]>::to_vec);
        conv.with_factors(&factors[0], &factors[1], None).unwrap()
    };
    let plans: Vec<_> = (1..=6).map(blur).collect();
    let x: Vec<f32> = Random(100).reals(8 * 500);
    for plan in &plans {
        let [.., rows, columns] = plan.output_shape();
        let run = |packed: &PackedKernel<f32>| {
            let mut y = vec![f32::NAN; rows * columns];
            let output = ViewMut::plane(&mut y, [rows, columns]).unwrap();
            let (plan, input) = (plan.plan(), View::plane(&x, [8, 500]).unwrap());
            plan.execute(packed, input, output, &mut plan.workspace().unwrap()).map(|()| y)
        };
        let own = run(plan.packed()).unwrap();
        for other in &plans {
            match run(other.packed()) {
                Ok(y) => assert_eq!(y, own, "{}, packed for {}", plan.explain(), other.explain()),
                Err(error) => assert!(matches!(error, Error::PackingMismatch { .. }), "{error}"),
            }
        }
    }
}
