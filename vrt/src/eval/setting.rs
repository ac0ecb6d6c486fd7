//! In: a command line that was understood. Out: what decides an episode, as the name of a run and its provenance.

use std::fs;
use std::path::Path;

use serde::Serialize;
use serde_json::{Map, Value, json};
use vrt_core::episode::Rules;
use vrt_core::op::OpSet;
use vrt_core::pair::{FrameOffset, PairKey, Pool, PreferencePair, Video, VideoError};
use vrt_train::atomic::FileError;

use super::case::Show;
use crate::prompt::{DimensionWording, Part, Prompt};

/// The file that the pairs come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DataFile {
    /// Its name, without its folder.
    pub name: String,
    /// blake3 of its bytes.
    pub blake3: String,
}

impl DataFile {
    /// The file at a path.
    ///
    /// # Errors
    /// [`FileError`] if it cannot be read.
    pub fn of(path: &Path) -> Result<Self, FileError> {
        let bytes = fs::read(path).map_err(FileError::at("read", path))?;
        let name = path.file_name().unwrap_or(path.as_os_str());
        Ok(Self {
            name: name.to_string_lossy().into_owned(),
            blake3: blake3::hash(&bytes).to_hex().to_string(),
        })
    }
}

/// Whatever decides what an episode is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Setting {
    /// The benchmark.
    pub benchmark: &'static str,
    /// Its file.
    pub data: DataFile,
    /// Who judges: kind, model and how it samples.
    pub policy: Value,
    /// What every episode may do.
    pub rules: Rules,
    /// Of the swap and of the duplicated frames.
    pub seed: u64,
    /// Whether the videos of a pair change places at random.
    pub swap: bool,
    /// blake3 of the words of the prompt.
    pub prompt: String,
}

impl Setting {
    /// The settings of one run, as a journal keeps them.
    pub fn run(&self, show: Show) -> Map<String, Value> {
        let Self {
            benchmark,
            data,
            policy,
            rules,
            seed,
            swap,
            prompt,
        } = self;
        Map::from_iter(
            [
                ("benchmark", json!(benchmark)),
                ("data", json!(data.blake3)),
                ("policy", policy.clone()),
                ("rules", json!(rules)),
                ("seed", json!(seed)),
                ("swap", json!(swap)),
                ("prompt", json!(prompt)),
                ("frames", json!(show)),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        )
    }

    /// Twelve digits that differ where the settings differ.
    pub fn digest(&self) -> String {
        let run = Value::Object(self.run(Show::Plain)).to_string();
        blake3::hash(run.as_bytes()).to_hex()[..12].to_owned()
    }
}

/// blake3 of the words with which pairs are asked about, whatever their caption and frames.
pub fn prompt_digest<O: OpSet>(rules: &Rules, dimensions: &[DimensionWording; 3]) -> String {
    let prompt = Prompt::of::<O>(rules, dimensions);
    let video = || std::sync::Arc::new(Unseen) as std::sync::Arc<dyn Video>;
    let pair = PreferencePair {
        key: PairKey(0),
        caption: String::new(),
        videos: [video(), video()],
        truth: None,
    };
    let pool: Pool = pair.pool();
    let initial = pool.evenly(rules.initial_per_video);
    let mut hasher = blake3::Hasher::new();
    hasher.update(prompt.system(pool).as_bytes());
    for part in prompt.query(&pair, &initial) {
        if let Part::Text(text) = part {
            hasher.update(text.as_bytes());
        }
    }
    hasher.finalize().to_hex().to_string()
}

/// A video that is asked about and never looked at.
struct Unseen;

impl Video for Unseen {
    fn len(&self) -> u32 {
        64
    }

    fn frame(&self, offset: FrameOffset) -> Result<vrt_core::pair::Frame, VideoError> {
        Err(VideoError {
            video: "of the prompt".to_owned(),
            offset,
            reason: "it has no pictures".to_owned(),
        })
    }
}
