//! `depthwise`: convolution in which every channel, or every small group of channels, has a kernel of its own.
//!
//! Lanes are output channels, so that a vector of inputs is multiplied by a vector of taps, one for each channel. With
//! channels innermost and one input channel to each output, input and output are used where they are. Everything else
//! goes through a *band*, a copy of the rows under an output row with channels innermost, padded where the border asks
//! for it. In groups of several channels, a vector of inputs is dealt out to the lanes once for each input channel.
//!
//! It wins wherever there are as many groups as to fill vectors, and no channels to sum over. Error: each output is a
//! chain of `products` multiply-adds, see `docs/accuracy.md`. Sources and measurements: `docs/depthwise.md`.

mod band;
mod cut;
mod deals;
mod in_place;

use core::ops::Range;

use super::{Estimate, Packing, Prepared, Strategy};
use crate::call::Call;
use crate::conv::{Border, Operation};
use crate::cost::{DepthwiseShape, Machine, depthwise_least_seconds, depthwise_seconds};
use crate::element::Element;
use crate::error::{Declined, Error};
use crate::microkernel::Finish;
use crate::microkernel::depthwise_tile::Deal;
use crate::problem::{Axis, Problem};
use crate::view::View;
use crate::window::Extensions;
use cut::Cut;

pub(crate) struct Depthwise;

impl<T: Element> Strategy<T> for Depthwise {
    fn name(&self) -> &'static str {
        "depthwise"
    }

    fn estimate(&self, problem: &Problem, machine: &Machine) -> Result<Estimate, Declined> {
        if !deals::fit(problem) {
            return Err(Declined::Problem { serves: "groups of few channels" });
        }
        let cut = Cut::new(problem, machine);
        let cut = cut.ok_or(Declined::Problem { serves: "kernels that span few inputs" })?;
        let shape =
            DepthwiseShape { lanes: cut.lanes, copied: cut.copied(problem), tasks: cut.tasks(problem) };
        Ok(Estimate { seconds: depthwise_seconds(problem, machine, &shape), workspace: cut.workspace::<T>() })
    }

    fn least_seconds(&self, problem: &Problem, _machine: &Machine) -> f64 {
        depthwise_least_seconds(problem)
    }

    fn prepare(&self, problem: &Problem, machine: &Machine) -> Result<Box<dyn Prepared<T>>, Error> {
        let cut = Cut::new(problem, machine).ok_or(Error::TooLarge { quantity: "the copied inputs" })?;
        let len = problem.conv.channels_out.checked_next_multiple_of(cut.lanes);
        let len = len.and_then(|channels| channels.checked_mul(problem.products()));
        let len = len.filter(|&len| len <= isize::MAX as usize / problem.element.size());
        let (deals, patterns) = deals::deals(problem);
        Ok(Box::new(DepthwisePlan::<T> {
            extensions: Extensions::new(problem.conv.border),
            finish: Finish::new(&problem.conv),
            packed_len: len.ok_or(Error::TooLarge { quantity: "the packed kernel" })?,
            cut,
            deals,
            patterns,
            problem: problem.clone(),
        }))
    }
}

struct DepthwisePlan<T> {
    problem: Problem,
    extensions: Extensions<T>,
    finish: Finish<T>,
    cut: Cut,
    /// Of the last vectors of output channels: those that do not take whole vectors of inputs as they are.
    deals: Vec<Deal>,
    patterns: Vec<u32>,
    packed_len: usize,
}

/// Outputs of one item. The channels begin with a vector.
#[derive(Clone, Debug)]
struct Rectangle {
    item: usize,
    channels: Range<usize>,
    rows: Range<usize>,
    columns: Range<usize>,
}

impl<T: Element> Prepared<T> for DepthwisePlan<T> {
    fn packing(&self) -> Packing {
        let problem = &self.problem;
        Packing {
            strategy: "depthwise",
            kernel: problem.kernel_shape(),
            groups: problem.groups(),
            flipped: problem.conv.operation == Operation::Convolution,
            tiles: [self.cut.lanes, 0, 0, 0],
            len: self.packed_len,
            scratch: 0,
        }
    }

    /// In the order vector of output channels, input channel of the group, tap row, tap column, lane.
    fn pack(&self, kernel: View<'_, T>, packed: &mut [T], _scratch: &mut [T]) {
        let kernel = self.problem.oriented(kernel);
        let [_, inputs, rows, columns] = kernel.dims();
        let mut lanes = packed.chunks_exact_mut(self.cut.lanes);
        for first in (0..self.problem.conv.channels_out).step_by(self.cut.lanes) {
            for input in 0..inputs {
                for row in 0..rows {
                    for (column, lanes) in (0..columns).zip(&mut lanes) {
                        for (lane, tap) in lanes.iter_mut().enumerate() {
                            *tap = kernel.get([first + lane, input, row, column]).unwrap_or_default();
                        }
                    }
                }
            }
        }
    }

    fn tasks(&self) -> usize {
        self.problem.batch() * self.cut.tasks(&self.problem)
    }

    fn workspace(&self) -> usize {
        self.cut.workspace::<T>()
    }

    fn run(&self, call: &Call<'_, T>, task: usize, workspace: &mut [u8]) {
        let at = self.cut.rectangle(&self.problem, task);
        if !self.is_usable_in_place(call) {
            return self.through_band(call, &at, workspace);
        }
        let inner = self.inner(&at);
        self.in_place(call, &inner);
        let Rectangle { rows, columns, .. } = &at;
        for (rows, columns) in [
            (rows.start..inner.rows.start, columns.clone()),
            (inner.rows.clone(), columns.start..inner.columns.start),
            (inner.rows.clone(), inner.columns.end..columns.end),
            (inner.rows.end..rows.end, columns.clone()),
        ] {
            self.through_band(call, &Rectangle { rows, columns, ..at.clone() }, workspace);
        }
    }
}

impl<T: Element> DepthwisePlan<T> {
    /// Whether input and output have channels innermost.
    fn is_usable_in_place(&self, call: &Call<'_, T>) -> bool {
        let conv = &self.problem.conv;
        let are_neighbours = |stride: isize, channels: usize| stride == 1 || channels == 1;
        are_neighbours(call.input_strides[1], conv.channels_in)
            && are_neighbours(call.output_strides[1], conv.channels_out)
    }

    /// The input channels of these output channels.
    fn channels_read(&self, outputs: &Range<usize>) -> Range<usize> {
        let Problem { group_in, group_out, .. } = self.problem;
        outputs.start / group_out * group_in..outputs.end.div_ceil(group_out) * group_in
    }

    /// Those of the vectors of these output channels.
    fn deals_of(&self, outputs: &Range<usize>) -> &[Deal] {
        let whole = self.problem.conv.channels_out.div_ceil(self.cut.lanes) - self.deals.len();
        let dealt = |vector: usize| vector.saturating_sub(whole);
        &self.deals[dealt(outputs.start / self.cut.lanes)..dealt(outputs.end.div_ceil(self.cut.lanes))]
    }

    /// The outputs whose windows are inside the input, or else lie over zeros; what is left at the start is not empty
    /// where there are none.
    fn inner(&self, at: &Rectangle) -> Rectangle {
        let border = &self.problem.conv.border;
        let [top, bottom, left, right] =
            [border.top, border.bottom, border.left, border.right].map(|border| border == Border::Zero);
        let rows = inner(&self.problem.rows, &at.rows, [top, bottom]);
        let columns = inner(&self.problem.columns, &at.columns, [left, right]);
        // Zeros are read as such only where rows and columns are.
        Rectangle { rows, columns, ..at.clone() }
    }

    /// The tap rows of an output row that are not left out as zeros.
    fn tap_rows(&self, row: usize) -> Range<usize> {
        let axis = &self.problem.rows;
        let start = axis.start(row);
        let from = |y: isize| match ((y - start).max(0) as usize, axis.dilation) {
            // Spares a division.
            (reach, 1) => reach.min(axis.taps),
            (reach, dilation) => reach.div_ceil(dilation).min(axis.taps),
        };
        let border = &self.problem.conv.border;
        let first = if border.top == Border::Zero { from(0) } else { 0 };
        let end = if border.bottom == Border::Zero { from(axis.input as isize) } else { axis.taps };
        first..end.max(first)
    }

    /// Where the packed taps of a vector of channels start.
    fn taps(&self, channel: usize) -> usize {
        channel / self.cut.lanes * self.vector_step()
    }

    /// From a vector of channels to the next.
    fn vector_step(&self) -> usize {
        self.problem.products() * self.cut.lanes
    }
}

/// Those of the outputs whose windows are inside, or outside only where `zero` says that the border is zero.
fn inner(axis: &Axis, outputs: &Range<usize>, zero: [bool; 2]) -> Range<usize> {
    let first = if zero[0] { 0 } else { axis.before.div_ceil(axis.stride) };
    // The last whose window ends inside, by its start in the padded input.
    let last = (axis.input + axis.before).checked_sub(axis.extent);
    let end = if zero[1] { usize::MAX } else { last.map_or(0, |last| last / axis.stride + 1) };
    let first = first.clamp(outputs.start, outputs.end);
    first..end.clamp(first, outputs.end)
}
