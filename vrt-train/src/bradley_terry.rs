//! In: the margin of two scalar rewards, and who is better. Out: the Bradley–Terry loss with ties, and its slope.
//!
//! Rao & Kupper (1967), the loss of VideoReward (VideoAlign, arXiv 2501.13918). With rewards `r_1`, `r_2`, margin
//! `m = r_1 − r_2` and `θ > 1`:
//!
//! ```text
//! P(1) = e^{r_1} / (e^{r_1} + θ e^{r_2})              = σ( m − ln θ)
//! P(2) = e^{r_2} / (θ e^{r_1} + e^{r_2})              = σ(−m − ln θ)
//! P(0) = (θ² − 1) e^{r_1} e^{r_2} / (… · …)           = (θ² − 1) P(1) P(2) = 1 − P(1) − P(2)
//! ```
//!
//! Only the margin counts: a reward has no zero.

use serde::{Deserialize, Serialize};
use vrt_core::pair::Preference;

/// Bradley–Terry with ties.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct TieModel {
    theta: f64,
}

/// `θ` does not leave room for ties.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error(
    "theta = {0}: ties need a finite number above 1 (VideoReward takes 5; at 1 there are no ties)"
)]
pub struct ThetaError(f64);

impl TryFrom<f64> for TieModel {
    type Error = ThetaError;

    fn try_from(theta: f64) -> Result<Self, ThetaError> {
        if theta.is_finite() && theta > 1.0 {
            Ok(Self { theta })
        } else {
            Err(ThetaError(theta))
        }
    }
}

impl From<TieModel> for f64 {
    fn from(model: TieModel) -> f64 {
        model.theta
    }
}

impl Default for TieModel {
    /// VideoReward's `θ = 5`.
    fn default() -> Self {
        Self { theta: 5.0 }
    }
}

impl TieModel {
    /// `[P(tie), P(1), P(2)]` at a margin, indexed by [`Preference`].
    pub fn probabilities(self, margin: f64) -> [f64; 3] {
        let [first, second] = [margin, -margin].map(|m| sigmoid(m - self.theta.ln()));
        let tie = (self.theta * self.theta - 1.0) * first * second;
        [tie, first, second]
    }

    /// `−ln P(truth)` at a margin, and its derivative by the margin.
    pub fn loss(self, margin: f64, truth: Preference) -> (f64, f64) {
        let log_theta = self.theta.ln();
        let first = (softplus(log_theta - margin), -sigmoid(log_theta - margin));
        let second = (softplus(log_theta + margin), sigmoid(log_theta + margin));
        match truth {
            Preference::First => first,
            Preference::Second => second,
            Preference::Tie => (
                first.0 + second.0 - (self.theta * self.theta - 1.0).ln(),
                first.1 + second.1,
            ),
        }
    }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// `ln(1 + eˣ)`, written so that neither end overflows.
fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: [Preference; 3] = [Preference::Tie, Preference::First, Preference::Second];

    #[test]
    fn probabilities_at_round_numbers() {
        // By hand: at margin 0 and θ = 5, P(1) = P(2) = 1/6 and P(0) = 24/36.
        let at_zero = TieModel::default().probabilities(0.0);
        let expected = [2.0 / 3.0, 1.0 / 6.0, 1.0 / 6.0];
        // At margin ln 5: P(1) = 5/(5 + 5) = 1/2, P(2) = 1/(25 + 1), P(0) = 24 · 1/2 · 1/26 = 6/13.
        let at_five = TieModel::default().probabilities(5f64.ln());
        let further = [6.0 / 13.0, 0.5, 1.0 / 26.0];
        for (ours, golden) in [(at_zero, expected), (at_five, further)] {
            for (ours, golden) in ours.into_iter().zip(golden) {
                assert!((ours - golden).abs() < 1e-12, "{ours} is not {golden}");
            }
        }
    }

    #[test]
    fn a_theta_without_room_for_ties_is_refused() {
        for theta in [1.0, 0.0, -5.0, f64::NAN, f64::INFINITY] {
            assert!(TieModel::try_from(theta).is_err(), "{theta}");
        }
    }

    proptest! {
        #[test]
        fn the_three_outcomes_are_all_there_are(margin in -30.0..30.0f64, theta in 1.01..50.0f64) {
            let model = TieModel::try_from(theta).unwrap();
            let p = model.probabilities(margin);
            prop_assert!((p.iter().sum::<f64>() - 1.0).abs() < 1e-9);
            prop_assert!(p.iter().all(|p| (0.0..=1.0).contains(p)));
        }

        #[test]
        fn the_loss_is_the_log_of_the_probability(margin in -12.0..12.0f64, theta in 1.01..50.0f64) {
            let model = TieModel::try_from(theta).unwrap();
            for truth in ALL {
                let p = model.probabilities(margin)[truth as usize];
                prop_assert!((model.loss(margin, truth).0 + p.ln()).abs() < 1e-8);
            }
        }

        #[test]
        fn the_slope_is_the_finite_difference(margin in -20.0..20.0f64, theta in 1.01..50.0f64) {
            let model = TieModel::try_from(theta).unwrap();
            let h = 1e-5;
            for truth in ALL {
                let loss = |m| model.loss(m, truth).0;
                let numeric = (loss(margin + h) - loss(margin - h)) / (2.0 * h);
                prop_assert!((model.loss(margin, truth).1 - numeric).abs() < 1e-7);
            }
        }

        #[test]
        fn changing_places_changes_the_sign(margin in -20.0..20.0f64, theta in 1.01..50.0f64) {
            let model = TieModel::try_from(theta).unwrap();
            for truth in ALL {
                let (here, there) = (model.loss(margin, truth), model.loss(-margin, truth.swapped()));
                prop_assert!((here.0 - there.0).abs() < 1e-9 && (here.1 + there.1).abs() < 1e-9);
            }
        }
    }
}
