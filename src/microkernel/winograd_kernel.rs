//! The transform of the kernel of Winograd's minimal filtering, output channels side by side. It is computed in `f64` and
//! rounded once, on every instruction set alike.

use crate::element::Element;
use crate::isa::{Lanes, Microkernel};
use crate::winograd::{KernelMatrix, MAX_TAPS, MAX_TILE, Minimal};

/// Output channels that are transformed at a time.
const CHANNELS: usize = 8;

/// A tap, or a point, of some output channels.
type Values = [f64; CHANNELS];

/// Transforms the taps of one piece for one input channel and some output channels, `G_rows taps G_columns^T`:
/// `to[(i * columns + j) * point_step + channel]` for each point (i, j), from `taps[row][column][channel]`.
pub(crate) struct KernelTransform<'a, T> {
    pub(crate) kinds: [Minimal; 2],
    /// Of rows and columns.
    pub(crate) matrices: [KernelMatrix; 2],
    pub(crate) taps: &'a [T],
    pub(crate) channels: usize,
    pub(crate) to: &'a mut [T],
    pub(crate) point_step: usize,
}

impl<T: Element> Microkernel<T> for KernelTransform<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(mut self, _isa: I) {
        for first in (0..self.channels).step_by(CHANNELS) {
            let rows = self.along_columns(first);
            self.along_rows(first, &rows);
        }
    }
}

impl<T: Element> KernelTransform<'_, T> {
    /// Every row of taps transformed.
    #[inline(always)]
    fn along_columns(&self, first: usize) -> [[Values; MAX_TILE]; MAX_TAPS] {
        let count = CHANNELS.min(self.channels - first);
        let columns = self.kinds[1].taps;
        let mut rows = [[[0.0; CHANNELS]; MAX_TILE]; MAX_TAPS];
        for (r, row) in rows.iter_mut().enumerate().take(self.kinds[0].taps) {
            let mut taps = [[0.0; CHANNELS]; MAX_TAPS];
            for (c, tap) in taps.iter_mut().enumerate().take(columns) {
                *tap = widened(&self.taps[(r * columns + c) * self.channels + first..][..count]);
            }
            for (point, gains) in row.iter_mut().zip(&self.matrices[1]).take(self.kinds[1].tile()) {
                *point = sum(gains, [&taps[0], &taps[1], &taps[2]]);
            }
        }
        rows
    }

    /// Every column transformed, and rounded.
    #[inline(always)]
    fn along_rows(&mut self, first: usize, rows: &[[Values; MAX_TILE]; MAX_TAPS]) {
        let count = CHANNELS.min(self.channels - first);
        let [tile_rows, tile_columns] = self.kinds.map(Minimal::tile);
        for (i, gains) in self.matrices[0].iter().enumerate().take(tile_rows) {
            for j in 0..tile_columns.min(MAX_TILE) {
                let point = sum(gains, [&rows[0][j], &rows[1][j], &rows[2][j]]);
                round(&point, &mut self.to[(i * tile_columns + j) * self.point_step + first..][..count]);
            }
        }
    }
}

#[inline(always)]
fn sum(gains: &[f64; MAX_TAPS], taps: [&Values; MAX_TAPS]) -> Values {
    core::array::from_fn(|i| gains[0] * taps[0][i] + gains[1] * taps[1][i] + gains[2] * taps[2][i])
}

/// Zeros beyond the values that there are.
#[inline(always)]
fn widened<T: Element>(values: &[T]) -> Values {
    match values.first_chunk::<CHANNELS>() {
        Some(all) => core::array::from_fn(|i| all[i].to_f64()),
        None => core::array::from_fn(|i| values.get(i).map_or(0.0, |value| value.to_f64())),
    }
}

#[inline(always)]
fn round<T: Element>(values: &Values, to: &mut [T]) {
    match to.first_chunk_mut::<CHANNELS>() {
        Some(all) => *all = core::array::from_fn(|i| T::from_f64(values[i])),
        None => to.iter_mut().zip(values).for_each(|(to, &value)| *to = T::from_f64(value)),
    }
}
