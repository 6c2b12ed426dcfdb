//! The way back: products of a task transformed to outputs.

use super::{Task, WinogradPlan};
use crate::call::Call;
use crate::element::Element;
use crate::microkernel::transpose::Transpose;
use crate::microkernel::winograd_transform::OutputTransform;
use crate::microkernel::{Finish, Vouched};

/// Where a tile's outputs go.
struct Destination<T> {
    first: *mut T,
    row_step: isize,
    column_step: isize,
}

impl<T: Element> WinogradPlan<T> {
    /// Transforms every tile straight to the output, whose channels are neighbours.
    pub(super) fn write_in_place(&self, call: &Call<'_, T>, task: &Task, products: &[T]) {
        let channel = task.group * self.problem.group_out + self.first_channel(task);
        let channels = self.channels(task);
        let bias = call.bias.map(|bias| bias[channel..][..channels].as_ptr());
        for tile in 0..task.count() {
            let to = Destination {
                first: call.output_at(task.item, channel, self.outputs_of(task, tile)),
                row_step: call.output_strides[2],
                column_step: call.output_strides[3],
            };
            self.transform_output(task, tile, products, [0, channels], bias, self.finish, to);
        }
    }

    /// Transforms one vector of channels at a time, and transposes the outputs of all tiles into place.
    pub(super) fn write_transposed(
        &self,
        call: &Call<'_, T>,
        task: &Task,
        products: &[T],
        outputs: &mut [T],
    ) {
        let problem = &self.problem;
        let lanes = problem.isa.lanes(T::TYPE);
        let first = task.group * problem.group_out + self.first_channel(task);
        let pitch = task.tiles[1] * self.cut.kinds[1].outputs();
        for from in (0..self.channels(task)).step_by(lanes) {
            let channels = lanes.min(self.channels(task) - from);
            let bias = call.bias.map(|bias| bias[first + from..][..channels].as_ptr());
            for tile in 0..task.count() {
                let [row, column] = self.outputs_of(task, tile);
                let place = ((row - task.first[0]) * pitch + column - task.first[1]) * lanes;
                let to = Destination {
                    first: outputs[place..].as_mut_ptr(),
                    row_step: (pitch * lanes) as isize,
                    column_step: lanes as isize,
                };
                self.transform_output(task, tile, products, [from, channels], bias, Finish::plain(), to);
            }
            self.transpose(call, task, first + from, channels, outputs);
        }
    }

    /// Moves the outputs of some channels into place, as many neighbours at a time as there are.
    fn transpose(&self, call: &Call<'_, T>, task: &Task, channel: usize, channels: usize, outputs: &[T]) {
        let (problem, kinds) = (&self.problem, self.cut.kinds);
        let lanes = problem.isa.lanes(T::TYPE);
        let pitch = task.tiles[1] * kinds[1].outputs();
        let rows = (task.tiles[0] * kinds[0].outputs()).min(problem.rows.output - task.first[0]);
        let columns = pitch.min(problem.columns.output - task.first[1]);
        let run = if call.output_strides[3] == 1 || columns == 1 { columns } else { 1 };
        for row in 0..rows {
            for column in (0..columns).step_by(run) {
                let transpose = Transpose {
                    from: outputs[(row * pitch + column) * lanes..].as_ptr(),
                    from_step: lanes as isize,
                    to: call.output_at(task.item, channel, [task.first[0] + row, task.first[1] + column]),
                    to_step: call.output_strides[1],
                    rows: run,
                    columns: channels,
                    finish: Some(self.finish),
                    // SAFETY: the outputs hold every row and column of the task; `run` of them are neighbours.
                    _vouched: unsafe { Vouched::new() },
                };
                T::dispatch(problem.isa, transpose);
            }
        }
    }

    /// Transforms some channels of a tile: `channels` of them from `from` on.
    #[allow(clippy::too_many_arguments, reason = "each is a different thing")]
    fn transform_output(
        &self,
        task: &Task,
        tile: usize,
        products: &[T],
        [from, channels]: [usize; 2],
        bias: Option<*const T>,
        finish: Finish<T>,
        to: Destination<T>,
    ) {
        let problem = &self.problem;
        let [row, column] = self.outputs_of(task, tile);
        let pitch = self.cut.product_pitch(problem);
        let [rows, columns] = self.cut.kinds.map(|kind| kind.outputs());
        let transform = OutputTransform {
            kinds: self.cut.kinds,
            from: products[tile * pitch + from..].as_ptr(),
            point_step: self.cut.point_step(problem, pitch),
            channels,
            to: to.first,
            row_step: to.row_step,
            column_step: to.column_step,
            rows: rows.min(problem.rows.output - row),
            columns: columns.min(problem.columns.output - column),
            bias,
            finish,
            // SAFETY: the products hold whole vectors of every point; the outputs are those of the tile that exist, in the
            // output or in a buffer with room for whole tiles.
            _vouched: unsafe { Vouched::new() },
        };
        T::dispatch(problem.isa, transform);
    }
}
