//! In: a command line. Out: text, files, and an exit code that says what happened.

use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::{env, fs};

use clap::builder::styling::{AnsiColor, Styles};
use clap::{ArgMatches, Args, Command, CommandFactory, FromArgMatches, Parser};
use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme};
use vrt_train::atomic::FileError;
use vrt_train::tiny::TinyFileError;
use vrt_view::jsonl::LineError;

use crate::all::{AllArgs, all, together};
use crate::catalogue::{ListArgs, list};
use crate::claims::{ClaimsArgs, claims};
use crate::clock;
use crate::export::{ExportArgs, ExportError, export};
use crate::graph::{RunError, RunOptions};
use crate::pairs::{PairsArgs, pairs};
use crate::plan::describe;
use crate::progress::Display;
use crate::reference;
use crate::run::{ExperimentError, Job};
use crate::spec::{self, LoadError, Scale, Spec, suggest};
use crate::stage::{Cancel, StageError};
use crate::stages::Maker;
use crate::store::Store;
use crate::view::{ViewArgs, ViewError, Written, view};
use crate::workspace::Workspace;

/// What a command's exit code means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done. Claims that do not hold are results, not errors.
    Done = 0,
    /// The command line cannot be read.
    Usage = 2,
    /// A spec, the claims, the paper's values or a file of traces cannot be used.
    Spec = 3,
    /// A stage failed.
    Stage = 4,
    /// The cache or the results cannot be read or written.
    Storage = 5,
    /// Interrupted; the same command continues.
    Interrupted = 130,
}

/// The figures of the paper, reproduced: `cargo run -p experiments -- fig3`
#[derive(Debug, Parser)]
#[command(
    name = "experiments",
    version,
    styles = STYLES,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = AFTER,
)]
struct Cli {
    /// Where finished stages are kept [default: cache/ in the workspace]
    #[arg(long, global = true, value_name = "DIR")]
    cache: Option<PathBuf>,
}

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

const AFTER: &str = "\
Examples:
  cargo run -p experiments -- list                   what there is, what it claims, costs, and has shown
  cargo run -p experiments -- fig3 --scale smoke     a minute: does everything run?
  cargo run -p experiments -- fig3                   laptop scale, into results/fig3/laptop/
  cargo run -p experiments -- fig3 --dry-run         what is cached, what a run would cost
  cargo run -p experiments -- show fig3              the last table again
  cargo run -p experiments -- all --scale full       every figure and table, each stage once
  cargo run -p experiments -- claims                 which claims of the paper hold, at which scale
  cargo run -p experiments -- view fig3              single traces, as a page to look through
  cargo run -p experiments -- export fig3            a trained policy as a file, for `vrt judge --tiny`
  cargo run -p experiments -- pairs fig3 --out DIR   held-out pairs as videos, for the same

Ctrl-C stops at the next safe point; the same command continues from there.

While stages train, their measurements stream to runs/<ID>-<SCALE>/: metrics.jsonl, and event files for
`tensorboard --logdir runs`. Nothing is made from them, so they may be removed.

Exit codes:
  0    done, whether the claims hold or not
  2    the command line cannot be read
  3    a spec, claims.toml, paper-values.toml or a file of traces cannot be used
  4    a stage failed
  5    the cache or the results cannot be read or written
  130  interrupted; nothing finished is lost";

/// Runs an experiment: builds what is not cached, writes results/<ID>/<SCALE>/, prints table and claims
#[derive(Debug, Args)]
struct RunArgs {
    /// How much is computed
    #[arg(long, value_enum, default_value_t)]
    scale: Scale,
    /// Seeds 1..=N instead of the spec's [more seeds, narrower intervals]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=64))]
    seeds: Option<u64>,
    /// Threads; results do not depend on them [default: all processors]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: Option<u16>,
    /// Print the stages, what is cached, and an estimate of the time; run nothing
    #[arg(long)]
    dry_run: bool,
    /// Forget the experiment's cached stages first
    #[arg(long, conflicts_with = "dry_run")]
    fresh: bool,
}

/// Prints the table an experiment wrote
#[derive(Debug, Args)]
struct ShowArgs {
    /// The experiment
    #[arg(value_name = "ID")]
    id: String,
    /// Which of its results
    #[arg(long, value_enum, default_value_t)]
    scale: Scale,
}

/// Runs the command line `arguments` (without the program's name) in the workspace `root`.
///
/// Text for people goes to `out`, progress and errors to stderr.
pub fn run(
    root: &Path,
    makers: &[(&str, Maker)],
    arguments: impl IntoIterator<Item = OsString>,
    cancel: &Cancel,
    out: &mut dyn Write,
) -> Exit {
    let specs = match spec::list(&root.join("experiments/specs")) {
        Ok(specs) => specs,
        Err(error) => return fail(Exit::Storage, &error.to_string()),
    };
    let name = OsString::from("experiments");
    let matches = match command(&specs).try_get_matches_from([name].into_iter().chain(arguments)) {
        Ok(matches) => matches,
        Err(error) => {
            // Help that cannot be printed has nobody to be printed for.
            let _ = error.print();
            return if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Done
            };
        }
    };
    let cache = matches.get_one::<PathBuf>("cache").cloned();
    let workspace = Workspace {
        root: root.to_owned(),
        cache: cache.unwrap_or_else(|| root.join("cache")),
    };
    match act(&workspace, makers, &specs, &matches, cancel, out) {
        Ok(()) => Exit::Done,
        Err(Failure::Usage(message)) => fail(Exit::Usage, &message),
        Err(Failure::Experiment(error)) => explain(&error),
        Err(Failure::Traces(error)) => fail(Exit::Spec, &error.to_string()),
        Err(Failure::Some(exit)) => exit,
    }
}

enum Failure {
    Usage(String),
    Experiment(Box<ExperimentError>),
    Traces(LineError),
    /// What was said already.
    Some(Exit),
}

impl From<ViewError> for Failure {
    fn from(error: ViewError) -> Self {
        match error {
            ViewError::Usage(message) => Self::Usage(message),
            ViewError::Experiment(error) => error.into(),
            ViewError::Traces(error) => Self::Traces(error),
        }
    }
}

impl From<ExportError> for Failure {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::Usage(message) => Self::Usage(message),
            ExportError::Experiment(error) => error.into(),
            ExportError::Policy(TinyFileError::File(error)) => error.into(),
            error => Self::Some(fail(Exit::Stage, &error.to_string())),
        }
    }
}

impl<E: Into<ExperimentError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Experiment(Box::new(error.into()))
    }
}

/// Every spec is a subcommand, so that help lists them and a slip is answered with the nearest.
fn command(specs: &[(String, PathBuf)]) -> Command {
    let mut command = Cli::command()
        .subcommand(ListArgs::augment_args(Command::new("list")))
        .subcommand(AllArgs::augment_args(Command::new("all")))
        .subcommand(ClaimsArgs::augment_args(Command::new("claims")))
        .subcommand(ShowArgs::augment_args(Command::new("show")))
        .subcommand(ViewArgs::augment_args(Command::new("view")))
        .subcommand(ExportArgs::augment_args(Command::new("export")))
        .subcommand(PairsArgs::augment_args(Command::new("pairs")))
        .subcommand(
            Command::new("reference")
                .about("Prints docs/reference.md: every operation, reward term and objective"),
        )
        .subcommand(
            Command::new("clean").about("Removes every cached stage and checkpoint; results stay"),
        );
    for (id, path) in specs {
        let about = title(path);
        command = command.subcommand(RunArgs::augment_args(Command::new(id)).about(about));
    }
    command
}

fn title(path: &Path) -> String {
    match Spec::load(path) {
        Ok(spec) => spec.file.experiment.title,
        Err(_) => "(its spec cannot be used: run it to see why)".to_owned(),
    }
}

fn act(
    workspace: &Workspace,
    makers: &[(&str, Maker)],
    specs: &[(String, PathBuf)],
    matches: &ArgMatches,
    cancel: &Cancel,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let store = Store::at(&workspace.cache);
    match matches.subcommand() {
        Some(("list", matches)) => {
            say(
                out,
                list(workspace, makers, specs, &parsed(matches)?)?.trim_end(),
            )?;
        }
        Some(("claims", matches)) => say(out, claims(workspace, &parsed(matches)?)?.trim_end())?,
        Some(("all", matches)) => {
            let AllArgs {
                scale,
                threads,
                dry_run,
            } = parsed(matches)?;
            if dry_run {
                let (graph, targets) = together(makers, specs, scale)?;
                let plan = graph.plan(&store, &targets)?;
                return Ok(say(out, describe(&plan).trim_end())?);
            }
            let options = |id: &str| options(threads, cancel, workspace.runs(id, scale));
            let outcomes = all(workspace, makers, specs, scale, options)?;
            say(out, &outcomes.report())?;
            if let Some(error) = outcomes.first_error() {
                return Err(Failure::Some(exit_of(error)));
            }
        }
        Some(("export", matches)) => {
            say(out, &export(workspace, makers, specs, &parsed(matches)?)?)?;
        }
        Some(("pairs", matches)) => {
            say(out, &pairs(workspace, makers, specs, &parsed(matches)?)?)?;
        }
        Some(("reference", _)) => say(out, reference::page().trim_end())?,
        Some(("clean", _)) => {
            let gone = store.clean()?;
            let megabytes = gone.bytes as f64 / 1e6;
            say(
                out,
                &format!("removed {} stages, {megabytes:.1} MB", gone.stages),
            )?;
        }
        Some(("show", matches)) => show(workspace, specs, &parsed(matches)?, out)?,
        Some(("view", matches)) => {
            let options = RunOptions {
                threads: clock::processors(),
                cancel: cancel.clone(),
                display: Display::stderr(),
            };
            let Written { page, traces } =
                view(workspace, makers, specs, &parsed(matches)?, &options)?;
            let page = page.strip_prefix(&workspace.root).unwrap_or(&page);
            say(
                out,
                &format!("{traces} traces, written to {}", page.display()),
            )?;
        }
        Some((id, matches)) => {
            let Some((_, path)) = specs.iter().find(|(known, _)| known == id) else {
                return Err(Failure::Usage(unknown(id, specs)));
            };
            let arguments: RunArgs = parsed(matches)?;
            let spec = Spec::load(path)?;
            let job = Job::new(spec, makers, arguments.scale, arguments.seeds)?;
            if arguments.dry_run {
                return Ok(say(out, describe(&job.plan(&store)?).trim_end())?);
            }
            if arguments.fresh {
                job.forget(&store)?;
            }
            let options = options(
                arguments.threads,
                cancel,
                workspace.runs(id, arguments.scale),
            );
            let table = job.run(workspace, &store, &options)?;
            say(out, table.trim_end())?;
            let folder = workspace.results(id, arguments.scale);
            let shown = folder.strip_prefix(&workspace.root).unwrap_or(&folder);
            say(out, &format!("\nwritten to {}", shown.display()))?;
        }
        None => return Err(Failure::Usage("name an experiment, or `list`".to_owned())),
    }
    Ok(())
}

/// Progress on stderr, measurements into a folder.
fn options(threads: Option<u16>, cancel: &Cancel, runs: PathBuf) -> RunOptions {
    RunOptions {
        threads: threads.map_or_else(clock::processors, usize::from),
        cancel: cancel.clone(),
        display: Display::stderr().streaming(runs),
    }
}

fn parsed<T: FromArgMatches>(matches: &ArgMatches) -> Result<T, Failure> {
    T::from_arg_matches(matches).map_err(|error| Failure::Usage(error.to_string()))
}

fn unknown(id: &str, specs: &[(String, PathBuf)]) -> String {
    let known = specs.iter().map(|(known, _)| known.as_str());
    format!("there is no experiment `{id}`; {}", suggest(id, known))
}

fn show(
    workspace: &Workspace,
    specs: &[(String, PathBuf)],
    arguments: &ShowArgs,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let id = &arguments.id;
    if !specs.iter().any(|(known, _)| known == id) {
        return Err(Failure::Usage(unknown(id, specs)));
    }
    let path = workspace.results(id, arguments.scale).join("table.md");
    if !path.exists() {
        let scale = arguments.scale.name();
        return Err(Failure::Usage(format!(
            "`{id}` has no result at scale {scale} yet; run `cargo run -p experiments -- {id} --scale {scale}`"
        )));
    }
    let text = fs::read_to_string(&path).map_err(FileError::at("read", path))?;
    Ok(say(out, text.trim_end())?)
}

fn say(out: &mut dyn Write, text: &str) -> Result<(), FileError> {
    match writeln!(out, "{text}") {
        // Whoever reads through a pipe may stop reading.
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(FileError::at("write to", "the terminal")(e))
        }
        _ => Ok(()),
    }
}

fn fail(exit: Exit, message: &str) -> Exit {
    eprintln!("error: {message}");
    exit
}

fn explain(error: &ExperimentError) -> Exit {
    if let ExperimentError::Spec(LoadError::Spec(spec)) = error {
        eprint!("{}", draw(spec.as_ref(), std::io::stderr().is_terminal()));
        return Exit::Spec;
    }
    fail(exit_of(error), &error.to_string())
}

/// The diagnostic with its line underlined.
pub fn draw(error: &dyn Diagnostic, colours: bool) -> String {
    let theme = if colours {
        GraphicalTheme::unicode()
    } else {
        GraphicalTheme::unicode_nocolor()
    };
    let mut text = String::new();
    // Writing into a String cannot fail.
    let _ = GraphicalReportHandler::new_themed(theme)
        .with_width(100)
        .render_report(&mut text, error);
    text
}

/// The exit code of an error.
pub fn exit_of(error: &ExperimentError) -> Exit {
    match error {
        ExperimentError::Spec(LoadError::Spec(_))
        | ExperimentError::Chain(_)
        | ExperimentError::Diagram(_) => Exit::Spec,
        ExperimentError::Spec(LoadError::File(_))
        | ExperimentError::Storage(_)
        | ExperimentError::Results { .. } => Exit::Storage,
        ExperimentError::Run(RunError::Interrupted { .. }) => Exit::Interrupted,
        ExperimentError::Run(RunError::Storage(_)) => Exit::Storage,
        ExperimentError::Run(RunError::Stage {
            source: StageError::File(_),
            ..
        }) => Exit::Storage,
        ExperimentError::Run(_)
        | ExperimentError::Judgments { .. }
        | ExperimentError::Stats(_)
        | ExperimentError::Figure(_) => Exit::Stage,
    }
}

/// The workspace: the nearest folder upwards that holds `experiments/specs`, else the one this program
/// was built in.
pub fn workspace_root() -> PathBuf {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let here = env::current_dir().ok();
    let above = here.as_deref().into_iter().flat_map(Path::ancestors);
    let mut found = above.filter(|folder| folder.join("experiments/specs").is_dir());
    found
        .next()
        .map_or_else(|| fs::canonicalize(&built).unwrap_or(built), Path::to_owned)
}
