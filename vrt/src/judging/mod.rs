//! In: a policy, one pair. Out: its verdict round by round, how sure it is, what it cost, and whether the order mattered.
//!
//! `Clips → PreferencePair → play → Played → Judged → text, JSON, trace records`. [`play`] drives the episode loop alone and
//! tells of every round as it ends; [`transcript`] puts rounds into words.

mod bias;
mod certainty;
mod clips;
mod judged;
mod play;
pub mod transcript;

pub use bias::{Agreement, PositionBias};
pub use certainty::Certainty;
pub use clips::{ClipError, Clips, Order};
pub use judged::{Judged, Opinion, Tokens};
pub use play::{Played, play};
