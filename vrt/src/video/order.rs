//! In: the costs of pieces of work. Out: the order in which idle threads take them so that the last one ends early.

use std::cmp::Reverse;

/// More pieces than this even out by themselves.
const SEARCHED: usize = 24;

/// An order of the pieces: the dearest first, then improved by exchanges for as long as one helps.
pub(super) fn order(costs: &[u64], threads: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..costs.len()).collect();
    order.sort_by_key(|&piece| Reverse(costs[piece]));
    if order.len() > SEARCHED {
        return order;
    }
    let mut best = end(costs, &order, threads);
    let mut improved = true;
    while improved {
        improved = false;
        for one in 0..order.len() {
            for other in one + 1..order.len() {
                order.swap(one, other);
                let found = end(costs, &order, threads);
                if found < best {
                    (best, improved) = (found, true);
                } else {
                    order.swap(one, other);
                }
            }
        }
    }
    order
}

/// When the last thread ends, if each takes the next piece as soon as it is idle.
fn end(costs: &[u64], order: &[usize], threads: usize) -> u64 {
    let mut busy = vec![0; threads.max(1)];
    for &piece in order {
        if let Some(first) = busy.iter_mut().min() {
            *first += costs[piece];
        }
    }
    busy.into_iter().max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn five_groups_of_pictures_fill_two_threads() {
        // The dearest first would end at 118.
        let costs = [57, 34, 49, 27, 42];
        assert_eq!(end(&costs, &order(&costs, 2), 2), 106);
    }

    proptest! {
        #[test]
        fn everything_is_done_once_and_never_later_than_dearest_first(
            costs in prop::collection::vec(0u64..100, 0..12),
            threads in 1usize..4,
        ) {
            let found = order(&costs, threads);
            let mut all = found.clone();
            all.sort_unstable();
            prop_assert_eq!(all, (0..costs.len()).collect::<Vec<_>>());
            let mut dearest: Vec<usize> = (0..costs.len()).collect();
            dearest.sort_by_key(|&piece| Reverse(costs[piece]));
            let ends = end(&costs, &found, threads);
            prop_assert!(ends <= end(&costs, &dearest, threads));
            let sum: u64 = costs.iter().sum();
            prop_assert!(ends >= sum.div_ceil(threads as u64));
        }
    }
}
