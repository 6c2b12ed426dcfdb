//! Every strategy on every instruction set and element type against the definition, over random requests.

mod support;

use std::collections::BTreeMap;

use convolve::{Activation, Border, Conv, Element, Layout, Plan};
use support::bounds::Bounds;
use support::random::{BORDERS, Random, border_name, request};
use support::run::{Operands, ROUND, SERVE_ALL, combinations, forced};

/// Random requests for each border and layout.
const REQUESTS: usize = 40;
/// As many of them at least are served by strategies that do not serve all.
const LEAST: usize = 5;
const LAYOUTS: [Layout; 2] = [Layout::Nchw, Layout::Nhwc];

/// What was executed, and how many expected values were zero.
#[derive(Default)]
struct Tally {
    executed: BTreeMap<String, usize>,
    values: usize,
    zeros: usize,
}

impl Tally {
    fn count<T: Element>(&mut self, strategy: &str, isa: &str, border: Border, layout: Layout) {
        let key = format!("{strategy} {isa} {} {} {layout:?}", T::TYPE, border_name(border));
        *self.executed.entry(key).or_default() += 1;
    }

    /// Every combination was really executed, and a comparison of zeros with zeros was the exception.
    fn check<T: Element>(&self) {
        for (strategy, isa) in combinations() {
            for border in BORDERS {
                for layout in LAYOUTS {
                    let key = format!("{strategy} {isa} {} {} {layout:?}", T::TYPE, border_name(border));
                    let executed = self.executed.get(&key).copied().unwrap_or(0);
                    let least = if SERVE_ALL.contains(&strategy) { REQUESTS } else { LEAST };
                    assert!((least..=REQUESTS).contains(&executed), "{key}: {executed}");
                }
            }
        }
        assert!(self.values > 10_000);
        assert!(
            10 * self.zeros <= 7 * self.values,
            "{} of {} expected values are zero",
            self.zeros,
            self.values
        );
    }
}

/// Draws requests and hands each to `check` with each combination.
fn for_each_request(seed: u64, mut check: impl FnMut(&mut Random, Conv, Border, Layout)) {
    let mut random = Random(seed);
    for border in BORDERS {
        for layout in LAYOUTS {
            for _ in 0..REQUESTS {
                let conv = request(&mut random, layout, border);
                check(&mut random, conv, border, layout);
            }
        }
    }
}

/// Whole numbers, small enough for exact sums: direct and GEMM must give the exact result, FFT after rounding.
fn integers_agree_exactly<T: Element>(seed: u64) {
    let mut tally = Tally::default();
    for_each_request(seed, |random, conv, border, layout| {
        let operands = Operands::<T>::new(&conv, layout, random, |random, count| random.integers(count, 8));
        let exact = operands.reference(&conv);
        tally.values += exact.len();
        tally.zeros += exact.iter().filter(|exact| exact.value == 0.0).count();
        for (strategy, isa) in combinations() {
            let plan: Plan<T> = forced(&conv, strategy, isa).plan().expect("a valid request");
            if plan.strategy() != strategy {
                continue;
            }
            let computed = operands.execute(&plan, conv.accumulate != 0.0);
            for (i, (value, exact)) in computed.iter().zip(&exact).enumerate() {
                assert!(exact.magnitude < f64::from(1 << 24), "left the exact range");
                let value = if ROUND.contains(&strategy) { value.to_f64().round() } else { value.to_f64() };
                assert_eq!(
                    value,
                    exact.value,
                    "output {i} of {strategy} on {isa}: {}",
                    plan.explain().problem
                );
            }
            tally.count::<T>(strategy, isa.name(), border, layout);
        }
    });
    tally.check::<T>();
}

/// Real numbers: the proven bounds hold, and so do the fitted ones.
fn reals_agree_within_bounds<T: Element>(seed: u64) {
    let mut tally = Tally::default();
    for_each_request(seed, |random, conv, border, layout| {
        // Limits that are no whole numbers, nor exact in f32.
        let limited = conv.activation != Activation::None;
        let conv = if limited { conv.activation(Activation::Clamp { min: -0.1, max: 0.7 }) } else { conv };
        let operands = Operands::<T>::new(&conv, layout, random, |random, count| random.reals(count));
        let exact = operands.reference(&conv);
        tally.values += exact.len();
        tally.zeros += exact.iter().filter(|exact| exact.value == 0.0).count();
        for (strategy, isa) in combinations() {
            let plan: Plan<T> = forced(&conv, strategy, isa).plan().expect("a valid request");
            if plan.strategy() != strategy {
                continue;
            }
            let bounds = Bounds::new(&conv, &plan, &operands);
            let computed = operands.execute(&plan, conv.accumulate != 0.0);
            for (i, (value, exact)) in computed.iter().zip(&exact).enumerate() {
                let distance = exact.distance(value.to_f64());
                let place = || format!("output {i} of {strategy} on {isa}: {}", plan.explain().problem);
                assert!(
                    distance <= bounds.proven(strategy, exact, i),
                    "proven bound, {distance}, {}",
                    place()
                );
                assert!(
                    distance <= bounds.fitted(strategy, exact, i),
                    "fitted bound, {distance}, {}",
                    place()
                );
            }
            tally.count::<T>(strategy, isa.name(), border, layout);
        }
    });
    tally.check::<T>();
}

#[test]
fn integers_agree_exactly_f32() {
    integers_agree_exactly::<f32>(1);
}

#[test]
fn integers_agree_exactly_f64() {
    integers_agree_exactly::<f64>(2);
}

#[test]
fn reals_agree_within_bounds_f32() {
    reals_agree_within_bounds::<f32>(3);
}

#[test]
fn reals_agree_within_bounds_f64() {
    reals_agree_within_bounds::<f64>(4);
}
