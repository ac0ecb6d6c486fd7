//! In: a seed and a key. Out: a pair of small procedural videos of which everything is known.
//!
//! The world stands in for the data sets: judging a pair needs evidence that evenly sampled frames
//! rarely show, cues tell where to look, and half of what the cues announce is harmless.

pub mod ask;
pub mod benchmark;
pub mod chooser;
pub mod config;
pub mod corpus;
pub mod facts;
pub mod frame;
mod glance;
pub mod knowledge;
pub mod players;
pub mod render;
pub mod report;
pub mod split;
pub mod subject;
pub mod teacher;
pub mod told;
pub mod tower;
pub mod words;

use std::sync::Arc;

use vrt_core::pair::{PairKey, PreferencePair, Side, Video};

use self::config::{WorldConfig, WorldError};
use self::facts::PairFacts;
use self::render::WorldVideo;
use self::split::Split;

/// All pairs that one seed holds.
#[derive(Clone, Debug)]
pub struct World {
    seed: u64,
    config: WorldConfig,
}

impl World {
    /// The world of a seed.
    ///
    /// # Errors
    /// [`WorldError`] if the configuration cannot be used.
    pub fn new(seed: u64, config: WorldConfig) -> Result<Self, WorldError> {
        config.validate()?;
        Ok(Self { seed, config })
    }

    /// The seed all pairs are drawn with.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The chances all pairs are drawn with.
    pub fn config(&self) -> &WorldConfig {
        &self.config
    }

    /// All that is true of a pair. A key that no [`Split`] made is a pair of drawn length.
    pub fn facts(&self, key: PairKey) -> PairFacts {
        let length = Split::of(key).and_then(|(split, _)| split.length());
        PairFacts::draw(self.seed, &self.config, key, length)
    }

    /// The pair as a judge is given it: caption, videos, ground truth.
    pub fn pair(&self, key: PairKey) -> PreferencePair {
        let facts = Arc::new(self.facts(key));
        let video = |side| -> Arc<dyn Video> {
            Arc::new(WorldVideo::new(
                self.seed,
                &self.config,
                Arc::clone(&facts),
                side,
            ))
        };
        PreferencePair {
            key,
            caption: facts.prompt.caption(),
            videos: Side::BOTH.map(video),
            truth: Some(facts.truth()),
        }
    }
}
