//! Experiments.

pub mod world;
