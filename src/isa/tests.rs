//! The cap of `CONVOLVE_ISA`.

use super::*;

#[test]
fn a_cap_leaves_out_what_stands_above_it_and_refuses_unknown_names() {
    let all = Token::detect_all();
    let names = |sets: Vec<InstructionSet>| sets.iter().map(|isa| isa.name()).collect::<Vec<_>>();
    assert_eq!(names(capped(all.clone(), None).unwrap()), names(all.clone()));
    assert_eq!(names(capped(all.clone(), Some("scalar")).unwrap()), ["scalar"]);
    assert_eq!(names(capped(all.clone(), Some("portable")).unwrap()), ["portable", "scalar"]);
    assert!(matches!(
        capped(all, Some("mmx")),
        Err(Error::InstructionSetUnavailable { got, .. }) if got == "mmx"
    ));
}
