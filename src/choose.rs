//! The dispatcher: every strategy states a cost or declines with a reason, and the cheapest one is taken.

use crate::conv::Choice;
use crate::cost::Machine;
use crate::element::Element;
use crate::error::{Declined, Error};
use crate::low_rank::KernelFacts;
use crate::problem::Problem;
use crate::strategy::{self, Estimate, Strategy};

/// What one strategy answers for a problem.
pub(crate) type Answer = Result<Estimate, Declined>;

/// The strategy to use, with its estimate. One that failed is passed over, unless the request forces it.
pub(crate) fn choose<T: Element>(
    problem: &Problem,
    kernel: &KernelFacts,
    failed: Option<&str>,
) -> Result<(&'static dyn Strategy<T>, Estimate), Error> {
    let machine = Machine::get();
    if let Choice::Only(name) = &problem.conv.strategy {
        let strategy = find::<T>(name)?;
        let estimate = strategy.estimate_known(problem, machine, kernel);
        return estimate
            .map(|estimate| (strategy, estimate))
            .map_err(|reason| Error::Declined { strategy: strategy.name(), reason });
    }
    let mut best: Option<(&'static dyn Strategy<T>, Estimate)> = None;
    let mut refusal = None;
    for &strategy in strategy::registry::<T>().iter().filter(|strategy| Some(strategy.name()) != failed) {
        if best.is_some_and(|(_, least)| least.seconds <= strategy.least_seconds(problem, machine)) {
            continue;
        }
        match strategy.estimate_known(problem, machine, kernel) {
            Ok(estimate) if best.is_none_or(|(_, least)| estimate.seconds < least.seconds) => {
                best = Some((strategy, estimate));
            }
            Ok(_) => {}
            Err(reason) => refusal = Some(Error::Declined { strategy: strategy.name(), reason }),
        }
    }
    best.ok_or_else(|| refusal.unwrap_or(Error::UnknownStrategy { got: String::new(), known: vec![] }))
}

/// What every strategy answers, in the order of the registry.
pub(crate) fn answers<T: Element>(problem: &Problem, kernel: &KernelFacts) -> Vec<(&'static str, Answer)> {
    let machine = Machine::get();
    strategy::registry::<T>()
        .iter()
        .map(|strategy| (strategy.name(), strategy.estimate_known(problem, machine, kernel)))
        .collect()
}

fn find<T: Element>(name: &str) -> Result<&'static dyn Strategy<T>, Error> {
    let found = strategy::registry::<T>().iter().copied().find(|strategy| strategy.name() == name);
    found.ok_or_else(|| Error::UnknownStrategy { got: name.to_string(), known: strategy::names() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conv::Conv;
    use crate::element_type::ElementType;
    use crate::isa::InstructionSet;

    fn check(problem: &Problem, machine: &Machine) {
        for strategy in strategy::registry::<f32>() {
            if let Ok(estimate) = strategy.estimate(problem, machine) {
                let least = strategy.least_seconds(problem, machine);
                assert!(
                    least <= estimate.seconds,
                    "{} of {:?} on {machine:?}",
                    strategy.name(),
                    problem.conv
                );
            }
        }
    }

    #[test]
    fn no_estimate_is_below_its_bound_on_any_machine() {
        let requests = [
            "correlate in=100000 kernel=64 padding=full",
            "correlate in=300x200 kernel=3x3 padding=same",
            "correlate in=500x600 kernel=127x127 padding=same",
            "correlate in=28x28 kernel=3x3 channels=64:96 padding=same",
            "correlate in=14x14 kernel=1x1 channels=512:40",
            "correlate in=56x56 kernel=5x5 channels=48:48 groups=48 padding=same",
            "correlate in=56x56 kernel=3x3 channels=64:64 groups=16 padding=same",
            "correlate in=300x200 kernel=9x9 channels=4:4 groups=4 layout=nhwc padding=same",
            "correlate in=30x20 kernel=9x9 channels=2:2 groups=2 layout=nhwc padding=same",
        ];
        let machines = [[false, false], [true, false], [false, true], [true, true]]
            .map(|[halves_vectors, has_near_l3]| Machine { halves_vectors, has_near_l3, ..*Machine::get() });
        for request in requests {
            for isa in InstructionSet::available().unwrap() {
                let conv = request.parse::<Conv>().unwrap().instruction_set(*isa);
                let problem = Problem::new(&conv, ElementType::F32).unwrap();
                machines.iter().for_each(|machine| check(&problem, machine));
            }
        }
    }
}
