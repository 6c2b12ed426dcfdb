//! Executes a request by one strategy on one instruction set, in the layout of the request.

use convolve::reference::{self, Exact};
use convolve::{Conv, Declined, Element, Error, InstructionSet, Layout, Plan, View, ViewMut};

use super::random::Random;

/// The operands of a request. Arrays are in the layout of the request, the kernel is dense.
pub struct Operands<T> {
    pub input: Vec<T>,
    pub kernel: Vec<T>,
    pub bias: Option<Vec<T>>,
    /// What the output holds before.
    pub old: Vec<T>,
    shapes: [[usize; 4]; 3],
    layout: Layout,
}

impl<T: Element> Operands<T> {
    /// Operands made by `fill(random, count)`, with a bias for every other request.
    pub fn new(
        conv: &Conv,
        layout: Layout,
        random: &mut Random,
        fill: impl Fn(&mut Random, usize) -> Vec<T>,
    ) -> Self {
        let plan: Plan<T> = conv.clone().strategy("direct").plan().expect("direct declines nothing");
        let shapes = [plan.input_shape(), plan.kernel_shape(), plan.output_shape()];
        let count = |shape: [usize; 4]| shape.iter().product();
        Operands {
            input: fill(random, count(shapes[0])),
            kernel: fill(random, count(shapes[1])),
            bias: random.one_in(2).then(|| fill(random, shapes[2][1])),
            old: fill(random, count(shapes[2])),
            shapes,
            layout,
        }
    }

    pub fn input(&self) -> View<'_, T> {
        view(&self.input, self.shapes[0], self.layout)
    }

    pub fn kernel(&self) -> View<'_, T> {
        view(&self.kernel, self.shapes[1], Layout::Nchw)
    }

    /// The definition's result, in the order batch, channel, row, column.
    pub fn reference(&self, conv: &Conv) -> Vec<Exact> {
        let old = view(&self.old, self.shapes[2], self.layout);
        reference::convolve(conv, self.input(), self.kernel(), self.bias.as_deref(), Some(old))
            .expect("a valid request")
    }

    /// The result of a plan, in the order batch, channel, row, column. The workspace is dirty, and so is the output
    /// unless the request accumulates.
    pub fn execute(&self, plan: &Plan<T>, accumulates: bool) -> Vec<T> {
        let packed = plan.pack(self.kernel(), self.bias.as_deref()).expect("shapes fit");
        let mut output =
            if accumulates { self.old.clone() } else { vec![T::from_f64(f64::NAN); self.old.len()] };
        let mut workspace = vec![0xff; plan.workspace_bytes()];
        let to = view_mut(&mut output, self.shapes[2], self.layout);
        plan.execute_in(&packed, self.input(), to, &mut workspace).expect("shapes fit");
        in_order(view(&output, self.shapes[2], self.layout))
    }
}

pub fn view<T>(data: &[T], dims: [usize; 4], layout: Layout) -> View<'_, T> {
    View::new(data, dims, layout).expect("the length fits the shape")
}

pub fn view_mut<T>(data: &mut [T], dims: [usize; 4], layout: Layout) -> ViewMut<'_, T> {
    ViewMut::new(data, dims, layout).expect("the length fits the shape")
}

/// All elements in the order batch, channel, row, column.
pub fn in_order<T: Copy>(view: View<'_, T>) -> Vec<T> {
    let [batch, channels, rows, columns] = view.dims();
    let mut values = Vec::new();
    for b in 0..batch {
        for c in 0..channels {
            for y in 0..rows {
                for x in 0..columns {
                    values.extend(view.get([b, c, y, x]));
                }
            }
        }
    }
    values
}

/// A one-shot run with dense NCHW operands: what most laws need.
pub fn compute<T: Element>(conv: &Conv, input: &[T], kernel: &[T]) -> Result<Vec<T>, Error> {
    let plan: Plan<T> = conv.plan()?;
    let mut output = vec![T::from_f64(f64::NAN); plan.output_shape().iter().product()];
    let packed = plan.pack(View::nchw(kernel, plan.kernel_shape())?, None)?;
    let to = ViewMut::nchw(&mut output, plan.output_shape())?;
    plan.execute(&packed, View::nchw(input, plan.input_shape())?, to, &mut plan.workspace()?)?;
    Ok(output)
}

/// Strategies that depend on the values of the kernel, and serve no random ones; they have tests of their own.
pub const NEED_VALUES: [&str; 1] = ["separable"];

/// Every other strategy on every instruction set that this machine has.
pub fn combinations() -> Vec<(&'static str, InstructionSet)> {
    let sets = InstructionSet::available().expect("CONVOLVE_ISA is a known name");
    let pairs =
        convolve::strategies().into_iter().flat_map(|strategy| sets.iter().map(move |&isa| (strategy, isa)));
    pairs.filter(|(strategy, _)| !NEED_VALUES.contains(strategy)).collect()
}

/// Strategies whose results for whole numbers are whole numbers only when rounded.
pub const ROUND: [&str; 2] = ["fft", "winograd"];

/// Strategies that serve every problem.
pub const SERVE_ALL: [&str; 3] = ["direct", "gemm", "fft"];

/// The request forced to a combination; to `direct` where the strategy says, for either element type, that it is made
/// for other problems, which those of [`SERVE_ALL`] must not. A law that holds between strategies is as good.
pub fn forced(conv: &Conv, strategy: &'static str, isa: InstructionSet) -> Conv {
    let forced = conv.clone().strategy(strategy).instruction_set(isa);
    let is_for_others = |error: Option<Error>| {
        matches!(error, Some(Error::Declined { strategy, reason: Declined::Problem { .. } })
            if !SERVE_ALL.contains(&strategy))
    };
    if is_for_others(forced.plan::<f32>().err()) || is_for_others(forced.plan::<f64>().err()) {
        forced.strategy("direct")
    } else {
        forced
    }
}
