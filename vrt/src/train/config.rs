//! In: a TOML file. Out: what is trained, on what, and how; every mistake with its line underlined.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use vrt_core::objective::Objective;

use super::choice::{WithCheckpoint, WithTiny};
use super::stage::StageName;
use super::tables::{ModelTable, Start, TrainConfig, Written};
use crate::rewards::objective::WithObjective;

/// A file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It cannot be read.
    #[error(transparent)]
    File(#[from] vrt_train::atomic::FileError),
    /// It is no configuration; the place is underlined.
    #[error("{}: {error}", path.display())]
    Toml {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        error: toml::de::Error,
    },
    /// The numbers do not make the objective.
    #[error("{}: at `grpo.parameters`: {error}", path.display())]
    Objective {
        /// The file.
        path: PathBuf,
        /// Which number.
        error: vrt_core::objective::ObjectiveError,
    },
    /// It names neither a checkpoint nor a tiny policy.
    #[error(
        "{}: nothing is named that could be trained; say `checkpoint = \"FOLDER\"` or `tiny = \"FILE\"`", path.display()
    )]
    NoModel {
        /// The file.
        path: PathBuf,
    },
    /// The stage has no table.
    #[error("{}: there is no [{table}]; `vrt train --help` has an example", path.display())]
    NoTable {
        /// The file.
        path: PathBuf,
        /// The table.
        table: &'static str,
    },
}

/// A file that was read.
#[derive(Clone, Debug)]
pub struct ConfigFile {
    path: PathBuf,
    text: String,
    /// What it says, its paths resolved.
    pub config: TrainConfig,
}

impl ConfigFile {
    /// Reads a file.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let read = std::fs::read_to_string(path);
        let text = read.map_err(vrt_train::atomic::FileError::at("read", path))?;
        Self::parse(path, text)
    }

    /// The same of a text that stands at `path`.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn parse(path: &Path, text: String) -> Result<Self, ConfigError> {
        let refused = |error| ConfigError::Toml {
            path: path.to_owned(),
            error,
        };
        let written: Written = toml::from_str(&text).map_err(refused)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let config = written
            .resolved(folder)
            .ok_or_else(|| ConfigError::NoModel {
                path: path.to_owned(),
            })?;
        match &config.model {
            ModelTable::Checkpoint(_) => toml::from_str::<WithCheckpoint>(&text).map(drop),
            ModelTable::Tiny(_) => toml::from_str::<WithTiny>(&text).map(drop),
        }
        .map_err(refused)?;
        let file = Self {
            path: path.to_owned(),
            text,
            config,
        };
        if let Some(table) = &file.config.grpo {
            table.objective.with(Check(&file))?;
        }
        Ok(file)
    }

    /// The objective of the file's GRPO, `B` being the one that it names.
    ///
    /// # Errors
    /// [`ConfigError::Toml`] for an unknown number, [`ConfigError::Objective`] for one outside its range.
    pub fn objective<B: Objective>(&self) -> Result<B, ConfigError> {
        // Read from the whole text, so that an error underlines its line.
        #[derive(Deserialize)]
        struct Whole<B> {
            grpo: Part<B>,
        }
        #[derive(Deserialize)]
        struct Part<B> {
            parameters: Option<B>,
        }
        let read: Result<Whole<B>, _> = toml::from_str(&self.text);
        let read = read.map_err(|error| ConfigError::Toml {
            path: self.path.clone(),
            error,
        })?;
        let objective = read.grpo.parameters.unwrap_or_default();
        objective
            .validate()
            .map_err(|error| ConfigError::Objective {
                path: self.path.clone(),
                error,
            })?;
        Ok(objective)
    }

    /// A stage's table.
    ///
    /// # Errors
    /// [`ConfigError::NoTable`].
    pub fn table<'a, T>(
        &self,
        stage: StageName,
        table: Option<&'a T>,
    ) -> Result<&'a T, ConfigError> {
        table.ok_or_else(|| ConfigError::NoTable {
            path: self.path.clone(),
            table: stage.key(),
        })
    }
}

impl ConfigFile {
    /// Where a stage starts from; `None` is the model as it is named.
    ///
    /// # Errors
    /// [`ConfigError::NoTable`].
    pub fn start(&self, stage: StageName) -> Result<Option<StageName>, ConfigError> {
        let config = &self.config;
        let start = match stage {
            StageName::ColdStart => {
                self.table(stage, config.cold_start.as_ref())?;
                return Ok(None);
            }
            StageName::Rft => self.table(stage, config.rft.as_ref())?.start,
            StageName::Grpo => self.table(stage, config.grpo.as_ref())?.start,
        };
        Ok(Start::stage(start))
    }
}

struct Check<'a>(&'a ConfigFile);

impl WithObjective for Check<'_> {
    type Out = Result<(), ConfigError>;

    fn run<B: Objective + 'static>(self) -> Self::Out {
        self.0.objective::<B>().map(drop)
    }
}
