//! Inner loops, generic over the instruction set. They know no geometry: they get pointers, steps and counts.
//!
//! Every function that handles vectors is `#[inline(always)]`, down to the loads, so that it is compiled inside the one
//! function of [`Isa::run`](crate::isa::Isa::run) that has the features. `tests/codegen` reads the emitted code of the
//! loops listed by [`hot_loops`].

pub(crate) mod channel_tile;
pub(crate) mod column_pass;
pub(crate) mod column_sums;
pub(crate) mod columns;
pub(crate) mod depthwise_tile;
pub(crate) mod dot_tile;
pub(crate) mod fft;
mod finish;
pub(crate) mod folded_columns;
pub(crate) mod gemm_tile;
pub(crate) mod row_pass;
pub(crate) mod row_sums;
pub(crate) mod separable_tile;
pub(crate) mod signal_tile;
pub(crate) mod sliding_tile;
pub(crate) mod spectrum;
pub(crate) mod transpose;
pub(crate) mod winograd_kernel;
pub(crate) mod winograd_transform;

pub(crate) use finish::Finish;

/// Whoever makes a micro-kernel of raw pointers vouches for what its documentation asks, by making one of these. What
/// was vouched for holds for a copy of the micro-kernel.
#[derive(Clone)]
pub(crate) struct Vouched(());

impl Vouched {
    /// # Safety
    /// The micro-kernel that it is put into has every property that its documentation asks for.
    pub(crate) unsafe fn new() -> Self {
        Vouched(())
    }
}

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
    loops.extend(channel_tile::hot_loops(registers));
    loops.extend(depthwise_tile::hot_loops(registers));
    loops.extend(dot_tile::hot_loops(registers));
    loops.extend(fft::hot_loops(registers));
    loops.extend(column_pass::hot_loops(registers));
    loops.extend(column_sums::hot_loops());
    loops.extend(folded_columns::hot_loops(registers));
    loops.extend(row_pass::hot_loops());
    loops.extend(row_sums::hot_loops());
    loops.extend(separable_tile::hot_loops(registers));
    loops.extend(signal_tile::hot_loops());
    loops
}
