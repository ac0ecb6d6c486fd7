//! In: a judged episode and its pair. Out: one record that says all a person wants to see of it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use vrt_core::episode::{Episode, Rules, StopReason};
use vrt_core::pair::{FrameIndex, PairKey, PreferencePair, Side, VideoError};
use vrt_core::trace::TRACE_VERSION;
use vrt_core::view::View;

use crate::judgment::JudgmentRecord;
use crate::picture::{PictureError, data_uri};
use crate::reward::RewardRecord;
use crate::round::{RoundRecord, rounds};

/// One judged episode: a line of `traces.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraceRecord {
    /// Version of the trace format: [`TRACE_VERSION`].
    pub version: u32,
    /// The pair, in hexadecimal: other readers of JSON round large numbers.
    #[serde(with = "hexadecimal")]
    pub pair: PairKey,
    /// Number of the sample in its group, from 0.
    pub sample: u32,
    /// Where it comes from, for people: experiment, arm, split.
    pub source: String,
    /// The text both videos were made for.
    pub caption: String,
    /// Video 1 and video 2.
    pub videos: [VideoRecord; 2],
    /// The frames shown first, by their numbers in the pool.
    pub initial: Vec<FrameIndex>,
    /// The rounds, in order.
    pub rounds: Vec<RoundRecord>,
    /// Why it is over; absent while it is not.
    pub stop: Option<StopRecord>,
    /// The ground truth, where it is known.
    pub truth: Option<JudgmentRecord>,
    /// The final answer, where one was given.
    pub answer: Option<JudgmentRecord>,
    /// The reward by term, where somebody scored it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reward: Option<RewardRecord>,
    /// Pictures as data URIs, by a view's key; a frame's key is its number.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pictures: BTreeMap<String, String>,
}

/// One of the two videos.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VideoRecord {
    /// As a person knows it.
    pub name: String,
    /// Number of frames.
    pub frames: u32,
    /// Frames a second, where known.
    pub fps: Option<f64>,
}

/// Why an episode is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StopRecord {
    /// The row of the ledger: `answered`, `malformed`, …
    pub name: String,
    /// Why the episode is not in format, in words; absent if it is.
    pub text: Option<String>,
}

impl From<&StopReason> for StopRecord {
    fn from(stop: &StopReason) -> Self {
        Self {
            name: stop.name().to_owned(),
            text: stop.fault(),
        }
    }
}

/// What a record says of a video that the pair does not know.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VideoName {
    /// As a person knows it; empty becomes `video 1`, `video 2`.
    pub name: String,
    /// Frames a second, where known.
    pub fps: Option<f64>,
}

/// Which pictures a record keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pictures {
    /// None.
    None,
    /// All that the judge was shown.
    #[default]
    Shown,
    /// These, and so many frames spread evenly over each video, so that its course can be seen.
    Strips {
        /// Frames of each video.
        per_video: u32,
    },
}

/// What a record says that neither the episode nor its pair knows.
#[derive(Clone, Debug, Default)]
pub struct Context<'a> {
    /// Where it comes from, for people: `fig3 / full / long`.
    pub source: &'a str,
    /// The videos.
    pub videos: [VideoName; 2],
    /// Seconds that each reply took, in order; empty where unknown.
    pub seconds: &'a [f64],
    /// The reward, where somebody scored the sample.
    pub reward: Option<RewardRecord>,
    /// Which pictures to keep.
    pub pictures: Pictures,
}

/// A record could not be made.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// A frame could not be produced.
    #[error(transparent)]
    Video(#[from] VideoError),
    /// A frame could not be kept as a picture.
    #[error("pair {:#018x}, picture {key}: {source}", pair.0)]
    Picture {
        /// The pair.
        pair: PairKey,
        /// The view's key.
        key: String,
        /// What is wrong.
        source: PictureError,
    },
    /// The episode is another pair's.
    #[error("the episode judges pair {:#018x}, not pair {:#018x}", episode.0, pair.0)]
    OtherPair {
        /// The pair of the episode.
        episode: PairKey,
        /// The pair that was given.
        pair: PairKey,
    },
}

impl TraceRecord {
    /// The record of an episode that judged `pair` under `rules`.
    ///
    /// # Errors
    /// [`RecordError`] if the episode is another pair's, or a picture cannot be produced.
    pub fn new(
        episode: &Episode,
        pair: &PreferencePair,
        rules: &Rules,
        context: Context<'_>,
    ) -> Result<Self, RecordError> {
        if episode.pair != pair.key {
            return Err(RecordError::OtherPair {
                episode: episode.pair,
                pair: pair.key,
            });
        }
        let [first, second] = context.videos;
        Ok(Self {
            version: TRACE_VERSION,
            pair: pair.key,
            sample: episode.sample,
            source: context.source.to_owned(),
            caption: pair.caption.clone(),
            videos: [
                video(pair, Side::First, first),
                video(pair, Side::Second, second),
            ],
            initial: episode.initial.clone(),
            rounds: rounds(episode, rules, context.seconds),
            stop: episode.stop.as_ref().map(StopRecord::from),
            truth: pair.truth.map(JudgmentRecord::from),
            answer: episode.answer().map(JudgmentRecord::from),
            reward: context.reward,
            pictures: pictures(episode, pair, context.pictures)?,
        })
    }
}

fn video(pair: &PreferencePair, side: Side, name: VideoName) -> VideoRecord {
    let VideoName { name, fps } = name;
    VideoRecord {
        name: if name.is_empty() {
            format!("video {}", side as u8 + 1)
        } else {
            name
        },
        frames: pair.pool().len(side),
        fps,
    }
}

fn pictures(
    episode: &Episode,
    pair: &PreferencePair,
    which: Pictures,
) -> Result<BTreeMap<String, String>, RecordError> {
    let per_video = match which {
        Pictures::None => return Ok(BTreeMap::new()),
        Pictures::Shown => 0,
        Pictures::Strips { per_video } => per_video,
    };
    let mut wanted: BTreeSet<View> = episode.initial.iter().map(|&frame| frame.into()).collect();
    wanted.extend(episode.outcomes().flat_map(|outcome| &outcome.views));
    if per_video > 0 {
        wanted.extend(pair.pool().evenly(per_video).into_iter().map(View::from));
    }
    wanted
        .into_iter()
        .map(|view| {
            let uri = data_uri(&pair.view(view)?).map_err(|source| RecordError::Picture {
                pair: pair.key,
                key: view.to_string(),
                source,
            })?;
            Ok((view.to_string(), uri))
        })
        .collect()
}

mod hexadecimal {
    use serde::{Deserialize, Deserializer, Serializer};
    use vrt_core::pair::PairKey;

    pub fn serialize<S: Serializer>(key: &PairKey, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&format_args!("{:#018x}", key.0))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<PairKey, D::Error> {
        let text = String::deserialize(from)?;
        text.strip_prefix("0x")
            .and_then(|digits| u64::from_str_radix(digits, 16).ok())
            .map(PairKey)
            .ok_or_else(|| {
                serde::de::Error::custom(format!(
                    "`{text}` is no pair's key: write 0x and up to 16 hexadecimal digits"
                ))
            })
    }
}
