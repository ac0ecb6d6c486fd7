//! In: pairs of a benchmark. Out: those that are hard to see, and the same pairs with frames that say nothing new.
//!
//! The conditions of the paper's Tables 2 and 3: the tenth with the longest videos, the tenth with the longest captions,
//! the rest, and all pairs with random frames duplicated until there are twice as many.

use std::cmp::Reverse;
use std::sync::Arc;

use rand::RngExt;

use crate::pair::{Frame, FrameOffset, PreferencePair, Side, Video, VideoError};
use crate::rng::{Purpose, stream};

/// Which entries belong to the tenth of highest value, rounded up; of equal values the first.
pub fn top_tenth<T: Ord + Copy>(values: &[T]) -> Vec<bool> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by_key(|&place| (Reverse(values[place]), place));
    let mut member = vec![false; values.len()];
    for place in order.into_iter().take(values.len().div_ceil(10)) {
        member[place] = true;
    }
    member
}

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
///
/// A duplicate stands beside its original, so time still runs forward; frames are numbered with their duplicates, and
/// evenly spaced frames fall elsewhere. Which frames it is depends on the seed, the pair's key and the side alone.
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
    use proptest::prelude::*;

    use super::*;
    use crate::pair::PairKey;

    /// Every frame shows its number.
    struct Numbered(u32);

    impl Video for Numbered {
        fn len(&self) -> u32 {
            self.0
        }

        fn frame(&self, offset: FrameOffset) -> Result<Frame, VideoError> {
            Ok(Frame {
                width: 1,
                height: 1,
                rgb: vec![offset.0 as f32; 3].into(),
            })
        }
    }

    fn pair(key: u64, lens: [u32; 2]) -> PreferencePair {
        PreferencePair {
            key: PairKey(key),
            caption: "numbers".to_owned(),
            videos: lens.map(|len| Arc::new(Numbered(len)) as Arc<dyn Video>),
            truth: None,
        }
    }

    fn shown(video: &dyn Video) -> Vec<u32> {
        let frames = (0..video.len()).map(|t| video.frame(FrameOffset(t)).unwrap());
        frames.map(|frame| frame.rgb[0] as u32).collect()
    }

    #[test]
    fn duplicates_depend_on_seed_pair_and_side_alone() {
        let of =
            |key, seed, side: usize| shown(&*redundant(&pair(key, [48, 48]), seed).videos[side]);
        assert_eq!(of(3, 1, 0), of(3, 1, 0));
        assert_ne!(of(3, 1, 0), of(3, 2, 0));
        assert_ne!(of(3, 1, 0), of(4, 1, 0));
        assert_ne!(of(3, 1, 0), of(3, 1, 1));
    }

    #[test]
    fn a_tenth_is_rounded_up_and_the_first_of_equals_belongs_to_it() {
        let mut values = [0; 11];
        (values[4], values[7], values[9]) = (5, 9, 5);
        let members = |values: &[i32]| -> Vec<usize> {
            let tenth = top_tenth(values);
            (0..values.len()).filter(|&place| tenth[place]).collect()
        };
        assert_eq!(members(&values), [4, 7]);
        assert_eq!(members(&[1; 10]), [0]);
        assert!(members(&[]).is_empty());
    }

    proptest! {
        #[test]
        fn every_frame_stays_in_its_order_and_as_many_come_again(first in 0u32..40, second in 1u32..40, seed in any::<u64>()) {
            let doubled = redundant(&pair(seed, [first, second]), seed);
            for (video, len) in doubled.videos.iter().zip([first, second]) {
                let mut frames = shown(&**video);
                prop_assert_eq!(frames.len() as u32, 2 * len);
                prop_assert!(frames.is_sorted());
                frames.dedup();
                prop_assert_eq!(frames, (0..len).collect::<Vec<_>>());
                prop_assert!(video.frame(FrameOffset(2 * len)).is_err());
            }
        }
    }
}
