//! In: what a frame shows. Out: its 16×16×3 pixels, always the same.
//!
//! Order of painting: background, cues, sprite and ghost, checkerboard, noise. Streams of
//! `Purpose::Pixels` are keyed (pair, video); number `t` is the noise of frame `t`, and the last
//! number is the background: level, three channel offsets, sixteen knots of texture.

use std::sync::Arc;

use rand::{Rng, RngExt};
use rand_distr::StandardNormal;
use vrt_core::pair::{Frame, FrameOffset, Side, Video, VideoError};
use vrt_core::rng::{Purpose, stream};

use super::config::WorldConfig;
use super::facts::PairFacts;
use super::frame::{FrameFacts, SIZE};
use super::subject::Shape;

type Pixels = [f32; SIZE * SIZE * 3];

/// One video of a synthetic pair.
pub struct WorldVideo {
    seed: u64,
    facts: Arc<PairFacts>,
    side: Side,
    noise: [f32; 2],
    background: Box<Pixels>,
}

impl WorldVideo {
    pub(super) fn new(seed: u64, config: &WorldConfig, facts: Arc<PairFacts>, side: Side) -> Self {
        let mut rng = stream(seed, Purpose::Pixels, facts.key.0, side as u64, u64::MAX);
        Self {
            seed,
            side,
            noise: [config.pixel_noise, config.bad_noise],
            background: Box::new(background(&mut rng)),
            facts,
        }
    }
}

impl Video for WorldVideo {
    fn len(&self) -> u32 {
        self.facts.prompt.frames()
    }

    fn frame(&self, offset: FrameOffset) -> Result<Frame, VideoError> {
        if offset.0 >= self.len() {
            return Err(VideoError {
                video: format!(
                    "synthetic pair {:#018x}, video {}",
                    self.facts.key.0,
                    self.side as u8 + 1
                ),
                offset,
                reason: format!("ask for an offset below its {} frames", self.len()),
            });
        }
        let shown = self.facts.frame(self.side, offset);
        let mut pixels = *self.background;
        paint_cues(&mut pixels, shown.cues);
        paint_sprites(&mut pixels, &shown);
        if shown.block {
            paint_blocks(&mut pixels);
        }
        let mut rng = stream(
            self.seed,
            Purpose::Pixels,
            self.facts.key.0,
            self.side as u64,
            u64::from(offset.0),
        );
        add_noise(&mut pixels, self.noise[usize::from(shown.block)], &mut rng);
        Ok(Frame {
            width: SIZE as u32,
            height: SIZE as u32,
            rgb: Arc::new(pixels),
        })
    }
}

fn background(rng: &mut impl Rng) -> Pixels {
    let mut normal = |deviation: f32| deviation * rng.sample::<f32, _>(StandardNormal);
    let level = 0.42 + normal(0.03);
    let channels = [(); 3].map(|()| level + normal(0.006));
    let knots = [(); 4].map(|()| [(); 4].map(|()| normal(0.02)));
    let mut pixels = [0.0; SIZE * SIZE * 3];
    for row in 0..SIZE {
        for column in 0..SIZE {
            let texture = bilinear(&knots, row, column);
            for (channel, level) in channels.iter().enumerate() {
                pixels[(row * SIZE + column) * 3 + channel] = level + texture;
            }
        }
    }
    pixels
}

/// A 4×4 grid stretched over the frame, each knot at the middle of its 4×4 pixels.
fn bilinear(knots: &[[f32; 4]; 4], row: usize, column: usize) -> f32 {
    let locate = |pixel: usize| {
        let at = ((pixel as f32 + 0.5) / 4.0 - 0.5).clamp(0.0, 3.0);
        let low = (at as usize).min(2);
        (low, at - low as f32)
    };
    let (top, down) = locate(row);
    let (left, right) = locate(column);
    let across = |row: usize| knots[row][left] * (1.0 - right) + knots[row][left + 1] * right;
    across(top) * (1.0 - down) + across(top + 1) * down
}

/// TA tints red against blue, VQ lightens the upper half against the lower, MQ the left against the right.
fn paint_cues(pixels: &mut Pixels, [alignment, quality, movement]: [f32; 3]) {
    if alignment == 0.0 && quality == 0.0 && movement == 0.0 {
        return;
    }
    let tilt = |at: usize| (7.5 - at as f32) / 7.5;
    let tint = 0.192 * alignment;
    for row in 0..SIZE {
        for column in 0..SIZE {
            let light = 0.32 * (quality * tilt(row) + movement * tilt(column));
            let at = (row * SIZE + column) * 3;
            pixels[at] += light + tint;
            pixels[at + 1] += light;
            pixels[at + 2] += light - tint;
        }
    }
}

fn paint_sprites(pixels: &mut Pixels, shown: &FrameFacts) {
    let Some(colour) = shown.colour else { return };
    paint_sprite(pixels, (shown.x, shown.y), shown.shape, colour.rgb());
    if let Some(ghost) = shown.ghost {
        paint_sprite(pixels, ghost, shown.shape, colour.rgb());
    }
}

fn paint_sprite(pixels: &mut Pixels, (x, y): (u32, u32), shape: Shape, rgb: [f32; 3]) {
    for (row, bits) in (y as usize..).zip(shape.bitmap()) {
        for column in 0..5 {
            if bits >> (4 - column) & 1 == 1 {
                let at = (row * SIZE + x as usize + column) * 3;
                pixels[at..at + 3].copy_from_slice(&rgb);
            }
        }
    }
}

fn paint_blocks(pixels: &mut Pixels) {
    for row in 0..SIZE {
        for column in 0..SIZE {
            let step = if (row / 4 + column / 4) % 2 == 0 {
                0.2
            } else {
                -0.2
            };
            let at = (row * SIZE + column) * 3;
            for value in &mut pixels[at..at + 3] {
                *value += step;
            }
        }
    }
}

fn add_noise(pixels: &mut Pixels, deviation: f32, rng: &mut impl Rng) {
    for value in pixels {
        *value += deviation * rng.sample::<f32, _>(StandardNormal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::World;
    use crate::world::facts::{Direction, Flaw, Motion, Site};
    use crate::world::split::{Length, Split};
    use crate::world::subject::Event;

    fn video(facts: PairFacts, config: &WorldConfig) -> WorldVideo {
        WorldVideo::new(1, config, Arc::new(facts), Side::First)
    }

    fn quality_site(real: bool) -> PairFacts {
        let world = World::new(1, WorldConfig::default()).unwrap();
        let mut facts = world.facts(Split::Design(Length::Short).key(0));
        let site = Site { centre: 9, real };
        facts.videos[0].quality = Flaw::Local(site, ());
        facts
    }

    #[test]
    fn a_decoy_differs_from_a_defect_in_the_core_alone() {
        let config = WorldConfig::default();
        let [decoy, defect] = [false, true].map(|real| video(quality_site(real), &config));
        for t in 0..24 {
            let same = decoy.frame(FrameOffset(t)) == defect.frame(FrameOffset(t));
            assert_eq!(same, !(8..=10).contains(&t), "frame {t}");
        }
    }

    /// What a decoy's cue adds to the corners of frame `t` of video 1: `[upper left, upper right, lower left]`.
    fn cue_light(with_cue: impl Fn(&mut PairFacts, Site), t: u32) -> [[f32; 3]; 3] {
        let quiet = WorldConfig {
            pixel_noise: 0.0,
            ..WorldConfig::default()
        };
        let mut plain = quality_site(false);
        plain.prompt.event = Event::None;
        plain.videos[0].alignment = Flaw::None;
        plain.videos[0].quality = Flaw::None;
        plain.videos[0].movement = Flaw::None;
        // Down the middle: the corners stay free of the sprite.
        plain.videos[0].motion = Motion {
            direction: Direction::Down,
            fixed: 5,
        };
        let mut cued = plain;
        let site = Site {
            centre: 9,
            real: false,
        };
        with_cue(&mut cued, site);
        let [plain, cued] =
            [plain, cued].map(|facts| video(facts, &quiet).frame(FrameOffset(t)).unwrap().rgb);
        [0, 15, 240].map(|pixel| [0, 1, 2].map(|c| cued[pixel * 3 + c] - plain[pixel * 3 + c]))
    }

    fn assert_light(ours: [[f32; 3]; 3], expected: [[f32; 3]; 3]) {
        for (ours, expected) in ours.iter().flatten().zip(expected.iter().flatten()) {
            assert!(
                (ours - expected).abs() < 1e-5,
                "{ours}, expected {expected}"
            );
        }
    }

    #[test]
    fn each_dimension_has_its_own_cue() {
        let tint = |facts: &mut PairFacts, site| {
            facts.videos[0].alignment = Flaw::Local(site, Event::None);
        };
        let [strong, faint] = [1.3 * 0.192, 0.75 * 12.0 / 14.0 * 0.192];
        assert_light(cue_light(tint, 9), [[strong, 0.0, -strong]; 3]);
        assert_light(cue_light(tint, 12), [[-faint, 0.0, faint]; 3]);

        let light = 1.3 * 0.32;
        let quality = |facts: &mut PairFacts, site| {
            facts.videos[0].quality = Flaw::Local(site, ());
        };
        assert_light(cue_light(quality, 9), [[light; 3], [light; 3], [-light; 3]]);
        let movement = |facts: &mut PairFacts, site| {
            facts.videos[0].movement = Flaw::Local(site, None);
        };
        assert_light(
            cue_light(movement, 9),
            [[light; 3], [-light; 3], [light; 3]],
        );
        assert_light(
            cue_light(movement, 10),
            [[-light; 3], [light; 3], [-light; 3]],
        );
    }

    #[test]
    fn noise_has_the_deviation_that_was_asked_for() {
        let quiet = WorldConfig {
            pixel_noise: 0.0,
            bad_noise: 0.0,
            ..WorldConfig::default()
        };
        for (t, deviation) in [(20, 0.02), (9, 0.08)] {
            let clean = video(quality_site(true), &quiet)
                .frame(FrameOffset(t))
                .unwrap();
            let noisy = video(quality_site(true), &WorldConfig::default())
                .frame(FrameOffset(t))
                .unwrap();
            let squares = clean.rgb.iter().zip(noisy.rgb.iter());
            let variance = squares.map(|(c, n)| f64::from(n - c).powi(2)).sum::<f64>() / 768.0;
            assert!((variance.sqrt() / deviation - 1.0).abs() < 0.1, "frame {t}");
        }
    }

    #[test]
    fn frames_do_not_depend_on_the_order_or_the_thread_in_which_they_are_asked_for() {
        let world = World::new(1, WorldConfig::default()).unwrap();
        let pair = world.pair(Split::Report(Length::Medium).key(3));
        let render = |t: u32| pair.videos[1].frame(FrameOffset(t)).unwrap();
        let forward: Vec<Frame> = (0..48).map(render).collect();
        let halves = std::thread::scope(|scope| {
            let late = scope.spawn(|| (24..48).rev().map(render).collect::<Vec<_>>());
            let early = scope.spawn(|| (0..24).rev().map(render).collect::<Vec<_>>());
            [early.join().unwrap(), late.join().unwrap()]
        });
        let scattered: Vec<Frame> = halves
            .into_iter()
            .flat_map(|half| half.into_iter().rev())
            .collect();
        assert_eq!(forward, scattered);
    }

    #[test]
    fn the_pixels_of_some_frames_never_change() {
        let world = World::new(2026, WorldConfig::default()).unwrap();
        let mut hasher = blake3::Hasher::new();
        for length in Length::ALL {
            let pair = world.pair(Split::Report(length).key(0));
            for video in &pair.videos {
                for t in [0, 7, 23] {
                    for value in video.frame(FrameOffset(t)).unwrap().rgb.iter() {
                        // Rounded, so that the last bit of a logarithm does not matter.
                        let rounded = (value * 1000.0).round() as i32;
                        hasher.update(&rounded.to_le_bytes());
                    }
                }
            }
        }
        insta::assert_snapshot!(hasher.finalize().to_hex().as_str(), @"9dd21ad2393d0c84b361da82378646720ca8198b82262d754d1292b493b83045");
    }

    #[test]
    fn a_frame_beyond_the_end_is_refused() {
        let world = World::new(1, WorldConfig::default()).unwrap();
        let pair = world.pair(Split::Report(Length::Short).key(0));
        let error = pair.videos[0].frame(FrameOffset(24)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "synthetic pair 0x0300000000000000, video 1: frame 24: ask for an offset below its 24 frames"
        );
    }
}
