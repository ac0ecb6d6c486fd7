//! `vrt traces`: recorded episodes as training data.

use std::fmt::Write as _;
use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use vrt_core::episode::Rules;

use super::rules::{CallArgs, Tools};
use crate::cli::{Exit, Failure, say};
use crate::eval::table::printable;
use crate::prompt::{DimensionWording, MJ_BENCH_VIDEO, RAPIDATA, VIDEO_GEN_REWARD};
use crate::traces::{
    BadLine, ExportError, ExportLedger, ExportOptions, FilterError, FilterLedger, FilterOptions,
    Layout, PicturePlace, Tools as OfferedTools, export, filter,
};

const AFTER: &str = "\
Examples:
  vrt traces filter traces.jsonl --out right.jsonl
      keep what is in format and right in everything, one trace a pair
  vrt traces filter traces.jsonl --out right.jsonl --every --keep-going
      every right trace; bad lines are listed and counted instead of ending the run
  vrt traces export right.jsonl --out sft.jsonl
      chat messages for another trainer: a line a unit, in exactly the messages that the judge saw
  vrt traces export right.jsonl --out sft.jsonl --per episode --pictures folder
      a line an episode; pictures as files in sft.pictures/

Traces are what `vrt eval --traces` writes: one record a line, with pictures.";

/// Filters recorded episodes by the paper's rejection rules, and exports them for other trainers
#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub struct TracesArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Filter(FilterArgs),
    Export(ExportArgs),
}

const FILTER_AFTER: &str = "\
A trace is kept if every unit is in format, no call was faulty, and every dimension and the overall preference equal the
ground truth. What is kept is written as it stands. The counts that are printed sum to the lines of the file.";

/// Keeps traces that are in format and right in everything
#[derive(Debug, Args)]
#[command(after_help = FILTER_AFTER)]
struct FilterArgs {
    /// A file of traces, a record a line
    #[arg(value_name = "FILE")]
    input: PathBuf,
    /// Where the kept lines are written
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Keep every right trace of a pair, not only the most confident one
    #[arg(long)]
    every: bool,
    /// List and count bad lines instead of stopping at the first
    #[arg(long)]
    keep_going: bool,
    /// Write the counts as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

const EXPORT_AFTER: &str = "\
A line of the output:
  {\"id\": …, \"messages\": [{\"role\": …, \"content\": [{\"type\": \"text\", \"text\": …}, {\"type\": \"image\", \"image\": …}]}, …],
   \"loss\": [{\"message\": 2, \"part\": 0, \"start\": 0, \"end\": 212}], \"truth\": {\"TA\": 1, \"VQ\": 0, \"MQ\": 2, \"OA\": 1}}
`loss` names the text that is learned, in characters as Python counts them: units of the judge's own that were carried out.
Nothing is filtered here; run `vrt traces filter` first.";

/// Writes chat messages with pictures and loss spans
#[derive(Debug, Args)]
#[command(after_help = EXPORT_AFTER)]
struct ExportArgs {
    /// A file of traces, a record a line, with pictures
    #[arg(value_name = "FILE")]
    input: PathBuf,
    /// Where the examples are written, one a line
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// What a line holds
    #[arg(long, value_enum, default_value_t)]
    per: Per,
    /// Where pictures go
    #[arg(long, value_enum, default_value_t)]
    pictures: Place,
    /// List and count bad lines instead of stopping at the first
    #[arg(long)]
    keep_going: bool,
    /// Write the counts as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    #[command(flatten)]
    judged: JudgedArgs,
}

/// As the traces were judged: they are played again, and must come out as recorded
#[derive(Debug, Args)]
#[command(next_help_heading = "As the traces were judged")]
struct JudgedArgs {
    /// The operations that were offered
    #[arg(long, value_enum, default_value_t)]
    ops: Tools,
    /// The names under which the dimensions were asked for
    #[arg(long, value_enum, default_value_t)]
    dimensions: Dimensions,
    #[command(flatten)]
    calls: CallArgs,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Per {
    /// A unit, in the messages that the judge saw when it wrote it
    #[default]
    Unit,
    /// A whole episode; every picture stays in view
    Episode,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Place {
    /// In the line, as data URIs
    #[default]
    Inline,
    /// In a folder beside the output, named like it with `.pictures`
    Folder,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Dimensions {
    /// Text Alignment, Visual Quality, Motion Quality
    #[default]
    VideogenReward,
    /// Alignment, Preference, Coherence
    Rapidata,
    /// Alignment, Fineness, Coherence & Consistency
    MjBenchVideo,
}

impl Dimensions {
    fn wording(self) -> &'static [DimensionWording; 3] {
        match self {
            Self::VideogenReward => &VIDEO_GEN_REWARD,
            Self::Rapidata => &RAPIDATA,
            Self::MjBenchVideo => &MJ_BENCH_VIDEO,
        }
    }
}

impl From<FilterError> for Failure {
    fn from(error: FilterError) -> Self {
        let exit = match &error {
            FilterError::Line(_) | FilterError::Input(_) | FilterError::Changed(_) => Exit::Input,
            FilterError::Output(_) => Exit::Storage,
        };
        Self::new(exit, error)
    }
}

impl From<ExportError> for Failure {
    fn from(error: ExportError) -> Self {
        let exit = match &error {
            ExportError::Line(_) | ExportError::Input(_) => Exit::Input,
            ExportError::Output(_) => Exit::Storage,
        };
        Self::new(exit, error)
    }
}

/// Runs the command.
///
/// # Errors
/// [`Failure`] with its exit code; no output is left half written.
pub fn run(arguments: &TracesArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    match &arguments.command {
        Command::Filter(arguments) => run_filter(arguments, out),
        Command::Export(arguments) => run_export(arguments, out),
    }
}

/// A line's error may quote the line: nothing in it steers a terminal.
fn complain(bad: &BadLine) {
    eprintln!("{}", printable(&bad.to_string()));
}

fn not_onto_itself(input: &std::path::Path, out: &std::path::Path) -> Result<(), Failure> {
    let whole = |path: &std::path::Path| path.canonicalize().ok();
    match (whole(input), whole(out)) {
        (Some(input), Some(out)) if input == out => Err(Failure::new(
            Exit::Usage,
            "--out names the input itself; write to another file",
        )),
        _ => Ok(()),
    }
}

fn run_filter(arguments: &FilterArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    not_onto_itself(&arguments.input, &arguments.out)?;
    let options = FilterOptions {
        every: arguments.every,
        keep_going: arguments.keep_going,
    };
    let ledger = filter(&arguments.input, &arguments.out, options, &mut complain)?;
    let rows = ledger.rows().map(|(fate, lines)| (fate.name(), lines));
    write_json(arguments.json.as_deref(), rows, ledger.lines())?;
    say(out, &filter_text(&ledger))?;
    Ok(Exit::Done)
}

fn filter_text(ledger: &FilterLedger) -> String {
    let mut text = String::new();
    for (fate, lines) in ledger.rows() {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{lines:>8}  {}", fate.name());
    }
    let _ = writeln!(text, "{:>8}  lines", ledger.lines());
    text
}

fn export_rows(ledger: &ExportLedger) -> [(&'static str, u64); 5] {
    [
        ("exported", ledger.exported),
        ("blank line", ledger.blank),
        ("bad line", ledger.bad),
        ("examples", ledger.examples),
        ("characters with loss", ledger.learned),
    ]
}

fn run_export(arguments: &ExportArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    not_onto_itself(&arguments.input, &arguments.out)?;
    let judged = &arguments.judged;
    let options = ExportOptions {
        layout: match arguments.per {
            Per::Unit => Layout::Unit,
            Per::Episode => Layout::Episode,
        },
        pictures: match arguments.pictures {
            Place::Inline => PicturePlace::Inline,
            Place::Folder => PicturePlace::Folder,
        },
        tools: match judged.ops {
            Tools::Paper => OfferedTools::Paper,
            Tools::All => OfferedTools::All,
        },
        rules: judged.calls.over(Rules::default()),
        dimensions: judged.dimensions.wording().clone(),
        keep_going: arguments.keep_going,
    };
    let ledger = export(&arguments.input, &arguments.out, &options, &mut complain)?;
    let rows = export_rows(&ledger);
    write_json(arguments.json.as_deref(), rows.into_iter(), ledger.lines)?;
    let mut text = String::new();
    for (name, count) in &rows[..3] {
        let _ = writeln!(text, "{count:>8}  {name}");
    }
    let _ = writeln!(text, "{:>8}  lines", ledger.lines);
    let ExportLedger {
        examples, learned, ..
    } = ledger;
    let _ = writeln!(text, "{examples} examples, {learned} characters with loss");
    say(out, &text)?;
    Ok(Exit::Done)
}

fn write_json(
    path: Option<&std::path::Path>,
    rows: impl Iterator<Item = (&'static str, u64)>,
    lines: u64,
) -> Result<(), Failure> {
    let Some(path) = path else { return Ok(()) };
    let key = |name: &str| name.replace(' ', "_");
    let mut counts: serde_json::Map<String, serde_json::Value> = rows
        .map(|(name, count)| (key(name), count.into()))
        .collect();
    counts.insert("lines".to_owned(), lines.into());
    let text = serde_json::Value::Object(counts).to_string() + "\n";
    Ok(vrt_train::atomic::write(path, text.as_bytes())?)
}
