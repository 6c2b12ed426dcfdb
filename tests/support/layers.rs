//! Layers for strategies that are made for some of them, and which the random requests of `agreement.rs` are too small
//! for.

use convolve::{Activation, Conv, Element, InstructionSet, Layout, Padding, Plan};

use super::random::{BORDERS, Random};
use super::run::{Operands, forced};

/// Requests for each element type.
const REQUESTS: usize = 250;

/// What is drawn for a layer; the rest is the same for all.
pub struct Layer {
    /// Of a group: input and output channels.
    pub channels: [usize; 2],
    pub groups: usize,
    /// One dimension has one row of each.
    pub dimensions: usize,
    pub input: [usize; 2],
    pub kernel: [usize; 2],
}

impl Layer {
    /// The request, with any stride, dilation, padding, border, batch, activation and accumulation.
    fn conv(&self, random: &mut Random, layouts: [Layout; 2]) -> Conv {
        let Layer { channels: [inputs, outputs], groups, dimensions, input, kernel } = *self;
        let one_dimension = dimensions == 1;
        let steps = random.pick(&[[1, 1], [1, 1], [2, 2], [1, 2], [3, 2]]);
        let dilation = random.pick(&[[1, 1], [1, 1], [1, 1], [2, 2], [2, 3], [30, 1]]);
        let [steps, dilation] =
            [steps, dilation].map(|[rows, columns]| [if one_dimension { 1 } else { rows }, columns]);
        let is_padded = !random.one_in(4);
        let side = |random: &mut Random, kernel: usize| match () {
            () if !is_padded => 0,
            () if random.one_in(3) => random.below(2 * kernel),
            () => kernel / 2,
        };
        let rows = |random: &mut Random| if one_dimension { 0 } else { side(random, kernel[0]) };
        let (top, bottom) = (rows(random), rows(random));
        let (left, right) = (side(random, kernel[1]), side(random, kernel[1]));
        let border = if random.one_in(2) { BORDERS[0] } else { random.pick(&BORDERS) };
        let conv = if one_dimension { Conv::d1(input[1], kernel[1]) } else { Conv::d2(input, kernel) };
        conv.batch(random.between(1, 2))
            .channels(groups * inputs, groups * outputs)
            .groups(groups)
            .stride(steps)
            .dilation(dilation)
            .padding(Padding::Explicit { top, bottom, left, right })
            .border(border)
            .layouts(layouts[0], layouts[1])
            .activation(random.pick(&[Activation::None, Activation::Clamp { min: -9.0, max: 12.0 }]))
            .accumulate(random.pick(&[0.0, 0.0, -2.0]))
    }
}

fn request(random: &mut Random, layouts: [Layout; 2], draw: impl Fn(&mut Random) -> Layer) -> Conv {
    loop {
        let conv = draw(random).conv(random, layouts);
        if conv.output_shape().is_ok_and(|shape| shape.iter().product::<usize>() > 0) {
            return conv;
        }
    }
}

/// Whole numbers, so that the result of `strategy` is exact, on every instruction set. Memory is in either layout,
/// whatever the request announces.
pub fn agree_exactly<T: Element>(strategy: &'static str, seed: u64, draw: impl Fn(&mut Random) -> Layer) {
    let mut random = Random(seed);
    let mut executed = 0;
    for _ in 0..REQUESTS {
        let mut layout = || random.pick(&[Layout::Nchw, Layout::Nhwc]);
        let (layouts, memory) = ([layout(), layout()], layout());
        let conv = request(&mut random, layouts, &draw);
        executed += agrees_exactly::<T>(&conv, strategy, memory, &mut random);
    }
    let sets = InstructionSet::available().expect("CONVOLVE_ISA is a known name");
    assert!(2 * executed > REQUESTS * sets.len(), "{executed} executed");
}

/// The same for one request. Returns for how many instruction sets the strategy did not decline.
pub fn agrees_exactly<T: Element>(
    conv: &Conv,
    strategy: &'static str,
    memory: Layout,
    random: &mut Random,
) -> usize {
    let operands = Operands::<T>::new(conv, memory, random, |random, count| random.integers(count, 8));
    let exact = operands.reference(conv);
    let mut executed = 0;
    for &isa in InstructionSet::available().expect("CONVOLVE_ISA is a known name") {
        let plan: Plan<T> = forced(conv, strategy, isa).plan().expect("a valid request");
        if plan.strategy() != strategy {
            continue;
        }
        executed += 1;
        let computed = operands.execute(&plan, conv.accumulate != 0.0);
        for (i, (value, exact)) in computed.iter().zip(&exact).enumerate() {
            let place = || format!("output {i} on {isa}, memory {memory:?}: {}", plan.explain().problem);
            assert_eq!(value.to_f64(), exact.value, "{}", place());
        }
    }
    executed
}
