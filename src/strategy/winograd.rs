//! `winograd`: minimal filtering for kernels of three taps along each axis that has more than one.
//!
//! The output is cut into tiles of 2 or 4 rows and columns. A tile's inputs are transformed, multiplied
//! point by point with the transformed kernel, and transformed back: F(4x4, 3x3) takes 36 multiplications where the
//! definition takes 144. For each point the products of all tiles and channels are one matrix product, by the tiles with
//! lanes along output channels that `direct` uses too. All of this happens for a group of tiles at a time, so many that
//! streaming the transformed kernel pays, and that the transformed values stay in cache where possible.
//!
//! It wins where many channels meet many pixels. Error: normwise within a tile, see `docs/accuracy.md`. It serves
//! strides and dilations of one.

mod cut;
mod outputs;

use cut::{Buffers, Cut};

use super::{Estimate, Packing, Prepared, Strategy};
use crate::call::Call;
use crate::conv::{Accuracy, Layout, Operation};
use crate::cost::Machine;
use crate::element::Element;
use crate::error::{Declined, Error};
use crate::gemm::ChannelPanels;
use crate::microkernel::channel_tile::{ChannelTiles, Run};
use crate::microkernel::winograd_transform::InputTransform;
use crate::microkernel::{Finish, Vouched};
use crate::problem::{Axis, Problem};
use crate::view::View;
use crate::window::{Extensions, Pixels};
use crate::winograd::transform_kernel;
use crate::workspace::take;

pub(crate) struct Winograd;

impl<T: Element> Strategy<T> for Winograd {
    fn name(&self) -> &'static str {
        "winograd"
    }

    fn estimate(&self, problem: &Problem, machine: &Machine) -> Result<Estimate, Declined> {
        check(problem)?;
        let cut = Cut::best(problem, machine);
        let (workspace, limit) = (cut.buffers(problem).bytes::<T>(), problem.conv.workspace_limit);
        if workspace > limit {
            return Err(Declined::Workspace { needed: workspace, limit });
        }
        Ok(Estimate { seconds: cut.seconds, workspace })
    }

    fn prepare(&self, problem: &Problem, machine: &Machine) -> Result<Box<dyn Prepared<T>>, Error> {
        Ok(Box::new(WinogradPlan::<T>::new(problem, machine)?))
    }
}

/// Whether the strategy can serve at all.
fn check(problem: &Problem) -> Result<(), Declined> {
    if problem.conv.accuracy == Accuracy::Componentwise {
        return Err(Declined::Accuracy);
    }
    let axes = [&problem.rows, &problem.columns];
    let fits = |axis: &Axis| matches!(axis.taps, 1 | 3) && axis.stride == 1 && axis.dilation == 1;
    if !axes.iter().all(|axis| fits(axis)) || axes.iter().all(|axis| axis.taps == 1) {
        return Err(Declined::Problem { serves: "kernels of 3x3, 1x3 and 3x1 without stride and dilation" });
    }
    Ok(())
}

struct WinogradPlan<T> {
    problem: Problem,
    extensions: Extensions<T>,
    finish: Finish<T>,
    panels: ChannelPanels,
    cut: Cut,
    /// Where the products of each tile go.
    places: Vec<isize>,
    packed_len: usize,
}

/// A group of tiles of one group of channels of one item, for some panels of output channels.
struct Task {
    item: usize,
    group: usize,
    /// Row and column of the first output.
    first: [usize; 2],
    /// Tiles along rows and columns.
    tiles: [usize; 2],
    /// Panels.
    panels: core::ops::Range<usize>,
}

impl Task {
    fn count(&self) -> usize {
        self.tiles[0] * self.tiles[1]
    }
}

impl<T: Element> Prepared<T> for WinogradPlan<T> {
    fn packing(&self) -> Packing {
        let problem = &self.problem;
        let [lanes, vectors] = self.panels.tiles();
        let [rows, columns] = self.cut.kinds.map(|kind| kind.outputs());
        Packing {
            strategy: "winograd",
            kernel: problem.kernel_shape(),
            groups: problem.groups(),
            flipped: problem.conv.operation == Operation::Convolution,
            tiles: [lanes, vectors, rows, columns],
            len: self.packed_len,
            scratch: 0,
        }
    }

    fn pack(&self, kernel: View<'_, T>, packed: &mut [T], _scratch: &mut [T]) {
        let problem = &self.problem;
        let kernel = problem.oriented(kernel);
        let taps = [problem.rows.taps, problem.columns.taps];
        let per_point = self.panels.width() * problem.group_in;
        for (group, packed) in packed.chunks_exact_mut(per_point * self.cut.points()).enumerate() {
            for (index, place) in self.panels.places(problem.group_in).enumerate() {
                let tap = |row, column| {
                    let tap = place.and_then(|[channel, input]| {
                        kernel.get([group * problem.group_out + channel, input, row, column])
                    });
                    tap.map_or(0.0, T::to_f64)
                };
                let transformed = transform_kernel(self.cut.kinds, taps, tap);
                for (point, value) in transformed.into_iter().take(self.cut.points()).enumerate() {
                    packed[point * per_point + index] = T::from_f64(value);
                }
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
        self.transform_inputs(call, &task, inputs, transformed);
        for point in 0..cut.points() {
            self.write_windows(point, transformed, windows);
            self.multiply(call, &task, point, products, windows);
        }
        if call.output_strides[1] == 1 || problem.group_out == 1 {
            self.write_in_place(call, &task, products);
        } else {
            self.write_transposed(call, &task, products, outputs);
        }
    }
}

impl<T: Element> WinogradPlan<T> {
    fn new(problem: &Problem, machine: &Machine) -> Result<Self, Error> {
        let panels = ChannelPanels::new(problem);
        let cut = Cut::best(problem, machine);
        let len = panels.width().checked_mul(problem.group_in);
        let len = len.and_then(|len| len.checked_mul(cut.points()));
        let len = len.and_then(|len| len.checked_mul(problem.groups()));
        let packed_len = len.filter(|&len| len <= isize::MAX as usize / problem.element.size());
        Ok(WinogradPlan {
            extensions: Extensions::new(problem.conv.border),
            finish: Finish::new(&problem.conv),
            packed_len: packed_len.ok_or(Error::TooLarge { quantity: "the packed kernel" })?,
            places: (0..cut.count()).map(|tile| (tile * cut.product_pitch(problem)) as isize).collect(),
            panels,
            cut,
            problem: problem.clone(),
        })
    }

    fn task(&self, task: usize) -> Task {
        let (problem, cut) = (&self.problem, &self.cut);
        let [rows, columns, parts] = cut.tasks(problem);
        let (task, part) = (task / parts, task % parts);
        let (task, column) = (task / columns, task % columns);
        let (task, row) = (task / rows, task % rows);
        let outputs = cut.outputs();
        let first = [row * outputs[0], column * outputs[1]];
        let left = [problem.rows.output - first[0], problem.columns.output - first[1]];
        let tiles = |axis: usize| cut.tiles[axis].min(left[axis].div_ceil(cut.kinds[axis].outputs()));
        Task {
            item: task / problem.groups(),
            group: task % problem.groups(),
            first,
            tiles: [tiles(0), tiles(1)],
            panels: part * cut.panels..((part + 1) * cut.panels).min(self.panels.count()),
        }
    }

    /// Transforms the inputs of every tile: `transformed[point][tile][channel]`.
    fn transform_inputs(&self, call: &Call<'_, T>, task: &Task, inputs: &mut [T], transformed: &mut [T]) {
        let problem = &self.problem;
        let channels = problem.group_in;
        let first = task.group * channels;
        let pixels = call.pixels(problem, task.item, first..first + channels, &self.extensions);
        let is_planar = problem.conv.input_layout == Layout::Nchw && channels > 1;
        if is_planar && call.input_strides[1] != 1 {
            return self.transform_band(&pixels, task, inputs, transformed);
        }
        for tile in 0..task.count() {
            let [y, x] = self.corner(task, tile);
            let place = match self.in_place(call, task, [y, x]) {
                Some(place) => place,
                None => {
                    let [rows, columns] = self.cut.kinds.map(|kind| kind.tile());
                    let patch = &mut inputs[..rows * columns * channels];
                    for (row, patch) in patch.chunks_exact_mut(columns * channels).enumerate() {
                        self.read_row(&pixels, [y + row as isize, x], patch);
                    }
                    (patch.as_ptr(), [(columns * channels) as isize, channels as isize])
                }
            };
            self.transform_input(place, tile, transformed);
        }
    }

    /// The same through a copy of everything under the tiles, which transposes whole rows at a time.
    fn transform_band(&self, pixels: &Pixels<'_, T>, task: &Task, band: &mut [T], transformed: &mut [T]) {
        let channels = self.problem.group_in;
        let kinds = self.cut.kinds;
        let [rows, columns] =
            [0, 1].map(|axis| (task.tiles[axis] - 1) * kinds[axis].outputs() + kinds[axis].tile());
        let [y, x] = self.corner(task, 0);
        for (row, band) in band.chunks_exact_mut(columns * channels).take(rows).enumerate() {
            self.read_row(pixels, [y + row as isize, x], band);
        }
        for tile in 0..task.count() {
            let row = tile / task.tiles[1] * kinds[0].outputs();
            let column = tile % task.tiles[1] * kinds[1].outputs();
            let place = band[(row * columns + column) * channels..].as_ptr();
            self.transform_input(
                (place, [(columns * channels) as isize, channels as isize]),
                tile,
                transformed,
            );
        }
    }

    /// A row of padded inputs from `x` on, as far as any window reaches; beyond, where whole tiles need more, zeros: what
    /// no output depends on must not reach any.
    fn read_row(&self, pixels: &Pixels<'_, T>, [y, x]: [isize; 2], row: &mut [T]) {
        let channels = self.problem.group_in;
        let end = |axis: &Axis| axis.start(axis.output - 1) + axis.extent as isize;
        let [bottom, right] = [end(&self.problem.rows), end(&self.problem.columns)];
        let count = if y < bottom { (right - x).max(0) as usize } else { 0 };
        let (reached, beyond) = row.split_at_mut((count.saturating_mul(channels)).min(row.len()));
        if !reached.is_empty() {
            pixels.read(y, x, 1, channels, reached);
        }
        beyond.fill(T::default());
    }

    /// Row and column of the input under the first tap of a tile's first output.
    fn corner(&self, task: &Task, tile: usize) -> [isize; 2] {
        let [row, column] = self.outputs_of(task, tile);
        [self.problem.rows.start(row), self.problem.columns.start(column)]
    }

    /// Row and column of the first output of a tile.
    fn outputs_of(&self, task: &Task, tile: usize) -> [usize; 2] {
        let [rows, columns] = self.cut.kinds.map(|kind| kind.outputs());
        [task.first[0] + tile / task.tiles[1] * rows, task.first[1] + tile % task.tiles[1] * columns]
    }

    /// The inputs of a tile where they lie in the input, channels innermost, with the steps of rows and columns.
    fn in_place(
        &self,
        call: &Call<'_, T>,
        task: &Task,
        [y, x]: [isize; 2],
    ) -> Option<(*const T, [isize; 2])> {
        let problem = &self.problem;
        let [batch, channel, row, column] = call.input_strides;
        let is_inside = |axis: usize, at: isize, input: usize| {
            at >= 0 && at as usize + self.cut.kinds[axis].tile() <= input
        };
        let fits = is_inside(0, y, problem.rows.input)
            && is_inside(1, x, problem.columns.input)
            && (channel == 1 || problem.group_in == 1);
        let offset = (task.item as isize)
            .wrapping_mul(batch)
            .wrapping_add(((task.group * problem.group_in) as isize).wrapping_mul(channel))
            .wrapping_add(y.wrapping_mul(row))
            .wrapping_add(x.wrapping_mul(column));
        fits.then(|| (call.input.wrapping_offset(offset), [row, column]))
    }

    fn transform_input(&self, (input, steps): (*const T, [isize; 2]), tile: usize, transformed: &mut [T]) {
        let pitch = self.cut.input_pitch(&self.problem);
        let transform = InputTransform {
            kinds: self.cut.kinds,
            input,
            row_step: steps[0],
            column_step: steps[1],
            channels: self.problem.group_in,
            to: transformed[tile * pitch..].as_mut_ptr(),
            point_step: self.cut.point_step(&self.problem, pitch),
            // SAFETY: the tile lies in the input, or was copied; `transformed` has room for whole vectors of every tile
            // at every point.
            _vouched: unsafe { Vouched::new() },
        };
        T::dispatch(self.problem.isa, transform);
    }

    /// Where the inputs of each tile are at a point.
    fn write_windows(&self, point: usize, transformed: &[T], windows: &mut [*const T]) {
        let pitch = self.cut.input_pitch(&self.problem);
        let tiles = transformed[point * self.cut.point_step(&self.problem, pitch)..].chunks_exact(pitch);
        for (window, tile) in windows.iter_mut().zip(tiles) {
            *window = tile.as_ptr();
        }
    }

    /// The products of one point: `products[point][tile][output channel]`.
    fn multiply(
        &self,
        call: &Call<'_, T>,
        task: &Task,
        point: usize,
        products: &mut [T],
        windows: &[*const T],
    ) {
        let (problem, cut) = (&self.problem, &self.cut);
        let depth = problem.group_in;
        let product_step = cut.point_step(problem, cut.product_pitch(problem));
        let per_point = self.panels.width() * depth;
        let kernel = &call.packed[(task.group * cut.points() + point) * per_point..][..per_point];
        let first = self.first_channel(task);
        for panel in self.panels.panels(task.panels.clone()) {
            for start in (0..depth).step_by(cut.depth) {
                let end = (start + cut.depth).min(depth);
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
