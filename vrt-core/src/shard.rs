//! In: independent pieces of work. Out: their results in order, whatever the number of threads.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::model::kernels;

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
    pool.broadcast(|_| {
        loop {
            let piece = next.fetch_add(1, Ordering::Relaxed);
            if piece >= pieces {
                break;
            }
            let result = work(piece);
            *done[piece]
                .lock()
                .expect("no other thread holds this piece") = Some(result);
        }
    });
    done.into_iter()
        .map(|slot| {
            let slot = slot.into_inner().expect("every thread has ended");
            slot.expect("every piece was taken")
        })
        .collect()
}

/// As [`in_order`], for pieces that are owned: stretches of a vector that is changed, say.
pub fn each<I: Send, T: Send>(
    pieces: Vec<I>,
    threads: usize,
    work: impl Fn(I) -> T + Sync,
) -> Vec<T> {
    let pieces: Vec<Mutex<Option<I>>> = pieces
        .into_iter()
        .map(|piece| Mutex::new(Some(piece)))
        .collect();
    in_order(pieces.len(), threads, |i| {
        let piece = pieces[i].lock().expect("one thread takes a piece").take();
        work(piece.expect("a piece is taken once"))
    })
}

/// Numbers in a piece of an element-wise pass over all parameters.
pub const STRETCH: usize = 1 << 15;

/// The sum of vectors of one length, added in their order; empty without vectors.
pub fn sum(parts: Vec<Vec<f32>>, threads: usize) -> Vec<f32> {
    let mut parts = parts.into_iter();
    let mut total = parts.next().unwrap_or_default();
    let rest: Vec<Vec<f32>> = parts.collect();
    let stretches = total.chunks_mut(STRETCH).enumerate().collect();
    each(stretches, threads, |(at, total): (usize, &mut [f32])| {
        for part in &rest {
            let from = at * STRETCH;
            kernels::add(total, &part[from..from + total.len()]);
        }
    });
    total
}

/// The pool of so many threads, made once: a thread that lives on keeps its allocator's pages. `None` if the system
/// gives no threads; then the caller works alone.
fn pool(threads: usize) -> Option<Arc<ThreadPool>> {
    static POOLS: Mutex<BTreeMap<usize, Arc<ThreadPool>>> = Mutex::new(BTreeMap::new());
    let mut pools = POOLS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(pool) = pools.get(&threads) {
        return Some(Arc::clone(pool));
    }
    let builder = ThreadPoolBuilder::new().num_threads(threads);
    let pool = Arc::new(builder.thread_name(|n| format!("shard-{n}")).build().ok()?);
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
        fn a_sum_is_the_same_on_any_number_of_threads(parts in 0usize..5, length in 0usize..3 * STRETCH, threads in 1usize..4) {
            let parts: Vec<Vec<f32>> = (0..parts)
                .map(|part| (0..length).map(|i| ((i * 31 + part * 7) % 1001) as f32 / 3.0).collect())
                .collect();
            let one_by_one: Vec<f32> = match parts.split_first() {
                None => Vec::new(),
                Some((first, rest)) => (0..length)
                    .map(|i| rest.iter().fold(first[i], |sum, part| sum + part[i]))
                    .collect(),
            };
            prop_assert_eq!(sum(parts, threads), one_by_one);
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
