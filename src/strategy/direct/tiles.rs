//! Runs the tiles with lanes along columns: in place, or through a band.

use core::ops::Range;

use super::band::Band;
use super::interleaved::Interleaved;
use super::planes::{PlanesPlan, Region};
use crate::call::Call;
use crate::element::Element;
use crate::microkernel::Vouched;
use crate::microkernel::sliding_tile::{EndsTile, InterleavedTile, Run, SlidingTile};
use crate::problem::{Axis, Problem};

/// A part of the kernel whose products are added in one go.
struct Pass {
    channels: Range<usize>,
    tap_rows: Range<usize>,
    tap_columns: Range<usize>,
    is_first: bool,
    is_last: bool,
}

/// Where a pass finds its inputs.
struct Inputs<'a, T> {
    first: *const T,
    channel_step: isize,
    sweep_step: isize,
    row_step: isize,
    runs: &'a [Run],
    /// The columns that are there, counted from `first`, and the value of all others; if some of them are read.
    ends: Option<(Range<isize>, T)>,
}

/// `0..count` in parts of `size`.
fn parts(count: usize, size: usize) -> impl Iterator<Item = Range<usize>> {
    (0..count).step_by(size).map(move |first| first..(first + size).min(count))
}

impl<'a, T> Inputs<'a, T> {
    fn new(first: *const T, [channel_step, sweep_step, row_step]: [isize; 3], runs: &'a [Run]) -> Self {
        Inputs { first, channel_step, sweep_step, row_step, runs, ends: None }
    }
}

impl<T: Element> PlanesPlan<T> {
    /// Computes a region whose windows lie inside the input, or, with a value `outside`, have all their rows there;
    /// kernels that are wider than a chunk of tap columns in several passes.
    pub(super) fn in_place(&self, call: &Call<'_, T>, kind: &Band, region: &Region, outside: Option<T>) {
        if region.is_empty() {
            return;
        }
        let (problem, strides) = (&self.problem, &call.input_strides);
        let Problem { rows, columns, .. } = problem;
        let steps = [
            strides[1],
            strides[2].wrapping_mul(rows.dilation as isize),
            strides[2].wrapping_mul(self.rows.input as isize),
        ];
        for tap_columns in parts(columns.taps, kind.shape.tap_columns) {
            let column =
                columns.start(region.columns.start) + (tap_columns.start * columns.dilation) as isize;
            let place = [rows.start(region.first), column];
            let first = call.input_at(region.item, region.group * problem.group_in, place);
            let mut inputs = Inputs::new(first, steps, kind.runs(tap_columns.len(), true));
            let inside = column.saturating_neg()..(columns.input as isize).saturating_sub(column);
            inputs.ends = outside.map(|value| (inside, value));
            let pass = Pass {
                channels: 0..problem.group_in,
                tap_rows: 0..rows.taps,
                is_first: tap_columns.start == 0,
                is_last: tap_columns.end == columns.taps,
                tap_columns,
            };
            // SAFETY: windows inside the input, in whole vectors; of others what is inside.
            unsafe { self.run_pass(call, kind, region, &pass, &inputs) };
        }
    }

    pub(super) fn through_band(&self, call: &Call<'_, T>, kind: &Band, region: &Region, memory: &mut [T]) {
        if region.is_empty() {
            return;
        }
        let (shape, columns) = (&kind.shape, &region.columns);
        let steps =
            [shape.sweeps * shape.input_rows * shape.pitch, shape.input_rows * shape.pitch, shape.pitch];
        let steps = steps.map(|step| step as isize);
        for row in (0..region.rows).step_by(shape.rows) {
            for start in columns.clone().step_by(shape.width) {
                let part = Region {
                    first: region.first + row * self.rows.tile,
                    rows: shape.rows.min(region.rows - row),
                    columns: start..(start + shape.width).min(columns.end),
                    ..*region
                };
                self.for_each_pass(kind, |pass| {
                    self.fill(call, kind, &part, &pass, memory);
                    let inputs =
                        Inputs::new(memory.as_ptr(), steps, kind.runs(pass.tap_columns.len(), false));
                    // SAFETY: the band has `channels` x `sweeps` x `input_rows` rows of `pitch` values, and each
                    // segment of a row holds what `width` outputs, a multiple of the lanes, take from it.
                    unsafe { self.run_pass(call, kind, &part, &pass, &inputs) };
                });
            }
        }
    }

    /// Copies the inputs of a pass under a region of at most `width` columns and `rows` rows.
    fn fill(&self, call: &Call<'_, T>, kind: &Band, region: &Region, pass: &Pass, memory: &mut [T]) {
        let (problem, shape) = (&self.problem, &kind.shape);
        let Axis { stride, dilation, .. } = problem.columns;
        let taps = pass.tap_columns.len();
        let corner =
            problem.columns.start(region.columns.start) + (pass.tap_columns.start * dilation) as isize;
        let top = problem.rows.start(region.first);
        let (segments, count) = if shape.is_dense {
            (kind.segments.len(), region.columns.len() + (taps - 1) * dilation / stride)
        } else {
            (taps, region.columns.len())
        };
        let [sweeps, _] = self.rows.sweeps(pass.tap_rows.len());
        for (c, channel) in pass.channels.clone().enumerate() {
            let channel = region.group * problem.group_in + channel;
            let plane = call.plane(problem, region.item, channel, &self.extensions);
            let pixels = call.pixels(problem, region.item, 0..kind.pixel, &self.extensions);
            for sweep in 0..sweeps {
                let tap_rows = (pass.tap_rows.len() - sweep).div_ceil(sweeps);
                let top = top + ((pass.tap_rows.start + sweep) * problem.rows.dilation) as isize;
                for j in 0..region.rows + tap_rows - 1 {
                    let at = ((c * shape.sweeps + sweep) * shape.input_rows + j) * shape.pitch;
                    let row = memory[at..][..shape.pitch].chunks_exact_mut(shape.segment);
                    let y = top + (j * self.rows.input) as isize;
                    for (segment, &x) in row.zip(&kind.segments[..segments]) {
                        let segment = &mut segment[..count * kind.pixel];
                        match kind.pixel {
                            1 => plane.read(y, corner + x, stride, segment),
                            pixel => pixels.read(y, corner + x, stride, pixel, segment),
                        }
                    }
                }
            }
        }
    }

    /// Runs the micro-kernel over every output channel of the group.
    ///
    /// # Safety
    /// `inputs` is readable as [`SlidingTile`], [`InterleavedTile`] or [`EndsTile`] asks for the region and the taps of
    /// `pass`.
    unsafe fn run_pass(
        &self,
        call: &Call<'_, T>,
        kind: &Band,
        region: &Region,
        pass: &Pass,
        inputs: &Inputs<'_, T>,
    ) {
        let problem = &self.problem;
        if let Some(interleaved) = self.interleaved.as_ref().filter(|_| kind.pixel > 1) {
            return self.run_interleaved(call, interleaved, region, pass, inputs);
        }
        for output in region.group * problem.group_out..(region.group + 1) * problem.group_out {
            let bias = [if pass.is_first { call.bias(output) } else { T::default() }];
            let tile = self.tile(call, region, pass, inputs, (output, &bias));
            match inputs.ends.clone() {
                None => T::dispatch(problem.isa, tile),
                Some((inside, outside)) => T::dispatch(problem.isa, EndsTile { tile, inside, outside }),
            }
        }
    }

    /// The same for interleaved channels, all at once.
    fn run_interleaved(
        &self,
        call: &Call<'_, T>,
        interleaved: &Interleaved,
        region: &Region,
        pass: &Pass,
        inputs: &Inputs<'_, T>,
    ) {
        let problem = &self.problem;
        let bias = call.bias.filter(|_| pass.is_first);
        let shared = interleaved.shared(&call.packed[..self.interleaved_len()], bias);
        let bias = interleaved.bias(bias);
        let tile = self.tile(call, region, pass, inputs, (region.group, &bias));
        let tile = SlidingTile { output_step: 1, width: tile.width * interleaved.band.pixel, ..tile };
        let [row, rows] = self.rows.place(pass.tap_rows.start, problem.rows.taps);
        let first_tap = pass.tap_columns.start * rows + row;
        if let Some(taps) = shared {
            let weights = call.packed[taps + first_tap..].as_ptr();
            return T::dispatch(problem.isa, SlidingTile { weights, ..tile });
        }
        let per_tap = interleaved.pattern;
        let tile = SlidingTile {
            weights: call.packed[first_tap * per_tap..].as_ptr(),
            weight_column_step: tile.weight_column_step * per_tap,
            weight_sweep_step: tile.weight_sweep_step * per_tap,
            ..tile
        };
        T::dispatch(problem.isa, InterleavedTile { tile, period: interleaved.period });
    }

    /// The tile of one output channel.
    fn tile<'a>(
        &self,
        call: &Call<'_, T>,
        region: &Region,
        pass: &Pass,
        inputs: &Inputs<'a, T>,
        (output, bias): (usize, &[T]),
    ) -> SlidingTile<'a, T> {
        let problem = &self.problem;
        let [sweeps, _] = self.rows.sweeps(pass.tap_rows.len());
        let [_, sweep_rows] = self.rows.sweeps(problem.rows.taps);
        let [row, rows] = self.rows.place(pass.tap_rows.start, problem.rows.taps);
        let plane = output * problem.group_in + pass.channels.start;
        let first_column = plane * problem.columns.taps + pass.tap_columns.start;
        let first_tap = self.interleaved_len() + first_column * rows + row;
        SlidingTile {
            input: inputs.first,
            channels: pass.channels.len(),
            channel_step: inputs.channel_step,
            sweeps,
            sweep_step: inputs.sweep_step,
            row_step: inputs.row_step,
            runs: inputs.runs,
            tap_rows: pass.tap_rows.len() / sweeps,
            longer_sweeps: pass.tap_rows.len() % sweeps,
            weights: call.packed[first_tap..].as_ptr(),
            weight_channel_step: problem.columns.taps * rows,
            weight_column_step: rows,
            weight_sweep_step: sweep_rows,
            output: call.output_at(region.item, output, [region.first, region.columns.start]),
            output_row_step: call.output_strides[2].wrapping_mul(self.rows.tile as isize),
            output_step: call.output_strides[3],
            rows: region.rows,
            width: region.columns.len(),
            bias: bias.as_ptr(),
            finish: self.finish.of_pass(pass.is_first, pass.is_last),
            // SAFETY: inputs as the caller of `run_pass` vouches; taps inside the packed kernel; outputs inside the
            // output view, whose shape was checked. Steps may wrap where they are not taken (one row).
            _vouched: unsafe { Vouched::new() },
        }
    }

    /// Cuts the kernel into passes of what one band holds.
    fn for_each_pass(&self, kind: &Band, mut run: impl FnMut(Pass)) {
        let (problem, shape) = (&self.problem, &kind.shape);
        let [rows, columns] = [problem.rows.taps, problem.columns.taps];
        // A pass has whole rounds of sweeps, or a part of one round.
        let [sweeps, _] = self.rows.sweeps(rows);
        let rounds = parts(rows, shape.tap_rows.max(sweeps));
        let row_parts = rounds.flat_map(|round| {
            parts(round.len(), shape.tap_rows)
                .map(move |part| round.start + part.start..round.start + part.end)
        });
        for tap_rows in row_parts {
            for channels in parts(problem.group_in, shape.channels) {
                for tap_columns in parts(columns, shape.tap_columns) {
                    let is_first = [tap_rows.start, channels.start, tap_columns.start] == [0; 3];
                    let is_last =
                        [tap_rows.end, channels.end, tap_columns.end] == [rows, problem.group_in, columns];
                    let (tap_rows, channels) = (tap_rows.clone(), channels.clone());
                    run(Pass { channels, tap_rows, tap_columns, is_first, is_last });
                }
            }
        }
    }
}
