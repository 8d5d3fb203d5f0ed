//! Threads that help with a call, which waits for none that has not begun.
//!
//! # Rationale
//!
//! A scope of rayon ends when all that was spawned in it has run, also what nobody had the
//! time for: where a helper's processor has other work, a call that takes 0.14 ms alone
//! waited for 1 ms on average. Here it opens a gate; helpers that come in time go in; it
//! does what they leave; and it closes the gate and waits for those inside. Whoever comes
//! late finds the gate closed and touches nothing.
//!
//! A call that finds the helpers busy with another does without.
//!
//! All orderings are sequentially consistent: there are a handful of these steps in a call.

use std::mem::transmute;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::{hint, io, ptr, thread};

use nithresh_core::Executor;

/// What helpers call; it takes tasks until there are no more.
type Work<'a> = &'a (dyn Fn() + Sync);

/// In [`Shared::gate`], beside the number of helpers inside.
const OPEN: usize = 1 << (usize::BITS - 1);

/// How often a helper that has nothing to do looks for work before it sleeps. Each look
/// gives way to others; together they take some 40 microseconds, and calls that follow one
/// another need not wake anybody.
const LOOKS: usize = 100;

/// How often a call looks whether all helpers have left before it sleeps.
const LOOKS_AT_END: usize = 10_000;

/// Threads that help; they end when it is dropped.
#[derive(Debug)]
pub(crate) struct Pool {
    shared: Arc<Shared>,
    count: usize,
}

#[derive(Debug)]
struct Shared {
    /// Whether a call has the helpers.
    is_taken: AtomicBool,
    /// How many calls there have been, so that helpers see that there is one more.
    calls: AtomicUsize,
    /// How many helpers are inside the call, and whether more may go in.
    gate: AtomicUsize,
    /// How many may be inside.
    most: AtomicUsize,
    /// The work of the call, while the gate is open or somebody is inside.
    work: AtomicPtr<Work<'static>>,
    /// Whether the work of a helper has panicked.
    has_panicked: AtomicBool,
    /// Whether there will be no more calls.
    is_over: AtomicBool,
    /// Rings when there is a call, or there will be none.
    called: Bell,
    /// Rings when the last helper has left a closed gate.
    left: Bell,
}

impl Pool {
    /// Starts threads.
    pub(crate) fn new(count: usize) -> io::Result<Self> {
        let shared = Shared {
            is_taken: AtomicBool::new(false),
            calls: AtomicUsize::new(0),
            gate: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            work: AtomicPtr::new(ptr::null_mut()),
            has_panicked: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
            called: Bell::default(),
            left: Bell::default(),
        };
        // If one thread cannot be started, those that were end with the pool.
        let pool = Self { shared: Arc::new(shared), count };
        for number in 0..count {
            let shared = Arc::clone(&pool.shared);
            let thread = thread::Builder::new().name(format!("nithresh-{number}"));
            thread.spawn(move || shared.help())?;
        }
        Ok(pool)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.is_over.store(true, SeqCst);
        self.shared.called.ring(usize::MAX);
    }
}

impl Executor for Pool {
    fn helpers(&self) -> usize {
        self.count
    }

    fn run(&self, most: usize, work: &(dyn Fn() + Sync)) {
        let shared = &*self.shared;
        if shared.is_taken.swap(true, SeqCst) {
            return work();
        }
        // SAFETY: only the lifetime changes. Only helpers inside the gate call it, and
        // `Visit` does not let this function end, by a panic neither, before the gate is
        // closed and they have left.
        let work: Work<'static> = unsafe { transmute::<Work<'_>, Work<'static>>(work) };
        shared.work.store(ptr::from_ref(&work).cast_mut(), SeqCst);
        shared.most.store(most, SeqCst);
        let visit = Visit(shared);
        shared.gate.store(OPEN, SeqCst);
        shared.calls.fetch_add(1, SeqCst);
        shared.called.ring(most);
        work();
        drop(visit);
    }
}

/// A call that is being helped.
struct Visit<'a>(&'a Shared);

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        let shared = self.0;
        shared.gate.fetch_and(!OPEN, SeqCst);
        shared.left.wait(LOOKS_AT_END, hint::spin_loop, || shared.gate.load(SeqCst) == 0);
        let has_panicked = shared.has_panicked.swap(false, SeqCst);
        shared.is_taken.store(false, SeqCst);
        assert!(!has_panicked || thread::panicking(), "a thread that helped has panicked");
    }
}

impl Shared {
    /// The life of a helper.
    fn help(&self) {
        let mut known = 0;
        loop {
            let is_news = || self.calls.load(SeqCst) != known || self.is_over.load(SeqCst);
            self.called.wait(LOOKS, thread::yield_now, is_news);
            if self.is_over.load(SeqCst) {
                return;
            }
            known = self.calls.load(SeqCst);
            let go_in = |gate: usize| {
                let has_room = gate & !OPEN < self.most.load(SeqCst);
                (gate & OPEN != 0 && has_room).then_some(gate + 1)
            };
            if self.gate.fetch_update(SeqCst, SeqCst, go_in).is_err() {
                continue;
            }
            // SAFETY: this is inside the gate, so the call whose work it is has not ended
            // and will not before the gate is left.
            let work = unsafe { *self.work.load(SeqCst) };
            if catch_unwind(AssertUnwindSafe(work)).is_err() {
                self.has_panicked.store(true, SeqCst);
            }
            if self.gate.fetch_sub(1, SeqCst) == 1 {
                self.left.ring(1);
            }
        }
    }
}

/// Wakes threads that wait for something, when it may have come true.
#[derive(Debug, Default)]
struct Bell {
    sleeping: AtomicUsize,
    asleep: Mutex<()>,
    news: Condvar,
}

impl Bell {
    /// Waits until something is so: looks a few times, with a `pause` between, and sleeps
    /// from then on.
    fn wait(&self, looks: usize, pause: impl Fn(), is_so: impl Fn() -> bool) {
        for _ in 0..looks {
            if is_so() {
                return;
            }
            pause();
        }
        let mut asleep = self.lock();
        // Counted before the last look: who rings and sees nobody asleep has changed
        // things before that look.
        self.sleeping.fetch_add(1, SeqCst);
        while !is_so() {
            asleep = self.news.wait(asleep).unwrap_or_else(PoisonError::into_inner);
        }
        self.sleeping.fetch_sub(1, SeqCst);
    }

    /// Wakes `most` of those that sleep, after something has changed.
    fn ring(&self, most: usize) {
        let sleeping = self.sleeping.load(SeqCst);
        if sleeping == 0 {
            return;
        }
        // While this is locked, nobody is between the last look and sleep.
        drop(self.lock());
        if most < sleeping {
            (0..most).for_each(|_| self.news.notify_one());
        } else {
            self.news.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, ()> {
        self.asleep.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
