//! The command line.

use std::path::PathBuf;

use convolve::{Conv, Layout};

pub(crate) const USAGE: &str = "\
cargo bench --bench cases -- [OPTION...]
  --file FILE        problem strings, or JSON lines (default: benches/cases/basic.txt)
  --strategy NAME    auto (default), all, or the name of a strategy
  --layout NAME      nchw or nhwc for every problem with channels (default: as the problem says)
  --isa NAME         the instruction set (default: the best)
  --only SUBSTRING   problems whose name holds it; a bare word means the same
  --threads N        threads for each call (default: 1)
  --min-time SECONDS time that the samples of a case take at least (default: 0.2)
  --check            compare with the reference
  --copy             time a copy of the input between the samples
  --test             the small problems, every strategy, checked, as short as can be";

/// The strategies to run each problem with.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Selection {
    Auto,
    All,
    Only(&'static str),
}

#[derive(Debug)]
pub(crate) struct Arguments {
    pub(crate) file: PathBuf,
    pub(crate) selection: Selection,
    pub(crate) layout: Option<Layout>,
    pub(crate) isa: Option<String>,
    pub(crate) only: String,
    pub(crate) threads: usize,
    pub(crate) min_seconds: f64,
    pub(crate) check: bool,
    pub(crate) copy: bool,
    pub(crate) help: bool,
}

impl Default for Arguments {
    fn default() -> Self {
        Arguments {
            file: [env!("CARGO_MANIFEST_DIR"), "benches", "cases", "basic.txt"].iter().collect(),
            selection: Selection::Auto,
            layout: None,
            isa: None,
            only: String::new(),
            threads: 1,
            min_seconds: 0.2,
            check: false,
            copy: false,
            help: false,
        }
    }
}

impl Arguments {
    pub(crate) fn read(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut arguments = Arguments::default();
        while let Some(word) = words.next() {
            arguments.set(&word, &mut words)?;
        }
        Ok(arguments)
    }

    fn set(&mut self, word: &str, rest: &mut impl Iterator<Item = String>) -> Result<(), String> {
        let mut value = || rest.next().ok_or_else(|| format!("{word} needs a value"));
        match word {
            // Cargo hands this to every benchmark.
            "--bench" => {}
            "--test" => (self.selection, self.min_seconds, self.check) = (Selection::All, 0.0, true),
            "--check" => self.check = true,
            "--copy" => self.copy = true,
            "--help" | "-h" => self.help = true,
            "--file" => self.file = value()?.into(),
            "--strategy" => self.selection = selection(&value()?)?,
            "--layout" => self.layout = Some(layout(&value()?)?),
            "--isa" => self.isa = Some(instruction_set(value()?)?),
            "--only" => self.only = value()?,
            "--threads" => self.threads = threads(&value()?)?,
            "--min-time" => self.min_seconds = seconds(&value()?)?,
            _ if !word.starts_with('-') => self.only = word.to_string(),
            _ => return Err(format!("unknown option {word}, --help lists them")),
        }
        Ok(())
    }
}

fn selection(name: &str) -> Result<Selection, String> {
    let known = convolve::strategies();
    match name {
        "auto" => Ok(Selection::Auto),
        "all" => Ok(Selection::All),
        _ => known
            .iter()
            .find(|&&strategy| strategy == name)
            .map(|&strategy| Selection::Only(strategy))
            .ok_or_else(|| {
                format!("no strategy is called `{name}`, expected auto, all or one of {}", known.join(", "))
            }),
    }
}

fn layout(name: &str) -> Result<Layout, String> {
    match name {
        "nchw" => Ok(Layout::Nchw),
        "nhwc" => Ok(Layout::Nhwc),
        _ => Err(format!("no layout is called `{name}`, expected nchw or nhwc")),
    }
}

/// The name itself, once the smallest problem has been planned with it.
fn instruction_set(name: String) -> Result<String, String> {
    let plan = Conv::d1(1, 1).instruction_set(name.clone()).plan::<f32>();
    plan.map(|_| name).map_err(|error| error.to_string())
}

fn threads(text: &str) -> Result<usize, String> {
    let threads = text.parse().ok().filter(|threads| (1..=1024).contains(threads));
    threads.ok_or_else(|| format!("--threads is `{text}`, expected 1 to 1024"))
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds: &f64| seconds.is_finite() && *seconds >= 0.0);
    seconds.ok_or_else(|| format!("--min-time is `{text}`, expected seconds"))
}
