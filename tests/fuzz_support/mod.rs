//! What the fuzz targets check, free of any fuzzer: each `check` reads its decisions from bytes, panics where a promise
//! of the crate is broken, and returns what it reached. The targets in `fuzz/` call it with whatever libFuzzer
//! invents, `tests/fuzz_corpus.rs` with the seeds.

mod bytes;
pub mod differential;
mod operands;
pub mod plan;
mod request;
pub mod views;

use std::collections::BTreeSet;

use convolve::{Element, Plan};

/// A strategy on an instruction set for an element type, by their names.
pub type Combination = [&'static str; 3];

/// The combinations that a check planned (target `plan`) or executed (the others).
#[derive(Debug, Default)]
pub struct Reached(pub BTreeSet<Combination>);

impl Reached {
    fn add<T: Element>(&mut self, plan: &Plan<T>) {
        self.0.insert([plan.strategy(), plan.instruction_set(), T::TYPE.name()]);
    }
}
