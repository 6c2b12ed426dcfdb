//! Times the convolutions of this crate and of rten on lists of layers, on one thread.
//!
//! ```text
//! cargo run --release -- resnet50
//! ```

mod arguments;
mod contestants;
mod layer;
mod report;
mod rounds;
mod sample;

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use convolve::Layout;

use arguments::{Arguments, USAGE};
use contestants::{Contestant, Ours, Rten};
use layer::Layer;
use report::{Entry, Report};
use sample::Sample;

const NAMES: [&str; 3] = ["ours-nchw", "ours-nhwc", "rten"];
const TURN: Duration = Duration::from_millis(20);

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
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

fn compare(words: &[String]) -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::read(words)?;
    if arguments.help {
        println!("{USAGE}");
        return Ok(());
    }
    let mut report = Report::new(&arguments, &NAMES)?;
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

/// Prepares all contestants, checks what they compute, and times them.
fn run(layer: &Layer, rounds: usize) -> Result<Vec<Entry>, Box<dyn Error>> {
    let [input, kernel] = layer.operands();
    let mut contestants: Vec<Box<dyn Contestant>> = vec![
        Box::new(Ours::new(layer, Layout::Nchw, &input, &kernel)?),
        Box::new(Ours::new(layer, Layout::Nhwc, &input, &kernel)?),
        Box::new(Rten::new(layer, &input, &kernel)),
    ];
    let sample = Sample::new(layer, &input, &kernel);
    let timings = rounds::measure(&mut contestants, rounds, TURN)?;
    let entries = NAMES.into_iter().zip(&contestants).zip(timings).map(|((name, contestant), timing)| {
        let error = sample.error(|at| contestant.value(at));
        if error.is_nan() || error > most_error(layer) {
            return Err(format!("{name} computes wrong results: relative error {error:.1e}").into());
        }
        let (seconds, note) = (timing.seconds(), contestant.note());
        Ok(Entry { name, note, seconds, rounds: timing.rounds, error: error / sample.sequential_error })
    });
    entries.collect()
}

/// Results with a larger error are wrong. Rounding errors add up like the steps of a random walk; the constants leave
/// room for transforms.
fn most_error(layer: &Layer) -> f64 {
    let products: usize = layer.shapes.kernel[1..].iter().product();
    f64::from(f32::EPSILON) * (64.0 + 4.0 * (products as f64).sqrt())
}
