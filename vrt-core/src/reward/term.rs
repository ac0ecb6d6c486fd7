//! In: a declared term. Out: the trait through which an objective asks it.

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Abstention, Group, Interval, Judged, Score};

/// How much of a group a term sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One sample.
    Sample,
    /// One sample and the group it belongs to.
    Group,
}

/// A parameter of a term, as it was declared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ParamSpec {
    /// Its name in the code and in an experiment file.
    pub name: &'static str,
    /// What it means.
    pub doc: &'static str,
    /// Its value where nothing overrides it.
    pub default: f64,
    /// The values it may take.
    pub range: Interval,
}

/// A parameter holds a value that it may not take.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("`{name}` is {value}, outside {range}; choose a value in that range")]
pub struct ParamError {
    /// The term's parameter.
    pub name: &'static str,
    /// Its value.
    pub value: f64,
    /// The values it may take.
    pub range: Interval,
}

/// A reward term with its parameters. Declared with `#[reward_term]`, not by hand.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a reward term",
    label = "this cannot score a sample",
    note = "write `#[reward_term(range = …)]` over the function of that name"
)]
pub trait RewardTerm:
    Clone + Debug + Default + PartialEq + Serialize + DeserializeOwned + Send + Sync
{
    /// The term's name in objectives, logs and figures.
    const NAME: &'static str;
    /// What the term rewards.
    const DOC: &'static str;
    /// What the term sees.
    const SCOPE: Scope;
    /// The parameters, in the order of the declaration.
    const PARAMS: &'static [ParamSpec];
    /// The parameters as they were declared.
    const DEFAULT: Self;
    /// The values that the term can take with the declared parameters.
    const RANGE: Interval;

    /// The values that the term can take with these parameters.
    fn interval(&self) -> Interval;

    /// The parameters' values, in the order of [`RewardTerm::PARAMS`].
    fn values(&self) -> Vec<f64>;

    /// What the term's function says, unchecked.
    fn ask(&self, ep: &Judged, group: &Group<'_>) -> Score;

    /// The term's score of one sample of a group.
    ///
    /// A value that is not finite or lies outside the declared range becomes an abstention that says so,
    /// in every build alike, so that results do not depend on how the program was compiled.
    fn score(&self, ep: &Judged, group: &Group<'_>) -> Score {
        let score = self.ask(ep, group);
        let Some(value) = score.value() else {
            return score;
        };
        let Interval { low, high } = self.interval();
        if !value.is_finite() {
            Abstention::NotFinite.into()
        } else if !self.interval().contains(value) {
            Abstention::OutOfRange { value, low, high }.into()
        } else {
            score
        }
    }

    /// Checks every parameter against its declared range.
    ///
    /// # Errors
    /// The first parameter that is outside, in the order of the declaration.
    fn validate(&self) -> Result<(), ParamError> {
        for (param, value) in Self::PARAMS.iter().zip(self.values()) {
            if !(param.range.low..=param.range.high).contains(&value) {
                return Err(ParamError {
                    name: param.name,
                    value,
                    range: param.range,
                });
            }
        }
        Ok(())
    }
}
