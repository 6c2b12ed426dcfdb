//! Results as Markdown and as JSON lines.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::arguments::Arguments;
use crate::layer::Layer;
use crate::peers::ROSTER;

/// One contestant on one problem: timed, or left out for a reason.
#[derive(Clone)]
pub struct Entry {
    pub name: &'static str,
    pub note: String,
    pub seconds: Option<f64>,
    pub rounds: Vec<f64>,
    /// In units of that of sequential sums.
    pub error: f64,
    pub reason: String,
}

impl Entry {
    pub fn new(name: &'static str) -> Self {
        Entry {
            name,
            note: String::new(),
            seconds: None,
            rounds: Vec::new(),
            error: f64::NAN,
            reason: String::new(),
        }
    }

    fn is_ours(&self) -> bool {
        self.name.starts_with("ours")
    }
}

/// Grows line by line, so that what was measured survives an interruption.
pub struct Report {
    table: String,
    records: File,
    path: PathBuf,
    /// Of each problem: how often its network has it, and the contestants.
    problems: Vec<(usize, Vec<Entry>)>,
    /// How many problems a contestant was left out of, for each reason.
    reasons: BTreeMap<(&'static str, String), usize>,
}

impl Report {
    pub fn new(arguments: &Arguments) -> io::Result<Self> {
        let path = arguments.out.clone();
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        let mut table =
            format!("# Rust crates\n\n- command: {}\n- processor: {}\n", arguments.command, processor());
        table += "\nTimes on one thread are milliseconds: of each round the mean of the fastest quarter of the calls, of \
                  the rounds\nthe lower quartile. In parentheses the root mean square of the errors, in units of that \
                  of sums in f32 that add\none product after the other.\n\n";
        let names: Vec<_> = ROSTER.iter().map(|(name, _)| *name).collect();
        let _ = writeln!(table, "| problem | count | {} | best peer | best peer / ours |", names.join(" | "));
        let _ = writeln!(table, "| --- | ---: |{} --- | ---: |", " ---: |".repeat(names.len()));
        let records = File::create(with_suffix(&path, ".jsonl"))?;
        Ok(Report { table, records, path, problems: Vec::new(), reasons: BTreeMap::new() })
    }

    pub fn add(&mut self, list: &str, layer: &Layer, entries: &[Entry]) -> io::Result<()> {
        let Layer { text, count, .. } = layer;
        for Entry { name, note, seconds, error, rounds, reason } in entries {
            let Some(seconds) = seconds else {
                *self.reasons.entry((name, reason.clone())).or_default() += 1;
                continue;
            };
            let rounds = rounds.iter().map(|round| format!("{round:.4e}")).collect::<Vec<_>>().join(", ");
            writeln!(
                self.records,
                "{{\"list\": \"{list}\", \"problem\": \"{text}\", \"count\": {count}, \"contestant\": \"{name}\", \
                 \"note\": \"{note}\", \"seconds\": {seconds:.4e}, \"error\": {error:.3}, \"rounds\": [{rounds}]}}"
            )?;
        }
        let cells = entries.iter().map(|entry| match entry.seconds {
            Some(seconds) => format!("{} ({:.2})", milliseconds(seconds), entry.error),
            None => "-".to_string(),
        });
        let cells = cells.collect::<Vec<_>>().join(" | ");
        let words = text.split_whitespace().filter(|word| word.contains('='));
        let label = words.collect::<Vec<_>>().join(" ");
        let peer = fastest(entries, false).map_or("", |peer| peer.name);
        let ratio =
            ratio(entries, |entry| !entry.is_ours()).map_or(String::new(), |ratio| format!("{ratio:.3}"));
        let _ = writeln!(self.table, "| `{label}` | {count} | {cells} | {peer} | {ratio} |");
        self.problems.push((*count, entries.to_vec()));
        Ok(())
    }

    /// Ends the table with the sums, adds who was left out, and writes it.
    pub fn finish(mut self) -> io::Result<String> {
        let [sums, means]: [Vec<_>; 2] = [
            ROSTER.iter().map(|(name, _)| self.sum(name)).collect(),
            ROSTER.iter().map(|(name, _)| self.mean(|entry| entry.name == *name)).collect(),
        ];
        let _ = writeln!(self.table, "| sums, by count | | {} | | |", sums.join(" | "));
        let best = self.mean(|entry| !entry.is_ours());
        let _ = writeln!(
            self.table,
            "| geometric mean of time / best of ours | | {} | | {best} |",
            means.join(" | ")
        );
        if !self.reasons.is_empty() {
            self.table += "\nLeft out:\n\n";
        }
        for ((name, reason), count) in &self.reasons {
            let _ = writeln!(self.table, "- {name}, {count} of {} problems: {reason}", self.problems.len());
        }
        fs::write(with_suffix(&self.path, ".md"), &self.table)?;
        Ok(self.table)
    }

    /// Over the problems that it ran.
    fn sum(&self, name: &str) -> String {
        let of = |(count, entries): &(usize, Vec<Entry>)| {
            let entry = entries.iter().find(|entry| entry.name == name);
            entry.and_then(|entry| entry.seconds).map(|seconds| seconds * *count as f64)
        };
        let times: Vec<f64> = self.problems.iter().filter_map(of).collect();
        if times.is_empty() { String::new() } else { milliseconds(times.iter().sum()) }
    }

    fn mean(&self, which: impl Fn(&Entry) -> bool) -> String {
        let ratios = self.problems.iter().filter_map(|(_, entries)| ratio(entries, &which));
        let logarithms: Vec<f64> = ratios.map(f64::ln).collect();
        if logarithms.is_empty() {
            return String::new();
        }
        format!("{:.3}", (logarithms.iter().sum::<f64>() / logarithms.len() as f64).exp())
    }
}

fn fastest(entries: &[Entry], ours: bool) -> Option<&Entry> {
    let timed = entries.iter().filter(|entry| entry.is_ours() == ours && entry.seconds.is_some());
    timed.min_by(|a, b| a.seconds.partial_cmp(&b.seconds).unwrap_or(std::cmp::Ordering::Equal))
}

/// The fastest of some in units of the best of ours.
fn ratio(entries: &[Entry], which: impl Fn(&Entry) -> bool) -> Option<f64> {
    let some = entries.iter().filter(|entry| which(entry)).filter_map(|entry| entry.seconds);
    Some(some.reduce(f64::min)? / fastest(entries, true)?.seconds?)
}

/// Four digits.
fn milliseconds(seconds: f64) -> String {
    let value = 1e3 * seconds;
    let digits = 4 - value.log10().floor().clamp(-2.0, 3.0) as i32;
    format!("{value:.*}", usize::try_from(digits - 1).unwrap_or(0))
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
