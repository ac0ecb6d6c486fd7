//! In: measurements of a stage, step by step. Out: `metrics.jsonl`, the same bytes after a resume; whoever watches hears
//! of them as they come.

use std::fs;
use std::path::Path;

use serde::Serialize;
use vrt_train::atomic::FileError;
use vrt_train::metrics::Metrics;

use crate::live::Watch;

/// The file's name inside an entry.
pub const FILE: &str = "metrics.jsonl";

/// The metrics of a stage, which somebody may watch.
#[derive(Debug)]
pub struct MetricsSink {
    lines: Metrics,
    watch: Option<Watch>,
}

impl MetricsSink {
    /// A sink that keeps its lines in the stage's work folder until the stage succeeds.
    pub(crate) fn new(work: &Path) -> Self {
        Self {
            lines: Metrics::new(&work.join(FILE)),
            watch: None,
        }
    }

    /// The same, watched.
    pub(crate) fn watched(self, watch: Watch) -> Self {
        Self {
            watch: Some(watch),
            ..self
        }
    }

    /// As [`Metrics::resume_at`].
    ///
    /// # Errors
    /// [`FileError`] when the file cannot be read or written.
    pub fn resume_at(&mut self, step: u64) -> Result<(), FileError> {
        self.lines.resume_at(step)?;
        if let Some(watch) = &mut self.watch {
            watch.resume_at(step);
        }
        Ok(())
    }

    /// As [`Metrics::record`].
    ///
    /// # Errors
    /// [`FileError`] when the line cannot be written or `values` is not a map.
    pub fn record(&mut self, step: u64, values: &impl Serialize) -> Result<(), FileError> {
        self.lines.record(step, values)?;
        if let Some(watch) = &mut self.watch {
            let values = serde_json::to_value(values);
            watch.record(step, &values.unwrap_or_default());
        }
        Ok(())
    }

    /// Moves the lines into the finished entry, if there are any.
    pub(crate) fn finish(&self, out: &Path) -> Result<(), FileError> {
        if let Some(lines) = self.lines.path() {
            let target = out.join(FILE);
            fs::rename(lines, &target).map_err(FileError::at("write", target))?;
        }
        Ok(())
    }
}
