//! In: the reward sheets of a step's groups. Out: advantages, and what each term contributed to them.
//!
//! `A_i = (s_i − center) / (scale + ε)` over one group. The map from rewards to advantages is linear once its scale is
//! known, so the share of a term `k` is exact: `share_ik = (w_k f_ik − center of w_k f_k) / (scale of the sum + ε)`, and
//! `Σ_k share_ik = A_i`. With GDPO's normalise-then-sum the scale is each term's own, and the same holds.

use vrt_core::objective::{AdvantageSpec, Center, Normalise, Scale, Singleton};
use vrt_core::reward::RewardSheet;

/// The advantages of one group.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Advantages {
    /// One a sample.
    pub values: Vec<f64>,
    /// `shares[sample][term]`: what each term contributed; sums to the sample's advantage, but for what is no term (a
    /// KL in the reward).
    pub shares: Vec<Vec<f64>>,
}

/// The advantages of one group of rewards, without terms; `batch` are all rewards of the step, for
/// [`Scale::BatchStd`].
pub fn advantages(rewards: &[f64], batch: &[f64], spec: &AdvantageSpec) -> Vec<f64> {
    let scale = scale(rewards, batch, spec);
    centred(rewards, spec)
        .into_iter()
        .map(|centred| centred / scale)
        .collect()
}

/// The advantages of a step's groups. `penalties` are taken off the total of each sample (the KL in the reward); an
/// abstention counts as 0, as it does in the total.
///
/// A group of equal rewards gets zeros, whatever ε is.
pub fn of_groups(
    sheets: &[RewardSheet],
    penalties: &[Vec<f64>],
    spec: &AdvantageSpec,
) -> Vec<Advantages> {
    let terms = sheets.first().map_or(0, |sheet| sheet.terms.len());
    let term = |sheet: &RewardSheet, k: usize| -> Vec<f64> {
        let samples = sheet.samples.iter();
        samples
            .map(|sample| sample.terms[k].weighted.unwrap_or(0.0))
            .collect()
    };
    let penalty = |group: usize| -> Vec<f64> {
        let none = || vec![0.0; sheets[group].samples.len()];
        penalties
            .get(group)
            .map_or_else(none, |taken| taken.iter().map(|x| -x).collect())
    };
    let total = |group: usize| -> Vec<f64> {
        let mut total = penalty(group);
        for k in 0..terms {
            total
                .iter_mut()
                .zip(term(&sheets[group], k))
                .for_each(|(sum, x)| *sum += x);
        }
        total
    };
    let all =
        |of: &dyn Fn(usize) -> Vec<f64>| -> Vec<f64> { (0..sheets.len()).flat_map(of).collect() };
    let batch_total = all(&total);
    let batch_terms: Vec<Vec<f64>> = (0..terms)
        .map(|k| all(&|group| term(&sheets[group], k)))
        .collect();
    let batch_penalty = all(&penalty);
    (0..sheets.len())
        .map(|group| {
            let whole = total(group);
            // The parts that are normalised, each with the rewards its scale is measured on.
            let part = |rewards: &[f64], batch: &[f64]| -> Vec<f64> {
                let scale = match spec.normalise {
                    Normalise::Total => scale(&whole, &batch_total, spec),
                    Normalise::EachTerm => scale(rewards, batch, spec),
                };
                centred(rewards, spec)
                    .into_iter()
                    .map(|x| x / scale)
                    .collect()
            };
            let by_term: Vec<Vec<f64>> = (0..terms)
                .map(|k| part(&term(&sheets[group], k), &batch_terms[k]))
                .collect();
            let rest = part(&penalty(group), &batch_penalty);
            let shares: Vec<Vec<f64>> = (0..whole.len())
                .map(|i| by_term.iter().map(|term| term[i]).collect())
                .collect();
            let values = match spec.normalise {
                Normalise::Total => advantages(&whole, &batch_total, spec),
                Normalise::EachTerm => shares
                    .iter()
                    .zip(&rest)
                    .map(|(shares, rest)| shares.iter().sum::<f64>() + rest)
                    .collect(),
            };
            Advantages { values, shares }
        })
        .collect()
}

/// Rewards less their centre.
fn centred(rewards: &[f64], spec: &AdvantageSpec) -> Vec<f64> {
    let n = rewards.len() as f64;
    if rewards.len() < 2 {
        return match spec.singleton {
            Singleton::Zero => vec![0.0; rewards.len()],
            Singleton::Keep => rewards.to_vec(),
        };
    }
    let mean = rewards.iter().sum::<f64>() / n;
    rewards
        .iter()
        .map(|reward| {
            let centred = match spec.center {
                Center::Mean => reward - mean,
                // The mean of the others is (n·mean − reward) / (n − 1).
                Center::LeaveOneOut => (reward - mean) * n / (n - 1.0),
                Center::None => *reward,
            };
            // Rounding may leave a group of equal rewards a hair from its mean, and the scale at 0.
            if centred.abs() < 1e-12 { 0.0 } else { centred }
        })
        .collect()
}

/// What centred rewards are divided by; never 0.
fn scale(rewards: &[f64], batch: &[f64], spec: &AdvantageSpec) -> f64 {
    let measured = match spec.scale {
        Scale::None => return 1.0,
        Scale::Std if rewards.len() < 2 => return 1.0 + spec.eps,
        Scale::Std => rewards,
        Scale::BatchStd => batch,
    };
    let scale = deviation(measured, spec.ddof) + spec.eps;
    // Equal rewards are 0 once centred: any divisor will do.
    if scale > 0.0 { scale } else { 1.0 }
}

/// The standard deviation with `n − ddof` in its denominator; 0 for fewer than two numbers.
fn deviation(rewards: &[f64], ddof: u8) -> f64 {
    let n = rewards.len() as f64;
    if rewards.len() < 2 {
        return 0.0;
    }
    let mean = rewards.iter().sum::<f64>() / n;
    let square: f64 = rewards.iter().map(|reward| (reward - mean).powi(2)).sum();
    (square / (n - f64::from(ddof))).sqrt()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use vrt_core::reward::{SampleReward, Score, TermReward};

    use super::*;

    const TERMS: &[&str] = &["a", "b", "c"];

    /// A group of samples with three terms each; `None` abstains.
    fn sheet(samples: &[[Option<f64>; 3]]) -> RewardSheet {
        let row = |name, value: Option<f64>| {
            let raw = value.map_or_else(|| Score::abstain("nothing to score"), Score::Value);
            TermReward::new(name, raw, 0.5)
        };
        let sample = |values: &[Option<f64>; 3]| {
            let rows = TERMS
                .iter()
                .zip(values)
                .map(|(name, value)| row(*name, *value));
            SampleReward::new(rows.collect())
        };
        RewardSheet {
            terms: TERMS,
            samples: samples.iter().map(sample).collect(),
        }
    }

    fn samples() -> impl Strategy<Value = Vec<[Option<f64>; 3]>> {
        let value = prop::option::weighted(0.8, -2.0f64..2.0);
        prop::collection::vec(prop::array::uniform3(value), 1..9)
    }

    fn specs() -> impl Strategy<Value = AdvantageSpec> {
        let center = prop::sample::select(vec![
            (Center::Mean, Scale::Std),
            (Center::Mean, Scale::BatchStd),
            (Center::Mean, Scale::None),
            (Center::LeaveOneOut, Scale::None),
        ]);
        let normalise = prop::sample::select(vec![Normalise::Total, Normalise::EachTerm]);
        (center, normalise, 1e-6f64..0.1, 0u8..2).prop_map(
            |((center, scale), normalise, eps, ddof)| AdvantageSpec {
                normalise,
                ddof,
                ..AdvantageSpec::group(center, scale, eps)
            },
        )
    }

    proptest! {
        #[test]
        fn a_groups_advantages_sum_to_zero(groups in prop::collection::vec(samples(), 1..4), spec in specs()) {
            let sheets: Vec<RewardSheet> = groups.iter().map(|group| sheet(group)).collect();
            for group in of_groups(&sheets, &[], &spec) {
                let sum: f64 = group.values.iter().sum();
                prop_assert!(sum.abs() < 1e-9 * (1.0 + group.values.iter().map(|a| a.abs()).sum::<f64>()), "{sum}");
            }
        }

        #[test]
        fn the_shares_of_the_terms_add_up_to_the_advantage(groups in prop::collection::vec(samples(), 1..4), spec in specs()) {
            let sheets: Vec<RewardSheet> = groups.iter().map(|group| sheet(group)).collect();
            for group in of_groups(&sheets, &[], &spec) {
                for (value, shares) in group.values.iter().zip(&group.shares) {
                    let sum: f64 = shares.iter().sum();
                    prop_assert!((sum - value).abs() < 1e-9 * (1.0 + value.abs()), "{sum} is not {value}");
                }
            }
        }

        #[test]
        fn equal_rewards_teach_nothing(reward in -2.0f64..2.0, n in 1usize..9) {
            let spec = AdvantageSpec::group(Center::Mean, Scale::Std, 0.0);
            let rewards = vec![reward; n];
            prop_assert_eq!(advantages(&rewards, &rewards, &spec), vec![0.0; n]);
        }

        #[test]
        fn a_penalty_is_a_reward_taken_off(group in samples(), spec in specs()) {
            prop_assume!(spec.normalise == Normalise::Total);
            let penalty: Vec<f64> = (0..group.len()).map(|i| i as f64 * 0.1).collect();
            let penalised = of_groups(&[sheet(&group)], std::slice::from_ref(&penalty), &spec);
            let rewards: Vec<f64> = sheet(&group)
                .samples
                .iter()
                .zip(&penalty)
                .map(|(sample, penalty)| sample.total.unwrap_or(0.0) - penalty)
                .collect();
            let direct = advantages(&rewards, &rewards, &spec);
            for (a, b) in penalised[0].values.iter().zip(&direct) {
                prop_assert!((a - b).abs() < 1e-9, "{a} {b}");
            }
        }
    }
}
