//! In: a policy and pairs. Out: groups of episodes, and a ledger whose rows sum to the samples asked for.
//!
//! Pairs are cut into chunks of fixed size; a chunk runs on one thread, its episodes in lock-step, so the
//! result does not depend on the number of threads.

use std::iter::repeat_with;

use serde::{Deserialize, Serialize};

use crate::episode::{Episode, Rules, StopReason};
use crate::op::{OpSet, Outcome};
use crate::pair::{PairKey, PreferencePair};
use crate::policy::{Opening, Policy, PolicyError, Turn};
use crate::sequence::Sequence;
use crate::shard;

/// Episodes that one thread runs in lock-step. Part of a result's identity: never derived from the machine.
const EPISODES_A_CHUNK: usize = 256;

/// How many episodes there are of each kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// Samples asked for.
    pub asked: u64,
    /// Samples by stop reason, in the order of [`StopReason::NAMES`].
    pub stops: [u64; StopReason::NAMES.len()],
    /// Calls that were carried out.
    pub calls: u64,
    /// Samples that made at least one call.
    pub callers: u64,
    /// Tokens of all replies.
    pub tokens: u64,
}

impl Ledger {
    /// Adds one finished episode.
    fn count(&mut self, episode: &Episode) {
        self.asked += 1;
        if let Some(stop) = &episode.stop {
            self.stops[stop.row()] += 1;
        }
        self.calls += u64::from(episode.calls());
        self.callers += u64::from(episode.calls() > 0);
        self.tokens += u64::from(episode.tokens());
    }

    /// Adds another ledger's rows.
    pub fn add(&mut self, other: &Ledger) {
        self.asked += other.asked;
        for (row, more) in self.stops.iter_mut().zip(other.stops) {
            *row += more;
        }
        self.calls += other.calls;
        self.callers += other.callers;
        self.tokens += other.tokens;
    }

    /// Whether every sample is accounted for.
    pub fn balances(&self) -> bool {
        self.stops.iter().sum::<u64>() == self.asked
    }
}

/// One finished sample.
pub struct Sample {
    /// The episode.
    pub episode: Episode,
    /// The episode as the model saw it, if the policy is a model.
    pub sequence: Option<Sequence>,
}

/// The samples of one pair, in the order of their numbers.
pub struct Rollout {
    /// Which of the given pairs.
    pub pair: usize,
    /// The samples.
    pub samples: Vec<Sample>,
}

/// Runs `samples` episodes for each pair.
///
/// # Errors
/// [`PolicyError`] if a pair cannot be opened; a failure later on ends only its own episode.
pub fn rollout<O: OpSet, P: Policy>(
    policy: &P,
    pairs: &[PreferencePair],
    samples: u32,
    rules: &Rules,
    threads: usize,
) -> Result<(Vec<Rollout>, Ledger), PolicyError> {
    let pairs_a_chunk = (EPISODES_A_CHUNK / samples.max(1) as usize).max(1);
    let chunks: Vec<&[PreferencePair]> = pairs.chunks(pairs_a_chunk).collect();
    let finished = shard::in_order(chunks.len(), threads, |chunk| {
        run_chunk::<O, P>(policy, chunks[chunk], chunk * pairs_a_chunk, samples, rules)
    });
    let mut rollouts = Vec::with_capacity(pairs.len());
    let mut ledger = Ledger::default();
    for chunk in finished {
        for rollout in chunk? {
            rollout
                .samples
                .iter()
                .for_each(|sample| ledger.count(&sample.episode));
            rollouts.push(rollout);
        }
    }
    debug_assert!(ledger.balances());
    Ok((rollouts, ledger))
}

struct Live<S> {
    pair: usize,
    episode: Episode,
    state: S,
}

/// What a policy that breaks its contract is told.
fn owed(pair: PairKey, what: &str) -> PolicyError {
    PolicyError {
        pair,
        reason: format!("the policy {what}"),
    }
}

fn run_chunk<O: OpSet, P: Policy>(
    policy: &P,
    pairs: &[PreferencePair],
    first: usize,
    samples: u32,
    rules: &Rules,
) -> Result<Vec<Rollout>, PolicyError> {
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
    let mut states = policy.open(&openings)?.into_iter();
    let mut live: Vec<Live<P::State>> = Vec::with_capacity(pairs.len() * samples as usize);
    for (number, pair) in pairs.iter().enumerate() {
        for sample in 0..samples {
            let state = states
                .next()
                .ok_or_else(|| owed(pair.key, "opened fewer episodes than it was asked for"))?;
            live.push(Live {
                pair: number,
                episode: Episode::open(pair, sample, rules),
                state,
            });
        }
    }

    loop {
        let mut turns = Vec::new();
        let mut episodes = Vec::new();
        for one in live.iter_mut().filter(|one| one.episode.stop.is_none()) {
            turns.push(Turn {
                state: &mut one.state,
                may_call: one.episode.may_call(rules),
            });
            episodes.push((one.pair, &mut one.episode));
        }
        if turns.is_empty() {
            break;
        }
        // A reply that does not come must not keep its episode waiting for ever.
        let replies = policy
            .reply(&mut turns)
            .into_iter()
            .map(Some)
            .chain(repeat_with(|| None));
        let mut shown: Vec<(&mut P::State, &Outcome)> = Vec::new();
        let mut waiting = Vec::new();
        for ((turn, (pair, episode)), reply) in turns.into_iter().zip(episodes).zip(replies) {
            let reply =
                reply.unwrap_or_else(|| Err(owed(pairs[pair].key, "wrote no reply to a turn")));
            if episode.advance::<O>(reply, &pairs[pair], rules).is_some() {
                waiting.push((turn.state, episode));
            }
        }
        let mut waiting_episodes = Vec::with_capacity(waiting.len());
        for (state, episode) in waiting {
            let Episode {
                pair, rounds, stop, ..
            } = episode;
            if let Some(outcome) = rounds.last().and_then(|round| round.outcome.as_ref()) {
                shown.push((state, outcome));
                waiting_episodes.push((pair, stop));
            }
        }
        let observed = policy
            .observe(&mut shown)
            .into_iter()
            .map(Some)
            .chain(repeat_with(|| None));
        for ((pair, stop), observed) in waiting_episodes.into_iter().zip(observed) {
            let observed =
                observed.unwrap_or_else(|| Err(owed(*pair, "did not look at an outcome")));
            if let Err(error) = observed {
                *stop = Some(StopReason::Policy(error));
            }
        }
    }

    let mut rollouts: Vec<Rollout> = (0..pairs.len())
        .map(|pair| Rollout {
            pair: first + pair,
            samples: Vec::new(),
        })
        .collect();
    for one in live {
        let sequence = policy.sequence(one.state);
        rollouts[one.pair].samples.push(Sample {
            episode: one.episode,
            sequence,
        });
    }
    Ok(rollouts)
}
