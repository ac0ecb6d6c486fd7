//! In: a spec, a scale, seeds. Out: `results/<id>/<scale>/`.
//!
//! Spec → graph of stages → judgments → report → files. Every arm and seed is a chain of stages; chains
//! share what they have in common.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use vrt_core::objective::VrThinker;
use vrt_core::op::PaperOps;
use vrt_train::atomic::{self, FileError};
use vrt_view::{TraceRecord, jsonl};

use crate::cases::{Cases, choose};
use crate::clock;
use crate::compare::{ArmRuns, Report, Setting, report};
use crate::diagram::{DiagramError, diagram};
use crate::graph::{Graph, MissingInput, Planned, RunError, RunOptions};
use crate::lines::{self, LinesError};
use crate::measure::{self, ArmCosts, Measurement};
use crate::paper::PaperValues;
use crate::provenance::provenance;
use crate::render::{self, FigureError, figure, measured, png, table};
use crate::spec::{Kind, LoadError, ResolvedArm, Scale, Spec};
use crate::stage::{StageError, StageId};
use crate::stages::params::ArmParams;
use crate::stages::steps::read_weights;
use crate::stages::traces::{self, TracesParams, traced};
use crate::stages::{ChainError, Maker, WORLD_SEED, chain};
use crate::stats::{Row, StatsError};
use crate::store::Store;
use crate::workspace::Workspace;
use crate::world::World;

/// The file in which the last stage of a chain leaves one [`Row`] a line.
pub const JUDGMENTS: &str = "judgments.jsonl";

/// Why an experiment has no result.
#[derive(Debug, thiserror::Error)]
pub enum ExperimentError {
    /// Its spec cannot be used.
    #[error(transparent)]
    Spec(#[from] LoadError),
    /// An arm could not become stages.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// A stage failed, or the run was interrupted.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A file could not be read or written.
    #[error(transparent)]
    Storage(#[from] FileError),
    /// A stage's judgments are no judgments.
    #[error(transparent)]
    Judgments(#[from] LinesError),
    /// The judgments cannot be compared.
    #[error(transparent)]
    Stats(#[from] StatsError),
    /// The figure could not be drawn.
    #[error(transparent)]
    Figure(#[from] FigureError),
    /// The diagram has no content.
    #[error(transparent)]
    Diagram(#[from] DiagramError),
    /// What an experiment wrote cannot be read.
    #[error("`{}` cannot be used: {why}", path.display())]
    Results {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and how to mend it.
        why: String,
    },
}

/// An experiment at a scale, as stages.
pub struct Job {
    spec: Spec,
    scale: Scale,
    seeds: Vec<u64>,
    graph: Graph,
    runs: Vec<ArmStages>,
}

/// The last stages of an arm, one a seed.
struct ArmStages {
    arm: ResolvedArm,
    first: Vec<StageId>,
    beside: Vec<StageId>,
}

impl Job {
    /// Plans a spec at a scale; `seeds` replaces the number of the spec's seeds.
    ///
    /// # Errors
    /// [`ExperimentError`] when the spec names stages that `makers` does not have.
    pub fn new(
        spec: Spec,
        makers: &[(&str, Maker)],
        scale: Scale,
        seeds: Option<u64>,
    ) -> Result<Self, ExperimentError> {
        let seeds = match seeds {
            Some(count) => (1..=count).collect(),
            None => spec.seeds(scale).map_err(LoadError::from)?,
        };
        let mut graph = Graph::default();
        let mut runs = Vec::new();
        for arm in spec.arms(scale).map_err(LoadError::from)? {
            let names: Vec<&str> = arm.chain.iter().map(String::as_str).collect();
            let mut each = |params: &ArmParams| -> Result<Vec<StageId>, ChainError> {
                let one = |&seed: &u64| match (spec.file.cases, names.split_last()) {
                    (Some(cases), Some((_, policy))) => {
                        let traces = TracesParams {
                            source: format!("{} / {}", spec.id(), arm.id),
                            pairs: cases.among,
                            groups: 0,
                        };
                        traced(makers, policy, &mut graph, params, seed, traces)
                    }
                    _ => chain(makers, &names, &mut graph, params, seed),
                };
                seeds.iter().map(one).collect()
            };
            let first = each(&arm.params)?;
            let beside = arm.beside.as_ref().map(&mut each).transpose()?;
            runs.push(ArmStages {
                arm,
                first,
                beside: beside.unwrap_or_default(),
            });
        }
        Ok(Self {
            spec,
            scale,
            seeds,
            graph,
            runs,
        })
    }

    /// The experiment's id.
    pub fn id(&self) -> &str {
        self.spec.id()
    }

    /// The last stage of every run.
    pub fn targets(&self) -> Vec<StageId> {
        let both = |run: &ArmStages| [run.first.clone(), run.beside.clone()].concat();
        self.runs.iter().flat_map(both).collect()
    }

    /// What a run would do. Changes nothing.
    ///
    /// # Errors
    /// [`RunError`] when the cache cannot be read.
    pub fn plan(&self, store: &Store) -> Result<Vec<Planned>, RunError> {
        self.graph.plan(store, &self.targets())
    }

    /// Every stage behind the results.
    pub fn lineage(&self) -> BTreeSet<StageId> {
        self.graph.lineage(&self.targets())
    }

    /// Adds its stages to a graph of several experiments, where what they have in common is one stage.
    ///
    /// # Errors
    /// [`MissingInput`] never in fact: a job's stages come after their inputs.
    pub fn join(&self, graph: &mut Graph) -> Result<(), MissingInput> {
        for stage in self.graph.stages() {
            graph.add(stage.clone())?;
        }
        Ok(())
    }

    /// Forgets every stage of the experiment, so that it runs from nothing.
    ///
    /// # Errors
    /// [`FileError`] when an entry cannot be removed.
    pub fn forget(&self, store: &Store) -> Result<(), FileError> {
        for stage in self.graph.stages() {
            store.forget(stage.kind(), stage.id())?;
        }
        Ok(())
    }

    /// Builds what is missing and writes the results; the table's text.
    ///
    /// # Errors
    /// [`ExperimentError`]; whatever was finished stays cached, old results stay as they were.
    pub fn run(
        &self,
        workspace: &Workspace,
        store: &Store,
        options: &RunOptions,
    ) -> Result<String, ExperimentError> {
        // Before the stages: a mistake in this file shows at once, not after they have run.
        let paper = PaperValues::load(&workspace.paper_values())?;
        let records = self.graph.run(store, &self.targets(), options)?;
        let lineage = self.lineage();
        let mut birth = provenance(
            &workspace.root,
            &self.spec,
            self.scale,
            &self.seeds,
            self.named_runs(),
            lineage,
            &records,
        )?;
        let revision = birth.revision.short();
        let folder = workspace.results(self.spec.id(), self.scale);
        let text = match self.spec.file.experiment.kind {
            Kind::Measurement => {
                let measured = self.measure(&paper, &revision, store, options)?;
                let text = measured::table(&measured);
                write_json(&folder.join("result.json"), &measured)?;
                atomic::write(&folder.join("table.md"), text.as_bytes())?;
                text
            }
            Kind::Diagram => {
                let diagram = diagram::<PaperOps, VrThinker>(&self.spec, self.scale, &revision)?;
                write_figure(&folder, &render::diagram::svg(&diagram)?)?;
                let text = render::diagram::table(&diagram);
                write_json(&folder.join("result.json"), &diagram)?;
                atomic::write(&folder.join("table.md"), text.as_bytes())?;
                text
            }
            Kind::Cases => {
                let cases = self.cases(&revision, store)?;
                write_figure(&folder, &render::cases::svg(&cases)?)?;
                let text = render::cases::table(&cases);
                let traces: Vec<TraceRecord> =
                    cases.cases.iter().map(|case| case.trace.clone()).collect();
                let lines = jsonl::write(&traces);
                atomic::write(&folder.join(traces::FILE), lines.as_bytes())?;
                write_json(&folder.join("result.json"), &cases)?;
                atomic::write(&folder.join("table.md"), text.as_bytes())?;
                text
            }
            kind => write_results(&folder, kind, &self.judged(&paper, &revision, store)?)?,
        };
        birth.certify(&folder)?;
        write_json(&folder.join("provenance.json"), &birth)?;
        Ok(text)
    }

    /// The last stage of each run: `arm/seed`, or `arm/seed/beside` for the second look.
    fn named_runs(&self) -> BTreeMap<String, StageId> {
        let mut runs = BTreeMap::new();
        for run in &self.runs {
            for (seed, id) in self.seeds.iter().zip(&run.first) {
                runs.insert(format!("{}/{seed}", run.arm.id), *id);
            }
            for (seed, id) in self.seeds.iter().zip(&run.beside) {
                runs.insert(format!("{}/{seed}/beside", run.arm.id), *id);
            }
        }
        runs
    }

    /// Everything that the judgments say.
    fn judged(
        &self,
        paper: &PaperValues,
        revision: &str,
        store: &Store,
    ) -> Result<Report, ExperimentError> {
        let mut arms = Vec::new();
        for run in &self.runs {
            let read = |ids: &[StageId]| -> Result<Vec<Vec<Row>>, ExperimentError> {
                ids.iter().map(|&id| self.judgments(store, id)).collect()
            };
            let beside = read(&run.beside)?;
            arms.push(ArmRuns {
                id: run.arm.id.clone(),
                label: run.arm.label.clone(),
                runs: read(&run.first)?,
                beside: (!beside.is_empty()).then_some(beside),
                at: run.arm.at.clone(),
                waived: run.arm.params.grpo.waive.clone(),
            });
        }
        let setting = Setting {
            spec: &self.spec,
            scale: self.scale,
            seeds: &self.seeds,
            revision,
            paper_source: &paper.source,
            paper: paper.experiments.get(self.spec.id()),
        };
        Ok(report(&setting, &arms)?)
    }

    /// What judging costs each arm, with the policy of its first seed: another seed costs the same.
    fn measure(
        &self,
        paper: &PaperValues,
        revision: &str,
        store: &Store,
        options: &RunOptions,
    ) -> Result<Measurement, ExperimentError> {
        let mut arms = Vec::new();
        let mut repeats = 0;
        for run in &self.runs {
            let Some(&id) = run.first.first() else {
                continue;
            };
            let stage = self.graph.get(id).ok_or(RunError::Unknown(id))?;
            let title = format!("measuring `{}`", run.arm.id);
            options.display.say(&title);
            let measured = read_weights(&store.entry(stage.kind(), id)).and_then(|weights| {
                measure::costs(&weights, &run.arm.params, options.threads, &options.cancel)
            });
            repeats = run.arm.params.measure.repeats.max(1);
            arms.push(ArmCosts {
                id: run.arm.id.clone(),
                label: run.arm.label.clone(),
                costs: measured.map_err(|error| match error {
                    StageError::Interrupted => RunError::Interrupted { title },
                    source => RunError::Stage { title, id, source },
                })?,
            });
        }
        let experiment = &self.spec.file.experiment;
        Ok(Measurement {
            id: self.spec.id().to_owned(),
            title: experiment.title.clone(),
            kind: experiment.kind,
            scale: self.scale,
            revision: revision.to_owned(),
            cores: clock::processors(),
            threads: options.threads,
            repeats,
            arms,
            paper_source: paper.source.clone(),
            paper: paper.costs.get(self.spec.id()).cloned(),
            notes: experiment.notes.clone(),
        })
    }

    /// The cases among the traces of the first run.
    fn cases(&self, revision: &str, store: &Store) -> Result<Cases, ExperimentError> {
        let file = &self.spec.file;
        // The spec was checked: it has an arm, a seed and the rule.
        let unusable = || ExperimentError::Results {
            path: self.spec.id().into(),
            why: "it has no arm, no seed or no [cases]".to_owned(),
        };
        let run = self.runs.first().ok_or_else(unusable)?;
        let &id = run.first.first().ok_or_else(unusable)?;
        let rule = file.cases.ok_or_else(unusable)?;
        let path = store.entry(traces::KIND, id).join(traces::FILE);
        let bytes = std::fs::read(&path).map_err(FileError::at("read", &path))?;
        let unreadable = |why: String| ExperimentError::Results { path, why };
        let read = jsonl::read(traces::FILE, bytes.as_slice());
        let records = match read {
            Ok(records) => records,
            Err(error) => return Err(unreadable(error.to_string())),
        };
        let world = match World::new(WORLD_SEED, run.arm.params.world.clone()) {
            Ok(world) => world,
            Err(error) => return Err(unreadable(error.to_string())),
        };
        let (missed, cases) = choose(&records, |trace| world.facts(trace.pair), &rule);
        Ok(Cases {
            id: self.spec.id().to_owned(),
            title: file.experiment.title.clone(),
            kind: file.experiment.kind,
            scale: self.scale,
            revision: revision.to_owned(),
            arm: run.arm.label.clone(),
            rule,
            missed,
            cases,
            notes: file.experiment.notes.clone(),
        })
    }

    fn judgments(&self, store: &Store, id: StageId) -> Result<Vec<Row>, ExperimentError> {
        let stage = self.graph.get(id).ok_or(RunError::Unknown(id))?;
        Ok(lines::read(&store.entry(stage.kind(), id).join(JUDGMENTS))?)
    }
}

/// Writes the report's files; the table's text.
fn write_results(folder: &Path, kind: Kind, report: &Report) -> Result<String, ExperimentError> {
    let text = table::table(report);
    if kind == Kind::Figure {
        write_figure(folder, &figure::svg(report)?)?;
    }
    write_json(&folder.join("result.json"), report)?;
    atomic::write(&folder.join("table.md"), text.as_bytes())?;
    Ok(text)
}

fn write_figure(folder: &Path, svg: &str) -> Result<(), ExperimentError> {
    atomic::write(&folder.join("figure.png"), &png(svg)?)?;
    atomic::write(&folder.join("figure.svg"), svg.as_bytes())?;
    Ok(())
}

fn write_json(path: &Path, value: &impl serde::Serialize) -> Result<(), FileError> {
    let mut text =
        serde_json::to_vec_pretty(value).map_err(|e| FileError::at("write", path)(e.into()))?;
    text.push(b'\n');
    atomic::write(path, &text)
}
