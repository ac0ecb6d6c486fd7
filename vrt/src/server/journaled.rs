//! In: a policy and a journal. Out: the same policy, which repeats what has ended and records what ends.
//!
//! A resumed run goes through the same loop as one that was never interrupted: recorded episodes are played back, unit by
//! unit, so its ledger and its report are those of all episodes.

use std::sync::{Mutex, PoisonError};

use vrt_core::pair::PairKey;
use vrt_core::policy::{Opening, Policy, PolicyError, Reply, Shown, Turn};

use super::journal::{Journal, JournalError, Record};

/// An episode has ended.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// The episode.
    pub record: &'a Record,
    /// Whether it ended before this process began.
    pub recalled: bool,
}

type Watch<'a> = dyn Fn(Progress<'_>) + Sync + 'a;

/// A policy with a memory of the episodes that have ended.
pub struct Journaled<'a, P> {
    inner: &'a P,
    journal: &'a Journal,
    watch: Option<&'a Watch<'a>>,
    failure: Mutex<Option<JournalError>>,
}

/// One episode.
pub struct JournaledState<S> {
    record: Record,
    course: Course<S>,
}

enum Course<S> {
    /// It is played back: units given so far.
    Recalled(usize),
    /// It is run.
    Run(S),
}

impl<'a, P: Policy> Journaled<'a, P> {
    /// `inner`, with the episodes of a journal. Once the run is over, ask [`Journaled::close`] whether all were kept.
    pub fn new(inner: &'a P, journal: &'a Journal) -> Self {
        Self {
            inner,
            journal,
            watch: None,
            failure: Mutex::default(),
        }
    }

    /// The same, which tells of every episode that ends.
    pub fn watched(mut self, watch: &'a Watch<'a>) -> Self {
        self.watch = Some(watch);
        self
    }

    /// Ends the run.
    ///
    /// # Errors
    /// The first [`JournalError`] with which an episode could not be kept; the policy wrote nothing more after it.
    pub fn close(self) -> Result<(), JournalError> {
        let failure = self
            .failure
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        failure.map_or(Ok(()), Err)
    }

    fn broken(&self) -> Option<String> {
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.as_ref().map(ToString::to_string)
    }
}

impl<P: Policy> Policy for Journaled<'_, P> {
    type State = JournaledState<P::State>;
    type Sequence = P::Sequence;

    fn open(&self, openings: &[Opening<'_>]) -> Result<Vec<Self::State>, PolicyError> {
        let mut states = Vec::new();
        for opening in openings {
            let pair = opening.pair.key;
            let missing =
                (0..opening.samples).any(|sample| self.journal.finished(pair, sample).is_none());
            // Opened as a whole: a policy numbers the samples of a pair by their place.
            let opened = match missing {
                true => self.inner.open(std::slice::from_ref(opening))?,
                false => Vec::new(),
            };
            let mut opened = opened.into_iter();
            for sample in 0..opening.samples {
                let inner = opened.next();
                let course = match (self.journal.finished(pair, sample), inner) {
                    (Some(_), _) => Course::Recalled(0),
                    (None, Some(inner)) => Course::Run(inner),
                    (None, None) => {
                        let reason = format!("the policy opened no sample {sample}");
                        return Err(PolicyError { pair, reason });
                    }
                };
                states.push(JournaledState {
                    record: Record {
                        pair,
                        sample,
                        replies: Vec::new(),
                        failed: None,
                    },
                    course,
                });
            }
        }
        Ok(states)
    }

    fn reply(
        &self,
        turns: &mut [Turn<'_, Self::State>],
    ) -> Vec<Option<Result<Reply, PolicyError>>> {
        let broken = self.broken();
        let mut replies: Vec<Option<Result<Reply, PolicyError>>> = Vec::new();
        let (mut inner, mut places) = (Vec::new(), Vec::new());
        for (place, turn) in turns.iter_mut().enumerate() {
            let may_call = turn.may_call;
            let state = &mut *turn.state;
            let pair = state.record.pair;
            replies.push(match &mut state.course {
                Course::Recalled(given) => {
                    *given += 1;
                    Some(recalled(
                        self.journal,
                        pair,
                        state.record.sample,
                        *given - 1,
                    ))
                }
                Course::Run(_) if broken.is_some() => {
                    let reason = broken.clone().unwrap_or_default();
                    Some(Err(PolicyError { pair, reason }))
                }
                Course::Run(state) => {
                    inner.push(Turn { state, may_call });
                    places.push(place);
                    None
                }
            });
        }
        // The inner policy may take its time; what is there at once does not wait for it.
        if !inner.is_empty() && replies.iter().all(Option::is_none) {
            let written = self.inner.reply(&mut inner);
            for (place, reply) in places.into_iter().zip(written) {
                replies[place] = reply;
            }
        }
        for (turn, reply) in turns.iter_mut().zip(&replies) {
            let record = &mut turn.state.record;
            match reply {
                Some(Ok(reply)) => record.replies.push(reply.clone()),
                Some(Err(error)) => record.failed = Some(error.reason.clone()),
                None => {}
            }
        }
        replies
    }

    fn observe(&self, shown: &mut [Shown<'_, Self::State>]) -> Vec<Result<(), PolicyError>> {
        let mut seen: Vec<Result<(), PolicyError>> = shown.iter().map(|_| Ok(())).collect();
        let (mut inner, mut places) = (Vec::new(), Vec::new());
        let mut records = Vec::new();
        for (place, one) in shown.iter_mut().enumerate() {
            let JournaledState { record, course } = &mut *one.state;
            if let Course::Run(state) = course {
                inner.push(Shown {
                    state,
                    observation: one.observation,
                });
                places.push(place);
                records.push(record);
            }
        }
        let looked = self.inner.observe(&mut inner);
        for ((place, record), looked) in places.into_iter().zip(records).zip(looked) {
            if let Err(error) = &looked {
                record.failed = Some(error.reason.clone());
            }
            seen[place] = looked;
        }
        seen
    }

    /// The episode has ended: it is kept, and told of.
    fn slots(&self) -> usize {
        self.inner.slots()
    }

    fn sequence(&self, state: Self::State) -> Option<P::Sequence> {
        let JournaledState { record, course } = state;
        let (recalled, sequence) = match course {
            Course::Recalled(_) => (true, None),
            Course::Run(inner) => (false, self.inner.sequence(inner)),
        };
        if !recalled
            && self.broken().is_none()
            && let Err(error) = self.journal.add(&record)
        {
            let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
            failure.get_or_insert(error);
        }
        if let Some(watch) = self.watch {
            watch(Progress {
                record: &record,
                recalled,
            });
        }
        sequence
    }
}

fn recalled(
    journal: &Journal,
    pair: PairKey,
    sample: u32,
    unit: usize,
) -> Result<Reply, PolicyError> {
    let record = journal.finished(pair, sample);
    let reply = record.and_then(|record| record.replies.get(unit));
    reply.cloned().ok_or_else(|| PolicyError {
        pair,
        reason: format!(
            "the journal's sample {sample} ends after {unit} units, and the episode goes on: rules or operations have \
             changed since; begin another journal"
        ),
    })
}
