//! How `direct` deals rows out to tasks, and the bands that it copies inputs into.

use super::cache_sets::spread;
use super::taps::TapOrder;
use crate::microkernel::sliding_tile::{Run, SHARED_ROWS};
use crate::problem::{Axis, Problem, gcd};
use crate::workspace::Booking;

/// Values in a band: half of a second-level cache of 512 KiB in `f32`.
const BAND_VALUES: usize = 64 << 10;
/// Multiply-adds of a task, as far as its rows allow: long enough to forget what its edges cost.
const TASK_MULTIPLY_ADDS: f64 = (1 << 19) as f64;
/// Rows of a task.
const LEAST_ROWS: usize = 16;
const MOST_ROWS: usize = 64;

/// How rows are dealt out to tasks and tiles, see the head of `planes.rs`.
pub(super) struct RowSpacing {
    /// Output rows from one row of a tile to the next.
    pub(super) tile: usize,
    /// Tap rows from one tap of a sweep to the next; there are as many sweeps.
    pub(super) taps: usize,
    /// Input rows under either step.
    pub(super) input: usize,
    /// Rows in a task.
    pub(super) block: usize,
    /// Tasks that start in the first `tile` output rows.
    pub(super) phases: usize,
    /// Blocks of `block * tile` output rows.
    pub(super) blocks: usize,
    /// Output rows in all.
    pub(super) output: usize,
}

impl RowSpacing {
    /// `axis` is that of [`row_axis`].
    pub(super) fn new(problem: &Problem, axis: &Axis) -> Self {
        let common = gcd(axis.stride, axis.dilation);
        let (tile, taps) = (axis.dilation / common, axis.stride / common);
        let row = problem.columns.output as f64 * (problem.products() * problem.group_out) as f64;
        let wanted = (TASK_MULTIPLY_ADDS / row.max(1.0)).ceil() as usize;
        let block = wanted.clamp(LEAST_ROWS, MOST_ROWS).next_multiple_of(SHARED_ROWS);
        RowSpacing {
            tile,
            taps,
            // If it overflows, tiles have one row and sweeps one tap, and it is never taken.
            input: taps.checked_mul(axis.dilation).unwrap_or(0),
            block,
            phases: tile.min(axis.output),
            blocks: axis.output.div_ceil(tile.saturating_mul(block)),
            output: axis.output,
        }
    }

    /// Whether output rows share what they load, as far as whole tiles go; then taps need not.
    pub(super) fn rows_share(&self, tap_rows: usize) -> bool {
        tap_rows > self.taps && self.output >= self.tile.saturating_mul(SHARED_ROWS)
    }

    /// Where a tap row stands among those of one tap column in the packed kernel, and how many places there are: sweep
    /// after sweep, each with room for the longest.
    pub(super) fn place(&self, tap_row: usize, tap_rows: usize) -> [usize; 2] {
        let [sweeps, most] = self.sweeps(tap_rows);
        [tap_row % sweeps * most + tap_row / sweeps, sweeps * most]
    }

    /// The sweeps that a kernel of so many tap rows has, and the most tap rows in one.
    pub(super) fn sweeps(&self, tap_rows: usize) -> [usize; 2] {
        [self.taps.min(tap_rows), tap_rows.div_ceil(self.taps)]
    }
}

/// The rows of a problem; the items of a batch, where each has one row: then they are the rows of a plane.
pub(super) fn row_axis(problem: &Problem) -> Axis {
    let rows = problem.rows;
    match [rows.taps, rows.input, rows.output, rows.before] {
        [1, 1, 1, 0] => Axis { input: problem.batch(), output: problem.batch(), ..rows },
        _ => rows,
    }
}

/// How much of the kernel and of the outputs one band serves.
#[derive(Clone, Copy)]
pub(super) struct BandShape {
    /// Output columns, a multiple of the lanes.
    pub(super) width: usize,
    /// Output rows.
    pub(super) rows: usize,
    /// Tap rows, of all sweeps if there are several.
    pub(super) tap_rows: usize,
    pub(super) tap_columns: usize,
    pub(super) channels: usize,
    /// Input rows of a sweep.
    pub(super) input_rows: usize,
    pub(super) sweeps: usize,
    /// Whether a row of the band holds each input once, by phases of the stride, or each tap column apart (for
    /// dilations so wide that taps share no inputs).
    pub(super) is_dense: bool,
    /// Values in a phase or tap column.
    pub(super) segment: usize,
    /// Values from a row to the next.
    pub(super) pitch: usize,
}

impl BandShape {
    /// `pixel`: values in a column.
    pub(super) fn new(problem: &Problem, spacing: &RowSpacing, pixel: usize) -> Self {
        let lanes = problem.isa.lanes(problem.element);
        let round = |columns: usize| columns.next_multiple_of(lanes);
        let mut width = round(problem.columns.output.clamp(1, 512));
        let mut rows = spacing.block.min(spacing.output).max(1);
        let mut tap_columns = problem.columns.taps.min(256);
        let mut tap_rows = problem.rows.taps.min(spacing.taps.saturating_mul(64));
        let mut channels = problem.group_in;
        loop {
            let taps = [tap_rows, tap_columns];
            let shape = Self::of(problem, spacing, [rows, width], taps, [channels, pixel]);
            if shape.values() <= BAND_VALUES {
                return shape;
            }
            // A part of the sweeps is as good as a part of their rows.
            let fewer_rows = if tap_rows > spacing.taps {
                tap_rows.div_ceil(2 * spacing.taps) * spacing.taps
            } else {
                tap_rows.div_ceil(2)
            };
            match () {
                () if rows > SHARED_ROWS => rows = (rows / 2).next_multiple_of(SHARED_ROWS),
                () if channels > 1 => channels = channels.div_ceil(2),
                () if width > round(128) => width = round(width / 2),
                () if fewer_rows < tap_rows => tap_rows = fewer_rows,
                () if tap_columns > 1 => tap_columns = tap_columns.div_ceil(2),
                () => return shape,
            }
        }
    }

    fn of(
        problem: &Problem,
        spacing: &RowSpacing,
        [rows, width]: [usize; 2],
        [tap_rows, tap_columns]: [usize; 2],
        [channels, pixel]: [usize; 2],
    ) -> Self {
        let Axis { stride, dilation, .. } = problem.columns;
        let [sweeps, most] = spacing.sweeps(tap_rows);
        let input_rows = rows + most - 1;
        let reach = (tap_columns - 1) * dilation;
        let phases = stride.min(reach + 1);
        let dense = (width + reach / stride).saturating_mul(phases);
        let is_dense = dense <= width * tap_columns;
        let segment = if is_dense { width + reach / stride } else { width };
        let pitch = if is_dense { dense } else { width * tap_columns };
        let (segment, pitch) = (segment.saturating_mul(pixel), pitch.saturating_mul(pixel));
        let pitch = spread(pitch, problem.element.size());
        BandShape {
            width,
            rows,
            tap_rows,
            tap_columns,
            channels,
            input_rows,
            sweeps,
            is_dense,
            segment,
            pitch,
        }
    }

    pub(super) fn values(&self) -> usize {
        [self.sweeps, self.input_rows, self.pitch]
            .iter()
            .fold(self.channels, |values, &count| values.saturating_mul(count))
    }

    pub(super) fn bytes<T>(&self) -> usize {
        Booking::new().add::<T>(self.values()).bytes()
    }
}

/// A [`BandShape`] with the places of the taps.
pub(super) struct Band {
    pub(super) shape: BandShape,
    /// Values in a column: one, or the channels of a pixel.
    pub(super) pixel: usize,
    pub(super) order: TapOrder,
    /// Where tap columns find their inputs in a row of the band: of a whole chunk, and of the last one.
    in_band: Vec<Vec<Run>>,
    /// The same in the input itself, for a stride of one, if it differs.
    in_place: Option<Vec<Vec<Run>>>,
    /// Where each segment of a row starts in the input.
    pub(super) segments: Vec<isize>,
}

impl Band {
    /// `pixel`: values in a column; `lanes`: those of vectors that taps share, if they do.
    pub(super) fn new(problem: &Problem, spacing: &RowSpacing, pixel: usize, lanes: usize) -> Self {
        let shape = BandShape::new(problem, spacing, pixel);
        let Axis { stride, dilation, taps, .. } = problem.columns;
        let chunk = shape.tap_columns;
        let order = TapOrder::new(&problem.columns, chunk, shape.is_dense, lanes);
        let in_band = |tap: usize| {
            let at = if shape.is_dense {
                tap * dilation % stride * shape.segment + tap * dilation / stride * pixel
            } else {
                tap * shape.segment
            };
            at as isize
        };
        let segments = if shape.is_dense {
            (0..stride.min((chunk - 1) * dilation + 1) as isize).collect()
        } else {
            (0..chunk).map(|tap| (tap * dilation) as isize).collect()
        };
        let last = taps - (taps - 1) / chunk * chunk;
        // The last chunk has places of its own only if it is shorter.
        let counts = &[chunk, last][..1 + usize::from(last != chunk)];
        let places = |place: &dyn Fn(usize) -> isize| {
            counts.iter().map(|&count| order.place(count, place)).collect::<Vec<_>>()
        };
        // In the input, at a stride of one; columns so far apart that this wraps are not read in place.
        let in_input = |tap: usize| (tap * dilation).wrapping_mul(pixel) as isize;
        let in_place = if stride == 1 && !shape.is_dense { Some(places(&in_input)) } else { None };
        Band { shape, pixel, order, in_band: places(&in_band), in_place, segments }
    }

    /// The places of `count` tap columns, in the band or in place.
    pub(super) fn runs(&self, count: usize, in_place: bool) -> &[Run] {
        let placements = self.in_place.as_ref().filter(|_| in_place).unwrap_or(&self.in_band);
        &placements[usize::from(count != self.shape.tap_columns)]
    }
}
