//! The common case: a plan and its packed kernel in one object.

use std::sync::Arc;

use crate::conv::Conv;
use crate::element::Element;
use crate::error::Error;
use crate::executor::Executor;
use crate::explain::Explanation;
use crate::kernels::Kernel;
use crate::plan::{PackedKernel, Plan};
use crate::view::{View, ViewMut};
use crate::workspace::Workspace;

/// A plan with its packed kernel, ready to execute. Cheap to clone; may be used by several threads at once, each
/// with its own [`Workspace`].
///
/// ```
/// use convolve::{Border, Conv, Padding, View, ViewMut};
/// let moving_average = View::signal(&[0.25f64, 0.5, 0.25]);
/// let smooth = Conv::d1(5, 3).padding(Padding::Same).border(Border::Replicate).with_kernel(moving_average, None)?;
/// let mut y = [0.0; 5];
/// let mut workspace = smooth.workspace()?;
/// smooth.execute(View::signal(&[0.0, 0.0, 4.0, 0.0, 0.0]), ViewMut::signal(&mut y), &mut workspace)?;
/// assert_eq!(y, [0.0, 1.0, 2.0, 1.0, 0.0]);
/// # Ok::<(), convolve::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Convolver<T: Element> {
    plan: Plan<T>,
    packed: Arc<PackedKernel<T>>,
}

impl Conv {
    /// Plans, and packs `kernel` (output channel, input channel of the group, row, column) and `bias` (one value
    /// per output channel): all that is slow or allocates happens here.
    ///
    /// As the values are known, this finds kernels that are sums of few separable ones, which [`plan`](Conv::plan)
    /// cannot.
    ///
    /// # Errors
    /// As for [`plan`](Conv::plan) and [`Plan::pack`].
    pub fn with_kernel<T: Element>(
        &self,
        kernel: View<'_, T>,
        bias: Option<&[T]>,
    ) -> Result<Convolver<T>, Error> {
        let plan = Plan::for_kernel(self, kernel)?;
        let packed = Arc::new(plan.pack(kernel, bias)?);
        Ok(Convolver { plan, packed })
    }

    /// As [`with_kernel`](Conv::with_kernel), the kernel given as a column and a row, the same for every output
    /// channel: tap (i, j) is `column[i] * row[j]`. There must be one input channel to each group.
    ///
    /// The strategy is chosen by cost as always, and need not be `separable`.
    ///
    /// # Errors
    /// As for [`with_kernel`](Conv::with_kernel), and [`Error::Zero`] if a factor is empty.
    ///
    /// ```
    /// use convolve::{Conv, Padding, View, ViewMut};
    /// let conv = Conv::d2([3, 4], [3, 3]).padding(Padding::Same);
    /// let blur = conv.with_factors(&[0.25f32, 0.5, 0.25], &[0.25, 0.5, 0.25], None)?;
    /// let dot = [0.0, 0.0, 0.0, 0.0, 0.0, 16.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
    /// let mut y = [0.0; 12];
    /// blur.execute(View::plane(&dot, [3, 4])?, ViewMut::plane(&mut y, [3, 4])?, &mut blur.workspace()?)?;
    /// assert_eq!(y, [1.0, 2.0, 1.0, 0.0, 2.0, 4.0, 2.0, 0.0, 1.0, 2.0, 1.0, 0.0]);
    /// # Ok::<(), convolve::Error>(())
    /// ```
    pub fn with_factors<T: Element>(
        &self,
        column: &[T],
        row: &[T],
        bias: Option<&[T]>,
    ) -> Result<Convolver<T>, Error> {
        let kernel = Kernel::separable(column, row)?;
        let dims = [self.channels_out, 1, column.len(), row.len()];
        self.with_kernel(View::strided(kernel.taps(), 0, dims, [0, 0, row.len() as isize, 1])?, bias)
    }
}

impl<T: Element> Convolver<T> {
    /// The plan.
    pub fn plan(&self) -> &Plan<T> {
        &self.plan
    }

    /// The packed kernel, to share with other plans of the same packing.
    pub fn packed(&self) -> &Arc<PackedKernel<T>> {
        &self.packed
    }

    /// Batch, channels, rows and columns of the output.
    pub fn output_shape(&self) -> [usize; 4] {
        self.plan.output_shape()
    }

    /// A workspace for one thread.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn workspace(&self) -> Result<Workspace, Error> {
        self.plan.workspace()
    }

    /// A workspace for this many threads.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn workspace_for(&self, threads: usize) -> Result<Workspace, Error> {
        self.plan.workspace_for(threads)
    }

    /// The problem, the choice, and what every strategy answered.
    pub fn explain(&self) -> Explanation {
        self.plan.explain()
    }

    /// Computes on the calling thread. Allocates nothing; when it returns an error, nothing has been written.
    ///
    /// # Errors
    /// [`Error::Shape`] if input or output is not of the shape of the plan, [`Error::WorkspaceTooSmall`].
    #[inline]
    pub fn execute(
        &self,
        input: View<'_, T>,
        output: ViewMut<'_, T>,
        workspace: &mut Workspace,
    ) -> Result<(), Error> {
        self.execute_in(input, output, workspace.as_mut_slice())
    }

    /// As [`execute`](Convolver::execute), in memory of the caller, see [`Plan::execute_in`].
    ///
    /// # Errors
    /// As for [`execute`](Convolver::execute).
    #[inline]
    pub fn execute_in(
        &self,
        input: View<'_, T>,
        output: ViewMut<'_, T>,
        workspace: &mut [u8],
    ) -> Result<(), Error> {
        self.plan.execute_own(&self.packed, input, output, workspace)
    }

    /// As [`execute`](Convolver::execute), on the threads of `executor`, see [`Plan::execute_with`].
    ///
    /// # Errors
    /// As for [`execute`](Convolver::execute).
    pub fn execute_with(
        &self,
        executor: &(impl Executor + ?Sized),
        input: View<'_, T>,
        output: ViewMut<'_, T>,
        workspace: &mut Workspace,
    ) -> Result<(), Error> {
        self.plan.execute_with(executor, &self.packed, input, output, workspace)
    }
}
