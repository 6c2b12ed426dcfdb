//! The way in: inputs of a task transformed for the products.

use super::cut::is_dense;
use super::{Task, WinogradPlan};
use crate::call::Call;
use crate::conv::Layout;
use crate::element::Element;
use crate::microkernel::Vouched;
use crate::microkernel::winograd_transform::InputTransform;
use crate::problem::Axis;
use crate::window::Pixels;
use crate::winograd::Family;

/// A copy of everything under a task, channels innermost.
#[derive(Clone, Copy)]
pub(super) struct Band {
    /// The padded input at its first value.
    corner: [isize; 2],
    columns: usize,
}

/// The inputs of a tile for one of the pieces: the first, and the steps of rows and columns.
type Inputs<T> = (*const T, [isize; 2]);

impl<T: Element> WinogradPlan<T> {
    fn axes(&self) -> [&Axis; 2] {
        [&self.problem.rows, &self.problem.columns]
    }

    /// Copies everything under a task where that is better than tile by tile: planes are transposed by whole rows.
    pub(super) fn copy_band(&self, call: &Call<'_, T>, task: &Task, inputs: &mut [T]) -> Option<Band> {
        let problem = &self.problem;
        let channels = problem.group_in;
        let is_planar = problem.conv.input_layout == Layout::Nchw && channels > 1;
        if !is_planar || call.input_strides[1] == 1 || !is_dense(problem) {
            return None;
        }
        let [y, x] = self.corner(task.spans.map(|span| span.first));
        let [rows, columns] = [0, 1].map(|axis| {
            let outputs = task.spans[axis].count * self.cut.pieces[axis].outputs;
            (outputs - 1) * self.axes()[axis].stride + self.axes()[axis].extent
        });
        let pixels = self.pixels(call, task);
        for (row, band) in inputs.chunks_exact_mut(columns * channels).take(rows).enumerate() {
            self.read_row(&pixels, [y + row as isize, x], 1, band);
        }
        Some(Band { corner: [y, x], columns })
    }

    /// Transforms the inputs of every tile for a family: `transformed[point][tile][piece][channel]`.
    pub(super) fn transform_inputs(
        &self,
        call: &Call<'_, T>,
        task: &Task,
        family: &Family<'_>,
        inputs: &mut [T],
        band: Option<Band>,
        values: &mut [T],
    ) {
        let channels = self.problem.group_in;
        let pitch = self.cut.input_pitch(&self.problem, family);
        let point_step = self.cut.point_step(&self.problem, pitch);
        let pixels = self.pixels(call, task);
        for (place, transformed) in task.places().zip((0..).step_by(pitch)) {
            let [y, x] = self.corner(place);
            for ([row, column], to) in family.taps().zip((transformed..).step_by(channels)) {
                let corner = [y + self.offset(0, row), x + self.offset(1, column)];
                let place = match band {
                    Some(band) => self.in_band(band, corner, inputs),
                    None => self
                        .in_place(call, task, family, corner)
                        .unwrap_or_else(|| self.copy_patch(&pixels, family, corner, inputs)),
                };
                // A piece overwrites what the one before wrote to fill its last vector.
                self.transform_input(family, place, &mut values[to..], point_step);
            }
        }
    }

    /// The input of a task, as far as it goes, and its borders.
    fn pixels<'a>(&'a self, call: &Call<'_, T>, task: &Task) -> Pixels<'a, T> {
        let channels = self.problem.group_in;
        let first = task.group * channels;
        call.pixels(&self.problem, task.item, first..first + channels, &self.extensions)
    }

    /// Row and column of the padded input under the first tap of a tile's first output.
    fn corner(&self, place: [usize; 2]) -> [isize; 2] {
        [0, 1].map(|axis| self.axes()[axis].start(self.cut.grids[axis].first(place[axis])))
    }

    /// Inputs from the first tap to another.
    fn offset(&self, axis: usize, tap: usize) -> isize {
        (tap * self.cut.grids[axis].dilation) as isize
    }

    /// From an input of a tile to its next.
    fn step(&self, axis: usize) -> usize {
        self.cut.grids[axis].dilation * self.cut.pieces[axis].step
    }

    /// Where windows end: what lies beyond must not reach any output, as none depends on it.
    fn end(&self, axis: usize) -> isize {
        let axis = self.axes()[axis];
        axis.start(axis.output - 1) + axis.extent as isize
    }

    /// The inputs of a tile where they lie in the input, channels innermost.
    fn in_place(
        &self,
        call: &Call<'_, T>,
        task: &Task,
        family: &Family<'_>,
        corner: [isize; 2],
    ) -> Option<Inputs<T>> {
        let problem = &self.problem;
        let [_, channel, row, column] = call.input_strides;
        let is_inside = |axis: usize| {
            let reach = ((family.kinds()[axis].tile() - 1) * self.step(axis)) as isize;
            corner[axis] >= 0 && corner[axis] + reach < self.end(axis).min(self.axes()[axis].input as isize)
        };
        let fits = is_inside(0) && is_inside(1) && (channel == 1 || problem.group_in == 1);
        let step = |axis: usize, stride: isize| stride.wrapping_mul(self.step(axis) as isize);
        fits.then(|| {
            let first = call.input_at(task.item, task.group * problem.group_in, corner);
            (first, [step(0, row), step(1, column)])
        })
    }

    /// The inputs of a tile in a copy of everything under the task.
    fn in_band(&self, band: Band, corner: [isize; 2], inputs: &[T]) -> Inputs<T> {
        let channels = self.problem.group_in;
        let [row, column] = [0, 1].map(|axis| (corner[axis] - band.corner[axis]) as usize);
        let steps = [self.step(0) * band.columns * channels, self.step(1) * channels];
        (inputs[(row * band.columns + column) * channels..].as_ptr(), steps.map(|step| step as isize))
    }

    /// The inputs of a tile in a copy of their own.
    fn copy_patch(
        &self,
        pixels: &Pixels<'_, T>,
        family: &Family<'_>,
        [y, x]: [isize; 2],
        inputs: &mut [T],
    ) -> Inputs<T> {
        let channels = self.problem.group_in;
        let [rows, columns] = family.kinds().map(|kind| kind.tile());
        for (row, patch) in inputs.chunks_exact_mut(columns * channels).take(rows).enumerate() {
            self.read_row(pixels, [y + (row * self.step(0)) as isize, x], self.step(1), patch);
        }
        (inputs.as_ptr(), [(columns * channels) as isize, channels as isize])
    }

    /// A row of padded inputs from `x` on, as far as any window reaches; beyond, where whole tiles need more, zeros.
    fn read_row(&self, pixels: &Pixels<'_, T>, [y, x]: [isize; 2], step: usize, row: &mut [T]) {
        let channels = self.problem.group_in;
        let count = if y < self.end(0) { (self.end(1) - x).max(0) as usize } else { 0 };
        let count = count.div_ceil(step).saturating_mul(channels).min(row.len());
        let (reached, beyond) = row.split_at_mut(count);
        if !reached.is_empty() {
            pixels.read(y, x, step, channels, reached);
        }
        beyond.fill(T::default());
    }

    fn transform_input(
        &self,
        family: &Family<'_>,
        (input, steps): Inputs<T>,
        to: &mut [T],
        point_step: usize,
    ) {
        let transform = InputTransform {
            kinds: family.kinds(),
            input,
            row_step: steps[0],
            column_step: steps[1],
            channels: self.problem.group_in,
            to: to.as_mut_ptr(),
            point_step,
            // SAFETY: the tile lies in the input, or was copied; there is room for whole vectors of every piece of
            // every tile at every point.
            _vouched: unsafe { Vouched::new() },
        };
        T::dispatch(self.problem.isa, transform);
    }
}
