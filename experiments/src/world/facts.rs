//! In: the world's chances and the stream of a pair. Out: all that is true of the pair, before any pixel.
//!
//! Draws, in order. Prompt (stream 0): colour, shape, `p_event`, the event's colour (if any), the
//! length. Video 1 (stream 1), then video 2 (stream 2): direction, fixed coordinate; then for TA, VQ
//! and MQ in turn: `p_global`, `p_site` (unless it is certain), centre, `p_real`, and the details
//! that the kind of defect needs. A draw that a branch does not need is not made.

use rand::{Rng, RngExt};
use vrt_core::pair::{Dimension, PairKey, Pool, Preference, Side, Verdict};
use vrt_core::rng::{Purpose, stream};

use super::config::WorldConfig;
use super::split::Length;
use super::subject::{Colour, Event, Prompt, Shape};

/// Where the sprite goes, in pixels of its box's top-left corner. A nuisance: it means nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From column 11 to column 0.
    Left,
    /// From column 0 to column 11.
    Right,
    /// From row 11 to row 0.
    Up,
    /// From row 0 to row 11.
    Down,
}

impl Direction {
    const ALL: [Direction; 4] = [
        Direction::Left,
        Direction::Right,
        Direction::Up,
        Direction::Down,
    ];
}

/// The path of a sprite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Motion {
    /// Along which axis, and which way.
    pub direction: Direction,
    /// The other coordinate, 0..=11, the same in every frame.
    pub fixed: u8,
}

/// A moment at which something may be wrong, announced by a cue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Site {
    /// `c`: the middle of the moment, `2..=T-3`.
    pub centre: u32,
    /// Whether it is a defect; else it is a decoy, with the same cue.
    pub real: bool,
}

/// Frames on either side of the centre that belong to the moment.
pub const CORE_REACH: u32 = 1;

/// Frames from the centre at which the cue has faded to nothing.
pub const CUE_REACH: u32 = 15;

impl Site {
    /// Whether this frame shows the moment itself: `|t - c| <= 1`.
    pub fn core(self, offset: u32) -> bool {
        offset.abs_diff(self.centre) <= CORE_REACH
    }

    /// The signed amplitude of the cue: positive up to the centre, negative after it.
    ///
    /// 1.3 in the core, else `.75 · max(0, 1 - (|t - c| - 1) / 14)`.
    pub fn cue(self, offset: u32) -> f32 {
        let distance = offset.abs_diff(self.centre);
        let strength = if self.core(offset) {
            1.3
        } else {
            0.75 * (CUE_REACH.saturating_sub(distance)) as f32 / (CUE_REACH - CORE_REACH) as f32
        };
        if offset <= self.centre {
            strength
        } else {
            -strength
        }
    }
}

/// What one dimension of one video holds: `G` tells of a defect in all frames, `L` of what the core shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flaw<G, L> {
    /// Nothing to find.
    None,
    /// Bad from the first frame to the last, without a cue.
    Global(G),
    /// A moment to look at.
    Local(Site, L),
}

impl<G, L> Flaw<G, L> {
    /// The moment to look at, if there is one.
    pub fn site(&self) -> Option<Site> {
        match self {
            Flaw::Local(site, _) => Some(*site),
            Flaw::None | Flaw::Global(_) => None,
        }
    }

    /// Whether the defect is in every frame.
    pub fn is_global(&self) -> bool {
        matches!(self, Flaw::Global(_))
    }

    /// Whether the video is bad in this dimension.
    pub fn is_bad(&self) -> bool {
        self.is_global() || self.site().is_some_and(|site| site.real)
    }
}

/// What is wrong with a sprite that is wrong in every frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WrongSubject {
    /// It has this colour, which was not asked for.
    Colour(Colour),
    /// It has this shape, which was not asked for.
    Shape(Shape),
}

/// A second copy of the sprite, at this value of the fixed coordinate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ghost(pub u8);

/// How a motion breaks in the core of its site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Break {
    /// The sprite is gone.
    Vanish,
    /// The sprite is there twice.
    Double(Ghost),
}

/// All that is true of one video.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct VideoFacts {
    /// The sprite's path.
    pub motion: Motion,
    /// TA; at a site, the event that its core shows.
    pub alignment: Flaw<WrongSubject, Event>,
    /// VQ.
    pub quality: Flaw<(), ()>,
    /// MQ; at a site, how the motion breaks (a decoy does not).
    pub movement: Flaw<Ghost, Option<Break>>,
}

impl VideoFacts {
    /// The moment to look at in one dimension, if there is one.
    pub fn site(&self, dimension: Dimension) -> Option<Site> {
        match dimension {
            Dimension::TextAlignment => self.alignment.site(),
            Dimension::VisualQuality => self.quality.site(),
            Dimension::MotionQuality => self.movement.site(),
        }
    }

    /// Whether the video is bad in every frame in one dimension.
    pub fn is_global(&self, dimension: Dimension) -> bool {
        match dimension {
            Dimension::TextAlignment => self.alignment.is_global(),
            Dimension::VisualQuality => self.quality.is_global(),
            Dimension::MotionQuality => self.movement.is_global(),
        }
    }

    /// Whether the video is bad in one dimension: everywhere, or at a real site.
    pub fn is_bad(&self, dimension: Dimension) -> bool {
        match dimension {
            Dimension::TextAlignment => self.alignment.is_bad(),
            Dimension::VisualQuality => self.quality.is_bad(),
            Dimension::MotionQuality => self.movement.is_bad(),
        }
    }

    /// The colour of the sprite outside of every event.
    pub fn colour(&self, prompt: &Prompt) -> Colour {
        match self.alignment {
            Flaw::Global(WrongSubject::Colour(colour)) => colour,
            _ => prompt.colour,
        }
    }

    /// The shape of the sprite.
    pub fn shape(&self, prompt: &Prompt) -> Shape {
        match self.alignment {
            Flaw::Global(WrongSubject::Shape(shape)) => shape,
            _ => prompt.shape,
        }
    }
}

/// All that is true of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PairFacts {
    /// The pair's key.
    pub key: PairKey,
    /// What both videos were made for.
    pub prompt: Prompt,
    /// Video 1 and video 2.
    pub videos: [VideoFacts; 2],
}

impl PairFacts {
    /// The facts behind a key; `length` is drawn where it is not given.
    pub(super) fn draw(
        seed: u64,
        config: &WorldConfig,
        key: PairKey,
        length: Option<Length>,
    ) -> PairFacts {
        let mut rng = stream(seed, Purpose::World, key.0, 0, 0);
        let prompt = draw_prompt(config, length, &mut rng);
        let videos = [1, 2].map(|video| {
            let mut rng = stream(seed, Purpose::World, key.0, 0, video);
            draw_video(config, &prompt, &mut rng)
        });
        PairFacts {
            key,
            prompt,
            videos,
        }
    }

    /// One of the two videos.
    pub fn video(&self, side: Side) -> &VideoFacts {
        &self.videos[side as usize]
    }

    /// The numbering of the frames of both videos.
    pub fn pool(&self) -> Pool {
        Pool::new(self.prompt.frames(), self.prompt.frames())
    }

    /// Who is better, by dimension and overall.
    pub fn truth(&self) -> Verdict {
        verdict_of(
            self.videos
                .map(|video| Dimension::ALL.map(|dimension| video.is_bad(dimension))),
        )
    }
}

/// The verdict on two videos of which each is bad or not in `[TA, VQ, MQ]`.
///
/// A dimension goes to the video that alone is not bad in it; overall wins the video that is bad in fewer.
pub fn verdict_of(bad: [[bool; 3]; 2]) -> Verdict {
    let count = |side: usize| bad[side].iter().filter(|bad| **bad).count();
    Verdict {
        dimensions: [0, 1, 2].map(|d| fewer(bad[0][d].into(), bad[1][d].into())),
        overall: fewer(count(0), count(1)),
    }
}

fn fewer(first: usize, second: usize) -> Preference {
    match first.cmp(&second) {
        std::cmp::Ordering::Less => Preference::First,
        std::cmp::Ordering::Greater => Preference::Second,
        std::cmp::Ordering::Equal => Preference::Tie,
    }
}

fn draw_prompt(config: &WorldConfig, length: Option<Length>, rng: &mut impl Rng) -> Prompt {
    let colour = pick(&Colour::ALL, rng);
    let shape = pick(&Shape::ALL, rng);
    let event = if rng.random_bool(config.p_event) {
        Event::Then(pick_except(&Colour::ALL, &[colour], rng))
    } else {
        Event::None
    };
    // Drawn even where the split fixes it, so that the streams of all splits read alike.
    let drawn = pick(&Length::ALL, rng);
    Prompt {
        colour,
        shape,
        event,
        length: length.unwrap_or(drawn),
    }
}

fn draw_video(config: &WorldConfig, prompt: &Prompt, rng: &mut impl Rng) -> VideoFacts {
    let motion = Motion {
        direction: pick(&Direction::ALL, rng),
        fixed: rng.random_range(0..12),
    };
    VideoFacts {
        motion,
        alignment: draw_alignment(config, prompt, rng),
        quality: draw_flaw(config, prompt, false, rng, |_| (), |_, _| ()),
        movement: draw_flaw(
            config,
            prompt,
            false,
            rng,
            |rng| draw_ghost(motion, rng),
            |site, rng| site.real.then(|| draw_break(motion, rng)),
        ),
    }
}

fn draw_alignment(
    config: &WorldConfig,
    prompt: &Prompt,
    rng: &mut impl Rng,
) -> Flaw<WrongSubject, Event> {
    let certain = prompt.event != Event::None;
    draw_flaw(
        config,
        prompt,
        certain,
        rng,
        |rng| {
            if rng.random_bool(0.5) {
                WrongSubject::Colour(pick_except(&Colour::ALL, &[prompt.colour], rng))
            } else {
                WrongSubject::Shape(pick_except(&Shape::ALL, &[prompt.shape], rng))
            }
        },
        |site, rng| match (prompt.event, site.real) {
            (asked, false) => asked,
            (Event::None, true) => Event::Then(pick_except(&Colour::ALL, &[prompt.colour], rng)),
            (Event::Then(asked), true) => {
                if rng.random_bool(0.5) {
                    Event::None
                } else {
                    Event::Then(pick_except(&Colour::ALL, &[prompt.colour, asked], rng))
                }
            }
        },
    )
}

fn draw_flaw<R: Rng, G, L>(
    config: &WorldConfig,
    prompt: &Prompt,
    certain: bool,
    rng: &mut R,
    global: impl FnOnce(&mut R) -> G,
    local: impl FnOnce(Site, &mut R) -> L,
) -> Flaw<G, L> {
    if rng.random_bool(config.p_global) {
        return Flaw::Global(global(rng));
    }
    if !certain && !rng.random_bool(config.p_site) {
        return Flaw::None;
    }
    let site = Site {
        centre: rng.random_range(2..prompt.frames() - 2),
        real: rng.random_bool(config.p_real),
    };
    Flaw::Local(site, local(site, rng))
}

fn draw_break(motion: Motion, rng: &mut impl Rng) -> Break {
    if rng.random_bool(0.5) {
        Break::Vanish
    } else {
        Break::Double(draw_ghost(motion, rng))
    }
}

fn draw_ghost(motion: Motion, rng: &mut impl Rng) -> Ghost {
    Ghost((motion.fixed + rng.random_range(5..8u8)) % 12)
}

fn pick<T: Copy>(all: &[T], rng: &mut impl Rng) -> T {
    all[rng.random_range(0..all.len() as u32) as usize]
}

fn pick_except<T: Copy + PartialEq>(all: &[T], except: &[T], rng: &mut impl Rng) -> T {
    let left: Vec<T> = all
        .iter()
        .copied()
        .filter(|candidate| !except.contains(candidate))
        .collect();
    pick(&left, rng)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::World;
    use crate::world::split::{Split, Training};

    const PAIRS: u32 = 20_000;

    fn drawn() -> Vec<PairFacts> {
        let world = World::new(11, WorldConfig::default()).unwrap();
        let keys = Split::Train(Training::Base).keys(PAIRS);
        keys.map(|key| world.facts(key)).collect()
    }

    /// Within 4 standard errors, and the rounding of the expected share.
    fn assert_share(what: &str, part: usize, of: usize, expected: f64, rounding: f64) {
        let share = part as f64 / of as f64;
        let error = (expected * (1.0 - expected) / of as f64).sqrt();
        assert!(
            (share - expected).abs() <= 4.0 * error + rounding,
            "{what}: {share:.4}, expected {expected} ± {error:.4}"
        );
    }

    #[test]
    fn labels_lengths_and_events_have_their_shares() {
        let all = drawn();
        let of = |preference| {
            let with = all
                .iter()
                .filter(|facts| facts.truth().overall == preference);
            with.count()
        };
        assert_share("tie", of(Preference::Tie), all.len(), 0.34, 0.005);
        assert_share("first", of(Preference::First), all.len(), 0.33, 0.005);
        assert_share("second", of(Preference::Second), all.len(), 0.33, 0.005);
        for length in Length::ALL {
            let with = all.iter().filter(|facts| facts.prompt.length == length);
            assert_share("length", with.count(), all.len(), 1.0 / 3.0, 0.0);
        }
        let with = all.iter().filter(|facts| facts.prompt.event != Event::None);
        assert_share("event", with.count(), all.len(), 0.25, 0.0);
    }

    #[test]
    fn defects_and_sites_have_their_shares() {
        let all = drawn();
        for dimension in Dimension::ALL {
            let (with, without): (Vec<&PairFacts>, Vec<&PairFacts>) = all
                .iter()
                .partition(|facts| facts.prompt.event != Event::None);
            for (group, certain) in [(with, true), (without, false)] {
                let videos: Vec<&VideoFacts> =
                    group.iter().flat_map(|facts| &facts.videos).collect();
                let global = videos.iter().filter(|v| v.is_global(dimension)).count();
                let sites: Vec<Site> = videos.iter().filter_map(|v| v.site(dimension)).collect();
                let real = sites.iter().filter(|site| site.real).count();
                let p_site = if certain && dimension == Dimension::TextAlignment {
                    0.88
                } else {
                    0.88 * 0.4
                };
                assert_share("global", global, videos.len(), 0.12, 0.0);
                assert_share("site", sites.len(), videos.len(), p_site, 0.0);
                assert_share("real", real, sites.len(), 0.5, 0.0);
            }
        }
    }

    #[test]
    fn details_keep_to_what_they_mean() {
        for facts in drawn() {
            let prompt = facts.prompt;
            assert_ne!(prompt.event, Event::Then(prompt.colour));
            for video in facts.videos {
                for site in Dimension::ALL.iter().filter_map(|d| video.site(*d)) {
                    assert!((2..=prompt.frames() - 3).contains(&site.centre));
                }
                match video.alignment {
                    Flaw::Global(_) => assert!(
                        (video.colour(&prompt) != prompt.colour)
                            ^ (video.shape(&prompt) != prompt.shape)
                    ),
                    // What the core shows is bad exactly where it is not what was asked for.
                    Flaw::Local(site, shown) => {
                        assert_eq!(site.real, shown != prompt.event);
                        assert_ne!(shown, Event::Then(prompt.colour));
                    }
                    Flaw::None => assert_eq!(prompt.event, Event::None),
                }
                if let Flaw::Local(site, broken) = video.movement {
                    assert_eq!(site.real, broken.is_some());
                }
                let ghost = match video.movement {
                    Flaw::Global(ghost) | Flaw::Local(_, Some(Break::Double(ghost))) => ghost.0,
                    _ => continue,
                };
                // A copy never overlaps the sprite: 5 to 7 pixels away, also around the edge.
                assert!(ghost.abs_diff(video.motion.fixed) >= 5);
                assert!(u32::from(ghost) <= 11);
            }
        }
    }

    #[test]
    fn the_better_video_is_the_one_with_fewer_defects() {
        for bits in 0..64u8 {
            let bad = [0, 3].map(|from| [0, 1, 2].map(|d| bits >> (from + d) & 1 == 1));
            let verdict = verdict_of(bad);
            for (d, preference) in verdict.dimensions.into_iter().enumerate() {
                let expected = match (bad[0][d], bad[1][d]) {
                    (false, true) => 1,
                    (true, false) => 2,
                    _ => 0,
                };
                assert_eq!(preference.digit(), expected);
            }
            let sum: i32 = [0, 1, 2]
                .map(|d| bad[1][d] as i32 - bad[0][d] as i32)
                .iter()
                .sum();
            let expected = [2, 0, 1][(sum.signum() + 1) as usize];
            assert_eq!(verdict.overall.digit(), expected);
            let swapped = verdict_of([bad[1], bad[0]]);
            assert_eq!(swapped.overall, verdict.overall.swapped());
        }
    }

    #[test]
    fn a_pair_depends_on_seed_and_key_alone() {
        let worlds = [11, 12].map(|seed| World::new(seed, WorldConfig::default()).unwrap());
        let keys: Vec<PairKey> = Split::Report(Length::Medium).keys(64).collect();
        let forward: Vec<PairFacts> = keys.iter().map(|key| worlds[0].facts(*key)).collect();
        let mut backward: Vec<PairFacts> =
            keys.iter().rev().map(|key| worlds[0].facts(*key)).collect();
        backward.reverse();
        assert_eq!(forward, backward);
        assert!(
            forward
                .iter()
                .all(|facts| facts.prompt.length == Length::Medium)
        );
        assert!(
            keys.iter()
                .all(|key| worlds[0].facts(*key) != worlds[1].facts(*key))
        );
    }

    #[test]
    fn a_cue_fades_and_turns_its_sign_at_the_centre() {
        let site = Site {
            centre: 20,
            real: false,
        };
        assert_eq!([19, 20, 21].map(|t| site.cue(t)), [1.3, 1.3, -1.3]);
        assert_eq!(site.cue(18), 0.75 * 13.0 / 14.0);
        assert_eq!(site.cue(22), -0.75 * 13.0 / 14.0);
        assert!(site.cue(6) > 0.0 && site.cue(34) < 0.0);
        assert_eq!([5, 35, 0, 95].map(|t| site.cue(t).abs()), [0.0; 4]);
    }
}
