//! Several channels: for some pairs of tiles at once, the spectra of all input channels, their products with the kernel
//! summed for all output channels, and the transforms back.

use super::super::{Packing, Prepared};
use super::cut::Cut;
use super::pairs;
use super::source::Room;
use super::tiles::{Operands, Tiles};
use crate::call::Call;
use crate::cost::Machine;
use crate::element::Element;
use crate::error::Error;
use crate::microkernel::Vouched;
use crate::microkernel::fft::spectrum_tile::{DealElements, SpectrumTile, tile};
use crate::microkernel::fft::{MOST_PLANES, Stage};
use crate::problem::Problem;
use crate::view::View;
use crate::workspace::take;

pub(super) fn prepare<T: Element>(
    problem: &Problem,
    machine: &Machine,
    cut: Cut,
) -> Result<Box<dyn Prepared<T>>, Error> {
    Ok(Box::new(ChannelsPlan {
        tile: tile(problem.isa.registers()),
        tiles: Tiles::new(problem, machine, cut)?,
    }))
}

struct ChannelsPlan<T> {
    tiles: Tiles<T>,
    /// Pairs and outputs of a register tile.
    tile: usize,
}

/// What a task works on.
struct Task<'a, T> {
    item: usize,
    group: usize,
    /// Its first pair and their number.
    first: usize,
    pairs: usize,
    room: Room<'a, T>,
    work: &'a mut [T],
    column: &'a mut [T],
    spectra: &'a mut [T],
    sums: &'a mut [T],
}

impl<T: Element> Prepared<T> for ChannelsPlan<T> {
    fn packing(&self) -> Packing {
        pairs::packing(&self.tiles)
    }

    fn pack(&self, kernel: View<'_, T>, packed: &mut [T], scratch: &mut [T]) {
        let Problem { group_in, group_out, .. } = self.tiles.problem;
        let blocks = group_out.div_ceil(self.tile);
        let step = blocks * group_in * self.tile;
        let group_elements = self.tiles.cut.area() / self.tiles.lanes * step;
        pairs::pack(&self.tiles, kernel, packed, scratch, |output, input| {
            let (group, output) = (output / group_out, output % group_out);
            let place = (output / self.tile * group_in + input) * self.tile + output % self.tile;
            [group * group_elements + place, step]
        });
    }

    fn tasks(&self) -> usize {
        let problem = &self.tiles.problem;
        problem.batch() * problem.groups() * self.tiles.cut.tasks()
    }

    fn workspace(&self) -> usize {
        self.tiles.cut.workspace(&self.tiles.problem)
    }

    fn run(&self, call: &Call<'_, T>, task: usize, workspace: &mut [u8]) {
        let task = &mut self.task(task, workspace);
        let group_in = self.tiles.problem.group_in;
        for pair in 0..task.pairs {
            for input in 0..group_in {
                self.forward(call, task, pair, input);
            }
        }
        self.multiply(call, task);
        for pair in 0..task.pairs {
            for output in 0..self.tiles.problem.group_out {
                self.back(call, task, pair, output);
            }
        }
    }
}

impl<T: Element> ChannelsPlan<T> {
    fn task<'a>(&self, task: usize, mut workspace: &'a mut [u8]) -> Task<'a, T> {
        let (problem, cut) = (&self.tiles.problem, &self.tiles.cut);
        let (task, first) = (task / cut.tasks(), task % cut.tasks() * cut.pairs);
        let [spectra, sums] = cut.spectra_len(problem);
        Task {
            item: task / problem.groups(),
            group: task % problem.groups(),
            first,
            pairs: cut.pairs.min(cut.all_pairs() - first),
            room: Room::take(cut, &mut workspace),
            work: take(&mut workspace, 2 * cut.area()),
            column: take(&mut workspace, cut.column_len(problem)),
            spectra: take(&mut workspace, spectra),
            sums: take(&mut workspace, sums),
        }
    }

    /// Elements of a spectrum.
    fn elements(&self) -> usize {
        self.tiles.cut.area() / self.tiles.lanes
    }

    /// Transforms an input channel under a pair of tiles and deals its spectrum out.
    fn forward(&self, call: &Call<'_, T>, task: &mut Task<'_, T>, pair: usize, input: usize) {
        let (tiles, inputs) = (&self.tiles, self.tiles.problem.group_in);
        let place = tiles.pair(task.item, task.first + pair);
        let channel = task.group * inputs + input;
        let source = tiles.source(call, channel, &place, &mut task.room);
        tiles.fill_beyond(&source, &mut task.room, [[T::default(); MOST_PLANES]; 2]);
        let operands = Operands { source: &source.bands, ..Operands::inside(task.work, task.column) };
        // SAFETY: as in `pairs`; nothing is multiplied, and the target is not written.
        unsafe { tiles.transform(Stage::Forward, operands) };
        let block = pair / self.tile * self.tile;
        let in_block = self.tile.min(task.pairs - block);
        let first = block * inputs + input * in_block + pair % self.tile;
        let step = inputs * task.pairs;
        let len = ((self.elements() - 1) * step + 1) * 2 * tiles.lanes;
        let one = T::from_f64(1.0);
        let deal = DealElements {
            from: task.work.as_ptr(),
            to: task.spectra[first * 2 * tiles.lanes..][..len].as_mut_ptr(),
            step,
            elements: self.elements(),
            factors: [one; 2],
            // SAFETY: `work` holds so many elements, and the slice of `spectra` just cut so many that far apart.
            _vouched: unsafe { Vouched::new() },
        };
        T::dispatch(tiles.problem.isa, deal);
    }

    /// The products of all channels, summed.
    fn multiply(&self, call: &Call<'_, T>, task: &mut Task<'_, T>) {
        let (tiles, elements) = (&self.tiles, self.elements());
        let Problem { group_in, group_out, .. } = tiles.problem;
        let group = elements * group_in * group_out.next_multiple_of(self.tile) * 2 * tiles.lanes;
        let product = SpectrumTile {
            spectra: task.spectra.as_ptr(),
            kernel: call.packed[task.group * group..][..group].as_ptr(),
            sums: task.sums.as_mut_ptr(),
            elements,
            pairs: task.pairs,
            inputs: group_in,
            outputs: group_out,
            pitch: elements + 1,
            // SAFETY: the cut books and packs as many; `forward` has dealt the spectra in this order.
            _vouched: unsafe { Vouched::new() },
        };
        T::dispatch(tiles.problem.isa, product);
    }

    /// Transforms the sums of an output channel back and writes a pair of tiles.
    fn back(&self, call: &Call<'_, T>, task: &mut Task<'_, T>, pair: usize, output: usize) {
        let (tiles, outputs) = (&self.tiles, self.tiles.problem.group_out);
        let channel = task.group * outputs + output;
        let place = tiles.pair(task.item, task.first + pair);
        let pitch = (self.elements() + 1) * 2 * tiles.lanes;
        let sums = &mut task.sums[(pair * outputs + output) * pitch..][..2 * tiles.cut.area()];
        let target = tiles.target(call, channel, &place);
        let operands = Operands {
            target: target.or_else(|| Some(tiles.staged(&task.room))),
            after: [[call.bias(channel); MOST_PLANES]; 2],
            ..Operands::inside(sums, task.column)
        };
        // SAFETY: as in `pairs`; nothing is multiplied, and the source is not read.
        unsafe { tiles.transform(Stage::Back, operands) };
        if target.is_none() {
            tiles.write(call, channel, &place, &mut task.room);
        }
    }
}
