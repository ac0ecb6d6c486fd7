//! In: the number of an outcome that the memory window has dropped. Out: the same pictures, at their cost.

use super::{OpError, OpResult, Outcome, OutcomeNumber, Workspace};

/// Bring back what an earlier call showed and the memory has dropped.
///
/// It costs as many visual tokens as the first time, and takes its place among the newest outcomes.
#[vrt_macros::visual_op(cost = view.limits.pictures(outcome.of(view).map_or(0, |past| past.views.len())))]
pub fn recall(
    view: &mut Workspace<'_>,
    /// Which call's pictures: 1 is the first call of this conversation.
    outcome: OutcomeNumber,
) -> OpResult {
    let refused = |what: String, cure: &str| {
        Err(OpError::Refused {
            tool: "recall",
            what,
            cure: cure.to_owned(),
        })
    };
    match outcome.of(view) {
        None => refused(
            format!(
                "there is no outcome {outcome}; {} came so far",
                view.past.len()
            ),
            "name an earlier one",
        ),
        Some(past) if past.visible => refused(
            format!("outcome {outcome} is still in view"),
            "look at it, or name an older one",
        ),
        Some(past) => Ok(Outcome {
            views: past.views.to_vec(),
        }),
    }
}
