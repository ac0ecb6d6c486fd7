//! In: independent pieces of work. Out: their results in order, whatever the number of threads.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rayon::{ThreadPool, ThreadPoolBuilder};

/// Runs `work(0..pieces)` on at most `threads` threads; the results stand in the order of the pieces.
///
/// The pieces must not depend on each other; how work is cut into pieces must not depend on `threads`.
pub fn in_order<T: Send>(
    pieces: usize,
    threads: usize,
    work: impl Fn(usize) -> T + Sync,
) -> Vec<T> {
    let pool = match threads.min(pieces) {
        0 | 1 => None,
        _ => pool(threads),
    };
    let Some(pool) = pool else {
        return (0..pieces).map(work).collect();
    };
    let next = AtomicUsize::new(0);
    let done: Vec<Mutex<Option<T>>> = (0..pieces).map(|_| Mutex::new(None)).collect();
    pool.threads.broadcast(|_| {
        take(&next, pieces, |piece| {
            let result = work(piece);
            *done[piece]
                .lock()
                .expect("no other thread holds this piece") = Some(result);
        });
    });
    done.into_iter()
        .map(|slot| {
            let slot = slot.into_inner().expect("every thread has ended");
            slot.expect("every piece was taken")
        })
        .collect()
}

/// Takes pieces as long as there are any.
pub(crate) fn take(next: &AtomicUsize, pieces: usize, work: impl Fn(usize)) {
    loop {
        let piece = next.fetch_add(1, Ordering::Relaxed);
        if piece >= pieces {
            break;
        }
        work(piece);
    }
}

/// Threads that are kept.
pub(crate) struct Pool {
    pub(crate) threads: ThreadPool,
    /// Held while its threads wait for each other: two such crews would wait for ever.
    pub(crate) crew: Mutex<()>,
}

/// The pool of so many threads, made once: a thread that lives on keeps its allocator's pages. `None` if the system
/// gives no threads; then the caller works alone.
pub(crate) fn pool(threads: usize) -> Option<Arc<Pool>> {
    static POOLS: Mutex<BTreeMap<usize, Arc<Pool>>> = Mutex::new(BTreeMap::new());
    let mut pools = POOLS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(pool) = pools.get(&threads) {
        return Some(Arc::clone(pool));
    }
    let builder = ThreadPoolBuilder::new().num_threads(threads);
    let pool = Arc::new(Pool {
        threads: builder.thread_name(|n| format!("shard-{n}")).build().ok()?,
        crew: Mutex::new(()),
    });
    pools.insert(threads, Arc::clone(&pool));
    Some(pool)
}

/// Deals items of known cost to `shards` shards of nearly equal cost: the dearest first, each to the cheapest
/// shard so far, the lower index on a tie. Inside a shard the items keep their order.
pub fn balance(costs: &[u64], shards: usize) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..costs.len()).collect();
    order.sort_by_key(|&item| (std::cmp::Reverse(costs[item]), item));
    let mut load = vec![0u64; shards];
    let mut dealt = vec![Vec::new(); shards];
    for item in order {
        let shard = (0..shards)
            .min_by_key(|&shard| (load[shard], shard))
            .unwrap_or(0);
        load[shard] += costs[item];
        dealt[shard].push(item);
    }
    for shard in &mut dealt {
        shard.sort_unstable();
    }
    dealt
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn threads_do_not_change_the_order(pieces in 0usize..50, threads in 1usize..5) {
            let squares = in_order(pieces, threads, |piece| piece * piece);
            prop_assert_eq!(squares, (0..pieces).map(|piece| piece * piece).collect::<Vec<_>>());
        }

        #[test]
        fn every_item_is_dealt_once_and_no_shard_is_far_ahead(costs in prop::collection::vec(1u64..100, 0..60), shards in 1usize..5) {
            let dealt = balance(&costs, shards);
            let mut all: Vec<usize> = dealt.concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..costs.len()).collect::<Vec<_>>());
            let load = |shard: &Vec<usize>| shard.iter().map(|&item| costs[item]).sum::<u64>();
            let (most, least) = (dealt.iter().map(load).max().unwrap(), dealt.iter().map(load).min().unwrap());
            prop_assert!(most - least <= costs.iter().copied().max().unwrap_or(0));
        }
    }
}
