//! Lanes along the output channels.
//!
//! A task is a rectangle of outputs and some panels of output channels. Windows are read with channels innermost: in
//! NHWC without padding in the input itself, else in a copy of the task's inputs, padded and transposed. A panel's part
//! of the kernel is cut into blocks of the depth that stay near while all pixels of the task pass by;
//! blocks add up in the output, which rounds no more often. Outputs in NCHW are collected and transposed by panels.

use super::cut::Cut;
use crate::call::Call;
use crate::conv::Operation;
use crate::cost::{ChannelsShape, Machine, channels_seconds};
use crate::element::Element;
use crate::error::Error;
use crate::gemm::{ChannelPanel, ChannelPanels, DepthOrder};
use crate::microkernel::channel_tile::{ChannelTiles, Run};
use crate::microkernel::transpose::Transpose;
use crate::microkernel::{Finish, Vouched};
use crate::problem::Problem;
use crate::strategy::canvas::{Canvas, Rectangle, Source, depth_inside, most_runs, share_inside};
use crate::strategy::{Estimate, Packing, Prepared};
use crate::view::View;
use crate::window::Extensions;
use crate::workspace::take;

/// `None` where it cannot serve.
pub(super) fn estimate<T>(problem: &Problem, machine: &Machine) -> Option<Estimate> {
    let cut = Cut::new(problem, machine)?;
    let shape = ChannelsShape {
        tasks: [cut.rectangles.counts(problem).iter().product(), cut.parts(problem)],
        pixels: cut.rectangles.pixels(),
        copied: cut.rectangles.copied(problem),
        depth: problem.products() as f64 * share_inside(problem, &cut.rectangles),
        vectors: ChannelPanels::new(problem).width() / problem.isa.lanes(problem.element),
    };
    let seconds = channels_seconds(problem, machine, &shape);
    Some(Estimate { seconds, workspace: cut.workspace::<T>(problem) })
}

pub(super) struct ChannelsPlan<T> {
    problem: Problem,
    extensions: Extensions<T>,
    finish: Finish<T>,
    panels: ChannelPanels,
    cut: Cut,
    /// Rectangles of all groups and items, and parts of the panels.
    tasks: [usize; 2],
    packed_len: usize,
}

/// The outputs of a task.
struct Outputs<'a, T> {
    at: &'a Rectangle,
    windows: &'a [*const T],
    places: &'a [isize],
    /// The outputs of a panel, where they cannot be written in place.
    results: &'a mut [T],
    in_place: bool,
}

impl<T: Element> ChannelsPlan<T> {
    pub(super) fn new(problem: &Problem, machine: &Machine) -> Result<Self, Error> {
        let panels = ChannelPanels::new(problem);
        let too_large = Error::TooLarge { quantity: "the packed kernel" };
        let len = panels.width().checked_mul(problem.products());
        let len = len.and_then(|len| len.checked_mul(problem.groups()));
        let packed_len = len.filter(|&len| len <= isize::MAX as usize / problem.element.size());
        let cut = Cut::new(problem, machine).ok_or(Error::TooLarge { quantity: "the copied inputs" })?;
        Ok(ChannelsPlan {
            extensions: Extensions::new(problem.conv.border),
            finish: Finish::new(&problem.conv).asking_ahead(machine.is_left_by(problem)),
            tasks: [cut.rectangles.all(problem), cut.parts(problem)],
            cut,
            packed_len: packed_len.ok_or(too_large)?,
            panels,
            problem: problem.clone(),
        })
    }
}

impl<T: Element> Prepared<T> for ChannelsPlan<T> {
    fn packing(&self) -> Packing {
        let problem = &self.problem;
        let [lanes, vectors] = self.panels.tiles();
        Packing {
            strategy: "direct",
            kernel: problem.kernel_shape(),
            groups: problem.groups(),
            flipped: problem.conv.operation == Operation::Convolution,
            tiles: [lanes, vectors, 0, 0],
            len: self.packed_len,
            scratch: 0,
        }
    }

    fn pack(&self, kernel: View<'_, T>, packed: &mut [T], _scratch: &mut [T]) {
        let problem = &self.problem;
        let kernel = problem.oriented(kernel);
        let depth = problem.products();
        for (group, packed) in packed.chunks_exact_mut(self.panels.width() * depth).enumerate() {
            self.panels.pack(packed, depth, |k, channel, values| {
                let [input, row, column] = DepthOrder::ChannelLast.decode(problem, k);
                kernel.read_first_axis([group * problem.group_out + channel, input, row, column], values);
            });
        }
    }

    fn tasks(&self) -> usize {
        self.tasks.iter().product()
    }

    fn workspace(&self) -> usize {
        self.cut.workspace::<T>(&self.problem)
    }

    fn run(&self, call: &Call<'_, T>, task: usize, workspace: &mut [u8]) {
        let (problem, cut) = (&self.problem, &self.cut);
        let [_, parts] = self.tasks;
        let at = cut.rectangles.at(problem, task / parts);
        let first = task % parts * cut.panels;
        let panels = self.panels.panels(first..(first + cut.panels).min(self.panels.count()));
        let [copied, results] = cut.buffers(problem);
        let mut memory = workspace;
        let copied = take::<T>(&mut memory, copied);
        let results = take::<T>(&mut memory, results);
        let windows = &mut take::<*const T>(&mut memory, cut.rectangles.pixels())[..at.pixels()];
        let places = &mut take::<isize>(&mut memory, cut.rectangles.pixels())[..at.pixels()];
        let runs = take::<Run>(&mut memory, most_runs(problem, cut.depth));
        let source = Source { problem, call, extensions: &self.extensions, at: &at };
        let canvas = source.canvas(copied, windows);
        let in_place = call.output_strides[1] == 1 || problem.group_out == 1;
        at.write_places(self.output_steps(call, &at, in_place), places);
        let mut outputs = Outputs { at: &at, windows, places, results, in_place };
        for panel in panels {
            self.multiply(call, &canvas, &panel, &mut outputs, runs);
        }
    }
}

impl<T: Element> ChannelsPlan<T> {
    /// From an output to the next row and the next column: in place, else in the results, pixel by pixel.
    fn output_steps(&self, call: &Call<'_, T>, at: &Rectangle, in_place: bool) -> [isize; 2] {
        if in_place {
            return [call.output_strides[2], call.output_strides[3]];
        }
        let pitch = self.cut.pitch(&self.problem);
        [(at.columns.len() * pitch) as isize, pitch as isize]
    }

    /// The outputs of one panel, block by block of the depth.
    fn multiply(
        &self,
        call: &Call<'_, T>,
        canvas: &Canvas,
        panel: &ChannelPanel,
        outputs: &mut Outputs<'_, T>,
        runs: &mut [Run],
    ) {
        let (problem, depth) = (&self.problem, self.problem.products());
        let group = outputs.at.group;
        let channel = group * problem.group_out + panel.first;
        let kernel = &call.packed[group * self.panels.width() * depth..];
        let (output, finish) = if outputs.in_place {
            (call.output_at(outputs.at.item, channel, outputs.at.first()), self.finish)
        } else {
            (outputs.results.as_mut_ptr(), Finish::plain())
        };
        let all = depth_inside(problem, outputs.at);
        // Also where no step is left: outputs are written nevertheless.
        for start in (all.start..all.end.max(all.start + 1)).step_by(self.cut.depth) {
            let end = (start + self.cut.depth).min(all.end);
            let bias = call.bias.filter(|_| start == all.start);
            let tiles = ChannelTiles {
                windows: outputs.windows,
                runs: canvas.runs(problem, canvas.has_whole_rows(problem), start..end, runs),
                weights: kernel[self.panels.start(panel, depth, start)..].as_ptr(),
                vectors: panel.vectors,
                output,
                outputs: outputs.places,
                channels: panel.channels,
                bias: bias.map(|bias| bias[channel..][..panel.channels].as_ptr()),
                finish: finish.of_pass(start == all.start, end == all.end),
                // SAFETY: the canvas holds the windows of every pixel of the rectangle; the panel of the packed kernel
                // holds whole vectors for every step; the places are outputs of the rectangle, or in the results,
                // which have room for every pixel.
                _vouched: unsafe { Vouched::new() },
            };
            T::dispatch(problem.isa, tiles);
        }
        if !outputs.in_place {
            self.write_transposed(call, panel, outputs);
        }
    }

    /// Moves the results of a panel to the output, as many neighbouring pixels at a time as there are.
    fn write_transposed(&self, call: &Call<'_, T>, panel: &ChannelPanel, outputs: &Outputs<'_, T>) {
        let (problem, at) = (&self.problem, outputs.at);
        let channel = at.group * problem.group_out + panel.first;
        let [_, channel_step, row_step, column_step] = call.output_strides;
        let (rows, columns) = (at.rows.len(), at.columns.len());
        let are_neighbours = column_step == 1 || problem.columns.output == 1;
        let is_flat = are_neighbours && columns == problem.columns.output && row_step == columns as isize;
        let run = match () {
            () if is_flat => rows * columns,
            () if are_neighbours => columns,
            () => 1,
        };
        let pitch = self.cut.pitch(problem);
        for first in (0..rows * columns).step_by(run) {
            let place = [at.rows.start + first / columns, at.columns.start + first % columns];
            let transpose = Transpose {
                from: outputs.results[first * pitch..].as_ptr(),
                from_step: pitch as isize,
                to: call.output_at(at.item, channel, place),
                to_step: channel_step,
                rows: run,
                columns: panel.channels,
                finish: Some(self.finish),
                // SAFETY: the results hold every pixel of the rectangle; `run` pixels are neighbours in the output.
                _vouched: unsafe { Vouched::new() },
            };
            T::dispatch(problem.isa, transpose);
        }
    }
}
