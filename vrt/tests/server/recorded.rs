//! Every recorded reply of two real servers, read by the client.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use serde_json::Value;
use vrt::server::Timeouts;

use crate::scripted::{Act, Scripted};
use crate::support::client;

#[test]
fn every_recorded_reply_is_read_or_refused_by_its_cause() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/http");
    let mut report = String::new();
    for server in ["llamacpp", "vllm"] {
        let mut files: Vec<_> = fs::read_dir(folder.join(server))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        files.sort();
        for file in files {
            let case: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
            let status = case["status"].as_u64().unwrap() as u16;
            let act = Act::json(status, &case["response"]);
            let scripted = Scripted::start(move |_| act.clone());
            let name = file.file_stem().unwrap().to_string_lossy();
            match client(&scripted, &Timeouts::default()).complete(b"{}") {
                Err(error) => writeln!(report, "{server} {name}: {error:?}").unwrap(),
                Ok(read) => {
                    let reply = read.reply;
                    let text: String = reply.text.escape_debug().take(60).collect();
                    let first = reply.sampled.first().map(|one| (one.token, one.logp));
                    let sampled = reply.sampled.len();
                    let (prompt, tokens, cut) = (read.usage.prompt_tokens, reply.tokens, reply.cut);
                    writeln!(
                        report,
                        "{server} {name}: {prompt} + {tokens} tokens, cut {cut}, {sampled} sampled {first:?}, {text}"
                    )
                    .unwrap();
                }
            }
        }
    }
    insta::assert_snapshot!(report);
}
