//! Inputs and outputs that leave the caches (third levels of up to 40 MB), which some loops ask for ahead of time:
//! results are the same.

use convolve::{Conv, Element, InstructionSet, Layout, View, ViewMut};

/// Whole numbers, so that sums are exact.
fn whole_numbers<T: Element>(count: usize) -> Vec<T> {
    (0..count).map(|i| T::from_f64((i * 7919 % 31) as f64 - 15.0)).collect()
}

/// The outputs of a request, which names the strategy, in channels-last layout, on an instruction set.
fn outputs<T: Element>(conv: &Conv, input: &[T], kernel: &[T], isa: InstructionSet) -> Vec<T> {
    let conv = conv.clone().layouts(Layout::Nhwc, Layout::Nhwc).instruction_set(isa);
    let plan = conv.plan::<T>().expect("a valid request");
    let packed =
        plan.pack(View::nchw(kernel, plan.kernel_shape()).expect("fits"), None).expect("enough memory");
    let mut output = vec![T::from_f64(f64::NAN); plan.output_shape().iter().product()];
    let from = View::new(input, plan.input_shape(), Layout::Nhwc).expect("fits");
    let to = ViewMut::new(&mut output, plan.output_shape(), Layout::Nhwc).expect("fits");
    let mut workspace = plan.workspace().expect("enough memory");
    plan.execute(&packed, from, to, &mut workspace).expect("shapes fit");
    output
}

/// Signals by a strategy, whose results may be off by so much.
fn check_signal<T: Element>(strategy: &'static str, [samples, taps]: [usize; 2], off: f64) {
    let (input, kernel) = (whole_numbers::<T>(samples), whole_numbers::<T>(taps));
    for &isa in InstructionSet::available().expect("CONVOLVE_ISA is a known name") {
        let results = outputs(&Conv::d1(samples, taps).strategy(strategy), &input, &kernel, isa);
        assert_eq!(results.len(), samples - taps + 1);
        for (x, (result, window)) in results.iter().zip(input.windows(taps)).enumerate() {
            let sum: f64 = window.iter().zip(&kernel).map(|(a, b)| a.to_f64() * b.to_f64()).sum();
            let result = result.to_f64();
            assert!((result - sum).abs() <= off, "{taps} taps on {isa}, output {x}: {result}, not {sum}");
        }
    }
}

#[test]
fn long_signals() {
    check_signal::<f32>("direct", [5_000_000, 3], 0.0);
    check_signal::<f32>("direct", [5_000_000, 5], 0.0);
    check_signal::<f64>("direct", [5_000_000, 4], 0.0);
}

/// Transforms round: what they return is nearer to the right whole number than to any other.
#[test]
fn long_signals_in_short_blocks() {
    check_signal::<f32>("fft", [5_000_000, 64], 0.49);
    check_signal::<f64>("fft", [2_500_000, 64], 0.49);
}

#[test]
fn layers_with_many_outputs() {
    let (size, taps, channels) = (300, 2, 64);
    let (input, kernel) = (whole_numbers::<f32>(size * size), whole_numbers::<f32>(channels * taps * taps));
    let conv = Conv::d2([size, size], [taps, taps]).channels(1, channels).strategy("direct");
    let across = size - taps + 1;
    for &isa in InstructionSet::available().expect("CONVOLVE_ISA is a known name") {
        let results = outputs(&conv, &input, &kernel, isa);
        assert_eq!(results.len(), across * across * channels);
        for (i, &result) in results.iter().enumerate() {
            let (pixel, channel) = (i / channels, i % channels);
            let first = pixel / across * size + pixel % across;
            let kernel = &kernel[channel * taps * taps..];
            let window = [0, 1, size, size + 1].map(|at| input[first + at]);
            let sum: f32 = window.iter().zip(kernel).map(|(a, b)| a * b).sum();
            assert_eq!(result, sum, "channel {channel} of pixel {pixel} on {isa}");
        }
    }
}

#[test]
fn transformed_layers_with_many_outputs() {
    let (size, channels) = (300, [2, 64]);
    let input = whole_numbers::<f32>(size * size * channels[0]);
    let kernel = whole_numbers::<f32>(channels[0] * channels[1] * 9);
    let conv = Conv::d2([size, size], [3, 3]).channels(channels[0], channels[1]);
    for &isa in InstructionSet::available().expect("CONVOLVE_ISA is a known name") {
        let [sums, transformed] = ["direct", "winograd"]
            .map(|strategy| outputs(&conv.clone().strategy(strategy), &input, &kernel, isa));
        // Sums are whole numbers, and the errors of `winograd` far below a half.
        let wrong = sums.iter().zip(&transformed).position(|(sum, other)| *sum != other.round());
        assert_eq!(wrong, None, "first output that differs on {isa}");
    }
}
