//! In: what a term found. Out: a value, or a typed reason why there is none.

use serde::{Deserialize, Serialize};

/// Why a term has no value for a sample.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Abstention {
    /// The sample holds no final answer.
    #[error("the sample gives no answer")]
    NoAnswer,
    /// The sample holds no judgment at all.
    #[error("no unit of the sample holds a judgment")]
    NoJudgment,
    /// The term produced a value that it had declared impossible.
    #[error("the value {value} is outside the declared range {low} to {high}")]
    OutOfRange {
        /// The value.
        value: f64,
        /// Smallest value that was declared.
        low: f64,
        /// Largest value that was declared.
        high: f64,
    },
    /// The term produced an infinite value or no number.
    #[error("the value is not a finite number")]
    NotFinite,
    /// A reason in the term's own words.
    #[error("{0}")]
    Because(String),
}

/// What a term says of one sample.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Score {
    /// The raw value, before the weight.
    Value(f64),
    /// No value, and why.
    Abstain(Abstention),
}

impl Score {
    /// Abstains in the term's own words.
    pub fn abstain(why: impl Into<String>) -> Self {
        Self::Abstain(Abstention::Because(why.into()))
    }

    /// The value, if there is one.
    pub fn value(&self) -> Option<f64> {
        match self {
            Self::Value(value) => Some(*value),
            Self::Abstain(_) => None,
        }
    }
}

impl From<f64> for Score {
    fn from(value: f64) -> Self {
        Self::Value(value)
    }
}

impl From<Abstention> for Score {
    fn from(why: Abstention) -> Self {
        Self::Abstain(why)
    }
}
