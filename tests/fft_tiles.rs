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

/// Whole numbers come out exactly after rounding.
fn check<T: Element>(conv: &Conv, random: &mut Random) {
    let plan: Plan<T> = conv.plan().expect("a valid request");
    let operands = Operands::<T>::new(conv, Layout::Nchw, random, |random, count| random.integers(count, 4));
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
                        check::<T>(&conv, &mut random);
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
                            check::<T>(&conv, &mut random);
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
    // On a single set, other transforms may be the faster ones.
    assert!(served > 1 || InstructionSet::available().unwrap().len() == 1);
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
