//! The same work with different helpers.

use std::sync::{Arc, LazyLock};

use nithresh_core::{Helpers, with_helpers};
use rayon::ThreadPoolBuilder;

/// A few helpers, and none at all.
static POOLS: LazyLock<Vec<Option<Helpers>>> = LazyLock::new(|| {
    let helpers = |threads, least_runs| {
        let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        Some(Helpers { pool: Arc::new(pool), least_runs })
    };
    vec![helpers(1, 0), helpers(2, 10), helpers(6, 0), None]
});

pub fn in_each_pool(work: impl Fn() + Send + Sync) {
    for helpers in &*POOLS {
        with_helpers(helpers.clone(), &work);
    }
}
