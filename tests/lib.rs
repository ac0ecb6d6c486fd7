//! Tests that cross crates; see `tests/`. What several of them share stands here.

pub mod micro;
