//! One input channel for each output channel: a pair of tiles is transformed, multiplied and transformed back at once.
//!
//! About the mean of each tile is taken from its inputs, and given back to the results times the sum of the taps.
//! Rounding errors are relative to the norm of the tile, so that inputs that are far from zero, as of most images, keep
//! their digits.

use super::super::{Packing, Prepared};
use super::cut::{Cut, Lanes};
use super::source::{Room, book_room};
use super::tiles::{Operands, Target, Tiles};
use crate::call::Call;
use crate::conv::{Layout, Operation};
use crate::cost::Machine;
use crate::element::Element;
use crate::error::Error;
use crate::microkernel::Vouched;
use crate::microkernel::fft::Stage;
use crate::microkernel::fft::ahead::AskFor;
use crate::microkernel::fft::spectrum_tile::DealElements;
use crate::problem::Problem;
use crate::view::View;
use crate::workspace::{bytes_of, take};

pub(super) fn prepare<T: Element>(
    problem: &Problem,
    machine: &Machine,
    cut: Cut,
) -> Result<Box<dyn Prepared<T>>, Error> {
    debug_assert!([1, problem.groups()].contains(&cut.planes), "all channels side by side, or none");
    let bytes = cut.width().saturating_mul(problem.element.size());
    let asks_ahead = cut.lanes == Lanes::Samples && bytes <= SHORT && machine.is_left_by(problem);
    Ok(Box::new(PairsPlan { tiles: Tiles::new(problem, machine, cut)?, asks_ahead }))
}

struct PairsPlan<T> {
    tiles: Tiles<T>,
    /// Whether outputs and the next inputs are asked for: those of blocks so short that the machine does not foresee
    /// them, in memory beyond the caches.
    asks_ahead: bool,
}

/// Bytes of a cache line.
const CACHE_LINE: usize = 64;
/// Bytes of such blocks. On Zen 4, signals gain 20 % by it in blocks of 4 KiB, and lose 13 % in blocks of 32 KiB.
const SHORT: usize = 16 << 10;

impl<T: Element> PairsPlan<T> {
    /// Item, first channel and pair of a task.
    fn place(&self, task: usize) -> [usize; 3] {
        let (problem, pairs) = (&self.tiles.problem, self.tiles.cut.tasks());
        let is_interleaved = problem.conv.input_layout == Layout::Nhwc;
        let together = if is_interleaved { CACHE_LINE / problem.element.size() } else { 1 };
        let [item, channels, pair] = place(task, [problem.groups() / self.tiles.cut.planes, pairs], together);
        [item, channels * self.tiles.cut.planes, pair]
    }

    /// Asks for where results will be written, and for the inputs of the next pair of an item and a channel.
    fn ask_ahead(&self, call: &Call<'_, T>, [item, channel, next]: [usize; 3], target: Option<Target<T>>) {
        let tiles = &self.tiles;
        let Cut { columns, .. } = &tiles.cut;
        let ask = |first, len| T::dispatch(tiles.problem.isa, AskFor { first, len });
        if let Some(Target { place, .. }) = target {
            ask(place.re.cast_const(), columns.kept);
        }
        if next < tiles.cut.tasks()
            && let Some(samples) = tiles.samples_inside(call, channel, &tiles.pair(item, next))
        {
            ask(samples, tiles.cut.width());
        }
    }
}

/// Item, channel and pair of a task. A pair of all channels that share cache lines, so many, comes before the next
/// pair: lines are brought once.
fn place(task: usize, [channels, pairs]: [usize; 2], together: usize) -> [usize; 3] {
    if channels == 1 {
        // Short lines would notice more divisions.
        return [task / pairs, 0, task % pairs];
    }
    let (item, task) = (task / (channels * pairs), task % (channels * pairs));
    let (block, task) = (task / (together * pairs), task % (together * pairs));
    let first = block * together;
    let together = together.min(channels - first);
    [item, first + task % together, task / together]
}

/// The packing of a plan of pairs.
pub(super) fn packing<T: Element>(tiles: &Tiles<T>) -> Packing {
    let (problem, cut) = (&tiles.problem, &tiles.cut);
    let [rows, columns] = [cut.rows.transform, cut.columns.transform];
    // With the taps, extents tell the dilations; none is longer than its transform.
    let extents = problem.rows.extent * (columns + 1) + problem.columns.extent;
    Packing {
        strategy: "fft",
        kernel: problem.kernel_shape(),
        groups: problem.groups(),
        flipped: problem.conv.operation == Operation::Convolution,
        tiles: [rows, columns, tiles.lanes, extents],
        len: cut.packed_len(problem).unwrap_or(0),
        scratch: scratch_bytes(problem, cut).div_ceil(size_of::<T>()),
    }
}

/// What packing needs besides: room, the spectrum, a vector of columns.
fn scratch_bytes(problem: &Problem, cut: &Cut) -> usize {
    let size = problem.element.size();
    book_room(&cut.of_one_plane(), size)
        .add::<u8>(cut.area().saturating_mul(2 * size))
        .add::<u8>(cut.column_len(problem).saturating_mul(size))
        .bytes()
}

/// Packs the spectrum of every pair of channels, conjugated and scaled, where `place` says: its first element and the
/// step to the next, in elements. The sums of the taps follow at `sums`.
pub(super) fn pack<T: Element>(
    tiles: &Tiles<T>,
    kernel: View<'_, T>,
    packed: &mut [T],
    scratch: &mut [T],
    place: impl Fn(usize, usize) -> [usize; 2],
) {
    let (kernel, area) = (tiles.problem.oriented(kernel), tiles.cut.area());
    let mut memory = bytes_of(scratch);
    let mut room = Room::take(&tiles.cut.of_one_plane(), &mut memory);
    let work = take::<T>(&mut memory, 2 * area);
    let column = take::<T>(&mut memory, tiles.cut.column_len(&tiles.problem));
    let scale = T::from_f64(1.0 / tiles.cut.numbers() as f64);
    let [outputs, inputs, ..] = kernel.dims();
    let sums = packed.len() - outputs * inputs;
    for output in 0..outputs {
        for input in 0..inputs {
            let sum = tiles.transform_kernel(&kernel, [output, input], &mut room, work, column);
            packed[sums + output * inputs + input] = T::from_f64(sum);
            let [first, step] = place(output, input);
            let elements = area / tiles.lanes;
            let to = &mut packed[first * 2 * tiles.lanes..][..((elements - 1) * step + 1) * 2 * tiles.lanes];
            let deal = DealElements {
                from: work.as_ptr(),
                to: to.as_mut_ptr(),
                step,
                elements,
                factors: [scale, -scale],
                // SAFETY: `work` holds so many elements, and the slice of `packed` just cut so many that far apart.
                _vouched: unsafe { Vouched::new() },
            };
            T::dispatch(tiles.problem.isa, deal);
        }
    }
}

impl<T: Element> Prepared<T> for PairsPlan<T> {
    fn packing(&self) -> Packing {
        packing(&self.tiles)
    }

    fn pack(&self, kernel: View<'_, T>, packed: &mut [T], scratch: &mut [T]) {
        let elements = self.tiles.cut.area() / self.tiles.lanes;
        pack(&self.tiles, kernel, packed, scratch, |output, _| [output * elements, 1]);
    }

    fn tasks(&self) -> usize {
        let problem = &self.tiles.problem;
        problem.batch() * problem.groups() / self.tiles.cut.planes * self.tiles.cut.tasks()
    }

    fn workspace(&self) -> usize {
        self.tiles.cut.workspace(&self.tiles.problem)
    }

    fn run(&self, call: &Call<'_, T>, task: usize, mut workspace: &mut [u8]) {
        let tiles = &self.tiles;
        let (problem, area) = (&tiles.problem, tiles.cut.area());
        let [item, channel, index] = self.place(task);
        let mut room = Room::take(&tiles.cut, &mut workspace);
        let work = take::<T>(&mut workspace, tiles.cut.pair_len());
        let column = take::<T>(&mut workspace, tiles.cut.column_len(problem));
        let pair = tiles.pair(item, index);
        let source = tiles.source(call, channel, &pair, &mut room);
        let before = tiles.means(&source);
        tiles.fill_beyond(&source, &mut room, before);
        let (planes, sums) = (tiles.cut.planes, call.packed.len() - problem.groups());
        let mut after = before;
        for (means, plane) in after.iter_mut().flat_map(|means| means.iter_mut().zip(0..planes)) {
            *means = *means * call.packed[sums + channel + plane] + call.bias(channel + plane);
        }
        let target = tiles.target(call, channel, &pair);
        if self.asks_ahead {
            self.ask_ahead(call, [item, channel, index + 1], target);
        }
        let operands = Operands {
            source: &source.bands,
            target: target.or_else(|| Some(tiles.staged(&room))),
            before,
            after,
            planes,
            kernel: call.packed[channel * 2 * area..][..2 * area * planes].as_ptr(),
            ..Operands::inside(work, column)
        };
        // SAFETY: buffers of the sizes that the cut books and packs; the source lies in the input or in the room, the
        // target, in as many rows and columns as are kept, in the output or in the room.
        unsafe { tiles.transform(Stage::Convolve, operands) };
        if target.is_none() {
            tiles.write(call, channel, &pair, &mut room);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_of_every_channel_is_taken_once() {
        for (channels, pairs) in [(1, 1), (1, 7), (3, 5), (16, 2), (17, 3), (50, 4)] {
            for together in [1, 8, 16] {
                let places = (0..2 * channels * pairs).map(|task| place(task, [channels, pairs], together));
                let mut places: Vec<_> = places.collect();
                places.sort_unstable();
                let all = (0..2).flat_map(|item| (0..channels).map(move |channel| (item, channel)));
                let all = all.flat_map(|(item, channel)| (0..pairs).map(move |pair| [item, channel, pair]));
                assert_eq!(places, all.collect::<Vec<_>>());
            }
        }
    }
}
