//! In: a world and a way to choose frames. Out: how well perfect perception judges with it.
//!
//! The players bound what choosing can win: they read without error, so all that differs is the choice.

use vrt_core::pair::{FrameIndex, Judgment, PairKey, Verdict};
use vrt_core::rng::{Purpose, stream};

use super::World;
use super::facts::PairFacts;
use super::knowledge::Knowledge;
use super::report::Report;
use super::split::Length;
use super::teacher::{Call, Decision, TeacherParams, decide};

/// Tool calls that an episode may make before it must answer.
pub const MAX_CALLS: usize = 3;

/// Initial frames of each video.
pub const INITIAL_PER_VIDEO: u32 = 4;

/// A way to choose frames.
#[derive(Clone, Debug, PartialEq)]
pub enum Player {
    /// Answers from this many evenly spaced frames of each video.
    NoTool {
        /// Frames of each video.
        per_video: u32,
    },
    /// Chooses as the teacher does.
    Teacher(TeacherParams),
}

impl Player {
    /// The teacher of the scripted comparison, with habit and early stopping as wanted.
    pub fn scripted(habit: bool, early_stop: bool) -> Self {
        Player::Teacher(TeacherParams {
            habit: if habit { 0.6 } else { 0.0 },
            habit_strides: [2, 4],
            p_random: 0.1,
            stop_first: if early_stop { 0.1 } else { 0.0 },
            stop: if early_stop { 0.65 } else { 0.0 },
            ..TeacherParams::default()
        })
    }
}

/// One reasoning unit of a play.
#[derive(Clone, Debug, PartialEq)]
pub struct Unit {
    /// What the newest frames told.
    pub report: Report,
    /// The judgment so far: a recommendation, or in the last unit the answer.
    pub judgment: Judgment,
    /// The frames asked for; `None` in the last unit.
    pub call: Option<Call>,
}

/// One episode of a player.
#[derive(Clone, Debug, PartialEq)]
pub struct Play {
    /// The pair that was judged.
    pub facts: PairFacts,
    /// The frames that were given.
    pub initial: Vec<FrameIndex>,
    /// One unit more than there were calls; never empty.
    pub units: Vec<Unit>,
}

/// The teacher judges one pair; `sample` tells several plays of one pair apart.
pub fn teach(world: &World, key: PairKey, params: &TeacherParams, sample: u64) -> Play {
    let facts = world.facts(key);
    let mut rng = stream(world.seed(), Purpose::Teacher, 0, key.0, sample);
    let initial = facts.pool().evenly(INITIAL_PER_VIDEO);
    let (mut knowledge, mut report) =
        Knowledge::new(facts, initial.clone(), params.estimate_noise, &mut rng);
    let mut units = Vec::new();
    loop {
        let decision = if units.len() < MAX_CALLS {
            decide(&knowledge, units.len(), params, &mut rng)
        } else {
            Decision::Answer
        };
        let call = match decision {
            Decision::Call(call) => Some(call),
            Decision::Answer => None,
        };
        units.push(Unit {
            report,
            judgment: knowledge.judgment(),
            call,
        });
        match call {
            Some(call) => report = knowledge.look(&call.frames(facts.pool()), &mut rng),
            None => {
                return Play {
                    facts,
                    initial,
                    units,
                };
            }
        }
    }
}

/// How one pair was judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The pair.
    pub key: PairKey,
    /// Its length.
    pub length: Length,
    /// Who is better.
    pub truth: Verdict,
    /// Who was said to be.
    pub judgment: Judgment,
    /// Calls that were made.
    pub calls: usize,
}

/// Lets a player judge pairs.
pub fn play(
    world: &World,
    keys: impl IntoIterator<Item = PairKey>,
    player: &Player,
) -> Vec<Outcome> {
    keys.into_iter()
        .map(|key| {
            let facts = world.facts(key);
            let (judgment, calls) = match player {
                Player::NoTool { per_video } => {
                    let frames = facts.pool().evenly(*per_video);
                    let mut rng = stream(world.seed(), Purpose::Teacher, 0, key.0, 0);
                    let (knowledge, _) = Knowledge::new(facts, frames, 0.0, &mut rng);
                    (knowledge.judgment(), 0)
                }
                Player::Teacher(params) => {
                    let units = teach(world, key, params, 0).units;
                    (units[units.len() - 1].judgment, units.len() - 1)
                }
            };
            Outcome {
                key,
                length: facts.prompt.length,
                truth: facts.truth(),
                judgment,
                calls,
            }
        })
        .collect()
}

/// A row of the comparison: shares of pairs, 0..=1, and `NaN` where there is no pair.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// Right overall preferences.
    pub overall: f64,
    /// The same for `[short, medium, long]` pairs.
    pub by_length: [f64; 3],
    /// Right in all three dimensions and overall.
    pub all_four: f64,
    /// Calls a pair.
    pub calls: f64,
}

/// The score of some outcomes.
pub fn score(outcomes: &[Outcome]) -> Score {
    let right = |outcome: &&Outcome| outcome.judgment.verdict.overall == outcome.truth.overall;
    let share = |part: usize, of: usize| part as f64 / of as f64;
    let by_length = Length::ALL.map(|length| {
        let of_length = outcomes.iter().filter(|outcome| outcome.length == length);
        share(of_length.clone().filter(right).count(), of_length.count())
    });
    let all_four = outcomes
        .iter()
        .filter(|outcome| outcome.judgment.verdict == outcome.truth)
        .count();
    let calls = outcomes.iter().map(|outcome| outcome.calls).sum();
    Score {
        overall: share(outcomes.iter().filter(right).count(), outcomes.len()),
        by_length,
        all_four: share(all_four, outcomes.len()),
        calls: share(calls, outcomes.len()),
    }
}
