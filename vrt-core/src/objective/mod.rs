//! In: what is rewarded and how it is learned from. Out: rewards for a group, and plain data that the trainer reads.
//!
//! An objective is written once with `objective!`; the loss itself belongs to the trainer. Beside the paper's own,
//! [`VrThinker`], each published method of the family is one declaration in a file of its own.

mod bnpo;
mod cispo;
mod dapo;
mod dr_grpo;
mod grpo;
mod gspo;
mod overrides;
mod requirement;
mod rloo;
mod sapo;
mod spec;
mod vr_thinker;

pub use bnpo::Bnpo;
pub use cispo::Cispo;
pub use dapo::Dapo;
pub use dr_grpo::DrGrpo;
pub use grpo::Grpo;
pub use gspo::Gspo;
pub use overrides::{AdvantageOverride, KlOverride, ResampleOverride, SurrogateOverride};
pub use requirement::Requirement;
pub use rloo::Rloo;
pub use sapo::Sapo;
pub use spec::{
    AdvantageSpec, Center, Empty, KlEstimator, KlPlace, KlSpec, LossSpec, Normalise, Ratio, Reduce,
    Resample, Scale, Singleton, Surrogate, Truncated,
};
pub use vr_thinker::VrThinker;

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::reward::{Group, Interval, ParamError, RewardSheet};

/// Rewards, advantages and loss that belong together. Declared with `objective!`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an objective",
    note = "declare one with `objective! {{ pub MyObjective {{ … }} }}`"
)]
pub trait Objective:
    Clone + Debug + Default + PartialEq + Serialize + DeserializeOwned + Send + Sync
{
    /// The objective's name.
    const NAME: &'static str;
    /// What it is for.
    const DOC: &'static str;
    /// The terms, in the order in which they are summed and logged.
    const TERMS: &'static [&'static str];
    /// The `require` lines in canonical spelling: `abs(cot_gain) + eta * exploration < accuracy`.
    const REQUIRES: &'static [&'static str];

    /// Scores every sample of a group.
    fn score(&self, group: &Group<'_>) -> RewardSheet;

    /// How rewards become advantages.
    fn advantage(&self) -> AdvantageSpec;

    /// How advantages become a loss.
    fn loss(&self) -> LossSpec;

    /// Which groups are drawn again.
    fn resample(&self) -> Resample;

    /// Checks every number against its range, and every `require` line.
    ///
    /// # Errors
    /// [`ObjectiveError`], in the words of the compile-time check.
    fn validate(&self) -> Result<(), ObjectiveError> {
        self.validate_but(&[])
    }

    /// The same without the `require` lines in `waived`, each spelled as in [`Objective::REQUIRES`]: for a sweep that
    /// shows what lies beyond one.
    ///
    /// # Errors
    /// [`ObjectiveError`]; also for a waiver that is none of the lines, and for one that nothing needs because its line
    /// holds.
    fn validate_but(&self, waived: &[&str]) -> Result<(), ObjectiveError>;
}

/// The numbers of an objective do not fit what it declares of itself.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ObjectiveError {
    /// A parameter of a term.
    #[error("{objective}.{term}: {error}")]
    Param {
        /// The objective.
        objective: &'static str,
        /// The term.
        term: &'static str,
        /// The parameter, its value and its range.
        error: ParamError,
    },
    /// A weight, or a number of the loss or the advantages.
    #[error("{objective}.{place} is {value}, outside {range}; choose a value in that range")]
    Number {
        /// The objective.
        objective: &'static str,
        /// The path of the number.
        place: &'static str,
        /// Its value.
        value: f64,
        /// The values it may take.
        range: Interval,
    },
    /// Two choices exclude each other.
    #[error("{objective}: {words}")]
    Clash {
        /// The objective.
        objective: &'static str,
        /// Which, why, and how to mend it.
        words: &'static str,
    },
    /// A `require` line does not hold.
    #[error("{objective}: {words} (the left side reaches {left}, the right side {right})")]
    Require {
        /// The objective.
        objective: &'static str,
        /// The requirement and how to mend it.
        words: &'static str,
        /// The most that the left side can pay.
        left: f64,
        /// The most that the right side can pay.
        right: f64,
    },
    /// A waiver names no `require` line.
    #[error(
        "{objective} does not require `{waived}`, so nothing is waived; {}",
        requirement::lines(known)
    )]
    NotRequired {
        /// The objective.
        objective: &'static str,
        /// The waiver.
        waived: String,
        /// The lines that could be waived.
        known: Vec<&'static str>,
    },
    /// A waiver names a `require` line that holds.
    #[error(
        "{objective}: `{line}` holds at these numbers (the left side reaches {left}, the right side {right}); take the \
         waiver out"
    )]
    NeedlessWaiver {
        /// The objective.
        objective: &'static str,
        /// The line.
        line: &'static str,
        /// The most that the left side can pay.
        left: f64,
        /// The most that the right side can pay.
        right: f64,
    },
    /// A file states a parameter that the objective ties to another one.
    #[error(
        "{objective}.{follower} always equals {objective}.{leader}; leave it out and state the other"
    )]
    Tied {
        /// The objective.
        objective: &'static str,
        /// The parameter that follows.
        follower: &'static str,
        /// The parameter that it follows.
        leader: &'static str,
    },
}

#[cfg(test)]
mod tests;
