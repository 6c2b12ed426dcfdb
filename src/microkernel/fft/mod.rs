//! Loops of fast Fourier transforms that are never put in order: decimation in frequency forward, products in the
//! order in which frequencies come out, decimation in time back (Gentleman and Sande 1966; Cooley and Tukey 1965).
//!
//! An *element* is a vector of real parts and a vector of imaginary parts. What its lanes are is the tables' matter: in
//! [`PlaneTile`](plane_tile::PlaneTile) they are independent transforms, which share their twiddle factors; in
//! [`LineTile`](line_tile::LineTile) they are consecutive samples of one, each with a factor of its own.
//!
//! Two real tiles, or halves of a block of samples, are transformed at once, as the real and the imaginary part of a
//! complex one: their products with the spectrum of a real kernel come apart by themselves on the way back.

pub(crate) mod ahead;
mod arithmetic;
pub(crate) mod line_tile;
pub(crate) mod mean;
mod middle;
mod passes;
pub(crate) mod plane_tile;
pub(crate) mod spectrum_tile;

use super::HotLoop;

pub(crate) use passes::{Level, Passes};

/// What is done to a tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Forward, product with the spectrum of the kernel, back.
    Convolve,
    /// Forward only: the spectra are left in the buffer.
    Forward,
    /// Back only, from the sums in the buffer.
    Back,
}

/// Where two real tiles are written, the real and the imaginary part of one complex tile.
#[derive(Clone, Copy)]
pub(crate) struct Pair<T> {
    pub(crate) re: *mut T,
    pub(crate) im: *mut T,
    /// From one row to the next.
    pub(crate) row_step: isize,
}

/// Columns of two tiles, from those of the band before up to `end`, a multiple of the lanes: for each row of either,
/// where its column zero would be.
#[derive(Clone, Copy)]
pub(crate) struct Band<T> {
    pub(crate) rows: Both<*const *const T>,
    pub(crate) end: usize,
}

/// Values, of both parts of a pair.
pub(crate) type Both<T> = [T; 2];

/// Most planes whose columns stand by turns, side by side.
pub(crate) const MOST_PLANES: usize = 4;

/// Values, of planes side by side; those of planes that are not there do not count.
pub(crate) type Planes<T> = [T; MOST_PLANES];

/// What is taken from the values of two tiles or added to them, lane by lane of any vector of columns.
#[derive(Clone, Copy)]
pub(crate) struct Offsets<T> {
    planes: usize,
    /// Those of the planes by turns, as many as a vector has lanes at most, from any of them on.
    turns: Both<[T; MOST_LANES + MOST_PLANES]>,
}

/// Lanes of the widest vector.
const MOST_LANES: usize = 16;

impl<T: Copy> Offsets<T> {
    /// Of so many planes side by side.
    pub(crate) fn new(values: Both<Planes<T>>, planes: usize) -> Self {
        debug_assert!((1..=MOST_PLANES).contains(&planes));
        // Of one plane without counting, which short lines would notice.
        let mut turns = values.map(|values| [values[0]; MOST_LANES + MOST_PLANES]);
        if planes > 1 {
            for (turns, values) in turns.iter_mut().zip(&values) {
                turns.chunks_mut(planes).for_each(|turn| turn.copy_from_slice(&values[..turn.len()]));
            }
        }
        Offsets { planes, turns }
    }

    /// Those of the vector of columns that begins with `first`, either part.
    #[inline(always)]
    fn at(&self, first: usize) -> Both<*const T> {
        let turn = if self.planes == 1 { 0 } else { first % self.planes };
        [self.turns[0][turn..].as_ptr(), self.turns[1][turn..].as_ptr()]
    }
}

pub(super) fn hot_loops(registers: usize) -> Vec<HotLoop> {
    spectrum_tile::hot_loops(registers)
}
