//! The plan: geometry and strategy frozen, no kernel values.

mod packed;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::call::Call;
use crate::choose;
use crate::conv::{Choice, Conv};
use crate::cost::Machine;
use crate::element::Element;
use crate::error::Error;
use crate::executor::{Executor, Serial};
use crate::explain::Explanation;
use crate::low_rank::KernelFacts;
use crate::problem::Problem;
use crate::strategy::{self, Packing, Prepared};
use crate::view::{View, ViewMut};
use crate::workspace::{ALIGNMENT, Slots, Workspace, aligned};
pub use packed::PackedKernel;

/// Below this much work, threads cost more than they bring.
const SECONDS_WORTH_THREADS: f64 = 50e-6;

/// A frozen choice for one problem: it holds no kernel values, is cheap to clone, and may be used by several
/// threads at once, each with its own [`Workspace`].
///
/// ```
/// use convolve::{Conv, View, ViewMut};
/// let plan = Conv::d2([4, 4], [2, 2]).plan::<f32>()?;
/// let packed = plan.pack(View::nchw(&[1.0, 0.0, 0.0, -1.0], [1, 1, 2, 2])?, None)?;
/// let x: Vec<f32> = (0..16).map(|i| i as f32).collect();
/// let mut y = [0.0; 9];
/// plan.execute(&packed, View::plane(&x, [4, 4])?, ViewMut::plane(&mut y, [3, 3])?, &mut plan.workspace()?)?;
/// assert_eq!(y, [-5.0; 9]);
/// # Ok::<(), convolve::Error>(())
/// ```
pub struct Plan<T: Element> {
    frozen: Arc<Frozen<T>>,
}

impl Conv {
    /// Checks the request, chooses a strategy and freezes it. Holds no kernel values, and knows none: where `separable`
    /// depends on them, it is chosen by [`with_kernel`](Conv::with_kernel) only.
    ///
    /// # Errors
    /// One that names what in the request cannot be; [`Error::ElementType`] if it is for another type than `T`;
    /// [`Error::Declined`] if the only strategy that it allows does not serve it, with the reason;
    /// [`Error::OutOfMemory`].
    pub fn plan<T: Element>(&self) -> Result<Plan<T>, Error> {
        Plan::new(Problem::new(self, T::TYPE)?, KernelFacts::Unknown)
    }
}

struct Frozen<T: Element> {
    problem: Problem,
    kernel: KernelFacts,
    strategy: &'static str,
    seconds: f64,
    prepared: Box<dyn Prepared<T>>,
    /// What `problem` and `prepared` answer, asked once: small calls would notice.
    input_shape: [usize; 4],
    output_shape: [usize; 4],
    packing: Packing,
    tasks: usize,
    workspace: usize,
}

impl<T: Element> Clone for Plan<T> {
    fn clone(&self) -> Self {
        Plan { frozen: self.frozen.clone() }
    }
}

impl<T: Element> core::fmt::Debug for Plan<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Plan({}, {})", self.frozen.problem.conv, self.frozen.strategy)
    }
}

impl<T: Element> Plan<T> {
    /// The plan for this kernel, whose structure counts in the choice. It serves other kernels as well, unless the
    /// strategy chosen depends on values.
    pub(crate) fn for_kernel(conv: &Conv, kernel: View<'_, T>) -> Result<Self, Error> {
        let problem = Problem::new(conv, T::TYPE)?;
        check_dims(problem.kernel_shape(), &kernel)?;
        let facts = strategy::facts(&problem, kernel);
        Self::new(problem, facts)
    }

    fn new(problem: Problem, kernel: KernelFacts) -> Result<Self, Error> {
        let machine = Machine::get();
        let (mut strategy, mut estimate) = choose::choose::<T>(&problem, &kernel, None)?;
        let mut prepared = strategy.prepare_known(&problem, machine, &kernel);
        if problem.conv.strategy == Choice::Auto && matches!(prepared, Err(Error::OutOfMemory { .. })) {
            (strategy, estimate) = choose::choose::<T>(&problem, &kernel, Some(strategy.name()))?;
            prepared = strategy.prepare_known(&problem, machine, &kernel);
        }
        let prepared = prepared?;
        let frozen = Frozen {
            strategy: strategy.name(),
            seconds: estimate.seconds,
            input_shape: problem.input_shape(),
            output_shape: problem.output_shape(),
            packing: prepared.packing(),
            tasks: prepared.tasks(),
            workspace: prepared.workspace(),
            kernel,
            prepared,
            problem,
        };
        Ok(Plan { frozen: Arc::new(frozen) })
    }

    /// The name of the strategy chosen.
    pub fn strategy(&self) -> &'static str {
        self.frozen.strategy
    }

    /// The name of the instruction set in use.
    pub fn instruction_set(&self) -> &'static str {
        self.frozen.problem.isa.name()
    }

    /// Batch, channels, rows and columns of the input.
    pub fn input_shape(&self) -> [usize; 4] {
        self.frozen.input_shape
    }

    /// Batch, channels, rows and columns of the output.
    pub fn output_shape(&self) -> [usize; 4] {
        self.frozen.output_shape
    }

    /// Output channels, input channels of a group, rows and columns of the kernel.
    pub fn kernel_shape(&self) -> [usize; 4] {
        self.frozen.problem.kernel_shape()
    }

    /// Multiply-adds that direct convolution would take, whatever the strategy.
    pub fn multiply_adds(&self) -> f64 {
        self.frozen.problem.multiply_adds()
    }

    /// The problem, the choice, and what every strategy answered.
    pub fn explain(&self) -> Explanation {
        let bytes = [self.workspace_bytes(), self.packed_bytes()];
        Explanation::new::<T>(&self.frozen.problem, &self.frozen.kernel, self.frozen.strategy, bytes)
    }

    /// Bytes of workspace for one thread. May change between versions of the crate.
    pub fn workspace_bytes(&self) -> usize {
        self.workspace_bytes_for(1)
    }

    /// Bytes of workspace for this many threads.
    #[inline]
    pub fn workspace_bytes_for(&self, threads: usize) -> usize {
        match self.frozen.workspace {
            0 => 0,
            each => each.saturating_mul(self.workers(threads)).saturating_add(ALIGNMENT),
        }
    }

    /// A workspace for one thread.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn workspace(&self) -> Result<Workspace, Error> {
        self.workspace_for(1)
    }

    /// A workspace for this many threads.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn workspace_for(&self, threads: usize) -> Result<Workspace, Error> {
        Workspace::with_bytes(self.workspace_bytes_for(threads))
    }

    /// Threads that can be put to use, at least one.
    #[inline]
    fn workers(&self, threads: usize) -> usize {
        if threads == 1 || self.frozen.seconds < SECONDS_WORTH_THREADS {
            return 1;
        }
        threads.min(self.frozen.tasks).max(1)
    }

    /// Computes on the calling thread. Allocates nothing; when it returns an error, nothing has been written.
    ///
    /// # Errors
    /// [`Error::PackingMismatch`] if another plan packed the kernel, [`Error::Shape`] if input or output is not of the
    /// shape of the plan, [`Error::WorkspaceTooSmall`].
    #[inline]
    pub fn execute(
        &self,
        packed: &PackedKernel<T>,
        input: View<'_, T>,
        output: ViewMut<'_, T>,
        workspace: &mut Workspace,
    ) -> Result<(), Error> {
        self.execute_in(packed, input, output, workspace.as_mut_slice())
    }

    /// As [`execute`](Plan::execute), in memory of the caller: [`workspace_bytes`](Plan::workspace_bytes) bytes
    /// of any content and alignment.
    ///
    /// # Errors
    /// As for [`execute`](Plan::execute).
    #[inline]
    pub fn execute_in(
        &self,
        packed: &PackedKernel<T>,
        input: View<'_, T>,
        output: ViewMut<'_, T>,
        workspace: &mut [u8],
    ) -> Result<(), Error> {
        self.check_packing(packed)?;
        self.execute_own(packed, input, output, workspace)
    }

    /// As [`execute_in`](Plan::execute_in), for a kernel that this plan has packed. Inlined, so that views that are
    /// made for the call stay in registers.
    #[inline(always)]
    pub(crate) fn execute_own(
        &self,
        packed: &PackedKernel<T>,
        input: View<'_, T>,
        mut output: ViewMut<'_, T>,
        workspace: &mut [u8],
    ) -> Result<(), Error> {
        debug_assert!(self.check_packing(packed).is_ok());
        self.check_operands(&input, &output, workspace.len(), 1)?;
        let call = Call::new(input, &mut output, packed.values.as_slice(), packed.bias.as_deref());
        self.run(&call, workspace);
        Ok(())
    }

    /// All tasks, in memory whose size has been checked.
    #[inline]
    fn run(&self, call: &Call<'_, T>, workspace: &mut [u8]) {
        let Frozen { prepared, tasks, workspace: each, .. } = &*self.frozen;
        let memory = if *each == 0 { &mut [] } else { &mut aligned(workspace)[..*each] };
        for task in 0..*tasks {
            prepared.run(call, task, memory);
        }
    }

    /// As [`execute`](Plan::execute), on the threads of `executor`. The result has the same bits for any number
    /// of threads. Needs [`workspace_bytes_for`](Plan::workspace_bytes_for) that many; work of less than about
    /// 50 microseconds stays on the calling thread.
    ///
    /// # Errors
    /// As for [`execute`](Plan::execute).
    ///
    /// ```
    /// use convolve::{Conv, Executor, Padding, View, ViewMut};
    ///
    /// /// Threads of the standard library; with the feature `rayon`, a `rayon::ThreadPool` is an executor as well.
    /// struct Scoped(usize);
    ///
    /// impl Executor for Scoped {
    ///     fn threads(&self) -> usize {
    ///         self.0
    ///     }
    ///     fn broadcast(&self, work: &(dyn Fn() + Sync)) {
    ///         std::thread::scope(|scope| (0..self.0).for_each(|_| drop(scope.spawn(work))));
    ///     }
    /// }
    ///
    /// let plan = Conv::d2([300, 400], [5, 5]).padding(Padding::Same).plan::<f32>()?;
    /// let packed = plan.pack(View::plane(&[0.04; 25], [5, 5])?, None)?;
    /// let (x, mut y) = (vec![1.0; 120_000], vec![0.0; 120_000]);
    /// let (input, output) = (View::plane(&x, [300, 400])?, ViewMut::plane(&mut y, [300, 400])?);
    /// let threads = Scoped(2);
    /// plan.execute_with(&threads, &packed, input, output, &mut plan.workspace_for(threads.threads())?)?;
    /// assert!((y[60_200] - 1.0).abs() < 1e-6);
    /// # Ok::<(), convolve::Error>(())
    /// ```
    pub fn execute_with(
        &self,
        executor: &(impl Executor + ?Sized),
        packed: &PackedKernel<T>,
        input: View<'_, T>,
        mut output: ViewMut<'_, T>,
        workspace: &mut Workspace,
    ) -> Result<(), Error> {
        let workers = self.workers(executor.threads());
        if workers == 1 {
            return self.execute(packed, input, output, workspace);
        }
        self.check_packing(packed)?;
        self.check_operands(&input, &output, workspace.bytes(), workers)?;
        let call = Call::new(input, &mut output, packed.values.as_slice(), packed.bias.as_deref());
        let prepared = &self.frozen.prepared;
        let slots = Slots::new(aligned(workspace.as_mut_slice()), self.frozen.workspace, workers);
        let (next, tasks) = (AtomicUsize::new(0), self.frozen.tasks);
        let work = || {
            let Some(memory) = slots.claim() else { return };
            loop {
                let task = next.fetch_add(1, Ordering::Relaxed);
                if task >= tasks {
                    return;
                }
                prepared.run(&call, task, memory);
            }
        };
        executor.broadcast(&work);
        // If the executor made fewer calls than workers, a slot is left, and this finishes what it left undone.
        Serial.broadcast(&work);
        Ok(())
    }

    /// Inlined, so that the shapes of views that are made for the call stay in registers.
    #[inline]
    fn check_operands(
        &self,
        input: &View<'_, T>,
        output: &ViewMut<'_, T>,
        workspace: usize,
        threads: usize,
    ) -> Result<(), Error> {
        let (expected, got) = (&self.frozen.input_shape, input.geometry.dims);
        if !is_same(got, expected) {
            return Err(shape_mismatch("input", *expected, got));
        }
        let (expected, got) = (&self.frozen.output_shape, output.geometry.dims);
        if !is_same(got, expected) {
            return Err(shape_mismatch("output", *expected, got));
        }
        let expected = self.workspace_bytes_for(threads);
        if workspace < expected {
            return Err(Error::WorkspaceTooSmall { expected, got: workspace });
        }
        Ok(())
    }
}

/// Sizes one by one: those of a view have just been written one by one, and a wider load would wait for all of them.
#[inline(always)]
fn is_same(got: [usize; 4], expected: &[usize; 4]) -> bool {
    (0..4).all(|axis| got[axis] == expected[axis])
}

fn check_dims<T>(expected: [usize; 4], kernel: &View<'_, T>) -> Result<(), Error> {
    if kernel.dims() == expected { Ok(()) } else { Err(shape_mismatch("kernel", expected, kernel.dims())) }
}

#[cold]
fn shape_mismatch(operand: &'static str, expected: [usize; 4], got: [usize; 4]) -> Error {
    Error::Shape { operand, expected, got }
}
