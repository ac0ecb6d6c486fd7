//! In: training pairs. Out: the corpus that teaches the base to read, with frames that the environment chose.
//!
//! The base plays the part of a pretrained vision-language model: it reports what visible frames
//! show and judges, but it never asks for a frame.

use rand::{Rng, RngExt};
use rand_distr::StandardNormal;
use vrt_core::pair::{FrameIndex, Judgment, PairKey, Side};
use vrt_core::rng::{Purpose, stream};

use super::World;
use super::facts::PairFacts;
use super::glance::glance;
use super::knowledge::Knowledge;
use super::players::INITIAL_PER_VIDEO;
use super::report::Report;
use super::teacher::{Call, random_call};

/// Standard deviation of an estimate in the corpus, per frame of distance.
const ESTIMATE_NOISE: f64 = 0.08;
/// Chance that the initial frames are the evenly spaced ones.
const P_STANDARD: f64 = 0.3;
/// Chances of 0 and of 1 further round; else there are 2.
const P_ROUNDS: [f64; 2] = [0.35, 0.4];
/// Chance that a round shows frames without a reason.
const P_RANDOM: f64 = 0.2;
/// Standard deviation of a round's centre around the estimate, in frames.
const AIM_SPREAD: f64 = 1.5;

/// One report, and the frames that came after it.
#[derive(Clone, Debug, PartialEq)]
pub struct CorpusRound {
    /// What the newest frames told.
    pub report: Report,
    /// The frames that the environment shows next; `None` after the last report.
    pub fetched: Option<Vec<FrameIndex>>,
}

/// One example of the base's corpus.
#[derive(Clone, Debug, PartialEq)]
pub struct CorpusItem {
    /// The pair and its facts.
    pub facts: PairFacts,
    /// The frames that are shown first, ascending.
    pub initial: Vec<FrameIndex>,
    /// One to three reports.
    pub rounds: Vec<CorpusRound>,
    /// The answer from what the reports settled.
    pub judgment: Judgment,
}

/// The corpus example of a pair.
pub fn corpus_item(world: &World, key: PairKey) -> CorpusItem {
    let facts = world.facts(key);
    let mut rng = stream(world.seed(), Purpose::Corpus, 0, key.0, 0);
    let initial = initial_frames(&facts, &mut rng);
    let dice = rng.random::<f64>();
    let further = if dice < P_ROUNDS[0] {
        0
    } else if dice < P_ROUNDS[0] + P_ROUNDS[1] {
        1
    } else {
        2
    };
    let (mut knowledge, mut report) =
        Knowledge::new(facts, initial.clone(), ESTIMATE_NOISE, &mut rng);
    let mut rounds = Vec::with_capacity(further + 1);
    for _ in 0..further {
        let frames = shown_next(&knowledge, &mut rng).frames(facts.pool());
        let next = knowledge.look(&frames, &mut rng);
        rounds.push(CorpusRound {
            report: std::mem::replace(&mut report, next),
            fetched: Some(frames),
        });
    }
    rounds.push(CorpusRound {
        report,
        fetched: None,
    });
    CorpusItem {
        facts,
        initial,
        rounds,
        judgment: knowledge.judgment(),
    }
}

fn initial_frames(facts: &PairFacts, rng: &mut impl Rng) -> Vec<FrameIndex> {
    if rng.random_bool(P_STANDARD) {
        return facts.pool().evenly(INITIAL_PER_VIDEO);
    }
    let mut frames = Vec::with_capacity(2 * INITIAL_PER_VIDEO as usize);
    for side in Side::BOTH {
        let want = frames.len() + INITIAL_PER_VIDEO as usize;
        while frames.len() < want {
            let frame = facts.pool().index(side, glance(facts, side, rng));
            frames.extend(frame.filter(|frame| !frames.contains(frame)));
        }
    }
    frames.sort_unstable();
    frames
}

fn shown_next(knowledge: &Knowledge, rng: &mut impl Rng) -> Call {
    let suspects = knowledge.suspects();
    if suspects.is_empty() || rng.random_bool(P_RANDOM) {
        let side = Side::BOTH[rng.random_range(0..2u32) as usize];
        return random_call(knowledge, side, rng);
    }
    let suspect = suspects[rng.random_range(0..suspects.len() as u32) as usize];
    let centre = f64::from(suspect.offset) + AIM_SPREAD * rng.sample::<f64, _>(StandardNormal);
    let stride = [1, 2][rng.random_range(0..2u32) as usize];
    Call::around(suspect.side, suspect.anchor, centre, stride)
}
