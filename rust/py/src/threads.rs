//! The pool of threads of this process.
//!
//! A rayon pool does not survive `fork()`: the child has the pool's memory but
//! none of its threads, and a call would wait for them for ever. So the pool
//! here knows the process it was built in, and a child builds its own.
//!
//! The state is only ever *tried* to be locked. Were the process forked while
//! another thread held the lock, it would stay held in the child; a call that
//! cannot have the pool at once does its work on the calling thread, with the
//! same result.

use std::mem;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, RwLock};

use nithresh_core::Helpers;
use pyo3::Python;
use rayon::{ThreadPool, ThreadPoolBuilder};

/// Below this many voxels, waking other threads costs about as much as they save: a map
/// of 3 mm has 230 000.
const LEAST_VOXELS: usize = 500_000;

/// From this many on, waking them saves time in any map: one of 2 mm has 900 000, and one
/// of 1 mm 7 million.
const ALWAYS_ENOUGH: usize = 1_000_000;

/// Below that, thresholding a map on all threads is faster if at least so many runs pass,
/// as in white noise (130 000 at 2 mm), and not in a smooth map (4 000).
const LEAST_RUNS: usize = 30_000;

/// As set by the user; 0 stands for the default.
static LIMIT: AtomicUsize = AtomicUsize::new(0);

/// The default once it has been looked up; 0 before. To find it takes longer
/// than a small map, and to read the environment while another thread writes to
/// it is not safe.
static DEFAULT: AtomicUsize = AtomicUsize::new(0);

struct Pool {
    process: u32,
    threads: usize,
    rayon: Arc<ThreadPool>,
}

static POOL: RwLock<Option<Pool>> = RwLock::new(None);

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
/// it is worth it.
pub(crate) fn run<R: Send>(py: Python<'_>, voxels: usize, work: impl FnOnce() -> R + Send) -> R {
    py.detach(|| nithresh_core::with_helpers(helpers(voxels), work))
}

/// Who helps with so many voxels; `None` where the calling thread should work alone.
fn helpers(voxels: usize) -> Option<Helpers> {
    if voxels < LEAST_VOXELS {
        return None;
    }
    let least_runs = if voxels < ALWAYS_ENOUGH { LEAST_RUNS } else { 0 };
    Some(Helpers { pool: pool()?, least_runs })
}

/// The pool of this process, if it may have one and can have it at once.
fn pool() -> Option<Arc<ThreadPool>> {
    let threads = limit();
    if threads == 1 {
        return None;
    }
    let process = std::process::id();
    let fits = |pool: &&Pool| pool.process == process && pool.threads == threads;
    let current = POOL.try_read().ok()?.as_ref().filter(fits).map(|pool| Arc::clone(&pool.rayon));
    if current.is_some() {
        return current;
    }
    let mut state = POOL.try_write().ok()?;
    if let Some(pool) = state.as_ref().filter(fits) {
        return Some(Arc::clone(&pool.rayon));
    }
    let pool = Arc::new(
        ThreadPoolBuilder::new()
            // The calling thread is one of them.
            .num_threads(threads - 1)
            .thread_name(|index| format!("nithresh-{index}"))
            .build()
            .ok()?,
    );
    let previous = state.replace(Pool { process, threads, rayon: Arc::clone(&pool) });
    if previous.as_ref().is_some_and(|previous| previous.process != process) {
        // Its threads are in another process: dropping it would signal them
        // through locks that may have been held when this process was forked.
        mem::forget(previous);
    }
    Some(pool)
}
