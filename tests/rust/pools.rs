//! The same work with different helpers.

use std::sync::{Arc, LazyLock};

use nithresh_core::{Helpers, with_helpers};

#[path = "../../rust/py/src/pool.rs"]
mod pool;

use pool::Pool;

/// A few helpers, and none at all.
static POOLS: LazyLock<Vec<Option<Helpers>>> = LazyLock::new(|| {
    let helpers = |threads| Some(Arc::new(Pool::new(threads).unwrap()) as Helpers);
    vec![helpers(1), helpers(2), helpers(6), None]
});

pub fn in_each_pool(work: impl Fn() + Send + Sync) {
    for helpers in &*POOLS {
        with_helpers(helpers.clone(), &work);
    }
}
