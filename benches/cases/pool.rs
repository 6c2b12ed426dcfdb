//! Threads that wait for work between calls, so that starting them is not part of any time.

use std::hint::spin_loop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use convolve::Executor;

/// Looks for work so often before going to sleep: waking up takes tens of microseconds, calls come in quick
/// succession.
const LOOKS: usize = 2_000;

type Work<'a> = dyn Fn() + Sync + 'a;

/// The threads besides the calling one.
pub(crate) struct Pool {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

struct Shared {
    order: Mutex<Order>,
    ordered: Condvar,
    /// Number of the latest order, to look at without the lock.
    latest: AtomicUsize,
    /// Workers that have not finished the latest order.
    busy: AtomicUsize,
}

#[derive(Clone, Copy)]
enum Order {
    Wait,
    Work(&'static Work<'static>),
    Stop,
}

impl Pool {
    /// `threads` in all, the calling thread being one of them.
    pub(crate) fn new(threads: usize) -> Self {
        let shared = Arc::new(Shared {
            order: Mutex::new(Order::Wait),
            ordered: Condvar::new(),
            latest: AtomicUsize::new(0),
            busy: AtomicUsize::new(0),
        });
        let worker = |_| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || shared.serve())
        };
        let workers = (1..threads).map(worker).collect();
        Pool { shared, workers }
    }
}

impl Executor for Pool {
    fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    fn broadcast(&self, work: &Work<'_>) {
        // SAFETY: only the lifetime changes. `finished` waits, when dropped, until no worker uses `work` any more,
        // even if the call below panics; and serve() takes no order twice.
        let work_for_all = unsafe { std::mem::transmute::<&Work<'_>, &'static Work<'static>>(work) };
        let finished = WhenFinished(&self.shared);
        self.shared.busy.store(self.workers.len(), Ordering::Relaxed);
        self.shared.give(Order::Work(work_for_all));
        work();
        drop(finished);
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.give(Order::Stop);
        for worker in self.workers.drain(..) {
            // A worker whose work panicked has ended the process.
            let _ = worker.join();
        }
    }
}

struct WhenFinished<'a>(&'a Shared);

impl Drop for WhenFinished<'_> {
    fn drop(&mut self) {
        // The workers end together, but there may be more of them than processors.
        while self.0.busy.load(Ordering::Acquire) > 0 {
            thread::yield_now();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Order> {
        self.order.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn give(&self, order: Order) {
        *self.lock() = order;
        self.latest.fetch_add(1, Ordering::Release);
        self.ordered.notify_all();
    }

    /// A worker's life.
    fn serve(&self) {
        let mut done = 0;
        loop {
            match self.next(done) {
                Order::Wait => {}
                Order::Stop => return,
                Order::Work(work) => {
                    done += 1;
                    if catch_unwind(AssertUnwindSafe(work)).is_err() {
                        std::process::abort();
                    }
                    self.busy.fetch_sub(1, Ordering::Release);
                }
            }
        }
    }

    /// Waits for the order after so many.
    fn next(&self, done: usize) -> Order {
        for _ in 0..LOOKS {
            if self.latest.load(Ordering::Acquire) != done {
                break;
            }
            spin_loop();
        }
        let mut order = self.lock();
        while self.latest.load(Ordering::Acquire) == done {
            order = self.ordered.wait(order).unwrap_or_else(PoisonError::into_inner);
        }
        *order
    }
}
