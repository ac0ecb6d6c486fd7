//! In: the facts of a video. Out: a frame of it that is worth training perception on.

use rand::{Rng, RngExt};
use rand_distr::StandardNormal;
use vrt_core::pair::{Dimension, FrameOffset, Side};

use super::facts::PairFacts;

/// Standard deviation of the distance from a site, in frames: a quarter falls into the core.
const SPREAD: f64 = 5.0;

/// A random frame, with even chances near one of the video's sites (if it has any) or anywhere.
pub(super) fn glance(facts: &PairFacts, side: Side, rng: &mut impl Rng) -> FrameOffset {
    let frames = facts.prompt.frames();
    let sites: Vec<u32> = Dimension::ALL
        .into_iter()
        .filter_map(|dimension| facts.video(side).site(dimension))
        .map(|site| site.centre)
        .collect();
    if sites.is_empty() || rng.random_bool(0.5) {
        return FrameOffset(rng.random_range(0..frames));
    }
    let centre = sites[rng.random_range(0..sites.len() as u32) as usize];
    let near = f64::from(centre) + SPREAD * rng.sample::<f64, _>(StandardNormal);
    FrameOffset(near.round().clamp(0.0, f64::from(frames - 1)) as u32)
}
