//! The judge: no training, no files, no clock.
//!
//! `PreferencePair → Episode → Trace → RewardSheet`; each arrow is one public function.

// Generated code names this crate absolutely, also inside it.
extern crate self as vrt_core;

pub mod model;
pub mod pair;
pub mod rng;
pub mod sequence;
pub mod window;
