//! In: the pairs of a data set and the folder of their videos. Out: what every video says of itself, or why it cannot be used.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use vrt_core::pair::{FrameOffset, Pool, Side, VideoError};
use vrt_core::shard;

use crate::data::LabelledPair;
use crate::video::{Info, Limits, OpenError, VideoSource, open};

/// How closely each video is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Its index is read.
    Index,
    /// So many frames spread evenly over it, and the last one, are decoded as well.
    Frames(u32),
}

/// A video that cannot be judged.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// It cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A frame cannot be decoded.
    #[error(transparent)]
    Frame(#[from] VideoError),
}

/// What is known of the videos of a benchmark.
#[derive(Debug)]
pub struct Survey {
    videos: BTreeMap<String, Result<Info, Unusable>>,
}

impl Survey {
    /// Looks at each video once, however many pairs show it; `watch` is told after each.
    pub fn of(
        pairs: &[LabelledPair],
        folder: &Path,
        limits: &Limits,
        depth: Depth,
        threads: usize,
        watch: &(dyn Fn() + Sync),
    ) -> Self {
        let names = Self::names(pairs);
        let looks = shard::in_order(names.len(), threads, |at| {
            let seen = look(&folder.join(names[at]), limits, depth);
            watch();
            seen
        });
        let named = names.into_iter().map(str::to_owned);
        Self {
            videos: named.zip(looks).collect(),
        }
    }

    /// The videos of these pairs, each once.
    pub fn names(pairs: &[LabelledPair]) -> Vec<&str> {
        let all = pairs.iter().flat_map(|pair| &pair.videos);
        let distinct: BTreeSet<&str> = all.map(String::as_str).collect();
        distinct.into_iter().collect()
    }

    /// Both videos of a pair, if both can be used.
    ///
    /// # Errors
    /// The first one that cannot.
    ///
    /// # Panics
    /// For a pair that was not among those looked at.
    pub fn pair(&self, pair: &LabelledPair) -> Result<[Info; 2], &Unusable> {
        let [first, second] = &pair.videos;
        Ok([self.video(first)?.clone(), self.video(second)?.clone()])
    }

    fn video(&self, name: &str) -> Result<&Info, &Unusable> {
        self.videos[name].as_ref()
    }

    /// The videos that cannot be used, by name.
    pub fn unusable(&self) -> impl Iterator<Item = (&str, &Unusable)> {
        let videos = self.videos.iter();
        videos.filter_map(|(name, seen)| Some((name.as_str(), seen.as_ref().err()?)))
    }

    /// Videos that were looked at.
    pub fn len(&self) -> usize {
        self.videos.len()
    }

    /// Whether there was none.
    pub fn is_empty(&self) -> bool {
        self.videos.is_empty()
    }
}

fn look(path: &Path, limits: &Limits, depth: Depth) -> Result<Info, Unusable> {
    let video = open(path, limits)?;
    if let Depth::Frames(frames) = depth {
        decode(&video, frames)?;
    }
    Ok(video.info().clone())
}

/// Decodes the frames that a judge is shown first, and the last one: a file that was cut off has lost its end.
fn decode(video: &VideoSource, frames: u32) -> Result<(), VideoError> {
    let pool = Pool::new(video.info().frames, 0);
    let evenly = pool.evenly(frames).into_iter();
    let mut offsets: Vec<FrameOffset> = evenly
        .filter_map(|frame| pool.locate(frame))
        .map(|(_, offset)| offset)
        .collect();
    offsets.push(FrameOffset(pool.len(Side::First).saturating_sub(1)));
    video.rgb8_each(&offsets)?;
    Ok(())
}
