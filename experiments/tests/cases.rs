//! Figure 2: the cases are the first that fit the rule, and the rule reads the world's truth.

use experiments::cases::{choose, evidence};
use experiments::cli::draw;
use experiments::spec::{CasesSpec, Spec};
use experiments::stages::WORLD_SEED;
use experiments::world::World;
use experiments::world::config::WorldConfig;
use experiments::world::split::{Length, Split};
use vrt_core::pair::{Dimension, Preference, Side};
use vrt_view::{JudgmentRecord, TraceRecord, VideoRecord};

const SHIPPED: &str = include_str!("../specs/fig2.toml");

fn world() -> World {
    World::new(WORLD_SEED, WorldConfig::default()).unwrap()
}

/// A trace of each of the first pairs that answers as `answer` says of its place and the truth.
fn traces(
    world: &World,
    answer: impl Fn(usize, JudgmentRecord) -> JudgmentRecord,
) -> Vec<TraceRecord> {
    let keys = Split::Design(Length::ALL[0]).keys(60).enumerate();
    keys.map(|(place, key)| {
        let pair = world.pair(key);
        let truth = JudgmentRecord::from(pair.truth.unwrap());
        let video = |name: &str, side| VideoRecord {
            name: name.to_owned(),
            frames: pair.pool().len(side),
            fps: None,
        };
        TraceRecord {
            version: 2,
            pair: key,
            sample: 0,
            source: "test".to_owned(),
            caption: String::new(),
            videos: [video("1", Side::First), video("2", Side::Second)],
            initial: pair.pool().evenly(4),
            rounds: Vec::new(),
            stop: None,
            truth: Some(truth),
            answer: Some(answer(place, truth)),
            reward: None,
            pictures: Default::default(),
        }
    })
    .collect()
}

#[test]
fn evidence_is_every_frame_of_a_real_moment_and_no_other() {
    let world = world();
    let mut seen = 0;
    for key in Split::Design(Length::ALL[0]).keys(60) {
        let facts = world.facts(key);
        let mut expected = Vec::new();
        for (side, before) in [
            (Side::First, 0),
            (Side::Second, facts.pool().len(Side::First)),
        ] {
            for dimension in Dimension::ALL {
                if let Some(site) = facts.video(side).site(dimension)
                    && site.real
                {
                    // Numbers count from 1, offsets from 0.
                    expected.extend(before + site.centre..=before + site.centre + 2);
                }
            }
        }
        expected.sort_unstable();
        expected.dedup();
        let found: Vec<u32> = evidence(&facts).iter().map(|frame| frame.get()).collect();
        assert_eq!(found, expected);
        seen += found.len();
    }
    assert!(seen > 0);
}

#[test]
fn the_first_that_fit_are_chosen_in_order() {
    let world = world();
    // Every third overall judgment is turned round, every fourth dimension beside a right overall.
    let traces = traces(&world, |place, truth| {
        let mut said = truth;
        let other = |one: Preference| match one {
            Preference::First => Preference::Second,
            _ => Preference::First,
        };
        if place % 3 == 0 {
            said.oa = other(said.oa);
        } else if place % 4 == 0 {
            said.ta = other(said.ta);
        }
        said
    });
    let rule = CasesSpec {
        among: 60,
        right: 2,
        wrong: 1,
    };
    let facts = |trace: &TraceRecord| world.facts(trace.pair);
    let fits: Vec<usize> = (0..traces.len())
        .filter(|&place| {
            let evidence = evidence(&facts(&traces[place]));
            let missed = |frame| !evidence.contains(frame);
            !evidence.is_empty() && traces[place].initial.iter().all(missed)
        })
        .collect();
    let first = |wanted: &dyn Fn(usize) -> bool, most| -> Vec<usize> {
        let fitting = fits.iter().copied();
        fitting.filter(|&place| wanted(place)).take(most).collect()
    };
    let right = first(&|place| place % 3 != 0 && place % 4 != 0, 2);
    let wrong = first(&|place| place % 3 == 0, 1);
    let (missed, cases) = choose(&traces, facts, &rule);
    assert_eq!(missed, fits.len());
    let chosen: Vec<(usize, bool)> = cases.iter().map(|case| (case.place, case.right)).collect();
    let expected: Vec<(usize, bool)> = (right.iter().map(|&place| (place, true)))
        .chain(wrong.iter().map(|&place| (place, false)))
        .collect();
    assert_eq!(chosen, expected);
    assert_eq!(chosen.len(), 3);
}

#[test]
fn cases_without_their_rule() {
    let rule = "[cases]\n# Design pairs that are judged, spread over the lengths of video.\namong = 150\nright = 2\nwrong = 1\n";
    assert!(SHIPPED.contains(rule));
    let text = SHIPPED.replacen(rule, "", 1);
    let error = Spec::parse("fig2.toml", &text).unwrap_err();
    insta::assert_snapshot!(draw(error.as_ref(), false));
}
