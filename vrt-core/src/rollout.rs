//! In: a policy and pairs. Out: groups of episodes, and a ledger whose rows sum to the samples asked for.
//!
//! Each thread keeps a fixed number of episodes going. A unit that is complete is answered at once, an episode that has
//! ended makes room for the next pair's, and the policy never waits for the slowest of a batch. Who runs beside whom
//! decides nothing: an episode depends on its pair, its sample and the policy alone.

use std::iter::repeat_with;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::episode::{Episode, Rules, StopReason};
use crate::ledger::Ledger;
use crate::op::OpSet;
use crate::pair::{PairKey, PreferencePair};
use crate::policy::{Opening, Policy, PolicyError, Shown, Turn};
use crate::sequence::Sequence;
use crate::shard;

/// One finished sample.
pub struct Sample<S = Sequence> {
    /// The episode.
    pub episode: Episode,
    /// The episode as the model saw it, if the policy is a model.
    pub sequence: Option<S>,
}

/// The samples of one pair, in the order of their numbers.
pub struct Rollout<S = Sequence> {
    /// Which of the given pairs.
    pub pair: usize,
    /// The samples.
    pub samples: Vec<Sample<S>>,
}

/// The samples of several pairs, and what became of them.
pub type Rollouts<S = Sequence> = (Vec<Rollout<S>>, Ledger);

/// Runs `samples` episodes for each pair.
///
/// # Errors
/// [`PolicyError`] of the first pair that cannot be opened; a failure later on ends only its own episode.
pub fn rollout<O: OpSet, P: Policy>(
    policy: &P,
    pairs: &[PreferencePair],
    samples: u32,
    rules: &Rules,
    threads: usize,
) -> Result<Rollouts<P::Sequence>, PolicyError> {
    let next = AtomicUsize::new(0);
    let lanes = shard::in_order(threads.max(1), threads, |_| {
        let mut lane = Lane {
            policy,
            pairs,
            samples,
            rules,
            next: &next,
            live: Vec::new(),
            ended: Vec::new(),
            refused: Vec::new(),
        };
        lane.run::<O>();
        (lane.ended, lane.refused)
    });
    let (mut ended, mut refused) = (Vec::new(), Vec::new());
    for lane in lanes {
        ended.extend(lane.0);
        refused.extend(lane.1);
    }
    if let Some((_, error)) = refused.into_iter().min_by_key(|(pair, _)| *pair) {
        return Err(error);
    }
    ended.sort_by_key(|one: &Ended<P::Sequence>| (one.pair, one.sample));
    let mut ledger = Ledger::of::<O>();
    let mut rollouts: Vec<Rollout<P::Sequence>> = (0..pairs.len())
        .map(|pair| Rollout {
            pair,
            samples: Vec::with_capacity(samples as usize),
        })
        .collect();
    for Ended { pair, done, .. } in ended {
        ledger.count(&done.episode);
        rollouts[pair].samples.push(done);
    }
    debug_assert!(ledger.balances());
    Ok((rollouts, ledger))
}

struct Live<S> {
    pair: usize,
    sample: u32,
    episode: Episode,
    state: S,
}

struct Ended<S> {
    pair: usize,
    sample: u32,
    done: Sample<S>,
}

/// What a policy that breaks its contract is told.
fn owed(pair: PairKey, what: &str) -> PolicyError {
    PolicyError {
        pair,
        reason: format!("the policy {what}"),
    }
}

/// One thread's episodes.
struct Lane<'a, P: Policy> {
    policy: &'a P,
    pairs: &'a [PreferencePair],
    samples: u32,
    rules: &'a Rules,
    /// The next pair that nobody has taken.
    next: &'a AtomicUsize,
    live: Vec<Live<P::State>>,
    ended: Vec<Ended<P::Sequence>>,
    /// Pairs that could not be opened.
    refused: Vec<(usize, PolicyError)>,
}

impl<P: Policy> Lane<'_, P> {
    fn run<O: OpSet>(&mut self) {
        loop {
            self.refill();
            if self.live.is_empty() {
                return;
            }
            self.advance::<O>();
            self.retire();
        }
    }

    /// Opens as many pairs as there is room for.
    fn refill(&mut self) {
        if self.samples == 0 {
            return;
        }
        loop {
            let free = self.policy.slots().saturating_sub(self.live.len()) / self.samples as usize;
            // A group larger than all slots still has to run.
            let wanted = free.max(usize::from(self.live.is_empty()));
            let first = self.next.fetch_add(wanted, Ordering::Relaxed);
            let taken: Vec<usize> = (first..first.saturating_add(wanted))
                .take_while(|pair| *pair < self.pairs.len())
                .collect();
            if taken.is_empty() {
                return;
            }
            if let Err(error) = self.open(&taken) {
                match taken.as_slice() {
                    [pair] => self.refused.push((*pair, error)),
                    // Which of them it was must not depend on their company.
                    several => {
                        for &pair in several {
                            if let Err(error) = self.open(&[pair]) {
                                self.refused.push((pair, error));
                            }
                        }
                    }
                }
            }
            if !self.live.is_empty() {
                return;
            }
        }
    }

    fn open(&mut self, taken: &[usize]) -> Result<(), PolicyError> {
        let (rules, samples) = (self.rules, self.samples);
        let pairs: Vec<&PreferencePair> = taken.iter().map(|&pair| &self.pairs[pair]).collect();
        let initial: Vec<_> = pairs
            .iter()
            .map(|pair| pair.pool().evenly(rules.initial_per_video))
            .collect();
        let openings: Vec<Opening<'_>> = pairs
            .iter()
            .zip(&initial)
            .map(|(pair, initial)| Opening {
                pair,
                initial,
                samples,
            })
            .collect();
        let states = self.policy.open(&openings)?;
        if states.len() != taken.len() * samples as usize {
            let what = "opened another number of episodes than it was asked for";
            return Err(owed(pairs[0].key, what));
        }
        let numbers = taken
            .iter()
            .flat_map(|&pair| (0..samples).map(move |sample| (pair, sample)));
        for ((pair, sample), state) in numbers.zip(states) {
            self.live.push(Live {
                pair,
                sample,
                episode: Episode::open(&self.pairs[pair], sample, rules),
                state,
            });
        }
        Ok(())
    }

    /// Lets the policy write until a unit is complete, and answers those that are.
    fn advance<O: OpSet>(&mut self) {
        let rules = self.rules;
        let mut turns = Vec::with_capacity(self.live.len());
        let mut episodes = Vec::with_capacity(self.live.len());
        for one in &mut self.live {
            turns.push(Turn {
                may_call: one.episode.may_call(rules),
                state: &mut one.state,
            });
            episodes.push((one.pair, &mut one.episode));
        }
        let mut replies = self.policy.reply(&mut turns);
        // A reply that does not come must not keep its episode waiting for ever.
        let stuck = replies.iter().all(Option::is_none);
        replies.resize_with(turns.len(), || None);
        let mut waiting = Vec::new();
        for ((turn, (pair, episode)), reply) in turns.into_iter().zip(episodes).zip(replies) {
            let pair = &self.pairs[pair];
            let reply = match reply {
                Some(reply) => reply,
                None if stuck => Err(owed(pair.key, "completed no unit")),
                None => continue,
            };
            episode.advance::<O>(reply, pair, rules);
            if episode.stop.is_none() {
                waiting.push((turn.state, episode));
            }
        }
        let mut shown = Vec::with_capacity(waiting.len());
        let mut lookers = Vec::with_capacity(waiting.len());
        for (i, (state, episode)) in waiting.iter_mut().enumerate() {
            if let Some(observation) = episode.observation(rules) {
                let state = &mut **state;
                shown.push(Shown { state, observation });
                lookers.push(i);
            }
        }
        if shown.is_empty() {
            return;
        }
        let observed: Vec<Result<(), PolicyError>> = self.policy.observe(&mut shown);
        drop(shown);
        let observed = observed.into_iter().map(Some).chain(repeat_with(|| None));
        for (i, observed) in lookers.into_iter().zip(observed) {
            let episode = &mut waiting[i].1;
            let observed =
                observed.unwrap_or_else(|| Err(owed(episode.pair, "did not look at an outcome")));
            if let Err(error) = observed {
                episode.stop = Some(StopReason::Policy(error));
            }
        }
    }

    /// Takes out the episodes that have ended.
    fn retire(&mut self) {
        let over = self.live.extract_if(.., |one| one.episode.stop.is_some());
        for one in over {
            self.ended.push(Ended {
                pair: one.pair,
                sample: one.sample,
                done: Sample {
                    episode: one.episode,
                    sequence: self.policy.sequence(one.state),
                },
            });
        }
    }
}
