//! `vrt train`: the paper's three stages on real preference files, and what comes of them as a judge.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use vrt_checkpoint::CheckpointError;
use vrt_train::grpo::GrpoError;

use crate::cli::{Exit, Failure, say};
use crate::train::{ConfigFile, StageError, StageName, TrainError, export, plan, run};

const AFTER: &str = "\
Examples:
  vrt train cold-start --config train.toml --dry-run
      how many pairs and traces can teach, how many steps there are, and what memory they need
  vrt train cold-start --config train.toml
  vrt train rft --config train.toml
  vrt train grpo --config train.toml
      the three stages one after the other; the same command goes on after an interruption
  vrt train export --config train.toml --stage grpo --out judge/
  vrt eval videogen-rewardbench --data eval.csv --videos videos/ --checkpoint judge/
      the trained judge as a checkpoint, and how good it is
  vrt judge a.gif b.gif --caption \"…\" --tiny runs/tiny/grpo/policy.safetensors
      a tiny policy is a judge as its last stage left it

The smallest file; docs/training.md explains every line. A tiny policy of the experiments is trained with
`tiny = \"policy.safetensors\"` in the place of `checkpoint`, and without [rules] and [adapters]:
  checkpoint = \"Qwen2.5-VL-3B-Instruct\"
  out = \"runs/judge\"

  [data]
  benchmark = \"videogen-rewardbench\"
  file = \"train.csv\"
  videos = \"videos\"

  [cold_start]
  traces = \"teacher.jsonl\"
  epochs = 2
  batch = 8
  schedule = { peak = 1e-4, warmup = 10 }

  [rft]
  samples = 8
  epochs = 1
  batch = 8
  schedule = { peak = 5e-5 }

  [grpo]
  objective = \"vr-thinker\"
  steps = 100
  groups = 8
  samples = 8
  batch = 32
  schedule = { peak = 1e-5, decay = \"linear\" }";

/// Trains adapters on a checkpoint, or a tiny policy: cold start, rejection-sampling fine-tuning, GRPO
#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub struct TrainArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Stage 1: learns a teacher's traces
    ColdStart(StageArgs),
    /// Stage 2: samples, keeps what is in format and right in everything, and learns it
    Rft(StageArgs),
    /// Stage 3: reinforcement with a named objective
    Grpo(StageArgs),
    /// Writes the checkpoint with a stage's adapters added, for `--checkpoint` and for transformers; or copies a stage's tiny
    /// policy, for `--tiny`
    Export(ExportArgs),
}

#[derive(Debug, Args)]
struct StageArgs {
    /// What is trained, on what, and how
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Check the file, its pairs and their videos, say what would be done, and train nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Args)]
struct ExportArgs {
    /// The file that the stage was trained with
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Whose result
    #[arg(long, value_enum)]
    stage: StageName,
    /// The folder to write, or the file of a tiny policy; it must not exist
    #[arg(long, value_name = "PATH")]
    out: PathBuf,
}

impl From<TrainError> for Failure {
    fn from(error: TrainError) -> Self {
        let exit = match &error {
            TrainError::Config(_)
            | TrainError::Pairs(_)
            | TrainError::Traces(_)
            | TrainError::Script(_)
            | TrainError::Policy(_)
            | TrainError::Stage(StageError::NotRun { .. } | StageError::OtherBase { .. })
            | TrainError::Grpo(GrpoError::Policy(_) | GrpoError::Unlabelled(_)) => Exit::Input,
            TrainError::Weights(CheckpointError::Exists { .. } | CheckpointError::File(_)) => {
                Exit::Storage
            }
            TrainError::Open(_)
            | TrainError::Tiny(_)
            | TrainError::Weights(_)
            | TrainError::Lora(_)
            | TrainError::Actor(_)
            | TrainError::Grpo(GrpoError::Actor(_)) => Exit::Judge,
            TrainError::Stage(_)
            | TrainError::Exists(_)
            | TrainError::Journal(_)
            | TrainError::File(_)
            | TrainError::Saved(_)
            | TrainError::Memory { .. } => Exit::Storage,
            TrainError::Learn(_)
            | TrainError::Grpo(GrpoError::Learn(_))
            | TrainError::NoneRight(_) => Exit::Training,
        };
        Self::new(exit, error)
    }
}

/// Runs the command.
///
/// # Errors
/// [`Failure`] with its exit code; what was saved before is gone on from.
pub fn run_command(arguments: &TrainArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    let (stage, arguments) = match &arguments.command {
        Command::ColdStart(arguments) => (StageName::ColdStart, arguments),
        Command::Rft(arguments) => (StageName::Rft, arguments),
        Command::Grpo(arguments) => (StageName::Grpo, arguments),
        Command::Export(arguments) => return exported(arguments, out),
    };
    let file = ConfigFile::read(&arguments.config).map_err(TrainError::from)?;
    if arguments.dry_run {
        say(out, &plan(&file, stage)?)?;
        return Ok(Exit::Done);
    }
    let done = run(&file, stage)?;
    let folder = done.folder.display();
    say(
        out,
        &match done.was_done {
            true => format!("{stage} had ended before: {folder}\n"),
            false => format!("{stage}: {folder}\n"),
        },
    )?;
    Ok(Exit::Done)
}

fn exported(arguments: &ExportArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    let file = ConfigFile::read(&arguments.config).map_err(TrainError::from)?;
    let stage = arguments.stage;
    export(&file, stage, &arguments.out)?;
    say(out, &format!("{stage}: {}\n", arguments.out.display()))?;
    Ok(Exit::Done)
}
