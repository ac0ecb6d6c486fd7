//! A range whose ends are swapped, and a default outside its range.

use vrt_core::reward::{Judged, Score};
use vrt_core::reward_term;

/// Pays for calls.
#[reward_term(range = most..=0.0)]
fn calls(
    ep: &Judged,
    /// The most it pays.
    #[param(default = 2.0, range = 0.0..=1.0)]
    most: f64,
) -> Score {
    Score::from(most * f64::from(ep.tool_calls.min(1)))
}

fn main() {}
