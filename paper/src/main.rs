//! `cargo run -p paper`: results in, `paper/vrt.pdf` out. See `--help`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use experiments::spec::Scale;
use paper::{Paper, PaperError, build, command};
use vrt_train::atomic::{self, FileError};

/// Sets the paper from results/: every number is read from a result, with its provenance in the caption
#[derive(Debug, Parser)]
#[command(name = "paper", version, after_help = AFTER)]
struct Cli {
    /// Take the results of one scale [default: the largest there is of each experiment, smoke aside]
    #[arg(long, value_enum)]
    scale: Option<Scale>,
    /// Where the PDF goes [default: paper/vrt.pdf in the workspace]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// The workspace [default: the one this was built in]
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// Fail where an experiment has no results, instead of leaving a visible gap
    #[arg(long)]
    complete: bool,
}

const AFTER: &str = "\
Examples:
  cargo run -p paper                                  paper/vrt.pdf from what is in results/
  cargo run -p paper -- --scale smoke --out draft.pdf a draft from smoke results
  cargo run -p experiments -- fig3                    fills the gap of figure 3

Exit codes:
  0  written
  1  a result without provenance, a number that is not there, or a fault of the text
  2  the command line cannot be read
  3  written, but with gaps, and --complete asked for none";

fn main() -> ExitCode {
    let cli = Cli::parse();
    let root = cli.root.clone().unwrap_or_else(workspace_root);
    let out = cli
        .out
        .clone()
        .unwrap_or_else(|| root.join("paper/vrt.pdf"));
    match write(&root, &cli, &out) {
        Ok(paper) => {
            report(&paper, &out);
            let gaps = paper.evidence.gaps().count();
            ExitCode::from(if cli.complete && gaps > 0 { 3 } else { 0 })
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Paper(#[from] PaperError),
    #[error(transparent)]
    File(#[from] FileError),
}

fn write(root: &Path, cli: &Cli, out: &Path) -> Result<Paper, Failure> {
    let paper = build(root, cli.scale)?;
    atomic::write(out, &paper.pdf)?;
    Ok(paper)
}

fn report(paper: &Paper, out: &Path) {
    for warning in &paper.warnings {
        eprintln!("warning: {warning}");
    }
    for id in paper.evidence.gaps() {
        eprintln!(
            "gap: {id} has no results yet; fill it with `{}`",
            command::plain(id)
        );
    }
    println!("{}: {} pages", out.display(), paper.pages);
}

/// The folder that this crate's folder stands in.
fn workspace_root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_owned()
}
