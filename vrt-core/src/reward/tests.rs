use proptest::prelude::*;

use super::{Abstention, Group, Judged, RewardTerm, Scope, Score};
use super::{accuracy, accuracy_of, cot_gain, exploration, format};
use crate::pair::{Judgment, Preference, Verdict};

/// `[TA, VQ, MQ, OA]` as digits.
fn verdict(digits: [u8; 4]) -> Verdict {
    let preference = |digit| Preference::from_digit(digit).expect("a digit of 0, 1, 2");
    let [ta, vq, mq, oa] = digits.map(preference);
    Verdict {
        dimensions: [ta, vq, mq],
        overall: oa,
    }
}

fn judgment(digits: [u8; 4]) -> Judgment {
    Judgment {
        verdict: verdict(digits),
        confidence: None,
    }
}

fn sample(truth: [u8; 4], units: &[[u8; 4]], tool_calls: u32) -> Judged {
    let judgments: Vec<Judgment> = units.iter().copied().map(judgment).collect();
    Judged {
        truth: verdict(truth),
        format: Ok(()),
        answer: judgments.last().copied(),
        judgments,
        tool_calls,
    }
}

fn score<T: RewardTerm>(term: &T, sample: &Judged) -> Score {
    let samples = std::slice::from_ref(sample);
    term.score(sample, &Group { samples })
}

#[test]
fn accuracy_weighs_overall_against_dimensions() {
    let truth = verdict([2, 2, 0, 2]);
    // OA right, two of three dimensions right: 0.5·1 + 0.5·2/3.
    let close = verdict([2, 0, 0, 2]);
    assert_eq!(accuracy_of(&close, &truth, 0.5), 0.5 + 1.0 / 3.0);
    assert_eq!(accuracy_of(&close, &truth, 1.0), 1.0);
    assert_eq!(accuracy_of(&close, &truth, 0.0), 2.0 / 3.0);
    // OA wrong, one dimension right.
    assert_eq!(accuracy_of(&verdict([2, 1, 1, 1]), &truth, 0.5), 0.5 / 3.0);
}

#[test]
fn a_sample_without_an_answer_is_not_scored_as_wrong() {
    let mut silent = sample([1, 1, 1, 1], &[], 0);
    silent.format = Err("unit 1 has no answer".to_owned());
    assert_eq!(
        score(&accuracy::DEFAULT, &silent),
        Score::Abstain(Abstention::NoAnswer)
    );
    assert_eq!(
        score(&cot_gain::DEFAULT, &silent),
        Score::Abstain(Abstention::NoJudgment)
    );
    assert_eq!(score(&format::DEFAULT, &silent), Score::Value(0.0));
    assert!(!silent.overall_right());
}

#[test]
fn cot_gain_pays_for_the_case_of_figure_2() {
    // Truth TA=2, VQ=2, MQ=0, OA=2: first TA=2, VQ=0, MQ=1, OA=0, then all right.
    let case = sample([2, 2, 0, 2], &[[2, 0, 1, 0], [2, 2, 0, 2]], 1);
    // 0.2·(1 − 0.5/3)
    let Score::Value(gain) = score(&cot_gain::DEFAULT, &case) else {
        panic!("the case has judgments");
    };
    assert!((gain - 0.2 * (5.0 / 6.0)).abs() < 1e-15, "{gain}");
}

#[test]
fn cot_gain_is_zero_for_one_unit_and_negative_for_a_change_for_the_worse() {
    let one = sample([1, 1, 1, 1], &[[1, 1, 1, 1]], 0);
    assert_eq!(score(&cot_gain::DEFAULT, &one), Score::Value(0.0));
    let worse = sample([1, 1, 1, 1], &[[1, 1, 1, 1], [2, 2, 2, 2]], 1);
    assert_eq!(score(&cot_gain::DEFAULT, &worse), Score::Value(-0.2));
}

#[test]
fn exploration_pays_one_lone_tool_user_of_eight() {
    let group = |users: usize| -> Vec<Judged> {
        (0..8)
            .map(|i| sample([1, 1, 1, 1], &[[1, 1, 1, 1]], u32::from(i < users)))
            .collect()
    };
    let pay = |users: usize, who: usize| {
        let samples = group(users);
        exploration::DEFAULT.score(&samples[who], &Group { samples: &samples })
    };
    let Score::Value(lone) = pay(1, 0) else {
        panic!("exploration never abstains in a group");
    };
    assert!((lone - 0.075).abs() < 1e-15, "{lone}");
    assert!((0.5 * lone - 0.0375).abs() < 1e-15);
    assert_eq!(
        pay(1, 1),
        Score::Value(0.0),
        "who used no tool gets nothing"
    );
    for users in 2..=8 {
        assert_eq!(pay(users, 0), Score::Value(0.0), "{users} of 8");
    }
}

#[test]
fn scope_is_what_the_function_asks_for() {
    assert_eq!(accuracy::SCOPE, Scope::Sample);
    assert_eq!(exploration::SCOPE, Scope::Group);
}

#[test]
fn a_parameter_outside_its_range_is_named_with_the_range() {
    let error = cot_gain {
        k: 1.5,
        ..cot_gain::DEFAULT
    }
    .validate()
    .expect_err("1.5 is outside");
    assert_eq!(
        error.to_string(),
        "`k` is 1.5, outside 0 to 1; choose a value in that range"
    );
    let not_a_number = exploration { omega: f64::NAN };
    assert!(not_a_number.validate().is_err());
}

/// Says more than it declared, or nothing that is a number.
#[vrt_macros::reward_term(range = 0.0..=1.0)]
fn boastful(
    _ep: &Judged,
    /// What it says.
    #[param(default = 1.0, range = -10.0..=10.0)]
    says: f64,
) -> Score {
    Score::Value(1.0 / (1.0 - says))
}

#[test]
fn a_value_that_was_declared_impossible_becomes_an_abstention() {
    let any = sample([1, 1, 1, 1], &[], 0);
    assert_eq!(
        score(&boastful { says: 1.5 }, &any),
        Score::Abstain(Abstention::OutOfRange {
            value: -2.0,
            low: 0.0,
            high: 1.0
        })
    );
    assert_eq!(
        score(&boastful { says: 1.0 }, &any),
        Score::Abstain(Abstention::NotFinite)
    );
}

fn any_digits() -> impl Strategy<Value = [u8; 4]> {
    prop::array::uniform4(0u8..3)
}

proptest! {
    #[test]
    fn every_score_is_in_its_range(
        truth in any_digits(),
        samples in prop::collection::vec((prop::collection::vec(any_digits(), 0..5), 0u32..4), 1..9),
        alpha in 0.0..=1.0,
        k in 0.0..=1.0,
        omega in 0.0..=1.0,
    ) {
        let samples: Vec<Judged> = samples
            .iter()
            .map(|(units, calls)| sample(truth, units, *calls))
            .collect();
        let group = Group { samples: &samples };
        for ep in &samples {
            let scores = [
                format {}.score(ep, &group),
                accuracy { alpha }.score(ep, &group),
                cot_gain { k, alpha }.score(ep, &group),
                exploration { omega }.score(ep, &group),
            ];
            for score in scores {
                prop_assert!(
                    !matches!(
                        score,
                        Score::Abstain(Abstention::OutOfRange { .. } | Abstention::NotFinite)
                    ),
                    "{score:?}"
                );
            }
        }
    }
}
