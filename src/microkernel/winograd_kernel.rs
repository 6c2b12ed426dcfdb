//! The transform of the kernel of Winograd's minimal filtering, output channels side by side. It is computed in `f64`
//! and rounded once, on every instruction set alike.

use crate::element::Element;
use crate::isa::{Lanes, Microkernel};
use crate::winograd::{KernelMatrix, MAX_TAPS, MAX_TILE, Minimal};

/// Output channels that are transformed at a time: at least a cache line of each point.
const CHANNELS: usize = 16;

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
            let columns = self.along_columns(first);
            self.along_rows(first, &columns);
        }
    }
}

impl<T: Element> KernelTransform<'_, T> {
    /// Every row of taps transformed: the values of a point for each row.
    #[inline(always)]
    fn along_columns(&self, first: usize) -> [[Values; MAX_TAPS]; MAX_TILE] {
        let count = CHANNELS.min(self.channels - first);
        let [rows, columns] = self.kinds.map(|kind| kind.taps);
        let mut points = [[[0.0; CHANNELS]; MAX_TAPS]; MAX_TILE];
        for row in 0..rows.min(MAX_TAPS) {
            let mut taps = [[0.0; CHANNELS]; MAX_TAPS];
            for (column, tap) in taps.iter_mut().enumerate().take(columns) {
                *tap = widened(&self.taps[(row * columns + column) * self.channels + first..][..count]);
            }
            for (point, gains) in points.iter_mut().zip(&self.matrices[1]).take(self.kinds[1].tile()) {
                point[row] = sum(gains, &taps);
            }
        }
        points
    }

    /// Every column transformed, and rounded.
    #[inline(always)]
    fn along_rows(&mut self, first: usize, columns: &[[Values; MAX_TAPS]; MAX_TILE]) {
        let count = CHANNELS.min(self.channels - first);
        let [tile_rows, tile_columns] = self.kinds.map(Minimal::tile);
        for (i, gains) in self.matrices[0].iter().enumerate().take(tile_rows) {
            for (j, column) in columns.iter().enumerate().take(tile_columns) {
                let point = (i * tile_columns + j) * self.point_step + first;
                round(&sum(gains, column), &mut self.to[point..][..count]);
            }
        }
    }
}

#[inline(always)]
fn sum(gains: &[f64; MAX_TAPS], taps: &[Values; MAX_TAPS]) -> Values {
    let mut sums = [0.0; CHANNELS];
    for (i, sum) in sums.iter_mut().enumerate() {
        *sum = gains[0] * taps[0][i] + gains[1] * taps[1][i] + gains[2] * taps[2][i];
    }
    sums
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
