//! Lanes along the columns of a plane.
//!
//! The output of a channel is cut into tiles of up to four rows. Where the whole window of a tile lies inside the
//! input, the tile reads the input in place; at the edges, for strides along a row, and for inputs whose columns are
//! not neighbours, the same tile reads a *band*: a copy of the rows under it, made through the window.
//!
//! Strides and dilations of rows need no copies. Output rows that are `dilation / gcd` apart and tap rows that are
//! `stride / gcd` apart (gcd of the two) meet in input rows that are lcm(stride, dilation) apart, so a tile takes rows
//! at that spacing, and its taps fall into groups, each a convolution with unit steps.
//!
//! Bands are bounded: kernels too large for one are cut into passes that add up in the output, which rounds no more
//! often.

use core::ops::Range;

use super::band::{Band, BandShape, RowSpacing};
use crate::call::Call;
use crate::conv::Operation;
use crate::cost::Constants;
use crate::element::Element;
use crate::microkernel::sliding_tile::{MAX_ROWS, SlidingTile};
use crate::microkernel::{Finish, Vouched};
use crate::problem::{Axis, Problem};
use crate::strategy::{Estimate, Packing, Prepared};
use crate::view::View;
use crate::window::Extensions;
use crate::workspace::take;

/// Outputs of one row in a task: long enough to forget the cost of a task, short enough to share a signal out.
const TASK_COLUMNS: usize = 8192;

pub(super) struct PlanesPlan<T> {
    problem: Problem,
    extensions: Extensions<T>,
    finish: Finish<T>,
    rows: RowSpacing,
    band: Band,
}

pub(super) fn estimate<T>(problem: &Problem) -> Estimate {
    let band = BandShape::new(problem);
    Estimate { seconds: Constants::direct_seconds(problem), workspace: band.bytes::<T>() }
}

/// Output rows `first`, `first + spacing.tile`, ... of one group of channels.
struct RowTile {
    item: usize,
    group: usize,
    first: usize,
    rows: usize,
}

/// A part of the kernel whose products are added in one go.
struct Pass {
    channels: Range<usize>,
    /// First tap row; the others are `spacing.taps` apart.
    tap_row: usize,
    tap_rows: usize,
    tap_columns: Range<usize>,
    is_first: bool,
    is_last: bool,
}

/// Where a pass finds its inputs.
struct Inputs<'a, T> {
    first: *const T,
    channel_step: isize,
    row_step: isize,
    columns: &'a [isize],
}

impl<T: Element> Prepared<T> for PlanesPlan<T> {
    fn packing(&self) -> Packing {
        let problem = &self.problem;
        Packing {
            strategy: "direct",
            kernel: problem.kernel_shape(),
            groups: problem.groups(),
            flipped: problem.conv.operation == Operation::Convolution,
            tiles: [0; 4],
            len: problem.kernel_shape().iter().product(),
            scratch: 0,
        }
    }

    fn pack(&self, kernel: View<'_, T>, packed: &mut [T], _scratch: &mut [T]) {
        let kernel = self.problem.oriented(kernel);
        let [outputs, inputs, rows, columns] = kernel.dims();
        let mut packed = packed.iter_mut();
        for output in 0..outputs {
            for input in 0..inputs {
                for row in 0..rows {
                    for column in 0..columns {
                        if let (Some(to), Some(tap)) =
                            (packed.next(), kernel.get([output, input, row, column]))
                        {
                            *to = tap;
                        }
                    }
                }
            }
        }
    }

    fn tasks(&self) -> usize {
        let chunks = self.problem.columns.output.div_ceil(TASK_COLUMNS);
        self.problem.batch() * self.problem.groups() * self.rows.blocks * self.rows.phases * chunks
    }

    fn workspace(&self) -> usize {
        self.band.shape.bytes::<T>()
    }

    fn run(&self, call: &Call<'_, T>, task: usize, workspace: &mut [u8]) {
        let (problem, spacing) = (&self.problem, &self.rows);
        let chunks = problem.columns.output.div_ceil(TASK_COLUMNS);
        let (task, chunk) = (task / chunks, task % chunks);
        let (task, phase) = (task / spacing.phases, task % spacing.phases);
        let (task, block) = (task / spacing.blocks, task % spacing.blocks);
        let (item, group) = (task / problem.groups(), task % problem.groups());
        let first = block * MAX_ROWS * spacing.tile + phase;
        if first >= problem.rows.output {
            return;
        }
        let rows = (problem.rows.output - first).div_ceil(spacing.tile).min(MAX_ROWS);
        let tile = RowTile { item, group, first, rows };
        let start = chunk * TASK_COLUMNS;
        let columns = start..(start + TASK_COLUMNS).min(problem.columns.output);
        let inside = self.columns_inside(call, &tile, &columns);
        let mut memory = workspace;
        let band = take::<T>(&mut memory, self.band.shape.values());
        self.through_band(call, &tile, columns.start..inside.start, band);
        self.in_place(call, &tile, inside.clone());
        self.through_band(call, &tile, inside.end..columns.end, band);
    }
}

impl<T: Element> PlanesPlan<T> {
    pub(super) fn new(problem: &Problem) -> Self {
        PlanesPlan {
            extensions: Extensions::new(problem.conv.border),
            finish: Finish::new(&problem.conv),
            rows: RowSpacing::new(&problem.rows),
            band: Band::new(problem),
            problem: problem.clone(),
        }
    }

    /// The part of `columns` whose windows lie inside the input and can be read in place, whole vectors included.
    /// Empty, at the start, if there is none.
    fn columns_inside(&self, call: &Call<'_, T>, tile: &RowTile, columns: &Range<usize>) -> Range<usize> {
        let Problem { rows, columns: axis, .. } = &self.problem;
        let top = rows.start(tile.first);
        let bottom = rows.start(tile.first + (tile.rows - 1) * self.rows.tile) + rows.extent as isize;
        let rows_inside = top >= 0 && bottom <= rows.input as isize;
        let nothing = columns.start..columns.start;
        if !rows_inside || axis.stride != 1 || call.input_strides[3] != 1 {
            return nothing;
        }
        let lanes = self.problem.isa.lanes(T::TYPE);
        let start = columns.start.max(axis.before);
        // From `start` on, windows of so many outputs lie inside.
        let room = (axis.before + axis.input + 1).saturating_sub(axis.extent + start);
        let wanted = columns.end.saturating_sub(start);
        let count = if wanted.next_multiple_of(lanes) <= room { wanted } else { room / lanes * lanes };
        if count == 0 { nothing } else { start..start + count.min(wanted) }
    }

    fn in_place(&self, call: &Call<'_, T>, tile: &RowTile, columns: Range<usize>) {
        if columns.is_empty() {
            return;
        }
        let (problem, strides) = (&self.problem, &call.input_strides);
        let corner = problem.columns.start(columns.start);
        self.for_each_pass(|pass| {
            let channel = tile.group * problem.group_in + pass.channels.start;
            let row = problem.rows.start(tile.first) + (pass.tap_row * problem.rows.dilation) as isize;
            let column = corner + (pass.tap_columns.start * problem.columns.dilation) as isize;
            let offset = tile.item as isize * strides[0]
                + channel as isize * strides[1]
                + row * strides[2]
                + column * strides[3];
            let inputs = Inputs {
                first: call.input.wrapping_offset(offset),
                channel_step: strides[1],
                row_step: strides[2].wrapping_mul(self.rows.input as isize),
                columns: &self.band.in_place[..pass.tap_columns.len()],
            };
            // SAFETY: `columns_inside` chose columns and rows whose windows, in whole vectors, are in the input.
            unsafe { self.run_pass(call, tile, &pass, &inputs, columns.clone()) };
        });
    }

    fn through_band(&self, call: &Call<'_, T>, tile: &RowTile, columns: Range<usize>, band: &mut [T]) {
        let shape = &self.band.shape;
        for start in columns.clone().step_by(shape.width) {
            let part = start..(start + shape.width).min(columns.end);
            self.for_each_pass(|pass| {
                self.fill_band(call, tile, &pass, part.clone(), band);
                let inputs = Inputs {
                    first: band.as_ptr(),
                    channel_step: (shape.input_rows * shape.pitch) as isize,
                    row_step: shape.pitch as isize,
                    columns: &self.band.offsets[..pass.tap_columns.len()],
                };
                // SAFETY: the band has `channels` x `input_rows` rows of `pitch` values, and each segment of a row
                // holds what `width` outputs, a multiple of the lanes, take from it.
                unsafe { self.run_pass(call, tile, &pass, &inputs, part.clone()) };
            });
        }
    }

    /// Copies the inputs of a pass under the output columns `columns`, at most `width` of them.
    fn fill_band(
        &self,
        call: &Call<'_, T>,
        tile: &RowTile,
        pass: &Pass,
        columns: Range<usize>,
        band: &mut [T],
    ) {
        let (problem, shape) = (&self.problem, &self.band.shape);
        let Axis { stride, dilation, .. } = problem.columns;
        let taps = pass.tap_columns.len();
        let corner = problem.columns.start(columns.start) + (pass.tap_columns.start * dilation) as isize;
        let top = problem.rows.start(tile.first) + (pass.tap_row * problem.rows.dilation) as isize;
        let (segments, count) = if shape.is_dense {
            (self.band.segments.len(), columns.len() + (taps - 1) * dilation / stride)
        } else {
            (taps, columns.len())
        };
        for (c, channel) in pass.channels.clone().enumerate() {
            let plane =
                call.plane(problem, tile.item, tile.group * problem.group_in + channel, &self.extensions);
            for j in 0..tile.rows + pass.tap_rows - 1 {
                let y = top + (j * self.rows.input) as isize;
                let row = &mut band[(c * shape.input_rows + j) * shape.pitch..][..shape.pitch];
                for (segment, &x) in row.chunks_exact_mut(shape.segment).zip(&self.band.segments[..segments])
                {
                    plane.read(y, corner + x, stride, &mut segment[..count]);
                }
            }
        }
    }

    /// Runs the micro-kernel over every output channel of the group.
    ///
    /// # Safety
    /// `inputs` is readable as [`SlidingTile`] asks for the rows of `tile`, the taps of `pass` and `columns`.
    unsafe fn run_pass(
        &self,
        call: &Call<'_, T>,
        tile: &RowTile,
        pass: &Pass,
        inputs: &Inputs<'_, T>,
        columns: Range<usize>,
    ) {
        let problem = &self.problem;
        let (tap_rows, tap_columns) = (problem.rows.taps, problem.columns.taps);
        let strides = &call.output_strides;
        for output in tile.group * problem.group_out..(tile.group + 1) * problem.group_out {
            let first_tap =
                ((output * problem.group_in + pass.channels.start) * tap_rows + pass.tap_row) * tap_columns;
            let offset = tile.item as isize * strides[0]
                + output as isize * strides[1]
                + tile.first as isize * strides[2]
                + columns.start as isize * strides[3];
            let microkernel = SlidingTile {
                input: inputs.first,
                channels: pass.channels.len(),
                channel_step: inputs.channel_step,
                row_step: inputs.row_step,
                columns: inputs.columns,
                tap_rows: pass.tap_rows,
                weights: call.packed[first_tap + pass.tap_columns.start..].as_ptr(),
                weight_channel_step: tap_rows * tap_columns,
                weight_row_step: self.rows.taps.wrapping_mul(tap_columns),
                output: call.output.wrapping_offset(offset),
                output_row_step: strides[2].wrapping_mul(self.rows.tile as isize),
                output_step: strides[3],
                rows: tile.rows,
                width: columns.len(),
                bias: if pass.is_first { call.bias(output) } else { T::default() },
                finish: self.finish.of_pass(pass.is_first, pass.is_last),
                // SAFETY: inputs as vouched for by the caller; taps inside the packed kernel; outputs inside the output
                // view, whose shape was checked.
                // The steps may wrap where they are not taken (one row, one tap row).
                _vouched: unsafe { Vouched::new() },
            };
            T::dispatch(problem.isa, microkernel);
        }
    }

    /// Cuts the kernel into passes.
    fn for_each_pass(&self, mut run: impl FnMut(Pass)) {
        let (problem, shape) = (&self.problem, &self.band.shape);
        let (taps, columns) = (problem.rows.taps, problem.columns.taps);
        let groups = self.rows.taps.min(taps);
        let mut is_first = true;
        for group in 0..groups {
            let group_rows = (taps - group).div_ceil(self.rows.taps);
            for row in (0..group_rows).step_by(shape.tap_rows) {
                let tap_rows = shape.tap_rows.min(group_rows - row);
                for channel in (0..problem.group_in).step_by(shape.channels) {
                    let channels = channel..(channel + shape.channels).min(problem.group_in);
                    for column in (0..columns).step_by(shape.tap_columns) {
                        let tap_columns = column..(column + shape.tap_columns).min(columns);
                        let is_last = group + 1 == groups
                            && row + tap_rows == group_rows
                            && channels.end == problem.group_in
                            && tap_columns.end == columns;
                        let tap_row = group + row * self.rows.taps;
                        let channels = channels.clone();
                        run(Pass { channels, tap_row, tap_rows, tap_columns, is_first, is_last });
                        is_first = false;
                    }
                }
            }
        }
    }
}
