//! The choice between strategies: the least of what they answer is taken, for whatever request.

mod support;

use convolve::{Conv, Element, InstructionSet, Layout, Padding};
use support::random::Random;

/// A request as networks, filters and signals have them, and those in between.
fn request(random: &mut Random) -> Conv {
    let size = |random: &mut Random, most: u32| {
        let power = 1 << random.below(most as usize + 1);
        random.between(power, 2 * power - 1)
    };
    let is_signal = random.one_in(3);
    let taps = |random: &mut Random, most: u32| if random.one_in(6) { 1 } else { size(random, most) };
    let conv = if is_signal {
        Conv::d1(size(random, 20), taps(random, 12))
    } else {
        let kernel = if random.one_in(2) { [3, 3] } else { [taps(random, 7), taps(random, 7)] };
        Conv::d2([size(random, 9), size(random, 9)], kernel).dilation(1 + usize::from(random.one_in(5)))
    };
    let [groups, inputs, outputs] = match random.below(4) {
        0 => [1, 1, 1],
        1 => [1, size(random, 9), size(random, 9)],
        2 => [size(random, 9), 1, random.between(1, 2)],
        _ => [size(random, 5), size(random, 4), size(random, 4)],
    };
    let conv = conv.channels(groups * inputs, groups * outputs).groups(groups);
    let conv = if is_signal || random.one_in(2) { conv } else { conv.stride(random.between(1, 3)) };
    let paddings = [Padding::Valid, Padding::Same, Padding::Full];
    conv.layout(random.pick(&[Layout::Nchw, Layout::Nhwc]))
        .batch(random.pick(&[1, 1, 2, 8]))
        .padding(random.pick(&paddings))
}

/// Whether there is a plan.
fn check<T: Element>(conv: &Conv) -> bool {
    let Ok(plan) = conv.plan::<T>() else { return false };
    let explanation = plan.explain();
    let seconds = |name: Option<&str>| {
        let candidates = explanation.candidates.iter();
        let of_name = candidates.filter(|candidate| name.is_none_or(|name| name == candidate.strategy));
        let answers = of_name.filter_map(|candidate| candidate.answer.as_ref().ok());
        answers.map(|prediction| prediction.seconds).fold(f64::INFINITY, f64::min)
    };
    // Strategies are not asked where a bound from below says that they cost more; it must be one.
    assert_eq!(seconds(Some(plan.strategy())), seconds(None), "{explanation}");
    true
}

#[test]
fn the_least_of_all_answers_is_taken() {
    let mut random = Random(51);
    let mut planned = 0;
    for _ in 0..1000 {
        let conv = request(&mut random);
        for isa in InstructionSet::available().unwrap() {
            let conv = conv.clone().instruction_set(*isa);
            planned += usize::from(check::<f32>(&conv)) + usize::from(check::<f64>(&conv));
        }
    }
    assert!(planned > 1000, "only {planned} requests are valid");
}
