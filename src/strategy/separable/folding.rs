//! Where inputs under equal taps are added before they are multiplied, once for both: on machines that add in units of
//! their own, and have registers for it.
//!
//! Whether taps are alike is seen when a task begins, so that a plan takes any kernel. What else decides is the same
//! for one item of a batch and for several, side by side or not: they are to have the same bits.

use super::cut::Cut;
use super::{SeparablePlan, at_once};
use crate::cost::Machine;
use crate::element::Element;
use crate::low_rank::{LowRank, is_symmetric};
use crate::microkernel::folded_columns::has_room;
use crate::microkernel::separable_tile::{goes_row_by_row, takes_product};
use crate::problem::Problem;

/// What is folded, if the taps are alike from either end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Folding {
    Nothing,
    /// Sums along columns.
    Columns,
    /// Sums along columns and along rows, or neither: those that are taken at once.
    Both,
}

/// With fewer taps, sums along columns wait for loads.
const LEAST_COLUMN_TAPS: usize = 5;
/// With no more taps, sums at once may wait for memory.
const MOST_WAITING_TAPS: usize = 3;

impl Folding {
    pub(super) fn of(problem: &Problem, machine: &Machine, found: &LowRank, cut: &Cut) -> Self {
        let taps = [problem.rows.taps, problem.columns.taps];
        let has_units = machine.adds_aside && has_room(problem.isa.registers());
        if !has_units || cut.step != 1 || found.is_by_columns || cut.is_level[0] {
            return Folding::Nothing;
        }
        let planes = cut.planes_together();
        // Those that are taken at once have few taps.
        if !takes_product(taps) || !cut.has_few_taps(problem, planes) {
            return if taps[0] >= LEAST_COLUMN_TAPS { Folding::Columns } else { Folding::Nothing };
        }
        // Items side by side may be taken at once where a single one is not, which is not folded therefore.
        let waits = taps[0] <= MOST_WAITING_TAPS && waits_for_memory(problem, machine, planes);
        if at_once::serves_planes(problem, cut, planes) && !waits { Folding::Both } else { Folding::Nothing }
    }

    /// Sums along columns, and along rows, of a kernel that is alike so along either axis.
    pub(super) fn applies(self, are_alike: [bool; 2]) -> [bool; 2] {
        match self {
            Folding::Nothing => [false; 2],
            Folding::Columns => [are_alike[0], false],
            Folding::Both => [are_alike == [true; 2]; 2],
        }
    }
}

/// Whether so many planes exceed the second-level cache, or their rows go one after the other as in a copy.
fn waits_for_memory(problem: &Problem, machine: &Machine, planes: usize) -> bool {
    planes as f64 * plane_bytes(problem) > machine.l2 as f64
        || goes_row_by_row(at_once::row_bytes(problem, planes), machine.l1)
}

/// Of an input plane and of an output plane.
fn plane_bytes(problem: &Problem) -> f64 {
    let input = problem.rows.input as f64 * problem.columns.input as f64;
    (input + problem.output_plane() as f64) * problem.element.size() as f64
}

impl<T: Element> SeparablePlan<T> {
    /// Whether sums along columns, and along rows, are folded for these taps: columns and rows of all terms.
    pub(super) fn folds(&self, (columns, rows): (&[T], &[T])) -> [bool; 2] {
        if self.cut.folding == Folding::Nothing {
            return [false; 2];
        }
        let [column_taps, row_taps] = self.taps();
        let are_alike =
            |taps: &[T], count: usize| taps.chunks_exact(count).all(|taps| is_symmetric(taps.iter()));
        self.cut.folding.applies([are_alike(columns, column_taps), are_alike(rows, row_taps)])
    }
}

#[cfg(test)]
mod tests;
