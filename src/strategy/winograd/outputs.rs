//! The way back: products of a task transformed to outputs.

use super::{Task, WinogradPlan};
use crate::call::Call;
use crate::element::Element;
use crate::microkernel::transpose::Transpose;
use crate::microkernel::winograd_transform::OutputTransform;
use crate::microkernel::{Finish, Vouched};
use crate::winograd::Family;

/// Where a tile's outputs go, and what happens to them.
struct Destination<T> {
    /// Row and column of the tile.
    place: [usize; 2],
    first: *mut T,
    row_step: isize,
    column_step: isize,
    bias: Option<*const T>,
    finish: Finish<T>,
}

impl<T: Element> WinogradPlan<T> {
    /// Transforms every tile straight to the output, whose channels are neighbours. The passes are those of the
    /// families: whether this is the first, and the last.
    pub(super) fn write_in_place(
        &self,
        call: &Call<'_, T>,
        task: &Task,
        family: &Family<'_>,
        [is_first, is_last]: [bool; 2],
        products: &[T],
    ) {
        let channel = task.group * self.problem.group_out + self.first_channel(task);
        let channels = self.channels(task);
        let bias = call.bias.filter(|_| is_first).map(|bias| bias[channel..][..channels].as_ptr());
        let [row_step, column_step] = [0, 1]
            .map(|axis| call.output_strides[2 + axis].wrapping_mul(self.cut.grids[axis].phases as isize));
        let pitch = self.cut.product_pitch(&self.problem);
        let point_step = self.cut.point_step(&self.problem, pitch);
        for (place, from) in task.places().zip((0..).step_by(pitch)) {
            let first = [0, 1].map(|axis| self.cut.grids[axis].first(place[axis]));
            let to = Destination {
                place,
                first: call.output_at(task.item, channel, first),
                row_step,
                column_step,
                bias,
                finish: self.finish.of_pass(is_first, is_last),
            };
            self.transform_output(family, &products[from..], point_step, channels, to);
        }
    }

    /// Transforms one vector of channels at a time, and transposes the outputs of all tiles into place.
    pub(super) fn write_transposed(
        &self,
        call: &Call<'_, T>,
        task: &Task,
        family: &Family<'_>,
        pass: [bool; 2],
        products: &[T],
        outputs: &mut [T],
    ) {
        let problem = &self.problem;
        let lanes = problem.isa.lanes(T::TYPE);
        let first = task.group * problem.group_out + self.first_channel(task);
        let width = self.cut.outputs()[1];
        let pitch = self.cut.product_pitch(problem);
        let point_step = self.cut.point_step(problem, pitch);
        for from in (0..self.channels(task)).step_by(lanes) {
            let channels = lanes.min(self.channels(task) - from);
            let bias = call.bias.filter(|_| pass[0]).map(|bias| bias[first + from..][..channels].as_ptr());
            for (tile, start) in task.places().zip((from..).step_by(pitch)) {
                let [[row, row_step], [column, column_step]] =
                    [0, 1].map(|axis| self.cut.grids[axis].place(&task.spans[axis], tile[axis]));
                let to = Destination {
                    place: tile,
                    first: outputs[(row * width + column) * lanes..].as_mut_ptr(),
                    row_step: (row_step * width * lanes) as isize,
                    column_step: (column_step * lanes) as isize,
                    bias,
                    finish: Finish::plain(),
                };
                self.transform_output(family, &products[start..], point_step, channels, to);
            }
            self.transpose(call, task, pass, [first + from, channels], outputs);
        }
    }

    /// Moves the outputs of some channels into place, as many neighbours at a time as there are.
    fn transpose(
        &self,
        call: &Call<'_, T>,
        task: &Task,
        [is_first, is_last]: [bool; 2],
        [channel, channels]: [usize; 2],
        outputs: &[T],
    ) {
        let problem = &self.problem;
        let lanes = problem.isa.lanes(T::TYPE);
        let width = self.cut.outputs()[1];
        let [rows, columns] = [0, 1].map(|axis| self.cut.grids[axis].runs(task.spans[axis]));
        let rows = rows.flat_map(|run| (0..run.count).map(move |i| [run.place + i, run.first + i]));
        for ([place, row], run) in rows.flat_map(|row| columns.clone().map(move |run| (row, run))) {
            let is_run = call.output_strides[3] == 1 || run.count == 1;
            let length = if is_run { run.count } else { 1 };
            for i in (0..run.count).step_by(length) {
                let transpose = Transpose {
                    from: outputs[(place * width + run.place + i) * lanes..].as_ptr(),
                    from_step: lanes as isize,
                    to: call.output_at(task.item, channel, [row, run.first + i]),
                    to_step: call.output_strides[1],
                    rows: length,
                    columns: channels,
                    finish: Some(self.finish.of_pass(is_first, is_last)),
                    // SAFETY: the outputs hold every row and column of the task; those of a run are neighbours.
                    _vouched: unsafe { Vouched::new() },
                };
                T::dispatch(problem.isa, transpose);
            }
        }
    }

    /// Transforms some channels of a tile, whose products start with those of the first channel at the first point.
    fn transform_output(
        &self,
        family: &Family<'_>,
        products: &[T],
        point_step: usize,
        channels: usize,
        to: Destination<T>,
    ) {
        let [rows, columns] = [0, 1].map(|axis| self.cut.grids[axis].count(to.place[axis]));
        let transform = OutputTransform {
            kinds: family.kinds(),
            from: products.as_ptr(),
            point_step,
            channels,
            to: to.first,
            row_step: to.row_step,
            column_step: to.column_step,
            rows,
            columns,
            bias: to.bias,
            finish: to.finish,
            // SAFETY: the products hold whole vectors of every point; the outputs are those of the tile that exist, in
            // the output or in a buffer with room for whole tiles.
            _vouched: unsafe { Vouched::new() },
        };
        T::dispatch(self.problem.isa, transform);
    }
}
