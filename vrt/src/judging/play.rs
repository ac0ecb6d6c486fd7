//! In: a policy, a pair. Out: one episode, told round by round while it goes on, with the seconds that each reply took.

use vrt_core::episode::{Episode, Rules, StopReason};
use vrt_core::op::OpSet;
use vrt_core::pair::PreferencePair;
use vrt_core::policy::{Opening, Policy, PolicyError, Reply, Shown, Turn};

use crate::clock::Moment;

/// An episode that is over.
#[derive(Clone, Debug, PartialEq)]
pub struct Played {
    /// The episode.
    pub episode: Episode,
    /// Seconds of each reply, that of a policy which failed included.
    pub seconds: Vec<f64>,
}

/// Plays one episode, sample 0 of the pair. `watch` hears of each round when its calls have been carried out: it is the
/// last of the episode's.
///
/// # Errors
/// [`PolicyError`] if the pair cannot be opened; a later failure is the episode's [`StopReason::Policy`].
pub fn play<O: OpSet, P: Policy>(
    policy: &P,
    pair: &PreferencePair,
    rules: &Rules,
    watch: &mut dyn FnMut(&Episode, f64),
) -> Result<Played, PolicyError> {
    let owed = |what: &str| PolicyError {
        pair: pair.key,
        reason: format!("the policy {what}"),
    };
    let mut episode = Episode::open(pair, 0, rules);
    let opening = Opening {
        pair,
        initial: &episode.initial,
        samples: 1,
    };
    let states = policy.open(&[opening])?;
    let Ok([mut state]) = <[P::State; 1]>::try_from(states) else {
        return Err(owed("opened another number of episodes than one"));
    };
    let mut seconds = Vec::new();
    while episode.stop.is_none() {
        let began = Moment::now();
        let mut turn = [Turn {
            state: &mut state,
            may_call: episode.may_call(rules),
        }];
        let reply: Option<Result<Reply, PolicyError>> =
            policy.reply(&mut turn).into_iter().next().flatten();
        let took = began.elapsed().as_secs_f64();
        seconds.push(took);
        let before = episode.rounds.len();
        let reply = reply.unwrap_or_else(|| Err(owed("completed no unit")));
        episode.advance::<O>(reply, pair, rules);
        if episode.rounds.len() > before {
            watch(&episode, took);
        }
        let Some(observation) = episode.observation(rules) else {
            continue;
        };
        let mut shown = [Shown {
            state: &mut state,
            observation,
        }];
        let observed = policy.observe(&mut shown).into_iter().next();
        if let Err(error) = observed.unwrap_or_else(|| Err(owed("did not look at an outcome"))) {
            episode.stop = Some(StopReason::Policy(error));
        }
    }
    Ok(Played { episode, seconds })
}
