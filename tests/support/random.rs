//! Seeded random numbers and random requests.

use convolve::{Activation, Border, Borders, Conv, Element, Layout, Padding};

/// SplitMix64 (Steele, Lea and Flood, 2014).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in `0..count`.
    pub fn below(&mut self, count: usize) -> usize {
        (self.next() % count as u64) as usize
    }

    /// Uniform in `low..=high`.
    pub fn between(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high - low + 1)
    }

    pub fn pick<V: Clone>(&mut self, values: &[V]) -> V {
        values[self.below(values.len())].clone()
    }

    pub fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    /// Uniform in [-1, 1), a multiple of 2^-20, so that it is the same value in both element types.
    pub fn real(&mut self) -> f64 {
        (self.next() >> 43) as f64 / (1 << 20) as f64 - 1.0
    }

    pub fn reals<T: Element>(&mut self, count: usize) -> Vec<T> {
        (0..count).map(|_| T::from_f64(self.real())).collect()
    }

    /// Whole numbers in `-limit..=limit`.
    pub fn integers<T: Element>(&mut self, count: usize, limit: usize) -> Vec<T> {
        (0..count).map(|_| T::from_f64(self.below(2 * limit + 1) as f64 - limit as f64)).collect()
    }
}

pub const BORDERS: [Border; 6] = [
    Border::Zero,
    Border::Constant(3.0),
    Border::Replicate,
    Border::Symmetric,
    Border::Reflect101,
    Border::Wrap,
];

pub fn border_name(border: Border) -> &'static str {
    match border {
        Border::Zero => "zero",
        Border::Constant(_) => "constant",
        Border::Replicate => "replicate",
        Border::Symmetric => "symmetric",
        Border::Reflect101 => "reflect101",
        Border::Wrap => "wrap",
    }
}

/// A random request over all options that change the result, small enough for the reference. `layout` and `border`
/// are as given; every fourth request has a border of its own on each side.
pub fn request(random: &mut Random, layout: Layout, border: Border) -> Conv {
    loop {
        let conv = any_request(random, layout, border);
        if conv.output_shape().is_ok_and(|shape| shape.iter().product::<usize>() > 0) {
            return conv;
        }
    }
}

fn any_request(random: &mut Random, layout: Layout, border: Border) -> Conv {
    let one_dimension = random.one_in(3);
    // Three taps without steps are a case of their own.
    let minimal = random.one_in(3);
    let kernel =
        if minimal { [random.pick(&[1, 3]), 3] } else { [random.between(1, 5), random.between(1, 7)] };
    let input = [random.between(1, 20), random.between(1, 40)];
    let conv = if one_dimension { Conv::d1(input[0] * input[1], kernel[1]) } else { Conv::d2(input, kernel) };
    let groups = random.pick(&[1, 1, 1, 2, 3]);
    let depthwise = random.one_in(4);
    let (inputs, outputs) =
        if depthwise { (1, random.between(1, 2)) } else { (random.between(1, 4), random.between(1, 9)) };
    let groups = if depthwise { random.between(1, 5) } else { groups };
    let step = |random: &mut Random| if minimal || random.one_in(2) { 1 } else { random.between(1, 4) };
    let steps = |random: &mut Random| [if one_dimension { 1 } else { step(random) }, step(random)];
    let borders = if random.one_in(4) {
        let mut side = || random.pick(&BORDERS);
        Borders { top: border, bottom: side(), left: side(), right: side() }
    } else {
        Borders::all(border)
    };
    let conv = conv
        .batch(random.pick(&[1, 1, 2, 3]))
        .channels(groups * inputs, groups * outputs)
        .groups(groups)
        .stride(steps(random))
        .dilation(steps(random))
        .padding(padding(random, one_dimension))
        .border(borders)
        .layout(layout)
        .activation(random.pick(&[
            Activation::None,
            Activation::None,
            Activation::Relu,
            Activation::Clamp { min: -9.0, max: 12.0 },
        ]))
        .accumulate(random.pick(&[0.0, 0.0, 1.0, -2.0]));
    if random.one_in(2) { conv.convolution() } else { conv }
}

fn padding(random: &mut Random, one_dimension: bool) -> Padding {
    let mut rows = || if one_dimension { 0 } else { random.below(6) };
    let (top, bottom) = (rows(), rows());
    let explicit = Padding::Explicit { top, bottom, left: random.below(9), right: random.below(9) };
    random.pick(&[Padding::Valid, Padding::Same, Padding::SameLower, Padding::Full, explicit])
}
