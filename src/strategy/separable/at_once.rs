//! Both sums of a part at once, straight from the input to the output: where the pixels of both are neighbours, and
//! there is a tile for the taps.
//!
//! Nothing is copied. Input rows are found through a table, where rows outside are those that the border repeats, or a
//! row of constants. What lies to the left and to the right of them is not read at all: sums along columns are repeated
//! instead, in registers.

use core::ops::Range;

use super::cut::Cut;
use super::{Part, SeparablePlan};
use crate::call::Call;
use crate::conv::{Border, Layout};
use crate::element::Element;
use crate::microkernel::Vouched;
use crate::microkernel::separable_tile::{AHEAD, MOST_LANES, Outside, SeparableTile, Terms, serves};
use crate::problem::{Axis, Problem};
use crate::window::Place;
use crate::workspace::{Booking, take};

/// Output rows of a task: from one to the next, memory waits.
pub(super) const TASK_ROWS: usize = 64;

/// Whether the values of so many planes side by side are expected to be neighbours, in and out.
fn are_neighbours(problem: &Problem, planes: usize) -> bool {
    let conv = &problem.conv;
    let layouts = [(conv.input_layout, conv.channels_in), (conv.output_layout, conv.channels_out)];
    planes > 1 || layouts.iter().all(|&(layout, channels)| layout == Layout::Nchw || channels == 1)
}

/// Whether both sums of so many planes side by side are taken at once, where they are the neighbours that they are
/// expected to be.
pub(super) fn serves_planes(problem: &Problem, cut: &Cut, planes: usize) -> bool {
    let rows = problem.rows.output.div_ceil(cut.spacing);
    let has_few_taps = cut.step == 1 && cut.has_few_taps(problem, planes);
    has_few_taps && are_neighbours(problem, planes) && has_tile(problem, cut, rows, planes)
}

/// Bytes of an input row of so many planes side by side.
pub(super) fn row_bytes(problem: &Problem, planes: usize) -> usize {
    problem.columns.input.saturating_mul(planes).saturating_mul(problem.element.size())
}

/// Whether there is a tile for so many output rows of a phase and planes side by side.
pub(super) fn has_tile(problem: &Problem, cut: &Cut, rows: usize, planes: usize) -> bool {
    let Axis { taps, before, after, dilation, input, .. } = problem.columns;
    let values = |columns: usize| columns.saturating_mul(planes);
    let isa = [cut.lanes, problem.element.size()];
    let has_vector = values(input) >= cut.lanes && problem.rows.input > 0;
    let are_sides_short = values(before.max(after)) <= cut.lanes;
    let places = [before, dilation].map(values);
    has_vector
        && are_sides_short
        && has_plain_corners(problem)
        && serves(isa, rows, kind(cut), [problem.rows.taps, taps], places)
}

/// Whether what stands beyond a corner is what stands beside it: of two constants, it is that of the row.
fn has_plain_corners(problem: &Problem) -> bool {
    let (rows, columns, borders) = (&problem.rows, &problem.columns, problem.conv.border);
    let constant = |(padding, border): (usize, Border)| match border {
        _ if padding == 0 => None,
        Border::Zero => Some(0.0),
        Border::Constant(value) => Some(value),
        _ => None,
    };
    let beyond = [(rows.before, borders.top), (rows.after, borders.bottom)];
    let beside = [(columns.before, borders.left), (columns.after, borders.right)];
    let mut constants = beyond.into_iter().filter_map(constant);
    constants.all(|row| beside.into_iter().filter_map(constant).all(|side| row == side))
}

/// What the terms are.
fn kind(cut: &Cut) -> Terms {
    if cut.is_by_columns { Terms::Columns } else { Terms::Product }
}

/// The values of input rows under the outputs of a part that are read in whole vectors, where both meet; counted from the
/// first of a row on.
fn inside(problem: &Problem, part: &Part, planes: usize) -> Range<isize> {
    let columns = &problem.columns;
    let end = columns.start(part.columns.end - 1) + columns.extent as isize;
    let values = |column: isize| column * planes as isize;
    values(part.columns.start as isize)..values(end.min(columns.input as isize))
}

/// Values of a row of constants: those of an input row. None is needed where no border is one.
fn constants(problem: &Problem, cut: &Cut) -> usize {
    let Axis { before, after, .. } = problem.rows;
    let borders = [(before, problem.conv.border.top), (after, problem.conv.border.bottom)];
    let has_constant = borders.iter().any(|(rows, border)| *rows > 0 && border.is_constant());
    if has_constant { problem.columns.input.saturating_mul(cut.bundle.count) } else { 0 }
}

/// Entries of the table of input rows.
fn table(problem: &Problem, cut: &Cut) -> usize {
    cut.block - 1 + problem.rows.taps + AHEAD
}

/// The workspace of a part, for elements of so many bytes.
pub(super) fn bytes(problem: &Problem, cut: &Cut, size: usize) -> usize {
    let constants = constants(problem, cut).saturating_mul(size);
    Booking::new().add::<*const u8>(table(problem, cut)).add::<u8>(constants).add::<u8>(constants).bytes()
}

/// A part of the output, and what lies under it. Values of input rows are counted from their first one on.
struct Window<'a, 'b, T> {
    plan: &'a SeparablePlan<T>,
    call: &'a Call<'b, T>,
    part: &'a Part,
    planes: usize,
    /// Where the whole vectors begin, and the end of what they may read.
    inside: Range<isize>,
    left: Outside<T>,
    right: Outside<T>,
}

impl<T: Element> SeparablePlan<T> {
    /// Whether both sums of a part are taken at once, with so many planes side by side.
    pub(super) fn is_at_once(&self, call: &Call<'_, T>, part: &Part, planes: usize) -> bool {
        let (cut, problem) = (&self.cut, &self.problem);
        let are_neighbours =
            [call.input_strides, call.output_strides].iter().all(|strides| strides[3] == planes as isize);
        let is_one_bias = !cut.bundle.needs_shared || planes == 1 || call.bias.is_none();
        cut.is_at_once
            && are_neighbours
            && is_one_bias
            && cut.has_few_taps(problem, planes)
            && has_tile(problem, cut, part.rows.len(), planes)
            && inside(problem, part, planes).len() >= cut.lanes
    }

    /// Computes a part.
    pub(super) fn sum_at_once(
        &self,
        call: &Call<'_, T>,
        part: &Part,
        planes: usize,
        mut workspace: &mut [u8],
    ) {
        let (cut, problem) = (&self.cut, &self.problem);
        let table = take::<*const T>(&mut workspace, table(problem, cut));
        let constants = [0, 1].map(|_| take::<T>(&mut workspace, constants(problem, cut)));
        let window = Window::new(self, call, part, planes);
        window.find_rows(table, constants);
        // SAFETY: `find_rows` has entered rows with all these values.
        unsafe { window.sum(table) };
    }
}

impl<'a, 'b, T: Element> Window<'a, 'b, T> {
    fn new(plan: &'a SeparablePlan<T>, call: &'a Call<'b, T>, part: &'a Part, planes: usize) -> Self {
        let inside = inside(&plan.problem, part, planes);
        let nothing = Outside { constant: None, source: inside.start, places: [0; MOST_LANES] };
        let mut window = Window { plan, call, part, planes, inside, left: nothing, right: nothing };
        let columns = &plan.problem.columns;
        let end = columns.start(part.columns.end - 1) + columns.extent as isize;
        let [before, end] = [columns.before as isize, end].map(|columns| columns * planes as isize);
        let Range { start: first, end: last } = window.inside;
        window.left = window.outside(first - plan.cut.lanes as isize, first - before..first);
        window.right = window.outside(last, last..end);
        window
    }

    /// Where the values of a vector that begins at `first` come from, as far as they are `needed`.
    fn outside(&self, first: isize, needed: Range<isize>) -> Outside<T> {
        let (planes, lanes) = (self.planes as isize, self.plan.cut.lanes as isize);
        let columns = self.plan.problem.columns.input;
        let mut outside = Outside { constant: None, source: self.inside.start, places: [0; MOST_LANES] };
        let mut places = [isize::MAX; MOST_LANES];
        for value in needed {
            match self.plan.extensions.column(value.div_euclid(planes), columns) {
                Place::Index(x) => places[(value - first) as usize] = x * planes + value.rem_euclid(planes),
                Place::Value(constant) => outside.constant = Some(constant),
            }
        }
        let least = *places.iter().min().unwrap_or(&isize::MAX);
        if outside.constant.is_some() || least == isize::MAX {
            return outside;
        }
        // A vector of the row has them all: they are no more than its lanes, one after the other.
        outside.source = least.min(columns as isize * planes - lanes);
        for (to, place) in outside.places.iter_mut().zip(places).filter(|(_, place)| *place < isize::MAX) {
            *to = (place - outside.source) as u32;
            debug_assert!(*to < lanes as u32, "{place} is not in the vector from {} on", outside.source);
        }
        outside
    }

    /// Enters the input rows under the part into the table, and those that will be wanted behind it.
    fn find_rows(&self, table: &mut [*const T], mut constants: [&mut [T]; 2]) {
        let rows = &self.plan.problem.rows;
        let first = rows.start(self.part.phase) + (self.part.rows.start * rows.dilation) as isize;
        let under = self.part.rows.len() - 1 + rows.taps;
        let base =
            self.call.input_at(self.part.item, self.part.channel / self.plan.problem.group_out, [0, 0]);
        let stride = self.call.input_strides[2];
        // Rows that are only asked for may be beyond all that a problem has been checked for.
        let place = |j: usize| first.wrapping_add(j.wrapping_mul(rows.dilation) as isize);
        let row = |j: usize| self.plan.extensions.row(place(j), rows.input);
        let read = self.values_read();
        // Rows above come first, rows below last.
        for (constants, j) in constants.iter_mut().zip([0, under - 1]) {
            if let Place::Value(value) = row(j) {
                constants[read.clone()].fill(value);
            }
        }
        let constants = constants.map(|constants| constants.as_ptr());
        for (j, to) in table[..under + AHEAD].iter_mut().enumerate() {
            *to = match row(j) {
                Place::Index(y) => base.wrapping_offset(y.wrapping_mul(stride)),
                Place::Value(_) if j >= under => base,
                Place::Value(_) => constants[usize::from(place(j) >= 0)],
            };
        }
    }

    /// Values of input rows between the first and the last that are read.
    fn values_read(&self) -> Range<usize> {
        let lanes = self.plan.cut.lanes as isize;
        let sources = [self.left.source, self.right.source];
        let start = sources.into_iter().fold(self.inside.start, isize::min);
        let end = sources.into_iter().map(|source| source + lanes).fold(self.inside.end, isize::max);
        start as usize..end as usize
    }

    /// Computes the part.
    ///
    /// # Safety
    /// The table holds the rows under the part, in which all values that are read are readable, and [`AHEAD`] more
    /// entries.
    unsafe fn sum(&self, table: &[*const T]) {
        let Window { plan, call, part, planes, .. } = *self;
        let (cut, columns) = (&plan.cut, &plan.problem.columns);
        let (column_taps, row_taps) = plan.factors(call, part.channel);
        let to = [part.phase + part.rows.start * cut.spacing, part.columns.start];
        let tile = SeparableTile {
            inputs: table.as_ptr(),
            first: self.inside.start,
            length: self.inside.len(),
            is_centred: columns.before > 0,
            left: self.left,
            right: self.right,
            terms: kind(cut),
            columns: column_taps,
            row: row_taps,
            step: columns.dilation * planes,
            to: call.output_at(part.item, part.channel, to),
            to_step: call.output_strides[2].wrapping_mul(cut.spacing as isize),
            rows: part.rows.len(),
            width: part.columns.len() * planes,
            is_row_by_row: cut.is_row_by_row,
            is_folded: plan.folds((column_taps, row_taps)) == [true; 2],
            bias: call.bias(part.channel),
            finish: &plan.finish,
            // SAFETY: the caller vouches for the rows, `outside` for what lies beside them, `is_at_once` for the taps and
            // that there is a vector. The outputs are neighbours inside the output view, whose shape was checked. What
            // accumulates has no few taps. `SeparablePlan::folds` has seen that taps are alike.
            _vouched: unsafe { Vouched::new() },
        };
        tile.run(plan.problem.isa);
    }
}
