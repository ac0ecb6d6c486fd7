//! In: TOML. Out: the tables of a training file, each number within its range.

use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use vrt_core::episode::Rules;
use vrt_core::model::lora::LoraConfig;
use vrt_train::grpo::GrpoConfig;
use vrt_train::optim::{AdamWConfig, Schedule};
use vrt_train::sft::SftConfig;

use super::checked;
use super::stage::StageName;
use crate::data::{Benchmark, HardToJudge};
use crate::rewards::objective::Named;

/// What a file says.
#[derive(Clone, Debug)]
pub struct TrainConfig {
    /// What is trained.
    pub model: ModelTable,
    /// The folder that stages write to, each into one of its own.
    pub out: PathBuf,
    /// Seed of fresh adapters, of shuffling and of sampling.
    pub seed: u64,
    /// Threads; results do not depend on them. All cores without it.
    pub threads: Option<NonZeroUsize>,
    /// Steps between two checkpoints.
    pub save_every: NonZeroU64,
    /// The pairs.
    pub data: DataTable,
    /// The optimiser.
    pub optimizer: AdamWConfig,
    /// Stage 1.
    pub cold_start: Option<ColdStartTable>,
    /// Stage 2.
    pub rft: Option<RftTable>,
    /// Stage 3.
    pub grpo: Option<GrpoTable>,
}

/// What is trained.
#[derive(Clone, Debug)]
pub enum ModelTable {
    /// Adapters on a checkpoint.
    Checkpoint(CheckpointTable),
    /// The tiny policy of this file, which says all else of it.
    Tiny(PathBuf),
}

/// Adapters on a checkpoint, and how it is asked.
#[derive(Clone, Debug)]
pub struct CheckpointTable {
    /// The checkpoint's folder.
    pub folder: PathBuf,
    /// Most visual tokens of a picture, 28 × 28 pixels each.
    pub picture_tokens: u32,
    /// Units that a thread writes side by side.
    pub side_by_side: NonZeroUsize,
    /// What an episode may do.
    pub rules: Rules,
    /// The adapters.
    pub adapters: LoraConfig,
}

/// A file as it is written. Paths are relative to it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    checkpoint: Option<PathBuf>,
    tiny: Option<PathBuf>,
    out: PathBuf,
    #[serde(default)]
    seed: u64,
    threads: Option<NonZeroUsize>,
    #[serde(default = "picture_tokens", deserialize_with = "checked::tokens")]
    picture_tokens: u32,
    #[serde(default = "side_by_side")]
    side_by_side: NonZeroUsize,
    #[serde(default = "save_every")]
    save_every: NonZeroU64,
    data: DataTable,
    #[serde(default)]
    rules: Rules,
    #[serde(default = "adapters", deserialize_with = "checked::lora")]
    adapters: LoraConfig,
    #[serde(default, deserialize_with = "checked::adamw")]
    optimizer: AdamWConfig,
    cold_start: Option<ColdStartTable>,
    rft: Option<RftTable>,
    grpo: Option<GrpoTable>,
}

impl Written {
    /// The configuration, its paths those of a file in `folder`; `None` if it names nothing to train.
    pub fn resolved(self, folder: &Path) -> Option<TrainConfig> {
        let model = match (self.checkpoint, self.tiny) {
            (None, None) => return None,
            (_, Some(file)) => ModelTable::Tiny(folder.join(file)),
            (Some(checkpoint), None) => ModelTable::Checkpoint(CheckpointTable {
                folder: folder.join(checkpoint),
                picture_tokens: self.picture_tokens,
                side_by_side: self.side_by_side,
                rules: self.rules,
                adapters: self.adapters,
            }),
        };
        let DataTable { file, videos, .. } = &self.data;
        Some(TrainConfig {
            model,
            out: folder.join(self.out),
            seed: self.seed,
            threads: self.threads,
            save_every: self.save_every,
            data: DataTable {
                file: folder.join(file),
                videos: folder.join(videos),
                ..self.data
            },
            optimizer: self.optimizer,
            cold_start: self.cold_start.map(|table| ColdStartTable {
                traces: folder.join(&table.traces),
                ..table
            }),
            rft: self.rft,
            grpo: self.grpo,
        })
    }
}

/// The preference file.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataTable {
    /// Which benchmark the file is of.
    pub benchmark: BenchmarkName,
    /// The file.
    pub file: PathBuf,
    /// The folder that the paths in it start from.
    pub videos: PathBuf,
    /// The first pairs only.
    pub limit: Option<NonZeroUsize>,
    /// Leave out pairs whose videos cannot be used, instead of stopping.
    #[serde(default)]
    pub skip_unusable: bool,
    /// Whether the videos of a pair change places at random.
    #[serde(default = "yes")]
    pub swap: bool,
}

/// A benchmark by its name, as `vrt eval` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum BenchmarkName {
    /// Overall labels alone: no stage can be trained on it, and the error says so.
    #[serde(rename = "genai-bench")]
    GenAiBench,
    /// VideoGen-RewardBench.
    #[serde(rename = "videogen-rewardbench")]
    VideoGenRewardBench,
    /// MJ-Bench-Video, without its pairs that are hard to judge.
    #[serde(rename = "mj-bench-video")]
    MjBenchVideo,
    /// Rapidata.
    #[serde(rename = "rapidata")]
    Rapidata,
}

impl BenchmarkName {
    /// The benchmark.
    pub fn benchmark(self) -> Benchmark {
        match self {
            Self::GenAiBench => Benchmark::GenAiBench,
            Self::VideoGenRewardBench => Benchmark::VideoGenRewardBench,
            Self::MjBenchVideo => Benchmark::MjBenchVideo(HardToJudge::Drop),
            Self::Rapidata => Benchmark::Rapidata,
        }
    }
}

/// Which traces are learned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Keep {
    /// Those in format and right in everything, by the labels of the data file.
    #[default]
    Right,
    /// Those in format that answer.
    Formatted,
}

/// Stage 1: imitation of a teacher.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColdStartTable {
    /// The teacher's traces, one a line: what `vrt eval --traces` and `vrt traces filter` write.
    #[serde(skip_serializing)]
    pub traces: PathBuf,
    /// Which of them are learned.
    #[serde(default)]
    pub keep: Keep,
    /// Passes over the traces.
    pub epochs: NonZeroU64,
    /// Traces a step.
    pub batch: NonZeroUsize,
    /// The learning rate.
    #[serde(deserialize_with = "checked::schedule")]
    pub schedule: Schedule,
}

/// Stage 2: imitation of its own right episodes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RftTable {
    /// Where it starts from.
    #[serde(default = "after_cold_start")]
    pub start: Start,
    /// Samples a pair; the right one that doubts least is learned.
    pub samples: NonZeroU32,
    /// Sampling temperature.
    #[serde(default = "one", deserialize_with = "checked::temperature")]
    pub temperature: f32,
    /// Tokens a unit may have.
    #[serde(default = "max_tokens")]
    pub max_tokens: NonZeroU32,
    /// Passes over the kept episodes.
    pub epochs: NonZeroU64,
    /// Episodes a step.
    pub batch: NonZeroUsize,
    /// The learning rate.
    #[serde(deserialize_with = "checked::schedule")]
    pub schedule: Schedule,
}

/// Stage 3: reinforcement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrpoTable {
    /// Where it starts from, which is the reference as well.
    #[serde(default = "after_rft")]
    pub start: Start,
    /// What is rewarded, and how it is learned from.
    pub objective: Named,
    /// Its numbers, where they are not its own.
    #[serde(default, skip_serializing)]
    pub parameters: toml::Table,
    /// Steps; each samples with the newest policy.
    pub steps: NonZeroU64,
    /// Groups a step learns from.
    pub groups: NonZeroUsize,
    /// Samples a group.
    #[serde(deserialize_with = "checked::group")]
    pub samples: u32,
    /// Most groups a step may sample to find `groups` that teach, as a multiple of `groups`.
    #[serde(default = "draws", deserialize_with = "checked::multiple")]
    pub draws: f64,
    /// Passes over a step's samples.
    #[serde(default = "once")]
    pub epochs: NonZeroU64,
    /// Samples a mini-batch.
    pub batch: NonZeroUsize,
    /// Sampling temperature, in the loss as well.
    #[serde(default = "one", deserialize_with = "checked::temperature")]
    pub temperature: f32,
    /// Tokens a unit may have.
    #[serde(default = "max_tokens")]
    pub max_tokens: NonZeroU32,
    /// The learning rate over all steps.
    #[serde(deserialize_with = "checked::schedule")]
    pub schedule: Schedule,
}

/// Where a stage starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// The checkpoint as it is.
    Checkpoint,
    /// The tiny policy as its file has it.
    Tiny,
    /// The result of cold start.
    ColdStart,
    /// The result of rejection-sampling fine-tuning.
    Rft,
}

impl Start {
    /// The stage whose result it is.
    pub fn stage(self) -> Option<StageName> {
        match self {
            Self::Checkpoint | Self::Tiny => None,
            Self::ColdStart => Some(StageName::ColdStart),
            Self::Rft => Some(StageName::Rft),
        }
    }
}

impl ColdStartTable {
    /// How the traces are learned.
    pub fn passes(&self) -> SftConfig {
        passes(self.epochs, self.batch, self.schedule)
    }
}

impl RftTable {
    /// How the kept episodes are learned.
    pub fn passes(&self) -> SftConfig {
        passes(self.epochs, self.batch, self.schedule)
    }
}

fn passes(epochs: NonZeroU64, batch: NonZeroUsize, schedule: Schedule) -> SftConfig {
    SftConfig {
        epochs: epochs.get(),
        batch: batch.get(),
        schedule,
    }
}

impl GrpoTable {
    /// How GRPO runs.
    pub fn config(&self) -> GrpoConfig {
        GrpoConfig {
            steps: self.steps.get(),
            groups: self.groups.get(),
            samples: self.samples,
            draws: self.draws,
            epochs: self.epochs.get(),
            batch: self.batch.get(),
            temperature: self.temperature,
            max_tokens: self.max_tokens.get(),
            schedule: self.schedule,
        }
    }
}

impl CheckpointTable {
    /// Fewest and most pixels of a picture.
    pub fn pixels(&self) -> [u64; 2] {
        [4 * 784, u64::from(self.picture_tokens) * 784]
    }
}

fn yes() -> bool {
    true
}

fn picture_tokens() -> u32 {
    128
}

fn side_by_side() -> NonZeroUsize {
    const { NonZeroUsize::new(8).unwrap() }
}

fn save_every() -> NonZeroU64 {
    const { NonZeroU64::new(10).unwrap() }
}

fn once() -> NonZeroU64 {
    NonZeroU64::MIN
}

fn max_tokens() -> NonZeroU32 {
    const { NonZeroU32::new(1024).unwrap() }
}

fn adapters() -> LoraConfig {
    LoraConfig {
        rank: 16,
        alpha: 32.0,
    }
}

fn one() -> f32 {
    1.0
}

fn draws() -> f64 {
    2.0
}

fn after_cold_start() -> Start {
    Start::ColdStart
}

fn after_rft() -> Start {
    Start::Rft
}
