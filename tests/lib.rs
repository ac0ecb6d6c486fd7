//! Tests that cross crates; see `tests/`. What several of them share stands here.

pub mod micro;

/// The README's code compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
