//! Results as Markdown and as JSON lines.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::arguments::Arguments;
use crate::layer::Layer;

/// One contestant on one layer. Errors are in units of that of sequential sums.
pub struct Entry {
    pub name: &'static str,
    pub note: String,
    pub seconds: f64,
    pub rounds: Vec<f64>,
    pub error: f64,
}

/// Grows line by line, so that what was measured survives an interruption.
pub struct Report {
    table: String,
    records: File,
    path: PathBuf,
    /// Of each layer: how often its network has it, and the seconds of the contestants.
    layers: Vec<(usize, Vec<f64>)>,
    names: Vec<&'static str>,
}

impl Report {
    pub fn new(arguments: &Arguments, names: &[&'static str]) -> io::Result<Self> {
        let path = arguments.out.clone();
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        let mut table =
            format!("# Rust crates\n\n- command: {}\n- processor: {}\n", arguments.command, processor());
        table += "\nTimes on one thread are milliseconds: of each round the mean of the fastest quarter of the calls, of \
                  the rounds\nthe lower quartile. In parentheses the root mean square of the errors, in units of that \
                  of sums in f32 that add\none product after the other.\n\n";
        let _ = writeln!(table, "| layer | count | {} | rten / best of ours |", names.join(" | "));
        let _ = writeln!(table, "| --- | ---: |{} ---: |", " ---: |".repeat(names.len()));
        let records = File::create(with_suffix(&path, ".jsonl"))?;
        Ok(Report { table, records, path, layers: Vec::new(), names: names.to_vec() })
    }

    pub fn add(&mut self, list: &str, layer: &Layer, entries: &[Entry]) -> io::Result<()> {
        for entry in entries {
            let Entry { name, note, seconds, error, .. } = entry;
            let rounds =
                entry.rounds.iter().map(|round| format!("{round:.4e}")).collect::<Vec<_>>().join(", ");
            let Layer { text, count, .. } = layer;
            writeln!(
                self.records,
                "{{\"list\": \"{list}\", \"problem\": \"{text}\", \"count\": {count}, \"contestant\": \"{name}\", \
                 \"note\": \"{note}\", \"seconds\": {seconds:.4e}, \"error\": {error:.3}, \"rounds\": [{rounds}]}}"
            )?;
        }
        let seconds: Vec<f64> = entries.iter().map(|entry| entry.seconds).collect();
        let cells = entries.iter().map(|entry| format!("{:.4} ({:.2})", 1e3 * entry.seconds, entry.error));
        let cells = cells.collect::<Vec<_>>().join(" | ");
        let label = layer.text.trim_start_matches("correlate ").trim_start_matches("f32 ");
        let _ = writeln!(self.table, "| `{label}` | {} | {cells} | {:.3} |", layer.count, ratio(&seconds));
        self.layers.push((layer.count, seconds));
        Ok(())
    }

    /// Ends the table with the sums, and writes it.
    pub fn finish(mut self) -> io::Result<String> {
        let sum = |contestant: usize| {
            self.layers.iter().map(move |(count, seconds)| *count as f64 * seconds[contestant])
        };
        let sums: Vec<f64> = (0..self.names.len()).map(|contestant| sum(contestant).sum()).collect();
        let cells: Vec<_> = sums.iter().map(|seconds| format!("{:.3}", 1e3 * seconds)).collect();
        let _ = writeln!(self.table, "| sums, by count | | {} | {:.3} |", cells.join(" | "), ratio(&sums));
        let logarithms = self.layers.iter().map(|(_, seconds)| ratio(seconds).ln()).sum::<f64>();
        let mean = (logarithms / self.layers.len().max(1) as f64).exp();
        let blanks = " |".repeat(self.names.len());
        let _ = writeln!(self.table, "| geometric mean | |{blanks} {mean:.3} |");
        fs::write(with_suffix(&self.path, ".md"), &self.table)?;
        Ok(self.table)
    }
}

/// The peer's time, which is the last, in units of the best of ours.
fn ratio(seconds: &[f64]) -> f64 {
    let Some((peer, ours)) = seconds.split_last() else { return f64::NAN };
    peer / ours.iter().copied().fold(f64::INFINITY, f64::min)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// As Linux names it.
fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("model name"));
    line.and_then(|line| line.split_once(": ")).map_or("unknown", |(_, name)| name).to_string()
}
