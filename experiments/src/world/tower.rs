//! In: training pairs. Out: single frames with what a vision tower should see in them.
//!
//! Heads on one frame: colour (6 and none), shape, ghost, block, three signed cues, three core
//! flags, place. Output and target are one flat vector, cut up by [`HEADS`].

use std::ops::Range;

use rand::RngExt;
use vrt_core::op::{OpError, Workspace, frame_difference, zoom_in};
use vrt_core::pair::{FrameIndex, FrameOffset, PairKey, Side};
use vrt_core::rng::{Purpose, stream};
use vrt_core::view::View;

use super::World;
use super::ask::around_sprite;
use super::frame::{FrameFacts, REACH};
use super::glance::glance;
use super::subject::{Colour, Shape};

/// How a head's outputs are compared with its targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadLoss {
    /// Cross-entropy of a softmax over the head's outputs; the target is one-hot.
    CrossEntropy,
    /// Binary cross-entropy of a sigmoid, for each output.
    Binary,
    /// Squared error, for each output.
    Squared,
}

/// One part of the flat vector.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    /// What it tells.
    pub name: &'static str,
    /// Its outputs.
    pub range: Range<usize>,
    /// How it is trained.
    pub loss: HeadLoss,
    /// By what its loss is multiplied.
    pub weight: f32,
}

/// Outputs of all heads together.
pub const WIDTH: usize = 21;

const fn head(name: &'static str, range: Range<usize>, loss: HeadLoss, weight: f32) -> Head {
    Head {
        name,
        range,
        loss,
        weight,
    }
}

/// The heads in the order of the vector.
pub const HEADS: [Head; 7] = [
    head("colour", 0..7, HeadLoss::CrossEntropy, 1.0),
    head("shape", 7..11, HeadLoss::CrossEntropy, 1.0),
    head("ghost", 11..12, HeadLoss::Binary, 1.0),
    head("block", 12..13, HeadLoss::Binary, 1.0),
    head("cues", 13..16, HeadLoss::Squared, 8.0),
    head("core", 16..19, HeadLoss::Binary, 1.0),
    head("place", 19..21, HeadLoss::Squared, 1.0),
];

/// What a frame should make the heads say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TowerTarget {
    /// Cut up by [`HEADS`]; `x` and `y` are divided by 11.
    pub values: [f32; WIDTH],
    /// 1 where the frame tells, 0 where it cannot: shape and place of a vanished sprite, place of a doubled one.
    pub known: [f32; WIDTH],
}

impl FrameFacts {
    /// The targets of the frame.
    pub fn target(&self) -> TowerTarget {
        let mut values = [0.0; WIDTH];
        let mut known = [1.0; WIDTH];
        let none = Colour::ALL.len();
        values[self.colour.map_or(none, |colour| colour as usize)] = 1.0;
        values[7 + self.shape as usize] = 1.0;
        let visible = self.colour.is_some();
        let doubled = visible && self.ghost.is_some();
        values[11] = f32::from(doubled);
        values[12] = f32::from(self.block);
        values[13..16].copy_from_slice(&self.cues);
        values[16..19].copy_from_slice(&self.core.map(f32::from));
        values[19] = self.x as f32 / REACH as f32;
        values[20] = self.y as f32 / REACH as f32;
        if !visible {
            known[7..7 + Shape::ALL.len()].fill(0.0);
        }
        if !visible || doubled {
            known[19..21].fill(0.0);
        }
        TowerTarget { values, known }
    }
}

/// One picture of a training pair, and what the tower should see in it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Glimpse {
    /// The picture.
    pub view: View,
    /// What it shows.
    pub target: TowerTarget,
}

impl Glimpse {
    /// The glimpse of a training pair; with chance `drawn` it is a close look or a difference.
    ///
    /// # Errors
    /// As the operation that draws it; never for pairs of the world.
    pub fn of(world: &World, key: PairKey, drawn: f64) -> Result<Self, OpError> {
        let facts = world.facts(key);
        let (side, offset) = tower_frame(world, key);
        let target = facts.frame(side, offset).target();
        let plain = |frame: FrameIndex| Self {
            view: frame.into(),
            target,
        };
        let Some(frame) = facts.pool().index(side, offset) else {
            return Ok(plain(facts.pool().evenly(1)[0]));
        };
        let mut rng = stream(world.seed(), Purpose::Corpus, 2, key.0, 0);
        if drawn == 0.0 || !rng.random_bool(drawn) {
            return Ok(plain(frame));
        }
        let pair = world.pair(key);
        let mut workspace = Workspace::new(&pair);
        let mut target = target;
        let distance = rng.random_range(1..12u32);
        let before = offset.0.checked_sub(distance).map(FrameOffset);
        let before = before.and_then(|before| facts.pool().index(side, before));
        let outcome = match before {
            Some(before) if rng.random_bool(0.5) => {
                // Every difference shows two sprites.
                target.known[11] = 0.0;
                frame_difference(&mut workspace, before, frame)?
            }
            _ => {
                // A part of a frame tells neither how light the whole is, nor where the part was, nor what is beside it.
                target.known[11] = 0.0;
                target.known[13..16].fill(0.0);
                target.known[19..21].fill(0.0);
                let [left, top, right, bottom] = around_sprite(&facts, side, offset);
                zoom_in(&mut workspace, frame, left, top, right, bottom)?
            }
        };
        Ok(Self {
            view: outcome.views[0],
            target,
        })
    }
}

/// Which frame of a training pair the tower looks at, half of the time near a site.
pub fn tower_frame(world: &World, key: PairKey) -> (Side, FrameOffset) {
    let mut rng = stream(world.seed(), Purpose::Corpus, 1, key.0, 0);
    let side = Side::BOTH[rng.random_range(0..2u32) as usize];
    (side, glance(&world.facts(key), side, &mut rng))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::config::WorldConfig;
    use crate::world::split::{Split, Training};

    #[test]
    fn the_heads_cover_the_vector() {
        let mut end = 0;
        for head in &HEADS {
            assert_eq!(head.range.start, end, "{}", head.name);
            end = head.range.end;
        }
        assert_eq!(end, WIDTH);
    }

    #[test]
    fn targets_say_what_the_frame_shows() {
        let world = World::new(1, WorldConfig::default()).unwrap();
        let (mut core, mut vanished) = (0, 0);
        let frames = 8000;
        for key in Split::Train(Training::Tower).keys(frames) {
            let (side, offset) = tower_frame(&world, key);
            let facts = world.facts(key);
            assert!(offset.0 < facts.prompt.frames());
            let shown = facts.frame(side, offset);
            let TowerTarget { values, known } = shown.target();
            for head in HEADS
                .iter()
                .filter(|head| head.loss == HeadLoss::CrossEntropy)
            {
                let hot = &values[head.range.clone()];
                assert_eq!(hot.iter().sum::<f32>(), 1.0);
                assert!(hot.iter().all(|value| [0.0, 1.0].contains(value)));
            }
            assert!(values[19..].iter().all(|value| (0.0..=1.0).contains(value)));
            assert_eq!(values[13..16], shown.cues);
            assert_eq!(values[6] == 1.0, shown.colour.is_none());
            assert_eq!(known[7] == 0.0, shown.colour.is_none());
            assert_eq!(known[..7], [1.0; 7]);
            core += shown.core.iter().filter(|core| **core).count();
            vanished += usize::from(shown.colour.is_none());
        }
        // Uniform frames would show a core in about one of 20 and almost never a vanished sprite.
        assert!(core > frames as usize / 8, "{core}");
        assert!(vanished > frames as usize / 200, "{vanished}");
    }
}
