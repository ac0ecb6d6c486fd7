//! In: a world and a way to choose frames. Out: how well perfect perception judges with it.
//!
//! The players bound what choosing can win: they read without error, so all that differs is the choice.

use vrt_core::pair::{FrameIndex, Judgment, PairKey, Verdict};
use vrt_core::rng::{Purpose, stream};

use super::World;
use super::ask::{Ask, AskError, Demonstrate, Tools};
use super::facts::PairFacts;
use super::knowledge::Knowledge;
use super::report::Report;
use super::split::Length;
use super::teacher::{Decision, TeacherParams, decide};

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
    /// The teacher of the scripted comparison, with its habit and its early stopping or without.
    ///
    /// It makes no random call and stops once nothing is open: with that, its scores are the prototype's.
    pub fn scripted(habit: bool, early_stop: bool) -> Self {
        Player::Teacher(TeacherParams {
            habit: if habit { 0.6 } else { 0.0 },
            p_random: 0.0,
            stop_first: if early_stop { 0.1 } else { 0.0 },
            stop: if early_stop { 0.65 } else { 0.0 },
            stop_clear: 1.0,
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
    /// What is asked for; `None` in the last unit.
    pub ask: Option<Ask>,
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

/// The teacher judges one pair with these tools; `sample` tells several plays of one pair apart.
///
/// # Errors
/// [`AskError`] if it cannot say with them where it wants to look; [`Tools`] always can.
pub fn teach(
    world: &World,
    key: PairKey,
    params: &TeacherParams,
    tools: &dyn Demonstrate,
    sample: u64,
) -> Result<Play, AskError> {
    let facts = world.facts(key);
    let mut rng = stream(world.seed(), Purpose::Teacher, 0, key.0, sample);
    let initial = facts.pool().evenly(INITIAL_PER_VIDEO);
    let (mut knowledge, mut report) =
        Knowledge::new(facts, initial.clone(), params.estimate_noise, &mut rng);
    let mut units = Vec::new();
    let mut past: Vec<Vec<FrameIndex>> = Vec::new();
    loop {
        let decision = if units.len() < MAX_CALLS {
            decide(&knowledge, units.len(), params, &mut rng)
        } else {
            Decision::Answer
        };
        let ask = match decision {
            Decision::Call(call) => Some(tools.ask(call, &facts, past.len(), &mut rng)?),
            Decision::Answer => None,
        };
        units.push(Unit {
            report,
            judgment: knowledge.judgment(),
            ask: ask.clone(),
        });
        match ask {
            Some(ask) => {
                let frames = ask.frames(facts.pool(), &past);
                report = knowledge.look(&frames, &mut rng);
                past.push(frames);
            }
            None => {
                return Ok(Play {
                    facts,
                    initial,
                    units,
                });
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
                    let play = teach(world, key, params, &Tools::Paper, 0);
                    let units = play
                        .expect("every call can be told with the paper's tool")
                        .units;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::config::WorldConfig;
    use crate::world::split::{Split, Training};

    const PAIRS: u32 = 1500;

    fn score_of(player: &Player) -> Score {
        let world = World::new(7, WorldConfig::default()).unwrap();
        score(&play(
            &world,
            Split::Train(Training::Validation).keys(PAIRS),
            player,
        ))
    }

    /// Within 3 standard errors of the difference between two samples of this size.
    fn assert_agrees(what: &str, ours: f64, golden: f64, pairs: u32) {
        let error = (2.0 * golden * (1.0 - golden) / f64::from(pairs)).sqrt();
        assert!(
            (ours - golden).abs() <= 3.0 * error.max(0.002),
            "{what}: {ours:.3}, expected {golden:.3} ± {error:.3}"
        );
    }

    // Golden values: the prototype's scripted players, 1500 pairs of perfect reading.
    #[test]
    fn players_score_as_the_prototype_did() {
        let rows = [
            (Player::NoTool { per_video: 4 }, 0.637),
            (Player::NoTool { per_video: 10 }, 0.807),
            (Player::scripted(true, true), 0.777),
            (Player::scripted(false, true), 0.833),
            (Player::scripted(true, false), 0.919),
            (Player::scripted(false, false), 0.985),
        ];
        for (player, golden) in rows {
            let score = score_of(&player);
            assert_agrees(&format!("{player:?}"), score.overall, golden, PAIRS);
        }
    }

    #[test]
    fn looking_pays_more_the_longer_the_videos() {
        let rows = [
            (Player::NoTool { per_video: 4 }, [0.72, 0.65, 0.54]),
            (Player::NoTool { per_video: 10 }, [1.0, 0.78, 0.62]),
            (Player::scripted(false, false), [1.0, 0.99, 0.97]),
        ];
        for (player, golden) in rows {
            let score = score_of(&player);
            for (ours, golden) in score.by_length.into_iter().zip(golden) {
                assert_agrees(&format!("{player:?}"), ours, golden, PAIRS / 3);
            }
        }
    }

    #[test]
    fn the_perfect_player_needs_few_calls() {
        let calls = score_of(&Player::scripted(false, false)).calls;
        assert!((calls - 1.46).abs() < 0.1, "{calls}");
    }

    #[test]
    fn a_play_ends_with_its_only_answer() {
        let world = World::new(3, WorldConfig::default()).unwrap();
        let never_stop = TeacherParams {
            stop_first: 0.0,
            stop: 0.0,
            stop_clear: 0.0,
            ..TeacherParams::default()
        };
        for key in Split::Train(Training::ColdStart).keys(50) {
            let teach = |sample| teach(&world, key, &never_stop, &Tools::Paper, sample).unwrap();
            let play = teach(0);
            assert_eq!(play.units.len(), MAX_CALLS + 1);
            let answers = play.units.iter().filter(|unit| unit.ask.is_none());
            assert_eq!(answers.count(), 1);
            assert_eq!(play, teach(0));
            assert_ne!(play.units, teach(1).units);
        }
    }
}
