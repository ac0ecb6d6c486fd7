//! In: measurements of a running stage. Out: what lets a person watch it: lines, TensorBoard event files, a trend.
//!
//! `runs/<experiment>-<scale>/metrics.jsonl` gets one line a step of every stage, `<kind>-<id>/events.out.tfevents.*` the
//! same for TensorBoard, the progress bar a sparkline. All of it may be thrown away: results are made from the entry's
//! own `metrics.jsonl`, which knows no clock. A stream that cannot be written is told once and does not stop the run.

mod sparkline;
mod tensorboard;

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Once;

use serde::Serialize;
use serde_json::Value;
use vrt_train::atomic::{FileError, create_folder};

use crate::clock;
use crate::metrics;
use crate::progress::Progress;
use crate::stage::StageId;
use tensorboard::{EventFile, scalars};

pub use sparkline::sparkline;

/// Columns of a trend beside the bar.
const COLUMNS: usize = 16;

/// What a trend is drawn of: the first of these that a stage measures.
const HEADLINES: [&str; 2] = ["reward", "loss"];

/// Where the measurements of a run are streamed.
#[derive(Debug)]
pub struct Live {
    folder: PathBuf,
    told: Once,
}

impl Live {
    /// Streams into this folder, which is made when there is something to write.
    pub fn into_folder(folder: PathBuf) -> Self {
        Self {
            folder,
            told: Once::new(),
        }
    }
}

/// One stage's measurements on their way to whoever watches.
#[derive(Debug)]
pub struct Watch {
    stage: Watched,
    progress: Progress,
    stream: Option<Stream>,
    /// What the trend is drawn of, step by step.
    course: Vec<f64>,
}

#[derive(Debug)]
struct Watched {
    id: StageId,
    kind: &'static str,
    title: String,
}

/// A stage's open files.
#[derive(Debug)]
struct Stream {
    lines: PathBuf,
    events: EventFile,
}

#[derive(Serialize)]
struct Line<'a> {
    stage: String,
    kind: &'static str,
    title: &'a str,
    step: u64,
    /// Seconds since 1970.
    wall: f64,
    values: &'a Value,
}

impl Watch {
    /// Watches a stage; the files appear with its first measurement.
    pub fn new(progress: Progress, kind: &'static str, id: StageId, title: &str) -> Self {
        let stage = Watched {
            id,
            kind,
            title: title.to_owned(),
        };
        Self {
            stage,
            progress,
            stream: None,
            course: Vec::new(),
        }
    }

    /// Says that measurements go on from this step, which a resumed stage does again.
    pub fn resume_at(&mut self, step: u64) {
        self.course.clear();
        if step > 0 {
            self.attempt(|stream, _| stream.events.restart(clock::unix_seconds(), step));
        }
    }

    /// Takes the measurements of a step, a map.
    pub fn record(&mut self, step: u64, values: &Value) {
        let wall = clock::unix_seconds();
        self.attempt(|stream, stage| {
            stream.line(stage, step, wall, values)?;
            stream.events.scalars(wall, step, &scalars(values))
        });
        let mut headline = HEADLINES
            .iter()
            .filter_map(|name| values.get(name)?.as_f64());
        if let Some(value) = headline.next() {
            self.course.push(value);
            self.progress.trend(&sparkline(&self.course, COLUMNS));
        }
    }

    /// Writes to the stream; one that fails is told and closed for good.
    fn attempt(&mut self, write: impl FnOnce(&mut Stream, &Watched) -> Result<(), FileError>) {
        let Some(live) = self.progress.live() else {
            return;
        };
        let done = match &mut self.stream {
            Some(stream) => write(stream, &self.stage),
            None => Stream::open(&live, &self.stage).and_then(|mut stream| {
                write(&mut stream, &self.stage)?;
                self.stream = Some(stream);
                Ok(())
            }),
        };
        match done {
            Ok(()) => live.told.call_once(|| {
                let folder = live.folder.display();
                let line = format!(
                    "live: {folder}/{} and TensorBoard event files beside it",
                    metrics::FILE
                );
                self.progress.say(&line);
            }),
            Err(error) => {
                self.progress.say(&format!(
                    "warning: measurements are no longer streamed: {error}"
                ));
                self.progress.blind();
            }
        }
    }
}

impl Stream {
    fn open(live: &Live, stage: &Watched) -> Result<Self, FileError> {
        let name = format!("{}-{}", stage.kind, stage.id.short());
        let folder = live.folder.join(name);
        create_folder(&folder)?;
        Ok(Self {
            lines: live.folder.join(metrics::FILE),
            events: EventFile::create(&folder, clock::unix_seconds())?,
        })
    }

    fn line(&self, stage: &Watched, step: u64, wall: f64, values: &Value) -> Result<(), FileError> {
        let line = Line {
            stage: stage.id.short(),
            kind: stage.kind,
            title: &stage.title,
            step,
            wall,
            values,
        };
        let mut text = serde_json::to_string(&line)
            .map_err(|e| FileError::at("write", &self.lines)(e.into()))?;
        text.push('\n');
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.lines)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .map_err(FileError::at("write", &self.lines))
    }
}

#[cfg(test)]
mod tests;
