//! Times the convolutions of this crate and of other Rust crates on lists of layers, signals and filters, on one
//! thread.
//!
//! ```text
//! cargo run --release -- resnet50
//! ```

mod arguments;
mod layer;
mod peers;
mod report;
mod rounds;
mod sample;

use std::process::ExitCode;
use std::time::Duration;

use arguments::{Arguments, USAGE};
use layer::Layer;
use peers::{Contestant, Outcome, ROSTER};
use report::{Entry, Report};
use sample::Sample;

const TURN: Duration = Duration::from_millis(20);

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    // SAFETY: no other thread runs yet that could read the environment.
    unsafe { std::env::set_var("RAYON_NUM_THREADS", "1") };
    // On the one thread of a pool, the loops of rten that ask for threads find none and go on by themselves.
    let pool = rten::ThreadPool::with_num_threads(1);
    match pool.run(|| compare(&words).map_err(|error| error.to_string())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("rust_peers: {error}");
            ExitCode::FAILURE
        }
    }
}

fn compare(words: &[String]) -> Outcome<()> {
    let arguments = Arguments::read(words)?;
    if arguments.help {
        println!("{USAGE}");
        return Ok(());
    }
    let mut report = Report::new(&arguments)?;
    for path in &arguments.lists {
        let list = path.file_stem().unwrap_or_default().to_string_lossy();
        for layer in layer::read_list(path)?.iter().filter(|layer| layer.text.contains(&arguments.only)) {
            let entries = run(layer, arguments.rounds).map_err(|error| format!("{}: {error}", layer.text))?;
            report.add(&list, layer, &entries)?;
        }
    }
    println!("{}", report.finish()?);
    Ok(())
}

/// Prepares all contestants, checks what they compute, and times those that are right.
fn run(layer: &Layer, rounds: usize) -> Outcome<Vec<Entry>> {
    let operands = layer.operands();
    let sample = Sample::new(layer, &operands);
    let mut entries = Vec::new();
    let (mut contestants, mut places): (Vec<Box<dyn Contestant>>, Vec<usize>) = Default::default();
    for (place, &(name, prepare)) in ROSTER.iter().enumerate() {
        let mut entry = Entry::new(name);
        match prepare(layer, &operands).and_then(|contestant| checked(layer, &sample, contestant)) {
            Err(reason) => entry.reason = reason.to_string(),
            Ok((contestant, error)) => {
                entry.note = contestant.note();
                entry.error = error / sample.sequential_error;
                contestants.push(contestant);
                places.push(place);
            }
        }
        entries.push(entry);
    }
    for (place, timing) in places.into_iter().zip(rounds::measure(&mut contestants, rounds, TURN)?) {
        entries[place].seconds = Some(timing.seconds());
        entries[place].rounds = timing.rounds;
    }
    Ok(entries)
}

/// The contestant and its error, if its first results are right.
fn checked(
    layer: &Layer,
    sample: &Sample,
    mut contestant: Box<dyn Contestant>,
) -> Outcome<(Box<dyn Contestant>, f64)> {
    contestant.run()?;
    let error = sample.error(|at| contestant.value(at));
    if error.is_nan() || error > most_error(layer) {
        return Err(format!("wrong results: relative error {error:.1e}").into());
    }
    Ok((contestant, error))
}

/// Results with a larger error are wrong. Rounding errors add up like the steps of a random walk; the constants leave
/// room for transforms.
fn most_error(layer: &Layer) -> f64 {
    let products: usize = layer.shapes.kernel[1..].iter().product();
    f64::from(f32::EPSILON) * (64.0 + 4.0 * (products as f64).sqrt())
}
