//! In: what a reader knows. Out: which frames a deliberately poor chooser asks for next.
//!
//! The teacher reads perfectly and chooses badly: it often looks around the frame that gave a trace
//! away instead of where the trace points. Cold start teaches its format; reinforcement has to unlearn its habit.

use rand::{Rng, RngExt};
use rand_distr::StandardNormal;
use serde::{Deserialize, Serialize};
use vrt_core::pair::{FrameIndex, FrameOffset, Pool, Side};

use super::config::{WorldError, check_probabilities};
use super::knowledge::Knowledge;
use super::told::Told;
use super::words::OFFSET_REACH;

/// Standard deviation of a targeted call's centre around the estimate, in frames.
const TARGET_SPREAD: f64 = 0.8;

/// In which video the habit looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HabitSide {
    /// In the suspect's own: the habit sometimes hits.
    Own,
    /// In the other one, at the anchor's offset: the habit hits by accident only.
    Wrong,
}

/// How the teacher chooses. The defaults are those of the final recipe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TeacherParams {
    /// Chance that a call is the habit. Default .5.
    pub habit: f64,
    /// The habit's strides, equally likely. Default 1, 2.
    pub habit_strides: [u8; 2],
    /// Where the habit looks. Default: in the suspect's own video.
    pub habit_side: HabitSide,
    /// Chance that the choice is among located suspects only; else lost events count too. Default .6.
    pub located_first: f64,
    /// Chance of a random call, before the habit is considered. Default .05.
    pub p_random: f64,
    /// Chance to answer before the first call though something is open. Default .1.
    pub stop_first: f64,
    /// The same after a call. Default .5.
    pub stop: f64,
    /// Chance to answer when nothing is open; else the call is random and useless. Default .9.
    pub stop_clear: f64,
    /// Standard deviation of an estimate, per frame of distance. Default .12.
    pub estimate_noise: f64,
}

impl Default for TeacherParams {
    fn default() -> Self {
        Self {
            habit: 0.5,
            habit_strides: [1, 2],
            habit_side: HabitSide::Own,
            located_first: 0.6,
            p_random: 0.05,
            stop_first: 0.1,
            stop: 0.5,
            stop_clear: 0.9,
            estimate_noise: 0.12,
        }
    }
}

impl TeacherParams {
    /// Checks every chance.
    ///
    /// # Errors
    /// [`WorldError`] naming the first setting that cannot be used.
    pub fn validate(&self) -> Result<(), WorldError> {
        check_probabilities(&[
            ("teacher.habit", self.habit),
            ("teacher.located_first", self.located_first),
            ("teacher.p_random", self.p_random),
            ("teacher.stop_first", self.stop_first),
            ("teacher.stop", self.stop),
            ("teacher.stop_clear", self.stop_clear),
        ])?;
        if !(self.estimate_noise.is_finite() && self.estimate_noise >= 0.0) {
            return Err(WorldError::Deviation {
                field: "teacher.estimate_noise",
                value: self.estimate_noise as f32,
            });
        }
        Ok(())
    }
}

/// A request for four frames of one video.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Call {
    /// Of which video.
    pub side: Side,
    /// The frame that the offsets count from.
    pub anchor: FrameOffset,
    /// Ascending, each within ±18.
    pub offsets: [i8; 4],
}

impl Call {
    /// Four frames `stride` apart around `centre` frames from the anchor.
    ///
    /// Halves round away from zero, so that a centre of 0 gives a symmetric call that leaves out the
    /// anchor itself: stride 1 is −2 −1 1 2, stride 2 is −3 −1 1 3, stride 4 is −6 −2 2 6.
    pub fn around(side: Side, anchor: FrameOffset, centre: f64, stride: u8) -> Self {
        let reach = f64::from(OFFSET_REACH);
        let offsets = [-1.5, -0.5, 0.5, 1.5].map(|step| {
            let offset = (centre + step * f64::from(stride)).round();
            offset.clamp(-reach, reach) as i8
        });
        Self {
            side,
            anchor,
            offsets,
        }
    }

    /// The call as it is told.
    pub fn told(&self) -> Told {
        Told::new("select_frames").frames(self.side, self.anchor, &self.offsets)
    }

    /// The frames asked for: moved into the video where they fall outside, ascending, each once.
    pub fn frames(&self, pool: Pool) -> Vec<FrameIndex> {
        let mut frames: Vec<FrameIndex> = self
            .offsets
            .iter()
            .map(|&distance| pool.moved(self.side, self.anchor, distance.into()))
            .filter_map(|offset| pool.index(self.side, offset))
            .collect();
        frames.sort_unstable();
        frames.dedup();
        frames
    }
}

/// What a chooser does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Decision {
    /// It asks for frames.
    Call(Call),
    /// It answers.
    Answer,
}

/// The teacher's next step after `calls` calls.
///
/// Draws, in order: whether to stop; which open thing to look at; random call or not; habit or
/// not; then the call's own numbers.
pub fn decide(
    knowledge: &Knowledge,
    calls: usize,
    params: &TeacherParams,
    rng: &mut impl Rng,
) -> Decision {
    let suspects = knowledge.suspects();
    let lost = knowledge.lost();
    let open = suspects.len() + lost.len();
    let p_stop = match (open, calls) {
        (0, _) => params.stop_clear,
        (_, 0) => params.stop_first,
        _ => params.stop,
    };
    if chance(p_stop, rng) {
        return Decision::Answer;
    }
    if open == 0 {
        let side = Side::BOTH[rng.random_range(0..2u32) as usize];
        return Decision::Call(random_call(knowledge, side, rng));
    }
    let located_only = !suspects.is_empty() && chance(params.located_first, rng);
    let choices = if located_only { suspects.len() } else { open };
    let chosen = rng.random_range(0..choices as u32) as usize;
    let Some(suspect) = suspects.get(chosen) else {
        let side = lost[chosen - suspects.len()];
        return Decision::Call(random_call(knowledge, side, rng));
    };
    if chance(params.p_random, rng) {
        return Decision::Call(random_call(knowledge, suspect.side, rng));
    }
    if chance(params.habit, rng) {
        let side = match params.habit_side {
            HabitSide::Own => suspect.side,
            HabitSide::Wrong => suspect.side.other(),
        };
        let stride = params.habit_strides[rng.random_range(0..2u32) as usize];
        return Decision::Call(Call::around(side, suspect.anchor, 0.0, stride));
    }
    let slip = TARGET_SPREAD * rng.sample::<f64, _>(StandardNormal);
    let centre = f64::from(suspect.offset) + slip;
    Decision::Call(Call::around(suspect.side, suspect.anchor, centre, 2))
}

/// A call without a reason: around a random initial frame of the video, up to T/8 away, stride 2 or 4.
pub(super) fn random_call(knowledge: &Knowledge, side: Side, rng: &mut impl Rng) -> Call {
    let frames = knowledge.facts().prompt.frames();
    let initial = knowledge.initial(side);
    let at = rng.random_range(0..initial.len().max(1) as u32) as usize;
    let anchor = initial.get(at).copied().unwrap_or(FrameOffset(frames / 2));
    let reach = f64::from(frames) / 8.0;
    let centre = rng.random_range(-reach..=reach);
    let stride = [2, 4][rng.random_range(0..2u32) as usize];
    Call::around(side, anchor, centre, stride)
}

fn chance(probability: f64, rng: &mut impl Rng) -> bool {
    rng.random::<f64>() < probability
}

#[cfg(test)]
mod tests {
    use vrt_core::rng::{Purpose, stream};

    use super::*;
    use crate::world::World;
    use crate::world::config::WorldConfig;
    use crate::world::report::Suspect;
    use crate::world::split::{Length, Split};

    const HABITS: [[i8; 4]; 2] = [[-2, -1, 1, 2], [-3, -1, 1, 3]];

    /// Knowledge with one suspect, far from its anchor, so that habit and target cannot be confused.
    fn one_far_suspect() -> (Knowledge, Suspect) {
        let world = World::new(1, WorldConfig::default()).unwrap();
        Split::Design(Length::Long)
            .keys(1000)
            .find_map(|key| {
                let facts = world.facts(key);
                let mut rng = stream(1, Purpose::Teacher, 0, key.0, 0);
                let (knowledge, report) =
                    Knowledge::new(facts, facts.pool().evenly(4), 0.0, &mut rng);
                match report.suspects.as_slice() {
                    [one] if one.offset >= 9 => Some((knowledge, *one)),
                    _ => None,
                }
            })
            .unwrap()
    }

    fn shares(params: &TeacherParams, calls: usize) -> [f64; 4] {
        let (knowledge, suspect) = one_far_suspect();
        let draws = 20_000;
        let mut counts = [0; 4];
        for draw in 0..draws {
            let mut rng = stream(1, Purpose::Teacher, 1, 0, draw);
            let kind = match decide(&knowledge, calls, params, &mut rng) {
                Decision::Answer => 0,
                Decision::Call(call) if HABITS.contains(&call.offsets) => {
                    let own = params.habit_side == HabitSide::Own;
                    assert_eq!(call.side == suspect.side, own);
                    1
                }
                Decision::Call(call) if call.anchor == suspect.anchor => {
                    let centre = f64::from(call.offsets.iter().map(|o| i32::from(*o)).sum::<i32>());
                    if (centre / 4.0 - f64::from(suspect.offset)).abs() < 4.0 {
                        2
                    } else {
                        3
                    }
                }
                Decision::Call(_) => 3,
            };
            counts[kind] += 1;
        }
        counts.map(|count| f64::from(count) / draws as f64)
    }

    fn assert_shares(ours: [f64; 4], expected: [f64; 4]) {
        for (ours, expected) in ours.into_iter().zip(expected) {
            // 4 standard errors, and the rare random call that looks like another.
            assert!(
                (ours - expected).abs() < 0.02,
                "{ours:.3}, expected {expected:.3}"
            );
        }
    }

    #[test]
    fn the_teacher_keeps_its_shares() {
        let params = TeacherParams::default();
        let (called, again) = (0.9, 0.5);
        let split = |p: f64| [1.0 - p, p * 0.95 * 0.5, p * 0.95 * 0.5, p * 0.05];
        assert_shares(shares(&params, 0), split(called));
        assert_shares(shares(&params, 1), split(again));
    }

    #[test]
    fn a_habit_can_look_into_the_wrong_video() {
        let params = TeacherParams {
            habit: 1.0,
            habit_side: HabitSide::Wrong,
            p_random: 0.0,
            stop_first: 0.0,
            ..TeacherParams::default()
        };
        assert_shares(shares(&params, 0), [0.0, 1.0, 0.0, 0.0]);
    }

    #[test]
    fn a_targeted_call_covers_the_moment() {
        let (knowledge, suspect) = one_far_suspect();
        let params = TeacherParams {
            habit: 0.0,
            p_random: 0.0,
            stop_first: 0.0,
            ..TeacherParams::default()
        };
        let hits = (0..1000).filter(|draw| {
            let mut rng = stream(1, Purpose::Teacher, 2, 0, *draw);
            let mut knowledge = knowledge.clone();
            let Decision::Call(call) = decide(&knowledge, 0, &params, &mut rng) else {
                return false;
            };
            knowledge.look(&call.frames(knowledge.facts().pool()), &mut rng);
            !knowledge
                .suspects()
                .iter()
                .any(|open| (open.side, open.dimension) == (suspect.side, suspect.dimension))
        });
        assert!(hits.count() >= 990);
    }

    #[test]
    fn a_call_is_symmetric_and_stays_inside() {
        let offsets = |stride| Call::around(Side::First, FrameOffset(9), 0.0, stride).offsets;
        assert_eq!(offsets(1), [-2, -1, 1, 2]);
        assert_eq!(offsets(2), [-3, -1, 1, 3]);
        assert_eq!(offsets(4), [-6, -2, 2, 6]);
        let pool = Pool::new(24, 24);
        let call = Call::around(Side::Second, FrameOffset(23), 0.0, 2);
        let frames: Vec<u32> = call.frames(pool).iter().map(|frame| frame.get()).collect();
        assert_eq!(frames, [45, 47, 48]);
        let far = Call::around(Side::First, FrameOffset(2), 1e9, 4);
        assert_eq!(far.offsets, [18; 4]);
        assert_eq!(far.frames(pool).len(), 1);
    }

    #[test]
    fn a_setting_that_is_no_chance_is_refused() {
        let broken = TeacherParams {
            stop: 1.5,
            ..TeacherParams::default()
        };
        assert_eq!(
            broken.validate().unwrap_err().to_string(),
            "teacher.stop = 1.5: write a probability from 0 to 1"
        );
    }
}
