//! How the outputs of a group are cut into rectangles, one for each task.

use core::ops::Range;

use super::frame::may_be_framed;
use super::reach::leaves_much_out;
use super::{copied_values, is_unpadded};
use crate::conv::Layout;
use crate::cost::Machine;
use crate::problem::Problem;

/// Most columns of a rectangle of whole rows, and as many outputs of a channel as it is to have; four times as many
/// where an output has few products, so that what a task begins with is worth it.
const MOST_COLUMNS: usize = 512;
const IN_WHOLE_ROWS: usize = 256;
const FEW_PRODUCTS: usize = 64;

/// A rectangle of outputs of one group of one item.
#[derive(Clone, Debug)]
pub(in crate::strategy) struct Rectangle {
    pub(in crate::strategy) item: usize,
    pub(in crate::strategy) group: usize,
    pub(in crate::strategy) rows: Range<usize>,
    pub(in crate::strategy) columns: Range<usize>,
}

impl Rectangle {
    /// Row and column of the first output.
    pub(in crate::strategy) fn first(&self) -> [usize; 2] {
        [self.rows.start, self.columns.start]
    }

    /// Outputs of a channel.
    pub(in crate::strategy) fn pixels(&self) -> usize {
        self.rows.len() * self.columns.len()
    }

    /// Writes the distance of each output from the first, row by row.
    pub(in crate::strategy) fn write_places(
        &self,
        [row_step, column_step]: [isize; 2],
        places: &mut [isize],
    ) {
        for (row, places) in places.chunks_exact_mut(self.columns.len()).enumerate() {
            let mut next = (row as isize).wrapping_mul(row_step);
            for place in places {
                *place = next;
                next = next.wrapping_add(column_step);
            }
        }
    }
}

/// The sizes of the rectangles. Those at the ends may be smaller.
#[derive(Clone, Copy)]
pub(in crate::strategy) struct Rectangles {
    pub(in crate::strategy) rows: usize,
    pub(in crate::strategy) columns: usize,
}

impl Rectangles {
    /// Of about so many outputs; of whole rows, and as many as suit them, where only their ends are copied then. `None`
    /// where even the inputs under a few outputs are too many to copy.
    pub(in crate::strategy) fn new(problem: &Problem, machine: &Machine, pixels: usize) -> Option<Self> {
        let most_values = machine.l2 / 2 / problem.element.size();
        let (all_rows, all_columns) = (problem.rows.output.max(1), problem.columns.output.max(1));
        let evenly = |all: usize, most: usize| all.div_ceil(all.div_ceil(most.max(1)));
        let is_framed = may_be_framed(problem) && !is_unpadded(problem) && !leaves_much_out(problem);
        let whole_rows = is_framed && all_columns <= MOST_COLUMNS;
        let mut columns = if whole_rows { all_columns } else { evenly(all_columns, pixels) };
        let more = if problem.products() <= FEW_PRODUCTS { 4 } else { 1 };
        let pixels = if whole_rows { (more * IN_WHOLE_ROWS).max(2 * columns) } else { pixels };
        let mut rows = evenly(all_rows, pixels / columns);
        while copied_values(problem, [rows, columns]) > most_values {
            match () {
                () if rows > 1 => rows = evenly(all_rows, rows / 2),
                () if columns > 16 => columns = evenly(all_columns, columns / 2),
                () if copied_values(problem, [1, columns]) > 4 * most_values => return None,
                () => break,
            }
        }
        Some(Rectangles { rows, columns })
    }

    /// Outputs of a channel in a rectangle.
    pub(in crate::strategy) fn pixels(&self) -> usize {
        self.rows * self.columns
    }

    /// Values that are copied for a rectangle where copies are due: of windows that leave the input, or whose channels
    /// lie apart.
    pub(in crate::strategy) fn copied(&self, problem: &Problem) -> usize {
        let is_planar = problem.conv.input_layout == Layout::Nchw && problem.group_in > 1;
        if is_unpadded(problem) && !is_planar { 0 } else { copied_values(problem, [self.rows, self.columns]) }
    }

    /// The same where rows of taps must be in one piece, which those of groups are in copies only.
    pub(in crate::strategy) fn copied_for_runs(&self, problem: &Problem, whole_rows: bool) -> usize {
        let is_apart = problem.groups() > 1 && problem.columns.taps > 1 && whole_rows;
        if is_apart { copied_values(problem, [self.rows, self.columns]) } else { self.copied(problem) }
    }

    /// Rectangles along rows and columns.
    pub(in crate::strategy) fn counts(&self, problem: &Problem) -> [usize; 2] {
        [problem.rows.output.div_ceil(self.rows), problem.columns.output.div_ceil(self.columns)]
    }

    /// Rectangles of all groups and items.
    pub(in crate::strategy) fn all(&self, problem: &Problem) -> usize {
        self.counts(problem).iter().product::<usize>() * problem.batch() * problem.groups()
    }

    /// One of them.
    pub(in crate::strategy) fn at(&self, problem: &Problem, index: usize) -> Rectangle {
        let [rows, columns] = self.counts(problem);
        let (index, column) = (index / columns, index % columns);
        let (index, row) = (index / rows, index % rows);
        let part = |index: usize, each: usize, all: usize| index * each..((index + 1) * each).min(all);
        Rectangle {
            item: index / problem.groups(),
            group: index % problem.groups(),
            rows: part(row, self.rows, problem.rows.output),
            columns: part(column, self.columns, problem.columns.output),
        }
    }
}
