use super::{
    Bnpo, Center, Cispo, Dapo, DrGrpo, Grpo, Gspo, KlEstimator, Objective, ObjectiveError, Reduce,
    Resample, Rloo, Sapo, Scale, VrThinker,
};
use crate::pair::{Judgment, Preference, Verdict};
use crate::reward::{Group, Judged, Score};

fn all(preference: Preference) -> Judgment {
    Judgment {
        verdict: Verdict {
            dimensions: [preference; 3],
            overall: preference,
        },
        confidence: None,
    }
}

fn sample(units: &[Preference], tool_calls: u32) -> Judged {
    let judgments: Vec<Judgment> = units.iter().copied().map(all).collect();
    Judged {
        truth: all(Preference::First).verdict,
        format: Ok(()),
        answer: judgments.last().copied(),
        judgments,
        tool_calls,
    }
}

fn read(text: &str) -> Result<VrThinker, serde_json::Error> {
    serde_json::from_str(text)
}

#[test]
fn the_declared_numbers_are_the_papers() {
    let objective = VrThinker::default();
    assert_eq!(objective.accuracy.alpha, 0.5);
    assert_eq!(objective.cot_gain.k, 0.2);
    assert_eq!((objective.eta, objective.exploration.omega), (0.5, 0.2));
    assert_eq!(objective.kl.beta, 0.01);
    assert_eq!(objective.kl.estimator, KlEstimator::K3);
    assert_eq!(objective.reduce, Reduce::PerSampleMean);
    assert_eq!(
        (objective.advantage.center, objective.advantage.scale),
        (Center::Mean, Scale::Std)
    );
    assert_eq!(
        VrThinker::TERMS,
        ["format", "accuracy", "cot_gain", "exploration"]
    );
    objective.validate().expect("the declared numbers hold");
}

#[test]
fn a_lone_explorer_that_mends_its_answer_gets_all_four_terms() {
    let (right, wrong) = (Preference::First, Preference::Second);
    let mut samples = vec![sample(&[wrong, right], 1)];
    samples.resize(8, sample(&[right], 0));
    let sheet = VrThinker::default().score(&Group { samples: &samples });
    let weighted: Vec<f64> = sheet.samples[0]
        .terms
        .iter()
        .filter_map(|term| term.weighted)
        .collect();
    // 1 + 1 + 0.2·(1 − 0) + 0.5·(0.2 − 1/8)
    assert_eq!(weighted[..3], [1.0, 1.0, 0.2]);
    assert!((weighted[3] - 0.0375).abs() < 1e-15);
    let total = sheet.samples[0].total.expect("no term abstained");
    assert!((total - 2.2375).abs() < 1e-12, "{total}");
    assert_eq!(sheet.samples[1].total, Some(2.0));
}

#[test]
fn an_abstention_is_in_the_sheet_with_its_reason() {
    let mut silent = sample(&[], 0);
    silent.format = Err("unit 1 is cut off".to_owned());
    let samples = [silent];
    let sheet = VrThinker::default().score(&Group { samples: &samples });
    let row = sheet.samples[0]
        .term("accuracy")
        .expect("accuracy has a row");
    assert!(matches!(&row.raw, Score::Abstain(_)));
    assert_eq!(row.weighted, None);
    assert_eq!(
        sheet.samples[0].total,
        Some(0.0),
        "format and exploration still speak"
    );
}

#[test]
fn a_file_states_only_its_difference() {
    let read = read(r#"{"eta": 0.0, "cot_gain": {"k": 0.0}, "kl": {"beta": 0.1}, "groups": {"all_wrong": false}}"#)
        .expect("the fields exist");
    let declared = VrThinker::default();
    assert_eq!(read.eta, 0.0);
    assert_eq!(read.cot_gain.k, 0.0);
    assert_eq!(read.kl.beta, 0.1);
    assert_eq!(read.kl.estimator, declared.kl.estimator);
    assert_eq!(
        read.groups,
        Resample {
            all_correct: true,
            all_wrong: false
        }
    );
    assert_eq!(read.surrogate, declared.surrogate);
    read.validate()
        .expect("both auxiliaries may be switched off");
}

#[test]
fn what_was_written_reads_back() {
    let objective = VrThinker {
        reduce: Reduce::SumOverConstant(1024.0),
        ..VrThinker::default()
    };
    let text = serde_json::to_string(&objective).expect("plain data");
    assert_eq!(read(&text).expect("its own text"), objective);
}

#[test]
fn an_unknown_field_is_refused() {
    let error = read(r#"{"cot_gain": {"kk": 0.0}}"#).expect_err("there is no kk");
    assert!(error.to_string().contains("unknown field `kk`"), "{error}");
    assert!(read(r#"{"kl": {"betta": 0.0}}"#).is_err());
    assert!(read(r#"{"etta": 0.0}"#).is_err());
}

#[test]
fn the_gain_is_measured_in_the_accuracy_that_is_rewarded() {
    // Overall stays right, the dimensions get better: no gain where only the overall counts.
    let mut first = all(Preference::Second);
    first.verdict.overall = Preference::First;
    let mut ep = sample(&[Preference::First, Preference::First], 1);
    ep.judgments[0] = first;
    let samples = [ep];
    let gain = |objective: &VrThinker| {
        objective.score(&Group { samples: &samples }).samples[0]
            .term("cot_gain")
            .and_then(|term| term.weighted)
    };
    assert_eq!(gain(&VrThinker::default()), Some(0.1));
    let overall_only = read(r#"{"accuracy": {"alpha": 1.0}}"#).expect("alpha exists");
    assert_eq!(gain(&overall_only), Some(0.0));
    overall_only.validate().expect("1 is in the range of alpha");
}

#[test]
fn a_tied_parameter_cannot_be_stated_against_its_leader() {
    let objective = read(r#"{"cot_gain": {"alpha": 0.9}}"#).expect("the field exists");
    assert_eq!(
        objective.validate().expect_err("it is tied").to_string(),
        "VrThinker.cot_gain.alpha always equals VrThinker.accuracy.alpha; leave it out and state the other"
    );
}

#[test]
fn a_number_outside_its_range_is_named() {
    let fails = |text: &str| {
        let objective = read(text).expect("the field exists");
        objective
            .validate()
            .expect_err("the value is outside")
            .to_string()
    };
    assert_eq!(
        fails(r#"{"eta": 1.5}"#),
        "VrThinker.eta is 1.5, outside 0 to 1; choose a value in that range"
    );
    assert_eq!(
        fails(r#"{"accuracy": {"alpha": 2.0}}"#),
        "VrThinker.accuracy: `alpha` is 2, outside 0 to 1; choose a value in that range"
    );
    assert_eq!(
        fails(r#"{"surrogate": {"clip": {"low": 1.2}}}"#),
        "VrThinker.surrogate.clip.low is 1.2, outside 0 to 1; choose a value in that range"
    );
    assert!(fails(r#"{"correction": 0.5}"#).contains("correction is 0.5"));
    assert!(fails(r#"{"advantage": {"ddof": 2}}"#).contains("advantage.ddof is 2"));
    assert!(fails(r#"{"kl": {"beta": -1.0}}"#).contains("kl.beta"));
    assert!(fails(r#"{"advantage": {"eps": -1.0}}"#).contains("advantage.eps"));
}

#[test]
fn choices_that_exclude_each_other_are_refused_in_the_compilers_words() {
    let texts = [
        r#"{"advantage": {"center": "leave_one_out"}}"#,
        r#"{"advantage": {"center": "none"}}"#,
        r#"{"ratio": "sequence", "surrogate": {"clip": {"delta": 2.0}}}"#,
        r#"{"surrogate": {"clip": {"delta": 1.1}}}"#,
        r#"{"surrogate": {"clip": {"dual": 1.1}}}"#,
        r#"{"kl": {"place": "reward", "beta": 0.0}}"#,
        r#"{"kl": {"place": "reward", "estimator": "k3_straight"}}"#,
        r#"{"kl": {"place": "reward", "unbiased": true}}"#,
        r#"{"ratio": "sequence", "kl": {"unbiased": true}}"#,
    ];
    let lines: Vec<String> = texts
        .into_iter()
        .map(|text| {
            let objective = read(text).expect("the fields exist");
            objective.validate().expect_err(text).to_string()
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn the_numbers_of_another_surrogate_are_refused_by_name() {
    let error = read(r#"{"surrogate": {"sapo": {"positive": 2.0}}}"#).expect_err("a clip");
    assert!(
        error.to_string().starts_with(
            "the objective's loss is `clip`, which has no numbers of `sapo`; state `surrogate.clip`"
        ),
        "{error}"
    );
}

/// What a declaration says of itself, in one line.
fn line<B: Objective>() -> String {
    let objective = B::default();
    objective.validate().expect("its own numbers hold");
    let text = serde_json::to_string(&objective).expect("plain data");
    let again: B = serde_json::from_str(&text).expect("its own text");
    assert_eq!(again, objective, "{}", B::NAME);
    format!(
        "{}: {:?} {:?}",
        B::NAME,
        objective.advantage(),
        objective.loss()
    )
}

#[test]
fn each_published_method_is_one_declaration() {
    let lines = [
        line::<VrThinker>(),
        line::<Grpo>(),
        line::<DrGrpo>(),
        line::<Dapo>(),
        line::<Bnpo>(),
        line::<Gspo>(),
        line::<Cispo>(),
        line::<Sapo>(),
        line::<Rloo>(),
    ];
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn an_auxiliary_that_outweighs_the_truth_is_refused() {
    let mut objective = VrThinker::default();
    objective.cot_gain.k = 1.0;
    let error = objective.validate().expect_err("1.1 against 1");
    assert!(
        matches!(error, ObjectiveError::Require { left, right, .. } if left == 1.1 && right == 1.0)
    );
    assert_eq!(
        error.to_string(),
        "VrThinker: `require abs(cot_gain) + eta * exploration < accuracy` does not hold: the left \
         side can pay as much as the right side can at most; lower a weight on the left or narrow the \
         range of one of its terms (the left side reaches 1.1, the right side 1)"
    );
}

#[test]
fn a_requirement_is_waived_word_for_word_and_only_where_it_does_not_hold() {
    let [line] = VrThinker::REQUIRES else {
        panic!("one requirement, not {:?}", VrThinker::REQUIRES)
    };
    assert_eq!(*line, "abs(cot_gain) + eta * exploration < accuracy");
    let mut beyond = VrThinker::default();
    beyond.cot_gain.k = 1.0;
    beyond
        .validate_but(&[line])
        .expect("that line alone is broken");
    assert_eq!(
        beyond
            .validate_but(&["abs(cot_gain) < accuracy"])
            .expect_err("it is not required")
            .to_string(),
        "VrThinker does not require `abs(cot_gain) < accuracy`, so nothing is waived; write, word for word: \
         `abs(cot_gain) + eta * exploration < accuracy`"
    );
    let mut ungained = VrThinker::default();
    ungained.cot_gain.k = 0.0;
    assert_eq!(
        ungained
            .validate_but(&[line])
            .expect_err("it holds")
            .to_string(),
        "VrThinker: `abs(cot_gain) + eta * exploration < accuracy` holds at these numbers (the left side reaches 0.1, \
         the right side 1); take the waiver out"
    );
    beyond.cot_gain.k = f64::INFINITY;
    let still = beyond.validate_but(&[line]).expect_err("the range is kept");
    assert!(matches!(still, ObjectiveError::Param { .. }), "{still}");
    let none = Grpo::default()
        .validate_but(&[line])
        .expect_err("it has none");
    assert!(none.to_string().ends_with("it has no `require` line"));
}

#[test]
fn groups_that_teach_nothing_are_drawn_again() {
    let both = Resample {
        all_correct: true,
        all_wrong: true,
    };
    assert!(both.draws_again(8, 8));
    assert!(both.draws_again(0, 8));
    assert!(!both.draws_again(1, 8));
    assert!(!Resample::default().draws_again(8, 8));
}
