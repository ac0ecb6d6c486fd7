//! In: two videos and a caption. Out: the question the judge is asked, and the types of its answer.
//!
//! The paper's input `X = [V, T]` and workspace `Ṽ` (all frames of both videos).

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// One of the two videos of a pair. Video 1 comes first in the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Side {
    /// Video 1.
    First,
    /// Video 2.
    Second,
}

impl Side {
    /// Both sides, in pool order.
    pub const BOTH: [Side; 2] = [Side::First, Side::Second];

    /// The other video.
    pub fn other(self) -> Side {
        match self {
            Side::First => Side::Second,
            Side::Second => Side::First,
        }
    }
}

/// A frame's number as the judge sees it: 1-based, over the pool of both videos.
///
/// There is no frame 0, so an index of 0 cannot silently mean "the last frame".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FrameIndex(NonZeroU32);

impl FrameIndex {
    /// The frame with this number, or `None` for 0.
    pub fn new(number: u32) -> Option<Self> {
        NonZeroU32::new(number).map(Self)
    }

    /// The number, from 1.
    pub fn get(self) -> u32 {
        self.0.get()
    }
}

impl fmt::Display for FrameIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A frame's place inside one video: 0-based.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct FrameOffset(pub u32);

/// The lengths of both videos, and the numbering of their frames as one pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Pool {
    lens: [u32; 2],
}

impl Pool {
    /// The pool of two videos with these numbers of frames.
    pub fn new(first: u32, second: u32) -> Self {
        Self {
            lens: [first, second],
        }
    }

    /// Frames of both videos together: the largest valid [`FrameIndex`].
    pub fn total(self) -> u32 {
        self.lens[0] + self.lens[1]
    }

    /// Frames of one video.
    pub fn len(self, side: Side) -> u32 {
        self.lens[side as usize]
    }

    /// Whether neither video has a frame.
    pub fn is_empty(self) -> bool {
        self.total() == 0
    }

    /// Which video a frame belongs to and where, or `None` beyond the pool.
    pub fn locate(self, frame: FrameIndex) -> Option<(Side, FrameOffset)> {
        let zero_based = frame.get() - 1;
        if zero_based < self.lens[0] {
            Some((Side::First, FrameOffset(zero_based)))
        } else if zero_based < self.total() {
            Some((Side::Second, FrameOffset(zero_based - self.lens[0])))
        } else {
            None
        }
    }

    /// The number of a frame, or `None` beyond its video's end.
    pub fn index(self, side: Side, offset: FrameOffset) -> Option<FrameIndex> {
        if offset.0 >= self.len(side) {
            return None;
        }
        let before = match side {
            Side::First => 0,
            Side::Second => self.lens[0],
        };
        FrameIndex::new(before + offset.0 + 1)
    }

    /// The place that far from another in the same video, stopping at the video's ends.
    pub fn moved(self, side: Side, from: FrameOffset, distance: i64) -> FrameOffset {
        let last = i64::from(self.len(side)) - 1;
        let to = i64::from(from.0).saturating_add(distance);
        FrameOffset(to.clamp(0, last.max(0)) as u32)
    }

    /// The frame that far from another in the same video, stopping at the video's ends; `None` beyond the pool.
    pub fn near(self, frame: FrameIndex, distance: i64) -> Option<FrameIndex> {
        let (side, from) = self.locate(frame)?;
        self.index(side, self.moved(side, from, distance))
    }

    /// `count` frames spread evenly from `first` to `last`, both included; all of them where there are fewer.
    pub fn spread(self, first: FrameIndex, last: FrameIndex, count: u32) -> Vec<FrameIndex> {
        let span = u64::from(last.get().saturating_sub(first.get()));
        let count = u64::from(count.max(1)).min(span + 1);
        let frames = (0..count).filter_map(|step| {
            // The nearest whole number to span·step / (count − 1); one frame alone stands in the middle.
            let along = match count {
                1 => span / 2,
                _ => (2 * span * step + (count - 1)) / (2 * (count - 1)),
            };
            FrameIndex::new(first.get() + along as u32)
        });
        frames
            .filter(|frame| self.locate(*frame).is_some())
            .collect()
    }

    /// The `per_video` frames sampled evenly from each video, `floor((j + ½)·T / n)`: the paper's `V`; all frames of a
    /// video that has fewer.
    pub fn evenly(self, per_video: u32) -> Vec<FrameIndex> {
        let mut frames = Vec::new();
        for side in Side::BOTH {
            let len = self.len(side);
            let count = per_video.min(len);
            for j in 0..count {
                let offset = u64::from(2 * j + 1) * u64::from(len) / (2 * u64::from(count));
                frames.extend(self.index(side, FrameOffset(offset as u32)));
            }
        }
        frames
    }
}

/// One decoded frame: `rgb[(y·width + x)·3 + channel]`, linear values near 0..1.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// `height × width × 3` values.
    pub rgb: Arc<[f32]>,
}

impl Frame {
    /// The values as bytes, in the same order: 0 is 0, 1 is 255, and what lies outside is cut off.
    pub fn rgb8(&self) -> Vec<u8> {
        let byte = |value: &f32| (value.clamp(0.0, 1.0) * 255.0).round() as u8;
        self.rgb.iter().map(byte).collect()
    }
}

/// A frame could not be produced.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{video}: frame {offset}: {reason}", offset = offset.0)]
pub struct VideoError {
    /// The video's name, as a person knows it.
    pub video: String,
    /// The frame that was asked for.
    pub offset: FrameOffset,
    /// What went wrong.
    pub reason: String,
}

/// A video whose frames are produced on demand.
pub trait Video: Send + Sync {
    /// Number of frames.
    fn len(&self) -> u32;

    /// Whether the video has no frame.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The frame at this offset; the same offset always gives the same pixels.
    fn frame(&self, offset: FrameOffset) -> Result<Frame, VideoError>;
}

/// Which video is better: written `1`, `2`, or `0` for a tie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Preference {
    /// Neither: `0`.
    Tie,
    /// Video 1: `1`.
    First,
    /// Video 2: `2`.
    Second,
}

impl Preference {
    /// The digit of the trace format.
    pub fn digit(self) -> u8 {
        self as u8
    }

    /// The preference that a digit of the trace format stands for.
    pub fn from_digit(digit: u8) -> Option<Self> {
        [Self::Tie, Self::First, Self::Second]
            .get(usize::from(digit))
            .copied()
    }

    /// The same preference when the two videos change places.
    pub fn swapped(self) -> Self {
        match self {
            Self::Tie => Self::Tie,
            Self::First => Self::Second,
            Self::Second => Self::First,
        }
    }
}

/// What is judged: three dimensions, then the overall preference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Dimension {
    /// Text alignment, `TA`.
    TextAlignment,
    /// Visual quality, `VQ`.
    VisualQuality,
    /// Motion quality, `MQ`.
    MotionQuality,
}

impl Dimension {
    /// The three dimensions in the order in which they are written.
    pub const ALL: [Dimension; 3] = [
        Dimension::TextAlignment,
        Dimension::VisualQuality,
        Dimension::MotionQuality,
    ];

    /// The two-letter key of the trace format.
    pub fn key(self) -> &'static str {
        match self {
            Dimension::TextAlignment => "TA",
            Dimension::VisualQuality => "VQ",
            Dimension::MotionQuality => "MQ",
        }
    }
}

/// A preference for each dimension and overall. Also the form of the ground truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Verdict {
    /// `[TA, VQ, MQ]`, indexed by [`Dimension`].
    pub dimensions: [Preference; 3],
    /// `OA`.
    pub overall: Preference,
}

impl Verdict {
    /// The preference in one dimension.
    pub fn get(&self, dimension: Dimension) -> Preference {
        self.dimensions[dimension as usize]
    }

    /// The same verdict when the two videos change places.
    pub fn swapped(self) -> Self {
        Self {
            dimensions: self.dimensions.map(Preference::swapped),
            overall: self.overall.swapped(),
        }
    }
}

/// `CF`: how sure the judge is, 1 high … 3 low.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Confidence {
    /// `1`
    High = 1,
    /// `2`
    Middle = 2,
    /// `3`
    Low = 3,
}

impl Confidence {
    /// The three levels, from high to low.
    pub const ALL: [Confidence; 3] = [Confidence::High, Confidence::Middle, Confidence::Low];

    /// The digit of the trace format.
    pub fn digit(self) -> u8 {
        self as u8
    }

    /// The level that a digit of the trace format stands for.
    pub fn from_digit(digit: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.digit() == digit)
    }
}

/// A verdict with the confidence that was stated, if any.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Judgment {
    /// Who is better, by dimension and overall.
    pub verdict: Verdict,
    /// `CF`, where the judge wrote it.
    pub confidence: Option<Confidence>,
}

/// A pair's key: unique inside a data set and stable between runs; randomness is keyed by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PairKey(pub u64);

/// Two videos made for one caption, and who is better where that is known.
#[derive(Clone)]
pub struct PreferencePair {
    /// Unique and stable.
    pub key: PairKey,
    /// The text both videos were made for.
    pub caption: String,
    /// Video 1 and video 2.
    pub videos: [Arc<dyn Video>; 2],
    /// The ground truth, where it is known.
    pub truth: Option<Verdict>,
}

impl PreferencePair {
    /// The numbering of the frames of both videos.
    pub fn pool(&self) -> Pool {
        Pool::new(self.videos[0].len(), self.videos[1].len())
    }

    /// The frame with this number.
    ///
    /// # Errors
    /// [`VideoError`] if the number is beyond the pool or the video cannot produce the frame.
    pub fn frame(&self, index: FrameIndex) -> Result<Frame, VideoError> {
        let Some((side, offset)) = self.pool().locate(index) else {
            return Err(VideoError {
                video: format!("pair {}", self.key.0),
                offset: FrameOffset(index.get()),
                reason: format!("beyond the pool of {} frames", self.pool().total()),
            });
        };
        self.videos[side as usize].frame(offset)
    }
}
