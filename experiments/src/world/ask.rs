//! In: a call as the teacher decides it, and the tools that are offered. Out: what is asked, of which tool.
//!
//! With the paper's one tool a call is a call. With more tools the same curiosity takes other forms: an interval for
//! a handful of frames, one frame close up, or beside another, or an old outcome once more.

use std::sync::Arc;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use vrt_core::op::{
    OpError, OpResult, Outcome, OutcomeNumber, Workspace, frame_difference, recall, sample_range,
    zoom_in,
};
use vrt_core::pair::{FrameIndex, FrameOffset, Pool, Side};
use vrt_core::tokenizer::VocabularyError;

use super::facts::PairFacts;
use super::teacher::Call;
use super::told::Told;

/// Chance that the teacher uses a tool other than its usual one, where the episode has a use for it.
const P_OTHER: f64 = 0.3;

/// A side of a frame in thousandths, as `zoom_in` counts.
const WHOLE: u32 = 1000;

/// Sixteenths of a side that a close look spans: half of it.
const CLOSE: u32 = 8;

/// The tools that a policy is offered, and a teacher uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tools {
    /// `select_frames` alone, in a vocabulary that knows no other.
    #[default]
    Paper,
    /// `select_frames`.
    Select,
    /// `sample_range`.
    Range,
    /// `select_frames` and `sample_range`.
    SelectRange,
    /// `select_frames` and `zoom_in`.
    SelectZoom,
    /// `select_frames` and `frame_difference`.
    SelectDifference,
    /// `select_frames` and `recall`.
    SelectRecall,
    /// All five.
    All,
}

impl Tools {
    /// Whether this is the default, which specs and identities leave out.
    pub fn is_paper(&self) -> bool {
        *self == Self::Paper
    }

    fn has(self, one: Self) -> bool {
        self == one || self == Self::All
    }
}

/// What a reader asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Ask {
    /// The frames of a call.
    Select(Call),
    /// This many frames spread from a call's first to its last.
    Range(Call, u32),
    /// What is different at the last of these distances from an anchor.
    Difference {
        /// Of which video.
        side: Side,
        /// What is compared with.
        anchor: FrameOffset,
        /// How far away the other frame is.
        distance: i8,
    },
    /// A part of the frame that far from an anchor.
    Zoom {
        /// Of which video.
        side: Side,
        /// Where the distance counts from.
        anchor: FrameOffset,
        /// How far away the frame is.
        distance: i8,
        /// Left, top, right, bottom in thousandths.
        region: [u32; 4],
    },
    /// The outcome of this number, from 1.
    Recall(u32),
    /// What a tool that the world knows nothing of brings.
    Own(Arc<Own>),
}

/// A call of a tool that the world knows nothing of.
#[derive(Clone, Debug, PartialEq)]
pub struct Own {
    /// How it is told.
    pub told: Told,
    /// What it brings.
    pub outcome: Outcome,
}

/// Says with the tools it has where the teacher wants to look.
pub trait Demonstrate: Send + Sync {
    /// The teacher's call, told with these tools. `outcomes` is how many came so far.
    ///
    /// # Errors
    /// [`AskError`] if the call cannot be told, or a tool refuses it.
    fn ask(
        &self,
        call: Call,
        facts: &PairFacts,
        outcomes: usize,
        rng: &mut ChaCha8Rng,
    ) -> Result<Ask, AskError>;
}

/// A demonstration that cannot be given.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// There is no piece for it.
    #[error("the demonstration cannot be told: {0}")]
    Vocabulary(#[from] VocabularyError),
    /// The tool refuses it.
    #[error("the demonstration is refused: {0}")]
    Op(#[from] OpError),
}

impl Demonstrate for Tools {
    /// Draws nothing for [`Tools::Paper`] and [`Tools::Select`].
    fn ask(
        &self,
        call: Call,
        facts: &PairFacts,
        outcomes: usize,
        rng: &mut ChaCha8Rng,
    ) -> Result<Ask, AskError> {
        Ok(Ask::with(*self, call, facts, outcomes, rng))
    }
}

impl Ask {
    fn with(
        tools: Tools,
        call: Call,
        facts: &PairFacts,
        outcomes: usize,
        rng: &mut ChaCha8Rng,
    ) -> Self {
        let usual = match tools {
            Tools::Range => Self::range(call),
            Tools::SelectRange | Tools::All if rng.random_bool(0.5) => Self::range(call),
            _ => Self::Select(call),
        };
        let Call { side, anchor, .. } = call;
        let distance = call.offsets[2];
        let mut others = Vec::new();
        if tools.has(Tools::SelectZoom) {
            let at = facts.pool().moved(side, anchor, distance.into());
            let region = around_sprite(facts, side, at);
            others.push(Self::Zoom {
                side,
                anchor,
                distance,
                region,
            });
        }
        let apart = facts.pool().moved(side, anchor, distance.into()) != anchor;
        if tools.has(Tools::SelectDifference) && apart {
            others.push(Self::Difference {
                side,
                anchor,
                distance,
            });
        }
        // The newest outcome is still in view.
        if tools.has(Tools::SelectRecall) && outcomes >= 2 {
            others.push(Self::Recall(1));
        }
        if others.is_empty() || !rng.random_bool(P_OTHER) {
            return usual;
        }
        others.swap_remove(rng.random_range(0..others.len() as u32) as usize)
    }

    /// An interval costs one call however many frames it shows: a wide one is looked at closely.
    fn range(call: Call) -> Self {
        let wide = call.offsets[3] - call.offsets[0] > 6;
        Self::Range(call, if wide { 8 } else { 4 })
    }

    /// The frames that it shows something of; `past` holds those of every earlier outcome.
    pub fn frames(&self, pool: Pool, past: &[Vec<FrameIndex>]) -> Vec<FrameIndex> {
        match self {
            Self::Select(call) => call.frames(pool),
            Self::Range(call, count) => {
                let ends = [call.offsets[0], call.offsets[3]];
                let [first, last] =
                    ends.map(|distance| pool.moved(call.side, call.anchor, distance.into()));
                match (pool.index(call.side, first), pool.index(call.side, last)) {
                    (Some(first), Some(last)) => pool.spread(first, last, *count),
                    _ => Vec::new(),
                }
            }
            &Self::Difference {
                side,
                anchor,
                distance,
            }
            | &Self::Zoom {
                side,
                anchor,
                distance,
                ..
            } => pool
                .index(side, pool.moved(side, anchor, distance.into()))
                .into_iter()
                .collect(),
            &Self::Recall(outcome) => past.get(outcome as usize - 1).cloned().unwrap_or_default(),
            Self::Own(own) => own.outcome.views.iter().map(|view| view.frame()).collect(),
        }
    }

    /// How the call is told.
    pub fn told(&self) -> Told {
        match self {
            Self::Select(call) => call.told(),
            &Self::Zoom {
                side,
                anchor,
                distance,
                region,
            } => {
                let told = Told::new("zoom_in").frame(side, anchor, distance);
                region
                    .into_iter()
                    .fold(told, |told, edge| told.number(edge))
            }
            &Self::Difference {
                side,
                anchor,
                distance,
            } => Told::new("frame_difference")
                .frame(side, anchor, 0)
                .frame(side, anchor, distance),
            &Self::Range(call, count) => Told::new("sample_range")
                .frame(call.side, call.anchor, call.offsets[0])
                .frame(call.side, call.anchor, call.offsets[3])
                .number(count),
            &Self::Recall(outcome) => Told::new("recall").number(outcome),
            Self::Own(own) => own.told.clone(),
        }
    }

    /// What the tool brings.
    ///
    /// # Errors
    /// As the tool's.
    pub fn carry_out(&self, view: &mut Workspace<'_>) -> OpResult {
        let pool = view.limits.pool;
        let frames = self.frames(pool, &[]);
        match (self, frames.as_slice()) {
            (Self::Own(own), _) => Ok(own.outcome.clone()),
            (Self::Recall(outcome), _) => recall(view, OutcomeNumber(*outcome)),
            (Self::Range(_, count), [first, .., last]) => sample_range(view, *first, *last, *count),
            (Self::Difference { side, anchor, .. }, [after]) => match pool.index(*side, *anchor) {
                Some(before) => frame_difference(view, before, *after),
                None => Ok(Outcome::default()),
            },
            (
                Self::Zoom {
                    region: [left, top, right, bottom],
                    ..
                },
                [frame],
            ) => zoom_in(view, *frame, *left, *top, *right, *bottom),
            _ => Ok(Outcome::of_frames(frames)),
        }
    }
}

/// The half of a frame's width and height in whose middle the sprite is, as far as the frame reaches.
pub fn around_sprite(facts: &PairFacts, side: Side, at: FrameOffset) -> [u32; 4] {
    let shown = facts.frame(side, at);
    // A sprite is 5 of 16 pixels wide and high.
    let from = |place: u32| place.saturating_sub(1).min(16 - CLOSE);
    let thousandths = |sixteenths: u32| sixteenths * WHOLE / 16;
    let [left, top] = [shown.x, shown.y].map(from);
    [left, top, left + CLOSE, top + CLOSE].map(thousandths)
}

#[cfg(test)]
mod tests {
    use vrt_core::rng::{Purpose, stream};

    use super::*;
    use crate::world::World;
    use crate::world::config::WorldConfig;
    use crate::world::split::{Length, Split};

    const ALL: [Tools; 8] = [
        Tools::Paper,
        Tools::Select,
        Tools::Range,
        Tools::SelectRange,
        Tools::SelectZoom,
        Tools::SelectDifference,
        Tools::SelectRecall,
        Tools::All,
    ];

    #[test]
    fn what_a_tool_brings_is_what_the_teacher_expects_of_it() {
        let world = World::new(3, WorldConfig::default()).unwrap();
        let mut used = std::collections::BTreeSet::new();
        for (number, key) in Split::Design(Length::Medium).keys(150).enumerate() {
            let facts = world.facts(key);
            let pair = world.pair(key);
            let mut rng = stream(3, Purpose::Teacher, 0, key.0, 0);
            let anchor = FrameOffset(rng.random_range(0..facts.prompt.frames()));
            let side = Side::BOTH[number % 2];
            let stride = [1, 2, 4][number % 3];
            let call = Call::around(side, anchor, f64::from(rng.random_range(-9i32..9)), stride);
            for tools in ALL {
                let ask = Ask::with(tools, call, &facts, 2, &mut rng);
                used.insert((
                    tools as u8,
                    std::mem::discriminant(&ask) == std::mem::discriminant(&Ask::Select(call)),
                ));
                if let Ask::Recall(_) = ask {
                    continue;
                }
                let outcome = ask.carry_out(&mut Workspace::new(&pair)).unwrap();
                let shown: Vec<FrameIndex> =
                    outcome.views.iter().map(|view| view.frame()).collect();
                assert_eq!(shown, ask.frames(facts.pool(), &[]), "{ask:?}");
                assert!(!shown.is_empty());
            }
        }
        // Select alone, range alone, and both kinds for every other set.
        assert_eq!(used.len(), 1 + 1 + 1 + 2 * 5);
    }

    #[test]
    fn a_close_look_holds_the_whole_sprite() {
        let world = World::new(3, WorldConfig::default()).unwrap();
        for key in Split::Design(Length::Short).keys(50) {
            let facts = world.facts(key);
            for t in 0..facts.prompt.frames() {
                let shown = facts.frame(Side::First, FrameOffset(t));
                let [left, top, right, bottom] = around_sprite(&facts, Side::First, FrameOffset(t));
                let inside = |from: u32, to: u32, at: u32| {
                    from * 16 / WHOLE <= at && at + 5 <= (to * 16).div_ceil(WHOLE)
                };
                assert!(inside(left, right, shown.x) && inside(top, bottom, shown.y));
            }
        }
    }
}
