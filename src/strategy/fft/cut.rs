//! How the output is cut into pairs of tiles whose transforms are powers of two, and what that costs.

use super::super::Estimate;
use super::source::book_room;
use crate::conv::{Border, Borders, Layout};
use crate::cost::{Constants, Machine, SHORTEST_TRANSFORM, shortest_line_transform};
use crate::error::Declined;
use crate::microkernel::fft::{MOST_PLANES, spectrum_tile};
use crate::problem::{Axis, Problem, gcd};

/// How one axis is cut.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct AxisCut {
    /// Numbers that a transform takes.
    pub(super) transform: usize,
    /// Outputs of a tile.
    pub(super) outputs: usize,
    /// Dense outputs of a tile, of which strides pick some.
    pub(super) kept: usize,
    pub(super) tiles: usize,
    /// Whether windows at the end reach beyond what a tile covers, to zeros that wrap around. A sign changes nothing.
    pub(super) wraps: bool,
}

impl AxisCut {
    /// With transforms of this length, if they are long enough. Where there are several tiles, the dense outputs of
    /// each are a multiple of `multiple`, and as even as can be, so that hardly any tile is smaller.
    fn new(axis: &Axis, transform: usize, multiple: usize) -> Option<Self> {
        Self::covering(axis, transform, transform, multiple)
    }

    /// The same of samples, where a tile covers twice as many as its transform takes numbers. If there are so many
    /// zeros at either end of the axis, a single tile need not cover all of both.
    fn of_samples(axis: &Axis, transform: usize, lanes: usize, zeros: usize) -> Option<Self> {
        let (covered, kept) = (transform.checked_mul(2)?, dense(axis));
        let beyond = kept.saturating_add(axis.extent - 1).saturating_sub(covered);
        if (1..=zeros).contains(&beyond) && axis.extent <= covered && kept <= covered {
            return Some(AxisCut { transform, outputs: axis.output, kept, tiles: 1, wraps: true });
        }
        Self::covering(axis, transform, covered, lanes)
    }

    fn covering(axis: &Axis, transform: usize, covered: usize, multiple: usize) -> Option<Self> {
        let fitting = covered.checked_sub(axis.extent)? + 1;
        let outputs = if fitting >= dense(axis) {
            axis.output.max(1)
        } else if axis.stride == 1 {
            let most = fitting / multiple * multiple;
            let tiles = axis.output.div_ceil(most.max(1));
            axis.output.div_ceil(tiles).next_multiple_of(multiple).min(most)
        } else {
            (fitting - 1) / axis.stride + 1
        };
        let tiles = axis.output.checked_div(outputs)? + usize::from(!axis.output.is_multiple_of(outputs));
        Some(AxisCut { transform, outputs, kept: (outputs - 1) * axis.stride + 1, tiles, wraps: false })
    }
}

/// How many zeros of the border are under the windows at least, at either end of an axis.
fn zeros_at_ends(problem: &Problem, axis: &Axis) -> usize {
    let Borders { top, bottom, left, right } = problem.conv.border;
    let is_zero = |border: Border| [Border::Zero, Border::Constant(0.0)].contains(&border);
    // Rows outside that are constant are so in the corners, too.
    let are_rows = [top, bottom].into_iter().all(|border| is_zero(border) || !border.is_constant());
    if ![left, right].into_iter().all(is_zero) || !are_rows {
        return 0;
    }
    let end = dense(axis).saturating_add(axis.extent - 1);
    axis.before.min(end.saturating_sub(axis.before).saturating_sub(axis.input))
}

/// Outputs of an axis with a stride of one.
fn dense(axis: &Axis) -> usize {
    (axis.output.max(1) - 1) * axis.stride + 1
}

/// Powers of two from the first that is at least `least` and holds one output, to the first that holds all.
fn lengths(axis: &Axis, least: usize) -> impl Iterator<Item = usize> + use<> {
    let power = |len: usize| len.max(least).checked_next_power_of_two();
    let first = power(axis.extent);
    let last = power(dense(axis).saturating_add(axis.extent - 1)).or(first);
    let following = move |&len: &usize| len.checked_mul(2).filter(|&next| Some(next) <= last);
    core::iter::successors(first, following)
}

/// What the lanes of a transform are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Lanes {
    /// Consecutive samples of a row: kernels of one row. A tile is as long as two transforms.
    Samples,
    /// Columns, which are all that is transformed: kernels of one column.
    Columns,
    /// Columns and then rows.
    Both,
}

impl Lanes {
    fn of(problem: &Problem) -> Self {
        match (problem.rows.taps, problem.columns.taps) {
            (1, _) => Lanes::Samples,
            (_, 1) => Lanes::Columns,
            _ => Lanes::Both,
        }
    }
}

/// Planes that are transformed side by side, if views are as the layouts say.
fn planes_together(problem: &Problem, kind: Lanes) -> usize {
    let conv = &problem.conv;
    let are_neighbours = conv.input_layout == Layout::Nhwc && conv.output_layout == Layout::Nhwc;
    let is_one_to_one = problem.group_in == 1 && problem.group_out == 1;
    let is_dense = problem.rows.stride == 1 && problem.columns.stride == 1;
    let is_apt = kind == Lanes::Both && are_neighbours && is_one_to_one && is_dense;
    if is_apt && (1..=MOST_PLANES).contains(&conv.channels_in) { conv.channels_in } else { 1 }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cut {
    pub(super) lanes: Lanes,
    pub(super) rows: AxisCut,
    pub(super) columns: AxisCut,
    /// Planes whose tiles are transformed side by side: neighbours in memory, as the channels of a picture.
    pub(super) planes: usize,
    /// Pairs of tiles that one task takes.
    pub(super) pairs: usize,
}

impl Cut {
    /// The cheapest that the workspace limit allows, with its price.
    pub(super) fn cheapest(problem: &Problem, machine: &Machine) -> Result<(Self, Estimate), Declined> {
        let limit = problem.conv.workspace_limit;
        let (mut best, mut least_memory): (Option<(Self, Estimate)>, _) = (None, usize::MAX);
        Self::each(problem, |cut| {
            let cut = cut.with_pairs(problem, machine);
            let workspace = cut.workspace(problem);
            least_memory = least_memory.min(workspace);
            if workspace > limit || cut.packed_len(problem).is_none() {
                return;
            }
            let seconds = cut.seconds(problem, machine);
            if best.is_none_or(|(_, least)| seconds < least.seconds) {
                best = Some((cut, Estimate { seconds, workspace }));
            }
        });
        best.ok_or(Declined::Workspace { needed: least_memory, limit })
    }

    /// Every cut that makes sense.
    fn each(problem: &Problem, mut look: impl FnMut(Self)) {
        let lanes = problem.isa.lanes(problem.element);
        let (rows, columns) = (&problem.rows, &problem.columns);
        let kind = Lanes::of(problem);
        let one_row = AxisCut { transform: 1, outputs: 1, kept: 1, tiles: rows.output, wraps: false };
        let planes = planes_together(problem, kind);
        // One by one where there is no memory for all of them.
        let ways = [planes, 1];
        let ways = if planes > 1 { &ways[..] } else { &ways[..1] };
        let mut look = |rows: Option<AxisCut>, columns: Option<AxisCut>| {
            if let (Some(rows), Some(columns)) = (rows, columns) {
                ways.iter().for_each(|&planes| look(Cut { lanes: kind, rows, columns, planes, pairs: 1 }));
            }
        };
        match kind {
            Lanes::Samples => {
                let zeros = zeros_at_ends(problem, columns);
                for covered in lengths(columns, 2 * shortest_line_transform(lanes)) {
                    look(Some(one_row), AxisCut::of_samples(columns, covered / 2, lanes, zeros));
                }
            }
            Lanes::Columns => lengths(rows, SHORTEST_TRANSFORM).for_each(|len| {
                look(AxisCut::new(rows, len, 1), AxisCut::new(columns, lanes, lanes));
            }),
            Lanes::Both => {
                for height in lengths(rows, SHORTEST_TRANSFORM) {
                    for width in lengths(columns, SHORTEST_TRANSFORM) {
                        // Where it costs no tile, each starts with a whole vector of the output.
                        let [whole, any] = [lanes / gcd(lanes, planes), 1]
                            .map(|multiple| AxisCut::new(columns, width, multiple));
                        let aligned = whole.filter(|cut| any.is_some_and(|any| cut.tiles <= any.tiles));
                        look(AxisCut::new(rows, height, 1), aligned.or(any));
                    }
                }
            }
        }
    }

    /// Whether every output channel has one input channel, and no two share it.
    pub(super) fn is_plain(&self, problem: &Problem) -> bool {
        problem.group_in == 1 && problem.group_out == 1
    }

    /// Numbers of a transform of a plane: values of a tile, of samples of half of it.
    pub(super) fn area(&self) -> usize {
        self.rows.transform.saturating_mul(self.columns.transform)
    }

    /// Values of a row of a tile of all planes.
    pub(super) fn width(&self) -> usize {
        let halves = if self.lanes == Lanes::Samples { 2 } else { 1 };
        self.columns.transform.saturating_mul(halves * self.planes)
    }

    /// The same for one plane: what its kernel takes.
    pub(super) fn of_one_plane(&self) -> Self {
        Cut { planes: 1, ..*self }
    }

    /// Values of a pair of tiles of all planes, or of a tile of samples.
    pub(super) fn pair_len(&self) -> usize {
        self.area().saturating_mul(self.planes).saturating_mul(2)
    }

    /// Numbers that one transform takes.
    pub(super) fn numbers(&self) -> usize {
        if self.lanes == Lanes::Columns { self.rows.transform } else { self.area() }
    }

    /// Tiles of a channel of an item.
    pub(super) fn tiles(&self) -> usize {
        self.rows.tiles * self.columns.tiles
    }

    /// Pairs of tiles of a channel of an item; of samples each tile is a pair of halves.
    pub(super) fn all_pairs(&self) -> usize {
        if self.lanes == Lanes::Samples { self.tiles() } else { self.tiles().div_ceil(2) }
    }

    /// Tasks for a group of an item.
    pub(super) fn tasks(&self) -> usize {
        self.all_pairs().div_ceil(self.pairs)
    }

    /// As many pairs to a task that the spectra under it stay about in the second-level cache, or one. All tasks read
    /// the spectra of the kernel anew: where these do not stay there anyway, it is better to have fewer tasks.
    fn with_pairs(self, problem: &Problem, machine: &Machine) -> Self {
        if self.is_plain(problem) {
            return self;
        }
        let tile = spectrum_tile::tile(problem.isa.registers());
        let channels = problem.group_in.saturating_add(problem.group_out);
        let each = self.area().saturating_mul(2 * problem.element.size()).saturating_mul(channels);
        let kernel = (each / channels).saturating_mul(problem.group_in).saturating_mul(problem.group_out);
        let caches = if kernel > machine.l2 { 8 } else { 2 };
        let budget = (caches * machine.l2).min(problem.conv.workspace_limit / 2);
        let all = self.all_pairs().max(1);
        let fitting = (budget / each.max(1)).clamp(1, all);
        let most = if fitting > tile && fitting < all { fitting / tile * tile } else { fitting };
        let tasks = all.div_ceil(most);
        Cut { pairs: all.div_ceil(tasks).next_multiple_of(tile).min(most), ..self }
    }

    /// Values of the packed kernel: spectra, in register tiles, and the sums of their taps; if they can be addressed.
    pub(super) fn packed_len(&self, problem: &Problem) -> Option<usize> {
        let tile = spectrum_tile::tile(problem.isa.registers());
        let outputs =
            if self.is_plain(problem) { 1 } else { problem.group_out.checked_next_multiple_of(tile)? };
        let spectra = problem.groups().checked_mul(outputs)?.checked_mul(problem.group_in)?;
        let len = self.area().checked_mul(2)?.checked_add(1)?.checked_mul(spectra)?;
        (len <= isize::MAX as usize / problem.element.size()).then_some(len)
    }

    /// Values of the buffer for a vector of columns.
    pub(super) fn column_len(&self, problem: &Problem) -> usize {
        match self.lanes {
            Lanes::Both => self.rows.transform.saturating_mul(2 * problem.isa.lanes(problem.element)),
            _ => 0,
        }
    }

    /// Values of the spectra of the input channels, and of the sums.
    pub(super) fn spectra_len(&self, problem: &Problem) -> [usize; 2] {
        if self.is_plain(problem) {
            return [0, 0];
        }
        let each = self.area().saturating_mul(2 * self.pairs);
        [problem.group_in.saturating_mul(each), self.sums_pitch(problem).saturating_mul(problem.group_out)]
    }

    /// Values of the sums of an output channel; a little more than a power of two, so that they do not all compete for
    /// the same places of the caches.
    fn sums_pitch(&self, problem: &Problem) -> usize {
        let spectrum = self.area().saturating_mul(2).saturating_add(2 * problem.isa.lanes(problem.element));
        spectrum.saturating_mul(self.pairs)
    }

    /// Bytes of workspace of a task: room for both parts of a tile, their spectrum, and what else there is.
    pub(super) fn workspace(&self, problem: &Problem) -> usize {
        let real = |count: usize| count.saturating_mul(problem.element.size());
        let [inputs, sums] = self.spectra_len(problem);
        book_room(self, problem.element.size())
            .add::<u8>(real(self.pair_len()))
            .add::<u8>(real(self.column_len(problem)))
            .add::<u8>(real(inputs))
            .add::<u8>(real(sums))
            .bytes()
    }

    fn seconds(&self, problem: &Problem, machine: &Machine) -> f64 {
        let pairs = self.all_pairs() as f64 * (problem.batch() * problem.groups()) as f64;
        let tile = [self.rows.transform, self.columns.transform];
        if self.is_plain(problem) {
            return Constants::fft_pairs(problem, machine, tile, self.planes, pairs);
        }
        let tasks = (self.tasks() * problem.batch() * problem.groups()) as f64;
        Constants::fft_channels(problem, machine, tile, pairs, tasks)
    }
}
