//! In: a stage's result. Out: a checkpoint that holds it, or the tiny policy that it is.

use std::path::Path;
use std::sync::Arc;

use vrt_checkpoint::{Checkpoint, Saving, save_values};
use vrt_core::model::lora::Lora;
use vrt_train::atomic::{self, FileError};
use vrt_train::tiny::TrainedTiny;

use super::config::ConfigFile;
use super::error::TrainError;
use super::model::Model;
use super::stage::{StageFolder, StageName};
use super::tables::{CheckpointTable, ModelTable};
use super::{adapters, tiny};

/// Writes a stage's result for use: the checkpoint with its adapters added, as a folder that `--checkpoint` and transformers
/// read; or the tiny policy, as a file for `--tiny`.
///
/// # Errors
/// [`TrainError`] if the stage has no result, or there is something at `out`.
pub fn export(file: &ConfigFile, stage: StageName, out: &Path) -> Result<(), TrainError> {
    let config = &file.config;
    match &config.model {
        ModelTable::Checkpoint(table) => {
            let folder = StageFolder::new(&config.out, stage, adapters::Adapters::RESULT);
            merged(table, config.seed, &folder, out)
        }
        ModelTable::Tiny(path) => {
            let folder = StageFolder::new(&config.out, stage, tiny::RESULT);
            copied(&TrainedTiny::read(path)?, &folder, out)
        }
    }
}

fn merged(
    table: &CheckpointTable,
    seed: u64,
    folder: &StageFolder,
    out: &Path,
) -> Result<(), TrainError> {
    let checkpoint = Checkpoint::open(&table.folder)?;
    let result = folder.result_of(&adapters::base(table)?)?;
    let base = Arc::new(checkpoint.frozen()?);
    let mut lora = Lora::new(base, table.adapters, seed)?;
    adapters::load(&result, &mut lora)?;
    let saving = Saving {
        companions: Some(table.folder.clone()),
        ..Saving::default()
    };
    let values = |name: &str| lora.merged(name).or_else(|| checkpoint.values(name));
    Ok(save_values(out, checkpoint.config(), &saving, values)?)
}

fn copied(base: &TrainedTiny, folder: &StageFolder, out: &Path) -> Result<(), TrainError> {
    let result = folder.result_of(&tiny::base(base))?;
    // Read first: nothing that is damaged is passed on.
    TrainedTiny::read(&result)?;
    if out.exists() {
        return Err(TrainError::Exists(out.to_owned()));
    }
    let bytes = std::fs::read(&result).map_err(FileError::at("read", &result))?;
    Ok(atomic::write(out, &bytes)?)
}
