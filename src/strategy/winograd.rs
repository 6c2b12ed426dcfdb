//! `winograd`: minimal filtering for kernels of several taps along an axis, with strides shorter than the kernel.
//!
//! The output is cut into tiles of 2 or 4 rows and columns. A tile's inputs are transformed, multiplied
//! point by point with the transformed kernel, and transformed back: F(4x4, 3x3) takes 36 multiplications where the
//! definition takes 144. For each point the products of all tiles and channels are one matrix product, by the tiles with
//! lanes along output channels that `direct` uses too. All of this happens for a group of tiles at a time, so many that
//! streaming the transformed kernel pays, and that the transformed values stay in cache where possible.
//!
//! Kernels of more than three taps along an axis, or with a stride, are cut into pieces of up to three taps. Those of
//! one kind form a family: their products add up before the way back, those of several families in the output.
//!
//! It wins where many channels meet many pixels. Error: normwise within a tile, see `docs/accuracy.md`.

mod cut;
mod grid;
mod inputs;
mod outputs;
mod packing;

use cut::{Buffers, Cut};
use grid::Span;

use super::{Estimate, Packing, Prepared, Strategy};
use crate::call::Call;
use crate::conv::{Accuracy, Operation};
use crate::cost::{Machine, winograd_least_seconds};
use crate::element::Element;
use crate::error::{Declined, Error};
use crate::gemm::ChannelPanels;
use crate::microkernel::channel_tile::{ChannelTiles, Run};
use crate::microkernel::{Finish, Vouched};
use crate::problem::Problem;
use crate::view::View;
use crate::window::Extensions;
use crate::winograd::Family;
use crate::workspace::take;

pub(crate) struct Winograd;

impl<T: Element> Strategy<T> for Winograd {
    fn name(&self) -> &'static str {
        "winograd"
    }

    fn estimate(&self, problem: &Problem, machine: &Machine) -> Result<Estimate, Declined> {
        if problem.conv.accuracy == Accuracy::Componentwise {
            return Err(Declined::Accuracy);
        }
        let cut = Cut::best(problem, machine).ok_or(SERVES)?;
        let (workspace, limit) = (cut.buffers(problem).bytes::<T>(), problem.conv.workspace_limit);
        if workspace > limit {
            return Err(Declined::Workspace { needed: workspace, limit });
        }
        Ok(Estimate { seconds: cut.seconds, workspace })
    }

    fn least_seconds(&self, problem: &Problem, machine: &Machine) -> f64 {
        winograd_least_seconds(problem, machine)
    }

    fn prepare(&self, problem: &Problem, machine: &Machine) -> Result<Box<dyn Prepared<T>>, Error> {
        Ok(Box::new(WinogradPlan::<T>::new(problem, machine)?))
    }
}

/// What the strategy can serve at all.
const SERVES: Declined =
    Declined::Problem { serves: "kernels of several taps along an axis, not too many, with shorter strides" };

struct WinogradPlan<T> {
    problem: Problem,
    extensions: Extensions<T>,
    finish: Finish<T>,
    panels: ChannelPanels,
    cut: Cut,
    /// Where the products of each tile go.
    places: Vec<isize>,
    /// Values in the packed kernel of a group.
    group_len: usize,
}

/// A group of tiles of one group of channels of one item, for some panels of output channels.
struct Task {
    item: usize,
    group: usize,
    /// Tiles along rows and columns.
    spans: [Span; 2],
    /// Panels.
    panels: core::ops::Range<usize>,
}

impl Task {
    fn count(&self) -> usize {
        self.spans[0].count * self.spans[1].count
    }

    /// Row and column among all of each tile.
    fn places(&self) -> impl Iterator<Item = [usize; 2]> + use<> {
        let [rows, columns] = self.spans.map(|span| span.first..span.first + span.count);
        rows.flat_map(move |row| columns.clone().map(move |column| [row, column]))
    }
}

impl<T: Element> Prepared<T> for WinogradPlan<T> {
    fn packing(&self) -> Packing {
        let problem = &self.problem;
        let [lanes, vectors] = self.panels.tiles();
        let [rows, columns] = self.cut.pieces.map(|pieces| pieces.outputs + STEPS * (pieces.step - 1));
        Packing {
            strategy: "winograd",
            kernel: problem.kernel_shape(),
            groups: problem.groups(),
            flipped: problem.conv.operation == Operation::Convolution,
            tiles: [lanes, vectors, rows, columns],
            len: self.group_len * problem.groups(),
            scratch: packing::scratch(problem),
        }
    }

    fn pack(&self, kernel: View<'_, T>, packed: &mut [T], scratch: &mut [T]) {
        let kernel = self.problem.oriented(kernel);
        for (group, mut packed) in packed.chunks_exact_mut(self.group_len).enumerate() {
            for family in Family::all(&self.cut.pieces) {
                let (front, rest) = packed.split_at_mut(self.family_len(&family));
                self.pack_family(&kernel, group, &family, front, scratch);
                packed = rest;
            }
        }
    }

    fn tasks(&self) -> usize {
        let tasks: usize = self.cut.tasks(&self.problem).iter().product();
        tasks * self.problem.batch() * self.problem.groups()
    }

    fn workspace(&self) -> usize {
        self.cut.buffers(&self.problem).bytes::<T>()
    }

    fn run(&self, call: &Call<'_, T>, task: usize, workspace: &mut [u8]) {
        let (problem, cut) = (&self.problem, &self.cut);
        let task = self.task(task);
        let buffers: Buffers = cut.buffers(problem);
        let mut memory = workspace;
        let inputs = take::<T>(&mut memory, buffers.inputs);
        let transformed = take::<T>(&mut memory, buffers.transformed);
        let products = take::<T>(&mut memory, buffers.products);
        let outputs = take::<T>(&mut memory, buffers.outputs);
        let windows = &mut take::<*const T>(&mut memory, buffers.tiles)[..task.count()];
        let mut packed = &call.packed[task.group * self.group_len..][..self.group_len];
        let is_transposed = call.output_strides[1] != 1 && problem.group_out > 1;
        let band = self.copy_band(call, &task, inputs);
        for family in Family::all(&cut.pieces) {
            let (kernel, rest) = packed.split_at(self.family_len(&family));
            self.transform_inputs(call, &task, &family, inputs, band, transformed);
            for (point, kernel) in kernel.chunks_exact(kernel.len() / family.points()).enumerate() {
                self.write_windows(&family, point, transformed, windows);
                self.multiply(&task, point, kernel, products, windows);
            }
            let pass = [kernel.len() + rest.len() == self.group_len, rest.is_empty()];
            if is_transposed {
                self.write_transposed(call, &task, &family, pass, products, outputs);
            } else {
                self.write_in_place(call, &task, &family, pass, products);
            }
            packed = rest;
        }
    }
}

/// In the packing, the outputs of a tile stand beside the step of the pieces: outputs + STEPS * (step - 1).
const STEPS: usize = 8;

impl<T: Element> WinogradPlan<T> {
    fn new(problem: &Problem, machine: &Machine) -> Result<Self, Error> {
        let panels = ChannelPanels::new(problem);
        let declined = || Error::Declined { strategy: "winograd", reason: SERVES };
        let cut = Cut::best(problem, machine).ok_or_else(declined)?;
        let group_len = cut.packed_len(problem, panels.width());
        let is_possible = |len: &usize| {
            len.checked_mul(problem.groups())
                .is_some_and(|len| len <= isize::MAX as usize / problem.element.size())
        };
        Ok(WinogradPlan {
            extensions: Extensions::new(problem.conv.border),
            finish: Finish::new(&problem.conv).asking_ahead(machine.is_left_by(problem)),
            group_len: group_len
                .filter(is_possible)
                .ok_or(Error::TooLarge { quantity: "the packed kernel" })?,
            places: (0..cut.count()).map(|tile| (tile * cut.product_pitch(problem)) as isize).collect(),
            panels,
            cut,
            problem: problem.clone(),
        })
    }

    /// Values in the packed kernel of a family.
    fn family_len(&self, family: &Family<'_>) -> usize {
        family.points() * family.count() * self.panels.width() * self.problem.group_in
    }

    fn task(&self, task: usize) -> Task {
        let (problem, cut) = (&self.problem, &self.cut);
        let [rows, columns, parts] = cut.tasks(problem);
        let (task, part) = (task / parts, task % parts);
        let (task, column) = (task / columns, task % columns);
        let (task, row) = (task / rows, task % rows);
        Task {
            item: task / problem.groups(),
            group: task % problem.groups(),
            spans: [cut.grids[0].span(row), cut.grids[1].span(column)],
            panels: part * cut.panels..((part + 1) * cut.panels).min(self.panels.count()),
        }
    }

    /// Where the inputs of each tile are at a point.
    fn write_windows(&self, family: &Family<'_>, point: usize, transformed: &[T], windows: &mut [*const T]) {
        let pitch = self.cut.input_pitch(&self.problem, family);
        let tiles = transformed[point * self.cut.point_step(&self.problem, pitch)..].chunks_exact(pitch);
        for (window, tile) in windows.iter_mut().zip(tiles) {
            *window = tile.as_ptr();
        }
    }

    /// The products of one point: `products[point][tile][output channel]`.
    fn multiply(&self, task: &Task, point: usize, kernel: &[T], products: &mut [T], windows: &[*const T]) {
        let (problem, cut) = (&self.problem, &self.cut);
        let depth = kernel.len() / self.panels.width();
        let block = cut.block(depth);
        let product_step = cut.point_step(problem, cut.product_pitch(problem));
        let first = self.first_channel(task);
        for panel in self.panels.panels(task.panels.clone()) {
            for start in (0..depth).step_by(block) {
                let end = (start + block).min(depth);
                let tiles = ChannelTiles {
                    windows,
                    runs: &[Run { offset: start as isize, len: end - start }],
                    weights: kernel[self.panels.start(&panel, depth, start)..].as_ptr(),
                    vectors: panel.vectors,
                    output: products[point * product_step + panel.first - first..].as_mut_ptr(),
                    outputs: &self.places[..windows.len()],
                    // Whole vectors, with idle lanes.
                    channels: panel.vectors * problem.isa.lanes(T::TYPE),
                    bias: None,
                    finish: Finish::plain().of_pass(start == 0, end == depth),
                    // SAFETY: both buffers have room for every tile of every point in whole vectors; the panel of the
                    // packed kernel holds whole vectors for every step.
                    _vouched: unsafe { Vouched::new() },
                };
                T::dispatch(problem.isa, tiles);
            }
        }
    }

    /// First output channel of a task in its group.
    fn first_channel(&self, task: &Task) -> usize {
        self.panels.panels(task.panels.clone()).next().map_or(0, |panel| panel.first)
    }

    /// Output channels of a task.
    fn channels(&self, task: &Task) -> usize {
        self.panels.panels(task.panels.clone()).map(|panel| panel.channels).sum()
    }
}
