//! Times lists of problems, one line of JSON for each problem and strategy.
//!
//! ```text
//! cargo bench --bench cases -- --file benches/cases/resnet50.txt --strategy all --check
//! ```
//!
//! Plans and packed kernels are made before the clock runs; only `execute` is timed. The modules say what
//! is measured (`measure`), what a list may hold (`list`) and against what results are checked (`check`).

mod arguments;
mod check;
mod copy;
mod fma_loop;
mod list;
mod measure;
mod operands;
mod pool;
mod prepared;
mod report;
mod request;
mod rows;
mod runner;

use std::error::Error;
use std::io::{self, ErrorKind};
use std::process::ExitCode;

use arguments::Arguments;
use runner::Runner;

fn main() -> ExitCode {
    match run_list() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("cases: some results are wrong, see max_rel_err");
            ExitCode::FAILURE
        }
        Err(error) if is_closed_pipe(&*error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cases: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether every checked result is right.
fn run_list() -> Result<bool, Box<dyn Error>> {
    let arguments = Arguments::read(std::env::args().skip(1))?;
    if arguments.help {
        println!("{}", arguments::USAGE);
        return Ok(true);
    }
    let cases = list::read(&arguments.file, arguments.layout)?;
    let mut runner = Runner::new(&arguments, io::stdout().lock());
    for case in cases.iter().filter(|case| case.name.contains(&arguments.only)) {
        runner.run(case).map_err(|error| named(&case.name, error))?;
    }
    Ok(runner.is_right())
}

/// The error with the name of the problem in front; one of the output stays as it is, to be told apart.
fn named(name: &str, error: Box<dyn Error>) -> Box<dyn Error> {
    if error.is::<io::Error>() { error } else { format!("{name}: {error}").into() }
}

/// The reader of the results, `head` for example, has seen enough.
fn is_closed_pipe(error: &(dyn Error + 'static)) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}
