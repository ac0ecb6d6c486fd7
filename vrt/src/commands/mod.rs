//! In: the arguments of a command. Out: what it does. One file a command; [`policy`] says who judges, [`rules`] what an
//! episode may do.

pub mod completions;
pub mod eval;
pub mod judge;
pub mod ops;
pub mod policy;
pub mod rules;
pub mod serve_rewards;
pub mod traces;
pub mod train;
