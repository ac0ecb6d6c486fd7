//! The loss, its gradient, the KL estimators and the advantages against TRL 1.16.0 and verl 0.9.1.
//!
//! `golden/grpo.json` holds their numbers on random inputs in float64, with the settings they were called with.

use serde::Deserialize;
use vrt_core::objective::{
    AdvantageSpec, Center, ClipSpec, KlEstimator, KlSpec, LossSpec, Reduce, Scale,
};
use vrt_train::advantage::advantages;
use vrt_train::loss::{Batch, LossSums, SampledTokens, policy_loss};

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
    trl: Vec<Trl>,
    verl_kl: Vec<Kl>,
    verl_adv: Vec<Adv>,
}

#[derive(Deserialize)]
struct Case {
    seed: u64,
    lp: Vec<Vec<f64>>,
    old: Vec<Vec<f64>>,
    r#ref: Vec<Vec<f64>>,
    adv: Vec<f64>,
    comp: Vec<Vec<f64>>,
    tool: Vec<Vec<f64>>,
}

impl Case {
    /// The positions of a row that carry loss.
    fn learned(&self, row: usize) -> Vec<usize> {
        let mask = self.comp[row]
            .iter()
            .zip(&self.tool[row])
            .map(|(comp, tool)| comp * tool);
        mask.enumerate()
            .filter(|(_, mask)| *mask > 0.0)
            .map(|(t, _)| t)
            .collect()
    }
}

#[derive(Deserialize)]
struct Trl {
    seed: u64,
    loss_type: String,
    beta: f64,
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
    norm: bool,
    rewards: String,
    groups: String,
    seed: u64,
    adv: Vec<Vec<f64>>,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("golden/grpo.json")).unwrap()
}

/// Loss and gradient `[row][t]` of a case under a spec.
fn ours(case: &Case, spec: &LossSpec) -> (LossSums, Vec<Vec<f64>>) {
    let rows = case.lp.len();
    let tokens = (0..rows).map(|row| case.learned(row).len()).sum();
    let mut sums = LossSums::default();
    let mut gradients = vec![vec![0.0; case.lp[0].len()]; rows];
    for row in 0..rows {
        let learned = case.learned(row);
        let pick =
            |values: &[Vec<f64>]| learned.iter().map(|&t| values[row][t]).collect::<Vec<_>>();
        let (logp, old, reference) = (pick(&case.lp), pick(&case.old), pick(&case.r#ref));
        let sampled = SampledTokens {
            logp: &logp,
            old: &old,
            reference: &reference,
            advantage: case.adv[row],
        };
        let mut gradient = Vec::new();
        policy_loss(
            spec,
            sampled,
            Batch {
                sequences: rows,
                tokens,
            },
            &mut sums,
            &mut gradient,
        );
        for (t, slope) in learned.into_iter().zip(gradient) {
            gradients[row][t] = slope;
        }
    }
    (sums, gradients)
}

fn spec(reduce: Reduce, estimator: KlEstimator, beta: f64) -> LossSpec {
    LossSpec {
        clip: ClipSpec {
            low: 0.2,
            high: 0.28,
        },
        kl: KlSpec { estimator, beta },
        reduce,
    }
}

#[track_caller]
fn near(ours: f64, theirs: f64, what: &str) {
    assert!(
        (ours - theirs).abs() < 1e-9,
        "{what}: ours {ours}, theirs {theirs}"
    );
}

#[test]
fn losses_and_gradients_are_trls() {
    let golden = golden();
    assert_eq!(golden.trl.len(), 12);
    for row in &golden.trl {
        let case = golden
            .cases
            .iter()
            .find(|case| case.seed == row.seed)
            .unwrap();
        let reduce = match row.loss_type.as_str() {
            "grpo" => Reduce::PerSampleMean,
            "bnpo" => Reduce::TokenMean,
            "dr_grpo" => Reduce::SumOverConstant(7.0),
            other => panic!("unexpected loss type {other}"),
        };
        let (sums, gradients) = ours(case, &spec(reduce, KlEstimator::K3, row.beta));
        let what = format!("{} seed {} beta {}", row.loss_type, row.seed, row.beta);
        near(sums.loss, row.loss, &what);
        for (ours, theirs) in gradients.iter().flatten().zip(row.grad.iter().flatten()) {
            near(*ours, *theirs, &what);
        }
    }
}

#[test]
fn kl_estimators_are_verls() {
    let golden = golden();
    assert_eq!(golden.verl_kl.len(), 6);
    for row in &golden.verl_kl {
        let case = golden
            .cases
            .iter()
            .find(|case| case.seed == row.seed)
            .unwrap();
        let estimator = match row.kind.as_str() {
            "k1" => KlEstimator::K1,
            "k2" => KlEstimator::K2,
            _ => KlEstimator::K3,
        };
        // With advantages of 0 and β = 1 the loss is the KL's sum over a constant of 1 and 6 sequences.
        let still = Case {
            adv: vec![0.0; 6],
            ..golden_case(&golden, row.seed)
        };
        let (_, gradients) = ours(&still, &spec(Reduce::SumOverConstant(1.0), estimator, 1.0));
        for (r, (ours, theirs)) in gradients.iter().zip(&row.grad).enumerate() {
            for t in case.learned(r) {
                near(6.0 * ours[t], theirs[t], &row.kind);
            }
        }
        let total: f64 = (0..6)
            .map(|r| {
                case.learned(r)
                    .into_iter()
                    .map(|t| row.kl[r][t])
                    .sum::<f64>()
            })
            .sum();
        let (sums, _) = ours(&still, &spec(Reduce::SumOverConstant(1.0), estimator, 1.0));
        near(6.0 * sums.loss, total, &row.kind);
        near(sums.kl, total, &row.kind);
    }
}

fn golden_case(golden: &Golden, seed: u64) -> Case {
    let case = golden.cases.iter().find(|case| case.seed == seed).unwrap();
    Case {
        seed,
        lp: case.lp.clone(),
        old: case.old.clone(),
        r#ref: case.r#ref.clone(),
        adv: case.adv.clone(),
        comp: case.comp.clone(),
        tool: case.tool.clone(),
    }
}

#[test]
fn group_advantages_are_verls() {
    let golden = golden();
    let mut compared = 0;
    for row in &golden.verl_adv {
        let rewards: [f64; 6] = match row.rewards.as_str() {
            "binary" => [1.0, 0.0, 1.0, 0.0, 0.0, 0.0],
            "cont" => [0.3, 1.7, 0.9, -0.2, 0.1, 0.4],
            _ => [1.0, 1.0, 1.0, 0.0, 1.0, 0.0],
        };
        // verl leaves a singleton's reward as its advantage; here it teaches nothing, so it is left out.
        let groups: &[std::ops::Range<usize>] = if row.groups == "even" {
            &[0..3, 3..6]
        } else {
            &[0..2, 2..5]
        };
        let case = golden
            .cases
            .iter()
            .find(|case| case.seed == row.seed)
            .unwrap();
        let scale = if row.norm { Scale::Std } else { Scale::None };
        let spec = AdvantageSpec {
            center: Center::Mean,
            scale,
            eps: 1e-6,
        };
        for group in groups {
            let ours = advantages(&rewards[group.clone()], &spec);
            for (i, ours) in group.clone().zip(ours) {
                for t in case.learned(i) {
                    near(
                        ours,
                        row.adv[i][t],
                        &format!("{} {} {}", row.rewards, row.groups, row.norm),
                    );
                    compared += 1;
                }
            }
        }
    }
    assert!(compared > 100, "{compared}");
}
