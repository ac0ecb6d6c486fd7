//! `vrt judge`: which of two videos is better, and why.

use std::fmt::Display;
use std::io::{Write, stderr};
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use vrt_core::episode::{Episode, Rules};
use vrt_core::op::OpSet;
use vrt_core::pair::{Pool, PreferencePair, VideoError};
use vrt_core::policy::{FrameBank, Policy};
use vrt_core::with_offered;
use vrt_train::atomic;
use vrt_view::{Context, Pictures, RecordError, TraceRecord, jsonl, page};

use super::policy::{AnyPolicy, PolicyArgs};
use super::rules::{RulesArgs, Tools};
use crate::cli::{Exit, Failure, say};
use crate::eval::Sides;
use crate::judging::{Clips, Judged, Opinion, Order, Played, play, transcript};
use crate::prompt::{DimensionWording, MJ_BENCH_VIDEO, Prompt, RAPIDATA, VIDEO_GEN_REWARD};
use crate::tiny::TinyJudge;
use crate::video::Limits;

/// Frames of each video that the page shows its course with.
const STRIP: u32 = 16;

const AFTER: &str = "\
Examples:
  vrt judge a.mp4 b.mp4 --caption \"a fox jumps over a fence\" \\
      --server http://localhost:8000 --model qwen2.5-vl-7b
  vrt judge a.mp4 b.mp4 --caption \"a fox jumps over a fence\" --swap --html verdict.html \\
      --checkpoint Qwen2.5-VL-7B/
      with a model in this process, in both orders, and a page to look through what it saw
  vrt judge a.mp4 b.mp4 --caption \"a fox jumps over a fence\" --json --traces trace.jsonl \\
      --server http://localhost:8000 --model qwen2.5-vl-7b > verdict.json
      for programs: the reasoning goes to stderr
  vrt judge a.mp4 b.mp4 --caption \"a fox jumps over a fence\" --replay trace.jsonl
      the same words again, without a model
  vrt judge 1.gif 2.gif --caption \"red square noevent T24\" --tiny fig3.safetensors
      two videos of the experiments' world by the policy that was trained in it

Verdict:
  TA, VQ, MQ, OA  the three dimensions and overall: video 1, video 2, or a tie
  p               the probability of the digit that the judge wrote, where it is given
  With --swap the verdict is in the order given; what both orders do not agree on is a tie.

A model that was not trained to look often slips in the format of its calls: --retries 2 tells it what was wrong.";

/// Judges two videos: the reasoning as it comes, then the verdict, how sure it is, and its cost
#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub struct JudgeArgs {
    /// A file, or a folder of images: MP4, MOV, GIF, WebP, PNG or JPEG
    #[arg(value_name = "VIDEO1")]
    first: PathBuf,
    /// The other one
    #[arg(value_name = "VIDEO2")]
    second: PathBuf,
    /// The text that both videos were made for
    #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    caption: String,
    /// How the three dimensions are put to the judge: video-gen-reward, rapidata, mj-bench-video, or three of your own as
    /// `Name: what it asks; Name: …; Name: …`, standing for TA, VQ and MQ
    #[arg(long, value_name = "DIMENSIONS", default_value = "video-gen-reward")]
    dims: Dimensions,
    /// Judge both orders, and say whether the place decides
    #[arg(long)]
    swap: bool,
    /// Which operations are offered; a tiny policy knows its own
    #[arg(
        long,
        value_enum,
        value_name = "SET",
        default_value_t,
        conflicts_with = "tiny"
    )]
    tools: Tools,
    /// Of the judge's samples and of the second order
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Ask for no log-probabilities: some servers refuse them
    #[arg(long)]
    no_logprobs: bool,
    #[command(flatten)]
    policy: PolicyArgs,
    #[command(flatten)]
    rules: RulesArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// Where things are written
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
struct OutputArgs {
    /// Write a page that shows every round with its frames
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write the episodes as lines for --replay and the trace browser
    #[arg(long, value_name = "FILE")]
    traces: Option<PathBuf>,
    /// Print one JSON object; the reasoning goes to stderr
    #[arg(long)]
    json: bool,
}

/// The names of the dimensions and what they ask.
#[derive(Clone, Debug)]
struct Dimensions([DimensionWording; 3]);

impl FromStr for Dimensions {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "video-gen-reward" => return Ok(Self(VIDEO_GEN_REWARD.clone())),
            "rapidata" => return Ok(Self(RAPIDATA.clone())),
            "mj-bench-video" => return Ok(Self(MJ_BENCH_VIDEO.clone())),
            _ => {}
        }
        let own = text.split(';').map(|one| {
            let (name, explanation) = one.split_once(':')?;
            let (name, explanation) = (name.trim(), explanation.trim());
            let both = !name.is_empty() && !explanation.is_empty();
            both.then(|| DimensionWording {
                name: name.to_owned().into(),
                explanation: explanation.to_owned().into(),
            })
        });
        own.collect::<Option<Vec<_>>>()
            .and_then(|own| own.try_into().ok())
            .map(Self)
            .ok_or_else(|| {
                "name video-gen-reward, rapidata or mj-bench-video, or write three `Name: what it asks`, parted by `;`"
                    .to_owned()
            })
    }
}

/// Runs the command.
///
/// # Errors
/// [`Failure`] with its exit code.
pub fn run(arguments: &JudgeArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    let input = |error: &dyn Display| Failure::new(Exit::Input, error);
    let JudgeArgs {
        policy: chosen,
        output,
        seed,
        ..
    } = arguments;
    let tiny = chosen.tiny(*seed, false)?;
    let base = tiny.as_ref().map_or_else(Rules::default, TinyJudge::rules);
    let rules = arguments.rules.over(base);
    let paths = [&*arguments.first, &*arguments.second];
    let identity = chosen.identity()?;
    let clips = Clips::open(paths, &arguments.caption, &Limits::default())
        .map_err(|error| input(&error))?;
    if let Some(tiny) = &tiny {
        let [first, second] = clips.infos().map(|info| info.frames);
        let pool = Pool::new(first, second);
        let asked = tiny.trained().speaks_of(&arguments.caption, pool);
        asked.map_err(|error| input(&error))?;
    }
    clips
        .look(rules.initial_per_video)
        .map_err(|error| input(&error))?;
    let mut aside = stderr();
    let mut told: &mut dyn Write = match output.json {
        true => &mut aside,
        false => &mut *out,
    };
    say(&mut told, &transcript::opening(&clips, &chosen.title()))?;
    if let Some(tiny) = &tiny {
        say(&mut told, &transcript::knows(&tiny.knows()))?;
    }
    let job = Job {
        arguments,
        clips: &clips,
        rules,
    };
    let offered = tiny.map_or_else(|| arguments.tools.into(), |tiny| tiny.trained().offered());
    let (opinions, records) = with_offered!(offered, Ops => job.judge::<Ops>(&mut told))?;
    if let Some(path) = &output.traces {
        atomic::write(path, jsonl::write(&records).as_bytes())?;
    }
    if let Some(path) = &output.html {
        let title = format!("{} / {}", clips.names()[0], clips.names()[1]);
        atomic::write(path, page(&records, &title).as_bytes())?;
    }
    let judged = Judged::of(&clips, identity, rules, *seed, opinions);
    say(&mut told, &transcript::closing(&judged, &arguments.dims.0))?;
    for path in output.html.iter().chain(&output.traces) {
        say(&mut told, &format!("written: {}\n", path.display()))?;
    }
    if output.json {
        let text = serde_json::to_string_pretty(&judged);
        let text = text.map_err(|error| Failure::new(Exit::Storage, error))?;
        say(out, &(text + "\n"))?;
    }
    if let Some(reason) = judged.orders.iter().find_map(|one| one.failed.as_deref()) {
        let why = crate::eval::table::printable(reason);
        return Err(Failure::new(
            Exit::Judge,
            format!("the judge failed: {why}"),
        ));
    }
    match judged.verdict {
        Some(_) => Ok(Exit::Done),
        None => Err(Failure::new(
            Exit::NoVerdict,
            "the judge gave no verdict; --retries N tells it what was wrong with a call, --max-tokens N lets it write more",
        )),
    }
}

struct Job<'a> {
    arguments: &'a JudgeArgs,
    clips: &'a Clips,
    rules: Rules,
}

impl Job<'_> {
    /// Judges one order or both.
    fn judge<O: OpSet>(
        &self,
        told: &mut dyn Write,
    ) -> Result<(Vec<Opinion>, Vec<TraceRecord>), Failure> {
        let JudgeArgs {
            policy,
            seed,
            no_logprobs,
            ..
        } = self.arguments;
        let prompt = Prompt::of::<O>(&self.rules, &self.arguments.dims.0);
        let policy = policy.open(prompt, *seed, !no_logprobs)?;
        let orders: &[Sides] = match self.arguments.swap {
            true => &[Sides::AsFiled, Sides::Swapped],
            false => &[Sides::AsFiled],
        };
        let (mut opinions, mut records) = (Vec::new(), Vec::new());
        for &sides in orders {
            let before = policy.tokens_read();
            let pair = self.clips.pair(Order { sides, seed: *seed });
            let played = match &policy {
                AnyPolicy::Server(policy) => self.play::<O, _>(policy, &pair, sides, told),
                AnyPolicy::Checkpoint(policy) => self.play::<O, _>(&**policy, &pair, sides, told),
                AnyPolicy::Tiny(judge) => {
                    let bank = FrameBank::default();
                    let policy = judge.policy(&bank);
                    let policy = policy.map_err(|error| Failure::new(Exit::Judge, error))?;
                    self.play::<O, _>(&policy, &pair, sides, told)
                }
                AnyPolicy::Replay(policy) => self.play::<O, _>(policy, &pair, sides, told),
            }?;
            let after = policy.tokens_read();
            let read = after.zip(before).map(|(after, before)| after - before);
            let record = self.record(&played, &pair, sides)?;
            opinions.push(Opinion::of(self.clips, sides, &played, &record, read));
            records.push(record);
        }
        Ok((opinions, records))
    }

    fn play<O: OpSet, P: Policy>(
        &self,
        policy: &P,
        pair: &PreferencePair,
        sides: Sides,
        told: &mut dyn Write,
    ) -> Result<Played, Failure> {
        let initial = pair.pool().evenly(self.rules.initial_per_video);
        say(told, &transcript::order(pair, &initial, sides))?;
        let mut said = Ok(());
        let mut watch = |episode: &Episode, seconds: f64| {
            if said.is_ok() {
                said = say(told, &transcript::round(episode, &self.rules, seconds));
            }
        };
        let played = play::<O, P>(policy, pair, &self.rules, &mut watch);
        said?;
        let exit = match self.arguments.policy.is_recorded() {
            true => Exit::Input,
            false => Exit::Judge,
        };
        let played = played.map_err(|error| {
            let hint = match exit {
                Exit::Input => "; a recording is found by caption, names and lengths of the videos, and with --swap by seed",
                _ => "",
            };
            Failure::new(exit, format!("{error}{hint}"))
        })?;
        match damaged(&played.episode, pair) {
            Some(error) => Err(Failure::new(Exit::Input, error)),
            None => Ok(played),
        }
    }

    fn record(
        &self,
        played: &Played,
        pair: &PreferencePair,
        sides: Sides,
    ) -> Result<TraceRecord, Failure> {
        let output = &self.arguments.output;
        let pictures = match (&output.html, &output.traces) {
            (Some(_), _) => Pictures::Strips { per_video: STRIP },
            (None, Some(_)) => Pictures::Shown,
            (None, None) => Pictures::None,
        };
        let record = |pictures| {
            let context = Context {
                source: match sides {
                    Sides::AsFiled => "as given",
                    Sides::Swapped => "the other order",
                },
                videos: self.clips.video_names(sides),
                seconds: &played.seconds,
                pictures,
                ..Context::default()
            };
            TraceRecord::new(&played.episode, pair, &self.rules, context)
        };
        match record(pictures) {
            // A frame that nobody was shown may be damaged; those that somebody was are whole.
            Err(RecordError::Video(_)) => record(Pictures::Shown),
            made => made,
        }
        .map_err(|error| Failure::new(Exit::Input, error))
    }
}

/// The first picture of an episode that its video cannot give, if the policy failed: then that is the cause.
fn damaged(episode: &Episode, pair: &PreferencePair) -> Option<VideoError> {
    let Some(vrt_core::episode::StopReason::Policy(_)) = episode.stop else {
        return None;
    };
    let shown = episode.outcomes().flat_map(|outcome| outcome.views.clone());
    shown.filter_map(|view| pair.view(view).err()).next()
}
