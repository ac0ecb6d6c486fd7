//! In: whatever is trained. Out: what a plan tells of it before anything is trained.

use vrt_checkpoint::Checkpoint;
use vrt_core::episode::Rules;
use vrt_core::model::Tiny;
use vrt_core::model::lora::adapters;
use vrt_train::learn::SHARDS;
use vrt_train::learner::Scope;
use vrt_train::tiny::TrainedTiny;

use super::adapters::Adapters;
use super::error::TrainError;
use super::model::Model;
use super::tables::CheckpointTable;
use super::tiny;
use crate::eval::table::grouped;

/// What is known of a model without its weights.
pub struct Outlook {
    /// What it is.
    pub kind: &'static str,
    /// Its sizes, or where it comes from.
    pub described: String,
    /// What an episode may do.
    pub rules: Rules,
    /// Fewest and most pixels of a picture, 28 × 28 of them a visual token.
    pub pixels: [u64; 2],
    /// The file that a stage ends with.
    pub result: &'static str,
    /// What is trained of it, and how much that is.
    pub trained: (&'static str, String),
    /// Numbers of 32 bits that are held while it learns.
    pub learning: u64,
    /// Those that are held besides while it samples.
    pub sampling: u64,
}

impl Outlook {
    /// Of adapters on a checkpoint.
    ///
    /// # Errors
    /// [`TrainError::Weights`] if it is none.
    pub fn of_checkpoint(table: &CheckpointTable) -> Result<Self, TrainError> {
        let checkpoint = Checkpoint::open(&table.folder)?;
        let config = checkpoint.config();
        let decoder = &config.decoder;
        let trained = adapters(decoder, table.adapters) as u64;
        let embedding = (decoder.vocab * decoder.dim) as u64;
        let untied = if config.model.text.tied { 0 } else { embedding };
        let base = decoder.macs() as u64 + untied + checkpoint.tower_numbers();
        // Of the adapters parameters twice, both moments, the reference, a gradient a shard and their sum.
        let own = trained * (6 + SHARDS as u64);
        Ok(Self {
            kind: "checkpoint",
            described: config.describe(),
            rules: table.rules,
            pixels: table.pixels(),
            result: Adapters::RESULT,
            trained: ("adapters", format!("{} parameters", grouped(trained))),
            learning: base + own,
            // The weights laid out for decoding.
            sampling: decoder.macs() as u64 + embedding,
        })
    }

    /// Of a tiny policy.
    pub fn of_tiny(policy: &TrainedTiny) -> Self {
        let header = policy.header();
        let all = Tiny::PARAMETERS as u64;
        let layout = policy.model().layout().into_iter();
        let trained = layout.filter(|spec| Scope::Language.trains(&spec.name));
        let trained: usize = trained
            .map(|spec| spec.shape.iter().product::<usize>())
            .sum();
        let trained = grouped(trained as u64);
        let from = &header.provenance;
        let since = from.since.iter().map(|training| training.stage.as_str());
        let stages: Vec<&str> = std::iter::once(from.stage.as_str()).chain(since).collect();
        Self {
            kind: "policy",
            described: format!(
                "tiny: {} / {} at scale {}, after {}; offered {}; captions such as `{}`",
                from.experiment,
                from.arm,
                from.scale,
                stages.join(", "),
                header.offered.join(", "),
                header.world.caption
            ),
            rules: header.rules,
            // A picture is one visual token, whatever its size.
            pixels: [784, 784],
            result: tiny::RESULT,
            trained: (
                "trained",
                format!(
                    "{trained} of {} parameters: all but the vision tower's",
                    grouped(all)
                ),
            ),
            // Twice as it begins, twice as it is, both moments, a gradient a shard and their sum.
            learning: all * (7 + SHARDS as u64),
            sampling: all,
        }
    }
}
