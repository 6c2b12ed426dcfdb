//! How `direct` deals rows out to tiles, and the bands that it copies inputs into.

use crate::microkernel::sliding_tile::MAX_ROWS;
use crate::problem::{Axis, Problem};
use crate::workspace::Booking;

/// Values in a band: half of a second-level cache of 512 KiB in `f32`.
const BAND_VALUES: usize = 64 << 10;

/// How rows are dealt out to tiles, see the head of `planes.rs`.
pub(super) struct RowSpacing {
    /// Output rows from one row of a tile to the next.
    pub(super) tile: usize,
    /// Tap rows from one tap of a group to the next; there are as many groups.
    pub(super) taps: usize,
    /// Input rows under either step.
    pub(super) input: usize,
    /// Tiles that start in the first `tile` output rows.
    pub(super) phases: usize,
    /// Blocks of `MAX_ROWS * tile` output rows.
    pub(super) blocks: usize,
}

impl RowSpacing {
    pub(super) fn new(axis: &Axis) -> Self {
        let common = gcd(axis.stride, axis.dilation);
        let (tile, taps) = (axis.dilation / common, axis.stride / common);
        RowSpacing {
            tile,
            taps,
            // If it overflows, tiles have one row and groups one tap, and it is never taken.
            input: taps.checked_mul(axis.dilation).unwrap_or(0),
            phases: tile.min(axis.output),
            blocks: axis.output.div_ceil(tile.saturating_mul(MAX_ROWS)),
        }
    }
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// How much of the kernel and of a row one band serves.
#[derive(Clone, Copy)]
pub(super) struct BandShape {
    /// Output columns, a multiple of the lanes.
    pub(super) width: usize,
    pub(super) tap_rows: usize,
    pub(super) tap_columns: usize,
    pub(super) channels: usize,
    /// Input rows under a tile.
    pub(super) input_rows: usize,
    /// Whether a row of the band holds each input once, by phases of the stride, or each tap column apart (for
    /// dilations so wide that taps share no inputs).
    pub(super) is_dense: bool,
    /// Values in a phase or tap column.
    pub(super) segment: usize,
    /// Values in a row.
    pub(super) pitch: usize,
}

impl BandShape {
    pub(super) fn new(problem: &Problem) -> Self {
        let lanes = problem.isa.lanes(problem.element);
        let spacing = RowSpacing::new(&problem.rows);
        let round = |columns: usize| columns.next_multiple_of(lanes);
        let mut width = round(problem.columns.output.clamp(1, 512));
        let mut tap_columns = problem.columns.taps.min(256);
        let mut tap_rows = problem.rows.taps.div_ceil(spacing.taps).min(64);
        let mut channels = problem.group_in;
        loop {
            let shape = Self::of(problem, width, tap_rows, tap_columns, channels);
            if shape.values() <= BAND_VALUES {
                return shape;
            }
            match () {
                () if channels > 1 => channels = channels.div_ceil(2),
                () if width > round(128) => width = round(width / 2),
                () if tap_rows > 1 => tap_rows = tap_rows.div_ceil(2),
                () if tap_columns > 1 => tap_columns = tap_columns.div_ceil(2),
                () => return shape,
            }
        }
    }

    fn of(problem: &Problem, width: usize, tap_rows: usize, tap_columns: usize, channels: usize) -> Self {
        let Axis { stride, dilation, .. } = problem.columns;
        let input_rows = MAX_ROWS.min(problem.rows.output) + tap_rows - 1;
        let reach = (tap_columns - 1) * dilation;
        let phases = stride.min(reach + 1);
        let dense = (width + reach / stride).saturating_mul(phases);
        let is_dense = dense <= width * tap_columns;
        let segment = if is_dense { width + reach / stride } else { width };
        let pitch = if is_dense { dense } else { width * tap_columns };
        BandShape { width, tap_rows, tap_columns, channels, input_rows, is_dense, segment, pitch }
    }

    pub(super) fn values(&self) -> usize {
        self.channels.saturating_mul(self.input_rows * self.pitch)
    }

    pub(super) fn bytes<T>(&self) -> usize {
        Booking::new().add::<T>(self.values()).bytes()
    }
}

/// A [`BandShape`] with its tables.
pub(super) struct Band {
    pub(super) shape: BandShape,
    /// Where each tap column finds its inputs in a row of the band.
    pub(super) offsets: Vec<isize>,
    /// The same in the input itself, for a stride of one.
    pub(super) in_place: Vec<isize>,
    /// Where each segment of a row starts in the input.
    pub(super) segments: Vec<isize>,
}

impl Band {
    pub(super) fn new(problem: &Problem) -> Self {
        let shape = BandShape::new(problem);
        let Axis { stride, dilation, .. } = problem.columns;
        let taps = 0..shape.tap_columns;
        let in_place = taps.clone().map(|tap| (tap * dilation) as isize).collect();
        let (offsets, segments) = if shape.is_dense {
            let phases = stride.min((shape.tap_columns - 1) * dilation + 1);
            let offset = |tap| tap * dilation % stride * shape.segment + tap * dilation / stride;
            (taps.map(|tap| offset(tap) as isize).collect(), (0..phases as isize).collect())
        } else {
            let starts = taps.clone().map(|tap| (tap * dilation) as isize).collect();
            (taps.map(|tap| (tap * shape.segment) as isize).collect(), starts)
        };
        Band { shape, offsets, in_place, segments }
    }
}
