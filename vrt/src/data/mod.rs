//! In: the files of published benchmarks. Out: labelled pairs, counts by label, and a reason for every row that gave none.
//!
//! `file → rows by column name (`[`table`]`) → one reader a benchmark → `[`DataSet`]. No video is opened here.

mod genai_bench;
mod label;
mod mj_bench_video;
#[cfg(feature = "parquet")]
mod parquet;
mod rapidata;
pub mod table;
mod videogen_rewardbench;

use std::collections::BTreeMap;
use std::path::{Component, Path};

use serde::Serialize;
use vrt_core::pair::{Dimension, PairKey, Preference};

use crate::prompt::{DimensionWording, MJ_BENCH_VIDEO, RAPIDATA, VIDEO_GEN_REWARD};
pub use mj_bench_video::HardToJudge;
pub use table::{Row, TableError};

/// A published benchmark, by the form of its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Benchmark {
    /// GenAI-Bench (video): the hub's columns (`left_video`) or UnifiedReward's (`video_left`), told apart by name.
    GenAiBench,
    /// VideoGen-RewardBench, split `eval`.
    VideoGenRewardBench,
    /// MJ-Bench-Video. Some of its pairs are marked as hard to judge.
    MjBenchVideo(HardToJudge),
    /// Rapidata's text-to-video preferences: three dimensions, and no overall label.
    Rapidata,
}

impl Benchmark {
    /// Its name on the command line and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::GenAiBench => "genai-bench",
            Self::VideoGenRewardBench => "videogen-rewardbench",
            Self::MjBenchVideo(_) => "mj-bench-video",
            Self::Rapidata => "rapidata",
        }
    }

    /// The words in which its annotators were asked.
    pub fn dimensions(self) -> &'static [DimensionWording; 3] {
        match self {
            Self::GenAiBench | Self::VideoGenRewardBench => &VIDEO_GEN_REWARD,
            Self::MjBenchVideo(_) => &MJ_BENCH_VIDEO,
            Self::Rapidata => &RAPIDATA,
        }
    }
}

/// Who is better as far as the file says; `None` where it says nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Labels {
    /// Indexed by [`Dimension`].
    pub dimensions: [Option<Preference>; 3],
    /// Overall.
    pub overall: Option<Preference>,
}

impl Labels {
    /// The label of one dimension.
    pub fn get(&self, dimension: Dimension) -> Option<Preference> {
        self.dimensions[dimension as usize]
    }
}

/// A row that can be judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelledPair {
    /// From the content of the row, so that it survives a new order of the file.
    pub key: PairKey,
    /// Number of the row, from 1.
    pub row: usize,
    /// The text both videos were made for.
    pub caption: String,
    /// Video 1 and video 2, relative to the folder of videos; never outside it.
    pub videos: [String; 2],
    /// Who is better.
    pub labels: Labels,
}

/// A row that cannot be judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// Number of the row, from 1.
    pub row: usize,
    /// Why.
    pub reason: DropReason,
}

/// Why a row cannot be judged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DropReason {
    /// The overall label is empty or NaN.
    #[error("no overall label")]
    NoOverall,
    /// No dimension has a label, and there is no overall one.
    #[error("no label at all")]
    NoLabel,
    /// A label that the benchmark does not define.
    #[error("column `{column}`: `{label}` is none of its labels")]
    UnknownLabel {
        /// The column.
        column: String,
        /// What stands there.
        label: String,
    },
    /// The annotators could not decide.
    #[error("hard to judge")]
    HardToJudge,
    /// The file itself marks the row as one to leave out.
    #[error("marked `discard`")]
    Discarded,
    /// A cell is missing, empty, or no text.
    #[error("column `{column}` is empty or no text")]
    NoText {
        /// The column.
        column: String,
    },
    /// A path that leaves the folder of videos: a data file is not trusted with the rest of the disk.
    #[error("`{path}` leaves the folder of videos")]
    PathOutside {
        /// The path.
        path: String,
    },
}

/// What a file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DataSet {
    /// Rows of the file: `pairs` and `dropped` together.
    pub rows: usize,
    /// Rows by overall label, in the file's own words without case; the empty label has an entry as well.
    pub counts: BTreeMap<String, usize>,
    /// The rows that can be judged, in the order of the file.
    pub pairs: Vec<LabelledPair>,
    /// The others, in the order of the file.
    pub dropped: Vec<Dropped>,
}

impl DataSet {
    /// Reads a benchmark's file: a JSON list, JSON Lines, CSV, or Parquet.
    ///
    /// # Errors
    /// [`TableError`] if the file cannot be read, or lacks a column of the benchmark in every row.
    pub fn load(benchmark: Benchmark, path: &Path) -> Result<Self, TableError> {
        Self::of_rows(benchmark, &table::read(path)?, path)
    }

    fn of_rows(benchmark: Benchmark, rows: &[Row], path: &Path) -> Result<Self, TableError> {
        let mut read: ReadRow = match benchmark {
            Benchmark::GenAiBench => Box::new(genai_bench::reader(rows, path)?),
            Benchmark::VideoGenRewardBench => Box::new(videogen_rewardbench::reader(rows, path)?),
            Benchmark::MjBenchVideo(hard) => Box::new(mj_bench_video::reader(rows, path, hard)?),
            Benchmark::Rapidata => Box::new(rapidata::reader(rows, path)?),
        };
        let mut set = Self::default();
        let mut seen: BTreeMap<[String; 3], u64> = BTreeMap::new();
        for row in rows {
            let (label, pair) = read(row);
            set.rows += 1;
            *set.counts.entry(label).or_default() += 1;
            let sound = pair.and_then(|pair| {
                inside(&pair.videos[0])?;
                inside(&pair.videos[1])?;
                Ok(pair)
            });
            match sound {
                Ok(pair) => {
                    let [first, second] = pair.videos.clone();
                    let content = [pair.caption.clone(), first, second];
                    // The same question may have been put to several people.
                    let times = seen.entry(content).or_default();
                    set.pairs.push(LabelledPair {
                        key: key(&pair, *times),
                        row: row.number,
                        caption: pair.caption,
                        videos: pair.videos,
                        labels: pair.labels,
                    });
                    *times += 1;
                }
                Err(reason) => set.dropped.push(Dropped {
                    row: row.number,
                    reason,
                }),
            }
        }
        Ok(set)
    }

    /// Pairs by their label in one dimension.
    pub fn labelled(&self, dimension: Dimension) -> LabelCounts {
        let mut counts = LabelCounts::default();
        for pair in &self.pairs {
            *match pair.labels.get(dimension) {
                Some(Preference::First) => &mut counts.first,
                Some(Preference::Second) => &mut counts.second,
                Some(Preference::Tie) => &mut counts.tie,
                None => &mut counts.none,
            } += 1;
        }
        counts
    }

    /// Dropped rows by reason, for people.
    pub fn drops(&self) -> BTreeMap<String, usize> {
        let mut drops = BTreeMap::new();
        for one in &self.dropped {
            *drops.entry(one.reason.to_string()).or_default() += 1;
        }
        drops
    }

    /// The share of ties among the overall labels, in percent: the `tau` of always answering a tie.
    pub fn always_tie(&self) -> f64 {
        let tie = Some(Preference::Tie);
        let ties = self.pairs.iter().filter(|pair| pair.labels.overall == tie);
        100.0 * ties.count() as f64 / self.pairs.len().max(1) as f64
    }
}

/// How many pairs there are of each label.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LabelCounts {
    /// Video 1 is better.
    pub first: usize,
    /// Video 2 is better.
    pub second: usize,
    /// Neither is.
    pub tie: usize,
    /// Nobody said.
    pub none: usize,
}

/// One row as a benchmark's reader understands it.
struct Read {
    caption: String,
    videos: [String; 2],
    labels: Labels,
}

/// Reads one row: its overall label in the file's words, and the pair or why there is none.
type ReadRow<'a> = Box<dyn FnMut(&Row) -> (String, Result<Read, DropReason>) + 'a>;

fn key(pair: &Read, times: u64) -> PairKey {
    let mut hasher = blake3::Hasher::new();
    for text in [&pair.caption, &pair.videos[0], &pair.videos[1]] {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    }
    hasher.update(&times.to_le_bytes());
    let mut word = [0; 8];
    hasher.finalize_xof().fill(&mut word);
    PairKey(u64::from_le_bytes(word))
}

fn inside(path: &str) -> Result<(), DropReason> {
    let stays = Path::new(path)
        .components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if stays {
        Ok(())
    } else {
        let path = path.to_owned();
        Err(DropReason::PathOutside { path })
    }
}
