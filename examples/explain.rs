//! Tells what the dispatcher makes of a problem.
//!
//! ```text
//! cargo run --release --example explain
//! cargo run --release --example explain -- convolve f64 in=100000 kernel=401 padding=full
//! cargo run --release --example explain -- correlate in=56x56 kernel=3x3 batch=8 channels=64:64 padding=same
//! ```

use std::process::ExitCode;

use convolve::{Conv, Error, Explanation, InstructionSet, strategies};

const DEFAULT: &str = "correlate f32 in=1080x1920 kernel=5x5 padding=same border=reflect101";

const KEYS: &str = "\
A problem is a line of words. The first is `correlate` or `convolve`, then `f32` or `f64` if you like, then, in any
order, the keys below; all but the first two may be left out.
  in=ROWSxCOLUMNS or in=SAMPLES         kernel=ROWSxCOLUMNS or kernel=TAPS
  batch=N                               channels=INPUT:OUTPUT
  groups=N                              stride=ROWSxCOLUMNS
  dilation=ROWSxCOLUMNS                 padding=valid, same, same_lower, full or TOP,BOTTOM,LEFT,RIGHT
  border=zero, constant:VALUE, replicate, symmetric, reflect101 or wrap, or one for each side
  layout=nchw or nhwc, or INPUT:OUTPUT  activation=none, relu or clamp:MIN:MAX
  accumulate=FACTOR                     accuracy=normwise or componentwise
  workspace_limit=BYTES";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let problem = if words.is_empty() { DEFAULT.to_string() } else { words.join(" ") };
    match explain(&problem) {
        Ok(explanation) => {
            print!("{explanation}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            if matches!(error, Error::Parse { .. }) {
                eprintln!("\n{KEYS}");
                eprintln!("  strategy=auto, {}", strategies().join(", "));
                eprintln!("  isa=auto, {}", instruction_sets().join(", "));
            }
            ExitCode::FAILURE
        }
    }
}

/// Plans for `f32` unless the problem says otherwise.
fn explain(problem: &str) -> Result<Explanation, Error> {
    let conv: Conv = problem.parse()?;
    match conv.plan::<f32>() {
        Err(Error::ElementType { .. }) => Ok(conv.plan::<f64>()?.explain()),
        plan => Ok(plan?.explain()),
    }
}

/// Those that can be had here; none if the cap on them is misspelt, which planning would report.
fn instruction_sets() -> Vec<&'static str> {
    InstructionSet::available().unwrap_or_default().iter().map(|isa| isa.name()).collect()
}
