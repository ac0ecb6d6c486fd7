//! In: a policy and pairs. Out: groups of episodes, and a ledger whose rows sum to the samples asked for.
//!
//! Pairs are cut into chunks of fixed size; a chunk runs on one thread, its episodes in lock-step, so the
//! result does not depend on the number of threads.

use std::iter::repeat_with;

use crate::episode::{Episode, Rules, StopReason};
use crate::ledger::Ledger;
use crate::op::OpSet;
use crate::pair::{PairKey, PreferencePair};
use crate::policy::{Opening, Policy, PolicyError, Shown, Turn};
use crate::sequence::Sequence;
use crate::shard;

/// Episodes that one thread runs in lock-step. Part of a result's identity: never derived from the machine.
const EPISODES_A_CHUNK: usize = 256;

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
    let mut ledger = Ledger::of::<O>();
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
        let mut waiting = Vec::new();
        for ((turn, (pair, episode)), reply) in turns.into_iter().zip(episodes).zip(replies) {
            let reply =
                reply.unwrap_or_else(|| Err(owed(pairs[pair].key, "wrote no reply to a turn")));
            episode.advance::<O>(reply, &pairs[pair], rules);
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
        let observed: Vec<Result<(), PolicyError>> = policy.observe(&mut shown);
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
