//! The tile of the direct strategy: output rows and vectors of columns, in registers.
//!
//! In one channel, the plain loop is
//!
//! ```text
//! for each output row r, tap row k, tap column t, vector v of columns:
//!     sum[r][v] += weight[k][t] * input[r + k][column(t) + v]
//! ```
//!
//! One unaligned load per multiply-add would limit the machine to less than half of its speed, since most such loads
//! cross a cache line. Both kinds of tiles share loads:
//!
//! * *several rows* (`rows.rs`; `small.rs` for small kernels): an input vector lies under a tap of each of up to four
//!   output rows;
//! * *one row* (`row.rs`): taps that are as far apart as a vector is long meet the same input vectors.
//!
//! Rows of input and output may be apart by any step, which is how strides and dilations are served. Variants serve
//! interleaved channels (`interleaved.rs`) and the ends of rows (`ends.rs`).

mod ends;
mod interleaved;
mod row;
mod rows;
mod small;

use super::finish::{Finish, Target};
use super::{HotLoop, Vouched};
use crate::element::Element;
use crate::isa::{Lanes, Microkernel};

pub(crate) use ends::EndsTile;
pub(crate) use interleaved::{InterleavedTile, PERIODS};
pub(crate) use row::{MAX_PHASES, Run};

/// Most output rows that share a load.
pub(crate) const SHARED_ROWS: usize = 4;

/// Computes `rows` x `width` outputs of one channel, or a part of their sums.
///
/// The tap rows are dealt out to `sweeps`: sweep g has the tap rows g, g + `sweeps`, ...; within a sweep, an input row
/// lies under neighbouring output rows.
///
/// # Safety
/// Whoever makes it vouches that, with `lanes` those of the instruction set and `tap_rows(g)` those of sweep g,
/// * `input + c * channel_step + g * sweep_step + j * row_step + column(t) + x` is readable for all `c < channels`,
///   `g < sweeps`, `j < rows + tap_rows(g) - 1`, `x < width` rounded up to `lanes`, or, of one row that does not add to
///   old outputs, `x < width` or `x < lanes`, whichever are more; `column(t)` is, run by run and step by step,
///   `start + step * i + lanes * p` for all `p < phases`; `phases` is from 1 to [`MAX_PHASES`];
/// * `weights + c * weight_channel_step + t * weight_column_step + g * weight_sweep_step + k` is readable for all
///   `k < tap_rows(g)`;
/// * `output + r * output_row_step + x * output_step` is readable and writable for all `r < rows`, `x < width`;
/// * `bias` is readable.
pub(crate) struct SlidingTile<'a, T> {
    pub(crate) input: *const T,
    pub(crate) channels: usize,
    pub(crate) channel_step: isize,
    pub(crate) sweeps: usize,
    /// From the first input row of a sweep to that of the next.
    pub(crate) sweep_step: isize,
    /// From an input row of a sweep to the next.
    pub(crate) row_step: isize,
    /// Where tap columns find their inputs, in the order of the weights. Rows share loads if no taps do.
    pub(crate) runs: &'a [Run],
    /// Tap rows of each sweep; of the first `longer_sweeps` one more.
    pub(crate) tap_rows: usize,
    pub(crate) longer_sweeps: usize,
    pub(crate) weights: *const T,
    pub(crate) weight_channel_step: usize,
    pub(crate) weight_column_step: usize,
    /// From the weights of a sweep to those of the next; its tap rows are neighbours, at distances that are constants
    /// of the loops.
    pub(crate) weight_sweep_step: usize,
    pub(crate) output: *mut T,
    pub(crate) output_row_step: isize,
    pub(crate) output_step: isize,
    pub(crate) rows: usize,
    pub(crate) width: usize,
    /// One value; for [`InterleavedTile`] one for each lane of a period.
    pub(crate) bias: *const T,
    pub(crate) finish: Finish<T>,
    pub(crate) _vouched: Vouched,
}

pub(super) fn hot_loops(registers: usize) -> Vec<HotLoop> {
    let tile = |multiply_adds| HotLoop { microkernel: "SlidingTile", multiply_adds };
    let mut loops = vec![tile(2 * rows::vectors(2, registers, 0)), tile(4 * rows::vectors(4, registers, 0))];
    // Of one phase there are several loops, some with ends of tiles around them.
    loops.extend((2..=MAX_PHASES).map(|phases| tile(row::VECTORS * phases)));
    loops.extend(small::hot_loops(registers));
    loops.extend(interleaved::hot_loops(registers));
    loops.extend(ends::hot_loops());
    loops
}

impl<T: Element> Microkernel<T> for SlidingTile<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Lanes<T>>(self, isa: I) {
        let shares_taps = self.runs.iter().any(|run| run.phases > 1);
        let shares_rows = self.tap_rows(0) > 1 && !shares_taps;
        let mut row = 0;
        while row < self.rows {
            // SAFETY: rows of the tile, for which the maker of `self` vouches.
            unsafe {
                row += match self.rows - row {
                    SHARED_ROWS.. if shares_rows => self.several_rows::<I, SHARED_ROWS, 0>(isa, row),
                    2.. if shares_rows => self.several_rows::<I, 2, 0>(isa, row),
                    _ => self.single_row(isa, row),
                };
            }
        }
    }
}

impl<T: Element> SlidingTile<'_, T> {
    /// The tap rows of a sweep.
    #[inline(always)]
    fn tap_rows(&self, sweep: usize) -> usize {
        self.tap_rows + usize::from(sweep < self.longer_sweeps)
    }

    /// The input under (`row`, `column`) of the tile, in the first channel and sweep. At the end of a row it may lie
    /// outside of all inputs.
    #[inline(always)]
    fn input_at(&self, row: usize, column: usize) -> *const T {
        self.input.wrapping_offset((row as isize).wrapping_mul(self.row_step)).wrapping_add(column)
    }

    /// `ROWS` rows of `width` columns from (`row`, `column`), or as many columns as there are.
    #[inline(always)]
    fn target(&self, row: usize, column: usize, rows: usize, width: usize) -> Target<T> {
        let offset = (row as isize)
            .wrapping_mul(self.output_row_step)
            .wrapping_add((column as isize).wrapping_mul(self.output_step));
        Target {
            first: self.output.wrapping_offset(offset),
            row_step: self.output_row_step,
            step: self.output_step,
            rows,
            columns: width.min(self.width - column),
        }
    }

    /// What sums start with: bias and old output, which is at `to`. With a `PERIOD`, biases are vectors.
    ///
    /// # Safety
    /// `to` and `row_step` are those of a staged part of the tile.
    #[inline(always)]
    unsafe fn begin<I: Lanes<T>, const ROWS: usize, const VECTORS: usize, const PERIOD: usize>(
        &self,
        isa: I,
        to: *const T,
        row_step: isize,
    ) -> [[I::Vector; VECTORS]; ROWS] {
        let mut row = [isa.splat(T::default()); VECTORS];
        for (v, vector) in row.iter_mut().enumerate() {
            // SAFETY: see `SlidingTile`.
            *vector = unsafe {
                match v.checked_rem(PERIOD) {
                    Some(phase) => isa.load(self.bias.add(phase * I::LANES)),
                    None => isa.splat(*self.bias),
                }
            };
        }
        let mut sums = [row; ROWS];
        if self.finish.accumulates() {
            // SAFETY: vouched for by the caller.
            unsafe { self.finish.add_old(isa, &mut sums, to, row_step) };
        }
        sums
    }
}
