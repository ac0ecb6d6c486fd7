//! In: the arguments of a command. Out: what it does. One file a command; [`judge`] says who judges.

pub mod eval;
pub mod judge;
