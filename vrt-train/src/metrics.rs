//! In: measurements of a run, step by step. Out: a file with a line a step, the same bytes after a resume.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;

use crate::atomic::{self, FileError};

/// Appends one line a record; lines of steps that a resumed run repeats are dropped first.
#[derive(Debug)]
pub struct Metrics {
    path: PathBuf,
    open: bool,
}

#[derive(Serialize)]
struct Line<'a, T> {
    step: u64,
    #[serde(flatten)]
    values: &'a T,
}

impl Metrics {
    /// Lines in this file.
    pub fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            open: false,
        }
    }

    /// Where they are, once there are any.
    pub fn path(&self) -> Option<&Path> {
        self.open.then_some(self.path.as_path())
    }

    /// Keeps the lines of steps below `step` and forgets the rest: call it with the first step that
    /// will be done again. A run that never calls it starts an empty file.
    ///
    /// # Errors
    /// [`FileError`] when the file cannot be read or written.
    pub fn resume_at(&mut self, step: u64) -> Result<(), FileError> {
        let mut kept = String::new();
        if step > 0 && self.path.exists() {
            let old = fs::read_to_string(&self.path).map_err(FileError::at("read", &self.path))?;
            for line in old.lines() {
                // A kill may cut the last line; whatever cannot be read belongs to a repeated step.
                let parsed: Option<Value> = serde_json::from_str(line).ok();
                let at = parsed.and_then(|value| value.get("step")?.as_u64());
                if at.is_some_and(|at| at < step) {
                    kept.push_str(line);
                    kept.push('\n');
                }
            }
        }
        atomic::write(&self.path, kept.as_bytes())?;
        self.open = true;
        Ok(())
    }

    /// Writes one line: `{"step": step, …values}`. `values` must serialise to a map; floats that are
    /// not finite become `null`.
    ///
    /// # Errors
    /// [`FileError`] when the line cannot be written or `values` is not a map.
    pub fn record(&mut self, step: u64, values: &impl Serialize) -> Result<(), FileError> {
        if !self.open {
            self.resume_at(0)?;
        }
        let mut line = serde_json::to_string(&Line { step, values })
            .map_err(|e| FileError::at("write", &self.path)(e.into()))?;
        line.push('\n');
        OpenOptions::new()
            .append(true)
            .open(&self.path)
            .and_then(|mut file| file.write_all(line.as_bytes()))
            .map_err(FileError::at("write", &self.path))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_resumed_run_holds_each_step_once() {
        let dir = tempfile::tempdir().unwrap();
        let mut first = Metrics::new(&dir.path().join("metrics.jsonl"));
        for step in 0..4 {
            first.record(step, &json!({"loss": step})).unwrap();
        }
        let mut file = OpenOptions::new()
            .append(true)
            .open(dir.path().join("metrics.jsonl"))
            .unwrap();
        file.write_all(b"{\"step\":4,\"lo").unwrap();
        let mut second = Metrics::new(&dir.path().join("metrics.jsonl"));
        second.resume_at(2).unwrap();
        for step in 2..4 {
            second.record(step, &json!({"loss": step})).unwrap();
        }
        let text = fs::read_to_string(dir.path().join("metrics.jsonl")).unwrap();
        let expected: String = (0..4)
            .map(|s| format!("{{\"step\":{s},\"loss\":{s}}}\n"))
            .collect();
        assert_eq!(text, expected);
    }

    #[test]
    fn a_run_that_starts_over_starts_an_empty_file() {
        let dir = tempfile::tempdir().unwrap();
        Metrics::new(&dir.path().join("metrics.jsonl"))
            .record(7, &json!({}))
            .unwrap();
        Metrics::new(&dir.path().join("metrics.jsonl"))
            .record(0, &json!({}))
            .unwrap();
        let text = fs::read_to_string(dir.path().join("metrics.jsonl")).unwrap();
        assert_eq!(text, "{\"step\":0}\n");
    }
}
