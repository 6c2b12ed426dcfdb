//! A problem with its values and, if it is checked, its right results: shared by all strategies that run it.

use convolve::{Conv, Element, Error, Executor, PackedKernel, Plan, View, Workspace};

use crate::arguments::Arguments;
use crate::check::{Expected, most_relative_error};
use crate::copy;
use crate::fma_loop;
use crate::measure::{Timing, measure, shortest};
use crate::operands::{Operands, Shapes};
use crate::pool::Pool;
use crate::request::{Request, Taps};

pub(crate) struct Prepared<'a, T> {
    pub(crate) name: &'a str,
    pub(crate) request: Request,
    shapes: Shapes,
    operands: Operands<T>,
    expected: Option<Expected>,
    /// Multiply-adds of direct convolution.
    pub(crate) multiply_adds: f64,
    /// Whether a copy is timed, too.
    copies: bool,
}

/// What one strategy took.
pub(crate) struct Measured {
    pub(crate) pack_seconds: f64,
    pub(crate) timing: Timing,
    /// GFLOP/s of the pure FMA loop on one thread, the best seen between the samples.
    pub(crate) fma_gflops: Option<f64>,
    /// The shortest copy of the input over the output between the samples.
    pub(crate) copy_seconds: Option<f64>,
    /// Infinite if a value is missing.
    pub(crate) max_relative_error: Option<f64>,
    /// False only if it was checked.
    pub(crate) is_right: bool,
}

impl<'a, T: Element> Prepared<'a, T> {
    /// `plan` is any plan of the request: only its sizes count.
    pub(crate) fn new(
        name: &'a str,
        request: Request,
        plan: &Plan<T>,
        arguments: &Arguments,
    ) -> Result<Self, Error> {
        let shapes =
            Shapes { input: plan.input_shape(), kernel: plan.kernel_shape(), output: plan.output_shape() };
        let operands = Operands::new(name, &request, &shapes)?;
        let expected =
            arguments.check.then(|| Expected::new(&request, &shapes, &operands, plan.multiply_adds()));
        let multiply_adds = request.multiply_adds.unwrap_or(plan.multiply_adds());
        let (expected, copies) = (expected.transpose()?, arguments.copy);
        Ok(Prepared { name, request, shapes, operands, expected, multiply_adds, copies })
    }

    /// Plans with the kernel where its taps matter.
    pub(crate) fn plan(&self, conv: &Conv) -> Result<Plan<T>, Error> {
        if self.request.taps == Taps::Dense {
            return conv.plan();
        }
        let kernel = View::nchw(&self.operands.kernel, self.shapes.kernel)?;
        Ok(conv.with_kernel(kernel, None)?.plan().clone())
    }

    /// Times `plan` for at least `min_seconds`, and checks what the last call left.
    pub(crate) fn measure(
        &self,
        plan: &Plan<T>,
        pool: Option<&Pool>,
        min_seconds: f64,
    ) -> Result<Measured, Error> {
        let Prepared { request, shapes, operands, .. } = self;
        let kernel = View::nchw(&operands.kernel, shapes.kernel)?;
        let (packed, pack_seconds) = shortest(|| plan.pack(kernel, None))?;
        let threads = pool.map_or(1, Executor::threads);
        let mut workspace = Workspace::with_bytes(plan.workspace_bytes_for(threads))?;
        let mut output = operands.old.clone();
        let mut fma_gflops: Option<f64> = None;
        let mut copy_seconds: Option<f64> = None;
        let timing = measure(
            min_seconds,
            &mut output,
            |output| self.call(plan, &packed, pool, output, &mut workspace),
            |output| {
                let burst = fma_loop::burst(plan.instruction_set(), T::TYPE);
                fma_gflops = burst.map(|gflops| gflops.max(fma_gflops.unwrap_or(0.0)));
                if self.copies {
                    let seconds = copy::seconds(&operands.input, output);
                    copy_seconds = Some(seconds.min(copy_seconds.unwrap_or(f64::INFINITY)));
                }
            },
        )?;
        if self.expected.is_some() && request.accumulates() {
            // Every call has added to what the one before it left: start again for one that can be checked.
            output.copy_from_slice(&operands.old);
            self.call(plan, &packed, pool, &mut output, &mut workspace)?;
        }
        let view = request.output(&output, shapes.output)?;
        let max_relative_error =
            self.expected.as_ref().map(|expected| expected.max_relative_error(&output, view));
        let products = shapes.kernel[1..].iter().product();
        let is_right = max_relative_error.is_none_or(|error| error <= most_relative_error(T::TYPE, products));
        Ok(Measured { pack_seconds, timing, fma_gflops, copy_seconds, max_relative_error, is_right })
    }

    /// What is timed. The views are made anew for each call, as a caller would.
    fn call(
        &self,
        plan: &Plan<T>,
        packed: &PackedKernel<T>,
        pool: Option<&Pool>,
        output: &mut [T],
        workspace: &mut Workspace,
    ) -> Result<(), Error> {
        let input = self.request.input(&self.operands.input, self.shapes.input)?;
        let output = self.request.output_mut(output, self.shapes.output)?;
        match pool {
            None => plan.execute(packed, input, output, workspace),
            Some(pool) => plan.execute_with(pool, packed, input, output, workspace),
        }
    }
}
