use proptest::prelude::*;
use vrt_core::pair::{FrameIndex, PairKey};
use vrt_core::sequence::{Input, Packed, Sequence};

/// One thing that happens in an episode.
#[derive(Clone, Copy, Debug)]
enum Event {
    Given(u32),
    Chosen(u32),
    Shown(u32),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        (1u32..9).prop_map(Event::Given),
        (1u32..9).prop_map(Event::Chosen),
        (1u32..9).prop_map(Event::Shown),
    ]
}

fn sequence() -> impl Strategy<Value = Sequence> {
    (0u64..4, prop::collection::vec(event(), 0..30)).prop_map(|(pair, events)| {
        let mut sequence = Sequence::open(PairKey(pair));
        sequence.give(1);
        let mut outcome = 0;
        for (i, event) in events.into_iter().enumerate() {
            match event {
                Event::Given(token) => sequence.give(token),
                Event::Chosen(token) => sequence.choose(token, -(i as f32)),
                Event::Shown(number) => {
                    outcome += 1;
                    sequence.outcome(outcome);
                    sequence.show(1, FrameIndex::new(number).expect("not 0"));
                }
            }
        }
        sequence
    })
}

proptest! {
    #[test]
    fn a_target_points_to_the_row_before_its_token(sequence in sequence()) {
        for target in &sequence.targets {
            let next = sequence.rows[target.row as usize + 1];
            prop_assert_eq!(next.input, Input::Text(target.token));
            prop_assert_eq!(next.evidence, 0);
        }
        prop_assert!(sequence.targets.is_sorted_by(|a, b| a.row < b.row));
        prop_assert!(sequence.rows.is_sorted_by_key(|row| row.oldest));
    }

    #[test]
    fn closing_drops_only_what_no_target_follows(sequence in sequence()) {
        let closed = sequence.clone().close();
        prop_assert_eq!(&closed.targets, &sequence.targets);
        prop_assert_eq!(&closed.rows[..], &sequence.rows[..closed.rows.len()]);
        let last = sequence.targets.last().map(|target| target.row as usize + 1);
        prop_assert_eq!(closed.rows.len(), last.unwrap_or(0));
        prop_assert_eq!(closed.clone().close(), closed);
    }

    #[test]
    fn packing_keeps_every_row_and_every_target(sequences in prop::collection::vec(sequence(), 0..5)) {
        let closed: Vec<Sequence> = sequences.into_iter().map(Sequence::close).collect();
        let mut asked = Vec::new();
        let packed = Packed::new(&closed, |pair, view| {
            asked.push((pair, view));
            asked.len() as u32 - 1
        });
        prop_assert_eq!(packed.sequences(), closed.len());
        prop_assert_eq!(packed.len(), closed.iter().map(|one| one.rows.len()).sum::<usize>());
        prop_assert_eq!(packed.is_empty(), closed.iter().all(|one| one.rows.is_empty()));
        prop_assert_eq!(packed.positions.len(), packed.len());
        prop_assert_eq!(packed.evidence.len(), packed.len());
        prop_assert_eq!(packed.oldest.len(), packed.len());
        prop_assert!(packed.visual_rows.is_sorted_by(|a, b| a < b));
        prop_assert!(packed.target_rows.is_sorted_by(|a, b| a < b));
        let mut targets = packed.target_rows.iter().zip(&packed.target_tokens);
        let places = packed.visual_rows.iter().zip(&packed.visual_index);
        let mut visual = places.zip(&packed.visual_names);
        for (number, one) in closed.iter().enumerate() {
            let rows = packed.starts[number] as usize..packed.starts[number + 1] as usize;
            prop_assert_eq!(rows.len(), one.rows.len());
            for (place, row) in rows.clone().zip(&one.rows) {
                prop_assert_eq!(packed.positions[place], [(place - rows.start) as u32; 3]);
                prop_assert_eq!((packed.evidence[place], packed.oldest[place]), (row.evidence, row.oldest));
                match row.input {
                    Input::Text(id) => prop_assert_eq!(packed.tokens[place], id),
                    Input::View(view, name) => {
                        let ((&at, &index), &named) = visual.next().expect("every frame has a visual row");
                        prop_assert_eq!((at as usize, named), (place, name));
                        prop_assert_eq!(asked[index as usize], (one.pair, view));
                    }
                }
            }
            for target in &one.targets {
                let (&row, &token) = targets.next().expect("every target is packed");
                prop_assert_eq!(row as usize, rows.start + target.row as usize);
                prop_assert!(rows.contains(&(row as usize)));
                prop_assert_eq!(token, target.token);
            }
        }
        prop_assert!(targets.next().is_none() && visual.next().is_none());
    }
}

#[test]
fn a_sequence_without_choices_closes_to_nothing() {
    let mut sequence = Sequence::open(PairKey(1));
    sequence.give(1);
    sequence.show(2, FrameIndex::new(1).expect("not 0"));
    assert_eq!(sequence.views().count(), 1);
    assert!(sequence.close().rows.is_empty());
}
