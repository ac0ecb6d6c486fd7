//! In: passes over pieces of work, each of which needs all of the pass before. Out: all passes done, whatever the number of threads.
//!
//! The threads stay awake between passes: to put them to sleep and wake them, as [`shard::in_order`] does, takes as long as a
//! short pass.

use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::{hint, thread};

use crate::shard;

/// Looks at the gate before a waiting thread offers its core to others.
const LOOKS: u32 = 1 << 14;

/// The pieces of a pass.
#[derive(Debug)]
pub struct Pass {
    pieces: usize,
    next: AtomicUsize,
}

impl Pass {
    /// A pass over so many pieces, which must not depend on each other.
    pub fn new(pieces: usize) -> Self {
        Self {
            pieces,
            next: AtomicUsize::new(0),
        }
    }

    /// A value for each piece.
    pub fn each<T>(&self, of: impl FnMut(usize) -> T) -> Vec<T> {
        (0..self.pieces).map(of).collect()
    }
}

/// One of the threads that go through the passes together.
#[derive(Debug)]
pub struct Crew<'a> {
    threads: usize,
    gate: &'a Gate,
}

/// Where threads wait for the last one.
#[derive(Debug, Default)]
struct Gate {
    waiting: AtomicUsize,
    opened: AtomicUsize,
    /// A thread panicked and will never come.
    broken: AtomicBool,
}

/// Runs `passes` on each of `threads` threads at once. All must go through the same passes in the same order, and none may
/// begin another crew within.
pub fn together(threads: usize, passes: impl Fn(&Crew<'_>) + Sync) {
    let gate = Gate::default();
    let pool = match threads {
        0 | 1 => None,
        _ => shard::pool(threads),
    };
    let Some(pool) = pool else {
        return passes(&Crew {
            threads: 1,
            gate: &gate,
        });
    };
    let _alone = pool.crew.lock().unwrap_or_else(PoisonError::into_inner);
    pool.threads.broadcast(|_| {
        let _breaks = Breaks(&gate);
        passes(&Crew {
            threads,
            gate: &gate,
        });
    });
}

impl Crew<'_> {
    /// Works on pieces of a pass as long as there are any, then waits until the others have done theirs.
    pub fn pass(&self, pass: &Pass, work: impl Fn(usize)) {
        shard::take(&pass.next, pass.pieces, work);
        self.gate.wait(self.threads);
    }
}

impl Gate {
    fn wait(&self, threads: usize) {
        let opened = self.opened.load(Ordering::Acquire);
        if self.waiting.fetch_add(1, Ordering::AcqRel) + 1 == threads {
            self.waiting.store(0, Ordering::Relaxed);
            self.opened.store(opened + 1, Ordering::Release);
            return;
        }
        let mut looks = 0;
        while self.opened.load(Ordering::Acquire) == opened {
            assert!(
                !self.broken.load(Ordering::Relaxed),
                "another thread of the crew panicked"
            );
            if looks < LOOKS {
                looks += 1;
                hint::spin_loop();
            } else {
                thread::yield_now();
            }
        }
    }
}

/// Breaks the gate when its thread panics.
struct Breaks<'a>(&'a Gate);

impl Drop for Breaks<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.broken.store(true, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{self, AssertUnwindSafe};

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn each_pass_sees_all_of_the_one_before(threads in 1usize..5, counts in prop::collection::vec(0usize..40, 1..6)) {
            let passes: Vec<Pass> = counts.iter().map(|&count| Pass::new(count)).collect();
            let done: Vec<AtomicUsize> = counts.iter().map(|_| AtomicUsize::new(0)).collect();
            let early = AtomicUsize::new(0);
            together(threads, |crew| {
                for (at, pass) in passes.iter().enumerate() {
                    crew.pass(pass, |_| {
                        let whole = at == 0 || done[at - 1].load(Ordering::Relaxed) == counts[at - 1];
                        early.fetch_add(usize::from(!whole), Ordering::Relaxed);
                        done[at].fetch_add(1, Ordering::Relaxed);
                    });
                }
            });
            prop_assert_eq!(early.into_inner(), 0);
            let done: Vec<usize> = done.into_iter().map(AtomicUsize::into_inner).collect();
            prop_assert_eq!(done, counts);
        }
    }

    #[test]
    fn crews_of_one_pool_take_turns() {
        let sum = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let [one, two] = [Pass::new(7), Pass::new(5)];
                        together(2, |crew| {
                            for pass in [&one, &two] {
                                crew.pass(pass, |piece| {
                                    sum.fetch_add(piece, Ordering::Relaxed);
                                });
                            }
                        });
                    }
                });
            }
        });
        assert_eq!(sum.into_inner(), 200 * (21 + 10));
    }

    #[test]
    fn a_panic_ends_the_crew() {
        let pass = Pass::new(3);
        let crew = || together(2, |crew| crew.pass(&pass, |piece| assert_ne!(piece, 1)));
        assert!(panic::catch_unwind(AssertUnwindSafe(crew)).is_err());
        let [again, done] = [Pass::new(3), Pass::new(3)];
        together(2, |crew| {
            crew.pass(&again, |_| ());
            crew.pass(&done, |_| ());
        });
    }
}
