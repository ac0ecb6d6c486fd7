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
