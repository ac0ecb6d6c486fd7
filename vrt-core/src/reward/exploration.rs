//! In: which samples of a group used a tool. Out: `r_explo = max(ω − R(X), 0)·1[this one did]`.

use super::{Group, Judged, Score};

/// A tool was used where few samples of the group used one.
///
/// With groups of 8 and ω = 0.2 it pays only when exactly one sample used a tool: 0.2 − 1/8 = 0.075.
#[vrt_macros::reward_term(range = 0.0..=omega)]
pub fn exploration(
    ep: &Judged,
    group: &Group<'_>,
    /// The share of tool-using samples from which on nothing is paid.
    #[param(default = 0.2, range = 0.0..=1.0)]
    omega: f64,
) -> Score {
    if group.samples.is_empty() {
        return Score::abstain("the group has no samples, so no share of them used a tool");
    }
    if ep.tool_calls == 0 {
        return Score::Value(0.0);
    }
    let users = group.samples.iter().filter(|s| s.tool_calls > 0).count();
    let share = users as f64 / group.samples.len() as f64;
    Score::Value((omega - share).max(0.0))
}
