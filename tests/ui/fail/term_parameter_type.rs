//! A parameter of a term is an `f64`.

use vrt_core::reward::{Judged, Score};
use vrt_core::reward_term;

/// Pays for calls.
#[reward_term(range = 0.0..=1.0)]
fn calls(
    ep: &Judged,
    /// How many are enough.
    #[param(default = 2, range = 1..=3)]
    enough: u32,
) -> Score {
    Score::from(f64::from(ep.tool_calls.min(enough)) / f64::from(enough))
}

fn main() {}
