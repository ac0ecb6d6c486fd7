//! In: the specs, the cache, the results. Out: `experiments list`: what there is, what it claims, costs, and has shown.

use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;

use crate::claims::{Lookup, Tally, look};
use crate::plan::{Outlook, duration};
use crate::run::{ExperimentError, Job};
use crate::spec::{Scale, Spec};
use crate::stages::Maker;
use crate::store::Store;
use crate::workspace::Workspace;

/// Lists the experiments: id, headline claim, cost at a scale, and which results there are
///
/// The cost is estimated from the rates of this machine, once it has run a stage of the kind; cached stages cost nothing.
/// Stages that experiments share are counted for each, so that all together cost less than their sum: see `all --dry-run`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// The scale whose cost is estimated
    #[arg(long, value_enum, default_value_t)]
    scale: Scale,
}

/// One paragraph an experiment.
///
/// # Errors
/// [`ExperimentError`] when the cache or a result cannot be read. A spec that cannot be used is listed as that.
pub fn list(
    workspace: &Workspace,
    makers: &[(&str, Maker)],
    specs: &[(String, PathBuf)],
    arguments: &ListArgs,
) -> Result<String, ExperimentError> {
    let store = Store::at(&workspace.cache);
    let mut out = String::new();
    for (id, path) in specs {
        let Ok(spec) = Spec::load(path) else {
            // Writing into a String cannot fail.
            let _ = writeln!(out, "{id:<8} its spec cannot be used: run it to see why\n");
            continue;
        };
        let _ = writeln!(out, "{id:<8} {}", spec.file.experiment.title);
        let headline = spec.headline();
        if headline != spec.file.experiment.title {
            let _ = writeln!(out, "         claim    {headline}");
        }
        let cost = cost(&store, makers, &spec, arguments.scale)?;
        let scale = arguments.scale.name();
        let _ = writeln!(out, "         cost     at {scale} {cost}");
        let _ = writeln!(out, "         results  {}\n", status(workspace, id)?);
    }
    Ok(out)
}

fn cost(
    store: &Store,
    makers: &[(&str, Maker)],
    spec: &Spec,
    scale: Scale,
) -> Result<String, ExperimentError> {
    let job = Job::new(spec.clone(), makers, scale, None)?;
    let outlook = Outlook::of(&job.plan(store)?);
    Ok(match outlook.builds {
        0 => format!("nothing to build: its {} stages are there", outlook.stages),
        builds => format!(
            "about {}: {builds} of {} stages to build, {} cached",
            duration(outlook.seconds),
            outlook.stages,
            outlook.cached
        ),
    })
}

/// `laptop: 9 of 14 claims hold; full: 8 of 14 claims hold`.
fn status(workspace: &Workspace, id: &str) -> Result<String, ExperimentError> {
    let mut there = Vec::new();
    for scale in Scale::ALL {
        if let Lookup::Here(found) = look(workspace, id, scale)? {
            there.push(format!("{}: {}", scale.name(), held(found.tally())));
        }
    }
    Ok(if there.is_empty() {
        "none yet".to_owned()
    } else {
        there.join("; ")
    })
}

/// `9 of 14 claims hold`, or that nothing is claimed.
pub fn held(tally: Tally) -> String {
    match tally.total() {
        0 => "there".to_owned(),
        1 => format!("{} of 1 claim holds", tally.holds),
        total => format!("{} of {total} claims hold", tally.holds),
    }
}
