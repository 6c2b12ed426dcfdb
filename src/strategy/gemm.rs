//! `gemm`: convolution as matrix multiplication, kernel times patches.
//!
//! The output of a group is the product of the kernel, as a matrix (output channel x depth), with the patches
//! (depth x output pixel), where the depth runs over input channels and taps. In NCHW the lanes of a vector are
//! pixels and the rows of a tile output channels; in NHWC the lanes are channels and the rows pixels, so that either
//! way results are stored as neighbours (unless that would leave most lanes idle). Patches are packed panel by panel,
//! see [`crate::gemm`]; a 1x1 kernel without stride or padding reads planes in place.
//!
//! It wins where many output channels share the patches. Error: as for `direct`, a chain of `products` multiply-adds.
//! It declines nothing.

use core::ops::Range;

use super::{Estimate, Packing, Prepared, Strategy};
use crate::call::Call;
use crate::conv::{Layout, Operation};
use crate::cost::{Constants, Machine};
use crate::element::Element;
use crate::error::{Declined, Error};
use crate::gemm::{Blocking, DepthOrder, Patches, pack_columns, pack_rows, row_panels};
use crate::microkernel::gemm_tile::{GemmTile, TileBias};
use crate::microkernel::{Finish, Vouched};
use crate::problem::Problem;
use crate::view::View;
use crate::window::Extensions;
use crate::workspace::{Booking, take};

/// Output pixels in a task: enough to amortise streaming the kernel through the cache.
const TASK_PIXELS: usize = 512;

pub(crate) struct Gemm;

impl<T: Element> Strategy<T> for Gemm {
    fn name(&self) -> &'static str {
        "gemm"
    }

    fn estimate(&self, problem: &Problem, machine: &Machine) -> Result<Estimate, Declined> {
        let shape = Shape::new(problem, machine);
        Ok(Estimate {
            seconds: Constants::gemm_seconds(problem, machine, shape.lanes_are == LanesAre::OutputChannels),
            workspace: shape.workspace::<T>(),
        })
    }

    fn least_seconds(&self, problem: &Problem, machine: &Machine) -> f64 {
        Constants::gemm_least_seconds(problem, machine)
    }

    fn prepare(&self, problem: &Problem, machine: &Machine) -> Result<Box<dyn Prepared<T>>, Error> {
        let shape = Shape::new(problem, machine);
        let packed_len =
            shape.packed_len(problem).ok_or(Error::TooLarge { quantity: "the packed kernel" })?;
        Ok(Box::new(GemmPlan::<T> {
            extensions: Extensions::new(problem.conv.border),
            finish: Finish::new(&problem.conv),
            shape,
            packed_len,
            problem: problem.clone(),
        }))
    }
}

/// What the lanes of a vector are.
#[derive(Clone, Copy, PartialEq)]
enum LanesAre {
    Pixels,
    OutputChannels,
}

impl LanesAre {
    /// What lies side by side in the output, unless that would leave at least half of the work to idle lanes which the
    /// other way keeps busy: one output channel in NHWC, one pixel in NCHW.
    fn new(problem: &Problem) -> Self {
        let lanes = problem.isa.lanes(problem.element);
        let [pixels, channels] = [problem.output_plane(), problem.group_out];
        // Work, in vectors, either way.
        let along_pixels = pixels.div_ceil(lanes) as f64 * channels as f64;
        let along_channels = channels.div_ceil(lanes) as f64 * pixels as f64;
        let is_channels = match problem.conv.output_layout {
            Layout::Nchw => along_pixels >= 2.0 * along_channels,
            Layout::Nhwc => along_channels < 2.0 * along_pixels,
        };
        if is_channels { LanesAre::OutputChannels } else { LanesAre::Pixels }
    }
}

/// The matrices and how they are cut.
#[derive(Clone, Copy)]
struct Shape {
    lanes_are: LanesAre,
    order: DepthOrder,
    blocking: Blocking,
    depth: usize,
}

impl Shape {
    fn new(problem: &Problem, machine: &Machine) -> Self {
        let depth = problem.products();
        Shape {
            lanes_are: LanesAre::new(problem),
            order: match problem.conv.input_layout {
                Layout::Nchw => DepthOrder::ChannelFirst,
                Layout::Nhwc => DepthOrder::ChannelLast,
            },
            blocking: Blocking::new(problem.isa, problem.element, depth, machine),
            depth,
        }
    }

    /// Pixels in a full panel of patches.
    fn patch_width(&self) -> usize {
        match self.lanes_are {
            LanesAre::Pixels => self.blocking.columns,
            LanesAre::OutputChannels => self.blocking.rows,
        }
    }

    fn panel_values(&self) -> usize {
        self.patch_width() * self.blocking.depth
    }

    fn workspace<T>(&self) -> usize {
        Booking::new().add::<T>(self.panel_values()).add::<T>(self.blocking.columns).bytes()
    }

    /// Values that a step of the depth takes in a packed kernel: every output channel of a group.
    fn step_values(&self, channels: usize) -> usize {
        match self.lanes_are {
            LanesAre::Pixels => channels,
            LanesAre::OutputChannels => channels.next_multiple_of(self.blocking.columns),
        }
    }

    /// Values in a packed kernel. With columns filled up, it may be too large where the kernel is not.
    fn packed_len(&self, problem: &Problem) -> Option<usize> {
        let len =
            self.step_values(problem.group_out).checked_mul(self.depth)?.checked_mul(problem.groups())?;
        (len <= isize::MAX as usize / problem.element.size()).then_some(len)
    }
}

struct GemmPlan<T> {
    problem: Problem,
    extensions: Extensions<T>,
    finish: Finish<T>,
    shape: Shape,
    packed_len: usize,
}

/// A panel of patches: the steps of one block of the depth under some neighbouring output pixels.
struct Panel<T> {
    item: usize,
    group: usize,
    depth: Range<usize>,
    pixels: Range<usize>,
    values: *const T,
    /// Values from one step to the next.
    step: usize,
    /// Where the next panel will be read in place: values from this one to it, else 0.
    ahead: usize,
    finish: Finish<T>,
    is_first: bool,
}

impl<T: Element> Prepared<T> for GemmPlan<T> {
    fn packing(&self) -> Packing {
        let (problem, shape) = (&self.problem, &self.shape);
        let Blocking { rows, columns, depth } = shape.blocking;
        let width = if shape.lanes_are == LanesAre::Pixels { rows } else { columns };
        let orders = 2 * usize::from(shape.lanes_are == LanesAre::Pixels)
            + usize::from(shape.order == DepthOrder::ChannelFirst);
        Packing {
            strategy: "gemm",
            kernel: problem.kernel_shape(),
            groups: problem.groups(),
            flipped: problem.conv.operation == Operation::Convolution,
            tiles: [width, depth, orders, 0],
            len: self.packed_len,
            scratch: 0,
        }
    }

    fn pack(&self, kernel: View<'_, T>, packed: &mut [T], _scratch: &mut [T]) {
        let (problem, shape) = (&self.problem, &self.shape);
        let kernel = problem.oriented(kernel);
        let channels = problem.group_out;
        let group_values = shape.depth * shape.step_values(channels);
        for (group, packed) in packed.chunks_exact_mut(group_values).enumerate() {
            let value = |channel: usize, k: usize| {
                let [input, row, column] = shape.order.decode(problem, k);
                kernel.get([group * channels + channel, input, row, column]).unwrap_or_default()
            };
            let Blocking { rows, columns, depth } = shape.blocking;
            match shape.lanes_are {
                LanesAre::Pixels => pack_rows(packed, [channels, shape.depth], [rows, depth], value),
                LanesAre::OutputChannels => {
                    pack_columns(packed, [channels, shape.depth], [columns, depth], value)
                }
            }
        }
    }

    fn tasks(&self) -> usize {
        let problem = &self.problem;
        problem.batch() * problem.groups() * problem.output_plane().div_ceil(TASK_PIXELS)
    }

    fn workspace(&self) -> usize {
        self.shape.workspace::<T>()
    }

    fn run(&self, call: &Call<'_, T>, task: usize, workspace: &mut [u8]) {
        let problem = &self.problem;
        let parts = problem.output_plane().div_ceil(TASK_PIXELS);
        let (task, part) = (task / parts, task % parts);
        let (item, group) = (task / problem.groups(), task % problem.groups());
        let first = part * TASK_PIXELS;
        let pixels = first..(first + TASK_PIXELS).min(problem.output_plane());
        let mut memory = workspace;
        let values = take::<T>(&mut memory, self.shape.panel_values());
        let bias = take::<T>(&mut memory, self.shape.blocking.columns);
        for start in (0..self.shape.depth).step_by(self.shape.blocking.depth) {
            let depth = start..(start + self.shape.blocking.depth).min(self.shape.depth);
            self.for_each_panel(call, pixels.clone(), |pixels| {
                let (from, step, ahead) =
                    self.panel(call, [item, group], depth.clone(), pixels.clone(), values);
                let is_first = depth.start == 0;
                let finish = self.finish.of_pass(is_first, depth.end == self.shape.depth);
                let depth = depth.clone();
                let panel = Panel { item, group, depth, pixels, values: from, step, ahead, finish, is_first };
                match self.shape.lanes_are {
                    LanesAre::Pixels => self.multiply_kernel_rows(call, &panel),
                    LanesAre::OutputChannels => self.multiply_kernel_columns(call, &panel, bias),
                }
            });
        }
    }
}

impl<T: Element> GemmPlan<T> {
    /// Cuts output pixels into panels whose results lie evenly spaced in the output: across the ends of rows
    /// where rows follow each other without a gap, else within rows.
    fn for_each_panel(&self, call: &Call<'_, T>, pixels: Range<usize>, mut run: impl FnMut(Range<usize>)) {
        let columns = self.problem.columns.output;
        let is_flat = self.problem.rows.output == 1
            || call.output_strides[2] == call.output_strides[3].wrapping_mul(columns as isize);
        let mut start = pixels.start;
        while start < pixels.end {
            let line = if is_flat { pixels.end } else { (start / columns + 1) * columns };
            let end = line.min(pixels.end).min(start + self.shape.patch_width());
            run(start..end);
            start = end;
        }
    }

    /// The patches under `pixels`: in place where they lie in the input as a panel would, else packed. Returns the
    /// first value, the distance between steps, and that to the next panel if it is in place.
    fn panel(
        &self,
        call: &Call<'_, T>,
        [item, group]: [usize; 2],
        depth: Range<usize>,
        pixels: Range<usize>,
        values: &mut [T],
    ) -> (*const T, usize, usize) {
        let problem = &self.problem;
        let channel = group * problem.group_in;
        if let Some(step) = self.step_in_place(call, &pixels) {
            let offset = item as isize * call.input_strides[0]
                + (channel + depth.start) as isize * call.input_strides[1]
                + pixels.start as isize;
            return (call.input.wrapping_offset(offset), step, pixels.len());
        }
        let patches =
            Patches { problem, call, extensions: &self.extensions, order: self.shape.order, item, channel };
        // Rows of a tile are as many as there are pixels; vectors of lanes are whole.
        let width = match self.shape.lanes_are {
            LanesAre::Pixels => self.shape.blocking.columns,
            LanesAre::OutputChannels => pixels.len(),
        };
        patches.pack(depth, pixels, width, values);
        (values.as_ptr(), width, 0)
    }

    /// For a 1x1 kernel over planes without gaps, stride or padding, a step of the depth is the next plane. Whole
    /// vectors are read, so the last pixels of a plane are packed instead.
    fn step_in_place(&self, call: &Call<'_, T>, pixels: &Range<usize>) -> Option<usize> {
        let Problem { rows, columns, .. } = &self.problem;
        // One tap and as many outputs as inputs, unpadded: output pixels are input pixels.
        let is_pointwise = [rows, columns]
            .iter()
            .all(|axis| axis.taps == 1 && axis.output == axis.input && axis.before == 0 && axis.after == 0);
        let [_, channel_stride, row_stride, column_stride] = call.input_strides;
        let is_flat = column_stride == 1 && (rows.input == 1 || row_stride == columns.input as isize);
        let lanes = self.problem.isa.lanes(T::TYPE);
        let read_end = pixels.start + pixels.len().next_multiple_of(lanes);
        let is_inside = read_end <= rows.input * columns.input;
        let lanes_are_pixels = self.shape.lanes_are == LanesAre::Pixels;
        // A depth of one has no steps; its stride may be anything.
        let step = if self.problem.group_in == 1 { 0 } else { usize::try_from(channel_stride).ok()? };
        (is_pointwise && is_flat && is_inside && lanes_are_pixels).then_some(step)
    }

    /// Kernel panels are rows of tiles, the patches are their columns.
    fn multiply_kernel_rows(&self, call: &Call<'_, T>, panel: &Panel<T>) {
        let (problem, shape) = (&self.problem, &self.shape);
        let channels = problem.group_out;
        let start = (panel.group * shape.depth + panel.depth.start) * channels;
        let kernel = &call.packed[start..start + panel.depth.len() * channels];
        for rows in row_panels(channels, shape.blocking.rows) {
            let first = panel.group * channels + rows.start;
            let bias = match call.bias.filter(|_| panel.is_first) {
                Some(bias) => TileBias::Rows(bias[first..first + rows.len()].as_ptr()),
                None => TileBias::None,
            };
            let tile = GemmTile {
                depth: panel.depth.len(),
                a: kernel[rows.start * panel.depth.len()..].as_ptr(),
                b: panel.values,
                b_step: panel.step,
                ahead: if rows.start == 0 { panel.ahead } else { 0 },
                c: call.output_at(panel.item, first, problem.place(panel.pixels.start)),
                c_row_step: call.output_strides[1],
                c_step: call.output_strides[3],
                rows: rows.len(),
                columns: panel.pixels.len(),
                bias,
                finish: panel.finish,
                // SAFETY: the kernel panel has `depth` x `rows` values; the patches are a packed panel of whole vectors
                // or in place as `step_in_place` allows; the outputs are in the view, at even distances as chosen by
                // `for_each_panel`.
                _vouched: unsafe { Vouched::new() },
            };
            T::dispatch(problem.isa, tile);
        }
    }

    /// The patches are rows of tiles, kernel panels are their columns. `bias` has room for a panel of them.
    fn multiply_kernel_columns(&self, call: &Call<'_, T>, panel: &Panel<T>, bias: &mut [T]) {
        let (problem, shape) = (&self.problem, &self.shape);
        let (channels, width) = (problem.group_out, shape.blocking.columns);
        let step_values = shape.step_values(channels);
        let start = (panel.group * shape.depth + panel.depth.start) * step_values;
        let kernel = &call.packed[start..start + panel.depth.len() * step_values];
        for column in (0..channels).step_by(width) {
            let columns = width.min(channels - column);
            let first = panel.group * channels + column;
            let bias = match call.bias.filter(|_| panel.is_first) {
                Some(all) => {
                    bias[..columns].copy_from_slice(&all[first..first + columns]);
                    TileBias::Columns(bias.as_ptr())
                }
                None => TileBias::None,
            };
            let tile = GemmTile {
                depth: panel.depth.len(),
                a: panel.values,
                b: kernel[column * panel.depth.len()..].as_ptr(),
                b_step: width,
                ahead: 0,
                c: call.output_at(panel.item, first, problem.place(panel.pixels.start)),
                c_row_step: call.output_strides[3],
                c_step: call.output_strides[1],
                rows: panel.pixels.len(),
                columns,
                bias,
                finish: panel.finish,
                // SAFETY: the patches are a packed panel of `depth` x `rows` values; the kernel panel has whole
                // vectors; the outputs are in the view, at even distances as chosen by `for_each_panel`.
                _vouched: unsafe { Vouched::new() },
            };
            T::dispatch(problem.isa, tile);
        }
    }
}
