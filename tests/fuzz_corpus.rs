//! The seeds of the fuzz targets, replayed without a fuzzer: they pass, and together they reach every strategy on
//! every instruction set of this machine for every element type.

pub mod fuzz_support;

use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::PathBuf;

use convolve::{ElementType, InstructionSet};
use fuzz_support::{Combination, Reached, differential, plan, views};

/// A fuzz target.
struct Target {
    name: &'static str,
    check: fn(&[u8]) -> Reached,
}

const TARGETS: [Target; 3] = [
    Target { name: "plan", check: plan::check },
    Target { name: "differential", check: differential::check },
    Target { name: "views", check: views::check },
];

/// A second or two for each target.
const RANDOM_INPUTS: usize = 40_000;

impl Target {
    fn seeds(&self) -> PathBuf {
        [env!("CARGO_MANIFEST_DIR"), "fuzz", "seeds", self.name].iter().collect()
    }

    fn replay(&self) -> BTreeSet<Combination> {
        let mut reached = BTreeSet::new();
        for entry in fs::read_dir(self.seeds()).expect("seeds are part of the repository") {
            let path = entry.expect("the directory can be listed").path();
            // Shown when a check panics: the last one is to blame.
            println!("{}", path.display());
            let seed = fs::read(&path).expect("seeds can be read");
            reached.extend((self.check)(&seed).0);
        }
        reached
    }
}

/// Every strategy of this build, on every instruction set of this machine, for every element type.
fn all_combinations() -> BTreeSet<Combination> {
    let mut all = BTreeSet::new();
    for strategy in convolve::strategies() {
        for instruction_set in InstructionSet::available().unwrap() {
            all.extend(ElementType::ALL.map(|element| [strategy, instruction_set.name(), element.name()]));
        }
    }
    all
}

/// Those that a target can reach: `plan` knows no values of kernels.
fn combinations_of(target: &Target) -> BTreeSet<Combination> {
    let needs_values = |strategy: &str| strategy == "separable" && target.name == "plan";
    // The seeds are written for all features: without `fft`, the strategy declines what its other lengths served.
    let needs_feature = |strategy: &str| strategy == "fft" && cfg!(not(feature = "fft"));
    let is_reached = |strategy: &str| !needs_values(strategy) && !needs_feature(strategy);
    all_combinations().into_iter().filter(|[strategy, ..]| is_reached(strategy)).collect()
}

fn assert_seeds_reach_everything(target: &Target) {
    let (reached, all) = (target.replay(), combinations_of(target));
    let missed: Vec<_> = all.difference(&reached).collect();
    assert!(missed.is_empty(), "the seeds of `{}` do not reach {missed:?}", target.name);
}

#[test]
fn plan_seeds_reach_everything() {
    assert_seeds_reach_everything(&TARGETS[0]);
}

#[test]
fn differential_seeds_reach_everything() {
    assert_seeds_reach_everything(&TARGETS[1]);
}

#[test]
fn view_seeds_reach_everything() {
    assert_seeds_reach_everything(&TARGETS[2]);
}

/// Without a fuzzer, many bytes that nothing has steered reach combinations of options that no other test draws.
#[test]
fn random_bytes_pass() {
    let mut random = Random(3);
    for target in &TARGETS {
        for index in 0..RANDOM_INPUTS {
            let mut bytes = random.bytes();
            // Small numbers are options and sizes that meet more often.
            if index % 2 == 0 {
                bytes.iter_mut().filter(|_| random.next().is_multiple_of(3)).for_each(|byte| *byte %= 4);
            }
            let passes = catch_unwind(|| (target.check)(&bytes)).is_ok();
            assert!(passes, "`{}` fails with {bytes:?}", target.name);
        }
    }
}

/// Random numbers to choose seeds from (Steele and Vigna's SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn bytes(&mut self) -> Vec<u8> {
        let count = 40 + self.next() % 60;
        (0..count).map(|_| self.next() as u8).collect()
    }
}

/// Problem strings among the seeds of `plan`, behind the byte that announces text.
const PROBLEM_STRINGS: [&str; 6] = [
    "correlate in=1000 kernel=9",
    "convolve f64 in=480x640 kernel=31x31 padding=same border=reflect101 strategy=fft",
    "correlate f32 in=224x224 kernel=3x3 batch=8 channels=64:128 stride=2x2 padding=same layout=nhwc",
    "correlate in=56x56 kernel=3x3 channels=32:64 groups=32 dilation=2x1 padding=1,2,3,4 activation=clamp:0:6",
    "convolve in=18446744073709551615 kernel=4294967296 stride=9223372036854775807 padding=full",
    "correlate in=5 kernel=3 border=zero,wrap,constant:NaN,symmetric accumulate=-0.5 workspace_limit=0 isa=scalar",
];

/// Writes the seeds anew: for each combination, random bytes that reach it; and for the checks that execute nothing,
/// problem strings, random words and random views. Run it with
/// `cargo test --test fuzz_corpus -- --ignored` on a machine with every instruction set, after a change in how
/// bytes are read; then seeds called `regression` need a look, as they may have lost their meaning.
#[test]
#[ignore = "writes files into the repository"]
fn regenerate_seeds() {
    for target in &TARGETS {
        let mut random = Random(1);
        for wanted in combinations_of(target) {
            for copy in 0..2 {
                let seed = find_seed(target, &wanted, &mut random);
                write_seed(target, &format!("{}-{copy}", wanted.join("-")), &seed);
            }
        }
    }
    for (index, text) in PROBLEM_STRINGS.iter().enumerate() {
        write_seed(&TARGETS[0], &format!("text-{index}"), &[&[0], text.as_bytes()].concat());
    }
    let mut random = Random(2);
    for index in 0..6 {
        write_seed(&TARGETS[0], &format!("words-{index}"), &[vec![1], random.bytes()].concat());
        write_seed(&TARGETS[2], &format!("hostile-{index}"), &[vec![1, 0], random.bytes()].concat());
        write_seed(&TARGETS[2], &format!("nearly-nested-{index}"), &[vec![1, 1], random.bytes()].concat());
    }
}

fn find_seed(target: &Target, wanted: &Combination, random: &mut Random) -> Vec<u8> {
    loop {
        let seed = random.bytes();
        if (target.check)(&seed).0.contains(wanted) {
            return seed;
        }
    }
}

fn write_seed(target: &Target, name: &str, seed: &[u8]) {
    fs::create_dir_all(target.seeds()).unwrap();
    fs::write(target.seeds().join(name), seed).unwrap();
}
