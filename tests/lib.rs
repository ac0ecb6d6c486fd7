//! Tests that cross crates; see `tests/`. What several of them share stands here.

pub mod decoded;
pub mod micro;

/// The README's code compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;

/// The tutorials' programs run.
#[cfg(doctest)]
pub mod tutorials {
    #[doc = include_str!("../docs/first-visual-op.md")]
    pub struct FirstVisualOp;

    #[doc = include_str!("../docs/first-reward-term.md")]
    pub struct FirstRewardTerm;
}
