//! Bad input: each fault has its error, which names what was expected and what was given, and nothing is written.

use convolve::*;

/// The error of a request.
fn error(conv: Conv) -> Error {
    conv.plan::<f32>().err().unwrap_or_else(|| panic!("planned: {conv}"))
}

#[test]
fn zero_counts() {
    let conv = || Conv::d2([9, 9], [3, 3]);
    let zeros = [
        (Conv::d2([9, 9], [0, 3]), "kernel size (rows)"),
        (Conv::d2([9, 9], [3, 0]), "kernel size (columns)"),
        (Conv::d1(9, 0), "kernel size (columns)"),
        (conv().stride([0, 1]), "stride (rows)"),
        (conv().stride(0), "stride (rows)"),
        (conv().stride([1, 0]), "stride (columns)"),
        (conv().dilation([0, 1]), "dilation (rows)"),
        (conv().dilation([1, 0]), "dilation (columns)"),
        (conv().groups(0), "groups"),
        (conv().channels(0, 1), "input channels"),
        (conv().channels(1, 0), "output channels"),
    ];
    for (conv, quantity) in zeros {
        assert_eq!(error(conv), Error::Zero { quantity });
    }
}

#[test]
fn kernels_without_taps() {
    let rows = Error::Zero { quantity: "kernel size (rows)" };
    let columns = Error::Zero { quantity: "kernel size (columns)" };
    for none in [0, usize::MAX] {
        assert_eq!(Kernel::<f32>::new([0, none], vec![]), Err(rows.clone()));
        assert_eq!(Kernel::<f32>::mean([0, none]), Err(rows.clone()));
    }
    assert_eq!(Kernel::<f32>::new([usize::MAX, 0], vec![]), Err(columns.clone()));
    assert_eq!(Kernel::separable(&[1.0f32], &[]), Err(columns));
    assert_eq!(Kernel::separable(&[], &[1.0f64]), Err(rows));
}

#[test]
fn groups_that_do_not_divide() {
    let got = error(Conv::d2([9, 9], [3, 3]).channels(6, 8).groups(4));
    assert_eq!(got, Error::GroupsDoNotDivide { groups: 4, channels_in: 6, channels_out: 8 });
    let got = error(Conv::d2([9, 9], [3, 3]).channels(8, 6).groups(4));
    assert_eq!(got, Error::GroupsDoNotDivide { groups: 4, channels_in: 8, channels_out: 6 });
}

#[test]
fn sizes_that_do_not_fit() {
    let huge = usize::MAX;
    let requests = [
        Conv::d1(huge, 3),
        Conv::d1(huge / 2, 1).padding(Padding::columns(huge / 2)),
        Conv::d1(10, 3).padding(Padding::columns(huge)),
        Conv::d1(10, 3).padding(Padding::columns(isize::MAX as usize)),
        Conv::d1(10, huge).padding(Padding::Full),
        Conv::d1(10, 3).dilation(huge).padding(Padding::Full),
        Conv::d1(10, 3).dilation(huge / 2).padding(Padding::Same),
        Conv::d1(1 << 40, 1).batch(1 << 30),
        Conv::d2([1 << 33, 1 << 33], [1, 1]),
        Conv::d2([8, 8], [1, 1]).channels(1 << 50, 1 << 50),
        Conv::d2([8, 8], [3, 3]).channels(1 << 31, 1 << 31),
        Conv::d1(1 << 61, 1 << 61),
        Conv::d1(huge - 1, 3).padding(Padding::Same).stride(huge),
    ];
    for conv in requests {
        let text = conv.to_string();
        assert!(matches!(error(conv), Error::TooLarge { .. }), "{text}");
    }
}

#[test]
fn kernels_that_do_not_fit_the_padded_input() {
    let got = error(Conv::d2([9, 4], [3, 3]).dilation([1, 2]));
    assert_eq!(got, Error::KernelExceedsInput { axis: "columns", kernel_extent: 5, padded_input: 4 });
    let got = error(Conv::d2([2, 4], [3, 3]));
    assert_eq!(got, Error::KernelExceedsInput { axis: "rows", kernel_extent: 3, padded_input: 2 });
}

#[test]
fn borders_of_empty_axes() {
    let conv = |border| Conv::d2([0, 4], [3, 3]).padding(Padding::Full).border(border);
    assert_eq!(error(conv(Border::Wrap)), Error::BorderOfEmptyAxis { axis: "rows" });
    assert_eq!(error(conv(Border::Replicate)), Error::BorderOfEmptyAxis { axis: "rows" });
    assert_eq!(conv(Border::Constant(2.0)).output_shape(), Ok([1, 1, 2, 6]));
    // Also where that side is not padded: strategies may look ahead.
    let border = Borders { right: Border::Reflect101, ..Borders::all(Border::Zero) };
    let padding = Padding::Explicit { top: 0, bottom: 0, left: 7, right: 0 };
    let got = error(Conv::d1(0, 3).stride(2).dilation(2).padding(padding).border(border));
    assert_eq!(got, Error::BorderOfEmptyAxis { axis: "columns" });
}

#[test]
fn two_dimensional_options_of_one_dimensional_requests() {
    let conv = || Conv::d1(9, 3);
    assert!(matches!(error(conv().stride([2, 1])), Error::OneDimensional { .. }));
    assert!(matches!(error(conv().dilation([2, 1])), Error::OneDimensional { .. }));
    assert!(matches!(error(conv().padding(Padding::symmetric(1, 0))), Error::OneDimensional { .. }));
    assert_eq!(conv().stride([1, 2]).output_shape(), Ok([1, 1, 1, 4]));
}

#[test]
fn epilogues_that_make_no_sense() {
    let conv = || Conv::d1(9, 3);
    assert!(matches!(error(conv().accumulate(f64::NAN)), Error::NotFinite { .. }));
    assert!(matches!(error(conv().accumulate(f64::INFINITY)), Error::NotFinite { .. }));
    assert!(matches!(error(conv().accumulate(1e300)), Error::NotFinite { .. }), "infinite in f32");
    assert!(conv().accumulate(1e300).plan::<f64>().is_ok());
    let clamp = |min, max| conv().activation(Activation::Clamp { min, max });
    assert_eq!(error(clamp(2.0, 1.0)), Error::EmptyClamp { min: 2.0, max: 1.0 });
    assert!(matches!(error(clamp(f64::NAN, 1.0)), Error::EmptyClamp { .. }));
}

#[test]
fn names_that_are_not_known() {
    let got = error(Conv::d1(9, 3).strategy("magic"));
    assert_eq!(got, Error::UnknownStrategy { got: "magic".into(), known: convolve::strategies() });
    let got = error(Conv::d1(9, 3).instruction_set("mmx"));
    assert!(
        matches!(got, Error::InstructionSetUnavailable { got, available } if got == "mmx" && available.contains(&"scalar"))
    );
    let got = error(Conv::d1(9, 3).element_type(ElementType::F64));
    assert_eq!(got, Error::ElementType { expected: "f64", got: "f32" });
}

#[test]
fn a_forced_strategy_that_declines_says_why() {
    let got = error(Conv::d1(9, 3).strategy("fft").accuracy(Accuracy::Componentwise));
    assert_eq!(got, Error::Declined { strategy: "fft", reason: Declined::Accuracy });
    let got = error(Conv::d1(9, 3).strategy("fft").workspace_limit(10));
    assert!(
        matches!(got, Error::Declined { reason: Declined::Workspace { needed: 100.., limit: 10 }, .. }),
        "{got}"
    );
    // Without force, the others serve.
    let plan = Conv::d1(1 << 20, 1 << 14).accuracy(Accuracy::Componentwise).plan::<f32>().unwrap();
    assert_ne!(plan.strategy(), "fft");
    let explanation = plan.explain();
    let fft = explanation.candidates.iter().find(|candidate| candidate.strategy == "fft").unwrap();
    assert_eq!(fft.answer, Err(Declined::Accuracy));
}

#[test]
fn wrong_operands_leave_the_output_alone() {
    let plan = Conv::d2([5, 6], [3, 3]).channels(2, 4).plan::<f32>().unwrap();
    let kernel = [1.0; 4 * 2 * 9];
    let kernel = View::nchw(&kernel, [4, 2, 3, 3]).unwrap();
    assert_eq!(
        plan.pack(View::nchw(&[0.0; 36], [4, 1, 3, 3]).unwrap(), None).unwrap_err(),
        Error::Shape { operand: "kernel", expected: [4, 2, 3, 3], got: [4, 1, 3, 3] }
    );
    assert_eq!(
        plan.pack(kernel, Some(&[0.0; 3])).unwrap_err(),
        Error::Length { operand: "bias", expected: 4, got: 3 }
    );
    let packed = plan.pack(kernel, None).unwrap();
    let mut y = [7.0f32; 48];
    let x = [1.0; 60];
    let mut workspace = plan.workspace().unwrap();
    let input = View::nchw(&x, [1, 2, 5, 6]).unwrap();
    let wrong_input = View::nchw(&x, [2, 1, 5, 6]).unwrap();
    let got =
        plan.execute(&packed, wrong_input, ViewMut::nchw(&mut y, [1, 4, 3, 4]).unwrap(), &mut workspace);
    assert_eq!(got, Err(Error::Shape { operand: "input", expected: [1, 2, 5, 6], got: [2, 1, 5, 6] }));
    let got = plan.execute(&packed, input, ViewMut::nchw(&mut y, [1, 4, 4, 3]).unwrap(), &mut workspace);
    assert_eq!(got, Err(Error::Shape { operand: "output", expected: [1, 4, 3, 4], got: [1, 4, 4, 3] }));
    let other = Conv::d2([5, 6], [3, 3]).channels(2, 4).convolution().plan::<f32>().unwrap();
    let got = other.execute(&packed, input, ViewMut::nchw(&mut y, [1, 4, 3, 4]).unwrap(), &mut workspace);
    assert!(matches!(got, Err(Error::PackingMismatch { .. })));
    assert_eq!(y, [7.0; 48], "nothing was written");
}

#[test]
fn problem_strings_that_cannot_be_read() {
    let unreadable = [
        "",
        "blur in=3 kernel=3",
        "correlate kernel=3",
        "correlate in=3",
        "correlate in=3x3 kernel=3",
        "correlate in=3x3x3 kernel=3x3x3",
        "correlate in=3 kernel=-1",
        "correlate in=99999999999999999999999 kernel=3",
        "correlate in=3 kernel=3 in=3",
        "correlate in=3 kernel=3 size=4",
        "correlate in=3 kernel=3 padding=1,2,3",
        "correlate in=3 kernel=3 padding=some",
        "correlate in=3 kernel=3 border=mirror",
        "correlate in=3 kernel=3 border=zero,zero",
        "correlate in=3 kernel=3 border=constant:x",
        "correlate in=3x3 kernel=3x3 stride=2",
        "correlate in=3 kernel=3 activation=clamp:1",
        "correlate in=3 kernel=3 layout=hwc",
        "correlate in=3 kernel=3 accuracy=good",
        "correlate in=3 kernel=3 f32",
        "correlate in=3 kernel=3 channels=3",
    ];
    for text in unreadable {
        let got = text.parse::<Conv>();
        assert!(matches!(got, Err(Error::Parse { .. })), "{text}: {got:?}");
    }
}

#[test]
fn every_message_is_one_sentence_of_its_own() {
    let errors = [
        error(Conv::d1(3, 0)),
        error(Conv::d1(3, 5)),
        error(Conv::d1(3, 1).channels(2, 3).groups(2)),
        error(Conv::d1(usize::MAX, 1)),
        error(Conv::d1(3, 1).strategy("x")),
        error(Conv::d1(3, 1).instruction_set("x")),
        error(Conv::d1(3, 1).accumulate(f64::NAN)),
        Error::WorkspaceTooSmall { expected: 2, got: 1 },
        Error::OutOfMemory { bytes: 5 },
        Error::BorderOfEmptyAxis { axis: "rows" },
    ];
    let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
    for (i, text) in texts.iter().enumerate() {
        assert!(text.len() > 15 && !text.contains('\n'), "{text}");
        assert!(!texts[..i].contains(text));
    }
}
