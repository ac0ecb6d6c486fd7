//! A tiny checkpoint with a tokenizer, pairs with all four labels, a teacher's traces, and the program that trains.
//!
//! The weights are those of the golden numbers. The tokenizer has the lines of the prompt as one piece each, so that a prompt
//! has a hundred tokens and not thousands.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use assert_cmd::Command;
use dfdx::prelude::Cpu;
use serde_json::{Value, json};
use vrt::data::{Benchmark, DataSet};
use vrt::eval::{Depth, Show, Stage, Survey, cases};
use vrt::prompt::{Conversation, Part, Prompt, VIDEO_GEN_REWARD};
use vrt::train::{ConfigFile, Pairs};
use vrt::video::Limits;
use vrt_core::episode::Rules;
use vrt_core::model::Tiny;
use vrt_core::op::{OpSet, PaperOps};
use vrt_core::pair::PreferencePair;
use vrt_core::policy::Replay;
use vrt_core::policy::Reply;
use vrt_core::rollout::rollout;
use vrt_train::atomic;
use vrt_train::tiny::{self, FORMAT, Header, Language, Provenance, Sizes, WorldRecord};
use vrt_view::{Context, Pictures, TraceRecord, jsonl};

use crate::clips::{Bench, PAIRS, caption};

pub const CALL: &str = "<Snapshot>grey</Snapshot>\n<Think>so</Think>\n\
    <Recommend Answer>TA=0, VQ=0, MQ=0, OA=1, CF=2</Recommend Answer>\n\
    <tool_call>{\"name\": \"select_frames\", \"arguments\": {\"target_frames\": [2, 8]}}</tool_call>";

const SEEN: &str = "<Snapshot>grey</Snapshot>\n<Think>so</Think>\n<Answer>TA=0, VQ=0, MQ=0, OA=";
const SURE: &str = ", CF=1</Answer>";

/// An answer that is right in everything but perhaps overall.
pub fn answer(overall: u8) -> String {
    format!("{SEEN}{overall}{SURE}")
}

/// Two frames of each video are shown first.
pub fn rules() -> Rules {
    Rules {
        initial_per_video: 1,
        max_calls: 1,
        ..Rules::default()
    }
}

/// A folder with everything that a stage reads.
pub struct School {
    bench: Bench,
    config: &'static str,
    /// The file that a stage ends with.
    pub result: &'static str,
}

impl School {
    /// With a tiny checkpoint.
    pub fn new() -> Self {
        let better = |pair| if pair % 2 == 0 { "A" } else { "B" };
        let school = Self {
            bench: bench(better, caption),
            config: CONFIG,
            result: "adapters.safetensors",
        };
        school.write_checkpoint();
        school.write_traces(CALL, answer, |_| false);
        school.write("train.toml", CONFIG);
        school
    }

    /// With an untrained tiny policy, which knows little but `red ring`; the brighter video is always the better one.
    pub fn tiny() -> Self {
        let school = Self {
            bench: bench(|_| "B", |_| CAPTION.to_owned()),
            config: TINY,
            result: "policy.safetensors",
        };
        let weights = Tiny::new(&Cpu::default(), 3).to_flat();
        tiny::write(&school.path("policy"), &header(), &weights).unwrap();
        school.teach(TINY_CALL, |pair| pair % 2 == 0);
        school.write("train.toml", TINY);
        school
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.bench.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        atomic::write(&self.path(name), text.as_bytes()).unwrap();
    }

    /// The configuration with some words in the place of others.
    pub fn configure(&self, name: &str, changes: &[(&str, &str)]) {
        let mut text = self.config.to_owned();
        for (from, to) in changes {
            assert!(text.contains(from), "{from}");
            text = text.replace(from, to);
        }
        self.write(name, &text);
    }

    pub fn config(&self, name: &str) -> ConfigFile {
        ConfigFile::read(&self.path(name)).unwrap()
    }

    pub fn pairs(&self) -> Pairs {
        let config = self.config("train.toml").config;
        Pairs::load(&config.data, Depth::Index, config.seed, 2, &|_, _| Ok(())).unwrap()
    }

    /// `vrt` with these arguments, in the folder.
    pub fn vrt(&self, arguments: &[&str]) -> Output {
        let mut command = Command::cargo_bin("vrt").unwrap();
        command.current_dir(self.bench.path()).args(arguments);
        command.output().unwrap()
    }

    /// The same, which must succeed; what it prints.
    pub fn done(&self, arguments: &[&str]) -> String {
        let output = self.vrt(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{said}");
        String::from_utf8(output.stdout).unwrap()
    }

    pub fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&fs::read(self.path(name)).unwrap()).unwrap()
    }

    fn write_checkpoint(&self) {
        let golden =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../vrt-core/tests/golden/qwen2_5_vl");
        for name in [
            "config.json",
            "model.safetensors",
            "preprocessor_config.json",
        ] {
            let bytes = fs::read(golden.join(name)).unwrap();
            atomic::write(&self.path("base").join(name), &bytes).unwrap();
        }
        self.write("base/chat_template.jinja", TEMPLATE);
        let whole = tokenizer(&self.lines());
        self.write("base/tokenizer.json", &whole.to_string());
    }

    /// The lines of the prompt that no pair changes, and the pieces of the units.
    fn lines(&self) -> Vec<String> {
        let prompt = Prompt::of::<PaperOps>(&rules(), &VIDEO_GEN_REWARD);
        let said = |pair: &PreferencePair| {
            let initial = pair.pool().evenly(1);
            let messages = Conversation::open(&prompt, pair, &initial).messages();
            let parts = messages.into_iter().flat_map(|message| message.parts);
            let texts = parts.filter_map(|part| match part {
                Part::Text(text) => Some(text),
                Part::Picture(_) => None,
            });
            let lines = texts.flat_map(|text| {
                text.split_inclusive('\n')
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            });
            lines.collect::<Vec<String>>()
        };
        let pairs = self.shown();
        let mut lines = said(&pairs[0].0);
        let other = said(&pairs[1].0);
        lines.retain(|line| line.len() > 12 && other.contains(line));
        lines.extend([SEEN, SURE, CALL].map(str::to_owned));
        lines.sort();
        lines.dedup();
        lines
    }

    /// The pairs as they are shown, with what a trace calls their videos.
    fn shown(&self) -> Vec<(PreferencePair, Context<'static>)> {
        let set = DataSet::load(Benchmark::VideoGenRewardBench, &self.bench.data()).unwrap();
        let limits = Limits::default();
        let videos = self.bench.videos();
        let survey = Survey::of(&set.pairs, &videos, &limits, Depth::Index, 2, &|| ());
        let usable = set.pairs.iter();
        let usable = usable.map(|pair| (pair.clone(), survey.pair(pair).unwrap()));
        let stage = Stage::new(&videos, &limits, 0);
        let cases = cases(usable.collect(), Some(5));
        let shown = cases.iter().map(|case| {
            let context = Context {
                source: "teacher",
                videos: Stage::names(case),
                pictures: Pictures::None,
                ..Context::default()
            };
            (stage.pair(case, Show::Plain), context)
        });
        shown.collect()
    }

    /// A teacher of the tiny policy that looks with these words, or judges a pair at once.
    pub fn teach(&self, call: &str, at_once: fn(usize) -> bool) {
        self.write_traces(call, tiny_answer, at_once);
    }

    /// A teacher that looks once and is right, but for two pairs: one is wrong, one leaves the format.
    fn write_traces(&self, call: &str, answer: fn(u8) -> String, at_once: fn(usize) -> bool) {
        let mut records = Vec::new();
        for (number, (pair, context)) in self.shown().into_iter().enumerate() {
            let right = pair.truth.unwrap().overall.digit();
            let last = match number {
                3 => answer(3 - right),
                5 => "the left one".to_owned(),
                _ => answer(right),
            };
            let look = (!at_once(number)).then(|| call.to_owned());
            let replies = look.into_iter().chain([last]).map(|text| Reply {
                text,
                tokens: 5,
                ..Reply::default()
            });
            let replay = Replay::new(vec![(pair.key, 0, replies.collect())]);
            let pairs = [pair];
            let (rollouts, _) = rollout::<PaperOps, _>(&replay, &pairs, 1, &rules(), 1).unwrap();
            let episode = &rollouts[0].samples[0].episode;
            records.push(TraceRecord::new(episode, &pairs[0], &rules(), context).unwrap());
        }
        self.write("teacher.jsonl", &jsonl::write(&records));
    }
}

/// A benchmark of these labels and captions.
fn bench(better: fn(usize) -> &'static str, caption: fn(usize) -> String) -> Bench {
    let mut text = "path_A,path_B,prompt,VQ,MQ,TA,Overall\n".to_owned();
    for i in 0..PAIRS {
        let (better, caption) = (better(i), caption(i));
        text += &format!("left/{i}.gif,right/{i}.gif,{caption},same,same,same,{better}\n");
    }
    Bench::new(&text)
}

/// What the tiny policy's pairs are made for.
pub const CAPTION: &str = "red ring";

/// Frames 2 and 4 count from the third, so that there are words for both.
pub const TINY_CALL: &str = "<Snapshot>red #2</Snapshot>\n<Think>ring</Think>\n\
    <Recommend Answer>TA=0, VQ=0, MQ=0, OA=0, CF=2</Recommend Answer>\n\
    <tool_call>{\"name\": \"select_frames\", \"arguments\": {\"target_frames\": [2, 4]}}</tool_call>";

pub fn tiny_answer(overall: u8) -> String {
    format!(
        "<Snapshot>ring</Snapshot>\n<Think>red</Think>\n<Answer>TA=0, VQ=0, MQ=0, OA={overall}, CF=1</Answer>"
    )
}

/// What the file of the untrained tiny policy says of itself.
pub fn header() -> Header {
    let words = ["red", "ring", "-2", "-1", "+0", "+1", "+2"];
    Header {
        format: FORMAT,
        model: Sizes::own(),
        language: Language::new(&PaperOps::grammars(), &words, 12).unwrap(),
        offered: vec!["select_frames".to_owned()],
        rules: rules(),
        max_tokens: 24,
        world: WorldRecord {
            seed: 1,
            caption: CAPTION.to_owned(),
            side: 16,
            settings: json!({}),
        },
        provenance: Provenance {
            experiment: "none".to_owned(),
            arm: "untrained".to_owned(),
            scale: "smoke".to_owned(),
            stage: "base".to_owned(),
            stage_id: String::new(),
            step: None,
            seed: 3,
            revision: "unversioned".to_owned(),
            since: Vec::new(),
        },
    }
}

/// Bytes as letters, special pieces, and lines as one piece each; a merge that no text has, because readers want one.
fn tokenizer(lines: &[String]) -> Value {
    let visible = |byte: u32| matches!(byte, 0x21..=0x7E | 0xA1..=0xAC | 0xAE..=0xFF);
    let mut spare = 256..;
    let letters: Vec<String> = (0..256u32)
        .map(|byte| {
            if visible(byte) {
                byte
            } else {
                spare.next().unwrap()
            }
        })
        .map(|letter| char::from_u32(letter).unwrap().to_string())
        .collect();
    let special = [
        (500, "<|image_pad|>"),
        (501, "<|video_pad|>"),
        (502, "<|vision_start|>"),
        (503, "<|vision_end|>"),
        (504, "<|endoftext|>"),
        (505, "<|im_end|>"),
        (506, "<|im_start|>"),
    ];
    let merge = [letters[0xFE].clone(), letters[0xFF].clone()];
    let mut vocabulary: BTreeMap<String, u32> =
        (0..).zip(&letters).map(|(id, l)| (l.clone(), id)).collect();
    vocabulary.insert(merge.concat(), 256);
    assert!(lines.len() < 500 - 257);
    let added = (257u32..)
        .zip(lines.iter().map(String::as_str))
        .map(|(id, piece)| (id, piece, false));
    let added = added.chain(special.map(|(id, piece)| (id, piece, true)));
    let mut entries = Vec::new();
    for (id, piece, special) in added {
        vocabulary.insert(piece.to_owned(), id);
        entries.push(json!({"id": id, "content": piece, "special": special, "single_word": false, "lstrip": false,
            "rstrip": false, "normalized": false}));
    }
    let bytes = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false});
    json!({"version": "1.0", "truncation": null, "padding": null, "added_tokens": entries, "normalizer": null,
        "pre_tokenizer": bytes, "post_processor": null, "decoder": bytes,
        "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": "",
            "end_of_word_suffix": "", "fuse_unk": false, "byte_fallback": false, "vocab": vocabulary,
            "merges": [merge]}})
}

/// Qwen2.5-VL's form.
const TEMPLATE: &str = "{% for message in messages %}<|im_start|>{{ message.role }}\n\
{% if message.content is string %}{{ message.content }}{% else %}{% for part in message.content %}\
{% if part.type == 'image' %}<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ part.text }}{% endif %}\
{% endfor %}{% endif %}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

pub const CONFIG: &str = r#"checkpoint = "base"
out = "run"
seed = 5
picture_tokens = 4
save_every = 2

[data]
benchmark = "videogen-rewardbench"
file = "data"
videos = "videos"

[rules]
initial_per_video = 1
max_calls = 1

[adapters]
rank = 8
alpha = 16.0

[optimizer]
betas = [0.9, 0.98]

[cold_start]
traces = "teacher.jsonl"
epochs = 6
batch = 4
schedule = { peak = 2e-2, warmup = 2 }

[rft]
samples = 2
max_tokens = 12
epochs = 1
batch = 4
schedule = { peak = 1e-3 }

[grpo]
objective = "vr-thinker"
steps = 2
groups = 2
samples = 4
batch = 8
max_tokens = 12
schedule = { peak = 1e-3, decay = "linear" }
"#;

pub const TINY: &str = r#"tiny = "policy"
out = "run"
seed = 5
save_every = 4

[data]
benchmark = "videogen-rewardbench"
file = "data"
videos = "videos"

[optimizer]
betas = [0.9, 0.98]

[cold_start]
traces = "teacher.jsonl"
epochs = 24
batch = 4
schedule = { peak = 3e-3, warmup = 5 }

[rft]
samples = 4
epochs = 1
batch = 4
schedule = { peak = 1e-3 }

[grpo]
objective = "vr-thinker"
steps = 2
groups = 2
samples = 4
batch = 8
schedule = { peak = 1e-4, decay = "linear" }
"#;
