//! Layers of many groups, which the random requests of `agreement.rs` are too small for: several vectors of channels with
//! rests, groups that straddle vectors, bands of several blocks, rings that wrap around, edges beside a middle in place.

mod support;

use convolve::{Activation, Conv, Element, InstructionSet, Layout, Padding, Plan};
use support::random::{BORDERS, Random};
use support::run::{Operands, forced};

/// Requests for each element type.
const REQUESTS: usize = 250;

fn request(random: &mut Random, layouts: [Layout; 2]) -> Conv {
    loop {
        let [inputs, outputs] =
            random.pick(&[[1, 1], [1, 1], [1, 2], [1, 3], [2, 2], [3, 3], [4, 4], [2, 8], [8, 8]]);
        let groups = random.between(1, 70).div_ceil(inputs.max(outputs) / 2 + 1);
        let one_dimension = random.one_in(5);
        let kernel = if one_dimension {
            [1, random.between(1, 9)]
        } else {
            random.pick(&[[3, 3], [5, 5], [7, 7], [2, 4], [1, 3]])
        };
        let input = if one_dimension {
            [1, random.between(1, 300)]
        } else {
            [random.between(1, 24), random.between(1, 40)]
        };
        let steps = random.pick(&[[1, 1], [1, 1], [2, 2], [1, 2], [3, 2]]);
        let dilation = random.pick(&[[1, 1], [1, 1], [1, 1], [2, 2], [2, 3], [30, 1]]);
        let [steps, dilation] =
            [steps, dilation].map(|[rows, columns]| [if one_dimension { 1 } else { rows }, columns]);
        let side = |random: &mut Random, kernel: usize| {
            if random.one_in(3) { random.below(2 * kernel) } else { kernel / 2 }
        };
        let rows = |random: &mut Random| if one_dimension { 0 } else { side(random, kernel[0]) };
        let (top, bottom) = (rows(random), rows(random));
        let (left, right) = (side(random, kernel[1]), side(random, kernel[1]));
        let border = if random.one_in(2) { BORDERS[0] } else { random.pick(&BORDERS) };
        let conv = if one_dimension { Conv::d1(input[1], kernel[1]) } else { Conv::d2(input, kernel) };
        let conv = conv
            .batch(random.between(1, 2))
            .channels(groups * inputs, groups * outputs)
            .groups(groups)
            .stride(steps)
            .dilation(dilation)
            .padding(Padding::Explicit { top, bottom, left, right })
            .border(border)
            .layouts(layouts[0], layouts[1])
            .activation(random.pick(&[Activation::None, Activation::Clamp { min: -9.0, max: 12.0 }]))
            .accumulate(random.pick(&[0.0, 0.0, -2.0]));
        if conv.output_shape().is_ok_and(|shape| shape.iter().product::<usize>() > 0) {
            return conv;
        }
    }
}

/// Whole numbers, so that the result is exact. Memory is in either layout, whatever the request announces.
fn agrees<T: Element>(seed: u64) {
    let mut random = Random(seed);
    let mut executed = 0;
    let sets = InstructionSet::available().expect("CONVOLVE_ISA is a known name");
    for _ in 0..REQUESTS {
        let mut layout = || random.pick(&[Layout::Nchw, Layout::Nhwc]);
        let (layouts, memory) = ([layout(), layout()], layout());
        let conv = request(&mut random, layouts);
        let operands =
            Operands::<T>::new(&conv, memory, &mut random, |random, count| random.integers(count, 8));
        let exact = operands.reference(&conv);
        for &isa in sets {
            let plan: Plan<T> = forced(&conv, "depthwise", isa).plan().expect("a valid request");
            if plan.strategy() != "depthwise" {
                continue;
            }
            executed += 1;
            let computed = operands.execute(&plan, conv.accumulate != 0.0);
            for (i, (value, exact)) in computed.iter().zip(&exact).enumerate() {
                let place = || format!("output {i} on {isa}, memory {memory:?}: {}", plan.explain().problem);
                assert_eq!(value.to_f64(), exact.value, "{}", place());
            }
        }
    }
    assert!(2 * executed > REQUESTS * sets.len(), "{executed} executed");
}

#[test]
fn many_groups_agree_exactly_f32() {
    agrees::<f32>(61);
}

#[test]
fn many_groups_agree_exactly_f64() {
    agrees::<f64>(62);
}
