//! In: a command line. Out: text, files, and an exit code that says what happened.

use std::ffi::OsString;
use std::io::Write;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{CommandFactory, Parser, Subcommand};
use vrt_train::atomic::FileError;

use crate::commands::completions::{self, CompletionsArgs};
use crate::commands::eval::{self, EvalArgs};
use crate::commands::judge::{self, JudgeArgs};
use crate::commands::ops::{self, OpsArgs};
use crate::commands::serve_rewards::{self, ServeRewardsArgs};
use crate::commands::traces::{self, TracesArgs};
use crate::commands::train::{self, TrainArgs};
use crate::eval::table::printable;

/// What the exit code means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// The command line cannot be read, or asks for what does not fit together.
    Usage = 2,
    /// A data file, a video or a recording cannot be used.
    Input = 3,
    /// The judge cannot be asked: no server, no checkpoint, a wrong key.
    Judge = 4,
    /// A file that is written, or a journal, cannot be.
    Storage = 5,
    /// It ran to its end, and the judge failed in some episodes; the same command runs these again.
    Incomplete = 6,
    /// The judge answered, and gave no verdict that can be read.
    NoVerdict = 7,
    /// Training cannot go on: a gradient that is no number, or nothing to learn from.
    Training = 8,
}

/// Why a command did not do what it was asked for.
#[derive(Debug)]
pub struct Failure {
    /// Its exit code.
    pub exit: Exit,
    /// What went wrong, where, why, and how to mend it.
    pub message: String,
}

impl Failure {
    /// A failure with this cause.
    pub fn new(exit: Exit, why: impl ToString) -> Self {
        Self {
            exit,
            message: why.to_string(),
        }
    }
}

/// A file that is written cannot be.
impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        Self::new(Exit::Storage, error)
    }
}

/// Which of two videos is better? Judges that look again before they answer
#[derive(Debug, Parser)]
#[command(
    name = "vrt",
    version,
    styles = STYLES,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = AFTER,
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Judge(Box<JudgeArgs>),
    Eval(Box<EvalArgs>),
    Traces(TracesArgs),
    Train(TrainArgs),
    ServeRewards(ServeRewardsArgs),
    Ops(OpsArgs),
    Completions(CompletionsArgs),
}

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

const AFTER: &str = "\
Examples:
  vrt judge a.mp4 b.mp4 --caption \"a fox jumps\" --server http://localhost:8000 --model qwen2.5-vl-7b
  vrt eval genai-bench --data genai.json --videos videos/ --server http://localhost:8000 --model m
  vrt traces filter traces.jsonl --out right.jsonl
  vrt train cold-start --config train.toml
  vrt serve-rewards --objective vr-thinker
  vrt ops
  vrt completions bash > ~/.local/share/bash-completion/completions/vrt

`vrt COMMAND --help` has more examples.

Exit codes:
  0  done
  2  the command line cannot be read, or asks for what does not fit together
  3  a data file, a video or a recording cannot be used
  4  the judge cannot be asked: no server, no checkpoint, a wrong key
  5  a file that is written, or a journal, cannot be
  6  it ran to its end, and the judge failed in some episodes; the same command runs these again
  7  the judge answered, and gave no verdict that can be read
  8  training cannot go on: a gradient that is no number, or nothing to learn from";

/// Runs the command line `arguments` (without the program's name). Text for people goes to `out`, progress and errors to
/// stderr.
pub fn run(arguments: impl IntoIterator<Item = OsString>, out: &mut dyn Write) -> Exit {
    let name = OsString::from("vrt");
    let cli = match Cli::try_parse_from([name].into_iter().chain(arguments)) {
        Ok(cli) => cli,
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
    let done = match &cli.command {
        Command::Judge(arguments) => judge::run(arguments, out),
        Command::Eval(arguments) => eval::run(arguments, out),
        Command::Traces(arguments) => traces::run(arguments, out),
        Command::Train(arguments) => train::run_command(arguments, out),
        Command::ServeRewards(arguments) => serve_rewards::run(arguments, out),
        Command::Ops(arguments) => ops::run(arguments, out),
        Command::Completions(arguments) => completions::run(arguments, Cli::command(), out),
    };
    match done {
        Ok(exit) => exit,
        Err(Failure { exit, message }) => {
            // A message may repeat what a file or a server says.
            let lines: Vec<String> = message.lines().map(printable).collect();
            eprintln!("error: {}", lines.join("\n"));
            exit
        }
    }
}

/// Prints text for people. Whoever reads through a pipe may stop reading.
///
/// # Errors
/// [`Failure`] if it cannot be written otherwise.
pub fn say(out: &mut dyn Write, text: &str) -> Result<(), Failure> {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(FileError::at("write to", "the terminal")(error).into())
        }
        _ => Ok(()),
    }
}
