//! In: the judgments of a sample's units. Out: `r_cot = k·Σ_i (r_acc^{i+1} − r_acc^i)`.

use super::{Abstention, Judged, Score, accuracy_of};

/// Accuracy gained from the first unit's recommended answer to the last unit's answer.
///
/// The sum telescopes to `k·(r_acc^t − r_acc^1)`: 0 for a sample of one unit.
#[vrt_macros::reward_term(range = -k..=k)]
pub fn cot_gain(
    ep: &Judged,
    /// What one whole point of accuracy gained is worth.
    #[param(default = 0.2, range = 0.0..=1.0)]
    k: f64,
    /// The α of the accuracy whose gain is measured.
    #[param(default = 0.5, range = 0.0..=1.0)]
    alpha: f64,
) -> Score {
    let (Some(first), Some(last)) = (ep.judgments.first(), ep.judgments.last()) else {
        return Abstention::NoJudgment.into();
    };
    let gained = accuracy_of(&last.verdict, &ep.truth, alpha)
        - accuracy_of(&first.verdict, &ep.truth, alpha);
    Score::Value(k * gained)
}
