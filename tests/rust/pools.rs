//! The same work with different executors.

use std::sync::{Arc, LazyLock};

use nithresh_core::{Executor, with_executor};

#[path = "../../rust/py/src/pool.rs"]
mod pool;

use pool::Pool;

/// A few helpers, and none at all.
static POOLS: LazyLock<Vec<Option<Arc<dyn Executor>>>> = LazyLock::new(|| {
    let helpers = |threads| Some(Arc::new(Pool::new(threads).unwrap()) as Arc<dyn Executor>);
    vec![helpers(1), helpers(2), helpers(6), None]
});

pub fn in_each_pool(work: impl Fn() + Send + Sync) {
    for executor in &*POOLS {
        with_executor(executor.clone(), &work);
    }
}
