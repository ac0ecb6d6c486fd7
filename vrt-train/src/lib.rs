//! Training.

pub mod atomic;
