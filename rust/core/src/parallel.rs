//! Work in parallel, when there are threads that help.
//!
//! Everything in this crate is parallel when it is called by [`with_executor`] and serial
//! otherwise. It starts no threads: whoever owns the process decides about them. (Threads
//! do not survive `fork()`, so a library that starts its own would hang in the children of
//! its users.)
//!
//! The calling thread works, too: it begins at once, and helpers that sleep join in when
//! they have woken up.

// Threads are given one function of a number, whatever the work. rayon's own `map` was
// compiled anew for each kind of work and each of ten types: that was two fifths of the
// library's intermediate code and a fifth of the time to build it.

use std::cell::RefCell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// How many tasks a parallel loop is cut into for each thread, so that a thread that meets
/// a dense part of the map does not keep the others waiting.
const TASKS_PER_THREAD: usize = 4;

/// Threads that help the calling one.
pub trait Executor: Send + Sync {
    /// How many threads help.
    fn helpers(&self) -> usize;

    /// Calls `work` on this thread, and on `most` helpers or fewer at the same time. Returns
    /// when all that have begun have ended.
    fn run(&self, most: usize, work: &(dyn Fn() + Sync));
}

thread_local! {
    /// What helps this thread.
    static EXECUTOR: RefCell<Option<Arc<dyn Executor>>> = const { RefCell::new(None) };
}

/// Does work on this thread, with the help of others if there is an executor.
///
/// Results do not depend on it.
pub fn with_executor<R>(executor: Option<Arc<dyn Executor>>, work: impl FnOnce() -> R) -> R {
    let _before = Restore(EXECUTOR.replace(executor));
    work()
}

/// Gives a thread its executor back, also when it panics.
struct Restore(Option<Arc<dyn Executor>>);

impl Drop for Restore {
    fn drop(&mut self) {
        EXECUTOR.set(self.0.take());
    }
}

/// Applies `work` to each item; the results come in the order of the items. What `work`
/// itself calls is serial, if there is more than one item.
pub(crate) fn map<I: Send, R: Send>(items: Vec<I>, work: impl Fn(I) -> R + Sync) -> Vec<R> {
    // Each item and its result wait in a place that only one thread looks at, so that
    // what follows is compiled once and not for each `work`.
    let places: Vec<_> = items.into_iter().map(|item| Mutex::new((Some(item), None))).collect();
    for_each(places.len(), &|number| {
        let mut place = places[number].lock().expect("nobody else was here");
        let item = place.0.take().expect("each is visited once");
        place.1 = Some(work(item));
    });
    let results = places.into_iter().map(|place| place.into_inner().expect("no work panicked").1);
    results.map(|result| result.expect("each was visited")).collect()
}

/// Applies `work` to volumes as [`map`] does. Where there are too few to keep all threads
/// busy, they come one after the other, and `work` may be parallel.
pub(crate) fn map_volumes<I: Send, R: Send>(
    volumes: Vec<I>,
    work: impl Fn(I) -> R + Sync,
) -> Vec<R> {
    if volumes.len() < TASKS_PER_THREAD * threads() {
        return volumes.into_iter().map(work).collect();
    }
    map(volumes, work)
}

/// Calls `work` with each number below `count`.
fn for_each(count: usize, work: &(dyn Fn(usize) + Sync)) {
    if count <= 1 {
        return (0..count).for_each(work);
    }
    let executor = Restore(EXECUTOR.take());
    let Some(threads) = &executor.0 else {
        return (0..count).for_each(work);
    };
    let next = AtomicUsize::new(0);
    let take_turns = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return;
            }
            work(number);
        }
    };
    threads.run(count - 1, &take_turns);
}

/// How many threads there are.
pub(crate) fn threads() -> usize {
    EXECUTOR.with_borrow(|executor| executor.as_ref().map_or(0, |threads| threads.helpers())) + 1
}

/// How many of `planes` go into one slab: all of them where nobody helps.
pub(crate) fn slab_thickness(planes: usize) -> usize {
    let slabs = if threads() > 1 { TASKS_PER_THREAD * threads() } else { 1 };
    planes.div_ceil(slabs).max(1)
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    /// Starts so many threads for each call.
    struct Fresh(usize);

    impl Executor for Fresh {
        fn helpers(&self) -> usize {
            self.0
        }

        fn run(&self, most: usize, work: &(dyn Fn() + Sync)) {
            thread::scope(|scope| {
                (0..self.0.min(most)).for_each(|_| drop(scope.spawn(work)));
                work();
            });
        }
    }

    #[test]
    fn each_item_is_worked_on_once() {
        for count in 0..12 {
            let visits = AtomicUsize::new(0);
            let squares = with_executor(Some(Arc::new(Fresh(3))), || {
                map((0..count).collect(), |number: usize| {
                    visits.fetch_add(1, Ordering::Relaxed);
                    number * number
                })
            });
            assert_eq!(squares, (0..count).map(|number| number * number).collect::<Vec<_>>());
            assert_eq!(visits.into_inner(), count);
        }
    }
}
