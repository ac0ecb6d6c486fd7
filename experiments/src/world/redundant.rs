//! In: a pair. Out: the same pair with random frames duplicated until there are twice as many.
//!
//! The redundant condition of the paper's Table 3. A duplicate stands beside its original, so time still runs forward;
//! frames are numbered with their duplicates, and evenly spaced frames fall elsewhere.

use std::sync::Arc;

use rand::RngExt;
use vrt_core::pair::{Frame, FrameOffset, PreferencePair, Side, Video, VideoError};
use vrt_core::rng::{Purpose, stream};

/// A video some of whose frames are shown again.
struct Duplicated {
    of: Arc<dyn Video>,
    /// The frame that each one shows, ascending.
    source: Vec<u32>,
}

impl Video for Duplicated {
    fn len(&self) -> u32 {
        self.source.len() as u32
    }

    fn frame(&self, offset: FrameOffset) -> Result<Frame, VideoError> {
        match self.source.get(offset.0 as usize) {
            Some(&frame) => self.of.frame(FrameOffset(frame)),
            None => Err(VideoError {
                video: "a video with duplicated frames".to_owned(),
                offset,
                reason: format!("ask for an offset below its {} frames", self.len()),
            }),
        }
    }
}

/// The pair with as many duplicates in each video as it has frames, each of a random frame.
pub fn redundant(pair: &PreferencePair, seed: u64) -> PreferencePair {
    let video = |side: Side| -> Arc<dyn Video> {
        let of = Arc::clone(&pair.videos[side as usize]);
        let len = of.len();
        let mut rng = stream(seed, Purpose::Duplicates, pair.key.0, side as u64, 0);
        let mut source: Vec<u32> = (0..len).collect();
        source.extend((0..len).map(|_| rng.random_range(0..len)));
        source.sort_unstable();
        Arc::new(Duplicated { of, source })
    };
    PreferencePair {
        videos: Side::BOTH.map(video),
        ..pair.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::World;
    use crate::world::config::WorldConfig;
    use crate::world::split::{Length, Split};

    #[test]
    fn every_frame_stays_in_its_order_and_as_many_come_again() {
        let world = World::new(8, WorldConfig::default()).unwrap();
        for key in Split::Design(Length::Short).keys(20) {
            let (pair, doubled) = (world.pair(key), redundant(&world.pair(key), 1));
            assert_eq!((doubled.pool().total(), doubled.truth), (96, pair.truth));
            for side in 0..2 {
                let original = &pair.videos[side];
                let shown: Vec<Frame> = (0..48)
                    .map(|t| doubled.videos[side].frame(FrameOffset(t)).unwrap())
                    .collect();
                // No two frames of the world are alike: noise tells them apart.
                let mut distinct = shown.clone();
                distinct.dedup();
                let all = (0..24).map(|t| original.frame(FrameOffset(t)).unwrap());
                assert_eq!(distinct, all.collect::<Vec<_>>());
            }
            assert!(doubled.videos[0].frame(FrameOffset(48)).is_err());
        }
    }

    #[test]
    fn duplicates_depend_on_seed_pair_and_side_alone() {
        let world = World::new(8, WorldConfig::default()).unwrap();
        let shown = |number, seed, side: usize| -> Vec<Frame> {
            let pair = world.pair(Split::Design(Length::Short).key(number));
            let video = redundant(&pair, seed).videos[side].clone();
            (0..48)
                .map(|t| video.frame(FrameOffset(t)).unwrap())
                .collect()
        };
        assert_eq!(shown(0, 1, 0), shown(0, 1, 0));
        assert_ne!(shown(0, 1, 0), shown(0, 2, 0));
    }
}
