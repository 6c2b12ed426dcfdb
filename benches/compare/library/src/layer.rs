//! One layer, ready to be timed: all that is slow or allocates has happened once it is made.

use std::error::Error;
use std::ffi::CString;

use convolve::{Conv, Layout, PackedKernel, Plan, View, ViewMut, Workspace};
use rayon::{ThreadPool, ThreadPoolBuilder};

/// Plan, packed kernel and workspace of a request on `f32`.
pub struct Layer {
    plan: Plan<f32>,
    packed: PackedKernel<f32>,
    workspace: Workspace,
    layouts: [Layout; 2],
    pool: Option<ThreadPool>,
    /// Names of strategy and instruction set.
    pub name: CString,
    /// What `explain()` says.
    pub explanation: CString,
}

impl Layer {
    /// `kernel` holds output channel, input channel of the group, row, column.
    pub fn new(problem: &str, kernel: &[f32], threads: usize) -> Result<Self, Box<dyn Error>> {
        let conv: Conv = problem.parse()?;
        let plan = conv.plan::<f32>()?;
        let packed = plan.pack(View::nchw(kernel, plan.kernel_shape())?, None)?;
        let workspace = plan.workspace_for(threads)?;
        let pool = match threads {
            1 => None,
            _ => Some(ThreadPoolBuilder::new().num_threads(threads).build()?),
        };
        let layouts = [conv.input_layout, conv.output_layout];
        let name = CString::new(format!("{} {}", plan.strategy(), plan.instruction_set()))?;
        let explanation = CString::new(plan.explain().to_string())?;
        Ok(Layer { plan, packed, workspace, layouts, pool, name, explanation })
    }

    /// Sizes of input, kernel and output.
    pub fn shapes(&self) -> [[usize; 4]; 3] {
        [self.plan.input_shape(), self.plan.kernel_shape(), self.plan.output_shape()]
    }

    /// What is timed. The views are made anew for each call, as a caller would.
    pub fn run(&mut self, input: &[f32], output: &mut [f32]) -> Result<(), convolve::Error> {
        let x = view(input, self.plan.input_shape(), self.layouts[0])?;
        let y = view_mut(output, self.plan.output_shape(), self.layouts[1])?;
        match &self.pool {
            None => self.plan.execute(&self.packed, x, y, &mut self.workspace),
            Some(pool) => self.plan.execute_with(pool, &self.packed, x, y, &mut self.workspace),
        }
    }
}

fn view(data: &[f32], shape: [usize; 4], layout: Layout) -> Result<View<'_, f32>, convolve::Error> {
    let [batch, channels, rows, columns] = shape;
    match layout {
        Layout::Nchw => View::nchw(data, shape),
        Layout::Nhwc => View::nhwc(data, [batch, rows, columns, channels]),
    }
}

fn view_mut(
    data: &mut [f32],
    shape: [usize; 4],
    layout: Layout,
) -> Result<ViewMut<'_, f32>, convolve::Error> {
    let [batch, channels, rows, columns] = shape;
    match layout {
        Layout::Nchw => ViewMut::nchw(data, shape),
        Layout::Nhwc => ViewMut::nhwc(data, [batch, rows, columns, channels]),
    }
}
