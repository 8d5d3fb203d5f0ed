//! Work in parallel, when there are threads that help.
//!
//! Everything in this crate is parallel when it is called by [`with_helpers`] and serial
//! otherwise. It starts no threads: whoever owns the process decides about them. (Threads
//! do not survive `fork()`, so a library that starts some by itself would hang in the
//! children of its users.)
//!
//! The calling thread works, too: it begins at once, and helpers that sleep join in when
//! they have woken up.

use std::cell::RefCell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// How many pieces a parallel loop is cut into for each thread, so that a
/// thread that meets a dense part of the map does not keep the others waiting.
const PIECES_PER_THREAD: usize = 4;

/// Threads that help.
pub trait Help: Send + Sync {
    /// How many they are.
    fn count(&self) -> usize;

    /// Calls `work` on this thread, and on `most` others or fewer at a time. Returns when all
    /// that have begun have ended.
    fn call(&self, most: usize, work: &(dyn Fn() + Sync));
}

/// Threads that help, shared by those whom they help.
pub type Helpers = Arc<dyn Help>;

thread_local! {
    /// The threads that help this one.
    static HELPERS: RefCell<Option<Helpers>> = const { RefCell::new(None) };
}

/// Does work on this thread, helped by others if there are any.
pub fn with_helpers<R>(helpers: Option<Helpers>, work: impl FnOnce() -> R) -> R {
    let _before = Restore(HELPERS.replace(helpers));
    work()
}

/// Gives a thread its helpers back, also when it panics.
struct Restore(Option<Helpers>);

impl Drop for Restore {
    fn drop(&mut self) {
        HELPERS.set(self.0.take());
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

/// The same for volumes: where there are too few to keep all threads busy, they come one
/// after the other, and `work` may be parallel.
pub(crate) fn map_volumes<I: Send, R: Send>(
    volumes: Vec<I>,
    work: impl Fn(I) -> R + Sync,
) -> Vec<R> {
    if volumes.len() < PIECES_PER_THREAD * threads() {
        return volumes.into_iter().map(work).collect();
    }
    map(volumes, work)
}

/// Calls `work` with each number below `count`.
fn for_each(count: usize, work: &(dyn Fn(usize) + Sync)) {
    if count <= 1 {
        return (0..count).for_each(work);
    }
    let helpers = Restore(HELPERS.take());
    let Some(threads) = &helpers.0 else {
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
    threads.call(count - 1, &take_turns);
}

/// How many threads there are.
pub(crate) fn threads() -> usize {
    HELPERS.with_borrow(|helpers| helpers.as_ref().map_or(0, |helpers| helpers.count())) + 1
}

/// How many of `planes` go into one slab: all of them where nobody helps.
pub(crate) fn slab_thickness(planes: usize) -> usize {
    let slabs = if threads() > 1 { PIECES_PER_THREAD * threads() } else { 1 };
    planes.div_ceil(slabs).max(1)
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    /// Starts so many threads for each call.
    struct Fresh(usize);

    impl Help for Fresh {
        fn count(&self) -> usize {
            self.0
        }

        fn call(&self, most: usize, work: &(dyn Fn() + Sync)) {
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
            let squares = with_helpers(Some(Arc::new(Fresh(3))), || {
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
