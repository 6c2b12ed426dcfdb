//! Where the work is small, everything around it counts: planning, packing, allocation, the call itself.

mod support;

use std::hint::black_box;
use std::time::Duration;

use convolve::{Border, Conv, Kernel, Mode, Padding, convolve, filter2d};
use criterion::{Criterion, criterion_group, criterion_main};
use support::values;

/// The problems, by name: 16 outputs of 5 taps, a short FIR filter, a small picture.
fn problems() -> [(&'static str, Conv); 3] {
    [
        ("signal 20 x 5", Conv::d1(20, 5).convolution()),
        ("signal 1000 x 32", Conv::d1(1000, 32).convolution().padding(Padding::Full)),
        ("picture 32x32 x 3x3", Conv::d2([32, 32], [3, 3]).padding(Padding::Same)),
    ]
}

fn plan(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("plan");
    for (name, conv) in problems() {
        group.bench_function(name, |bencher| bencher.iter(|| black_box(&conv).plan::<f32>()));
    }
    group.finish();
}

fn execute(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("execute");
    for (name, conv) in problems() {
        let call = conv.plan().and_then(|plan| support::prepared(&plan));
        let mut call = call.expect("the problems are valid");
        group.bench_function(name, |bencher| bencher.iter(&mut call));
    }
    group.finish();
}

fn one_liners(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("one_liner");
    for (samples, taps, mode) in [(20, 5, Mode::Valid), (1000, 32, Mode::Full)] {
        let (signal, kernel) = (values(samples), values(taps));
        group.bench_function(format!("signal {samples} x {taps}"), |bencher| {
            bencher.iter(|| convolve(black_box(&signal), &kernel, mode));
        });
    }
    let (picture, kernel) = (values(32 * 32), Kernel::mean([3, 3]).expect("small"));
    group.bench_function("picture 32x32 x 3x3", |bencher| {
        bencher.iter(|| filter2d(black_box(&picture), [32, 32, 1], &kernel, Border::Zero));
    });
    group.finish();
}

criterion_group! {
    name = small;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(600));
    targets = plan, execute, one_liners
}
criterion_main!(small);
