//! Plans for a machine that adds in units of its own, and for one that does not, whichever this is.

use super::super::{Separable, facts};
use super::*;
use crate::call::Call;
use crate::conv::{Border, Conv, Layout, Padding};
use crate::isa::InstructionSet;
use crate::low_rank::KernelFacts;
use crate::strategy::Strategy;
use crate::view::{View, ViewMut};
use crate::workspace::{ALIGNMENT, AlignedBuffer, Workspace, aligned};

/// With caches of a common size.
fn machine(adds_aside: bool) -> Machine {
    Machine { adds_aside, l1: 32 << 10, l2: 1 << 20, ..*Machine::get() }
}

/// Alike from either end: each value that of the nearer end.
fn symmetric<T: Element>(count: usize, value: impl Fn(usize) -> f64) -> Vec<T> {
    (0..count).map(|tap| T::from_f64(value(tap.min(count - 1 - tap)))).collect()
}

/// Small whole numbers: sums of them are exact.
fn whole(at: usize) -> f64 {
    1.0 + (5 * at % 7) as f64
}

fn wave(at: usize) -> f64 {
    (at as f64 * 1.7 + 0.3).sin()
}

fn outer<T: Element>(column: &[T], row: &[T]) -> Vec<T> {
    column.iter().flat_map(|a| row.iter().map(move |b| T::from_f64(a.to_f64() * b.to_f64()))).collect()
}

fn folding<T: Element>(conv: &Conv, kernel: View<'_, T>, adds_aside: bool) -> Folding {
    let problem = Problem::new(conv, T::TYPE).unwrap();
    let KernelFacts::LowRank(found) = facts(&problem, kernel) else { panic!("not separable: {conv:?}") };
    Separable::cut_terms(&problem, &machine(adds_aside), &found).unwrap().folding
}

/// A picture of interleaved channels, all with one kernel.
struct Case<T> {
    conv: Conv,
    kernel: Vec<T>,
    input: Vec<T>,
}

impl<T: Element> Case<T> {
    fn new(conv: Conv, channels: usize, [column, row]: [&[T]; 2], value: impl Fn(usize) -> f64) -> Self {
        let conv = conv.channels(channels, channels).groups(channels).layout(Layout::Nhwc);
        let values = conv.input.iter().product::<usize>() * channels;
        let input = (0..values).map(|i| T::from_f64(value(i * 37 % 101) - 2.0)).collect();
        Case { conv, kernel: outer(column, row), input }
    }

    fn kernel(&self) -> View<'_, T> {
        let (channels, [rows, columns]) = (self.conv.channels_out, self.conv.kernel);
        View::strided(&self.kernel, 0, [channels, 1, rows, columns], [0, 0, columns as isize, 1]).unwrap()
    }

    fn folding(&self) -> Folding {
        folding(&self.conv, self.kernel(), true)
    }

    /// The outputs of a plan for such a machine, in memory where a pixel is so many pixels from the next.
    fn run(&self, adds_aside: bool, spread: usize) -> Vec<T> {
        let problem = Problem::new(&self.conv, T::TYPE).unwrap();
        let facts = facts(&problem, self.kernel());
        let plan = Strategy::<T>::prepare_known(&Separable, &problem, &machine(adds_aside), &facts).unwrap();
        let mut packed = AlignedBuffer::zeroed(plan.packing().len).unwrap();
        let mut scratch = AlignedBuffer::zeroed(plan.packing().scratch).unwrap();
        plan.pack(self.kernel(), packed.as_mut_slice(), scratch.as_mut_slice());
        let [_, channels, rows, columns] = problem.input_shape();
        let input = View::nhwc(&self.input, [1, rows, columns, channels]).unwrap();
        let [_, _, rows, columns] = problem.output_shape();
        let step = channels * spread;
        let mut output = vec![T::from_f64(f64::NAN); rows * columns * step];
        let strides = [0, 1, columns * step, step].map(|stride| stride as isize);
        let mut view = ViewMut::strided(&mut output, 0, [1, channels, rows, columns], strides).unwrap();
        let call = Call::new(input, &mut view, packed.as_slice(), None);
        let mut workspace = Workspace::with_bytes(plan.workspace() + ALIGNMENT).unwrap();
        let memory = &mut aligned(workspace.as_mut_slice())[..plan.workspace()];
        (0..plan.tasks()).for_each(|task| plan.run(&call, task, memory));
        output.chunks_exact(step).flat_map(|pixel| pixel[..channels].iter().copied()).collect()
    }
}

/// Whether the best instruction set of this machine has registers for it.
fn has_registers() -> bool {
    has_room(InstructionSet::best().unwrap().registers())
}

#[test]
fn folded_sums_of_whole_numbers_are_the_same() {
    let sizes = [[3, 3], [5, 5], [9, 9], [11, 11], [6, 4], [31, 17], [2, 2], [7, 7]];
    let mut folded = 0;
    for (case, [rows, columns]) in sizes.into_iter().cycle().take(64).enumerate() {
        let (mut column, row) = (symmetric::<f32>(rows, whole), symmetric::<f32>(columns, whole));
        column[0] += if case / 32 == 0 { 0.0 } else { 1.0 };
        let conv = Conv::d2([37, 53 + case], [rows, columns]).padding(Padding::Same);
        let conv = conv.border(if case.is_multiple_of(2) { Border::Reflect101 } else { Border::Zero });
        for &isa in InstructionSet::available().unwrap() {
            let conv = conv.clone().instruction_set(isa);
            let case = Case::new(conv, 1 + case / 8 % 4, [&column, &row], whole);
            assert_eq!(case.run(true, 1), case.run(false, 1), "{:?}", case.conv);
            folded += usize::from(case.folding() != Folding::Nothing);
        }
    }
    assert_eq!(folded > 30, has_registers(), "{folded}");
}

/// Real numbers show by their last bits what has been folded: at once as in both passes, which memory whose pixels are
/// no neighbours asks for, and where a task has few rows.
fn check_bits<T: Element>(taps: [usize; 2], channels: usize, expected: Folding) {
    let factors = taps.map(|count| symmetric::<T>(count, wave));
    let conv = Conv::d2([66, 90], taps).padding(Padding::Same).border(Border::Reflect101);
    let case = Case::new(conv, channels, [&factors[0], &factors[1]], wave);
    assert_eq!(case.folding(), expected, "{:?}", case.conv);
    let [plain, folded, spread] = [(false, 1), (true, 1), (true, 2)].map(|(adds, step)| case.run(adds, step));
    assert!(folded == spread, "{:?}", case.conv);
    assert_eq!(plain == folded, expected == Folding::Nothing, "{:?}", case.conv);
}

#[test]
fn what_is_folded_is_so_in_every_way_of_computing() {
    for channels in [1, 3] {
        for taps in [3, 5, 7, 9, 11, 31] {
            let expected = match taps {
                _ if !has_registers() => Folding::Nothing,
                ..=9 => Folding::Both,
                _ => Folding::Columns,
            };
            check_bits::<f32>([taps; 2], channels, expected);
        }
        let [both, columns] = [Folding::Both, Folding::Columns]
            .map(|folding| if has_registers() { folding } else { Folding::Nothing });
        check_bits::<f64>([5, 5], 1, both);
        check_bits::<f64>([9, 9], channels, columns);
        check_bits::<f32>([6, 40], channels, columns);
        check_bits::<f32>([4, 40], channels, Folding::Nothing);
    }
}

#[test]
fn small_kernels_that_wait_for_memory_are_not_folded() {
    let folding = |dims, taps| {
        let factor = symmetric::<f32>(taps, whole);
        Case::new(Conv::d2(dims, [taps; 2]).padding(Padding::Same), 1, [&factor, &factor], whole).folding()
    };
    assert_eq!(folding([600, 800], 3), Folding::Nothing);
    assert_eq!(folding([600, 800], 5) == Folding::Both, has_registers());
    assert_eq!(folding([60, 80], 3) == Folding::Both, has_registers());
}

#[test]
fn batches_are_folded_as_their_items() {
    let mut both = 0;
    for (width, taps, dilation) in (8..70).flat_map(|w| [(w, 3, 1), (w, 5, 1), (w, 9, 2), (w, 11, 1)]) {
        let factor = symmetric::<f32>(taps, whole);
        let kernel = outer(&factor, &factor);
        let foldings = [1, 2, 3, 8].map(|batch| {
            let conv = Conv::d2([40, width], [taps; 2]).padding(Padding::Same).batch(batch);
            let conv = conv.dilation([1, dilation]).layout(Layout::Nhwc);
            folding(&conv, View::plane(&kernel, [taps; 2]).unwrap(), true)
        });
        assert!(foldings.iter().all(|folding| *folding == foldings[0]), "{width}: {foldings:?}");
        both += usize::from(foldings[0] == Folding::Both);
    }
    assert_eq!(both > 100, has_registers(), "{both}");
}
