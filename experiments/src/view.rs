//! In: an experiment's arms, or a file of traces. Out: the trace browser, one page that needs nothing else.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use clap::Args;
use vrt_train::atomic::{self, FileError};
use vrt_view::{TraceRecord, jsonl, page};

use crate::graph::{Fate, Graph, RunError, RunOptions};
use crate::run::ExperimentError;
use crate::spec::{Kind, LoadError, ResolvedArm, Scale, Spec, suggest};
use crate::stage::StageId;
use crate::stages::traces::{self, TracesParams};
use crate::stages::{ChainError, Maker};
use crate::store::Store;
use crate::workspace::Workspace;

/// Writes the trace browser: one HTML page with videos, frames, memory, judgments and rewards of single traces
///
/// TARGET is an experiment whose arms are trained, or a file of traces (one JSON record a line, as written by this
/// command and by `vrt`). For an experiment the arm's policy judges a fixed small draw of held-out pairs of the design
/// split: greedily, and for some pairs as a group of samples with rewards and advantages. That takes a few seconds on
/// two cores the first time and nothing after that; the records stay in the cache. The page is 5 to 20 MB and needs
/// neither network nor server.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cargo run -p experiments -- view fig3                                  the first arm, into results/fig3/laptop/traces.html
  cargo run -p experiments -- view fig3 --arm full --arm random_frames   two arms on the same pairs, one page
  cargo run -p experiments -- view judged.jsonl                          a file of traces, into judged.html beside it")]
pub struct ViewArgs {
    /// An experiment, or a file of traces
    #[arg(value_name = "TARGET")]
    target: String,
    /// Which of its results
    #[arg(long, value_enum, default_value_t)]
    scale: Scale,
    /// An arm; give it several times to see several side by side [default: the first one]
    #[arg(long = "arm", value_name = "ID")]
    arms: Vec<String>,
    /// The training seed [default: the spec's first]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Pairs judged greedily, spread over the splits
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(0..=2000))]
    pairs: u32,
    /// Of these, pairs for which a group is sampled as well
    #[arg(long, value_name = "N", default_value_t = 25, value_parser = clap::value_parser!(u32).range(0..=500))]
    groups: u32,
    /// The page [default: traces.html among the results, or beside the file]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    /// The command line asks for something that is not there.
    #[error("{0}")]
    Usage(String),
    /// The experiment's stages cannot be had.
    #[error(transparent)]
    Experiment(#[from] ExperimentError),
    /// A file of traces holds something else.
    #[error(transparent)]
    Traces(#[from] jsonl::LineError),
}

macro_rules! through_experiment {
    ($($error:ty),*) => {$(
        impl From<$error> for ViewError {
            fn from(error: $error) -> Self {
                Self::Experiment(error.into())
            }
        }
    )*};
}
through_experiment!(LoadError, RunError, FileError, ChainError);

/// What was written.
#[derive(Debug, PartialEq)]
pub struct Written {
    /// The page.
    pub page: PathBuf,
    /// Traces on it.
    pub traces: usize,
}

/// Writes the page.
///
/// # Errors
/// [`ViewError`]; an older page then stays as it was.
pub fn view(
    workspace: &Workspace,
    makers: &[(&str, Maker)],
    specs: &[(String, PathBuf)],
    arguments: &ViewArgs,
    options: &RunOptions,
) -> Result<Written, ViewError> {
    let target = &arguments.target;
    let known = specs.iter().find(|(id, _)| id == target);
    let (records, title, beside) = match known {
        Some((id, path)) => {
            let spec = Spec::load(path)?;
            let records = experiment(workspace, makers, &spec, arguments, options)?;
            let title = format!("{} · {} scale", spec.id(), arguments.scale.name());
            let folder = workspace.results(id, arguments.scale);
            (records, title, folder.join("traces.html"))
        }
        None if Path::new(target).is_file() => {
            let path = Path::new(target);
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            (read(path)?, name.into_owned(), path.with_extension("html"))
        }
        None => {
            let ids = specs.iter().map(|(id, _)| id.as_str());
            return Err(ViewError::Usage(format!(
                "`{target}` is neither an experiment nor a file; {}",
                suggest(target, ids)
            )));
        }
    };
    let written = arguments.out.clone().unwrap_or(beside);
    atomic::write(&written, page(&records, &title).as_bytes())?;
    Ok(Written {
        page: written,
        traces: records.len(),
    })
}

fn read(path: &Path) -> Result<Vec<TraceRecord>, ViewError> {
    let file = File::open(path).map_err(FileError::at("read", path))?;
    let name = path.display().to_string();
    Ok(jsonl::read(&name, BufReader::new(file))?)
}

/// The records of an experiment's arms, made where they are not there yet.
fn experiment(
    workspace: &Workspace,
    makers: &[(&str, Maker)],
    spec: &Spec,
    arguments: &ViewArgs,
    options: &RunOptions,
) -> Result<Vec<TraceRecord>, ViewError> {
    let scale = arguments.scale;
    let all = spec.arms(scale).map_err(LoadError::from)?;
    let seeds = spec.seeds(scale).map_err(LoadError::from)?;
    let seed = (arguments.seed.or_else(|| seeds.first().copied())).unwrap_or(1);
    let mut graph = Graph::default();
    let mut targets = Vec::new();
    for arm in wanted(&all, &arguments.arms)? {
        targets.push(stage(makers, &mut graph, spec, arm, seed, arguments)?);
    }
    let store = Store::at(&workspace.cache);
    let plan = graph.plan(&store, &targets)?;
    let untrained = plan.iter().find(|planned| {
        planned.kind != traces::KIND && matches!(planned.fate, Fate::Build | Fate::Rebuild(_))
    });
    if let Some(planned) = untrained {
        let (id, scale) = (spec.id(), scale.name());
        return Err(ViewError::Usage(format!(
            "`{id}` has no trained policy for this at scale {scale} (`{}` is not in the cache); \
             run `cargo run -p experiments -- {id} --scale {scale}` first",
            planned.title
        )));
    }
    graph.run(&store, &targets, options)?;
    let mut records = Vec::new();
    for id in targets {
        records.extend(read(&store.entry(traces::KIND, id).join(traces::FILE))?);
    }
    Ok(records)
}

/// The arms that were asked for, in that order; the spec's first if none was.
pub(crate) fn wanted<'a>(
    all: &'a [ResolvedArm],
    asked: &[String],
) -> Result<Vec<&'a ResolvedArm>, ViewError> {
    if all.is_empty() {
        let why = "this experiment is a diagram: it has no policy whose traces could be seen";
        return Err(ViewError::Usage(why.to_owned()));
    }
    if asked.is_empty() {
        return Ok(all.iter().take(1).collect());
    }
    let find = |id: &String| {
        all.iter().find(|arm| arm.id == *id).ok_or_else(|| {
            let ids = all.iter().map(|arm| arm.id.as_str());
            ViewError::Usage(format!("there is no arm `{id}`; {}", suggest(id, ids)))
        })
    };
    asked.iter().map(find).collect()
}

/// Puts an arm's policy and its tracing into the graph: its chain, with the tracing in place of the judging.
fn stage(
    makers: &[(&str, Maker)],
    graph: &mut Graph,
    spec: &Spec,
    arm: &ResolvedArm,
    seed: u64,
    arguments: &ViewArgs,
) -> Result<StageId, ViewError> {
    let names: Vec<&str> = arm.chain.iter().map(String::as_str).collect();
    let policy = match names.split_last() {
        Some((&"eval", policy)) => policy,
        // A measurement's chain ends with the policy itself.
        _ if spec.file.experiment.kind == Kind::Measurement => &names[..],
        _ => {
            return Err(ViewError::Usage(format!(
                "arm `{}` judges without writing a trace (its chain is {}); choose an arm whose chain ends with `eval`",
                arm.id,
                names.join(", ")
            )));
        }
    };
    let params = TracesParams {
        source: format!("{} / {}", spec.id(), arm.id),
        pairs: arguments.pairs,
        groups: arguments.groups.min(arguments.pairs),
    };
    Ok(traces::traced(
        makers,
        policy,
        graph,
        &arm.params,
        seed,
        params,
    )?)
}
