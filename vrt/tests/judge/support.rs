//! Two clips in a folder, a judge that is served, and the program that asks it.

use std::path::Path;

use assert_cmd::Command;
use serde_json::{Value, json};
use vrt_train::atomic;
use vrt_view::{TraceRecord, jsonl};

use crate::clips::clip;
use crate::scripted::{Act, Heard, Scripted};

pub const CALL: &str = "<Snapshot>both grey,\nthe second one brighter</Snapshot>\n<Think>look between</Think>\n\
    <Recommend Answer>TA=0, VQ=1, MQ=0, OA=1, CF=2</Recommend Answer>\n\
    <tool_call>{\"name\": \"select_frames\", \"arguments\": {\"target_frames\": [2, 9]}}</tool_call>";
pub const ANSWER: &str = "<Snapshot>grey still</Snapshot>\n<Think>done</Think>\n\
    <Answer>TA=0, VQ=1, MQ=2, OA=1, CF=1</Answer>";

/// A folder with `a.gif` and `b.gif`.
pub struct Folder(tempfile::TempDir);

/// What the program printed, and its exit code.
pub struct Done {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Folder {
    pub fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        atomic::write(&folder.path().join("a.gif"), &clip(6, 40)).unwrap();
        atomic::write(&folder.path().join("b.gif"), &clip(7, 200)).unwrap();
        folder
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// `vrt` with these arguments, in the folder.
    pub fn vrt(&self, arguments: &[&str]) -> Done {
        let mut command = Command::cargo_bin("vrt").unwrap();
        let output = command
            .current_dir(self.path())
            .env_remove("VRT_API_KEY")
            .env_remove("OPENAI_API_KEY")
            .args(arguments)
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Done {
            code: output.status.code().unwrap(),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }

    /// `vrt judge a.gif b.gif` with a caption.
    pub fn judge(&self, more: &[&str]) -> Done {
        let pair = ["judge", "a.gif", "b.gif", "--caption", "a fox jumps"];
        self.vrt(&[&pair, more].concat())
    }

    /// The same, asking a server.
    pub fn ask(&self, server: &Scripted, more: &[&str]) -> Done {
        let url = server.url();
        self.judge(&[&["--server", &url, "--model", "tiny-vl"], more].concat())
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).unwrap()
    }

    pub fn traces(&self, name: &str) -> Vec<TraceRecord> {
        jsonl::read(name, self.read(name).as_bytes()).unwrap()
    }
}

/// A server that writes these units, whoever asks; the last one again and again.
pub fn says(units: &'static [&'static str]) -> Scripted {
    Scripted::start(move |heard| {
        if !heard.path.ends_with("/completions") {
            return Act::json(200, &json!({"status": "ok"}));
        }
        let unit = units[written(heard).min(units.len() - 1)];
        Act::json(200, &completion(unit))
    })
}

/// Units that the episode has so far.
pub fn written(heard: &Heard) -> usize {
    let messages = heard.body["messages"].as_array().unwrap();
    let units = messages.iter().filter(|one| one["role"] == "assistant");
    units.count()
}

/// A reply with this text; each word is a token of probability ½, if the request asks for log-probabilities.
pub fn completion(text: &str) -> Value {
    let tokens = text.split_inclusive(' ');
    let tokens = tokens.map(|token| json!({"token": token, "logprob": 0.5f64.ln()}));
    json!({
        "choices": [{"index": 0, "finish_reason": "stop",
            "message": {"role": "assistant", "content": text},
            "logprobs": {"content": tokens.collect::<Vec<_>>()}}],
        "usage": {"prompt_tokens": 1100, "completion_tokens": 7},
    })
}

/// The text without what differs from run to run: times, and where the server listens.
pub fn still(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let line = match line.split_once(" at http://127.0.0.1:") {
            Some((before, _)) => format!("{before} at ADDRESS"),
            None => line.to_owned(),
        };
        match line.strip_suffix(" s") {
            Some(before) if before.ends_with(|last: char| last.is_ascii_digit()) => {
                let time = before.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
                format!("{time}TIME")
            }
            _ => line,
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}
