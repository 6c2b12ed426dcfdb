//! Parallel execution over the caller's threads. The crate never starts one.

/// A pool of threads that can run one closure on several threads at once.
///
/// The partition of the work does not depend on the number of threads, so results have the same bits for any.
///
/// ```
/// use convolve::Executor;
///
/// /// Scoped threads of the standard library, started for each call.
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
/// ```
pub trait Executor: Sync {
    /// How many calls of `work` may run at once; the workspace is sized by it.
    fn threads(&self) -> usize;

    /// Calls `work` on up to [`threads`](Executor::threads) threads and returns when every call has returned.
    /// Each call takes what work is left until none is, so that calling it less often, or even not at all, costs
    /// time and not correctness.
    fn broadcast(&self, work: &(dyn Fn() + Sync));
}

/// The calling thread alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct Serial;

impl Executor for Serial {
    fn threads(&self) -> usize {
        1
    }

    fn broadcast(&self, work: &(dyn Fn() + Sync)) {
        work();
    }
}

#[cfg(feature = "rayon")]
impl Executor for rayon::ThreadPool {
    fn threads(&self) -> usize {
        self.current_num_threads()
    }

    fn broadcast(&self, work: &(dyn Fn() + Sync)) {
        rayon::ThreadPool::broadcast(self, |_| work());
    }
}
