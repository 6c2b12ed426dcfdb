//! How the work is cut into tasks, and how large the buffers of a task are.

use super::folding::Folding;
use super::{Part, at_once};
use crate::conv::Layout;
use crate::cost::Machine;
use crate::low_rank::LowRank;
use crate::microkernel::column_pass::tall;
use crate::microkernel::row_pass::Sharing;
use crate::microkernel::separable_tile::goes_row_by_row;
use crate::microkernel::signal_tile::farthest;
use crate::problem::{Axis, Problem, gcd};
use crate::workspace::Booking;

/// No task has more workspace.
const MOST_BYTES: usize = 8 << 20;
/// Columns that a strip has at least, if the output has as many.
const NARROW: usize = 128;
/// Output rows of a task, besides as many as make its first rows cheap.
const TASK_ROWS: usize = 32;
/// Output rows of a tile where taps of columns are all alike, half as many as taps within these limits: the more, the
/// more often a sum of input rows serves.
const SUMS_TILE: [usize; 2] = [16, 32];
/// Most output rows under way where sums along columns and rows are taken at once: those of a block, and as many that are
/// asked for.
const AT_ONCE_ROWS: usize = 8;
/// Least taps that are worth summing first where they are *level*: all alike.
const LEAST_LEVEL: usize = 16;
/// Bytes of a single row and its sums, which stay in the first-level cache from pass to pass.
const LINE_BYTES: usize = 40 << 10;
/// The same in windows: strips are to be longer than what lies under one output, which is read for each of them.
const LINE_WINDOWS: usize = 16;
/// Bytes of a row that are summed at once where its taps are all alike, if they are more than twice what lies under an
/// output: with their sums they stay in the first-level cache.
const PIECE: usize = 16 << 10;
/// Vectors behind the values of a row: loads and stores are rounded up, sums may begin up to a vector later than a row,
/// and rows that take taps in pairs read a vector more.
const ROOM: usize = 3;
/// Planes that are taken side by side.
const MOST_PLANES: usize = 64;

/// Planes whose pixels are expected to be neighbours.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bundle {
    /// One, if they are not.
    pub(super) count: usize,
    /// Whether they are the items of a batch; else they are channels.
    pub(super) over_batch: bool,
    /// Whether they must have the same kernel.
    pub(super) needs_shared: bool,
}

impl Bundle {
    fn new(problem: &Problem, found: &LowRank) -> Self {
        let conv = &problem.conv;
        let are_neighbours = conv.input_layout == Layout::Nhwc && conv.output_layout == Layout::Nhwc;
        let single = conv.channels_in == 1 && conv.channels_out == 1;
        let count = if single { conv.batch } else { conv.channels_in };
        let is_one_to_one = problem.group_out == 1 && found.is_shared;
        if are_neighbours && is_one_to_one && (2..=MOST_PLANES).contains(&count) {
            Bundle { count, over_batch: single, needs_shared: !single }
        } else {
            Bundle { count: 1, over_batch: false, needs_shared: false }
        }
    }
}

/// All sizes that follow from the problem.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut {
    pub(super) lanes: usize,
    pub(super) bundle: Bundle,
    terms: usize,
    /// Whether the terms are the columns of the kernel.
    pub(super) is_by_columns: bool,
    /// Output rows of a tile, and what is from one to the next: `spacing` output rows, `step` input rows at a distance
    /// of the dilation. So strides and dilations of rows need no copies: output rows `spacing` apart have their windows
    /// in the same input rows.
    pub(super) tile: usize,
    pub(super) spacing: usize,
    pub(super) step: usize,
    /// Most input rows under a tile.
    pub(super) inputs: usize,
    /// Output columns of a strip.
    strip: usize,
    /// Output rows of a task, `spacing` apart.
    pub(super) block: usize,
    /// Values of a row of the ring and of the sums along columns.
    pub(super) pitch: usize,
    /// For strides along rows: pixels of a phase, and values of all phases of a row; else zero.
    pub(super) segment: usize,
    pub(super) dealt_pitch: usize,
    /// Most values to the left of what is read in place, and to the right of it.
    pub(super) side: usize,
    /// Whether input and output exceed the second-level cache, and whether they hardly fit the third.
    is_far: bool,
    is_beyond: bool,
    /// Whether rows are sums of few taps, which keep their order.
    few_taps: bool,
    /// Else, where the sums of both passes are taken one after the other, which of them share loads.
    pub(super) sharing: Option<Sharing>,
    /// Whether sums along columns and rows are taken at once, where input and output are neighbours in memory.
    pub(super) is_at_once: bool,
    /// Whether they are then taken one row after the other, if there is a loop for it.
    pub(super) is_row_by_row: bool,
    pub(super) folding: Folding,
    /// Whether the taps of columns, and those of rows, are all alike and summed first.
    pub(super) is_level: [bool; 2],
    /// For such rows: outputs that are summed at once, and room for their sums; else zero.
    pub(super) piece: usize,
    pub(super) work: usize,
}

/// Bytes of the planes, in and out.
fn planes_bytes(problem: &Problem) -> f64 {
    let values = |shape: [usize; 4]| shape.iter().map(|&size| size as f64).product::<f64>();
    (values(problem.input_shape()) + values(problem.output_shape())) * problem.element.size() as f64
}

/// Whether the sums along a row are those of a signal of few taps.
fn has_few_taps(problem: &Problem, found: &LowRank) -> bool {
    let (columns, lanes) = (&problem.columns, problem.isa.lanes(problem.element));
    let is_row = found.terms == 1 || found.is_by_columns;
    is_row && columns.stride == 1 && columns.taps <= lanes && problem.conv.accumulate == 0.0
}

/// Whether the taps of columns, and those of rows, are all alike and as many that it pays to sum first.
fn is_level(problem: &Problem, found: &LowRank) -> [bool; 2] {
    let (rows, columns) = (&problem.rows, &problem.columns);
    [
        found.is_level[0] && rows.taps >= LEAST_LEVEL,
        found.is_level[1] && columns.taps >= LEAST_LEVEL && columns.stride == 1,
    ]
}

fn line_bytes(problem: &Problem) -> usize {
    LINE_BYTES.max(problem.columns.extent.saturating_mul(LINE_WINDOWS * problem.element.size()))
}

impl Cut {
    /// `None` if even a narrow strip needs too much workspace, or a kernel cannot be taken by columns.
    pub(super) fn new(problem: &Problem, machine: &Machine, found: &LowRank) -> Option<Self> {
        let mut cut = Cut::unfitted(problem, machine, found)?;
        cut.order_taps(problem, found);
        cut.take_at_once(problem, machine);
        cut.folding = Folding::of(problem, machine, found, &cut);
        // Only to take both sums at once.
        if cut.is_by_columns && !cut.is_at_once {
            return None;
        }
        let comfortable = if problem.rows.taps == 1 { line_bytes(problem) } else { machine.l2 };
        loop {
            cut.fit(problem)?;
            let size = problem.element.size();
            let fits = cut.bytes_of(problem, size) <= MOST_BYTES;
            if (fits && cut.row_bytes(size) <= comfortable) || cut.strip <= NARROW {
                return fits.then_some(cut);
            }
            cut.strip = cut.strip.div_ceil(2).next_multiple_of(cut.lanes);
        }
    }

    /// Tiles and tasks of whole rows, whose sizes are still to follow.
    fn unfitted(problem: &Problem, machine: &Machine, found: &LowRank) -> Option<Self> {
        let rows = &problem.rows;
        let common = gcd(rows.stride, rows.dilation);
        let (spacing, step) = (rows.dilation / common, rows.stride / common);
        let in_phase = rows.output.div_ceil(spacing).max(1);
        let is_level = is_level(problem, found);
        // Rows that share no inputs are taken one by one.
        let tile = match is_level {
            _ if step >= rows.taps => 1,
            [true, _] => (rows.taps / 2).clamp(SUMS_TILE[0], SUMS_TILE[1]).min(in_phase),
            [false, _] => tall(problem.isa.registers()).min(in_phase),
        };
        let lanes = problem.isa.lanes(problem.element);
        Some(Cut {
            lanes,
            bundle: Bundle::new(problem, found),
            terms: found.terms,
            is_by_columns: found.is_by_columns,
            tile,
            spacing,
            step,
            inputs: (tile - 1).checked_mul(step)?.checked_add(rows.taps)?,
            strip: problem.columns.output.max(1),
            block: TASK_ROWS.max(rows.taps.checked_mul(2)?).next_multiple_of(tile),
            pitch: 0,
            segment: 0,
            dealt_pitch: 0,
            side: 0,
            is_far: planes_bytes(problem) > machine.l2 as f64,
            is_beyond: planes_bytes(problem) > 0.75 * machine.l3 as f64,
            few_taps: false,
            sharing: None,
            is_at_once: false,
            is_row_by_row: false,
            folding: Folding::Nothing,
            is_level,
            piece: 0,
            work: 0,
        })
    }

    /// Few taps keep their order, where they are not too far from each other; of more, some share loads.
    fn order_taps(&mut self, problem: &Problem, found: &LowRank) {
        let (columns, planes) = (&problem.columns, self.planes_together());
        self.few_taps = has_few_taps(problem, found) && self.is_in_reach(problem, planes);
        let is_level = self.is_level[1];
        if !self.few_taps && !is_level && !found.is_by_columns && columns.stride == 1 {
            let step = columns.dilation.checked_mul(planes);
            let vector = [self.lanes, problem.element.size()];
            self.sharing = step.and_then(|step| Sharing::of(columns.taps, step, vector));
        }
    }

    /// Planes that are most likely neighbours in memory: items of a batch are not, unless a view is made so.
    pub(super) fn planes_together(&self) -> usize {
        if self.bundle.over_batch { 1 } else { self.bundle.count }
    }

    /// Where both sums can be taken at once, tasks are higher.
    fn take_at_once(&mut self, problem: &Problem, machine: &Machine) {
        let (planes, size) = (self.bundle.count, problem.element.size());
        if !at_once::serves_planes(problem, self, planes) {
            return;
        }
        let block = self.block.max(at_once::TASK_ROWS).next_multiple_of(self.tile);
        let cut = Cut { is_at_once: true, block, ..*self };
        if at_once::bytes(problem, &cut, size) <= MOST_BYTES {
            let row_bytes = at_once::row_bytes(problem, planes);
            *self = Cut { is_row_by_row: goes_row_by_row(row_bytes, machine.l1), ..cut };
        }
    }

    /// Derives the sizes of rows from the width of the strip.
    fn fit(&mut self, problem: &Problem) -> Option<()> {
        let columns = &problem.columns;
        let values = self.span(columns, self.strip)?.checked_mul(self.bundle.count)?;
        // An odd number of cache lines, so that rows do not compete for the same places of the cache.
        let line = 64 / problem.element.size();
        let pitch =
            |values: usize| (values.checked_add(ROOM * self.lanes)?.div_ceil(line) | 1).checked_mul(line);
        self.pitch = pitch(values)?;
        self.side = columns.before.max(columns.after).saturating_mul(self.bundle.count).min(values);
        if columns.stride > 1 {
            let reach = columns.extent - 1;
            self.segment = self.strip + reach / columns.stride;
            let phases = columns.stride.min(reach + 1);
            self.dealt_pitch = pitch(self.segment.checked_mul(phases)?.checked_mul(self.bundle.count)?)?;
        }
        if self.is_level[1] {
            let reach = (columns.extent - 1).checked_mul(self.bundle.count)?;
            let whole = self.strip.checked_mul(self.bundle.count)?.next_multiple_of(self.lanes);
            let piece = reach.checked_mul(2)?.max(PIECE / problem.element.size());
            self.piece = piece.next_multiple_of(self.lanes).min(whole);
            self.work = pitch(self.piece.checked_add(reach)?)?;
        }
        Some(())
    }

    /// Inputs under so many outputs of a row.
    fn span(&self, columns: &Axis, outputs: usize) -> Option<usize> {
        outputs.saturating_sub(1).checked_mul(columns.stride)?.checked_add(columns.extent)
    }

    /// Whether input rows are asked for ahead of time, one while each output row is finished.
    pub(super) fn asks_ahead(&self) -> bool {
        self.is_far && self.step == 1 && !self.is_level[1]
    }

    /// Whether output rows are asked for while sums along columns are taken, which wait for no memory: asked for where
    /// they are written, together with the input rows, they would be more than are fetched at once.
    pub(super) fn asks_for_outputs(&self, columns: &Axis) -> bool {
        self.is_beyond && columns.stride == 1
    }

    /// Whether there is a tile for the few taps of rows of so many planes side by side.
    pub(super) fn has_few_taps(&self, problem: &Problem, planes: usize) -> bool {
        self.few_taps && self.is_in_reach(problem, planes)
    }

    /// Whether it reaches the last tap.
    fn is_in_reach(&self, problem: &Problem, planes: usize) -> bool {
        let reach = (problem.columns.extent - 1).checked_mul(planes);
        reach.is_some_and(|reach| reach <= farthest(self.lanes, problem.element.size()))
    }

    /// Where a tap of a row finds its first input, in pixels.
    pub(super) fn offset(&self, problem: &Problem, tap: usize) -> usize {
        let Axis { stride, dilation, .. } = problem.columns;
        let at = tap * dilation;
        if stride == 1 { at } else { at % stride * self.segment + at / stride }
    }

    /// Values of a row of a side, with a vector behind.
    pub(super) fn side_pitch(&self) -> usize {
        self.side.saturating_add(2 * self.lanes - 1) / self.lanes * self.lanes
    }

    /// Most entries of a table of input rows: those under a tile, and as many as it has output rows.
    pub(super) fn table(&self) -> usize {
        self.inputs + self.tile
    }

    /// Where rows of the phase from `row` on are in a ring, divided once: short rows would notice.
    pub(super) fn slots(&self, row: usize) -> impl Iterator<Item = usize> + use<> {
        let count = self.inputs;
        let next = move |slot: &usize| Some(if slot + 1 == count { 0 } else { slot + 1 });
        core::iter::successors(Some(row % count), next)
    }

    /// Rows of sums along columns: those of each term.
    pub(super) fn sums(&self) -> usize {
        self.terms * self.tile
    }

    /// Values of the bias in a row: of neighbouring planes each has its own.
    pub(super) fn bias_row(&self) -> usize {
        if self.bundle.needs_shared { self.strip * self.bundle.count + self.lanes } else { 0 }
    }

    /// The workspace of a task.
    pub(super) fn bytes<T>(&self, problem: &Problem) -> usize {
        self.bytes_of(problem, size_of::<T>())
    }

    /// Bytes that a tile goes through again and again: the rows under it, and their sums. Where these stay in
    /// registers, a few output rows at a time.
    fn row_bytes(&self, size: usize) -> usize {
        let row = self.pitch.checked_mul(size);
        let under = |outputs: usize| self.inputs - self.tile + outputs;
        let rows = if self.is_at_once { under(AT_ONCE_ROWS) } else { under(self.tile) + self.sums() };
        row.and_then(|row| row.checked_mul(rows)).unwrap_or(usize::MAX)
    }

    /// For elements of so many bytes, as `Strip` takes them; parts that are summed at once take others.
    fn bytes_of(&self, problem: &Problem, size: usize) -> usize {
        let values = |rows: usize, pitch: usize| {
            rows.checked_mul(pitch).and_then(|values| values.checked_mul(size)).unwrap_or(usize::MAX)
        };
        let strip = Booking::new()
            .add::<u8>(values(self.inputs, self.pitch))
            .add::<u8>(values(self.sums(), self.pitch))
            .add::<u8>(values(self.sums(), self.dealt_pitch))
            .add::<u8>(values(1, self.bias_row()))
            .add::<u8>(values(1, self.work))
            .add::<*const u8>(self.table())
            .add::<isize>(self.side)
            .add::<u8>(values(self.inputs, self.side_pitch()))
            .add::<*const u8>(self.table())
            .add::<isize>(self.side)
            .add::<u8>(values(self.inputs, self.side_pitch()))
            .add::<*const u8>(self.table())
            .bytes();
        if self.is_at_once { strip.max(at_once::bytes(problem, self, size)) } else { strip }
    }

    /// Values that are summed along columns for a plane.
    pub(super) fn inputs(&self, problem: &Problem) -> f64 {
        let strips = problem.columns.output.div_ceil(self.strip) as f64;
        let columns = self.span(&problem.columns, self.strip.min(problem.columns.output)).unwrap_or(0) as f64;
        strips * columns * problem.rows.output as f64
    }

    fn parts(&self, problem: &Problem) -> [usize; 4] {
        let planes = problem.batch() * problem.conv.channels_out / self.bundle.count;
        let phases = self.spacing.min(problem.rows.output);
        let blocks = problem.rows.output.div_ceil(self.spacing).div_ceil(self.block);
        [planes, phases, blocks, problem.columns.output.div_ceil(self.strip)]
    }

    pub(super) fn tasks(&self, problem: &Problem) -> usize {
        self.parts(problem).iter().product()
    }

    pub(super) fn part(&self, problem: &Problem, task: usize) -> Part {
        let [_, phases, blocks, strips] = self.parts(problem);
        let (task, strip) = (task / strips, task % strips);
        let (task, block) = (task / blocks, task % blocks);
        let (plane, phase) = (task / phases, task % phases);
        let Bundle { count, over_batch, .. } = self.bundle;
        let channels = problem.conv.channels_out;
        let (item, channel) = match (count, over_batch) {
            (1, _) => (plane / channels, plane % channels),
            (_, true) => (plane * count, 0),
            (_, false) => (plane, 0),
        };
        let in_phase = (problem.rows.output - phase).div_ceil(self.spacing);
        let (row, column) = (block * self.block, strip * self.strip);
        Part {
            item,
            channel,
            phase,
            rows: row.min(in_phase)..(row + self.block).min(in_phase),
            columns: column..(column + self.strip).min(problem.columns.output),
        }
    }
}
