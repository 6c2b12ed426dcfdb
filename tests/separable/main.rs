//! `separable`, which serves only kernels that are sums of few separable ones: what the walks over all strategies check
//! with random kernels, with such kernels.

mod at_once;
mod plans;
mod sharing;
#[path = "../support/mod.rs"]
mod support;

use convolve::*;
use support::bounds::unit_roundoff;
use support::random::{BORDERS, Random};
use support::run::Operands;

/// Requests for each element type.
const REQUESTS: usize = 300;
/// Whether the taps of columns are all alike, and those of rows, in one request after the other.
const LEVELS: [[bool; 2]; 5] = [[false, false], [true, true], [false, true], [true, false], [false, false]];

const KERNELS: [[usize; 2]; 11] =
    [[3, 3], [2, 5], [5, 5], [7, 3], [7, 7], [9, 9], [9, 11], [4, 18], [33, 2], [21, 35], [3, 70]];
/// Served only if their taps are all alike.
const LINES: [[usize; 2]; 6] = [[1, 2], [1, 7], [1, 64], [1, 100], [2, 1], [23, 1]];

fn request(random: &mut Random, layouts: [Layout; 2], kernels: &[[usize; 2]]) -> Conv {
    loop {
        let groups = random.pick(&[1, 1, 2, 3, 4, 5, 8]);
        let kernel = random.pick(kernels);
        let input = [random.between(1, 30), random.between(1, 70)];
        let steps = random.pick(&[[1, 1], [1, 1], [1, 1], [2, 2], [1, 3], [3, 1], [12, 1], [2, 40]]);
        let dilation = random.pick(&[[1, 1], [1, 1], [1, 1], [2, 1], [1, 2], [1, 3], [3, 4], [6, 1]]);
        let side = |random: &mut Random, taps: usize| {
            if random.one_in(3) { random.below(2 * taps) } else { taps / 2 }
        };
        let [top, bottom, left, right] = [0, 0, 1, 1].map(|axis| side(random, kernel[axis]));
        let borders = if random.one_in(3) {
            let [top, bottom, left, right] = [(); 4].map(|()| random.pick(&BORDERS));
            Borders { top, bottom, left, right }
        } else {
            Borders::all(random.pick(&BORDERS))
        };
        let conv = Conv::d2(input, kernel)
            .batch(random.pick(&[1, 1, 2, 3]))
            .channels(groups, groups * random.pick(&[1, 1, 1, 2]))
            .groups(groups)
            .stride(steps)
            .dilation(dilation)
            .padding(Padding::Explicit { top, bottom, left, right })
            .border(borders)
            .layouts(layouts[0], layouts[1])
            .activation(random.pick(&[Activation::None, Activation::Clamp { min: -900.0, max: 1200.0 }]))
            .accumulate(random.pick(&[0.0, 0.0, -2.0]));
        let conv = if random.one_in(2) { conv.convolution() } else { conv };
        if conv.output_shape().is_ok_and(|shape| (1..20_000).contains(&shape.iter().product::<usize>())) {
            return conv;
        }
    }
}

/// What the outer products of a kernel have in common.
#[derive(Clone, Copy)]
struct Alike {
    /// All output channels have the same kernel.
    channels: bool,
    /// All taps of a column are the same, all taps of a row.
    taps: [bool; 2],
}

/// Makes taps alike from either end.
fn mirror<T: Copy>(taps: &mut [T]) {
    for tap in 0..taps.len() / 2 {
        taps[taps.len() - 1 - tap] = taps[tap];
    }
}

/// Sums of `terms` outer products for each output channel, often alike from either end.
fn low_rank<T: Element>(
    random: &mut Random,
    [outputs, _, rows, columns]: [usize; 4],
    terms: usize,
    alike: Alike,
    fill: impl Fn(&mut Random, usize) -> Vec<T>,
) -> Vec<T> {
    let are_mirrored = [random.one_in(2), random.one_in(2)];
    let factor = |random: &mut Random, count: usize, axis: usize| {
        let mut taps = if alike.taps[axis] { fill(random, 1).repeat(count) } else { fill(random, count) };
        if are_mirrored[axis] {
            mirror(&mut taps);
        }
        taps
    };
    let mut plane = || {
        let mut taps = vec![0.0; rows * columns];
        for _ in 0..terms {
            let column = factor(random, rows, 0);
            let row = factor(random, columns, 1);
            for (at, tap) in taps.iter_mut().enumerate() {
                *tap += column[at / columns].to_f64() * row[at % columns].to_f64();
            }
        }
        taps.into_iter().map(T::from_f64).collect::<Vec<T>>()
    };
    if alike.channels { plane().repeat(outputs) } else { (0..outputs).flat_map(|_| plane()).collect() }
}

/// A request with operands in memory of either layout, whatever it announces.
fn draw<T: Element>(
    random: &mut Random,
    terms: usize,
    levels: [bool; 2],
    fill: impl Fn(&mut Random, usize) -> Vec<T> + Copy,
) -> (Conv, Operands<T>) {
    let mut layout = || random.pick(&[Layout::Nchw, Layout::Nhwc, Layout::Nhwc]);
    let (layouts, memory) = ([layout(), layout()], layout());
    let kernels =
        if levels == [true; 2] && terms == 1 { [&KERNELS[..], &LINES].concat() } else { KERNELS.to_vec() };
    let conv = request(random, layouts, &kernels);
    let mut operands = Operands::<T>::new(&conv, memory, random, fill);
    let shape = [conv.channels_out, 1, conv.kernel[0], conv.kernel[1]];
    let alike = Alike { channels: random.one_in(2), taps: levels };
    operands.kernel = low_rank(random, shape, terms, alike, fill);
    (conv, operands)
}

fn forced<T: Element>(conv: &Conv, operands: &Operands<T>, isa: InstructionSet) -> Result<Plan<T>, Error> {
    let conv = conv.clone().strategy("separable").instruction_set(isa.name());
    Ok(conv.with_kernel(operands.kernel(), None)?.plan().clone())
}

/// Products of whole numbers are found as such, so that results are exact.
fn whole_numbers_agree_exactly<T: Element>(seed: u64) {
    let mut random = Random(seed);
    for case in 0..REQUESTS {
        let levels = LEVELS[case % LEVELS.len()];
        let (conv, operands) = draw::<T>(&mut random, 1, levels, |random, count| random.integers(count, 4));
        let exact = operands.reference(&conv);
        for &isa in InstructionSet::available().unwrap() {
            let plan = forced(&conv, &operands, isa).expect("the kernel is separable");
            assert_eq!(plan.strategy(), "separable");
            let computed = operands.execute(&plan, conv.accumulate != 0.0);
            assert_eq!(computed.len(), exact.len());
            for (i, (value, exact)) in computed.iter().zip(&exact).enumerate() {
                assert_eq!(value.to_f64(), exact.value, "output {i} on {isa}: {}", plan.explain().problem);
            }
        }
    }
}

#[test]
fn whole_numbers_agree_exactly_f32() {
    whole_numbers_agree_exactly::<f32>(71);
}

#[test]
fn whole_numbers_agree_exactly_f64() {
    whole_numbers_agree_exactly::<f64>(72);
}

/// The bound of docs/accuracy.md: of one term by what it misses of each tap, of several by norms.
fn bound<T: Element>(conv: &Conv, operands: &Operands<T>, found: &SeparableTerms, magnitude: f64) -> f64 {
    let u = unit_roundoff::<T>();
    let [rows, columns] = conv.kernel.map(|taps| taps as f64);
    let d = (rows + found.count as f64 * columns + 4.0) * u;
    let gamma = d / (1.0 - d);
    let by_tap = (gamma + found.by_tap + gamma * found.by_tap) * magnitude;
    let norm = |values: &[T]| values.iter().map(|value| value.to_f64().powi(2)).sum::<f64>().sqrt();
    let taps = conv.kernel[0] * conv.kernel[1];
    let kernel = operands.kernel.chunks_exact(taps).map(norm).fold(0.0, f64::max);
    // Constant borders are at most 3.
    let largest = operands.input.iter().map(|value| value.to_f64().abs()).fold(3.0, f64::max);
    let by_norm =
        (gamma * found.weight + found.truncation * (1.0 + gamma)) * kernel * largest * (taps as f64).sqrt();
    let by_norm = by_norm + 3.0 * u * magnitude;
    if found.count == 1 { by_tap } else { by_norm }
}

fn real_numbers_agree_within_the_bound<T: Element>(seed: u64) {
    let mut random = Random(seed);
    for case in 0..REQUESTS {
        let terms = 1 + case % 3;
        let levels = LEVELS[case % LEVELS.len()];
        let (conv, operands) = draw::<T>(&mut random, terms, levels, |random, count| random.reals(count));
        let pays = conv.kernel[0] * conv.kernel[1] / (conv.kernel[0] + conv.kernel[1]);
        let exact = operands.reference(&conv);
        for &isa in InstructionSet::available().unwrap() {
            let plan = match forced(&conv, &operands, isa) {
                Err(Error::Declined { strategy: "separable", reason: Declined::Values { .. } }) => {
                    assert!(pays.max(1) < terms, "{terms} terms of {:?} were not found", conv.kernel);
                    continue;
                }
                plan => plan.expect("a valid request"),
            };
            let found = plan.explain().separable_terms;
            if let Some(found) = &found {
                assert!(found.count <= terms, "{found:?}");
                // And what may be lost in comparing.
                let accepted = 8.0 * unit_roundoff::<T>() + terms as f64 * found.weight * f64::EPSILON;
                assert!(found.truncation <= accepted && found.weight >= 1.0, "{found:?}");
                assert!(found.weight <= (terms as f64).sqrt() + 1e-6, "orthogonal terms: {found:?}");
            } else {
                assert_eq!((isa.name(), conv.kernel), ("avx512", [3, 3]), "only these are taken by columns");
            }
            let computed = operands.execute(&plan, conv.accumulate != 0.0);
            for (i, (value, exact)) in computed.iter().zip(&exact).enumerate() {
                let distance = exact.distance(value.to_f64());
                let most = match &found {
                    Some(found) => bound(&conv, &operands, found, exact.magnitude),
                    None => 13.0 * unit_roundoff::<T>() * exact.magnitude,
                };
                let place = || format!("output {i} on {isa}: {}", plan.explain().problem);
                assert!(distance <= most, "{distance} beyond {most}, {found:?}, {}", place());
            }
        }
    }
}

#[test]
fn real_numbers_agree_within_the_bound_f32() {
    real_numbers_agree_within_the_bound::<f32>(73);
}

#[test]
fn real_numbers_agree_within_the_bound_f64() {
    real_numbers_agree_within_the_bound::<f64>(74);
}
