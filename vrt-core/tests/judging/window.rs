use proptest::prelude::*;
use vrt_core::pair::{FrameIndex, PairKey};
use vrt_core::sequence::{Input, Sequence};
use vrt_core::window::MemoryWindow;

proptest! {
    #[test]
    fn exactly_the_newest_outcomes_are_visible(width: u8, round: u8) {
        let window = MemoryWindow { width };
        let visible: Vec<u8> = (1..=round).filter(|&c| window.shows(c, round)).collect();
        let newest: Vec<u8> = (1..=round).skip(round.saturating_sub(width).into()).collect();
        prop_assert_eq!(visible, newest);
    }

    #[test]
    fn text_and_initial_frames_never_leave(width: u8, round: u8) {
        let window = MemoryWindow { width };
        prop_assert!(window.shows(0, round));
    }

    #[test]
    fn what_has_left_does_not_come_back(width: u8, evidence: u8, round in 0u8..255) {
        let window = MemoryWindow { width };
        prop_assert!(window.shows(evidence, round) || !window.shows(evidence, round + 1));
    }

    #[test]
    fn no_row_of_an_episode_sees_more_outcomes_than_the_window_is_wide(
        width in 0u8..5,
        outcomes in prop::collection::vec((1u32..4, 1u32..5), 0..7),
    ) {
        let window = MemoryWindow { width };
        let mut sequence = Sequence::open(PairKey(1));
        sequence.give(1);
        let frame = FrameIndex::new(5).expect("5 is not 0");
        sequence.show(2, frame, 0);
        for (number, (words, frames)) in outcomes.iter().enumerate() {
            (0..*words).for_each(|_| sequence.choose(3, -1.0));
            (0..*frames).for_each(|_| sequence.show(2, frame, number as u8 + 1));
        }
        sequence.choose(4, -1.0);
        let rows = sequence.rows;
        for (at, looking) in rows.iter().enumerate() {
            let seen = rows[..=at].iter().filter(|row| window.shows(row.evidence, looking.round));
            let mut fetched: Vec<u8> = seen.map(|row| row.evidence).filter(|&c| c > 0).collect();
            fetched.dedup();
            prop_assert_eq!(fetched.len(), usize::from(width.min(looking.round)));
            let hidden = rows[..=at].iter().filter(|row| !window.shows(row.evidence, looking.round));
            for row in hidden {
                prop_assert!(row.evidence > 0, "text or an initial frame is hidden: {row:?}");
            }
        }
        let chosen = rows.iter().filter(|row| row.input == Input::Text(3));
        prop_assert!(chosen.into_iter().all(|row| row.evidence == 0));
    }
}
