//! A served judge with habits, and the program that asks it.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::clips::{Bench, PAIRS, caption};
use crate::scripted::{Act, Heard, Scripted};

/// The pair that a request is about.
pub fn asked(heard: &Heard) -> usize {
    let text = heard.body["messages"].to_string();
    let of = |pair: &usize| text.contains(&caption(*pair));
    (0..PAIRS).find(of).expect("a request names its pair")
}

/// Units that a pair's episode has: every fifth begins with no unit, the others call once and then answer.
pub fn units(pair: usize) -> usize {
    if pair % 5 == 4 { 1 } else { 2 }
}

/// Judges by the pair's number alone, so that what is scored does not depend on who is asked when.
pub fn judge(heard: &Heard) -> Act {
    if !heard.path.ends_with("/completions") {
        return Act::json(200, &json!({"status": "ok"}));
    }
    let pair = asked(heard);
    let messages = heard.body["messages"].as_array().unwrap();
    let before = messages
        .iter()
        .filter(|one| one["role"] == "assistant")
        .count();
    let seen = "<Snapshot>grey</Snapshot>\n<Think>so</Think>\n";
    Act::json(
        200,
        &match (units(pair), before) {
            (1, _) => completion("The left one, I think."),
            (_, 0) => completion(&format!(
                "{seen}<Recommend Answer>TA=0, VQ=1, MQ=0, OA=1, CF=2</Recommend Answer>\n\
             <tool_call>{{\"name\": \"select_frames\", \"arguments\": {{\"target_frames\": [2, 4]}}}}</tool_call>"
            )),
            _ => completion(&format!(
                "{seen}<Answer>TA={}, VQ=1, MQ={}, OA={}, CF=1</Answer>",
                pair % 2,
                pair % 3,
                pair % 3
            )),
        },
    )
}

fn completion(text: &str) -> Value {
    json!({
        "choices": [{"index": 0, "finish_reason": "stop",
            "message": {"role": "assistant", "content": text}}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 7},
    })
}

/// `vrt eval` on a benchmark, in its folder.
pub fn eval(bench: &Bench, name: &str, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vrt"));
    command
        .current_dir(bench.path())
        .args(["eval", name, "--data", "data", "--videos", "videos"])
        .args(more)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// The same, asking a server.
pub fn asking(bench: &Bench, name: &str, server: &Scripted, more: &[&str]) -> Command {
    let mut command = eval(bench, name, more);
    command.args(["--server", &server.url(), "--model", "tiny-vl"]);
    command
}

/// What it printed, with its exit code.
pub fn done(mut command: Command) -> (i32, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

pub fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}
