//! Work in parallel, when there is a pool to do it in.
//!
//! Everything in this crate is parallel when it is called inside a rayon pool
//! (`pool.install(..)`) and serial otherwise. rayon's global pool is never
//! started: whoever owns the process decides about its threads. (A pool does
//! not survive `fork()`, so a library that starts one by itself would hang in
//! the children of its users.)

use std::sync::Mutex;

use rayon::prelude::*;

/// How many pieces a parallel loop is cut into for each thread, so that a
/// thread that meets a dense part of the map does not keep the others waiting.
const PIECES_PER_THREAD: usize = 4;

/// Whether the caller runs inside a pool of more than one thread.
fn in_pool() -> bool {
    rayon::current_thread_index().is_some() && rayon::current_num_threads() > 1
}

/// Applies `work` to each item; the results come in the order of the items.
pub(crate) fn map<I: Send, R: Send>(items: Vec<I>, work: impl Fn(I) -> R + Sync) -> Vec<R> {
    // rayon's own `map` is compiled again for each `work`, and there are some hundred:
    // two fifths of the library were that. Here it sees one function of a number, and
    // each item and its result wait in a place that only one thread looks at.
    let places: Vec<_> = items.into_iter().map(|item| Mutex::new((Some(item), None))).collect();
    for_each(places.len(), &|number| {
        let mut place = places[number].lock().expect("nobody else was here");
        let item = place.0.take().expect("each is visited once");
        place.1 = Some(work(item));
    });
    let results = places.into_iter().map(|place| place.into_inner().expect("no work panicked").1);
    results.map(|result| result.expect("each was visited")).collect()
}

/// Calls `work` with each number below `count`.
fn for_each(count: usize, work: &(dyn Fn(usize) + Sync)) {
    if in_pool() && count > 1 {
        (0..count).into_par_iter().for_each(work);
    } else {
        (0..count).for_each(work);
    }
}

/// How many threads there are.
pub(crate) fn threads() -> usize {
    if in_pool() { rayon::current_num_threads() } else { 1 }
}

/// How many of `planes` go into one slab: all of them without a pool.
pub(crate) fn slab_thickness(planes: usize) -> usize {
    let slabs = if in_pool() { PIECES_PER_THREAD * threads() } else { 1 };
    planes.div_ceil(slabs).max(1)
}
