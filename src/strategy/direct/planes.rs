//! Lanes along the columns of a plane.
//!
//! The outputs of a channel are cut into tasks of some rows. Where the windows of a task lie inside the input, its
//! tiles read the input in place; at the edges, for strides along a row, and for inputs whose columns are not
//! neighbours, the same tiles read a *band*: a copy of the rows under them, made through the window.
//!
//! Strides and dilations of rows need no copies. Output rows that are `dilation / gcd` apart and tap rows that are
//! `stride / gcd` apart (gcd of the two) meet in input rows that are lcm(stride, dilation) apart, so a tile takes rows
//! at that spacing, and its taps fall into sweeps, each a convolution with unit steps.
//!
//! The pixels of an image whose few channels are filtered each by itself, and lie next to each other, are planes too:
//! their columns are values, and taps are a pixel apart. Lanes have the weights of their channels (`interleaved.rs`).
//!
//! Bands are bounded: kernels too large for one are cut into passes that add up in the output, which rounds no more
//! often.

use core::ops::Range;

use super::band::{Band, BandShape, RowSpacing, row_axis};
use super::cache_sets::CacheSets;
use super::interleaved::{Interleaved, channels, period};
use super::signal::{Signal, has_few_taps, is_paired};
use super::taps::TapOrder;
use crate::call::Call;
use crate::conv::Operation;
use crate::cost::{Machine, PlanesShape, planes_seconds};
use crate::element::Element;
use crate::low_rank::KernelFacts;
use crate::microkernel::Finish;
use crate::microkernel::sliding_tile::SHARED_ROWS;
use crate::problem::Problem;
use crate::strategy::{Estimate, Packing, Prepared};
use crate::view::View;
use crate::window::Extensions;
use crate::workspace::take;

/// Outputs of one row in a task: long enough to forget the cost of a task, short enough to share a signal out.
pub(super) const TASK_COLUMNS: usize = 8192;
/// Rows of so many vectors are not worth reading in place if their ends are masked, or copied.
const SHORT_MASKED_ROW: usize = 2;
const SHORT_ROW: usize = 6;
/// Vectors side by side in a tile of several rows.
const TILE_VECTORS: usize = 4;

pub(super) struct PlanesPlan<T> {
    /// If items are rows, this problem says so.
    pub(super) problem: Problem,
    /// Whether the items of the batch are the rows of a plane.
    items_are_rows: bool,
    pub(super) extensions: Extensions<T>,
    pub(super) finish: Finish<T>,
    pub(super) rows: RowSpacing,
    pub(super) band: Band,
    sets: CacheSets,
    /// Another way, if the request is for interleaved channels; the views decide.
    pub(super) interleaved: Option<Interleaved>,
    /// Another way for one row of one channel; the views decide.
    signal: Option<Signal<T>>,
}

pub(super) fn estimate<T: Element>(problem: &Problem, machine: &Machine, kernel: &KernelFacts) -> Estimate {
    let axis = row_axis(problem);
    let spacing = RowSpacing::new(problem, &axis);
    let planar = BandShape::new(problem, &spacing, 1);
    let pixel = channels(problem);
    let workspace = pixel.map_or(0, |pixel| BandShape::new(problem, &spacing, pixel).bytes::<T>());
    let signal = if pixel.is_none() { Signal::<T>::new(problem, machine, &planar) } else { None };
    let workspace = workspace.max(signal.as_ref().map_or(0, Signal::bytes));
    let lanes = shared_lanes(problem, &spacing);
    let order = TapOrder::new(&problem.columns, planar.tap_columns, planar.is_dense, lanes);
    let shape = PlanesShape {
        rows: axis.output,
        planes: if axis == problem.rows { problem.batch() } else { 1 }
            * if pixel.is_some() { 1 } else { problem.groups() },
        pixel: pixel.unwrap_or(1),
        period: if pixel.is_some() && !kernel.is_shared() { period(problem) } else { 0 },
        sweeps: spacing.taps.min(problem.rows.taps),
        block: spacing.block,
        tasks: problem.columns.output.div_ceil(TASK_COLUMNS),
        tap_period: order.period,
        is_signal: signal.is_some(),
        has_few_taps: signal.is_some() && has_few_taps(problem),
        is_paired: signal.is_some() && is_paired(problem),
        ends_are_masked: pixel.is_none()
            && can_mask_ends(problem, &spacing)
            && Extensions::<T>::new(problem.conv.border).constant_of_columns().is_some(),
    };
    Estimate {
        seconds: planes_seconds(problem, machine, &shape),
        workspace: planar.bytes::<T>().max(workspace),
    }
}

/// Lanes, if taps that are so far apart are to follow each other.
fn shared_lanes(problem: &Problem, spacing: &RowSpacing) -> usize {
    let rows_share = spacing.rows_share(problem.rows.taps);
    if rows_share || is_paired(problem) || has_few_taps(problem) {
        0
    } else {
        problem.isa.lanes(problem.element)
    }
}

/// Whether tiles can have a value in lanes beside the input: where rows share what they load. Masked blocks are one
/// vector wide, which is slow for more.
fn can_mask_ends(problem: &Problem, spacing: &RowSpacing) -> bool {
    let axis = &problem.columns;
    let are_narrow = axis.before.max(axis.after) <= problem.isa.lanes(problem.element);
    axis.stride == 1 && are_narrow && spacing.rows_share(problem.rows.taps)
}

/// Outputs of one group of channels: `rows` rows from `first` on, `spacing.tile` apart.
#[derive(Clone, Debug)]
pub(super) struct Region {
    pub(super) item: usize,
    pub(super) group: usize,
    pub(super) first: usize,
    pub(super) rows: usize,
    pub(super) columns: Range<usize>,
}

impl Region {
    pub(super) fn is_empty(&self) -> bool {
        self.rows == 0 || self.columns.is_empty()
    }
}

impl<T: Element> Prepared<T> for PlanesPlan<T> {
    fn packing(&self) -> Packing {
        let (problem, order) = (&self.problem, &self.band.order);
        Packing {
            strategy: "direct",
            kernel: problem.kernel_shape(),
            groups: problem.groups(),
            flipped: problem.conv.operation == Operation::Convolution,
            tiles: [
                order.chunk,
                order.classes,
                // Fewer than lanes, of which there are fewer than 64.
                self.rows.sweeps(problem.rows.taps)[0] * 64 + order.period,
                self.interleaved.as_ref().map_or(0, Interleaved::packing),
            ],
            len: self.interleaved_len()
                + problem.conv.channels_out * problem.group_in * problem.columns.taps * self.packed_rows(),
            scratch: 0,
        }
    }

    /// Output channel, input channel, the tap columns in their order, and tap rows by sweeps; before that, the same
    /// with lanes.
    fn pack(&self, kernel: View<'_, T>, packed: &mut [T], _scratch: &mut [T]) {
        let kernel = self.problem.oriented(kernel);
        let (lanes, packed) = packed.split_at_mut(self.interleaved_len());
        if let Some(interleaved) = &self.interleaved {
            interleaved.pack(kernel, &self.rows, lanes);
        }
        let [outputs, inputs, rows, columns] = kernel.dims();
        let planes = packed.chunks_exact_mut(columns * self.packed_rows()).take(outputs * inputs);
        for (plane, packed) in planes.enumerate() {
            self.band.order.for_each_tap(columns, |at, column| {
                for row in 0..rows {
                    let [place, places] = self.rows.place(row, rows);
                    let tap = kernel.get([plane / inputs, plane % inputs, row, column]);
                    packed[at * places + place] = tap.unwrap_or_default();
                }
            });
        }
    }

    fn tasks(&self) -> usize {
        let chunks = self.problem.columns.output.div_ceil(TASK_COLUMNS);
        let tasks =
            self.problem.batch() * self.problem.groups() * self.rows.blocks * self.rows.phases * chunks;
        tasks.max(self.signal.as_ref().map_or(0, Signal::tasks))
    }

    fn workspace(&self) -> usize {
        let bytes = |band: &Band| band.shape.bytes::<T>();
        let interleaved = self.interleaved.as_ref().map_or(0, |interleaved| bytes(&interleaved.band));
        bytes(&self.band).max(interleaved).max(self.signal.as_ref().map_or(0, Signal::bytes))
    }

    fn run(&self, call: &Call<'_, T>, task: usize, workspace: &mut [u8]) {
        match &self.signal {
            Some(signal) if signal.is_usable(call, &self.problem) => signal.run(self, call, task, workspace),
            _ => self.run_task(call, task, workspace),
        }
    }
}

impl<T: Element> PlanesPlan<T> {
    /// Computes the outputs of a task by the tile of planes. Apart, as it takes more registers than a short signal has
    /// time to save.
    #[inline(never)]
    fn run_task(&self, call: &Call<'_, T>, task: usize, workspace: &mut [u8]) {
        let with_rows = self.items_are_rows.then(|| call.with_items_as_rows());
        let call = with_rows.as_ref().unwrap_or(call);
        let Some(region) = self.region(task) else { return };
        let interleaved = self.interleaved.as_ref().filter(|interleaved| interleaved.is_usable(call));
        if interleaved.is_some() && region.group > 0 {
            return; // the task of the first channel computes all
        }
        let kind = interleaved.map_or(&self.band, |interleaved| &interleaved.band);
        let mut memory = workspace;
        let memory = take::<T>(&mut memory, kind.shape.values());
        let outside = self.outside(call, kind);
        let inner = self.inner(call, kind, &region);
        if inner.is_empty() || self.rows_collide(call, kind) {
            return self.through_band(call, kind, &region, memory);
        }
        let above = (inner.first - region.first) / self.rows.tile;
        let below = region.rows - above - inner.rows;
        let part = |row: usize, rows: usize, columns: Range<usize>| Region {
            first: region.first + row * self.rows.tile,
            rows,
            columns,
            ..region
        };
        let columns = &region.columns;
        self.through_band(call, kind, &part(0, above, columns.clone()), memory);
        let ends = [columns.start..inner.columns.start, inner.columns.end..columns.end];
        for end in ends.map(|columns| part(above, inner.rows, columns)) {
            match outside {
                Some(_) => self.in_place(call, kind, &end, outside),
                None => self.through_band(call, kind, &end, memory),
            }
        }
        self.in_place(call, kind, &inner, None);
        self.through_band(call, kind, &part(above + inner.rows, below, columns.clone()), memory);
    }

    pub(super) fn new(problem: &Problem, machine: &Machine) -> Self {
        let request = problem;
        let axis = row_axis(problem);
        let items_are_rows = axis != problem.rows;
        let mut problem = Problem { rows: axis, ..problem.clone() };
        if items_are_rows {
            problem.conv.batch = 1;
        }
        let rows = RowSpacing::new(&problem, &axis);
        let band = Band::new(&problem, &rows, 1, shared_lanes(request, &rows));
        // A packing names the classes of one order of taps: that of both.
        let interleaved = Interleaved::new(&problem, &rows)
            .filter(|interleaved| interleaved.band.order.classes == band.order.classes);
        let signal = if interleaved.is_none() { Signal::new(request, machine, &band.shape) } else { None };
        PlanesPlan {
            items_are_rows,
            extensions: Extensions::new(problem.conv.border),
            finish: Finish::new(&problem.conv),
            signal,
            sets: CacheSets::new(machine),
            band,
            interleaved,
            rows,
            problem,
        }
    }

    /// Places for the tap rows of a column in the packed kernel.
    fn packed_rows(&self) -> usize {
        let [_, rows] = self.rows.place(0, self.problem.rows.taps);
        rows
    }

    /// Values of the packed kernel that have lanes.
    pub(super) fn interleaved_len(&self) -> usize {
        self.interleaved.as_ref().map_or(0, |interleaved| interleaved.len(self.packed_rows(), &self.problem))
    }

    /// The outputs of a task, if there are any.
    fn region(&self, task: usize) -> Option<Region> {
        let (problem, spacing) = (&self.problem, &self.rows);
        let mut task = task;
        // The last digit of a number of mixed bases, and on to the next one; most tasks have few that are not zero.
        let mut digit = |base: usize| {
            let [rest, digit] = if task == 0 { [0, 0] } else { [task / base, task % base] };
            task = rest;
            digit
        };
        let chunk = digit(problem.columns.output.div_ceil(TASK_COLUMNS));
        let [phase, block, group] = [spacing.phases, spacing.blocks, problem.groups()].map(&mut digit);
        let item = Some(task).filter(|&item| item < problem.batch())?;
        let first = block * spacing.block * spacing.tile + phase;
        let left = problem.rows.output.checked_sub(first).filter(|&left| left > 0)?;
        let start = chunk * TASK_COLUMNS;
        let columns = start..(start + TASK_COLUMNS).min(problem.columns.output);
        Some(Region { item, group, first, rows: left.div_ceil(spacing.tile).min(spacing.block), columns })
    }

    /// The value of all columns outside the input, if there is one, and tiles can have it in lanes.
    fn outside(&self, call: &Call<'_, T>, kind: &Band) -> Option<T> {
        let are_neighbours = kind.pixel == 1 && call.input_strides[3] == 1;
        let can_mask = are_neighbours && can_mask_ends(&self.problem, &self.rows);
        self.extensions.constant_of_columns().filter(|_| can_mask)
    }

    /// Whether the rows under a tile would drive each other out of the first-level cache if they were read in place.
    fn rows_collide(&self, call: &Call<'_, T>, kind: &Band) -> bool {
        let (problem, spacing) = (&self.problem, &self.rows);
        if !spacing.rows_share(problem.rows.taps) {
            return false; // one row after the other
        }
        let [_, tap_rows] = spacing.sweeps(problem.rows.taps);
        let vector = problem.isa.lanes(T::TYPE) * size_of::<T>();
        let bytes =
            TILE_VECTORS * vector + problem.columns.extent.saturating_mul(kind.pixel * size_of::<T>());
        let step = call.input_strides[2].wrapping_mul((spacing.input * size_of::<T>()) as isize);
        self.sets.overflow(SHARED_ROWS + tap_rows - 1, step, bytes)
    }

    /// The part of a region that can be read in place: its windows lie inside the input, whole vectors included.
    fn inner(&self, call: &Call<'_, T>, kind: &Band, region: &Region) -> Region {
        let columns = self.columns_inside(call, kind, &region.columns);
        let [above, rows] = if columns.is_empty() { [0, 0] } else { self.rows_inside(region) };
        Region { first: region.first + above * self.rows.tile, rows, columns, ..*region }
    }

    /// How many rows of a region come before those whose windows have all their rows inside, and how many these are.
    /// What stays outside is rounded up to whole tiles.
    fn rows_inside(&self, region: &Region) -> [usize; 2] {
        let (axis, tile) = (&self.problem.rows, self.rows.tile);
        let is_inside = |row: usize| {
            let top = axis.start(region.first + row * tile);
            top >= 0 && top + axis.extent as isize <= axis.input as isize
        };
        let first = (0..region.rows).find(|&row| is_inside(row)).unwrap_or(region.rows);
        let first = first.next_multiple_of(SHARED_ROWS).min(region.rows);
        let end = (first..region.rows).rev().find(|&row| is_inside(row)).map_or(first, |row| row + 1);
        let rows = end - first;
        [first, if end < region.rows { rows / SHARED_ROWS * SHARED_ROWS } else { rows }]
    }

    /// The part of `columns` whose windows lie inside the input and can be read in place, whole vectors included.
    fn columns_inside(&self, call: &Call<'_, T>, kind: &Band, columns: &Range<usize>) -> Range<usize> {
        let axis = &self.problem.columns;
        let nothing = columns.start..columns.start;
        if axis.stride != 1 || (call.input_strides[3] != kind.pixel as isize && axis.input > 1) {
            return nothing;
        }
        // So many columns are whole vectors, and whole periods of them.
        let lanes = self.problem.isa.lanes(T::TYPE);
        let outside = axis.before.saturating_sub(columns.start).next_multiple_of(lanes);
        let start = columns.start + outside;
        // From `start` on, windows of so many outputs lie inside.
        let room = (axis.before + axis.input + 1).saturating_sub(axis.extent + start);
        let wanted = columns.end.saturating_sub(start);
        let short = lanes * if self.outside(call, kind).is_some() { SHORT_MASKED_ROW } else { SHORT_ROW };
        if wanted.next_multiple_of(lanes) <= room {
            let is_short = outside > 0 && wanted <= short;
            return if is_short { nothing } else { start..columns.end };
        }
        let count = room / lanes * lanes;
        if count <= short { nothing } else { start..start + count.min(wanted) }
    }
}
