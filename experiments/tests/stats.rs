//! Accuracies and intervals against hand-worked examples.

use experiments::compare::Verdict;
use experiments::stats::{Interval, Metric, Part, Resamples, Row, Runs, StatsError, counts};

fn row(pair: u64, split: &str, truth: [u8; 4], answer: Option<[u8; 4]>) -> Row {
    Row {
        pair,
        split: split.to_owned(),
        truth,
        answer,
        calls: u32::from(pair.is_multiple_of(2)),
        stop: if answer.is_some() {
            "answered"
        } else {
            "malformed"
        }
        .to_owned(),
        tokens: 10,
        units: None,
        by_tool: Default::default(),
        visual_tokens: None,
        untied: None,
    }
}

/// Overall truths 1, 2, 0, 0, 1, 2; answers right, wrong, right, wrong, tie, none.
fn six() -> Vec<Row> {
    vec![
        row(0, "short", [1, 1, 1, 1], Some([1, 1, 1, 1])),
        row(1, "short", [2, 2, 2, 2], Some([2, 2, 2, 1])),
        row(2, "short", [0, 1, 2, 0], Some([0, 1, 1, 0])),
        row(3, "long", [0, 0, 0, 0], Some([0, 0, 0, 2])),
        row(4, "long", [1, 0, 0, 1], Some([1, 0, 0, 0])),
        row(5, "long", [2, 0, 0, 2], None),
    ]
}

fn value(rows: Vec<Row>, part: Part<'_>, metric: Metric) -> f64 {
    let runs = vec![rows];
    let resamples = Resamples::draw("arm", &runs).unwrap();
    resamples
        .measure("arm", &runs, part, metric)
        .unwrap()
        .interval()
        .value
}

#[test]
fn accuracies_by_hand() {
    let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-9, "{a} is not {b}");
    close(value(six(), Part::All, Metric::Tau), 200.0 / 6.0);
    // Ties in truth are dropped: four pairs are left, one of them right; the tie and the silence are wrong.
    close(value(six(), Part::All, Metric::Diff), 25.0);
    close(value(six(), Part::All, Metric::All4), 100.0 / 6.0);
    close(value(six(), Part::Split("short"), Metric::Tau), 200.0 / 3.0);
    close(value(six(), Part::Split("short"), Metric::Diff), 50.0);
    close(value(six(), Part::Split("long"), Metric::Tau), 0.0);
}

#[test]
fn silence_is_counted_apart_and_ties_have_a_base_rate() {
    let runs = vec![six()];
    let counted = counts(&runs, Part::All);
    assert_eq!(
        (counted.rows, counted.no_answer, counted.calls),
        (6, 1, 0.5)
    );
    assert_eq!(counted.stops["malformed"], 1);
    let resamples = Resamples::draw("arm", &runs).unwrap();
    assert_eq!(resamples.always_tie(Part::Split("short")), 100.0 / 3.0);
    assert_eq!(resamples.pairs(Part::Split("long")), 3);
}

/// `n` pairs of which the first `right` are answered right.
fn coin(n: u64, right: u64) -> Vec<Row> {
    let answer = |i| if i < right { 1 } else { 2 };
    (0..n)
        .map(|i| row(i, "short", [1; 4], Some([answer(i); 4])))
        .collect()
}

#[test]
fn an_interval_is_as_wide_as_the_binomial_says() {
    let runs = vec![coin(400, 300)];
    let resamples = Resamples::draw("arm", &runs).unwrap();
    let tau = resamples
        .measure("arm", &runs, Part::All, Metric::Tau)
        .unwrap()
        .interval();
    // 1.96 · sqrt(.75 · .25 / 400) = 4.24 points; 2,000 resamples know it to a few percent.
    assert!((tau.half_width() - 4.24).abs() < 0.3, "{tau:?}");
    assert!((tau.low + tau.high - 150.0).abs() < 1.0, "{tau:?}");
}

#[test]
fn a_paired_difference_knows_that_the_pairs_are_the_same() {
    let (a, b) = (vec![coin(400, 300)], vec![coin(400, 296)]);
    let resamples = Resamples::draw("a", &a).unwrap();
    let of = |name, runs: &Runs| {
        resamples
            .measure(name, runs, Part::All, Metric::Tau)
            .unwrap()
    };
    let difference = of("a", &a).minus(&of("b", &b)).interval();
    assert!((difference.value - 1.0).abs() < 1e-9);
    // Only four of 400 pairs differ: sqrt(.01 · .99 / 400) · 1.96 = .98, not the 6 of unpaired arms.
    assert!(
        (difference.half_width() - 0.98).abs() < 0.15,
        "{difference:?}"
    );
    let same = of("a", &a).minus(&of("a", &a)).interval();
    assert_eq!((same.low, same.high), (0.0, 0.0));
}

#[test]
fn intervals_are_the_same_every_time_and_seeds_widen_them() {
    let draw = |runs: &Runs| {
        let resamples = Resamples::draw("arm", runs).unwrap();
        resamples
            .measure("arm", runs, Part::All, Metric::Tau)
            .unwrap()
            .interval()
    };
    let one = vec![coin(200, 150)];
    assert_eq!(draw(&one), draw(&one));
    let agree = vec![coin(200, 150), coin(200, 150)];
    let differ = vec![coin(200, 180), coin(200, 120)];
    assert_eq!(draw(&agree).value, draw(&differ).value);
    assert!(draw(&differ).half_width() > 1.5 * draw(&agree).half_width());
}

#[test]
fn different_pairs_are_not_compared() {
    let runs = vec![six()];
    let resamples = Resamples::draw("full", &runs).unwrap();
    let mut other = six();
    other[4].truth[3] = 2;
    let error = resamples
        .measure("rft", &vec![other], Part::All, Metric::Tau)
        .unwrap_err();
    assert!(
        matches!(&error, StatsError::DifferentPairs { run, .. } if run == "rft"),
        "{error}"
    );
    assert!(error.to_string().contains("line 5"), "{error}");
    let empty = resamples.measure("full", &runs, Part::Split("medium"), Metric::Tau);
    assert!(matches!(empty, Err(StatsError::Empty { .. })));
}

#[test]
fn a_claim_is_decided_by_its_whole_interval() {
    let interval = |low, high| Interval {
        value: (low + high) / 2.0,
        low,
        high,
    };
    assert_eq!(Verdict::of(interval(0.1, 3.0), 0.0), Verdict::Holds);
    assert_eq!(Verdict::of(interval(-3.0, -0.1), 0.0), Verdict::DoesNotHold);
    assert_eq!(Verdict::of(interval(-0.1, 3.0), 0.0), Verdict::Undecided);
    assert_eq!(Verdict::of(interval(9.0, 12.0), 8.0), Verdict::Holds);
    assert_eq!(Verdict::of(interval(7.0, 12.0), 8.0), Verdict::Undecided);
    assert_eq!(Verdict::of(interval(1.0, 7.0), 8.0), Verdict::DoesNotHold);
}

#[test]
fn a_margin_is_asked_for_its_sign_and_groups_of_splits_count_together() {
    let leaning = |pair, split, truth, answer, untied| Row {
        untied: Some(untied),
        ..row(pair, split, [0, 0, 0, truth], Some([0, 0, 0, answer]))
    };
    // Called ties: right once of four in tau's eyes; by its sign right twice of three decided.
    let runs: Runs = vec![vec![
        leaning(0, "a", 1, 0, 1),
        leaning(1, "a", 2, 0, 1),
        leaning(2, "b", 2, 2, 2),
        leaning(3, "c", 0, 1, 1),
    ]];
    let resamples = Resamples::draw("one", &runs).unwrap();
    let value = |part, metric| {
        let measured = resamples.measure("one", &runs, part, metric);
        measured.unwrap().interval().value
    };
    assert_eq!(value(Part::All, Metric::Tau), 25.0);
    assert!((value(Part::All, Metric::Diff) - 200.0 / 3.0).abs() < 1e-9);
    let members = ["a".to_owned(), "c".to_owned()];
    let group = Part::Among("both", &members);
    assert_eq!(resamples.pairs(group), 3);
    assert_eq!(value(group, Metric::Diff), 50.0);
    assert_eq!(value(group, Metric::Tau), 0.0);
    let nobody = ["d".to_owned()];
    let error = resamples
        .measure("one", &runs, Part::Among("none", &nobody), Metric::Tau)
        .unwrap_err();
    assert!(error.to_string().contains("`none`"), "{error}");
}

#[test]
fn calls_and_tokens_are_means_over_judgments_and_units() {
    let of = |pair, calls, tokens, units| Row {
        calls,
        tokens,
        units,
        ..row(pair, "a", [0, 0, 0, 1], Some([0, 0, 0, 1]))
    };
    // Units: 1, 3, and 2, of which one was no call; the second seed wrote 1, 1 and 2.
    let runs: Runs = vec![
        vec![
            of(0, 0, 10, None),
            of(1, 2, 32, None),
            of(2, 0, 18, Some(2)),
        ],
        vec![of(0, 0, 9, None), of(1, 0, 11, None), of(2, 1, 20, None)],
    ];
    let resamples = Resamples::draw("one", &runs).unwrap();
    let value = |metric| {
        let measured = resamples.measure("one", &runs, Part::All, metric);
        measured.unwrap().interval().value
    };
    assert_eq!(value(Metric::Calls), 3.0 / 6.0);
    assert_eq!(value(Metric::UnitTokens), 100.0 / 10.0);
    assert_eq!(value(Metric::Tau), 100.0);
}
