//! In: a teacher's traces. Out: the episodes that are learned from, and a ledger whose rows sum to the lines.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use serde::Serialize;
use vrt_core::episode::Rules;
use vrt_core::op::OpSet;
use vrt_train::atomic::FileError;
use vrt_train::rejection::{Rejection, right};
use vrt_view::TraceRecord;

use super::pairs::{Pairs, Shown};
use super::script::{Script, ScriptError};
use super::tables::Keep;
use crate::prompt::DimensionWording;
use crate::traces::{BadLine, LineFault, Lines, judged_record, replay};

/// What became of the lines; they sum to `lines`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TraceLedger {
    /// Lines of the file.
    pub lines: u64,
    /// Learned.
    pub kept: u64,
    /// A unit left the format, or a call was faulty.
    pub format: u64,
    /// No final answer.
    pub no_answer: u64,
    /// The overall preference is wrong.
    pub overall: u64,
    /// A dimension is wrong.
    pub dimension: u64,
    /// Nothing stands on the line.
    pub blank: u64,
}

/// Traces that cannot be learned.
#[derive(Debug, thiserror::Error)]
pub enum TracesError {
    /// The file.
    #[error(transparent)]
    File(#[from] FileError),
    /// A line.
    #[error(transparent)]
    Line(#[from] BadLine),
    /// A trace of a pair that the data file does not have, or not with these videos.
    #[error(
        "{}:{line}: its pair is not in the data file, or cannot teach: {caption:?}, `{video}`; give the file that it was \
         judged from", file.display()
    )]
    Stranger {
        /// The file of traces.
        file: PathBuf,
        /// The line, from 1.
        line: u64,
        /// Its caption.
        caption: String,
        /// Its first video.
        video: String,
    },
    /// A trace whose videos have changed since.
    #[error(
        "{}:{line}: `{video}` had {then} frames when it was judged and has {now} now", file.display()
    )]
    Changed {
        /// The file of traces.
        file: PathBuf,
        /// The line, from 1.
        line: u64,
        /// The video.
        video: String,
        /// Frames in the trace.
        then: u32,
        /// Frames of the file.
        now: u32,
    },
    /// A trace that does not fit the model.
    #[error("{}:{line}: {error}", file.display())]
    Script {
        /// The file of traces.
        file: PathBuf,
        /// The line, from 1.
        line: u64,
        /// Its pair, and why.
        error: ScriptError,
    },
    /// Nothing is left to learn.
    #[error(
        "`{}` has no trace to learn from: {ledger:?}; `cold_start.keep = \"formatted\"` takes wrong ones as well", file.display()
    )]
    Nothing {
        /// The file.
        file: PathBuf,
        /// What became of its lines.
        ledger: TraceLedger,
    },
}

/// Reads the traces, in the order of the file. A trace that does not come out again under these rules, or that `check`
/// refuses, is an error.
///
/// # Errors
/// [`TracesError`].
pub fn read<O: OpSet>(
    path: &Path,
    keep: Keep,
    pairs: &Pairs,
    rules: &Rules,
    dimensions: &[DimensionWording; 3],
    check: impl Fn(&Script) -> Result<(), ScriptError>,
) -> Result<(Vec<Script>, TraceLedger), TracesError> {
    let file = File::open(path).map_err(FileError::at("read", path))?;
    let mut lines = Lines::new(path, BufReader::new(file));
    let mut ledger = TraceLedger::default();
    let mut scripts = Vec::new();
    while let Some(line) = lines.advance()? {
        ledger.lines += 1;
        if line.is_blank() {
            ledger.blank += 1;
            continue;
        }
        let record = line.record().map_err(|fault| line.bad(fault))?;
        let shown = found(path, line.number, &record, pairs)?;
        let truth = pairs.in_order(shown).truth;
        // Pairs without truth are not among them.
        let Some(truth) = truth else { continue };
        let judged = judged_record(&record, truth);
        let judged = judged.map_err(|error| line.bad(LineFault::from(error)))?;
        let fate = match (right(&judged), keep) {
            (Ok(_), _) => &mut ledger.kept,
            (Err(Rejection::Format(_)), _) => &mut ledger.format,
            (Err(Rejection::NoAnswer), _) => &mut ledger.no_answer,
            (Err(Rejection::Overall), Keep::Right) => &mut ledger.overall,
            (Err(Rejection::Dimension), Keep::Right) => &mut ledger.dimension,
            (Err(Rejection::Overall | Rejection::Dimension), Keep::Formatted) => &mut ledger.kept,
        };
        *fate += 1;
        let learned = ledger.kept > scripts.len() as u64;
        if learned {
            replay::<O>(&record, rules, dimensions)
                .map_err(|error| line.bad(LineFault::from(error)))?;
            let script = Script::of_record(&record, shown);
            check(&script).map_err(|error| TracesError::Script {
                file: path.to_owned(),
                line: line.number,
                error,
            })?;
            scripts.push(script);
        }
    }
    if scripts.is_empty() {
        return Err(TracesError::Nothing {
            file: path.to_owned(),
            ledger,
        });
    }
    Ok((scripts, ledger))
}

fn found(
    path: &Path,
    line: u64,
    record: &TraceRecord,
    pairs: &Pairs,
) -> Result<Shown, TracesError> {
    let [first, _] = &record.videos;
    let shown = pairs.shown(record.pair, &first.name);
    let shown = shown.ok_or_else(|| TracesError::Stranger {
        file: path.to_owned(),
        line,
        caption: record.caption.clone(),
        video: first.name.clone(),
    })?;
    let pair = pairs.in_order(shown);
    for (then, now) in record.videos.iter().zip(&pair.videos) {
        if then.frames != now.len() {
            return Err(TracesError::Changed {
                file: path.to_owned(),
                line,
                video: then.name.clone(),
                then: then.frames,
                now: now.len(),
            });
        }
    }
    Ok(shown)
}
