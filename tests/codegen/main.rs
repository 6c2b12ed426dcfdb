//! Reads the emitted code of every registered hot loop: per iteration one multiply-add for each register of the tile,
//! on the widest registers, no call, no sum on the stack. One lost `#[inline(always)]` would cost a factor of 40
//! without any other test failing.
//!
//! Compiles the crate to assembly, which takes a minute, so it runs only when asked for:
//! `cargo test --test codegen -- --ignored`.
#![cfg(target_arch = "x86_64")]

mod assembly;

use std::path::{Path, PathBuf};
use std::process::Command;

use assembly::{Function, Loop, functions};
use convolve::InstructionSet;
use convolve::inspect::{HotLoop, hot_loops, registers};

/// What one instruction set looks like in assembly.
struct Dialect {
    isa: &'static str,
    /// Name of its widest registers.
    register: &'static str,
    /// Beginning of the multiply instructions of a tile, fused (multiply-adds and multiply-subtracts alike) or not.
    multiply: &'static str,
    /// How many registers of a tile may go by way of the stack. Products that are not fused need a register more than
    /// the tiles are made for.
    spills: usize,
    /// Kernels that mask lanes where there are no masked loads: by way of the stack.
    by_memory: &'static [&'static str],
}

const DIALECTS: [Dialect; 3] = [
    Dialect { isa: "avx512", register: "%zmm", multiply: "vf", spills: 0, by_memory: &[] },
    Dialect { isa: "avx2", register: "%ymm", multiply: "vf", spills: 0, by_memory: &[] },
    Dialect { isa: "portable", register: "%xmm", multiply: "mulp", spills: 5, by_memory: &["EndsTile"] },
];

/// Nothing wrong, or what is.
fn check(hot: &HotLoop, dialect: &Dialect, functions: &[Function]) -> Result<(), String> {
    let loops: Vec<&Loop> = functions.iter().flat_map(|function| &function.loops).collect();
    if functions.is_empty() {
        return Err("no such function".to_string());
    }
    let count = |candidate: &Loop| candidate.count(dialect.multiply);
    let matching: Vec<&&Loop> =
        loops.iter().filter(|candidate| count(candidate) == hot.multiply_adds).collect();
    if matching.is_empty() {
        let mut counts: Vec<usize> =
            loops.iter().map(|candidate| count(candidate)).filter(|&n| n > 0).collect();
        counts.sort_unstable();
        return Err(format!("no loop of {} multiplications, there are {counts:?}", hot.multiply_adds));
    }
    // Tiles of other shapes may have as many, and the ends of a tile. None may call or compute on narrow registers; the
    // hot one has its sums in registers. Its pointers may come from the stack: no sum waits for them.
    let narrow =
        |candidate: &Loop| count(candidate) - candidate.count_both(dialect.multiply, dialect.register);
    let broken = matching.iter().find(|candidate| narrow(candidate) + candidate.calls() > 0);
    if let Some(broken) = broken {
        let (narrow, calls) = (narrow(broken), broken.calls());
        return Err(format!("{narrow} multiplications on narrow registers, {calls} calls"));
    }
    let is_tight = |candidate: &&Loop| {
        candidate.spills() <= dialect.spills && candidate.stack_accesses() <= hot.multiply_adds.div_ceil(2)
    };
    if matching.iter().any(|candidate| is_tight(candidate)) {
        return Ok(());
    }
    let accesses: Vec<_> = matching.iter().map(|found| [found.spills(), found.stack_accesses()]).collect();
    Err(format!("[spilled registers, stack accesses] are {accesses:?}"))
}

/// Runs a command that writes assembly, and returns the one `.s` file in `directory` whose name starts with `stem`.
fn assembly_of(command: &mut Command, directory: &Path, stem: &str) -> String {
    let status = command.env_remove("RUSTFLAGS").status().expect("cargo and rustc are there");
    assert!(status.success());
    let mut files: Vec<PathBuf> = std::fs::read_dir(directory)
        .expect("the output directory")
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "s"))
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(stem)))
        .collect();
    files.sort_by_key(|path| std::fs::metadata(path).and_then(|data| data.modified()).ok());
    std::fs::read_to_string(files.last().expect("assembly was written")).expect("readable")
}

#[test]
#[ignore = "compiles the crate once more; run by name"]
fn hot_loops_are_tight() {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("codegen");
    let assembly = assembly_of(
        Command::new(env!("CARGO"))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args(["rustc", "--release", "--lib", "--target-dir"])
            .arg(&target)
            .args(["--", "--emit", "asm", "-C", "codegen-units=1", "-C", "symbol-mangling-version=v0"]),
        &target.join("release/deps"),
        "convolve-",
    );
    let functions = functions(&assembly);
    let mut checked = 0;
    let mut faults = Vec::new();
    for dialect in &DIALECTS {
        let Ok(isa) = InstructionSet::find(dialect.isa) else { continue };
        let in_registers = |hot: &HotLoop| !dialect.by_memory.contains(&hot.microkernel);
        for hot in hot_loops(registers(isa)).into_iter().filter(in_registers) {
            for element in ["f32", "f64"] {
                let is_meant = |function: &&Function| {
                    function.name.contains(&format!("isa::{}::", dialect.isa))
                        && [">", ","].iter().any(|end| {
                            function.name.contains(&format!("::{}<{element}{end}", hot.microkernel))
                        })
                };
                let meant: Vec<Function> = functions.iter().filter(is_meant).cloned().collect();
                checked += 1;
                if let Err(fault) = check(&hot, dialect, &meant) {
                    faults.push(format!("{} of {element} on {}: {fault}", hot.microkernel, dialect.isa));
                }
            }
        }
    }
    println!("{checked} hot loops checked");
    assert!(checked > 0);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The check itself: it passes a tight loop, and finds the fault of the same loop with its multiply-add out of line.
#[test]
fn an_outlined_operation_is_found() {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("outlined");
    std::fs::create_dir_all(&directory).expect("writable");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/codegen/outlined.rs");
    let assembly = assembly_of(
        Command::new(std::env::var_os("RUSTC").unwrap_or("rustc".into()))
            .args([
                "--edition=2024",
                "--crate-type=lib",
                "-O",
                "--emit=asm",
                "-C",
                "codegen-units=1",
                "--out-dir",
            ])
            .arg(&directory)
            .arg(&source),
        &directory,
        "outlined",
    );
    let functions = functions(&assembly);
    let named = |name: &str| -> Vec<Function> {
        functions.iter().filter(|function| function.name == name).cloned().collect()
    };
    let hot = HotLoop { microkernel: "fixture", multiply_adds: 4 };
    assert_eq!(check(&hot, &DIALECTS[1], &named("tight")), Ok(()));
    assert!(check(&hot, &DIALECTS[1], &named("outlined")).is_err());
    assert!(check(&hot, &DIALECTS[1], &named("absent")).is_err());
    assert!(check(&hot, &DIALECTS[0], &named("tight")).is_err(), "narrower registers than the machine has");
}
