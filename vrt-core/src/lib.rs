//! The judge: no training, no files, no clock.
//!
//! `PreferencePair → Episode → Trace → RewardSheet`; each arrow is one public function.

// Generated code names this crate absolutely, also inside it.
extern crate self as vrt_core;

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
pub mod condition;
pub mod crew;
pub mod episode;
pub mod ledger;
pub mod model;
pub mod objective;
pub mod op;
pub mod pair;
pub mod policy;
pub mod reward;
pub mod rng;
pub mod rollout;
pub mod sequence;
pub mod shard;
pub mod tokenizer;
pub mod trace;
pub mod view;
pub mod window;

pub use vrt_macros::{objective, ops, reward_term, visual_op};
