//! Bodies that somebody broke on purpose.

use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::json;

use crate::support::{RIGHT, Server, ask, group, request, unit_that_answers, unit_that_calls};

#[test]
fn every_fault_says_where() {
    let server = Server::paper();
    let score = |body: serde_json::Value| server.score(body.to_string().as_bytes());
    let sample = json!({"units": [unit_that_answers(RIGHT)]});
    let with = |field: &str, value: serde_json::Value| {
        let mut sample = sample.clone();
        sample[field] = value;
        score(json!({"groups": [group(vec![json!({"units": []}), sample])]}))
    };
    for (reply, expected) in [
        (score(json!({})), (422, "data", Some(""))),
        (score(json!({"groups": 1})), (422, "data", Some("/groups"))),
        (
            score(json!({"groups": [], "x/y": 1})),
            (422, "data", Some("/x~1y")),
        ),
        (
            score(
                json!({"groups": [{"truth": {"TA": 3, "VQ": 0, "MQ": 0, "OA": 0}, "samples": []}]}),
            ),
            (422, "data", Some("/groups/0/truth/TA")),
        ),
        (
            with("units", json!([1])),
            (422, "data", Some("/groups/0/samples/1/units/0")),
        ),
        (
            with("calls", json!([1, 2])),
            (422, "data", Some("/groups/0/samples/1/calls")),
        ),
        (
            with("calls", json!([-1])),
            (422, "data", Some("/groups/0/samples/1/calls/0")),
        ),
        (
            with("penalty", json!("much")),
            (422, "data", Some("/groups/0/samples/1/penalty")),
        ),
        (
            with("penalty", json!(1e300)),
            (422, "data", Some("/groups/0/samples/1/penalty")),
        ),
        (
            with("reward", json!(9)),
            (422, "data", Some("/groups/0/samples/1/reward")),
        ),
    ] {
        assert_eq!(reply.problem(), expected, "{}", reply.body);
    }
    let raw = |body: &[u8]| server.score(body);
    assert_eq!(raw(b"{\"groups\": [").problem(), (400, "json", None));
    assert_eq!(raw(b"{\"groups\": []} {}").problem(), (400, "json", None));
    assert_eq!(raw(b"").problem(), (400, "json", None));
    assert_eq!(raw(b"\xff\xfe").problem(), (400, "json", None));
    assert_eq!(raw(&[b'['; 100_000]).problem().0, 422);
    let elsewhere = |method, path, media| ask(server.address, method, path, media, b"{}");
    let json = "application/json";
    assert_eq!(
        elsewhere("POST", "/v1/score", "text/plain").problem(),
        (415, "media", None)
    );
    assert_eq!(
        elsewhere("GET", "/v1/score", json).problem(),
        (405, "method", None)
    );
    let allowed = elsewhere("GET", "/v1/score", json).head;
    assert!(allowed.contains("allow: post"), "{allowed}");
    assert_eq!(elsewhere("GET", "/v2", json).problem(), (404, "path", None));
}

#[test]
fn a_group_without_samples_and_a_request_without_groups_are_answered() {
    let server = Server::paper();
    assert_eq!(server.score(&request(vec![])).body["groups"], json!([]));
    let reply = server.score(&request(vec![group(vec![])]));
    assert_eq!(reply.body["groups"][0]["samples"], json!([]));
}

static SERVER: LazyLock<Server> = LazyLock::new(Server::paper);

proptest! {
    #[test]
    fn a_broken_body_is_refused_or_scored_but_never_a_bug(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0usize..3), 0..6),
        digit in 0u8..4,
    ) {
        let truth = format!("TA={digit}, VQ=0, MQ=2, OA=1");
        let mut body = request(vec![group(vec![
            json!({"units": [unit_that_calls(RIGHT), unit_that_answers(&truth)], "calls": [1, 0]}),
            json!({"units": ["x"], "cut": true, "penalty": 1e6}),
            json!({"units": ["y"], "penalty": -1e6}),
        ])]);
        for (at, byte, kind) in edits {
            let at = at.index(body.len());
            match kind {
                0 => body[at] = byte,
                1 => { body.remove(at); }
                _ => body.insert(at, byte),
            }
            if body.is_empty() {
                break;
            }
        }
        let reply = SERVER.score(&body);
        prop_assert!(matches!(reply.status, 200 | 400 | 422), "{reply:?}");
        for group in reply.body["groups"].as_array().into_iter().flatten() {
            for sample in group["samples"].as_array().into_iter().flatten() {
                prop_assert!(sample["advantage"].is_number(), "{sample}");
            }
        }
    }
}
