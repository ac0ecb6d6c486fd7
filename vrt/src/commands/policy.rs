//! In: options that name a judge. Out: the policy they stand for, and what identifies it.

use std::fs;
use std::io::{BufRead, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use serde_json::{Map, Value, json};
use vrt_core::policy::{Replay, Reply, Sampling};
use vrt_train::atomic::FileError;

use crate::checkpoint::{CheckpointOptions, CheckpointPolicy, Reader, outline};
use crate::cli::{Exit, Failure};
use crate::prompt::Prompt;
use crate::server::{
    Address, ApiKey, Client, Endpoint, Journal, Pool, PoolOptions, ServerOptions, ServerPolicy,
    Timeouts,
};
use crate::tiny::{Draws, TinyJudge};
use crate::traces::reply;

/// Who judges: exactly one of --server, --checkpoint, --tiny and --replay.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Judge (exactly one)")]
pub struct PolicyArgs {
    /// A server that speaks OpenAI's protocol; several share the work. Its key is read from VRT_API_KEY or OPENAI_API_KEY
    #[arg(long, value_name = "URL", group = "judge", requires = "model")]
    server: Vec<String>,
    /// The model, as the server calls it
    #[arg(long, value_name = "NAME", requires = "server")]
    model: Option<String>,
    /// A folder with a Qwen2.5-VL checkpoint, which runs in this process
    #[arg(long, value_name = "DIR", group = "judge")]
    checkpoint: Option<PathBuf>,
    /// A tiny policy of the experiments, as `experiments export` writes it. It knows its synthetic world and nothing else;
    /// --frames, --max-calls, --frames-a-call, --window and --retries are its own unless they are given
    #[arg(long, value_name = "FILE", group = "judge")]
    tiny: Option<PathBuf>,
    /// What a judge wrote before: a file of --traces, or a journal
    #[arg(long, value_name = "FILE", group = "judge")]
    replay: Option<PathBuf>,
    /// Requests that a server is given at a time
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=1024))]
    concurrency: u16,
    /// Softmax temperature; 0 takes the likeliest token, as the paper does
    #[arg(long, value_name = "T", default_value_t = 0.0, value_parser = temperature)]
    temperature: f32,
    /// Tokens a unit may have
    #[arg(long, value_name = "N", default_value_t = 1024)]
    max_tokens: u32,
    /// Visual tokens a picture may have, 28 × 28 pixels each
    #[arg(long, value_name = "N", default_value_t = 512, value_parser = clap::value_parser!(u32).range(4..=16384))]
    picture_tokens: u32,
    /// Fields that one server alone knows, added to every request: a JSON object, such as {"top_k": 20}
    #[arg(long, value_name = "JSON", requires = "server", value_parser = object)]
    extra: Option<Map<String, Value>>,
}

/// A judge that can be asked.
#[derive(Debug)]
pub enum AnyPolicy {
    /// A served model.
    Server(ServerPolicy),
    /// A model in this process.
    Checkpoint(Box<CheckpointPolicy>),
    /// A tiny policy of the experiments.
    Tiny(Box<TinyJudge>),
    /// Recorded text.
    Replay(Replay),
}

impl AnyPolicy {
    /// Tokens that the servers have read so far; `None` where nobody counts them.
    pub fn tokens_read(&self) -> Option<u64> {
        let Self::Server(policy) = self else {
            return None;
        };
        let each = policy.pool().stats().into_iter();
        Some(each.map(|server| server.usage.prompt_tokens).sum())
    }
}

impl PolicyArgs {
    /// Who judges, for people.
    pub fn title(&self) -> String {
        if let Some(model) = &self.model {
            format!("{model} at {}", self.server.join(", "))
        } else if let Some(path) = [&self.checkpoint, &self.tiny, &self.replay]
            .into_iter()
            .find_map(Option::as_ref)
        {
            path.display().to_string()
        } else {
            String::new()
        }
    }

    /// Whether a judge is named.
    pub fn is_named(&self) -> bool {
        !self.server.is_empty()
            || self.checkpoint.is_some()
            || self.tiny.is_some()
            || self.replay.is_some()
    }

    /// The tiny policy, if it is the judge; `seed` is that of its draws, `logprobs` as for [`PolicyArgs::open`].
    ///
    /// # Errors
    /// [`Failure`] if its file holds none.
    pub fn tiny(&self, seed: u64, logprobs: bool) -> Result<Option<TinyJudge>, Failure> {
        let draws = Draws {
            temperature: self.temperature,
            seed,
            max_tokens: self.max_tokens,
            logprobs,
        };
        let opened = self
            .tiny
            .as_deref()
            .map(|path| TinyJudge::open(path, draws));
        opened
            .transpose()
            .map_err(|error| Failure::new(Exit::Judge, error))
    }

    /// Whether recorded text is played back.
    pub fn is_recorded(&self) -> bool {
        self.replay.is_some()
    }

    /// Fewest and most pixels of a picture.
    pub fn pixels(&self) -> [u64; 2] {
        [4 * 784, u64::from(self.picture_tokens) * 784]
    }

    /// What decides the judge's words: kind, model and how it samples. Where servers are does not.
    ///
    /// # Errors
    /// [`Failure`] if the checkpoint or the recording cannot be read, or no judge is named.
    pub fn identity(&self) -> Result<Value, Failure> {
        let Self {
            temperature,
            max_tokens,
            ..
        } = self;
        let sampled = |kind: &str, model: &str, digest: Option<String>| {
            json!({"kind": kind, "model": model, "blake3": digest, "temperature": temperature,
                "max_tokens": max_tokens, "pixels": self.pixels()})
        };
        if let Some(model) = &self.model {
            let mut identity = sampled("server", model, None);
            identity["pictures"] = json!("png");
            if let Some(extra) = &self.extra {
                identity["extra"] = json!(extra);
            }
            Ok(identity)
        } else if let Some(folder) = &self.checkpoint {
            let digest = outline(folder).map_err(|error| Failure::new(Exit::Judge, error))?;
            Ok(sampled("checkpoint", &name(folder), Some(digest)))
        } else if let (Some(file), Some(judge)) = (&self.tiny, self.tiny(0, false)?) {
            let trained = judge.trained();
            Ok(
                json!({"kind": "tiny", "model": name(file), "blake3": trained.blake3(), "temperature": temperature,
                "max_tokens": judge.sampling().max_tokens, "provenance": trained.header().provenance,
                "knows": judge.knows()}),
            )
        } else if let Some(file) = &self.replay {
            let bytes = fs::read(file).map_err(FileError::at("read", file));
            let bytes = bytes.map_err(|error| Failure::new(Exit::Input, error))?;
            let digest = blake3::hash(&bytes).to_hex().to_string();
            Ok(json!({"kind": "replay", "model": name(file), "blake3": digest}))
        } else {
            Err(unnamed())
        }
    }

    /// The judge, asked with these words; with `logprobs` it keeps the log-probability of each token it writes, where it
    /// can.
    ///
    /// # Errors
    /// [`Failure`] if it cannot be reached, loaded or read, or none is named.
    pub fn open(&self, prompt: Prompt, seed: u64, logprobs: bool) -> Result<AnyPolicy, Failure> {
        let refuse = |why: String| Failure::new(Exit::Judge, why);
        if let Some(model) = &self.model {
            let options = ServerOptions {
                temperature: self.temperature,
                max_tokens: self.max_tokens,
                seed,
                logprobs,
                pixels: self.pixels(),
                extra: self.extra.clone().unwrap_or_default(),
                ..ServerOptions::new(model)
            };
            let pool = Arc::new(self.pool(seed)?);
            pool.ready().map_err(|error| refuse(error.to_string()))?;
            Ok(AnyPolicy::Server(ServerPolicy::new(pool, prompt, options)))
        } else if let Some(folder) = &self.checkpoint {
            let reader = Reader::open(folder).map_err(|error| refuse(error.to_string()))?;
            let weights = reader.checkpoint().decoder_weights();
            let weights = weights.map_err(|error| refuse(error.to_string()))?;
            let options = CheckpointOptions {
                sampling: Sampling {
                    temperature: self.temperature,
                    seed,
                    step: 0,
                    max_tokens: self.max_tokens,
                },
                pixels: self.pixels(),
                logprobs,
                ..CheckpointOptions::default()
            };
            let policy = CheckpointPolicy::new(reader, weights, prompt, options);
            Ok(AnyPolicy::Checkpoint(Box::new(policy)))
        } else if let Some(judge) = self.tiny(seed, logprobs)? {
            Ok(AnyPolicy::Tiny(Box::new(judge)))
        } else if let Some(file) = &self.replay {
            let recorded = recorded(file).map_err(|why| Failure::new(Exit::Input, why))?;
            Ok(AnyPolicy::Replay(Replay::new(recorded)))
        } else {
            Err(unnamed())
        }
    }

    fn pool(&self, seed: u64) -> Result<Pool, Failure> {
        let usage = |why: String| Failure::new(Exit::Usage, why);
        let key = ApiKey::from_environment().map_err(|error| usage(error.to_string()))?;
        let endpoints = self.server.iter().map(|url| {
            let address = Address::new(url).map_err(|error| usage(error.to_string()))?;
            Ok(Endpoint {
                client: Client::new(address, key.clone(), &Timeouts::default()),
                concurrency: usize::from(self.concurrency),
            })
        });
        let options = PoolOptions {
            seed,
            ..PoolOptions::default()
        };
        let endpoints = endpoints.collect::<Result<_, Failure>>()?;
        Pool::new(endpoints, options).map_err(|error| usage(error.to_string()))
    }
}

fn object(text: &str) -> Result<Map<String, Value>, String> {
    serde_json::from_str(text).map_err(|error| format!("no JSON object: {error}"))
}

fn temperature(text: &str) -> Result<f32, String> {
    let value: f32 = text.parse().map_err(|_| "not a number".to_owned())?;
    let sound = value.is_finite() && value >= 0.0;
    sound
        .then_some(value)
        .ok_or_else(|| "write a number from 0 on".to_owned())
}

fn unnamed() -> Failure {
    let why = "no judge is named; give --server URL --model NAME, --checkpoint DIR, --tiny FILE, or --replay FILE";
    Failure::new(Exit::Usage, why)
}

fn name(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}

type Recorded = Vec<(vrt_core::pair::PairKey, u32, Vec<Reply>)>;

/// The replies of a file of traces, or of a journal.
fn recorded(file: &Path) -> Result<Recorded, String> {
    let open = || fs::File::open(file).map_err(FileError::at("read", file));
    let mut lines = std::io::BufReader::new(open().map_err(|error| error.to_string())?);
    let mut first = Vec::new();
    lines
        .read_until(b'\n', &mut first)
        .map_err(|error| FileError::at("read", file)(error).to_string())?;
    if first.starts_with(b"{\"journal\"") {
        let records = Journal::read(file).map_err(|error| error.to_string())?;
        let ended = records.into_iter().filter(|record| record.failed.is_none());
        return Ok(ended
            .map(|record| (record.pair, record.sample, record.replies))
            .collect());
    }
    let name = file.display().to_string();
    let whole = std::io::Cursor::new(first).chain(lines);
    let records = vrt_view::jsonl::read(&name, whole).map_err(|error| error.to_string())?;
    let replies = records.into_iter().map(|record| {
        let rounds = record.rounds.iter().map(reply);
        (record.pair, record.sample, rounds.collect())
    });
    Ok(replies.collect())
}
