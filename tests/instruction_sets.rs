//! What is available is what the machine has, from the cap of `CONVOLVE_ISA` downwards: a suite that silently ran on
//! less than it should would prove little.

use convolve::{CAP_VARIABLE, Conv, ElementType, Error, InstructionSet};

/// The names that should be available, by the detection of the standard library.
fn expected() -> Vec<&'static str> {
    let mut names = vec!["portable", "scalar"];
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::is_x86_feature_detected as has;
        if has!("avx2") && has!("fma") {
            names.insert(0, "avx2");
            if has!("avx512f") && has!("avx512vl") && has!("avx512bw") && has!("avx512dq") {
                names.insert(0, "avx512");
            }
        }
    }
    let cap = std::env::var(CAP_VARIABLE).unwrap_or_default();
    let from = names.iter().position(|name| *name == cap).unwrap_or(0);
    names.split_off(from)
}

#[test]
fn available_is_what_the_machine_has_below_the_cap() {
    let names: Vec<&str> = InstructionSet::available().unwrap().iter().map(|isa| isa.name()).collect();
    println!("{}", names.join(" "));
    assert_eq!(names, expected());
    assert_eq!(InstructionSet::best().unwrap().name(), names[0]);
}

#[test]
fn forcing_one_uses_it_and_forcing_another_is_an_error() {
    for name in ["avx512", "avx2", "portable", "scalar"] {
        let plan = Conv::d1(100, 5).instruction_set(name).plan::<f32>();
        match plan {
            Ok(plan) => assert_eq!((plan.instruction_set(), expected().contains(&name)), (name, true)),
            Err(Error::InstructionSetUnavailable { got, available }) => {
                assert_eq!((got.as_str(), available), (name, expected()));
                assert!(!expected().contains(&name));
            }
            Err(other) => panic!("{other}"),
        }
    }
}

#[test]
fn lanes_are_those_of_the_registers() {
    for isa in InstructionSet::available().unwrap() {
        let bytes = match isa.name() {
            "avx512" => 64,
            "avx2" => 32,
            "portable" => 16,
            _ => 0,
        };
        for element in ElementType::ALL {
            assert_eq!(isa.lanes(element), (bytes / element.size()).max(1), "{isa} {element}");
        }
    }
}
