//! In: a stage's result. Out: a checkpoint that holds it.

use std::path::Path;
use std::sync::Arc;

use vrt_checkpoint::{Checkpoint, Saving, save_values};
use vrt_core::model::lora::Lora;

use super::config::ConfigFile;
use super::error::TrainError;
use super::stage::{StageFolder, StageName};
use crate::checkpoint::outline;

/// The checkpoint with a stage's adapters added, as a folder that `--checkpoint` and transformers read.
///
/// # Errors
/// [`TrainError`] if the stage has no result, or the folder cannot be written.
pub fn export(file: &ConfigFile, stage: StageName, out: &Path) -> Result<(), TrainError> {
    let config = &file.config;
    let checkpoint = Checkpoint::open(&config.checkpoint)?;
    let base = Arc::new(checkpoint.frozen()?);
    let mut lora = Lora::new(base, config.adapters, config.seed)?;
    let folder = StageFolder::new(&config.out, stage);
    folder.load(&mut lora, &outline(&config.checkpoint)?)?;
    let saving = Saving {
        companions: Some(config.checkpoint.clone()),
        ..Saving::default()
    };
    let values = |name: &str| lora.merged(name).or_else(|| checkpoint.values(name));
    Ok(save_values(out, checkpoint.config(), &saving, values)?)
}
