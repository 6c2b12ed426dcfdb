//! One problem, ready to be timed: all that is slow or allocates has happened once it is made.

use std::error::Error;
use std::ffi::CString;

use convolve::{Conv, Convolver, Element, PackedKernel, View, ViewMut, Workspace};
use rayon::{ThreadPool, ThreadPoolBuilder};

/// Plan, packed kernel and workspace of a request, chosen with the kernel known.
pub struct Layer<T: Element> {
    conv: Conv,
    /// Sizes of input, kernel and output.
    shapes: [[usize; 4]; 3],
    convolver: Convolver<T>,
    /// What `pack_and_run` packs into.
    repacked: PackedKernel<T>,
    workspace: Workspace,
    pool: Option<ThreadPool>,
}

impl<T: Element> Layer<T> {
    /// `kernel` holds output channel, input channel of the group, row, column.
    pub fn new(conv: Conv, kernel: &[T], threads: usize) -> Result<Self, Box<dyn Error>> {
        let shape = conv.plan::<T>()?.kernel_shape();
        let kernel = View::nchw(kernel, shape)?;
        let convolver = conv.with_kernel(kernel, None)?;
        let repacked = convolver.plan().pack(kernel, None)?;
        let workspace = convolver.workspace_for(threads)?;
        let pool = match threads {
            1 => None,
            _ => Some(ThreadPoolBuilder::new().num_threads(threads).build()?),
        };
        let plan = convolver.plan();
        let shapes = [plan.input_shape(), plan.kernel_shape(), plan.output_shape()];
        Ok(Layer { conv, shapes, convolver, repacked, workspace, pool })
    }

    /// Names of strategy and instruction set.
    pub fn name(&self) -> Result<CString, Box<dyn Error>> {
        let plan = self.convolver.plan();
        Ok(CString::new(format!("{} {}", plan.strategy(), plan.instruction_set()))?)
    }

    /// What `explain()` says.
    pub fn explanation(&self) -> Result<CString, Box<dyn Error>> {
        Ok(CString::new(self.convolver.explain().to_string())?)
    }

    /// Sizes of input, kernel and output.
    pub fn shapes(&self) -> [[usize; 4]; 3] {
        self.shapes
    }

    /// With everything prepared. The views are made anew for each call, as a caller would.
    #[inline(always)]
    pub fn run(&mut self, input: &[T], output: &mut [T]) -> Result<(), convolve::Error> {
        if self.pool.is_some() {
            return self.run_in_pool(input, output);
        }
        let x = input_view(&self.conv, self.shapes[0], input)?;
        let y = output_view(&self.conv, self.shapes[2], output)?;
        self.convolver.execute(x, y, &mut self.workspace)
    }

    /// As [`run`](Layer::run), apart from it: its views are handed on, and those of short calls are not to be.
    #[inline(never)]
    fn run_in_pool(&mut self, input: &[T], output: &mut [T]) -> Result<(), convolve::Error> {
        let x = input_view(&self.conv, self.shapes[0], input)?;
        let y = output_view(&self.conv, self.shapes[2], output)?;
        match &self.pool {
            None => self.convolver.execute(x, y, &mut self.workspace),
            Some(pool) => self.convolver.execute_with(pool, x, y, &mut self.workspace),
        }
    }

    /// With a plan and a workspace, but no kernel yet: packs it first.
    pub fn pack_and_run(
        &mut self,
        kernel: &[T],
        input: &[T],
        output: &mut [T],
    ) -> Result<(), convolve::Error> {
        let plan = self.convolver.plan();
        plan.pack_into(&mut self.repacked, View::nchw(kernel, plan.kernel_shape())?, None)?;
        let x = input_view(&self.conv, self.shapes[0], input)?;
        let y = output_view(&self.conv, self.shapes[2], output)?;
        match &self.pool {
            None => plan.execute(&self.repacked, x, y, &mut self.workspace),
            Some(pool) => plan.execute_with(pool, &self.repacked, x, y, &mut self.workspace),
        }
    }

    /// With nothing prepared: chooses, plans, packs, allocates a workspace, and computes.
    pub fn run_once(&self, kernel: &[T], input: &[T], output: &mut [T]) -> Result<(), convolve::Error> {
        let kernel = View::nchw(kernel, self.convolver.plan().kernel_shape())?;
        let convolver = self.conv.with_kernel(kernel, None)?;
        let x = input_view(&self.conv, self.shapes[0], input)?;
        let y = output_view(&self.conv, self.shapes[2], output)?;
        match &self.pool {
            None => convolver.execute(x, y, &mut convolver.workspace()?),
            Some(pool) => {
                let mut workspace = convolver.workspace_for(pool.current_num_threads())?;
                convolver.execute_with(pool, x, y, &mut workspace)
            }
        }
    }
}

#[inline(always)]
fn input_view<'a, T>(conv: &Conv, shape: [usize; 4], input: &'a [T]) -> Result<View<'a, T>, convolve::Error> {
    View::new(input, shape, conv.input_layout)
}

#[inline(always)]
fn output_view<'a, T>(
    conv: &Conv,
    shape: [usize; 4],
    output: &'a mut [T],
) -> Result<ViewMut<'a, T>, convolve::Error> {
    ViewMut::new(output, shape, conv.output_layout)
}
