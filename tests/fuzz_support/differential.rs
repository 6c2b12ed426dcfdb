//! Every strategy on every instruction set against the reference: small shapes, all options.

use convolve::{Conv, Element, Error, Layout, PackedKernel, Plan, View, ViewMut, reference};

use super::Reached;
use super::bytes::Bytes;
use super::operands::{
    Seed, assert_exact, assert_refusal_is_due, indices, is_affordable, is_packable, kernel,
};
use super::request::{Request, available_instruction_set};

/// A request with the memory to execute it in.
struct Case {
    request: Request,
    /// Of input and output as they are, whatever the request announces.
    layouts: [Layout; 2],
    has_bias: bool,
    seed: Seed,
    /// Bytes from the start of an allocation to the workspace.
    misalignment: usize,
}

/// The first three bytes force the strategy, the instruction set and the element type.
pub fn check(data: &[u8]) -> Reached {
    let mut bytes = Bytes::new(data);
    let strategy = bytes.pick(&convolve::strategies());
    let instruction_set = available_instruction_set(&mut bytes);
    let is_double = bytes.flag();
    let mut request = Request::small(&mut bytes);
    request.strategy = Some(strategy);
    request.instruction_set = Some(instruction_set);
    let layouts = request.layouts.map(|layout| if bytes.below(8) == 1 { other(layout) } else { layout });
    let (has_bias, seed, misalignment) = (bytes.flag(), Seed(bytes.byte()), bytes.below(64));
    let case = Case { request, layouts, has_bias, seed, misalignment };
    if is_double { case.check::<f64>() } else { case.check::<f32>() }
}

fn other(layout: Layout) -> Layout {
    if layout == Layout::Nchw { Layout::Nhwc } else { Layout::Nchw }
}

/// The values of one execution.
struct Operands<T> {
    input: Vec<T>,
    kernel: Vec<T>,
    bias: Option<Vec<T>>,
    /// What the output holds before: NaN where it must not be read.
    old: Vec<T>,
}

impl Case {
    fn check<T: Element>(&self) -> Reached {
        let mut reached = Reached::default();
        if !is_affordable(&self.request) {
            return reached;
        }
        let conv = self.request.conv();
        match self.plan::<T>(&conv) {
            Ok(plan) if !is_packable(&plan) => {}
            Ok(plan) => {
                let expected = self.request.output_shape();
                assert_eq!(Some(plan.output_shape().map(|size| size as i128)), expected, "{conv}");
                self.execute(&conv, &plan);
                if !plan.output_shape().contains(&0) {
                    reached.add(&plan);
                }
            }
            Err(error) => assert_refusal_is_due(&self.request, self.request.strategy.unwrap_or(""), &error),
        }
        reached
    }

    /// With the kernel, for a strategy that depends on its values.
    fn plan<T: Element>(&self, conv: &Conv) -> Result<Plan<T>, Error> {
        if self.request.strategy != Some("separable") {
            return conv.plan();
        }
        let dims = conv.clone().strategy("direct").plan::<T>()?.kernel_shape();
        let taps = kernel::<T>(self.seed, "separable", dims);
        Ok(conv.with_kernel(view(&taps, dims, Layout::Nchw), None)?.plan().clone())
    }

    fn execute<T: Element>(&self, conv: &Conv, plan: &Plan<T>) {
        let operands = self.operands(plan);
        let [input_layout, output_layout] = self.layouts;
        let input = view(&operands.input, plan.input_shape(), input_layout);
        let taps = view(&operands.kernel, plan.kernel_shape(), Layout::Nchw);
        let bias = operands.bias.as_deref();
        let old = view(&operands.old, plan.output_shape(), output_layout);
        let expected = reference::convolve(conv, input, taps, bias, Some(old)).expect("it has been planned");
        let packed = plan.pack(taps, bias).expect("the operands have the shapes of the plan");

        let mut computed = operands.old.clone();
        let output = view_mut(&mut computed, plan.output_shape(), output_layout);
        self.run(plan, &packed, input, output, 0).expect("the operands have the shapes of the plan");
        let computed = view(&computed, plan.output_shape(), output_layout);
        let values = indices(plan.output_shape()).map(|at| computed.get(at).map_or(f64::NAN, T::to_f64));
        assert_exact(&format!("{conv} {}", T::TYPE), plan.strategy(), &expected, values);
        self.assert_needs_its_workspace(plan, &packed, input, &operands.old);
    }

    fn operands<T: Element>(&self, plan: &Plan<T>) -> Operands<T> {
        let count = |shape: [usize; 4]| shape.iter().product();
        let outputs = count(plan.output_shape());
        Operands {
            input: self.seed.integers(0, count(plan.input_shape())),
            kernel: kernel(self.seed, plan.strategy(), plan.kernel_shape()),
            bias: self.has_bias.then(|| self.seed.integers(2, plan.output_shape()[1])),
            old: match self.request.accumulate {
                0.0 => vec![T::from_f64(f64::NAN); outputs],
                _ => self.seed.integers(3, outputs),
            },
        }
    }

    /// Executes in dirty memory that is `missing` bytes shorter than the plan asks for, nothing behind it.
    fn run<T: Element>(
        &self,
        plan: &Plan<T>,
        packed: &PackedKernel<T>,
        input: View<'_, T>,
        output: ViewMut<'_, T>,
        missing: usize,
    ) -> Result<(), Error> {
        let mut memory = vec![0xff; self.misalignment + plan.workspace_bytes() - missing].into_boxed_slice();
        plan.execute_in(packed, input, output, &mut memory[self.misalignment..])
    }

    /// With one byte less there is an error, and nothing is written.
    fn assert_needs_its_workspace<T: Element>(
        &self,
        plan: &Plan<T>,
        packed: &PackedKernel<T>,
        input: View<'_, T>,
        old: &[T],
    ) {
        if plan.workspace_bytes() == 0 {
            return;
        }
        let mut untouched = old.to_vec();
        let output = view_mut(&mut untouched, plan.output_shape(), self.layouts[1]);
        let refused = self.run(plan, packed, input, output, 1);
        assert!(matches!(refused, Err(Error::WorkspaceTooSmall { .. })), "{plan:?}: {refused:?}");
        let same = |(new, old): (&T, &T)| new.to_f64().to_bits() == old.to_f64().to_bits();
        assert!(untouched.iter().zip(old).all(same), "{plan:?} writes before it refuses");
    }
}

/// A dense view of `[batch, channel, row, column]`.
fn view<T>(data: &[T], dims: [usize; 4], layout: Layout) -> View<'_, T> {
    View::new(data, dims, layout).expect("the slice has the length of the shape")
}

/// As [`view`], to write to.
fn view_mut<T>(data: &mut [T], dims: [usize; 4], layout: Layout) -> ViewMut<'_, T> {
    ViewMut::new(data, dims, layout).expect("the slice has the length of the shape")
}
