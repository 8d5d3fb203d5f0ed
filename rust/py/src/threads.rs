//! The pool of threads of this process.
//!
//! A pool does not survive `fork()`: the child has the pool's memory but
//! none of its threads, and a call that waits for them would hang. So the pool
//! here knows the process it was built in, and a child builds its own.
//!
//! The state is only ever *tried* to be locked. Were the process forked while
//! another thread held the lock, it would stay held in the child; a call that
//! cannot have the pool at once does its work on the calling thread, with the
//! same result.

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, RwLock};

use nithresh_core::Executor;
use pyo3::Python;

use crate::error::{Result, panicked};
use crate::pool::Pool;

/// Below this many voxels, waking other threads costs about as much as they save: a map
/// of 3 mm has 230 000, and one of 2 mm has 900 000.
const LEAST_VOXELS: usize = 500_000;

/// The limit that the user has set; 0 stands for the default.
static LIMIT: AtomicUsize = AtomicUsize::new(0);

/// The default once it has been looked up; 0 before. To find it takes longer
/// than a small map, and to read the environment while another thread writes to
/// it is not safe.
static DEFAULT: AtomicUsize = AtomicUsize::new(0);

/// The pool, and whose it is.
struct Owned {
    process: u32,
    threads: usize,
    pool: Arc<Pool>,
}

static POOL: RwLock<Option<Owned>> = RwLock::new(None);

/// Limits the threads; 0 restores the default.
pub(crate) fn set_limit(threads: usize) {
    LIMIT.store(threads, Ordering::Relaxed);
}

/// The limit: the one set, else `RAYON_NUM_THREADS`, else the processors that
/// this process may use (its affinity and its container's quota), both as they
/// were when they were first asked for.
pub(crate) fn limit() -> usize {
    let known = [&LIMIT, &DEFAULT].map(|limit| limit.load(Ordering::Relaxed));
    if let Some(threads) = known.into_iter().find(|&threads| threads > 0) {
        return threads;
    }
    let threads = std::env::var("RAYON_NUM_THREADS")
        .ok()
        .and_then(|value| value.trim().parse().ok())
        .filter(|&threads| threads > 0)
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, Into::into));
    DEFAULT.store(threads, Ordering::Relaxed);
    threads
}

/// Does work on `voxels` voxels without the interpreter lock, in parallel when
/// it is worth it. A panic becomes an error: the core has no state that could be left in
/// disorder, only arrays that may be written in part.
pub(crate) fn run<R: Send>(
    py: Python<'_>,
    voxels: usize,
    work: impl FnOnce() -> nithresh_core::Result<R> + Send,
) -> Result<R> {
    run_alone(py, || nithresh_core::with_executor(executor(voxels), work))
}

/// Does work on the calling thread alone, without the interpreter lock. A panic becomes an
/// error.
pub(crate) fn run_alone<R: Send>(
    py: Python<'_>,
    work: impl FnOnce() -> nithresh_core::Result<R> + Send,
) -> Result<R> {
    match py.detach(|| catch_unwind(AssertUnwindSafe(work))) {
        Ok(result) => Ok(result?),
        Err(panic) => Err(panicked(panic.as_ref())),
    }
}

/// Who helps with so many voxels; `None` where the calling thread should work alone.
fn executor(voxels: usize) -> Option<Arc<dyn Executor>> {
    if voxels < LEAST_VOXELS {
        return None;
    }
    let pool: Arc<dyn Executor> = pool()?;
    Some(pool)
}

/// The pool of this process, if it may have one and can have it at once.
fn pool() -> Option<Arc<Pool>> {
    let threads = limit();
    if threads == 1 {
        return None;
    }
    let process = std::process::id();
    let fits = |owned: &&Owned| owned.process == process && owned.threads == threads;
    let current = POOL.try_read().ok()?.as_ref().filter(fits).map(|owned| Arc::clone(&owned.pool));
    if current.is_some() {
        return current;
    }
    let mut state = POOL.try_write().ok()?;
    if let Some(owned) = state.as_ref().filter(fits) {
        return Some(Arc::clone(&owned.pool));
    }
    // The calling thread is one of them.
    let pool = Arc::new(Pool::new(threads - 1).ok()?);
    let previous = state.replace(Owned { process, threads, pool: Arc::clone(&pool) });
    if previous.as_ref().is_some_and(|previous| previous.process != process) {
        // Its threads are in another process: dropping it would wake them through a
        // lock that may have been held when this process was forked.
        mem::forget(previous);
    }
    Some(pool)
}
