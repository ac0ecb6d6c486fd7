//! In: a policy and cases. Out: an answer to each, episode by episode through a journal, and their traces.

use std::path::Path;

use vrt_core::episode::{Episode, Rules, StopReason};
use vrt_core::ledger::Ledger;
use vrt_core::op::OpSet;
use vrt_core::pair::{Preference, PreferencePair, Verdict};
use vrt_core::policy::{Policy, PolicyError};
use vrt_core::rollout::rollout;
use vrt_train::atomic::{FileError, Pending};
use vrt_view::{Context, Pictures, RecordError, TraceRecord, jsonl};

use super::case::{Case, Show, Stage};
use super::setting::Setting;
use super::sides::Sides;
use crate::server::{Journal, JournalError, Journaled, Progress};

/// Cases whose episodes are in memory at a time.
const CHUNK: usize = 256;

/// What became of a case.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Who is better, in the order of the file; `None` where no answer was given.
    pub verdict: Option<Verdict>,
    /// The overall preference in the order in which the videos were shown.
    pub shown: Option<Preference>,
    /// Why the policy itself failed, if it did: that says nothing of its judgment.
    pub failed: Option<String>,
}

/// One run over all cases.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// An answer a case, in their order.
    pub answers: Vec<Answer>,
    /// What became of the episodes and their calls.
    pub ledger: Ledger,
}

/// A run could not go on. What has ended is kept.
#[derive(Debug, thiserror::Error)]
pub enum EvalError {
    /// The journal cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A pair could not be opened.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// A trace could not be recorded.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Where traces are written.
pub struct Traces {
    file: Pending,
    pictures: Pictures,
}

impl Traces {
    /// Begins a file of traces with these pictures; it appears when it is finished.
    ///
    /// # Errors
    /// [`FileError`] if it cannot be written.
    pub fn begin(path: &Path, pictures: Pictures) -> Result<Self, FileError> {
        let file = Pending::begin(path)?;
        Ok(Self { file, pictures })
    }

    /// Puts the file in its place.
    ///
    /// # Errors
    /// [`FileError`] if it cannot be written.
    pub fn finish(self) -> Result<(), FileError> {
        self.file.finish()
    }

    fn add(
        &mut self,
        episode: &Episode,
        pair: &PreferencePair,
        rules: &Rules,
        source: &str,
        case: &Case,
    ) -> Result<(), EvalError> {
        let record = |pictures| {
            let context = Context {
                source,
                videos: Stage::names(case),
                pictures,
                ..Context::default()
            };
            TraceRecord::new(episode, pair, rules, context)
        };
        let made = match record(self.pictures) {
            // A damaged frame has ended the episode, and its reason says so: the words are kept.
            Err(RecordError::Video(_)) => record(Pictures::None),
            made => made,
        };
        Ok(self.file.append(jsonl::write(&[made?]).as_bytes())?)
    }
}

/// What all runs of an evaluation share.
pub struct Evaluation<'a> {
    /// What decides an episode.
    pub setting: &'a Setting,
    /// The cases.
    pub cases: &'a [Case],
    /// Their videos.
    pub stage: &'a Stage,
    /// Threads of the episode loop; answers do not depend on them.
    pub threads: usize,
}

impl Evaluation<'_> {
    /// Judges all cases once. `watch` hears of every episode that ends, those of the journal included.
    ///
    /// # Errors
    /// [`EvalError`]; a failure of the policy later than a pair's opening ends only its own episode.
    pub fn run<O: OpSet, P: Policy>(
        &self,
        policy: &P,
        show: Show,
        journal: &Journal,
        watch: &(dyn Fn(Progress<'_>) + Sync),
        mut traces: Option<&mut Traces>,
    ) -> Result<Run, EvalError> {
        let rules = &self.setting.rules;
        let mut answers = Vec::with_capacity(self.cases.len());
        let mut ledger = Ledger::of::<O>();
        for chunk in self.cases.chunks(CHUNK) {
            let shown = chunk.iter().map(|case| self.stage.pair(case, show));
            let pairs: Vec<PreferencePair> = shown.collect();
            let journaled = Journaled::new(policy, journal).watched(watch);
            let judged = rollout::<O, _>(&journaled, &pairs, 1, rules, self.threads);
            // A journal that cannot be written is the cause of what failed after it.
            journaled.close()?;
            let (rollouts, counted) = judged?;
            ledger.add(&counted);
            for rollout in rollouts {
                let (case, pair) = (&chunk[rollout.pair], &pairs[rollout.pair]);
                for sample in &rollout.samples {
                    answers.push(answer(&sample.episode, case));
                    if let Some(traces) = traces.as_deref_mut() {
                        let source = source(self.setting, show, case);
                        traces.add(&sample.episode, pair, rules, &source, case)?;
                    }
                }
            }
        }
        Ok(Run { answers, ledger })
    }
}

fn answer(episode: &Episode, case: &Case) -> Answer {
    let verdict = episode.answer().map(|judgment| judgment.verdict);
    Answer {
        verdict: verdict.map(|verdict| case.sides.verdict(verdict)),
        shown: verdict.map(|verdict| verdict.overall),
        failed: match &episode.stop {
            Some(StopReason::Policy(error)) => Some(error.reason.clone()),
            _ => None,
        },
    }
}

/// `genai-bench / redundant / row 12, swapped / label 1`: the label in the order in which the videos are shown.
fn source(setting: &Setting, show: Show, case: &Case) -> String {
    let mut parts = vec![setting.benchmark.to_owned()];
    if show == Show::Redundant {
        parts.push(show.name().to_owned());
    }
    let swapped = match case.sides {
        Sides::AsFiled => "",
        Sides::Swapped => ", swapped",
    };
    parts.push(format!("row {}{swapped}", case.labelled.row));
    if let Some(label) = case.labelled.labels.overall {
        parts.push(format!("label {}", case.sides.preference(label).digit()));
    }
    parts.join(" / ")
}
