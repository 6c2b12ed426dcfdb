//! Signals: one row of each channel, with a kernel for each channel. What surrounds the tiles may take as long as they
//! do.
//!
//! All that depends on the problem alone has been worked out. A short signal is copied with its borders, as a whole,
//! and one tile computes all; of a long one, only what lies under the ends of the output is copied.

use core::ops::Range;

use super::band::BandShape;
use super::planes::{PlanesPlan, TASK_COLUMNS};
use crate::call::Call;
use crate::cost::Machine;
use crate::element::Element;
use crate::microkernel::Vouched;
use crate::microkernel::signal_tile::{FewTaps, Pairs, Row, farthest, pairs_pay, phases_len};
use crate::microkernel::sliding_tile::SlidingTile;
use crate::problem::{Axis, Problem};
use crate::window::Extensions;
use crate::workspace::{Booking, take};

/// Bytes of a padded signal that is copied as a whole: the ends of a long one would take longer.
const SHORT: usize = 6 << 10;
/// Values that copies may take.
const MOST_VALUES: usize = 16 << 10;

/// Bytes from an input that is read to the one that is asked for meanwhile, where signals come from memory: a block of
/// outputs reads its inputs at once, for which what the processor asks for by itself comes too late.
const AHEAD: usize = 4 << 10;

/// Whether the channels of a problem are signals.
pub(super) fn is_signal(problem: &Problem) -> bool {
    let (rows, columns) = (&problem.rows, &problem.columns);
    let is_row = [rows.taps, rows.input, rows.output, rows.before] == [1, 1, 1, 0];
    let is_single = [problem.group_in, problem.group_out, columns.stride] == [1; 3];
    is_row && is_single && problem.conv.accumulate == 0.0
}

/// Whether even and odd inputs of its signals are dealt out, which takes taps in their own order.
pub(super) fn is_paired(problem: &Problem) -> bool {
    let (columns, lanes) = (&problem.columns, problem.isa.lanes(problem.element));
    let pays = pairs_pay(columns.taps, lanes, problem.element.size());
    pays && columns.dilation == 1 && is_signal(problem)
}

/// Whether its signals have so few taps that none of them share loads, which takes taps in their own order, too.
pub(super) fn has_few_taps(problem: &Problem) -> bool {
    let (columns, lanes) = (&problem.columns, problem.isa.lanes(problem.element));
    let is_near = columns.taps - 1 <= farthest(lanes, problem.element.size()).min(lanes);
    is_near && columns.dilation == 1 && is_signal(problem)
}

/// Which tile computes.
#[derive(Clone, Copy, PartialEq)]
enum Tile {
    FewTaps,
    Pairs,
    Sliding,
}

/// Outputs, and where the inputs under them begin, of which some are inside.
#[derive(Clone)]
struct Span {
    columns: Range<usize>,
    first: isize,
    inside: Range<usize>,
}

impl Span {
    #[inline]
    fn new(axis: &Axis, columns: Range<usize>) -> Self {
        let first = axis.start(columns.start);
        let count = (columns.len() + axis.taps - 1) as isize;
        let [start, end] = [0, axis.input as isize].map(|edge| (edge - first).clamp(0, count) as usize);
        Span { columns, first, inside: start..end }
    }
}

/// How the outputs of a signal are computed.
pub(super) struct Signal<T> {
    tile: Tile,
    /// What is outside, if the tile needs to know no more, so that nothing is copied; and what it computes then, if
    /// that is one task. If not:
    outside: Option<T>,
    whole: Option<Span>,
    /// The outputs whose windows are read in place; what lies before and after goes through copies.
    in_place: Range<usize>,
    lanes: usize,
    /// Values of the largest copy, with what a vector reads beyond it, and of what a tile needs.
    copied: usize,
    phases: usize,
    /// Parts that a signal is cut into, and signals.
    chunks: usize,
    signals: usize,
    /// Whether inputs and outputs do not stay in the caches.
    is_far: bool,
}

impl<T: Element> Signal<T> {
    /// `None` where the problem is none of this kind.
    pub(super) fn new(problem: &Problem, machine: &Machine, shape: &BandShape) -> Option<Self> {
        let columns = &problem.columns;
        if !is_signal(problem) || columns.taps != shape.tap_columns || columns.output == 0 {
            return None;
        }
        let lanes = problem.isa.lanes(problem.element);
        let tile = match () {
            () if is_paired(problem) => Tile::Pairs,
            () if has_few_taps(problem) => Tile::FewTaps,
            () => Tile::Sliding,
        };
        let (output, extent) = (columns.output, columns.extent);
        let end = (columns.before + columns.input + 1).saturating_sub(extent).min(output);
        let start = if columns.before == 0 { 0 } else { columns.before.checked_next_multiple_of(lanes)? };
        let padded = output.checked_add(extent)?.checked_mul(problem.element.size())?;
        let is_inside = columns.before == 0 && end == output;
        let is_short = !is_inside && padded <= SHORT || end < start + lanes;
        let in_place = if is_short { output..output } else { start..end };
        // Where what is read in place is less than a vector in the last task, it is copied as well.
        let copied = in_place.start.max(output - in_place.end + lanes).min(output).max(lanes);
        let copied = copied.checked_add(lanes + extent)?;
        let constant = Extensions::new(problem.conv.border).constant_of_columns();
        let outside = constant.filter(|_| tile != Tile::Sliding);
        let copied = if outside.is_some() { 0 } else { copied };
        let phases = if tile == Tile::Pairs { phases_len(lanes, columns.taps) } else { 0 };
        let [chunks, signals] = [output.div_ceil(TASK_COLUMNS), problem.batch() * problem.groups()];
        let whole = (outside.is_some() && chunks == 1).then(|| Span::new(columns, 0..output));
        let is_far = machine.is_left_by(problem);
        let signal =
            Signal { tile, outside, whole, in_place, lanes, copied, phases, chunks, signals, is_far };
        (copied <= MOST_VALUES).then_some(signal)
    }

    pub(super) fn tasks(&self) -> usize {
        self.chunks.saturating_mul(self.signals)
    }

    /// Bytes of workspace.
    pub(super) fn bytes(&self) -> usize {
        Booking::new().add::<T>(self.copied).add::<T>(self.phases).bytes()
    }

    /// Whether samples are neighbours.
    #[inline]
    pub(super) fn is_usable(&self, call: &Call<'_, T>, problem: &Problem) -> bool {
        (call.input_strides[3] == 1 || problem.columns.input <= 1)
            && (call.output_strides[3] == 1 || problem.columns.output == 1)
    }

    /// Computes the outputs of a task.
    pub(super) fn run(&self, plan: &PlanesPlan<T>, call: &Call<'_, T>, task: usize, memory: &mut [u8]) {
        match &self.whole {
            // The first item and channel: a short call has no time to find them.
            Some(span) if task == 0 => Job { signal: self, plan, call, place: [0; 2], memory }.extended(span),
            _ => self.run_any(plan, call, task, memory),
        }
    }

    #[inline(never)]
    fn run_any(&self, plan: &PlanesPlan<T>, call: &Call<'_, T>, task: usize, memory: &mut [u8]) {
        let [signal, chunk] =
            if task < self.chunks { [0, task] } else { [task / self.chunks, task % self.chunks] };
        if signal >= self.signals {
            return;
        }
        let mut job = Job { signal: self, plan, call, place: place(plan, signal), memory };
        if let Some(span) = &self.whole {
            return job.extended(span);
        }
        let start = chunk * TASK_COLUMNS;
        let end = (start + TASK_COLUMNS).min(plan.problem.columns.output);
        if self.outside.is_some() {
            return job.extended(&Span::new(&plan.problem.columns, start..end));
        }
        let within = |at: usize| at.clamp(start, end);
        let mut middle = within(self.in_place.start)..within(self.in_place.end);
        if middle.len() < self.lanes {
            middle.end = middle.start;
        }
        job.copied(start..middle.start);
        job.in_place(middle.clone());
        job.copied(middle.end..end);
    }
}

/// Item and channel.
fn place<T: Element>(plan: &PlanesPlan<T>, signal: usize) -> [usize; 2] {
    match plan.problem.groups() {
        1 => [signal, 0],
        groups => [signal / groups, signal % groups],
    }
}

/// One task.
struct Job<'a, T: Element> {
    signal: &'a Signal<T>,
    plan: &'a PlanesPlan<T>,
    call: &'a Call<'a, T>,
    /// Item and channel.
    place: [usize; 2],
    memory: &'a mut [u8],
}

impl<T: Element> Job<'_, T> {
    /// What is copied, and the phases of the tile.
    fn buffers(&mut self) -> [&mut [T]; 2] {
        let mut memory = &mut *self.memory;
        [self.signal.copied, self.signal.phases].map(|count| take(&mut memory, count))
    }

    /// Where the tile has its phases, if it has any.
    fn phases(&mut self) -> *mut T {
        if self.signal.phases == 0 { core::ptr::null_mut() } else { self.buffers()[1].as_mut_ptr() }
    }

    /// With a constant border.
    #[inline(always)]
    fn extended(&mut self, Span { columns, first, inside }: &Span) {
        let [item, channel] = self.place;
        let input = self.call.input_at(item, channel, [0, *first]);
        let phases = self.phases();
        // SAFETY: inputs from the first one on, of which those inside the input are read.
        unsafe { self.compute(input, inside.clone(), columns.clone(), phases) };
    }

    #[inline]
    fn in_place(&mut self, columns: Range<usize>) {
        if columns.is_empty() {
            return;
        }
        let [item, channel] = self.place;
        let axis = self.plan.problem.columns;
        let first = self.call.input_at(item, channel, [0, axis.start(columns.start)]);
        let phases = self.phases();
        // SAFETY: windows inside the input, of at least a vector of outputs.
        unsafe { self.compute(first, 0..columns.len() + axis.extent - 1, columns, phases) };
    }

    #[inline]
    fn copied(&mut self, columns: Range<usize>) {
        if columns.is_empty() {
            return;
        }
        let (problem, [item, channel]) = (&self.plan.problem, self.place);
        let plane = self.call.plane(problem, item, channel, &self.plan.extensions);
        let reach = problem.columns.extent - 1;
        let first = problem.columns.start(columns.start);
        let lanes = self.signal.lanes;
        let [copy, phases] = self.buffers();
        plane.read(0, first, 1, &mut copy[..columns.len() + reach]);
        debug_assert!(columns.len().max(lanes) + reach <= copy.len());
        let (copy, phases) = (copy.as_ptr(), phases.as_mut_ptr());
        // SAFETY: what lies under these outputs has been copied; there is room for a vector of them.
        unsafe { self.compute(copy, 0..columns.len() + reach, columns, phases) };
    }

    /// # Safety
    /// Of the inputs from `input` on, those `inside` are readable; all that are under the outputs, or under a vector of
    /// them if they are fewer, unless the border is constant. `phases` are those of the tile.
    #[inline(always)]
    unsafe fn compute(&self, input: *const T, inside: Range<usize>, columns: Range<usize>, phases: *mut T) {
        let (problem, [item, channel]) = (&self.plan.problem, self.place);
        if self.signal.tile == Tile::Sliding {
            // SAFETY: vouched for by the caller; the tile knows no border.
            return unsafe { self.slide(input, columns) };
        }
        let taps = problem.columns.taps;
        let row = Row {
            input,
            inside,
            outside: self.signal.outside.unwrap_or_default(),
            taps: &self.call.packed[channel * taps..][..taps],
            step: 1,
            output: self.call.output_at(item, channel, [0, columns.start]),
            width: columns.len(),
            ahead: self.signal.is_far.then(|| input.wrapping_byte_add(AHEAD)),
            bias: self.call.bias(channel),
            finish: &self.plan.finish,
            // SAFETY: inputs as the caller vouches; outputs inside the output view, whose shape was checked, and
            // neighbours; a problem that accumulates is not of this kind. Few taps reach no farther than a vector.
            _vouched: unsafe { Vouched::new() },
        };
        match self.signal.tile {
            // The phases have been booked for these taps and lanes.
            Tile::Pairs => T::dispatch(problem.isa, Pairs { row, phases }),
            _ => T::dispatch(problem.isa, FewTaps(row)),
        }
    }

    /// # Safety
    /// `input` is readable under all taps of the outputs, and of a vector of them if they are fewer.
    unsafe fn slide(&self, input: *const T, columns: Range<usize>) {
        let (problem, [item, channel]) = (&self.plan.problem, self.place);
        let runs = self.plan.band.runs(problem.columns.taps, true);
        let bias = self.call.bias(channel);
        let tile = SlidingTile {
            input,
            channels: 1,
            channel_step: 0,
            sweeps: 1,
            sweep_step: 0,
            row_step: 0,
            runs,
            tap_rows: 1,
            longer_sweeps: 0,
            weights: self.call.packed[channel * problem.columns.taps..].as_ptr(),
            weight_channel_step: 0,
            weight_column_step: 1,
            weight_sweep_step: 0,
            output: self.call.output_at(item, channel, [0, columns.start]),
            output_row_step: 0,
            output_step: 1,
            rows: 1,
            width: columns.len(),
            bias: &raw const bias,
            finish: self.plan.finish,
            // SAFETY: inputs as the caller vouches, for a tile that does not add to old outputs; the packed kernel
            // holds the taps of one row; outputs inside the output view, whose shape was checked, and neighbours.
            _vouched: unsafe { Vouched::new() },
        };
        T::dispatch(problem.isa, tile);
    }
}
