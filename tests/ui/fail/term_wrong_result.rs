//! A term says a score.

use vrt_core::reward::Judged;
use vrt_core::reward_term;

/// Pays for calls.
#[reward_term(range = 0.0..=1.0)]
fn calls(ep: &Judged) -> f64 {
    f64::from(ep.tool_calls.min(1))
}

fn main() {}
