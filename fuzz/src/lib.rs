//! The checks of the fuzz targets, shared with `tests/fuzz_corpus.rs`, which replays their seeds without a fuzzer.

#[path = "../../tests/fuzz_support/mod.rs"]
pub mod fuzz_support;
