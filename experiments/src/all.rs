//! In: every spec. Out: every result, each stage built at most once; what failed does not stop the others.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;

use crate::catalogue::held;
use crate::claims::{Lookup, Tally, look};
use crate::graph::{Graph, RunError, RunOptions};
use crate::run::{ExperimentError, Job};
use crate::spec::{Scale, Spec};
use crate::stage::StageId;
use crate::stages::{ChainError, Maker};
use crate::store::Store;
use crate::workspace::Workspace;

/// Runs every experiment, sharing stages; keeps going after a failure and reports at the end
///
/// Stages that several experiments have in common are built once. When an experiment fails, the others still run, except
/// those that need the very stage that failed. The exit code is that of the first failure.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cargo run -p experiments -- all --scale smoke            does everything run?
  cargo run -p experiments -- all --scale full --dry-run   every stage once: what is cached, what the rest costs")]
pub struct AllArgs {
    /// How much is computed
    #[arg(long, value_enum, default_value_t)]
    pub scale: Scale,
    /// Threads; results do not depend on them [default: all processors]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: Option<u16>,
    /// Print the stages of all, what is cached, and an estimate of the time; run nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// What became of one experiment.
#[derive(Debug)]
pub enum Fate {
    /// Its results are written.
    Done(Tally),
    /// It failed.
    Failed(Box<ExperimentError>),
    /// It needs a stage that failed in another.
    Skipped {
        /// The stage's title.
        stage: String,
        /// Where it failed.
        failed_in: String,
    },
}

/// Every experiment with what became of it, in order.
#[derive(Debug, Default)]
pub struct Outcomes(pub Vec<(String, Fate)>);

/// All stages of all experiments as one graph, and those that experiments end with.
///
/// # Errors
/// [`ExperimentError`] for the first spec that cannot be used.
pub fn together(
    makers: &[(&str, Maker)],
    specs: &[(String, PathBuf)],
    scale: Scale,
) -> Result<(Graph, Vec<StageId>), ExperimentError> {
    let mut graph = Graph::default();
    let mut targets = Vec::new();
    for (_, path) in specs {
        let job = Job::new(Spec::load(path)?, makers, scale, None)?;
        job.join(&mut graph).map_err(ChainError::from)?;
        targets.extend(job.targets());
    }
    Ok((graph, targets))
}

/// Runs every experiment; `options` says how each is run.
///
/// # Errors
/// [`RunError::Interrupted`] alone: all else is an outcome.
pub fn all(
    workspace: &Workspace,
    makers: &[(&str, Maker)],
    specs: &[(String, PathBuf)],
    scale: Scale,
    options: impl Fn(&str) -> RunOptions,
) -> Result<Outcomes, ExperimentError> {
    let store = Store::at(&workspace.cache);
    // Stages that failed, with their titles and the experiment that met them first.
    let mut failed: BTreeMap<StageId, (String, String)> = BTreeMap::new();
    let mut outcomes = Outcomes::default();
    for (at, (id, path)) in specs.iter().enumerate() {
        let options = options(id);
        options
            .display
            .say(&format!("experiment {} of {}: {id}", at + 1, specs.len()));
        let fate = match one(workspace, makers, path, scale, &store, &options, &failed) {
            Ok(fate) => fate,
            Err(error @ ExperimentError::Run(RunError::Interrupted { .. })) => return Err(error),
            Err(error) => {
                if let ExperimentError::Run(RunError::Stage {
                    title, id: stage, ..
                }) = &error
                {
                    failed.insert(*stage, (title.clone(), id.clone()));
                }
                options.display.say(&format!("`{id}` failed: {error}"));
                Fate::Failed(Box::new(error))
            }
        };
        outcomes.0.push((id.clone(), fate));
    }
    Ok(outcomes)
}

fn one(
    workspace: &Workspace,
    makers: &[(&str, Maker)],
    path: &std::path::Path,
    scale: Scale,
    store: &Store,
    options: &RunOptions,
    failed: &BTreeMap<StageId, (String, String)>,
) -> Result<Fate, ExperimentError> {
    let job = Job::new(Spec::load(path)?, makers, scale, None)?;
    let lineage = job.lineage();
    if let Some((_, (stage, failed_in))) = failed.iter().find(|(id, _)| lineage.contains(id)) {
        return Ok(Fate::Skipped {
            stage: stage.clone(),
            failed_in: failed_in.clone(),
        });
    }
    job.run(workspace, store, options)?;
    Ok(Fate::Done(match look(workspace, job.id(), scale)? {
        Lookup::Here(found) => found.tally(),
        Lookup::Absent(_) => Tally::default(),
    }))
}

impl Outcomes {
    /// The first error, if there was any.
    pub fn first_error(&self) -> Option<&ExperimentError> {
        self.0.iter().find_map(|(_, fate)| match fate {
            Fate::Failed(error) => Some(error.as_ref()),
            _ => None,
        })
    }

    /// The report: a line an experiment, and a sum.
    pub fn report(&self) -> String {
        let mut out = String::new();
        let (mut done, mut failed, mut skipped) = (0, 0, 0);
        for (id, fate) in &self.0 {
            let line = match fate {
                Fate::Done(tally) => {
                    done += 1;
                    format!("done     {}", held(*tally))
                }
                Fate::Failed(error) => {
                    failed += 1;
                    format!("failed   {error}")
                }
                Fate::Skipped { stage, failed_in } => {
                    skipped += 1;
                    format!("skipped  it needs `{stage}`, which failed in {failed_in}")
                }
            };
            // Writing into a String cannot fail.
            let _ = writeln!(out, "{id:<8} {line}");
        }
        let _ = write!(
            out,
            "\n{} experiments: {done} done, {failed} failed, {skipped} skipped",
            self.0.len()
        );
        out
    }
}
