//! Inner loops, generic over the instruction set. They know no geometry: they get pointers, steps and counts.
//!
//! Every function here is `#[inline(always)]`, down to the loads, so that it is compiled inside the one function
//! of [`Isa::run`](crate::isa::Isa::run) that has the features. `tests/codegen.rs` reads the emitted code of the
//! loops listed by [`hot_loops`].

mod finish;
pub(crate) mod gemm_tile;
pub(crate) mod sliding_tile;
#[cfg(feature = "fft")]
pub(crate) mod spectrum;

pub(crate) use finish::Finish;

/// A loop whose emitted code is checked: per iteration one multiply-add for each register of its tile.
#[derive(Clone, Copy, Debug)]
pub struct HotLoop {
    /// Name of the micro-kernel's type, which is part of the symbol that holds the loop.
    pub microkernel: &'static str,
    /// Multiply-adds per iteration: rows of the tile times its vectors.
    pub multiply_adds: usize,
}

/// The loops to check for an instruction set of so many registers.
pub fn hot_loops(registers: usize) -> Vec<HotLoop> {
    let mut loops = sliding_tile::hot_loops(registers);
    loops.extend(gemm_tile::hot_loops(registers));
    loops
}
