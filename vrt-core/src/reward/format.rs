//! In: whether a sample's units are in format. Out: 1 or 0.

use super::{Judged, Score};

/// Every unit's tags and its answer are in format: 1, else 0.
///
/// The paper does not state the magnitude.
#[vrt_macros::reward_term(range = 0.0..=1.0)]
pub fn format(ep: &Judged) -> Score {
    Score::Value(f64::from(u8::from(ep.format.is_ok())))
}
