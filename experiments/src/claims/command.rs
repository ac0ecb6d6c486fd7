//! `experiments claims`: the claims as text, Markdown, JSON, or in the README.

use std::fs;

use clap::Args;
use vrt_train::atomic::{self, FileError};

use super::{BEGIN, END, evaluate, markdown, show, within};
use crate::run::ExperimentError;
use crate::spec::Scale;
use crate::workspace::Workspace;

/// Says which claims of the paper hold, do not hold, are undecided, or were not run
///
/// Every claim is an inequality over results. It holds when its whole 95 % interval is on its side, does not hold when
/// all of it is on the other, and is undecided in between. The paper's claims are listed in experiments/claims.toml; every
/// other claim of a spec is a prediction of ours and stands below. Nothing is computed: claims are read from
/// the results, and what is missing is named with the command that makes it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cargo run -p experiments -- claims                   each claim at its own scale, else at laptop scale
  cargo run -p experiments -- claims --scale laptop    all at one scale
  cargo run -p experiments -- claims --json            for programs, with seeds and revisions
  cargo run -p experiments -- claims --readme          puts the table into README.md")]
pub struct ClaimsArgs {
    /// Only results of this scale [default: each claim's own, else laptop]
    #[arg(long, value_enum)]
    scale: Option<Scale>,
    /// Print JSON
    #[arg(long, conflicts_with_all = ["markdown", "readme"])]
    json: bool,
    /// Print the tables of the README
    #[arg(long, conflicts_with = "readme")]
    markdown: bool,
    /// Put the tables into README.md, between its two markers
    #[arg(long, conflicts_with = "scale")]
    readme: bool,
}

/// What is to be printed.
///
/// # Errors
/// [`ExperimentError`] when a spec, `claims.toml`, a result or the README cannot be used.
pub fn claims(workspace: &Workspace, arguments: &ClaimsArgs) -> Result<String, ExperimentError> {
    let claims = evaluate(workspace, arguments.scale)?;
    if arguments.json {
        return serde_json::to_string_pretty(&claims)
            .map_err(|e| FileError::at("write to", "the terminal")(e.into()).into());
    }
    if arguments.markdown {
        return Ok(markdown(&claims));
    }
    if arguments.readme {
        let path = workspace.root.join("README.md");
        let old = fs::read_to_string(&path).map_err(FileError::at("read", &path))?;
        let Some(range) = within(&old) else {
            return Err(ExperimentError::Results {
                path,
                why: format!(
                    "it has no place for the claims; write {BEGIN} and {END} into it, a line each"
                ),
            });
        };
        let mut new = old.clone();
        new.replace_range(range, &markdown(&claims));
        atomic::write(&path, new.as_bytes())?;
        let same = if new == old {
            "was current"
        } else {
            "is now current"
        };
        return Ok(format!("README.md {same}"));
    }
    Ok(show::text(&claims))
}
