//! In: the replies of a policy. Out: one episode: units, calls, outcomes, and why it stopped.
//!
//! The paper's loop, one reply at a time: read the unit, carry out its call, go on or stop. Nothing is lost:
//! whatever ends an episode is a [`StopReason`].

use serde::{Deserialize, Serialize};

use crate::op::{OpError, OpSet, Outcome, Workspace};
use crate::pair::{FrameIndex, Judgment, PairKey, PreferencePair, Verdict};
use crate::policy::{PolicyError, Reply};
use crate::reward::Judged;
use crate::trace::{Action, Unit, UnitError, read_unit};
use crate::window::MemoryWindow;

/// What holds for every episode of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rules {
    /// Frames of each video that are shown first: `N_in / 2`.
    pub initial_per_video: u32,
    /// Calls an episode may make; the unit after the last one must answer.
    pub max_calls: u8,
    /// Which outcomes stay visible.
    pub window: MemoryWindow,
}

impl Default for Rules {
    /// The paper's: 4 + 4 frames, 3 calls, p = 1.
    fn default() -> Self {
        Self {
            initial_per_video: 4,
            max_calls: 3,
            window: MemoryWindow::default(),
        }
    }
}

/// Why an episode is over.
#[derive(Clone, Debug, PartialEq)]
pub enum StopReason {
    /// A final answer was given.
    Answered,
    /// A reply was not a unit.
    Malformed(UnitError),
    /// A reply was cut off by a length limit.
    Cut,
    /// A call was refused by its operation, or names none.
    Refused(OpError),
    /// A call came after the last one that the rules allow.
    CallBeyondLimit,
    /// The policy itself failed.
    Policy(PolicyError),
}

impl StopReason {
    /// The rows of the ledger, in order.
    pub const NAMES: [&'static str; 6] = [
        "answered",
        "malformed",
        "cut",
        "refused",
        "call_beyond_limit",
        "policy_failed",
    ];

    /// The row this reason is counted in.
    pub fn row(&self) -> usize {
        match self {
            Self::Answered => 0,
            Self::Malformed(_) => 1,
            Self::Cut => 2,
            Self::Refused(_) => 3,
            Self::CallBeyondLimit => 4,
            Self::Policy(_) => 5,
        }
    }

    /// The row's name.
    pub fn name(&self) -> &'static str {
        Self::NAMES[self.row()]
    }

    /// Why the episode is not in format, in words; `None` if it is.
    pub fn fault(&self) -> Option<String> {
        match self {
            Self::Answered => None,
            Self::Malformed(error) => Some(error.to_string()),
            Self::Cut => Some("the reply was cut off".to_owned()),
            Self::Refused(error) => Some(error.to_string()),
            Self::CallBeyondLimit => Some("a call after the last one allowed".to_owned()),
            Self::Policy(error) => Some(error.to_string()),
        }
    }
}

/// One reply with what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Round {
    /// What the policy wrote.
    pub reply: Reply,
    /// The unit, if the reply is one.
    pub unit: Option<Unit>,
    /// The evidence its call brought, if it made one that succeeded.
    pub outcome: Option<Outcome>,
}

/// One policy judging one pair.
#[derive(Clone, Debug, PartialEq)]
pub struct Episode {
    /// The pair.
    pub pair: PairKey,
    /// Number of the sample in its group, from 0.
    pub sample: u32,
    /// The frames shown first.
    pub initial: Vec<FrameIndex>,
    /// The replies, in order.
    pub rounds: Vec<Round>,
    /// Why it is over; `None` while it is not.
    pub stop: Option<StopReason>,
}

impl Episode {
    /// An episode before its first reply.
    pub fn open(pair: &PreferencePair, sample: u32, rules: &Rules) -> Self {
        Self {
            pair: pair.key,
            sample,
            initial: pair.pool().evenly(rules.initial_per_video),
            rounds: Vec::new(),
            stop: None,
        }
    }

    /// Calls that were carried out.
    pub fn calls(&self) -> u32 {
        self.rounds
            .iter()
            .filter(|round| round.outcome.is_some())
            .count() as u32
    }

    /// Whether the next unit may still ask for evidence.
    pub fn may_call(&self, rules: &Rules) -> bool {
        self.calls() < u32::from(rules.max_calls)
    }

    /// Takes a reply: reads it and carries out its call. Returns the outcome to be shown, or `None` once the
    /// episode is over.
    pub fn advance<O: OpSet>(
        &mut self,
        reply: Result<Reply, PolicyError>,
        pair: &PreferencePair,
        rules: &Rules,
    ) -> Option<&Outcome> {
        let reply = match reply {
            Ok(reply) => reply,
            Err(error) => {
                self.stop = Some(StopReason::Policy(error));
                return None;
            }
        };
        let mut round = Round {
            unit: None,
            outcome: None,
            reply,
        };
        match read_unit(&round.reply.text) {
            Err(_) if round.reply.cut => self.stop = Some(StopReason::Cut),
            Err(error) => self.stop = Some(StopReason::Malformed(error)),
            Ok(unit) => {
                match &unit.action {
                    Action::Answer(_) => self.stop = Some(StopReason::Answered),
                    Action::Recommend { .. } if !self.may_call(rules) => {
                        self.stop = Some(StopReason::CallBeyondLimit);
                    }
                    Action::Recommend { call, .. } => {
                        match O::call(&call.name, &call.arguments, &mut Workspace::new(pair)) {
                            Ok(outcome) => round.outcome = Some(outcome),
                            Err(error) => self.stop = Some(StopReason::Refused(error)),
                        }
                    }
                }
                round.unit = Some(unit);
            }
        }
        self.rounds.push(round);
        self.rounds.last().and_then(|round| round.outcome.as_ref())
    }

    /// The final judgment, if one was given.
    pub fn answer(&self) -> Option<Judgment> {
        match &self.rounds.last()?.unit.as_ref()?.action {
            Action::Answer(judgment) => Some(*judgment),
            Action::Recommend { .. } => None,
        }
    }

    /// Tokens of all replies.
    pub fn tokens(&self) -> u32 {
        self.rounds.iter().map(|round| round.reply.tokens).sum()
    }

    /// What reward terms may see of this episode.
    pub fn judged(&self, truth: Verdict) -> Judged {
        let units = self.rounds.iter().filter_map(|round| round.unit.as_ref());
        let fault = match &self.stop {
            Some(stop) => stop.fault(),
            None => Some("the episode is not over".to_owned()),
        };
        Judged {
            truth,
            format: fault.map_or(Ok(()), Err),
            judgments: units.map(Unit::judgment).collect(),
            answer: self.answer(),
            tool_calls: self.calls(),
        }
    }

    /// Whether the answer is right in every dimension and overall: the filter of the supervised stages.
    pub fn all_right(&self, truth: &Verdict) -> bool {
        self.answer().is_some_and(|answer| answer.verdict == *truth)
    }
}
