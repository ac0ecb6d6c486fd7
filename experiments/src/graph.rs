//! In: stages and the ones that are wanted. Out: their finished entries, each built at most once.
//!
//! Stages with the same content are one stage, whichever arm or seed asked for them. A stage can only
//! be added after its inputs, so the order of adding is an order of building.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use vrt_train::atomic::FileError;

use crate::clock::Stopwatch;
use crate::live::Watch;
use crate::metrics::MetricsSink;
use crate::progress::Display;
use crate::rates::Rates;
use crate::stage::{Cancel, Stage, StageContext, StageError, StageId};
use crate::store::{Record, State, Store};

/// A set of stages without duplicates, inputs first.
#[derive(Default)]
pub struct Graph {
    stages: Vec<Arc<dyn Stage>>,
    places: BTreeMap<StageId, usize>,
}

/// A stage was added before one of its inputs.
#[derive(Debug, thiserror::Error)]
#[error("stage `{title}` needs stage {input}, which is not in the graph; add its inputs first")]
pub struct MissingInput {
    /// The stage that was being added.
    pub title: String,
    /// The input that is not there.
    pub input: StageId,
}

/// Why a run did not finish.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// It was asked to stop.
    #[error(
        "interrupted while at `{title}`; run the same command again to continue from its checkpoint"
    )]
    Interrupted {
        /// The stage that was running.
        title: String,
    },
    /// A stage failed.
    #[error("stage `{title}` ({}) failed: {source}", id.short())]
    Stage {
        /// The stage's title.
        title: String,
        /// Its identity.
        id: StageId,
        /// Its error.
        source: StageError,
    },
    /// The store could not be read or written.
    #[error(transparent)]
    Storage(#[from] FileError),
    /// The wanted stage was never added.
    #[error("stage {0} is not in the graph")]
    Unknown(StageId),
}

/// What will happen to a stage.
#[derive(Clone, Debug, PartialEq)]
pub enum Fate {
    /// Finished already.
    Cached,
    /// Will be built.
    Build,
    /// Its entry is damaged: it will be moved aside and built again.
    Rebuild(String),
    /// Not finished, but everything that would read it is.
    NotNeeded,
}

/// One line of a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    /// The stage.
    pub id: StageId,
    /// Its kind.
    pub kind: &'static str,
    /// Its title.
    pub title: String,
    /// Its inputs.
    pub inputs: Vec<StageId>,
    /// What will happen to it.
    pub fate: Fate,
    /// Seconds it is expected to take; 0 when nothing is to be done.
    pub seconds: f64,
}

/// How to run.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// Threads a stage may use.
    pub threads: usize,
    /// The request to stop.
    pub cancel: Cancel,
    /// Where progress is shown.
    pub display: Display,
}

impl Graph {
    /// Adds a stage, or finds the same one already there.
    ///
    /// # Errors
    /// [`MissingInput`] when an input was not added before.
    pub fn add(&mut self, stage: Arc<dyn Stage>) -> Result<StageId, MissingInput> {
        let id = stage.id();
        if let Some(input) = stage
            .inputs()
            .into_iter()
            .find(|input| !self.places.contains_key(input))
        {
            return Err(MissingInput {
                title: stage.title(),
                input,
            });
        }
        let next = self.stages.len();
        if *self.places.entry(id).or_insert(next) == next {
            self.stages.push(stage);
        }
        Ok(id)
    }

    /// The stages, inputs first.
    pub fn stages(&self) -> &[Arc<dyn Stage>] {
        &self.stages
    }

    /// The stage with this identity.
    pub fn get(&self, id: StageId) -> Option<&Arc<dyn Stage>> {
        self.places.get(&id).map(|&place| &self.stages[place])
    }

    /// Everything `targets` stand on, themselves included.
    pub fn lineage(&self, targets: &[StageId]) -> BTreeSet<StageId> {
        let mut all = BTreeSet::new();
        let mut open = targets.to_vec();
        while let Some(id) = open.pop() {
            if all.insert(id)
                && let Some(stage) = self.get(id)
            {
                open.extend(stage.inputs());
            }
        }
        all
    }

    /// What a run for `targets` would do, inputs first. Changes nothing.
    ///
    /// # Errors
    /// [`RunError::Unknown`] for a target that was not added, [`RunError::Storage`] for an entry that
    /// cannot be read.
    pub fn plan(&self, store: &Store, targets: &[StageId]) -> Result<Vec<Planned>, RunError> {
        let rates = Rates::beside(store);
        let mut wanted: BTreeSet<StageId> = targets.iter().copied().collect();
        if let Some(&unknown) = wanted.iter().find(|id| !self.places.contains_key(id)) {
            return Err(RunError::Unknown(unknown));
        }
        let lineage = self.lineage(targets);
        let mut plan = Vec::new();
        // Readers come after what they read, so walking backwards knows who is wanted.
        for stage in self.stages.iter().rev() {
            let id = stage.id();
            if !lineage.contains(&id) {
                continue;
            }
            let fate = match store.inspect(stage.as_ref())? {
                State::Cached(_) => Fate::Cached,
                _ if !wanted.contains(&id) => Fate::NotNeeded,
                State::Missing => Fate::Build,
                State::Damaged(why) => Fate::Rebuild(why),
            };
            let builds = matches!(fate, Fate::Build | Fate::Rebuild(_));
            if builds {
                wanted.extend(stage.inputs());
            }
            plan.push(Planned {
                id,
                kind: stage.kind(),
                title: stage.title(),
                inputs: stage.inputs(),
                fate,
                seconds: if builds {
                    rates.seconds(stage.kind(), stage.estimate())
                } else {
                    0.0
                },
            });
        }
        plan.reverse();
        Ok(plan)
    }

    /// Builds what `targets` need and is not there yet; the records of all that was built or wanted.
    ///
    /// # Errors
    /// [`RunError`]; everything finished before the error stays finished.
    pub fn run(
        &self,
        store: &Store,
        targets: &[StageId],
        options: &RunOptions,
    ) -> Result<BTreeMap<StageId, Record>, RunError> {
        let plan = self.plan(store, targets)?;
        let builds = |planned: &&Planned| matches!(planned.fate, Fate::Build | Fate::Rebuild(_));
        let total = plan.iter().filter(builds).count();
        let mut rates = Rates::beside(store);
        for (at, planned) in plan.iter().filter(builds).enumerate() {
            let stage = &self.stages[self.places[&planned.id]];
            if let Fate::Rebuild(why) = &planned.fate {
                let aside = store.set_aside(planned.kind, planned.id)?;
                options.display.say(&format!(
                    "the cache entry of `{}` is damaged ({why}); moved to {} and built again",
                    planned.title,
                    aside.display()
                ));
            }
            let place = format!("[{}/{total}]", at + 1);
            if let Some(record) = self.build(stage.as_ref(), store, &place, options)? {
                rates.learn(planned.kind, &record.cost)?;
            }
        }
        let mut records = BTreeMap::new();
        for planned in plan {
            let stage = &self.stages[self.places[&planned.id]];
            if let State::Cached(record) = store.inspect(stage.as_ref())? {
                records.insert(planned.id, *record);
            }
        }
        Ok(records)
    }

    /// Builds one stage; `None` when another process finished it meanwhile.
    fn build(
        &self,
        stage: &dyn Stage,
        store: &Store,
        place: &str,
        options: &RunOptions,
    ) -> Result<Option<Record>, RunError> {
        let title = stage.title();
        let id = stage.id();
        let interrupted = || RunError::Interrupted {
            title: title.clone(),
        };
        let wait = || {
            options.display.say(&format!(
                "another run is building `{title}`; waiting for it"
            ));
        };
        let Some(slot) = store.begin(stage.kind(), id, &options.cancel, wait)? else {
            return Err(interrupted());
        };
        if let State::Cached(_) = store.inspect(stage)? {
            store.abandon(slot)?;
            return Ok(None);
        }
        let progress = options.display.stage(place, &title);
        let watch = Watch::new(progress.clone(), stage.kind(), id, &title);
        let mut inputs: BTreeMap<StageId, PathBuf> = BTreeMap::new();
        for input in stage.inputs() {
            let kind = self.get(input).ok_or(RunError::Unknown(input))?.kind();
            inputs.insert(input, store.entry(kind, input));
        }
        let mut cx = StageContext {
            out: slot.out.clone(),
            work: slot.work.clone(),
            inputs,
            threads: options.threads,
            progress: progress.clone(),
            cancel: options.cancel.clone(),
            metrics: MetricsSink::new(&slot.work).watched(watch),
        };
        let watch = Stopwatch::start();
        match stage.run(&mut cx) {
            Ok(()) => {}
            Err(StageError::Interrupted) => return Err(interrupted()),
            Err(source) => return Err(RunError::Stage { title, id, source }),
        }
        cx.metrics.finish(&slot.out)?;
        let seconds = watch.seconds();
        let record = store.commit(stage, slot, seconds)?;
        progress.finish(&format!("{place} {title}: done in {seconds:.1} s"));
        Ok(Some(record))
    }
}
