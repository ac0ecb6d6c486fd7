//! In: a pair, the frames shown so far. Out: the text of the next reasoning unit.
//!
//! Every policy stands behind one trait: the typed model ([`TinyPolicy`]), recorded text ([`Replay`]), and the
//! scripted players of a world.

mod bank;
mod replay;
mod tiny;

use serde::{Deserialize, Serialize};

use crate::episode::CallFault;
use crate::op::Outcome;
use crate::pair::{FrameIndex, PairKey, PreferencePair};
pub use bank::{FrameBank, LookError};
pub use replay::Replay;
pub use tiny::{
    Director, Plan, Sampling, TinyError, TinyPolicy, TinyState, observation_rows, query_rows,
};

/// A policy could not go on with an episode.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("pair {:#018x}: {reason}", pair.0)]
pub struct PolicyError {
    /// The pair that was judged.
    pub pair: PairKey,
    /// What went wrong.
    pub reason: String,
}

/// What a policy wrote for one unit, before anybody read it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// The text, as it stands.
    pub text: String,
    /// Tokens of the reply, where the policy counts them.
    pub tokens: u32,
    /// Whether a length limit cut the reply off.
    pub cut: bool,
    /// The tokens with their log-probabilities, where they were asked for and the policy has them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sampled: Vec<SampledToken>,
}

/// One token of a reply as it was sampled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SampledToken {
    /// Its id in the model's vocabulary, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<u32>,
    /// Its text; a token may hold a part of a character, which reads as U+FFFD.
    pub text: String,
    /// Its log-probability, in nats; `None` where it is too small for a number.
    pub logp: Option<f32>,
}

/// What an episode begins with.
#[derive(Clone, Copy)]
pub struct Opening<'a> {
    /// The pair to be judged.
    pub pair: &'a PreferencePair,
    /// The paper's `V`: the frames that are shown first.
    pub initial: &'a [FrameIndex],
    /// How many samples are drawn for the pair; they share the opening.
    pub samples: u32,
}

/// One unit that is wanted.
pub struct Turn<'a, S> {
    /// The episode's state.
    pub state: &'a mut S,
    /// Whether the unit may still ask for evidence.
    pub may_call: bool,
}

/// What came of a unit's calls.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Observation<'a> {
    /// Evidence.
    Outcome {
        /// The pictures.
        outcome: &'a Outcome,
        /// The oldest outcome that is visible from now on, from 1; earlier ones are forgotten.
        oldest: u8,
    },
    /// The calls were not carried out, and this is why.
    Fault(&'a CallFault),
}

/// What one episode is shown.
pub struct Shown<'a, S> {
    /// The episode's state.
    pub state: &'a mut S,
    /// What came of its last unit.
    pub observation: Observation<'a>,
}

/// Whoever writes the units.
pub trait Policy: Sync {
    /// What the policy remembers of one episode.
    type State: Send;
    /// An episode as the model saw it: what a trainer learns it from.
    type Sequence: Send;

    /// Opens `samples` episodes for each pair, in order.
    ///
    /// # Errors
    /// [`PolicyError`] if a pair cannot be shown.
    fn open(&self, openings: &[Opening<'_>]) -> Result<Vec<Self::State>, PolicyError>;

    /// Goes on writing one unit for each turn until at least one of them is complete; one entry a turn, `None` where the
    /// unit is still being written. Such a turn comes again, in whatever company, until its unit is complete.
    fn reply(&self, turns: &mut [Turn<'_, Self::State>])
    -> Vec<Option<Result<Reply, PolicyError>>>;

    /// Shows each episode what came of its last unit.
    ///
    /// # Errors
    /// [`PolicyError`] if a picture cannot be shown; one entry an episode.
    fn observe(&self, shown: &mut [Shown<'_, Self::State>]) -> Vec<Result<(), PolicyError>>;

    /// Episodes that one thread keeps going at a time.
    fn slots(&self) -> usize {
        128
    }

    /// The episode as the model saw it, where the policy is one that can be trained on it.
    fn sequence(&self, state: Self::State) -> Option<Self::Sequence>;
}
