//! Threads that help with a call, which waits for none that has not begun.
//!
//! # Rationale
//!
//! The threads are rayon's. A scope of rayon ends when all that was spawned in it has run,
//! also what nobody had the time for: where a helper's processor has other work, a call that
//! takes 0.14 ms alone waited for 1 ms on average. So helpers are spawned without a scope, and
//! a call has a gate: helpers that come in time go in; the call does what they leave; and it
//! closes the gate and waits for those inside. Whoever comes late finds the gate closed and
//! touches nothing.
//!
//! A call that finds the helpers busy with another does without.
//!
//! All orderings are sequentially consistent: there are a handful of these steps in a call.

// Rejected: threads of our own, which were as fast in twice the lines
// (benches/record/choices.md).

use std::mem::transmute;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread::{self, Thread};
use std::{hint, io};

use nithresh_core::Executor;
use rayon_core::{ThreadPool, ThreadPoolBuilder};

/// What helpers call; it takes tasks until there are no more. A pointer, because a helper
/// that comes late still holds it when the call has ended.
#[derive(Clone, Copy)]
struct Work(*const (dyn Fn() + Sync));

// SAFETY: what it points to may be called by several threads, and is only called by those
// inside a gate.
unsafe impl Send for Work {}

/// In [`Gate::inside`], beside the number of helpers.
const OPEN: usize = 1 << (usize::BITS - 1);
/// How often a call looks whether all helpers have left before it sleeps.
const LOOKS_AT_END: usize = 10_000;

/// Threads that help; they end when it is dropped.
#[derive(Debug)]
pub(crate) struct Pool {
    /// None where there are to be none.
    threads: Option<ThreadPool>,
    /// Whether a call has the helpers.
    is_taken: AtomicBool,
    count: usize,
}

/// What a call and its helpers share.
struct Gate {
    /// How many helpers are inside, and whether more may go in.
    inside: AtomicUsize,
    /// Whether the work of a helper has panicked.
    has_panicked: AtomicBool,
    /// Who waits for the last helper inside.
    caller: Thread,
}

impl Pool {
    /// Starts threads.
    pub(crate) fn new(count: usize) -> io::Result<Self> {
        let builder = ThreadPoolBuilder::new().num_threads(count);
        let builder = builder.thread_name(|number| format!("nithresh-{number}"));
        let threads =
            if count == 0 { None } else { Some(builder.build().map_err(io::Error::other)?) };
        Ok(Self { threads, is_taken: AtomicBool::new(false), count })
    }
}

impl Executor for Pool {
    fn helpers(&self) -> usize {
        self.count
    }

    fn run(&self, most: usize, work: &(dyn Fn() + Sync)) {
        let Some(threads) = &self.threads else { return work() };
        if self.is_taken.swap(true, SeqCst) {
            return work();
        }
        let pointer: *const (dyn Fn() + Sync + '_) = work;
        #[expect(clippy::transmute_ptr_to_ptr, reason = "a cast cannot change a lifetime")]
        // SAFETY: only the lifetime of what is pointed to changes.
        let shared = Work(unsafe {
            transmute::<*const (dyn Fn() + Sync + '_), *const (dyn Fn() + Sync)>(pointer)
        });
        let gate = Arc::new(Gate {
            inside: AtomicUsize::new(OPEN),
            has_panicked: AtomicBool::new(false),
            caller: thread::current(),
        });
        let visit = Visit { pool: self, gate: &gate };
        for _ in 0..most.min(self.count) {
            let gate = Arc::clone(&gate);
            threads.spawn(move || gate.go_in(shared));
        }
        work();
        drop(visit);
    }
}

/// A call that is being helped.
struct Visit<'a> {
    pool: &'a Pool,
    gate: &'a Gate,
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        let gate = self.gate;
        gate.inside.fetch_and(!OPEN, SeqCst);
        let mut looks = 0;
        while gate.inside.load(SeqCst) != 0 {
            looks += 1;
            if looks < LOOKS_AT_END { hint::spin_loop() } else { thread::park() }
        }
        self.pool.is_taken.store(false, SeqCst);
        let has_panicked = gate.has_panicked.load(SeqCst);
        assert!(!has_panicked || thread::panicking(), "a thread that helped has panicked");
    }
}

impl Gate {
    /// What a helper does.
    fn go_in(&self, work: Work) {
        let go_in = |inside: usize| (inside & OPEN != 0).then_some(inside + 1);
        if self.inside.fetch_update(SeqCst, SeqCst, go_in).is_err() {
            return;
        }
        // SAFETY: the helper is inside, and `Visit` does not let the call end, by a panic
        // neither, before the gate is closed and all have left.
        let work = unsafe { &*work.0 };
        if catch_unwind(AssertUnwindSafe(work)).is_err() {
            self.has_panicked.store(true, SeqCst);
        }
        if self.inside.fetch_sub(1, SeqCst) == 1 {
            self.caller.unpark();
        }
    }
}
