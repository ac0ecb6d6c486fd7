//! In: labelled pairs and what their videos say of themselves. Out: cases: how each is shown, and which subsets it belongs to.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use vrt_core::condition::{redundant, top_tenth};
use vrt_core::pair::{Dimension, PreferencePair, Verdict};
use vrt_view::VideoName;

use super::shelf::Shelf;
use super::sides::Sides;
use crate::data::{LabelledPair, Labels};
use crate::video::{Info, Limits};

/// A pair that is judged.
#[derive(Clone, Debug)]
pub struct Case {
    /// The row of the file.
    pub labelled: LabelledPair,
    /// Its videos, in the order of the file.
    pub videos: [Info; 2],
    /// The order in which they are shown.
    pub sides: Sides,
    /// Whether it is among the tenth with the longest videos.
    long_video: bool,
    /// Whether it is among the tenth with the longest captions.
    long_caption: bool,
}

/// How the frames of all pairs are shown: one run of the judge each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Show {
    /// As they are.
    Plain,
    /// Random ones duplicated until there are twice as many.
    Redundant,
}

impl Show {
    /// Its name in file names and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Redundant => "redundant",
        }
    }
}

/// Pairs that are scored together: the paper's Tables 1 to 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Subset {
    /// All of them.
    Whole,
    /// The tenth with the most frames in both videos together.
    LongestVideos,
    /// The tenth with the longest captions, in characters.
    LongestCaptions,
    /// Those of neither tenth.
    Residual,
    /// All of them, with redundant frames.
    Redundant,
}

impl Subset {
    /// Every subset, in the order of the tables.
    pub const ALL: [Self; 5] = [
        Self::Whole,
        Self::LongestVideos,
        Self::LongestCaptions,
        Self::Residual,
        Self::Redundant,
    ];

    /// Its name, for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::LongestVideos => "longest videos",
            Self::LongestCaptions => "longest captions",
            Self::Residual => "residual",
            Self::Redundant => "redundant",
        }
    }

    /// The run whose answers it counts.
    pub fn show(self) -> Show {
        match self {
            Self::Redundant => Show::Redundant,
            _ => Show::Plain,
        }
    }

    /// Whether a case belongs to it.
    pub fn holds(self, case: &Case) -> bool {
        match self {
            Self::Whole | Self::Redundant => true,
            Self::LongestVideos => case.long_video,
            Self::LongestCaptions => case.long_caption,
            Self::Residual => !case.long_video && !case.long_caption,
        }
    }
}

/// The cases of these pairs. `swap` is the seed of the order in which videos are shown; without one it is the file's.
pub fn cases(pairs: Vec<(LabelledPair, [Info; 2])>, swap: Option<u64>) -> Vec<Case> {
    let frames = |(_, videos): &(LabelledPair, [Info; 2])| -> u64 {
        videos.iter().map(|video| u64::from(video.frames)).sum()
    };
    let letters = |(pair, _): &(LabelledPair, _)| pair.caption.chars().count();
    let long_video = top_tenth(&pairs.iter().map(frames).collect::<Vec<_>>());
    let long_caption = top_tenth(&pairs.iter().map(letters).collect::<Vec<_>>());
    let hard = long_video.into_iter().zip(long_caption);
    let cases = pairs.into_iter().zip(hard);
    cases
        .map(|((labelled, videos), (long_video, long_caption))| Case {
            sides: swap.map_or(Sides::AsFiled, |seed| Sides::drawn(seed, labelled.key)),
            labelled,
            videos,
            long_video,
            long_caption,
        })
        .collect()
}

/// Where the videos of a benchmark are.
pub struct Stage {
    folder: PathBuf,
    shelf: Arc<Shelf>,
    /// Of the frames that are duplicated.
    seed: u64,
}

impl Stage {
    /// The videos of a folder, each held to the limits; `seed` decides which frames are duplicated.
    pub fn new(folder: &Path, limits: &Limits, seed: u64) -> Self {
        Self {
            folder: folder.to_owned(),
            shelf: Arc::new(Shelf::new(limits)),
            seed,
        }
    }

    /// The pair as it is shown. No video is opened before a frame is asked for.
    pub fn pair(&self, case: &Case, show: Show) -> PreferencePair {
        let LabelledPair {
            key,
            caption,
            videos: [first, second],
            labels,
            ..
        } = &case.labelled;
        let video = |name: &str, info: &Info| {
            let path = self.folder.join(name);
            self.shelf.video(&path, info.frames)
        };
        let filed = PreferencePair {
            key: *key,
            caption: caption.clone(),
            videos: [
                video(first, &case.videos[0]),
                video(second, &case.videos[1]),
            ],
            truth: truth(labels),
        };
        // Before the swap: the same frames are duplicated in either order.
        let filed = match show {
            Show::Plain => filed,
            Show::Redundant => redundant(&filed, self.seed),
        };
        PreferencePair {
            videos: case.sides.arrange(filed.videos),
            truth: filed.truth.map(|truth| case.sides.verdict(truth)),
            ..filed
        }
    }

    /// What a trace calls the videos, in the order in which they are shown.
    pub fn names(case: &Case) -> [VideoName; 2] {
        let name = |side: usize| VideoName {
            name: case.labelled.videos[side].clone(),
            fps: case.videos[side].rate(),
        };
        case.sides.arrange([name(0), name(1)])
    }
}

/// The verdict of the annotators where all four labels are there: a missing one is never filled in.
fn truth(labels: &Labels) -> Option<Verdict> {
    let [ta, vq, mq] = Dimension::ALL.map(|dimension| labels.get(dimension));
    Some(Verdict {
        dimensions: [ta?, vq?, mq?],
        overall: labels.overall?,
    })
}
