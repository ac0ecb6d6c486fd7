//! In: the rewards of one group. Out: its advantages, `A_i = (s_i − center) / (scale + ε)`.

use vrt_core::objective::{AdvantageSpec, Center, Scale};

/// The advantages of one group.
///
/// The standard deviation has `n − 1` in its denominator, as in TRL and verl. A group of equal rewards gets
/// zeros; so does a group of one.
pub fn advantages(rewards: &[f64], spec: &AdvantageSpec) -> Vec<f64> {
    let n = rewards.len() as f64;
    if rewards.len() < 2 {
        return vec![0.0; rewards.len()];
    }
    let mean = rewards.iter().sum::<f64>() / n;
    let scale = match spec.scale {
        Scale::None => 1.0,
        Scale::Std => {
            let square: f64 = rewards.iter().map(|reward| (reward - mean).powi(2)).sum();
            (square / (n - 1.0)).sqrt() + spec.eps
        }
    };
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
            if centred.abs() < 1e-12 {
                0.0
            } else {
                centred / scale
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_groups_advantages_sum_to_zero(rewards in prop::collection::vec(-2.0f64..2.0, 1..9), eps in 1e-6f64..0.1) {
            for center in [Center::Mean, Center::LeaveOneOut] {
                for scale in [Scale::Std, Scale::None] {
                    let sum: f64 = advantages(&rewards, &AdvantageSpec { center, scale, eps }).iter().sum();
                    prop_assert!(sum.abs() < 1e-9, "{sum}");
                }
            }
        }

        #[test]
        fn equal_rewards_teach_nothing(reward in -2.0f64..2.0, n in 1usize..9) {
            let spec = AdvantageSpec { center: Center::Mean, scale: Scale::Std, eps: 0.0 };
            prop_assert_eq!(advantages(&vec![reward; n], &spec), vec![0.0; n]);
        }
    }
}
