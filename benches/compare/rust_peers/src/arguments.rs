//! The command line.

use std::path::PathBuf;

pub const USAGE: &str = "\
cargo run --release -- [OPTION...] [LIST...]
  LIST            a file, or the name of a list in ../lists (default: resnet50)
  --only TEXT     problems whose string holds it
  --rounds N      turns of each contestant (default: 12)
  --out PATH      without suffix; writes PATH.jsonl and PATH.md (default: ../results/rust)";

pub struct Arguments {
    pub lists: Vec<PathBuf>,
    pub only: String,
    pub rounds: usize,
    pub out: PathBuf,
    /// As it was given.
    pub command: String,
    pub help: bool,
}

impl Arguments {
    pub fn read(words: &[String]) -> Result<Self, String> {
        let compare = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
        let list = |name: &str| {
            let path = compare.join("lists").join(name).with_extension("txt");
            if path.exists() { path } else { PathBuf::from(name) }
        };
        let command = format!("rust_peers {}", words.join(" "));
        let out = compare.join("results").join("rust");
        let mut arguments =
            Arguments { lists: Vec::new(), only: String::new(), rounds: 12, out, command, help: false };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
            match word.as_str() {
                "--help" | "-h" => arguments.help = true,
                "--only" => arguments.only = value()?.clone(),
                "--rounds" => arguments.rounds = rounds(value()?)?,
                "--out" => arguments.out = value()?.into(),
                _ if word.starts_with('-') => {
                    return Err(format!("unknown option {word}, --help lists them"));
                }
                _ => arguments.lists.push(list(word)),
            }
        }
        if arguments.lists.is_empty() {
            arguments.lists.push(list("resnet50"));
        }
        Ok(arguments)
    }
}

fn rounds(text: &str) -> Result<usize, String> {
    let rounds = text.parse().ok().filter(|&rounds| rounds > 0);
    rounds.ok_or_else(|| format!("--rounds is `{text}`, expected a positive number"))
}
