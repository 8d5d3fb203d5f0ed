//! The threads that help: everything is done once, whoever comes late or panics.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nithresh_core::Executor;

#[path = "../../rust/py/src/pool.rs"]
mod pool;

use pool::Pool;

/// Does so many pieces with a pool, each of which takes a moment, and counts each one.
fn done_once(pool: &Pool, pieces: usize, moment: Duration) {
    let visits: Vec<_> = (0..pieces).map(|_| AtomicUsize::new(0)).collect();
    let next = AtomicUsize::new(0);
    pool.run(pieces.saturating_sub(1), &|| {
        while let Some(visits) = visits.get(next.fetch_add(1, Ordering::Relaxed)) {
            visits.fetch_add(1, Ordering::Relaxed);
            let begin = Instant::now();
            while begin.elapsed() < moment {}
        }
    });
    assert!(visits.into_iter().all(|visits| visits.into_inner() == 1));
}

fn helps(thread: &thread::Thread) -> bool {
    thread.name().is_some_and(|name| name.starts_with("nithresh-"))
}

#[test]
fn calls_that_follow_one_another() {
    for threads in 0..4 {
        let pool = Pool::new(threads).unwrap();
        assert_eq!(pool.helpers(), threads);
        for pieces in 0..20 {
            for _ in 0..200 {
                done_once(&pool, pieces, Duration::ZERO);
            }
            done_once(&pool, pieces, Duration::from_micros(100));
        }
    }
}

#[test]
fn calls_with_pauses_in_which_helpers_fall_asleep() {
    let pool = Pool::new(3).unwrap();
    for pause in [0, 10, 50, 100, 200, 1000, 5000].repeat(10) {
        thread::sleep(Duration::from_micros(pause));
        done_once(&pool, 8, Duration::from_micros(pause / 10));
    }
}

#[test]
fn calls_at_the_same_time() {
    let pool = Pool::new(2).unwrap();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..1000).for_each(|_| done_once(&pool, 5, Duration::ZERO)));
        }
    });
}

#[test]
fn a_call_does_without_helpers_that_another_call_has() {
    let pool = Pool::new(1).unwrap();
    let (inside, is_done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        scope.spawn(|| {
            pool.run(1, &|| {
                inside.fetch_add(1, Ordering::SeqCst);
                let begin = Instant::now();
                while is_done.load(Ordering::SeqCst) == 0 {
                    assert!(begin.elapsed() < Duration::from_secs(60));
                    thread::yield_now();
                }
            });
        });
        while inside.load(Ordering::SeqCst) < 2 {
            thread::yield_now();
        }
        // The helper and the first caller leave when this has ended, and not before.
        done_once(&pool, 5, Duration::ZERO);
        is_done.store(1, Ordering::SeqCst);
    });
}

#[test]
fn all_that_are_wanted_come() {
    let pool = Pool::new(3).unwrap();
    for most in 0..=3 {
        let inside = AtomicUsize::new(0);
        let begin = Instant::now();
        pool.run(most, &|| {
            inside.fetch_add(1, Ordering::SeqCst);
            // Nobody leaves before all are there.
            while inside.load(Ordering::SeqCst) < most + 1 {
                assert!(begin.elapsed() < Duration::from_secs(60));
                thread::yield_now();
            }
        });
        assert_eq!(inside.into_inner(), most + 1);
    }
}

#[test]
fn a_panic_is_the_callers() {
    let pool = Pool::new(1).unwrap();
    let in_helper = AtomicUsize::new(0);
    let call = || {
        pool.run(1, &|| {
            if helps(&thread::current()) {
                in_helper.store(1, Ordering::SeqCst);
                panic!("in a helper");
            }
            while in_helper.load(Ordering::SeqCst) == 0 {
                thread::yield_now();
            }
        });
    };
    let message = catch_unwind(AssertUnwindSafe(call)).unwrap_err();
    assert_eq!(message.downcast_ref(), Some(&"a thread that helped has panicked"));

    // The caller panics while a helper is at work, which is waited for.
    let (begun, ended) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let call = || {
        pool.run(1, &|| {
            if helps(&thread::current()) {
                begun.store(1, Ordering::SeqCst);
                thread::sleep(Duration::from_millis(20));
                ended.store(1, Ordering::SeqCst);
                return;
            }
            while begun.load(Ordering::SeqCst) == 0 {
                thread::yield_now();
            }
            panic!("in the caller");
        });
    };
    let message = catch_unwind(AssertUnwindSafe(call)).unwrap_err();
    assert_eq!(message.downcast_ref(), Some(&"in the caller"));
    assert_eq!(ended.into_inner(), 1);

    (0..100).for_each(|_| done_once(&pool, 5, Duration::ZERO));
}

/// How many threads have ended of those that looked at `END`.
static ENDED: AtomicUsize = AtomicUsize::new(0);

struct End;

impl Drop for End {
    fn drop(&mut self) {
        ENDED.fetch_add(1, Ordering::SeqCst);
    }
}

thread_local! {
    static END: End = const { End };
}

#[test]
fn threads_end_with_their_pool() {
    let pool = Pool::new(2).unwrap();
    let inside = AtomicUsize::new(0);
    pool.run(2, &|| {
        if helps(&thread::current()) {
            END.with(|_| ());
        }
        inside.fetch_add(1, Ordering::SeqCst);
        while inside.load(Ordering::SeqCst) < 3 {
            thread::yield_now();
        }
    });
    assert_eq!(ENDED.load(Ordering::SeqCst), 0);
    drop(pool);
    let begin = Instant::now();
    while ENDED.load(Ordering::SeqCst) < 2 {
        assert!(begin.elapsed() < Duration::from_secs(60));
        thread::yield_now();
    }
}
