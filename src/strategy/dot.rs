//! `dot`: each output a dot product of its window and the kernel, with lanes along the window.
//!
//! Windows are read with channels innermost, where neighbouring values of a window are neighbours in memory: in NHWC in
//! the input itself, but for edges, else in a copy. One vector of inputs is multiplied by one vector of taps for each
//! of up to four output channels; lanes are added up once for each output.
//!
//! It wins where an output sums over many input channels and there are too few output channels to fill a vector: heads
//! of segmentation and detection networks, the last layer of decoders. Error: each output is a sum of `products`
//! products in another order, see `docs/accuracy.md`. More in `docs/dot.md`.

use super::canvas::{Canvas, Rectangles, Source, buffer_values};
use super::{Estimate, Packing, Prepared, Strategy};
use crate::call::Call;
use crate::conv::Operation;
use crate::cost::{DotShape, Machine, dot_seconds};
use crate::element::Element;
use crate::error::{Declined, Error};
use crate::gemm::{DepthOrder, row_panels};
use crate::microkernel::channel_tile::Run;
use crate::microkernel::dot_tile::{DotTiles, MAX_CHANNELS, max_pixels};
use crate::microkernel::{Finish, Vouched};
use crate::problem::Problem;
use crate::view::View;
use crate::window::Extensions;
use crate::workspace::{Booking, take};

/// Outputs of a channel in a task that is not cut into whole rows.
const PIXELS: usize = 256;

pub(crate) struct Dot;

impl<T: Element> Strategy<T> for Dot {
    fn name(&self) -> &'static str {
        "dot"
    }

    fn estimate(&self, problem: &Problem, machine: &Machine) -> Result<Estimate, Declined> {
        if problem.group_in == 1 {
            return Err(Declined::Problem { serves: "groups of several input channels" });
        }
        let rectangles = Rectangles::new(problem, machine, PIXELS);
        let rectangles = rectangles.ok_or(Declined::Problem { serves: "kernels that span few inputs" })?;
        let (needed, limit) = (workspace::<T>(problem, &rectangles), problem.conv.workspace_limit);
        if needed > limit {
            return Err(Declined::Workspace { needed, limit });
        }
        let depth = Depth::new(problem);
        let panels = problem.group_out.div_ceil(MAX_CHANNELS);
        let in_panel = problem.group_out.div_ceil(panels);
        let shape = DotShape {
            rectangles: rectangles.counts(problem).iter().product(),
            pixels: rectangles.pixels(),
            copied: rectangles.copied_for_runs(problem, depth.whole_rows),
            vectors: depth.vectors(),
            panels,
            tile: max_pixels(in_panel, problem.isa.registers()),
        };
        Ok(Estimate { seconds: dot_seconds(problem, machine, &shape), workspace: needed })
    }

    fn prepare(&self, problem: &Problem, machine: &Machine) -> Result<Box<dyn Prepared<T>>, Error> {
        let rectangles = Rectangles::new(problem, machine, PIXELS);
        let depth = Depth::new(problem);
        let len = depth.vectors().checked_mul(depth.lanes);
        let len = len.and_then(|len| len.checked_mul(problem.conv.channels_out));
        let len = len.filter(|&len| len <= isize::MAX as usize / problem.element.size());
        Ok(Box::new(DotPlan::<T> {
            extensions: Extensions::new(problem.conv.border),
            finish: Finish::new(&problem.conv),
            rectangles: rectangles.ok_or(Error::TooLarge { quantity: "the copied inputs" })?,
            depth,
            packed_len: len.ok_or(Error::TooLarge { quantity: "the packed kernel" })?,
            problem: problem.clone(),
        }))
    }
}

/// How the values of a window follow each other: runs of neighbours, each in whole vectors.
#[derive(Clone, Copy)]
struct Depth {
    lanes: usize,
    /// Whether a run is a row of taps; else it is one tap.
    whole_rows: bool,
    /// Runs of a window, and values of a run.
    runs: usize,
    len: usize,
}

impl Depth {
    fn new(problem: &Problem) -> Self {
        let (rows, taps, channels) = (problem.rows.taps, problem.columns.taps, problem.group_in);
        // As the request says: an empty output, whose steps are never taken, changes no packing.
        let whole_rows = taps == 1 || problem.conv.dilation[1] == 1;
        let (runs, len) = if whole_rows { (rows, taps * channels) } else { (rows * taps, channels) };
        Depth { lanes: problem.isa.lanes(problem.element), whole_rows, runs, len }
    }

    /// Vectors of a window.
    fn vectors(&self) -> usize {
        self.runs.saturating_mul(self.len.div_ceil(self.lanes))
    }
}

/// Bytes for each thread.
fn workspace<T>(problem: &Problem, rectangles: &Rectangles) -> usize {
    Booking::new()
        .add::<T>(buffer_values(problem, rectangles))
        .add::<*const T>(rectangles.pixels())
        .add::<isize>(rectangles.pixels())
        .add::<Run>(Depth::new(problem).runs)
        .bytes()
}

struct DotPlan<T> {
    problem: Problem,
    extensions: Extensions<T>,
    finish: Finish<T>,
    rectangles: Rectangles,
    depth: Depth,
    packed_len: usize,
}

impl<T: Element> Prepared<T> for DotPlan<T> {
    fn packing(&self) -> Packing {
        let problem = &self.problem;
        Packing {
            strategy: "dot",
            kernel: problem.kernel_shape(),
            groups: problem.groups(),
            flipped: problem.conv.operation == Operation::Convolution,
            tiles: [self.depth.lanes, self.depth.len, 0, 0],
            len: self.packed_len,
            scratch: 0,
        }
    }

    /// By groups and panels; in each, vector by vector of the window, those of its channels side by side.
    fn pack(&self, kernel: View<'_, T>, packed: &mut [T], _scratch: &mut [T]) {
        let (problem, Depth { lanes, len, .. }) = (&self.problem, self.depth);
        let kernel = problem.oriented(kernel);
        let in_run = len.div_ceil(lanes);
        let mut vectors = packed.chunks_exact_mut(lanes);
        for group in 0..problem.groups() {
            for panel in row_panels(problem.group_out, MAX_CHANNELS) {
                for vector in 0..self.depth.vectors() {
                    let first = vector % in_run * lanes;
                    for (channel, values) in panel.clone().zip(&mut vectors) {
                        let (values, idle) = values.split_at_mut(lanes.min(len - first));
                        for (lane, value) in values.iter_mut().enumerate() {
                            let k = vector / in_run * len + first + lane;
                            let [input, row, column] = DepthOrder::ChannelLast.decode(problem, k);
                            let at = [group * problem.group_out + channel, input, row, column];
                            kernel.read_first_axis(at, core::slice::from_mut(value));
                        }
                        idle.fill(T::default());
                    }
                }
            }
        }
    }

    fn tasks(&self) -> usize {
        self.rectangles.all(&self.problem)
    }

    fn workspace(&self) -> usize {
        workspace::<T>(&self.problem, &self.rectangles)
    }

    fn run(&self, call: &Call<'_, T>, task: usize, workspace: &mut [u8]) {
        let (problem, most) = (&self.problem, self.rectangles.pixels());
        let at = self.rectangles.at(problem, task);
        let mut memory = workspace;
        let copied = take::<T>(&mut memory, buffer_values(problem, &self.rectangles));
        let windows = &mut take::<*const T>(&mut memory, most)[..at.pixels()];
        let places = &mut take::<isize>(&mut memory, most)[..at.pixels()];
        let runs = take::<Run>(&mut memory, self.depth.runs);
        let source = Source { problem, call, extensions: &self.extensions, at: &at };
        let canvas = self.canvas(&source, copied, windows);
        let runs = canvas.runs(problem, self.depth.whole_rows, 0..problem.products(), runs);
        at.write_places([call.output_strides[2], call.output_strides[3]], places);
        for panel in row_panels(problem.group_out, MAX_CHANNELS) {
            let channel = at.group * problem.group_out + panel.start;
            let tiles = DotTiles {
                windows,
                runs,
                weights: call.packed[channel * self.depth.vectors() * self.depth.lanes..].as_ptr(),
                channels: panel.len(),
                output: call.output_at(at.item, channel, at.first()),
                channel_step: call.output_strides[1],
                places,
                bias: call.bias.map(|bias| bias[channel..][..panel.len()].as_ptr()),
                finish: self.finish,
                // SAFETY: the canvas holds the windows of every pixel of the rectangle, with these runs; the packed
                // kernel holds whole vectors for every channel; the places are outputs of the rectangle.
                _vouched: unsafe { Vouched::new() },
            };
            T::dispatch(problem.isa, tiles);
        }
    }
}

impl<T: Element> DotPlan<T> {
    /// Where windows are. Those whose rows of taps lie in one piece here, and are taken apart by the strides of the
    /// view, are copied.
    fn canvas(&self, source: &Source<'_, T>, copied: &mut [T], windows: &mut [*const T]) -> Canvas {
        let canvas = source.canvas(copied, windows);
        let in_pieces = self.depth.whole_rows && !canvas.has_whole_rows(&self.problem);
        if in_pieces { source.copied(copied, windows) } else { canvas }
    }
}
