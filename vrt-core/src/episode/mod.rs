//! In: the replies of a policy. Out: one episode: units, calls, outcomes, and why it stopped.
//!
//! The paper's loop, one reply at a time: read the unit, carry out its calls, go on or stop. Nothing is lost:
//! whatever ends an episode is a [`StopReason`], whatever stops a call is a [`CallFault`].

mod fault;
mod rules;
mod stop;

pub use fault::CallFault;
pub use rules::{Rules, SeveralCalls};
pub use stop::StopReason;

use crate::op::{OpSet, Outcome, Past, Workspace};
use crate::pair::{FrameIndex, Judgment, PairKey, PreferencePair, Verdict};
use crate::policy::{Observation, PolicyError, Reply};
use crate::reward::Judged;
use crate::trace::{Action, Call, Unit, UnitError, read_unit};
use crate::view::View;

/// A call that was carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallRecord {
    /// The operation.
    pub op: &'static str,
    /// Pictures that it brought.
    pub views: u32,
}

/// One reply with what came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Round {
    /// What the policy wrote.
    pub reply: Reply,
    /// The unit, if the reply is one.
    pub unit: Option<Unit>,
    /// The calls that were carried out, in order.
    pub calls: Vec<CallRecord>,
    /// Calls that were passed over: see [`SeveralCalls::First`].
    pub passed_over: u32,
    /// The evidence that the calls brought.
    pub outcome: Option<Outcome>,
    /// Why the calls were not carried out, and the operation that refused, where one of the set did.
    pub fault: Option<(CallFault, Option<&'static str>)>,
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
            .map(|round| round.calls.len() as u32)
            .sum()
    }

    /// Whether the next unit may still ask for evidence.
    pub fn may_call(&self, rules: &Rules) -> bool {
        self.calls() < u32::from(rules.max_calls)
    }

    /// The outcomes so far, in order.
    pub fn outcomes(&self) -> impl Iterator<Item = &Outcome> {
        self.rounds
            .iter()
            .filter_map(|round| round.outcome.as_ref())
    }

    /// The number (from 1) of the oldest outcome that is still visible.
    pub fn oldest(&self, rules: &Rules) -> u8 {
        let costs: Vec<u32> = self
            .outcomes()
            .map(|outcome| outcome.cost(rules.frame_tokens))
            .collect();
        rules.window.oldest(&costs)
    }

    /// Takes a reply: reads it and carries out its calls. What the policy is to be shown next is
    /// [`Episode::observation`], unless the episode is over.
    pub fn advance<O: OpSet>(
        &mut self,
        reply: Result<Reply, PolicyError>,
        pair: &PreferencePair,
        rules: &Rules,
    ) {
        let reply = match reply {
            Ok(reply) => reply,
            Err(error) => {
                self.stop = Some(StopReason::Policy(error));
                return;
            }
        };
        let mut round = Round {
            unit: None,
            calls: Vec::new(),
            passed_over: 0,
            outcome: None,
            fault: None,
            reply,
        };
        match read_unit(&round.reply.text) {
            Err(_) if round.reply.cut => self.stop = Some(StopReason::Cut),
            Err(error @ UnitError::Call { .. }) => {
                round.fault = Some((CallFault::Malformed(error), None));
            }
            Err(error) => self.stop = Some(StopReason::Malformed(error)),
            Ok(unit) => {
                match &unit.action {
                    Action::Answer(_) => self.stop = Some(StopReason::Answered),
                    Action::Recommend { calls, .. } => {
                        self.carry_out::<O>(calls, pair, rules, &mut round);
                    }
                }
                round.unit = Some(unit);
            }
        }
        if let Some((fault, _)) = &round.fault {
            let told = self.rounds.iter().filter(|round| round.fault.is_some());
            if told.count() >= usize::from(rules.retries) {
                self.stop = Some(StopReason::Fault(fault.clone()));
            }
        }
        self.rounds.push(round);
    }

    /// Carries out the calls of a unit, all or none.
    fn carry_out<O: OpSet>(
        &self,
        calls: &[Call],
        pair: &PreferencePair,
        rules: &Rules,
        round: &mut Round,
    ) {
        let left = usize::from(rules.max_calls).saturating_sub(self.calls() as usize);
        let written = calls.len();
        let (calls, fault) = match rules.several {
            SeveralCalls::Refuse if calls.len() > 1 => {
                (&[][..], Some(CallFault::Several { calls: calls.len() }))
            }
            SeveralCalls::First => (&calls[..calls.len().min(1)], None),
            SeveralCalls::Refuse | SeveralCalls::All => (calls, None),
        };
        let fault = fault.or_else(|| {
            (calls.len() > left).then_some(CallFault::BeyondLimit {
                asked: calls.len(),
                left,
            })
        });
        if let Some(fault) = fault {
            round.fault = Some((fault, None));
            return;
        }
        let oldest = self.oldest(rules);
        let past: Vec<Past<'_>> = (1..)
            .zip(self.outcomes())
            .map(|(number, outcome)| Past {
                views: &outcome.views,
                visible: crate::window::visible(number, oldest),
            })
            .collect();
        let mut views: Vec<View> = Vec::new();
        let mut records = Vec::new();
        for call in calls {
            let mut view = Workspace::over(pair, rules, &past);
            // What the unit's earlier calls brought counts against the budget as well.
            let spent = rules.frame_tokens.saturating_mul(views.len() as u32);
            view.limits.budget = view.limits.budget.map(|all| all.saturating_sub(spent));
            match O::call(&call.name, &call.arguments, &mut view) {
                Ok(outcome) => {
                    records.push(CallRecord {
                        op: O::named(&call.name).unwrap_or_default(),
                        views: outcome.views.len() as u32,
                    });
                    views.extend(outcome.views);
                }
                Err(error) => {
                    round.fault = Some((error.into(), O::named(&call.name)));
                    return;
                }
            }
        }
        round.passed_over = (written - calls.len()) as u32;
        round.calls = records;
        round.outcome = Some(Outcome { views });
    }

    /// What came of the last reply, to be shown to the policy; `None` once the episode is over.
    pub fn observation(&self, rules: &Rules) -> Option<Observation<'_>> {
        if self.stop.is_some() {
            return None;
        }
        let round = self.rounds.last()?;
        match (&round.outcome, &round.fault) {
            (Some(outcome), _) => Some(Observation::Outcome {
                outcome,
                oldest: self.oldest(rules),
            }),
            (None, Some((fault, _))) => Some(Observation::Fault(fault)),
            (None, None) => None,
        }
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

    /// What reward terms may see of this episode. A call that could not be read is a fault of format, told or not.
    pub fn judged(&self, truth: Verdict) -> Judged {
        let units = self.rounds.iter().filter_map(|round| round.unit.as_ref());
        let unread = self
            .rounds
            .iter()
            .filter_map(|round| match &round.fault {
                Some((fault @ CallFault::Malformed(_), _)) => Some(fault.to_string()),
                _ => None,
            })
            .next();
        let fault = match &self.stop {
            Some(stop) => unread.or_else(|| stop.fault()),
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
}
