//! Where inputs under equal taps are added before they are multiplied, once for both: on machines that add in units of
//! their own, and have registers for it.
//!
//! Whether taps are alike is seen when a task begins, so that a plan takes any kernel. What else decides is the same for
//! one item of a batch and for several: they are to have the same bits.

use super::SeparablePlan;
use super::cut::Cut;
use crate::cost::Machine;
use crate::element::Element;
use crate::low_rank::LowRank;
use crate::microkernel::folded_columns::has_room;
use crate::microkernel::separable_tile::takes_product;
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

/// Taps of the smallest kernels: where they are bound by memory, folding them only delays it.
const LEAST_TAPS: usize = 3;

impl Folding {
    pub(super) fn of(problem: &Problem, machine: &Machine, found: &LowRank, cut: &Cut) -> Self {
        let taps = [problem.rows.taps, problem.columns.taps];
        let has_units = machine.adds_aside && has_room(problem.isa.registers());
        if !has_units || cut.step != 1 || found.is_by_columns || cut.is_level[0] {
            return Folding::Nothing;
        }
        if found.terms > 1 || !takes_product(taps) {
            return Folding::Columns;
        }
        let planes = cut.planes_together();
        let is_far = planes as f64 * plane_bytes(problem) > machine.l2 as f64;
        if cut.is_at_once_for(problem, planes) && !(is_far && taps[0] <= LEAST_TAPS) {
            Folding::Both
        } else {
            Folding::Nothing
        }
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
        let are_alike = |taps: &[T], count: usize| taps.chunks_exact(count).all(is_symmetric);
        self.cut.folding.applies([are_alike(columns, column_taps), are_alike(rows, row_taps)])
    }
}

/// Whether taps are alike from either end.
fn is_symmetric<T: Element>(taps: &[T]) -> bool {
    let half = taps.len() / 2;
    taps[..half].iter().eq(taps[taps.len() - half..].iter().rev())
}

#[cfg(test)]
mod tests {
    use super::super::{Separable, facts};
    use super::*;
    use crate::call::Call;
    use crate::conv::{Border, Conv, Layout, Padding};
    use crate::isa::InstructionSet;
    use crate::low_rank::KernelFacts;
    use crate::strategy::Strategy;
    use crate::view::{View, ViewMut};
    use crate::workspace::{ALIGNMENT, AlignedBuffer, Workspace, aligned};

    fn machine(adds_aside: bool) -> Machine {
        Machine { adds_aside, ..*Machine::get() }
    }

    /// Small whole numbers, alike from either end: sums of them are exact.
    fn symmetric(count: usize) -> Vec<f32> {
        (0..count).map(|tap| 1.0 + (5 * tap.min(count - 1 - tap) % 7) as f32).collect()
    }

    fn outer(column: &[f32], row: &[f32]) -> Vec<f32> {
        column.iter().flat_map(|a| row.iter().map(move |b| a * b)).collect()
    }

    /// The outputs of a plan for a machine that adds in units of its own, or not, and what it folds.
    fn run(conv: &Conv, kernel: &[f32], input: &[f32], adds_aside: bool) -> (Vec<f32>, Folding) {
        let problem = Problem::new(conv, f32::TYPE).unwrap();
        let [channels, _, rows, columns] = problem.kernel_shape();
        let kernel =
            View::strided(kernel, 0, [channels, 1, rows, columns], [0, 0, columns as isize, 1]).unwrap();
        let (machine, facts) = (machine(adds_aside), facts(&problem, kernel));
        let KernelFacts::LowRank(found) = facts else { panic!("not separable: {conv:?}") };
        let folding = Separable::cut_terms(&problem, &machine, &found).unwrap().folding;
        let plan = Strategy::<f32>::prepare_known(&Separable, &problem, &machine, &facts).unwrap();
        let mut packed = AlignedBuffer::zeroed(plan.packing().len).unwrap();
        let mut scratch = AlignedBuffer::zeroed(plan.packing().scratch).unwrap();
        plan.pack(kernel, packed.as_mut_slice(), scratch.as_mut_slice());
        let [batch, channels, rows, columns] = problem.input_shape();
        let input = View::nhwc(input, [batch, rows, columns, channels]).unwrap();
        let [batch, channels, rows, columns] = problem.output_shape();
        let mut output = vec![f32::NAN; batch * channels * rows * columns];
        let mut view = ViewMut::nhwc(&mut output, [batch, rows, columns, channels]).unwrap();
        let call = Call::new(input, &mut view, packed.as_slice(), None);
        let mut workspace = Workspace::with_bytes(plan.workspace() + ALIGNMENT).unwrap();
        let memory = &mut aligned(workspace.as_mut_slice())[..plan.workspace()];
        (0..plan.tasks()).for_each(|task| plan.run(&call, task, memory));
        (output, folding)
    }

    #[test]
    fn folded_sums_of_whole_numbers_are_the_same() {
        let sizes = [[3, 3], [5, 5], [9, 9], [11, 11], [4, 6], [31, 17], [2, 2], [7, 7]];
        let mut folded = 0;
        for (case, [rows, columns]) in sizes.into_iter().cycle().take(64).enumerate() {
            let (channels, is_symmetric) = (1 + case / 8 % 4, case / 32 == 0);
            let (mut column, row) = (symmetric(rows), symmetric(columns));
            column[0] += if is_symmetric { 0.0 } else { 1.0 };
            let dims = [37, 53 + case];
            let values = dims[0] * dims[1] * channels;
            let input: Vec<f32> = (0..values).map(|i| (i * 37 % 101) as f32 - 50.0).collect();
            let conv = Conv::d2(dims, [rows, columns])
                .channels(channels, channels)
                .groups(channels)
                .layouts(Layout::Nhwc, Layout::Nhwc)
                .padding(Padding::Same)
                .border(if case.is_multiple_of(2) { Border::Reflect101 } else { Border::Zero });
            for &isa in InstructionSet::available().unwrap() {
                let conv = conv.clone().instruction_set(isa);
                let [(plain, nothing), (sums, folding)] =
                    [false, true].map(|adds_aside| run(&conv, &outer(&column, &row), &input, adds_aside));
                assert_eq!(nothing, Folding::Nothing);
                assert_eq!(sums, plain, "{isa}, {rows}x{columns}, {channels} channels, {folding:?}");
                folded += usize::from(folding != Folding::Nothing);
            }
        }
        let has_registers = has_room(InstructionSet::best().unwrap().registers());
        assert_eq!(folded > 30, has_registers, "{folded}");
    }

    #[test]
    fn batches_are_folded_as_their_items() {
        for (width, taps, dilation) in (8..70).flat_map(|w| [(w, 3, 1), (w, 5, 1), (w, 9, 2), (w, 11, 1)]) {
            let kernel = outer(&symmetric(taps), &symmetric(taps));
            let foldings = [1, 2, 3, 8].map(|batch| {
                let conv = Conv::d2([40, width], [taps; 2]).padding(Padding::Same).batch(batch);
                let conv = conv.dilation([1, dilation]).layouts(Layout::Nhwc, Layout::Nhwc);
                let problem = Problem::new(&conv, f32::TYPE).unwrap();
                let found = facts(&problem, View::plane(&kernel, [taps; 2]).unwrap());
                let KernelFacts::LowRank(found) = found else { panic!("not separable") };
                Separable::cut_terms(&problem, &machine(true), &found).unwrap().folding
            });
            assert!(foldings.iter().all(|folding| *folding == foldings[0]), "{width}: {foldings:?}");
        }
    }
}
