//! The judge: no training, no files, no clock.
//!
//! `PreferencePair → Episode → Trace → RewardSheet`; each arrow is one public function.

// Generated code names this crate absolutely, also inside it.
extern crate self as vrt_core;

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
pub mod objective;
pub mod op;
pub mod pair;
pub mod reward;
pub mod rng;
pub mod sequence;
pub mod window;

pub use vrt_macros::{objective, ops, reward_term, visual_op};
