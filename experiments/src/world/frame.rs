//! In: the facts of a pair. Out: what one frame of it shows, before any noise.

use vrt_core::pair::{Dimension, FrameOffset, Side};

use super::facts::{Break, Direction, Flaw, Ghost, Motion, PairFacts};
use super::subject::{Colour, Event, Shape};

/// Rows and columns of a frame.
pub const SIZE: usize = 16;

/// The largest coordinate of the top-left corner of a sprite's 5×5 box.
pub const REACH: u32 = 11;

/// What one frame shows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FrameFacts {
    /// The sprite's colour, or `None` where it has vanished.
    pub colour: Option<Colour>,
    /// The sprite's shape, also where it has vanished.
    pub shape: Shape,
    /// Column of the box's left edge, 0..=11.
    pub x: u32,
    /// Row of the box's upper edge, 0..=11.
    pub y: u32,
    /// Where the second copy stands `(x, y)`, if there is one.
    pub ghost: Option<(u32, u32)>,
    /// Whether the picture is blocky and noisy.
    pub block: bool,
    /// Signed amplitude of the cue of `[TA, VQ, MQ]`; 0 where there is none.
    pub cues: [f32; 3],
    /// Whether the frame is in the core of the site of `[TA, VQ, MQ]`.
    pub core: [bool; 3],
}

impl PairFacts {
    /// What one frame shows. An offset beyond the end shows what the path would lead to.
    pub fn frame(&self, side: Side, offset: FrameOffset) -> FrameFacts {
        let t = offset.0;
        let video = self.video(side);
        let sites = Dimension::ALL.map(|dimension| video.site(dimension));
        let core = sites.map(|site| site.is_some_and(|site| site.core(t)));
        let [in_event, in_block, in_break] = core;

        let mut colour = Some(video.colour(&self.prompt));
        if let (true, Flaw::Local(_, Event::Then(flash))) = (in_event, video.alignment) {
            colour = Some(flash);
        }
        let mut ghost = match video.movement {
            Flaw::Global(ghost) => Some(ghost),
            Flaw::None | Flaw::Local(..) => None,
        };
        if let (true, Flaw::Local(_, Some(broken))) = (in_break, video.movement) {
            match broken {
                Break::Vanish => colour = None,
                Break::Double(copy) => ghost = Some(copy),
            }
        }
        let (x, y) = place(video.motion, video.motion.fixed, t, self.prompt.frames());
        FrameFacts {
            colour,
            shape: video.shape(&self.prompt),
            x,
            y,
            ghost: ghost.map(|Ghost(fixed)| place(video.motion, fixed, t, self.prompt.frames())),
            block: video.quality.is_global() || (in_block && video.quality.is_bad()),
            cues: sites.map(|site| site.map_or(0.0, |site| site.cue(t))),
            core,
        }
    }
}

/// `round(11 t / (T - 1))` along the path, reversed for left and up; `fixed` across it.
fn place(motion: Motion, fixed: u8, t: u32, frames: u32) -> (u32, u32) {
    let last = frames - 1;
    let along = ((2 * REACH * t + last) / (2 * last)).min(REACH);
    let fixed = u32::from(fixed);
    match motion.direction {
        Direction::Left => (REACH - along, fixed),
        Direction::Right => (along, fixed),
        Direction::Up => (fixed, REACH - along),
        Direction::Down => (fixed, along),
    }
}

#[cfg(test)]
mod tests {
    use vrt_core::pair::PairKey;

    use super::*;
    use crate::world::World;
    use crate::world::config::WorldConfig;
    use crate::world::facts::{CUE_REACH, Site};
    use crate::world::split::{Split, Training};

    #[test]
    fn defects_show_in_their_frames_and_nowhere_else() {
        let world = World::new(5, WorldConfig::default()).unwrap();
        for key in Split::Train(Training::Tower).keys(400) {
            let facts = world.facts(key);
            for (side, video) in Side::BOTH.into_iter().zip(facts.videos) {
                let near = |site: Option<Site>, t, reach| {
                    site.is_some_and(|site| site.centre.abs_diff(t) <= reach)
                };
                for t in 0..facts.prompt.frames() {
                    let shown = facts.frame(side, FrameOffset(t));
                    for dimension in Dimension::ALL {
                        let site = video.site(dimension);
                        let d = dimension as usize;
                        assert_eq!(shown.core[d], near(site, t, 1));
                        assert_eq!(shown.cues[d] != 0.0, near(site, t, CUE_REACH - 1));
                    }
                    let bad = |dimension| {
                        video.is_bad(dimension)
                            && (video.is_global(dimension) || shown.core[dimension as usize])
                    };
                    assert_eq!(shown.block, bad(Dimension::VisualQuality));
                    let broken = shown.ghost.is_some() || shown.colour.is_none();
                    assert_eq!(broken, bad(Dimension::MotionQuality));
                    if let Some(colour) = shown.colour {
                        let event = match video.alignment {
                            Flaw::Local(_, event) if shown.core[0] => event,
                            _ => Event::None,
                        };
                        let flashed = colour != video.colour(&facts.prompt);
                        assert_eq!(flashed, event != Event::None);
                    }
                    assert!(shown.x <= REACH && shown.y <= REACH);
                }
            }
        }
    }

    #[test]
    fn a_sprite_crosses_the_frame_once() {
        let world = World::new(5, WorldConfig::default()).unwrap();
        for number in 0..40 {
            let facts = world.facts(PairKey(number));
            let [first, last] =
                [0, facts.prompt.frames() - 1].map(|t| facts.frame(Side::First, FrameOffset(t)));
            let travelled = (first.x.abs_diff(last.x), first.y.abs_diff(last.y));
            assert!(travelled == (REACH, 0) || travelled == (0, REACH));
        }
    }
}
