use proptest::prelude::*;
use vrt_core::pair::{FrameIndex, PairKey};
use vrt_core::sequence::{Input, Sequence};
use vrt_core::window::{MemoryWindow, visible};

/// What is visible after outcomes of these costs.
fn shown(window: MemoryWindow, costs: &[u32]) -> Vec<u8> {
    let oldest = window.oldest(costs);
    (1..=costs.len() as u8)
        .filter(|&c| visible(c, oldest))
        .collect()
}

proptest! {
    #[test]
    fn exactly_the_newest_outcomes_are_visible(width: u8, round in 0u8..=254) {
        let window = MemoryWindow::new(width);
        let newest: Vec<u8> = (1..=round).skip(round.saturating_sub(width).into()).collect();
        prop_assert_eq!(shown(window, &vec![9; round.into()]), newest);
    }

    #[test]
    fn text_and_initial_frames_never_leave(oldest: u8) {
        prop_assert!(visible(0, oldest));
    }

    #[test]
    fn a_budget_shows_the_longest_newest_part_that_it_can_pay(
        width in 0u8..6,
        budget in 0u32..30,
        costs in prop::collection::vec(0u32..12, 0..9),
    ) {
        let window = MemoryWindow { width, budget: Some(budget) };
        let visible = shown(window, &costs);
        let first = costs.len() - visible.len();
        let paid = |from: usize| costs[from..].iter().sum::<u32>();
        prop_assert!(paid(first) <= budget && visible.len() <= usize::from(width));
        if first > 0 && visible.len() < usize::from(width) {
            prop_assert!(paid(first - 1) > budget, "one more could have been paid");
        }
    }

    #[test]
    fn what_has_left_does_not_come_back(
        width in 0u8..6,
        budget in prop::option::of(0u32..30),
        costs in prop::collection::vec(0u32..12, 1..9),
    ) {
        let window = MemoryWindow { width, budget };
        let steps: Vec<u8> = (0..=costs.len()).map(|n| window.oldest(&costs[..n])).collect();
        prop_assert!(steps.is_sorted(), "{steps:?}");
    }

    #[test]
    fn a_window_reads_as_it_was_written(width: u8, budget: Option<u32>) {
        let window = MemoryWindow { width, budget };
        let text = serde_json::to_string(&window).expect("plain data");
        prop_assert_eq!(text.starts_with('{'), budget.is_some());
        prop_assert_eq!(serde_json::from_str::<MemoryWindow>(&text).expect("its own text"), window);
    }

    #[test]
    fn no_row_of_an_episode_sees_more_outcomes_than_the_window_is_wide(
        width in 0u8..5,
        outcomes in prop::collection::vec((1u32..4, 1u32..5), 0..7),
    ) {
        let window = MemoryWindow::new(width);
        let mut sequence = Sequence::open(PairKey(1));
        sequence.give(1);
        let frame = FrameIndex::new(5).expect("5 is not 0");
        sequence.show(2, frame);
        let mut costs = Vec::new();
        for (words, frames) in &outcomes {
            (0..*words).for_each(|_| sequence.choose(3, -1.0));
            costs.push(*frames);
            sequence.outcome(window.oldest(&costs));
            (0..*frames).for_each(|_| sequence.show(2, frame));
        }
        sequence.choose(4, -1.0);
        let rows = sequence.rows;
        for (at, looking) in rows.iter().enumerate() {
            let before = &rows[..=at];
            let seen = before.iter().filter(|row| visible(row.evidence, looking.oldest));
            let mut fetched: Vec<u8> = seen.map(|row| row.evidence).filter(|&c| c > 0).collect();
            fetched.dedup();
            let rounds = before.iter().map(|row| row.evidence).max().unwrap_or(0);
            prop_assert_eq!(fetched.len(), usize::from(width.min(rounds)));
            let hidden = before.iter().filter(|row| !visible(row.evidence, looking.oldest));
            for row in hidden {
                prop_assert!(row.evidence > 0, "text or an initial frame is hidden: {row:?}");
            }
        }
        let chosen = rows.iter().filter(|row| row.input == Input::Text(3));
        prop_assert!(chosen.into_iter().all(|row| row.evidence == 0));
    }
}
