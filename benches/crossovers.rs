//! Each strategy forced on ladders of kernel sizes: where the curves cross, the dispatcher ought to change its choice.

mod support;

use std::time::Duration;

use convolve::{Conv, Error, Padding};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// One rung: every strategy on the same problem.
fn rung(group: &mut BenchmarkGroup<'_, WallTime>, taps: usize, conv: &Conv) -> Result<(), Error> {
    for strategy in convolve::strategies() {
        let plan = match conv.clone().strategy(strategy).plan::<f32>() {
            Err(Error::Declined { .. }) => continue,
            plan => plan?,
        };
        let mut call = support::prepared(&plan)?;
        group.throughput(Throughput::Elements(plan.multiply_adds() as u64));
        group.bench_function(BenchmarkId::new(strategy, taps), |bencher| bencher.iter(&mut call));
    }
    Ok(())
}

fn ladder(criterion: &mut Criterion, name: &str, sizes: &[usize], conv: impl Fn(usize) -> Conv) {
    let mut group = criterion.benchmark_group(name);
    for &taps in sizes {
        rung(&mut group, taps, &conv(taps)).expect("the ladders are valid problems");
    }
    group.finish();
}

fn signal(criterion: &mut Criterion) {
    let sizes = [8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096];
    ladder(criterion, "signal", &sizes, |taps| Conv::d1(100_000, taps).padding(Padding::Same));
}

fn plane(criterion: &mut Criterion) {
    let sizes = [3, 5, 7, 9, 11, 15, 21, 31, 63];
    ladder(criterion, "plane", &sizes, |taps| Conv::d2([512, 512], [taps, taps]).padding(Padding::Same));
}

fn layer(criterion: &mut Criterion) {
    let conv = |taps| Conv::d2([28, 28], [taps, taps]).channels(32, 32).padding(Padding::Same);
    ladder(criterion, "layer", &[1, 3, 7, 11], conv);
}

criterion_group! {
    name = crossovers;
    // Enough to see a crossing: about a second for each point.
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(500));
    targets = signal, plane, layer
}
criterion_main!(crossovers);
