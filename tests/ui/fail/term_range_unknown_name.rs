//! A range over a parameter that the term does not have.

use vrt_core::reward::{Judged, Score};
use vrt_core::reward_term;

/// Pays for calls.
#[reward_term(range = 0.0..=mots)]
fn calls(
    ep: &Judged,
    /// The most it pays.
    #[param(default = 1.0, range = 0.0..=1.0)]
    most: f64,
) -> Score {
    Score::from(most * f64::from(ep.tool_calls.min(1)))
}

fn main() {}
