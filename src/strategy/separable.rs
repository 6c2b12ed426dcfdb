//! `separable`: kernels that are a sum of few products of a column and a row, `h[i][j] = sum of column[i] * row[j]`.
//!
//! Summing along columns first and along rows then takes `terms * (rows + columns)` products for an output instead of
//! `rows * columns`. A tile of rows is summed along columns straight from the input, and along rows at once, from the
//! cache, to the output. With few taps, both at once.
//!
//! It depends on the values of the kernel, so that it is there only where they are known when planning ([`LowRank`]
//! finds the terms), unless the kernel is so small that any is taken as the sum of its columns. It wins from 3x3 on,
//! where images exceed the first-level cache. Error: docs/accuracy.md; componentwise only for single terms that match
//! every tap. Sources and measurements: docs/separable.md.

mod at_once;
mod cut;
mod folding;
mod rows;
mod sides;
mod strip;

use core::ops::Range;

use super::{Estimate, Packing, Prepared, Strategy};
use crate::call::Call;
use crate::conv::{Accuracy, Operation};
use crate::cost::{Machine, SeparableShape, separable_seconds};
use crate::element::Element;
use crate::error::{Declined, Error};
use crate::low_rank::{KernelFacts, LowRank, Terms, is_shared, room, round_off};
use crate::microkernel::Finish;
use crate::microkernel::row_pass::order;
use crate::microkernel::separable_tile::takes_columns;
use crate::problem::Problem;
use crate::view::View;
use crate::window::Extensions;
use crate::workspace::{bytes_of, take};
use cut::{Bundle, Cut};

pub(crate) struct Separable;

const LOW_RANK: Declined = Declined::Values {
    needs: "a kernel of rows and columns that is a sum of few separable ones, or a line of equal taps",
};

/// Whether there may be anything to gain.
fn serves(problem: &Problem) -> bool {
    problem.group_in == 1 && problem.rows.taps.max(problem.columns.taps) > 1
}

/// Whether the kernel is a row or a column, which is separable and gains nothing by that: only equal taps do.
fn is_line(problem: &Problem) -> bool {
    problem.rows.taps == 1 || problem.columns.taps == 1
}

/// What is to be known of a kernel: looks for terms where that can help.
pub(super) fn facts<T: Element>(problem: &Problem, kernel: View<'_, T>) -> KernelFacts {
    // As it is packed: sums that are taken in another order find factors that miss the taps by other amounts.
    let kernel = problem.oriented(kernel);
    let is_promising = serves(problem) && (!is_line(problem) || begins_level(kernel));
    let found = if is_promising { LowRank::of(kernel) } else { None };
    match found {
        Some(found) if !is_line(problem) || found.is_level == [true; 2] => KernelFacts::LowRank(found),
        _ => KernelFacts::HighRank { is_shared: problem.group_in == 1 && is_shared(kernel) },
    }
}

/// Whether the first plane of a line has equal taps: most lines differ in the second tap.
fn begins_level<T: Element>(kernel: View<'_, T>) -> bool {
    let [_, _, rows, columns] = kernel.dims();
    let tap = |row, column| kernel.get([0, 0, row, column]);
    (0..rows).all(|row| (0..columns).all(|column| tap(row, column) == tap(0, 0)))
}

/// Whether the error of each output stays within the bound of a plain sum: both chains and what the term misses of each
/// tap together round no more often than that.
fn is_componentwise(problem: &Problem, found: &LowRank) -> bool {
    let (rows, columns) = (problem.rows.taps as f64, problem.columns.taps as f64);
    found.terms == 1
        && rows + columns + 4.0 + found.by_tap / round_off(problem.element) <= rows * columns + 3.0
}

impl Separable {
    /// The terms to take, and how the work is cut: those found in the kernel, or else its columns where that helps.
    fn cut(problem: &Problem, machine: &Machine, kernel: &KernelFacts) -> Result<(LowRank, Cut), Declined> {
        if !serves(problem) {
            let serves = "kernels of several taps, with one input channel to a group";
            return Err(Declined::Problem { serves });
        }
        let reason = match kernel {
            KernelFacts::Unknown => {
                Declined::Values { needs: "the values of the kernel: plan by `with_kernel`" }
            }
            KernelFacts::HighRank { .. } => LOW_RANK,
            KernelFacts::LowRank(found) => match Self::cut_terms(problem, machine, found) {
                Ok(cut) => return Ok((*found, cut)),
                Err(reason) => reason,
            },
        };
        if !takes_columns([problem.rows.taps, problem.columns.taps]) {
            return Err(reason);
        }
        let columns =
            LowRank::by_columns(problem.columns.taps, kernel.is_shared() || problem.conv.channels_out == 1);
        Cut::new(problem, machine, &columns).map(|cut| (columns, cut)).ok_or(reason)
    }

    fn cut_terms(problem: &Problem, machine: &Machine, found: &LowRank) -> Result<Cut, Declined> {
        if problem.conv.accuracy == Accuracy::Componentwise && !is_componentwise(problem, found) {
            return Err(Declined::Accuracy);
        }
        let serves = "kernels that span few inputs";
        Cut::new(problem, machine, found).ok_or(Declined::Problem { serves })
    }
}

impl<T: Element> Strategy<T> for Separable {
    fn name(&self) -> &'static str {
        "separable"
    }

    fn estimate(&self, problem: &Problem, machine: &Machine) -> Result<Estimate, Declined> {
        <Self as Strategy<T>>::estimate_known(self, problem, machine, &KernelFacts::Unknown)
    }

    fn prepare(&self, problem: &Problem, machine: &Machine) -> Result<Box<dyn Prepared<T>>, Error> {
        self.prepare_known(problem, machine, &KernelFacts::Unknown)
    }

    fn estimate_known(
        &self,
        problem: &Problem,
        machine: &Machine,
        kernel: &KernelFacts,
    ) -> Result<Estimate, Declined> {
        let (found, cut) = Self::cut(problem, machine, kernel)?;
        let shape = SeparableShape {
            terms: found.terms,
            is_interleaved: cut.planes_together() > 1,
            has_few_taps: cut.has_few_taps(problem, cut.planes_together()),
            sharing: cut.sharing,
            folds: cut.folding.applies(found.is_symmetric),
            is_at_once: cut.is_at_once,
            is_by_columns: cut.is_by_columns,
            is_level: cut.is_level,
            piece: cut.piece,
            work: cut.work,
            tile: cut.tile,
            step: cut.step,
            asks_ahead: cut.asks_ahead(),
            inputs: cut.inputs(problem),
            tasks: cut.tasks(problem),
        };
        Ok(Estimate {
            seconds: separable_seconds(problem, machine, &shape),
            workspace: cut.bytes::<T>(problem),
        })
    }

    fn prepare_known(
        &self,
        problem: &Problem,
        machine: &Machine,
        kernel: &KernelFacts,
    ) -> Result<Box<dyn Prepared<T>>, Error> {
        let declined = |reason| Error::Declined { strategy: "separable", reason };
        let (found, cut) = Self::cut(problem, machine, kernel).map_err(declined)?;
        Ok(Box::new(SeparablePlan::<T>::new(problem, cut, &found)?))
    }
}

/// Of columns and of rows, in one number.
fn levels([columns, rows]: [bool; 2]) -> usize {
    usize::from(columns) + 2 * usize::from(rows)
}

struct SeparablePlan<T> {
    problem: Problem,
    extensions: Extensions<T>,
    finish: Finish<T>,
    cut: Cut,
    terms: usize,
    /// Where the taps of a row find their inputs, in the order in which they are packed: of one plane, and of planes
    /// side by side.
    offsets: Vec<isize>,
    bundle_offsets: Vec<isize>,
    /// Values of the packed kernel, and of the room to find it.
    packed_len: usize,
    scratch_len: usize,
}

/// Outputs that a task computes, of planes that a task takes one after the other or side by side.
#[derive(Clone, Debug)]
struct Part {
    /// Item and output channel of the first plane.
    item: usize,
    channel: usize,
    /// Of the rows whose distance is `spacing` from `phase` on, these.
    phase: usize,
    rows: Range<usize>,
    columns: Range<usize>,
}

impl<T: Element> Prepared<T> for SeparablePlan<T> {
    fn packing(&self) -> Packing {
        let problem = &self.problem;
        let is_strict = problem.conv.accuracy == Accuracy::Componentwise;
        Packing {
            strategy: "separable",
            kernel: problem.kernel_shape(),
            groups: problem.groups(),
            flipped: problem.conv.operation == Operation::Convolution,
            tiles: [
                self.terms,
                self.cut.lanes,
                usize::from(is_strict),
                usize::from(self.cut.bundle.needs_shared)
                    + 2 * levels(self.cut.is_level)
                    + 8 * usize::from(self.cut.is_by_columns)
                    + 16 * self.cut.sharing.map_or(0, |sharing| sharing.number(problem.columns.taps)),
            ],
            len: self.packed_len,
            scratch: self.scratch_len,
        }
    }

    fn admits(&self, kernel: View<'_, T>, scratch: &mut [T]) -> Result<(), Declined> {
        let kernel = self.problem.oriented(kernel);
        let found = if self.cut.is_by_columns {
            LowRank::by_columns(self.terms, is_shared(kernel))
        } else {
            let mut memory = bytes_of(scratch);
            let count = room(self.taps(), self.terms).unwrap_or(0);
            LowRank::within(kernel, self.terms, take::<f64>(&mut memory, count)).ok_or(LOW_RANK)?
        };
        if self.cut.bundle.needs_shared && !found.is_shared {
            return Err(Declined::Values { needs: "the same kernel for every channel, as was planned for" });
        }
        if (0..2).any(|axis| self.cut.is_level[axis] && !found.is_level[axis]) {
            return Err(Declined::Values { needs: "a kernel of equal taps, as was planned for" });
        }
        let is_strict = self.problem.conv.accuracy == Accuracy::Componentwise;
        if is_strict && !found.is_by_columns && !is_componentwise(&self.problem, &found) {
            return Err(Declined::Accuracy);
        }
        Ok(())
    }

    /// For each output channel the columns of all terms, then their rows in the order of the row pass.
    fn pack(&self, kernel: View<'_, T>, packed: &mut [T], scratch: &mut [T]) {
        let kernel = self.problem.oriented(kernel);
        if self.cut.is_by_columns {
            return self.pack_columns(kernel, packed);
        }
        let [rows, columns] = self.taps();
        let mut memory = bytes_of(scratch);
        let memory = take::<f64>(&mut memory, room([rows, columns], self.terms).unwrap_or(0));
        for (channel, packed) in packed.chunks_exact_mut(self.channel_len()).enumerate() {
            let mut terms = Terms::<T>::new([rows, columns], self.terms, memory);
            let found = terms.decompose(kernel, channel);
            debug_assert!(found.is_some(), "`admits` has been asked");
            let (to_columns, to_rows) = packed.split_at_mut(self.terms * rows);
            let (to_columns, to_rows) =
                (to_columns.chunks_exact_mut(rows), to_rows.chunks_exact_mut(columns));
            for (term, (to_column, to_row)) in to_columns.zip(to_rows).enumerate() {
                let [column, row] = terms.factors(term);
                to_column.iter_mut().zip(column).for_each(|(to, &tap)| *to = T::from_f64(tap));
                let order = order(columns, self.cut.sharing);
                to_row.iter_mut().zip(order).for_each(|(to, tap)| *to = T::from_f64(row[tap]));
            }
        }
    }

    fn tasks(&self) -> usize {
        self.cut.tasks(&self.problem)
    }

    fn workspace(&self) -> usize {
        self.cut.bytes::<T>(&self.problem)
    }

    fn run(&self, call: &Call<'_, T>, task: usize, workspace: &mut [u8]) {
        let part = self.cut.part(&self.problem, task);
        let Bundle { count, over_batch, .. } = self.cut.bundle;
        if count > 1 && self.is_interleaved(call) {
            return self.run_part(call, &part, count, workspace);
        }
        for plane in 0..count {
            let (item, channel) = if over_batch { (plane, 0) } else { (0, plane) };
            let part = Part { item: part.item + item, channel: part.channel + channel, ..part.clone() };
            self.run_part(call, &part, 1, workspace);
        }
    }
}

impl<T: Element> SeparablePlan<T> {
    fn new(problem: &Problem, cut: Cut, found: &LowRank) -> Result<Self, Error> {
        let [rows, columns] = [problem.rows.taps, problem.columns.taps];
        let too_large = || Error::TooLarge { quantity: "the packed kernel" };
        let room = room([rows, columns], found.terms).and_then(|room| room.checked_mul(size_of::<f64>()));
        let channel_len = (rows + columns).checked_mul(found.terms).ok_or_else(too_large)?;
        let packed_len = channel_len.checked_mul(problem.conv.channels_out).ok_or_else(too_large)?;
        // Where each tap has a term of its own, it finds it behind those before.
        let term_step = if found.is_by_columns { cut.tile * cut.pitch } else { 0 };
        let offsets = |planes: usize| -> Vec<isize> {
            let offset = |tap| cut.offset(problem, tap) * planes + tap * term_step;
            order(columns, cut.sharing).map(|tap| offset(tap) as isize).collect()
        };
        let (offsets, bundle_offsets) = (offsets(1), offsets(cut.bundle.count));
        Ok(SeparablePlan {
            extensions: Extensions::new(problem.conv.border),
            finish: Finish::new(&problem.conv),
            cut,
            terms: found.terms,
            offsets,
            bundle_offsets,
            packed_len,
            // `take` rounds up to a cache line.
            scratch_len: room.ok_or_else(too_large)?.next_multiple_of(64) / size_of::<T>(),
            problem: problem.clone(),
        })
    }

    /// Computes a part, with so many planes side by side.
    fn run_part(&self, call: &Call<'_, T>, part: &Part, planes: usize, workspace: &mut [u8]) {
        if self.is_at_once(call, part, planes) {
            self.sum_at_once(call, part, planes, workspace);
        } else {
            self.strip(call, part, planes, workspace);
        }
    }

    fn taps(&self) -> [usize; 2] {
        [self.problem.rows.taps, self.problem.columns.taps]
    }

    /// Packed values of an output channel.
    fn channel_len(&self) -> usize {
        let [rows, columns] = self.taps();
        self.terms * (rows + columns)
    }

    /// The packed columns of an output channel, and its rows.
    fn factors<'a>(&self, call: &Call<'a, T>, channel: usize) -> (&'a [T], &'a [T]) {
        let len = self.channel_len();
        let packed: &'a [T] = &call.packed[channel * len..][..len];
        packed.split_at(self.terms * self.problem.rows.taps)
    }

    /// Terms of the pass over rows: where each tap has a term of its own along columns, their row is one of ones.
    fn row_terms(&self) -> usize {
        if self.cut.is_by_columns { 1 } else { self.terms }
    }

    /// For each output channel its columns, then ones.
    fn pack_columns(&self, kernel: View<'_, T>, packed: &mut [T]) {
        let [rows, _] = self.taps();
        for (channel, packed) in packed.chunks_exact_mut(self.channel_len()).enumerate() {
            let (columns, ones) = packed.split_at_mut(self.terms * rows);
            for (at, to) in columns.iter_mut().enumerate() {
                *to = kernel.get([channel, 0, at % rows, at / rows]).unwrap_or_default();
            }
            ones.fill(T::from_f64(1.0));
        }
    }

    /// Whether input and output have the planes of a bundle as neighbours, and pixels after each other.
    fn is_interleaved(&self, call: &Call<'_, T>) -> bool {
        let Bundle { count, over_batch, .. } = self.cut.bundle;
        let axis = if over_batch { 0 } else { 1 };
        [call.input_strides, call.output_strides]
            .iter()
            .all(|strides| strides[axis] == 1 && strides[3] == count as isize)
    }
}
