//! In: a group of judged samples. Out: for each sample and term a value, or the reason why there is none.
//!
//! Section 4 of `s_i = f_fmt + f_acc + f_cot + η·f_explo`: the terms are declared with `#[reward_term]`,
//! one a file; which of them run, and with which weights, is written in an `objective!`.

mod interval;
mod judged;
mod score;
mod sheet;
mod term;

// A term's type has the name of its file, so the module needs another one.
#[path = "accuracy.rs"]
mod accuracy_term;
#[path = "cot_gain.rs"]
mod cot_gain_term;
#[path = "exploration.rs"]
mod exploration_term;
#[path = "format.rs"]
mod format_term;

pub use accuracy_term::{accuracy, accuracy_of};
pub use cot_gain_term::cot_gain;
pub use exploration_term::exploration;
pub use format_term::format;

pub use interval::Interval;
pub use judged::{Group, Judged};
pub use score::{Abstention, Score};
pub use sheet::{RewardSheet, SampleReward, TermReward};
pub use term::{ParamError, ParamSpec, RewardTerm, Scope};

#[cfg(test)]
mod tests;
