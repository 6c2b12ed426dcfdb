//! Taps of planes side by side that share loads have the bits of those that do not, which memory that is no neighbour
//! leaves no choice but to be.

use convolve::*;

use super::at_once::assert_same;
use super::support::random::Random;

fn check<T: Element>(channels: usize, taps: usize, dilation: usize, random: &mut Random) {
    let factors = [random.reals::<T>(3), random.reals::<T>(taps)];
    // Two wide blocks for 16 lanes, and some vectors of which the last has a part.
    let columns = 300 / channels + 7;
    let x = random.reals::<T>(6 * columns * channels);
    let conv = Conv::d2([6, columns], [3, taps])
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
    for channels in 1..=6 {
        for taps in [2, 5, 9, 16, 17, 33, 70] {
            for dilation in 1..=3 {
                check::<f32>(channels, taps, dilation, &mut random);
                check::<f64>(channels, taps, dilation, &mut random);
            }
        }
    }
}
