//! The family of losses, their gradients, the KL estimators and the advantages against TRL 1.16.0 and verl 0.9.1.
//!
//! Every row of `golden/grpo.json` is either compared or left out by name with a reason; a row that is neither fails.

use std::collections::BTreeMap;

use serde::Deserialize;
use vrt_core::objective::{
    AdvantageSpec, Center, Empty, KlEstimator, KlSpec, LossSpec, Ratio, Reduce, Scale, Singleton,
    Surrogate, Truncated,
};
use vrt_train::advantage::advantages;
use vrt_train::loss::{Batch, LossSums, SampledTokens, policy_loss};

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
    trl: Vec<Trl>,
    verl_policy: Vec<Verl>,
    verl_kl: Vec<Kl>,
    verl_adv: Vec<Adv>,
}

#[derive(Clone, Deserialize)]
struct Case {
    seed: u64,
    lp: Vec<Vec<f64>>,
    old: Vec<Vec<f64>>,
    r#ref: Vec<Vec<f64>>,
    smp: Vec<Vec<f64>>,
    adv: Vec<f64>,
    comp: Vec<Vec<f64>>,
    tool: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
struct Trl {
    seed: u64,
    loss_type: String,
    level: String,
    beta: f64,
    tis: Option<bool>,
    delta: Option<f64>,
    bias_corrected_kl: Option<bool>,
    loss: f64,
    grad: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
struct Verl {
    seed: u64,
    name: String,
    agg: String,
    loss: f64,
    grad: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
struct Kl {
    seed: u64,
    kind: String,
    kl: Vec<Vec<f64>>,
    grad: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
struct Adv {
    seed: u64,
    est: String,
    norm: bool,
    rewards: String,
    groups: String,
    #[serde(default)]
    adv: Vec<Vec<f64>>,
    error: Option<String>,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("golden/grpo.json")).unwrap()
}

impl Golden {
    fn case(&self, seed: u64) -> &Case {
        self.cases.iter().find(|case| case.seed == seed).unwrap()
    }
}

impl Case {
    /// The positions of a row that carry loss.
    fn learned(&self, row: usize) -> Vec<usize> {
        let mask = self.comp[row].iter().zip(&self.tool[row]);
        mask.enumerate()
            .filter(|(_, (comp, tool))| *comp * *tool > 0.0)
            .map(|(t, _)| t)
            .collect()
    }
}

/// Loss and gradient `[row][t]` of a case under a spec.
fn ours(case: &Case, spec: &LossSpec) -> (LossSums, Vec<Vec<f64>>) {
    spec.validate("conformance").unwrap();
    let rows = case.lp.len();
    let tokens: Vec<usize> = (0..rows).map(|row| case.learned(row).len()).collect();
    let batch = Batch {
        empty: tokens.iter().filter(|n| **n == 0).count(),
        ..Batch::alone(rows, tokens.iter().sum())
    };
    let mut sums = LossSums::default();
    let mut gradients = vec![vec![0.0; case.lp[0].len()]; rows];
    for row in 0..rows {
        let learned = case.learned(row);
        let pick =
            |values: &[Vec<f64>]| -> Vec<f64> { learned.iter().map(|&t| values[row][t]).collect() };
        let [logp, old, reference, sampler] =
            [&case.lp, &case.old, &case.r#ref, &case.smp].map(|v| pick(v));
        let sampled = SampledTokens {
            logp: &logp,
            old: &old,
            reference: if spec.kl.beta > 0.0 { &reference } else { &[] },
            sampler: &sampler,
            advantage: case.adv[row],
        };
        let mut gradient = Vec::new();
        policy_loss(spec, sampled, batch, &mut sums, &mut gradient);
        for (t, slope) in learned.into_iter().zip(gradient) {
            gradients[row][t] = slope;
        }
    }
    (sums, gradients)
}

/// PPO's clip, k3 in the loss, the mean over each sample.
const PLAIN: LossSpec = LossSpec {
    ratio: Ratio::Token,
    surrogate: Surrogate::clip(0.2, 0.28),
    kl: KlSpec::in_loss(KlEstimator::K3, 0.0),
    reduce: Reduce::PerSampleMean,
    empty: Empty::Keep,
    correction: None,
    truncated: Truncated::Learn,
};

#[track_caller]
fn near(ours: f64, theirs: f64, what: &str) {
    let room = 1e-9 * (1.0 + theirs.abs());
    assert!(
        (ours - theirs).abs() < room,
        "{what}: ours {ours}, theirs {theirs}"
    );
}

#[track_caller]
fn all_near(ours: &[Vec<f64>], theirs: &[Vec<f64>], what: &str) {
    for (ours, theirs) in ours.iter().flatten().zip(theirs.iter().flatten()) {
        near(*ours, *theirs, what);
    }
}

/// Counts what was compared and what was left out, and for which reason.
#[derive(Default)]
struct Tally {
    compared: usize,
    left_out: BTreeMap<String, usize>,
}

impl Tally {
    fn leave_out(&mut self, name: &str, reasons: &[(&str, &str)]) {
        let known = reasons.iter().find(|(left_out, _)| *left_out == name);
        assert!(known.is_some(), "{name} is neither compared nor left out");
        *self.left_out.entry(name.to_owned()).or_default() += 1;
    }
}

const TRL_LEFT_OUT: [(&str, &str); 2] = [
    (
        "luspo",
        "scales a sequence's loss by its length; no declaration here does",
    ),
    (
        "vespo",
        "a gamma-shaped weight over the sequence's ratio; no declaration here has it",
    ),
];

#[test]
fn losses_and_gradients_are_trls() {
    let golden = golden();
    let mut tally = Tally::default();
    for row in &golden.trl {
        let what = format!(
            "{} {} beta {} tis {:?} delta {:?} unbiased {:?} seed {}",
            row.loss_type, row.level, row.beta, row.tis, row.delta, row.bias_corrected_kl, row.seed
        );
        let mut spec = match row.loss_type.as_str() {
            "grpo" => PLAIN,
            "bnpo" => LossSpec {
                reduce: Reduce::TokenMean,
                ..PLAIN
            },
            "dapo" => LossSpec {
                reduce: Reduce::GlobalTokenMean,
                ..PLAIN
            },
            "dr_grpo" => LossSpec {
                reduce: Reduce::SumOverConstant(7.0),
                ..PLAIN
            },
            "cispo" => LossSpec {
                reduce: Reduce::GlobalTokenMean,
                surrogate: Surrogate::Cispo {
                    cap: 5.0,
                    floor: None,
                },
                ..PLAIN
            },
            "sapo" => LossSpec {
                surrogate: Surrogate::Sapo {
                    positive: 1.0,
                    negative: 1.05,
                },
                ..PLAIN
            },
            other => {
                tally.leave_out(other, &TRL_LEFT_OUT);
                continue;
            }
        };
        if row.level == "sequence" {
            spec.ratio = Ratio::Sequence;
        }
        spec.kl.beta = row.beta;
        spec.kl.unbiased = row.bias_corrected_kl == Some(true);
        spec.correction = (row.tis == Some(true)).then_some(2.0);
        if let Some(bound) = row.delta {
            let (low, high, dual) = (0.2, 0.28, None);
            spec.surrogate = Surrogate::Clip {
                low,
                high,
                dual,
                delta: Some(bound),
            };
        }
        let (sums, gradients) = ours(golden.case(row.seed), &spec);
        near(sums.loss, row.loss, &what);
        all_near(&gradients, &row.grad, &what);
        tally.compared += 1;
    }
    assert_eq!(
        tally.compared + tally.left_out.values().sum::<usize>(),
        golden.trl.len()
    );
    assert!(tally.compared >= 100, "{}", tally.compared);
}

const VERL_LEFT_OUT: [(&str, &str); 6] = [
    ("gpg", "no ratio at all: the plain policy gradient"),
    ("geo_mean", "GMPO's geometric mean of clipped ratios"),
    ("clip_cov", "drops random tokens of high covariance"),
    ("kl_cov", "a KL on tokens of high covariance only"),
    ("dppo_tv", "masks by total variation"),
    ("dppo_kl", "masks by KL"),
];

#[test]
fn losses_and_gradients_are_verls() {
    let golden = golden();
    let mut tally = Tally::default();
    for row in &golden.verl_policy {
        let what = format!("{} {} seed {}", row.name, row.agg, row.seed);
        let (low, high) = (0.2, 0.28);
        // Where TRL and verl disagree: verl leaves empty sequences out of the mean, and bounds CISPO on both sides.
        let verl = LossSpec {
            empty: Empty::Drop,
            ..PLAIN
        };
        let mut spec = match row.name.as_str() {
            "vanilla" => LossSpec {
                surrogate: Surrogate::Clip {
                    low,
                    high,
                    dual: Some(3.0),
                    delta: None,
                },
                ..verl
            },
            "gspo" => LossSpec {
                ratio: Ratio::Sequence,
                ..verl
            },
            "cispo" => LossSpec {
                surrogate: Surrogate::Cispo {
                    cap: 1.0 + high,
                    floor: Some(1.0 - low),
                },
                ..verl
            },
            "sapo" => LossSpec {
                surrogate: Surrogate::Sapo {
                    positive: 1.0,
                    negative: 1.05,
                },
                ..verl
            },
            other => {
                tally.leave_out(other, &VERL_LEFT_OUT);
                continue;
            }
        };
        spec.reduce = match row.agg.as_str() {
            // verl's SAPO takes the mean over each sample, whatever is asked for.
            _ if row.name == "sapo" => Reduce::PerSampleMean,
            "token-mean" => Reduce::TokenMean,
            "seq-mean-token-mean" => Reduce::PerSampleMean,
            "seq-mean-token-sum" => Reduce::SumOverConstant(1.0),
            "seq-mean-token-sum-norm" => Reduce::SumOverConstant(7.0),
            other => panic!("unexpected aggregation {other}"),
        };
        let (sums, gradients) = ours(golden.case(row.seed), &spec);
        // verl adds 1e-8 to the number of tokens that it divides by; nothing else differs.
        let room = 2e-8;
        let close = |ours: f64, theirs: f64| (ours - theirs).abs() < room * (1e-2 + theirs.abs());
        assert!(
            close(sums.loss, row.loss),
            "{what}: {} {}",
            sums.loss,
            row.loss
        );
        for (ours, theirs) in gradients.iter().flatten().zip(row.grad.iter().flatten()) {
            assert!(close(*ours, *theirs), "{what}: {ours} {theirs}");
        }
        if row.agg.starts_with("seq-mean-token-sum") && row.name != "sapo" {
            near(sums.loss, row.loss, &what);
            all_near(&gradients, &row.grad, &what);
        }
        tally.compared += 1;
    }
    assert_eq!(
        tally.compared + tally.left_out.values().sum::<usize>(),
        golden.verl_policy.len()
    );
    assert_eq!(tally.compared, 4 * 4 * 2);
}

#[test]
fn kl_estimators_are_verls() {
    let golden = golden();
    for row in &golden.verl_kl {
        let estimator = match row.kind.as_str() {
            "k1" => KlEstimator::K1,
            "abs" => KlEstimator::Abs,
            "k2" => KlEstimator::K2,
            "k3" => KlEstimator::K3,
            "k1+" => KlEstimator::K1Straight,
            "k3+" => KlEstimator::K3Straight,
            other => panic!("unexpected estimator {other}"),
        };
        // With advantages of 0 and β = 1 the loss is the KL's sum over a constant of 1 and 6 sequences.
        let case = golden.case(row.seed);
        let still = Case {
            adv: vec![0.0; 6],
            ..case.clone()
        };
        let spec = LossSpec {
            kl: KlSpec::in_loss(estimator, 1.0),
            reduce: Reduce::SumOverConstant(1.0),
            ..PLAIN
        };
        let (sums, gradients) = ours(&still, &spec);
        let mut total = 0.0;
        for (r, (ours, theirs)) in gradients.iter().zip(&row.grad).enumerate() {
            for t in case.learned(r) {
                near(6.0 * ours[t], theirs[t], &row.kind);
                total += row.kl[r][t];
            }
        }
        near(6.0 * sums.loss, total, &row.kind);
        near(sums.kl, total, &row.kind);
    }
}

const ADV_LEFT_OUT: [(&str, &str); 5] = [
    ("opo", "a baseline weighted by length"),
    (
        "gpg",
        "a factor of the batch's size over its non-zero rewards",
    ),
    (
        "reinforce_plus_plus",
        "discounted returns of tokens, whitened over the batch's tokens",
    ),
    (
        "reinforce_plus_plus_baseline",
        "whitened over the batch's tokens, so long samples count more",
    ),
    ("grpo_passk", "rewards only the best sample of a group"),
];

#[test]
fn group_advantages_are_verls() {
    let golden = golden();
    let mut tally = Tally::default();
    for row in &golden.verl_adv {
        let what = format!(
            "{} {} {} norm {} seed {}",
            row.est, row.rewards, row.groups, row.norm, row.seed
        );
        let scale = if row.norm { Scale::Std } else { Scale::None };
        let grpo = AdvantageSpec::group(Center::Mean, scale, 1e-6);
        let rloo = AdvantageSpec::group(Center::LeaveOneOut, Scale::None, 1e-6);
        let keep = |spec| AdvantageSpec {
            singleton: Singleton::Keep,
            ..spec
        };
        // The vectorised estimators of verl compute in float32, which is all that they can be compared to.
        let (spec, room) = match row.est.as_str() {
            "grpo" => (keep(grpo), 1e-9),
            "grpo_vectorized" => (keep(grpo), 3e-7),
            "rloo" => (keep(rloo), 1e-9),
            "rloo_vectorized" => (rloo, 3e-7),
            other => {
                tally.leave_out(other, &ADV_LEFT_OUT);
                continue;
            }
        };
        assert_eq!(row.error, None);
        let rewards: [f64; 6] = match row.rewards.as_str() {
            "binary" => [1.0, 0.0, 1.0, 0.0, 0.0, 0.0],
            "cont" => [0.3, 1.7, 0.9, -0.2, 0.1, 0.4],
            _ => [1.0, 1.0, 1.0, 0.0, 1.0, 0.0],
        };
        let groups: &[std::ops::Range<usize>] = match row.groups.as_str() {
            "even" => &[0..3, 3..6],
            _ => &[0..2, 2..5, 5..6],
        };
        for group in groups {
            let ours = advantages(&rewards[group.clone()], &rewards, &spec);
            for (i, ours) in group.clone().zip(ours) {
                for t in golden.case(row.seed).learned(i) {
                    let theirs = row.adv[i][t];
                    assert!(
                        (ours - theirs).abs() < room,
                        "{what}: ours {ours}, theirs {theirs}"
                    );
                }
            }
        }
        tally.compared += 1;
    }
    assert_eq!(
        tally.compared + tally.left_out.values().sum::<usize>(),
        golden.verl_adv.len()
    );
    assert_eq!(tally.compared, 6 * 6 * 2);
}

#[test]
fn trl_and_verl_disagree_where_the_switches_say() {
    let golden = golden();
    let mut case = golden.case(0).clone();
    case.comp[2].fill(0.0);
    let case = &case;
    let loss = |spec: LossSpec| ours(case, &spec).0.loss;
    // TRL counts the empty sequence among the six, verl does not.
    let (trl, verl) = (
        loss(PLAIN),
        loss(LossSpec {
            empty: Empty::Drop,
            ..PLAIN
        }),
    );
    near(verl, trl * 6.0 / 5.0, "empty sequences");
    // A singleton is worth its reward, or nothing.
    let rloo = AdvantageSpec::group(Center::LeaveOneOut, Scale::None, 0.0);
    let keep = AdvantageSpec {
        singleton: Singleton::Keep,
        ..rloo
    };
    assert_eq!(advantages(&[0.4], &[0.4], &keep), [0.4]);
    assert_eq!(advantages(&[0.4], &[0.4], &rloo), [0.0]);
    // CISPO bounded above only, or on both sides.
    let cispo = |floor| {
        let surrogate = Surrogate::Cispo { cap: 1.28, floor };
        loss(LossSpec { surrogate, ..PLAIN })
    };
    assert!((cispo(None) - cispo(Some(0.8))).abs() > 1e-3);
}

#[test]
fn the_loss_is_the_same_in_single_precision() {
    let golden = golden();
    let case = golden.case(1);
    let learned = case.learned(0);
    let narrow = |values: &[Vec<f64>]| -> Vec<f32> {
        learned.iter().map(|&t| values[0][t] as f32).collect()
    };
    let spec = LossSpec {
        kl: KlSpec::in_loss(KlEstimator::K3, 0.04),
        ..PLAIN
    };
    let (logp, old, reference) = (narrow(&case.lp), narrow(&case.old), narrow(&case.r#ref));
    let (mut sums, mut gradient) = (LossSums::<f32>::default(), Vec::new());
    let tokens = SampledTokens {
        logp: &logp,
        old: &old,
        reference: &reference,
        sampler: &[],
        advantage: case.adv[0] as f32,
    };
    policy_loss(&spec, tokens, Batch::alone(6, 7), &mut sums, &mut gradient);
    let (_, wide) = ours(case, &spec);
    assert_eq!(gradient.len(), learned.len());
    for (narrow, &t) in gradient.iter().zip(&learned) {
        let wide = wide[0][t];
        assert!((f64::from(*narrow) - wide).abs() < 1e-5, "{narrow} {wide}");
    }
}
