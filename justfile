# Lists the recipes.
default:
    @just --list

# All that is checked before a change is merged.
check:
    .ci/run

# Compares every strategy with the definition.
test:
    cargo test

# Measures; arguments go to `cargo bench`.
bench *arguments:
    cargo bench {{arguments}}

# Times this crate and other libraries on lists of problems; arguments go to `compare.py`.
compare *arguments:
    test -d benches/compare/.venv || benches/compare/setup.sh
    benches/compare/.venv/bin/python benches/compare/compare.py {{arguments}}

# Fuzzes a target (plan, differential, views) from the committed seeds.
fuzz target='differential' seconds='120':
    mkdir -p fuzz/corpus/{{target}}
    cargo +nightly fuzz run {{target}} fuzz/corpus/{{target}} fuzz/seeds/{{target}} -- -max_total_time={{seconds}} -max_len=128 -malloc_limit_mb=64

# Builds the documentation and shows it.
doc:
    cargo doc --no-deps --all-features --open
