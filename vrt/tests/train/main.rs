//! `vrt train`: the three stages on a tiny checkpoint, a tiny policy, and generated clips.

mod agreement;
#[path = "../eval/clips.rs"]
#[expect(dead_code, reason = "the evaluation's tests make other benchmarks")]
mod clips;
mod config;
mod mistakes;
mod resume;
mod school;
mod stages;
mod tiny;
