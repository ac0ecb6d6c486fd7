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

#[cfg(test)]
mod tests {
    use vrt_core::pair::{Dimension, FrameOffset};

    use super::*;
    use crate::world::config::WorldConfig;
    use crate::world::facts::verdict_of;
    use crate::world::knowledge::{ESTIMATE_REACH, SUSPECT_REACH};
    use crate::world::report::{Finding, Suspect};
    use crate::world::split::{Split, Training};
    use crate::world::subject::Event;
    use crate::world::words::{self, Found, Word};

    fn items(count: u32) -> Vec<CorpusItem> {
        let world = World::new(9, WorldConfig::default()).unwrap();
        let keys = Split::Train(Training::Base).keys(count);
        keys.map(|key| corpus_item(&world, key)).collect()
    }

    fn shows_core(facts: &PairFacts, frames: &[FrameIndex], side: Side, d: Dimension) -> bool {
        frames.iter().any(|frame| {
            let (of, offset) = facts.pool().locate(*frame).unwrap();
            of == side && facts.frame(of, offset).core[d as usize]
        })
    }

    fn assert_finding(facts: &PairFacts, visible: &[FrameIndex], finding: &Finding) {
        let Finding {
            side, dimension, ..
        } = *finding;
        let video = facts.video(side);
        let seen = shows_core(facts, visible, side, dimension);
        match finding.found {
            Found::Lost => {
                assert_eq!(dimension, Dimension::TextAlignment);
                assert!(facts.prompt.event != Event::None && !seen);
            }
            found => {
                assert_eq!(found == Found::Bad, video.is_bad(dimension));
                assert!(seen || video.is_global(dimension));
            }
        }
        let named = seen && dimension == Dimension::TextAlignment;
        assert_eq!(finding.shown.is_some(), named);
    }

    fn assert_suspect(facts: &PairFacts, seen: &[FrameIndex], suspect: &Suspect) {
        let Suspect {
            side,
            dimension,
            anchor,
            offset,
        } = *suspect;
        let site = facts.video(side).site(dimension).unwrap();
        assert!(anchor.0.abs_diff(site.centre) <= SUSPECT_REACH);
        assert!(seen.contains(&facts.pool().index(side, anchor).unwrap()));
        assert!(offset.unsigned_abs() <= ESTIMATE_REACH as u8);
        assert!(!shows_core(facts, seen, side, dimension));
        // The side of the anchor on which the site lies is what the cue's sign tells; 6 deviations.
        let truth = f64::from(site.centre) - f64::from(anchor.0);
        assert!((f64::from(offset) - truth).abs() <= 0.5 + 6.0 * ESTIMATE_NOISE * truth.abs());
    }

    #[test]
    fn reports_say_what_the_frames_show() {
        for item in items(3000) {
            let facts = item.facts;
            let mut bad = [[false; 3]; 2];
            let mut seen = item.initial.clone();
            let mut visible = item.initial.clone();
            for (number, round) in item.rounds.iter().enumerate() {
                assert_eq!(round.report.caption.is_some(), number == 0);
                for finding in &round.report.findings {
                    assert_finding(&facts, &visible, finding);
                    if finding.found == Found::Bad {
                        let slot = &mut bad[finding.side as usize][finding.dimension as usize];
                        assert!(!*slot, "a defect is reported once");
                        *slot = true;
                    }
                }
                for suspect in &round.report.suspects {
                    assert_suspect(&facts, &seen, suspect);
                }
                let fetched = round.fetched.clone().unwrap_or_default();
                assert_eq!(fetched.is_empty(), number + 1 == item.rounds.len());
                visible = [item.initial.clone(), fetched.clone()].concat();
                seen.extend(fetched);
            }
            assert_eq!(item.judgment.verdict, verdict_of(bad));
        }
    }

    #[test]
    fn rounds_and_initial_frames_have_their_shares() {
        let all = items(8000);
        let share = |count: usize| count as f64 / all.len() as f64;
        for (rounds, expected) in [(1, 0.35), (2, 0.40), (3, 0.25)] {
            let with = all.iter().filter(|item| item.rounds.len() == rounds);
            assert!((share(with.count()) - expected).abs() < 0.025);
        }
        let standard = all
            .iter()
            .filter(|item| item.initial == item.facts.pool().evenly(INITIAL_PER_VIDEO));
        assert!((share(standard.count()) - P_STANDARD).abs() < 0.025);
        for item in &all {
            assert!(item.initial.is_sorted_by(|a, b| a < b));
            let pool = item.facts.pool();
            let first = item
                .initial
                .iter()
                .filter(|f| pool.locate(**f).unwrap().0 == Side::First);
            assert_eq!((item.initial.len(), first.count()), (8, 4));
        }
    }

    #[test]
    fn every_word_of_the_corpus_is_in_the_vocabulary() {
        let pieces = words::pieces();
        let mut used = std::collections::HashSet::new();
        for item in items(6000) {
            for word in item.rounds.iter().flat_map(|round| round.report.words()) {
                match word {
                    Word::Piece(piece) => {
                        assert!(pieces.contains(&piece), "{piece}");
                        used.insert(piece);
                    }
                    Word::Frame(_, FrameOffset(t)) => assert!(t < item.facts.prompt.frames()),
                }
            }
        }
        for side in Side::BOTH {
            assert!(used.contains(words::clear(side)));
            assert!(used.contains(words::finding(side, Dimension::TextAlignment, Found::Lost)));
        }
    }
}
