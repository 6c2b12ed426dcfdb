//! Problem strings: what is printed is read back, for every field.

mod support;

use convolve::*;
use proptest::prelude::*;

fn border() -> impl Strategy<Value = Border> {
    prop_oneof![
        Just(Border::Zero),
        any::<f64>().prop_filter("NaN is not equal to itself", |v| !v.is_nan()).prop_map(Border::Constant),
        Just(Border::Replicate),
        Just(Border::Symmetric),
        Just(Border::Reflect101),
        Just(Border::Wrap),
    ]
}

fn padding() -> impl Strategy<Value = Padding> {
    prop_oneof![
        Just(Padding::Valid),
        Just(Padding::Same),
        Just(Padding::SameLower),
        Just(Padding::Full),
        any::<[usize; 4]>().prop_map(|[top, bottom, left, right]| Padding::Explicit {
            top,
            bottom,
            left,
            right
        }),
    ]
}

fn activation() -> impl Strategy<Value = Activation> {
    prop_oneof![
        Just(Activation::None),
        Just(Activation::Relu),
        (-1e9..1e9f64, -1e9..1e9f64).prop_map(|(min, max)| Activation::Clamp { min, max }),
    ]
}

fn choice() -> impl Strategy<Value = Choice> {
    prop_oneof![
        Just(Choice::Auto),
        Just(Choice::from("fft")),
        "[a-z0-9_]{1,9}".prop_filter("means Auto", |name| name != "auto").prop_map(Choice::from),
    ]
}

fn what() -> impl Strategy<Value = Conv> {
    let borders = prop_oneof![
        border().prop_map(Borders::all),
        [border(), border(), border(), border()].prop_map(|[top, bottom, left, right]| Borders {
            top,
            bottom,
            left,
            right
        }),
    ];
    let sizes = (any::<bool>(), any::<[usize; 2]>(), any::<[usize; 2]>());
    let counts = (any::<usize>(), any::<usize>(), any::<usize>(), any::<usize>());
    (sizes, counts, any::<[usize; 2]>(), any::<[usize; 2]>(), padding(), borders, any::<bool>()).prop_map(
        |(
            (is_1d, input, kernel),
            (batch, inputs, outputs, groups),
            stride,
            dilation,
            padding,
            borders,
            flip,
        )| {
            let conv = if is_1d { Conv::d1(input[1], kernel[1]) } else { Conv::d2(input, kernel) };
            let conv =
                conv.batch(batch).channels(inputs, outputs).groups(groups).padding(padding).border(borders);
            let conv = conv.stride(stride).dilation(dilation);
            if flip { conv.convolution() } else { conv }
        },
    )
}

fn request() -> impl Strategy<Value = Conv> {
    let layouts = prop_oneof![Just(Layout::Nchw), Just(Layout::Nhwc)];
    let element = prop_oneof![Just(None), Just(Some(ElementType::F32)), Just(Some(ElementType::F64))];
    let how = (choice(), choice(), any::<bool>(), any::<usize>(), element);
    (what(), layouts.clone(), layouts, activation(), any::<f64>(), how).prop_map(
        |(conv, input, output, activation, accumulate, (strategy, isa, strict, limit, element))| {
            let accumulate = if accumulate.is_nan() { 0.0 } else { accumulate };
            let conv = conv.layouts(input, output).activation(activation).accumulate(accumulate);
            let conv = conv.strategy(strategy).instruction_set(isa).workspace_limit(limit);
            let conv = if strict { conv.accuracy(Accuracy::Componentwise) } else { conv };
            if let Some(element) = element { conv.element_type(element) } else { conv }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_printed_is_read_back(conv in request()) {
        let text = conv.to_string();
        prop_assert_eq!(text.parse::<Conv>(), Ok(conv), "{}", text);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "(correlate|convolve)?( (in|kernel|stride|border|padding)=[0-9x,:a-z]{0,12}){0,4}") {
        if let Ok(conv) = text.parse::<Conv>() {
            prop_assert_eq!(conv.to_string().parse::<Conv>(), Ok(conv));
        }
    }
}

#[test]
fn every_field_has_its_word() {
    let text = "convolve f64 in=9x8 kernel=3x2 batch=2 channels=4:6 groups=2 stride=1x2 dilation=2x1 \
                padding=1,2,3,4 border=zero,constant:2.5,symmetric,wrap layout=nchw:nhwc activation=clamp:-1:6 \
                accumulate=0.5 strategy=gemm isa=scalar accuracy=componentwise workspace_limit=99";
    let conv: Conv = text.parse().unwrap();
    assert_eq!(conv.to_string(), text);
    assert_eq!(conv.output_shape(), Ok([2, 6, 8, 7]));
    assert_eq!(conv.plan::<f64>().unwrap().explain().problem, text);
}

#[test]
fn words_may_come_in_any_order_and_defaults_may_be_said() {
    let short: Conv = "correlate in=9 kernel=3".parse().unwrap();
    let long = "correlate  kernel=3 padding=valid batch=1 channels=1:1 groups=1 stride=1 dilation=1 border=zero \
                layout=nchw activation=none accumulate=0 strategy=auto isa=auto accuracy=normwise in=9";
    assert_eq!(long.parse::<Conv>(), Ok(short));
}
