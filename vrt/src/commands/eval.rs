//! `vrt eval`: how well a judge agrees with the annotators of a published benchmark.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::json;
use vrt_core::episode::Rules;
use vrt_core::op::{OpSet, PaperOps};
use vrt_core::pair::Pool;
use vrt_core::policy::{FrameBank, Policy};
use vrt_core::with_offered;
use vrt_train::atomic;
use vrt_train::tiny::TrainedTiny;
use vrt_view::Pictures;

use super::policy::{AnyPolicy, PolicyArgs};
use super::rules::RulesArgs;
use crate::cli::{Exit, Failure, say};
use crate::data::{Benchmark, DataSet, HardToJudge, LabelledPair};
use crate::eval::{
    Case, Data, DataFile, Depth, Estimate, EvalError, Evaluation, OverallRule, Progress, Report,
    Run, Setting, Show, Stage, Survey, Traces, UnusablePair, cases, prompt_digest, table,
};
use crate::processors::processors;
use crate::prompt::Prompt;
use crate::server::{Journal, JournalError};
use crate::tiny::TinyJudge;
use crate::video::{Info, Limits};

const AFTER: &str = "\
Examples:
  vrt eval genai-bench --data genai.json --videos videos/ --dry-run
      is every video there, does it decode, and what would a run cost?
  vrt eval genai-bench --data genai.json --videos videos/ \\
      --server http://localhost:8000 --model qwen2.5-vl-7b
      tau and diff, whole and on the hard subsets; the same command goes on after an interruption
  vrt eval mj-bench-video --data test.json --videos videos/ \\
      --checkpoint Qwen2.5-VL-7B/ --limit 20
      the first twenty pairs, with a model in this process
  vrt eval videogen-rewardbench --data videogen-rewardbench.csv --videos . \\
      --server http://a:8000 --server http://b:8000 --model judge \\
      --redundant --json report.json --traces traces.jsonl
      two servers share the work; a second run with redundant frames; files for programs and people
  vrt eval videogen-rewardbench --data world/pairs.json --videos world --no-swap --tiny fig3.safetensors
      pairs of the experiments' world, as `experiments pairs` writes them, by the policy that was trained in it

Numbers:
  tau       right overall answers among all pairs
  diff      the same among pairs whose label is no tie; a predicted tie is wrong
  [a, b]    95 % of 2000 bootstrap resamples over pairs
  always tie  the tau of always answering a tie
  A reply that cannot be read is wrong, counted apart, and never taken for a tie.";

/// Judges a published benchmark and reports tau and diff with their intervals
#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub struct EvalArgs {
    /// Which benchmark the file is of
    #[arg(value_enum, value_name = "BENCHMARK")]
    benchmark: Name,
    /// The benchmark's file: a JSON list, JSON Lines, CSV, or Parquet
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// The folder that the paths in it start from
    #[arg(long, value_name = "DIR")]
    videos: PathBuf,
    /// Check that every video exists and decodes, print counts and cost, and judge nothing
    #[arg(long)]
    dry_run: bool,
    /// Judge the first N pairs only
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    /// Judge a second time, with random frames duplicated until there are twice as many
    #[arg(long, conflicts_with = "replay")]
    redundant: bool,
    /// Leave out pairs whose videos cannot be used, and count them, instead of stopping
    #[arg(long)]
    skip_unusable: bool,
    /// Of the swap, the duplicated frames and the judge's samples
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Show the videos in the order of the file instead of swapping each pair at random
    #[arg(long)]
    no_swap: bool,
    /// Which overall preference is scored
    #[arg(long, value_enum, value_name = "RULE", default_value_t)]
    overall: Overall,
    /// What MJ-Bench-Video's `Hard to judge` stands for [default: drop]
    #[arg(long, value_enum, value_name = "CHOICE")]
    hard_to_judge: Option<Hard>,
    #[command(flatten)]
    judge: PolicyArgs,
    #[command(flatten)]
    rules: RulesArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// Where things are written
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
struct OutputArgs {
    /// Write the report as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write every episode as a line for the trace browser; with --redundant the second run's go to FILE.redundant
    #[arg(long, value_name = "FILE")]
    traces: Option<PathBuf>,
    /// Keep no pictures in the traces
    #[arg(long, requires = "traces")]
    no_pictures: bool,
    /// Where ended episodes are kept, to go on from [default: runs/BENCHMARK-DIGEST of all settings]
    #[arg(long, value_name = "DIR")]
    run: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Name {
    /// GenAI-Bench (video), the hub's form or UnifiedReward's
    #[value(name = "genai-bench")]
    GenAiBench,
    /// VideoGen-RewardBench
    #[value(name = "videogen-rewardbench")]
    VideoGenRewardBench,
    /// MJ-Bench-Video
    MjBenchVideo,
    /// Rapidata's text-to-video preferences: dimensions only, no overall label
    Rapidata,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Overall {
    /// The one that the judge states, as in the paper
    #[default]
    Stated,
    /// The one that two or three of its dimensions share; without one, a tie
    Majority,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Hard {
    /// The row is left out
    Drop,
    /// A tie
    Tie,
}

impl From<EvalError> for Failure {
    fn from(error: EvalError) -> Self {
        let exit = match &error {
            EvalError::Policy(_) | EvalError::Record(_) => Exit::Input,
            EvalError::Journal(_) | EvalError::File(_) => Exit::Storage,
        };
        Self::new(exit, error)
    }
}

impl From<JournalError> for Failure {
    fn from(error: JournalError) -> Self {
        EvalError::from(error).into()
    }
}

impl EvalArgs {
    fn benchmark(&self) -> Benchmark {
        match self.benchmark {
            Name::GenAiBench => Benchmark::GenAiBench,
            Name::VideoGenRewardBench => Benchmark::VideoGenRewardBench,
            Name::MjBenchVideo => Benchmark::MjBenchVideo(match self.hard_to_judge {
                None | Some(Hard::Drop) => HardToJudge::Drop,
                Some(Hard::Tie) => HardToJudge::Tie,
            }),
            Name::Rapidata => Benchmark::Rapidata,
        }
    }

    fn shows(&self) -> &'static [Show] {
        match self.redundant {
            true => &[Show::Plain, Show::Redundant],
            false => &[Show::Plain],
        }
    }

    fn setting(&self, rules: Rules) -> Result<Setting, Failure> {
        let benchmark = self.benchmark();
        Ok(Setting {
            benchmark: benchmark.name(),
            data: DataFile::of(&self.data).map_err(|error| Failure::new(Exit::Input, error))?,
            policy: self.judge.identity()?,
            rules,
            seed: self.seed,
            swap: !self.no_swap,
            prompt: prompt_digest::<PaperOps>(&rules, benchmark.dimensions()),
        })
    }

    fn run_folder(&self, setting: &Setting) -> PathBuf {
        let named = || format!("runs/{}-{}", setting.benchmark, setting.digest());
        self.output.run.clone().unwrap_or_else(|| named().into())
    }
}

/// The journal of one run.
fn journal_path(folder: &Path, show: Show) -> PathBuf {
    folder.join(format!("{}.jsonl", show.name()))
}

/// Runs the command.
///
/// # Errors
/// [`Failure`] with its exit code; whatever ended before is kept.
pub fn run(arguments: &EvalArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    let input = |error: &dyn std::fmt::Display| Failure::new(Exit::Input, error);
    if arguments.hard_to_judge.is_some() && !matches!(arguments.benchmark, Name::MjBenchVideo) {
        let why = "--hard-to-judge is about mj-bench-video; no other benchmark has such a label";
        return Err(Failure::new(Exit::Usage, why));
    }
    if !arguments.videos.is_dir() {
        let folder = arguments.videos.display();
        return Err(input(&format!(
            "`{folder}` is no folder; --videos names the one that the paths in the file start from"
        )));
    }
    let set =
        DataSet::load(arguments.benchmark(), &arguments.data).map_err(|error| input(&error))?;
    let wanted = arguments.limit.map_or(usize::MAX, |limit| limit as usize);
    let pairs: Vec<LabelledPair> = set.pairs.iter().take(wanted).cloned().collect();
    if pairs.is_empty() {
        let dropped = set
            .drops()
            .into_iter()
            .map(|(reason, rows)| format!("{rows} × {reason}"));
        let reasons = table::printable(&dropped.collect::<Vec<_>>().join("; "));
        return Err(input(&format!(
            "`{}` gives no pair to judge: {reasons}",
            arguments.data.display()
        )));
    }
    let tiny = arguments.judge.tiny(arguments.seed, false)?;
    let base = tiny.as_ref().map_or_else(Rules::default, TinyJudge::rules);
    let rules = arguments.rules.over(base);
    // A tiny policy looks at a pair's first frames when its episode opens, where one that is damaged would end the run.
    let depth = match arguments.dry_run || tiny.is_some() {
        true => Depth::Frames(rules.initial_per_video),
        false => Depth::Index,
    };
    let (mut usable, mut unusable) = surveyed(arguments, pairs, depth);
    if let Some(tiny) = &tiny {
        unusable.extend(unspeakable(tiny.trained(), arguments.shows(), &mut usable));
        unusable.sort_by_key(|pair| pair.row);
    }
    if arguments.dry_run {
        return dry_run(arguments, rules, &set, usable, unusable, out);
    }
    if !unusable.is_empty() && !arguments.skip_unusable {
        return Err(input(&refused(&unusable)));
    }
    if usable.is_empty() {
        return Err(input(&format!(
            "no pair is left to judge\n{}",
            refused(&unusable)
        )));
    }
    let setting = arguments.setting(rules)?;
    let prompt = Prompt::of::<PaperOps>(&setting.rules, arguments.benchmark().dimensions());
    let cases = cases(usable, setting.swap.then_some(setting.seed));
    let job = Job {
        arguments,
        setting: &setting,
        cases: &cases,
        folder: arguments.run_folder(&setting),
    };
    if let Some(tiny) = &tiny {
        let known = table::printable(&tiny.knows());
        say(out, &format!("the judge knows {known}\n\n"))?;
    }
    let policy = arguments.judge.open(prompt, setting.seed, false)?;
    let mut runs = BTreeMap::new();
    for &show in arguments.shows() {
        let run = match &policy {
            AnyPolicy::Server(policy) => job.run::<PaperOps, _>(policy, show),
            AnyPolicy::Checkpoint(policy) => job.run::<PaperOps, _>(&**policy, show),
            AnyPolicy::Tiny(judge) => job.run_tiny(judge, show),
            AnyPolicy::Replay(policy) => job.run::<PaperOps, _>(policy, show),
        }?;
        runs.insert(show, run);
    }
    let overall = match arguments.overall {
        Overall::Stated => OverallRule::Stated,
        Overall::Majority => OverallRule::Majority,
    };
    let mut choices = BTreeMap::new();
    if let Benchmark::MjBenchVideo(hard) = arguments.benchmark() {
        let hard = match hard {
            HardToJudge::Drop => "drop",
            HardToJudge::Tie => "tie",
        };
        choices.insert("hard_to_judge", json!(hard));
    }
    if let Some(limit) = arguments.limit {
        choices.insert("limit", json!(limit));
    }
    let data = Data::of(&set, unusable, cases.len());
    let report = Report::of(&setting, overall, choices, data, &cases, &runs);
    if let Some(path) = &arguments.output.json {
        atomic::write(path, report.json().as_bytes())?;
    }
    say(out, &table::report(&report))?;
    match report.failed() {
        0 => Ok(Exit::Done),
        failed => {
            let folder = job.folder.display();
            eprintln!(
                "error: the judge failed in {failed} episodes, which count as wrong above; the same command runs them \
                 again, the others are kept in `{folder}`"
            );
            Ok(Exit::Incomplete)
        }
    }
}

type Usable = Vec<(LabelledPair, [Info; 2])>;

/// Looks at every video, and parts the pairs into those that can be judged and the others.
fn surveyed(
    arguments: &EvalArgs,
    pairs: Vec<LabelledPair>,
    depth: Depth,
) -> (Usable, Vec<UnusablePair>) {
    let progress = Progress::start("looking at videos", Survey::names(&pairs).len());
    let watch = || progress.advance(false);
    let limits = Limits::default();
    let threads = processors();
    let survey = Survey::of(&pairs, &arguments.videos, &limits, depth, threads, &watch);
    progress.finish();
    let (mut usable, mut unusable) = (Vec::new(), Vec::new());
    for pair in pairs {
        match survey.pair(&pair) {
            Ok(videos) => usable.push((pair, videos)),
            Err(why) => unusable.push(UnusablePair {
                row: pair.row,
                reason: why.to_string(),
            }),
        }
    }
    (usable, unusable)
}

/// Takes out the pairs that the policy has no words for.
fn unspeakable(policy: &TrainedTiny, shows: &[Show], usable: &mut Usable) -> Vec<UnusablePair> {
    let times = match shows.contains(&Show::Redundant) {
        true => 2,
        false => 1,
    };
    let mut unusable = Vec::new();
    usable.retain(|(pair, videos)| {
        let [first, second] = [0, 1].map(|side: usize| videos[side].frames.saturating_mul(times));
        let asked = policy.speaks_of(&pair.caption, Pool::new(first, second));
        let spoken = asked.is_ok();
        unusable.extend(asked.err().map(|why| UnusablePair {
            row: pair.row,
            reason: why.to_string(),
        }));
        spoken
    });
    unusable
}

/// The pairs that cannot be judged, each with its reason.
fn refused(unusable: &[UnusablePair]) -> String {
    let cure = "check --videos, or leave them out with --skip-unusable";
    table::unusable(unusable, "cannot be judged", cure)
}

/// Prints what a run would judge and cost.
fn dry_run(
    arguments: &EvalArgs,
    rules: Rules,
    set: &DataSet,
    usable: Usable,
    unusable: Vec<UnusablePair>,
    out: &mut dyn Write,
) -> Result<Exit, Failure> {
    let file = DataFile::of(&arguments.data).map_err(|error| Failure::new(Exit::Input, error))?;
    let cases = cases(usable, (!arguments.no_swap).then_some(arguments.seed));
    let mut ended: BTreeMap<Show, Vec<_>> = BTreeMap::new();
    if arguments.judge.is_named() {
        let folder = arguments.run_folder(&arguments.setting(rules)?);
        for &show in arguments.shows() {
            let path = journal_path(&folder, show);
            if path.exists() {
                let records = Journal::read(&path)?.into_iter();
                let keys = records
                    .filter(|one| one.failed.is_none())
                    .map(|one| one.pair);
                ended.insert(show, keys.collect());
                ended.entry(show).or_default().sort();
            }
        }
    }
    let estimate = Estimate::of(
        &cases,
        arguments.shows(),
        &rules,
        arguments.judge.pixels(),
        |show, case: &Case| {
            let ended = ended.get(&show);
            ended.is_some_and(|keys| keys.binary_search(&case.labelled.key).is_ok())
        },
    );
    let problem = (!unusable.is_empty()).then(|| refused(&unusable));
    let data = Data::of(set, unusable, cases.len());
    let mut text = table::data(&file.name, &file.blake3, &data);
    text += &estimate.text();
    say(out, &text)?;
    match problem {
        Some(problem) if !arguments.skip_unusable => Err(Failure::new(Exit::Input, problem)),
        _ => Ok(Exit::Done),
    }
}

/// The runs of an evaluation.
struct Job<'a> {
    arguments: &'a EvalArgs,
    setting: &'a Setting,
    cases: &'a [Case],
    folder: PathBuf,
}

impl Job<'_> {
    /// A tiny policy's run, with the operations that it was trained with and a memory of its own.
    fn run_tiny(&self, judge: &TinyJudge, show: Show) -> Result<Run, Failure> {
        let bank = FrameBank::default();
        let policy = judge.policy(&bank);
        let policy = policy.map_err(|error| Failure::new(Exit::Judge, error))?;
        with_offered!(judge.trained().offered(), Ops => self.run::<Ops, _>(&policy, show))
    }

    fn run<O: OpSet, P: Policy>(&self, policy: &P, show: Show) -> Result<Run, Failure> {
        let stage = Stage::new(
            &self.arguments.videos,
            &Limits::default(),
            self.setting.seed,
        );
        let evaluation = Evaluation {
            setting: self.setting,
            cases: self.cases,
            stage: &stage,
            threads: processors(),
        };
        let path = journal_path(&self.folder, show);
        let journal = Journal::open(&path, self.setting.run(show))?;
        let mut traces = self.traces(show)?;
        let what = format!("{}, {} frames", self.setting.benchmark, show.name());
        let progress = Progress::start(&what, self.cases.len());
        let watch = |ended: crate::server::Progress<'_>| progress.advance(ended.recalled);
        let run = evaluation.run::<O, _>(policy, show, &journal, &watch, traces.as_mut());
        progress.finish();
        let run = run?;
        traces.map_or(Ok(()), Traces::finish)?;
        Ok(run)
    }

    fn traces(&self, show: Show) -> Result<Option<Traces>, Failure> {
        let Some(path) = &self.arguments.output.traces else {
            return Ok(None);
        };
        let mut path = path.clone();
        if show == Show::Redundant {
            path.as_mut_os_string().push(".redundant");
        }
        let pictures = match self.arguments.output.no_pictures {
            true => Pictures::None,
            false => Pictures::Shown,
        };
        Ok(Some(Traces::begin(&path, pictures)?))
    }
}
