//! In: the final answer and the truth. Out: `r_acc = α·1(OA right) + (1−α)·⅓·Σ_dim 1(dim right)`.

use super::{Abstention, Judged, Score};
use crate::pair::{Dimension, Verdict};

/// The final answer is right, overall and by dimension.
#[vrt_macros::reward_term(range = 0.0..=1.0)]
pub fn accuracy(
    ep: &Judged,
    /// The share of the overall preference; the dimensions share the rest.
    #[param(default = 0.5, range = 0.0..=1.0)]
    alpha: f64,
) -> Score {
    match ep.answer {
        Some(answer) => Score::Value(accuracy_of(&answer.verdict, &ep.truth, alpha)),
        None => Abstention::NoAnswer.into(),
    }
}

/// The paper's `r_acc` of one verdict, in `0..=1`.
pub fn accuracy_of(verdict: &Verdict, truth: &Verdict, alpha: f64) -> f64 {
    let right = |hit: bool| f64::from(u8::from(hit));
    let dimensions: f64 = Dimension::ALL
        .iter()
        .map(|dimension| right(verdict.get(*dimension) == truth.get(*dimension)))
        .sum();
    alpha * right(verdict.overall == truth.overall) + (1.0 - alpha) * dimensions / 3.0
}
