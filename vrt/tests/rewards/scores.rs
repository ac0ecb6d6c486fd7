//! What is paid, beside sums taken by hand from the paper's equations.

use serde_json::{Value, json};
use vrt::rewards::objective::Named;
use vrt::rewards::{Limits, Stopped};

use crate::support::{RIGHT, Reply, Server, group, request, unit_that_answers, unit_that_calls};

fn near(found: &Value, expected: f64) {
    let found = found.as_f64().unwrap();
    assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
}

/// Eight samples: one called and mended its motion quality, six were right at once, one wrote nonsense.
fn eight() -> Vec<Value> {
    let mut samples = vec![json!({"units": [
        unit_that_calls("TA=1, VQ=0, MQ=1, OA=1"),
        unit_that_answers(RIGHT),
    ]})];
    samples.extend((0..6).map(|_| json!({"units": [unit_that_answers(RIGHT)]})));
    samples.push(json!({"units": ["nonsense"]}));
    samples
}

#[test]
fn the_papers_rewards_and_advantages() {
    let server = Server::paper();
    let reply = server.score(&request(vec![group(eight())]));
    assert_eq!(reply.status, 200, "{reply:?}");
    let samples = &reply.body["groups"][0]["samples"];
    // f_fmt + f_acc + k·(1 − (½·1 + ½·⅔)) + η·(ω − ⅛)
    let called = 1.0 + 1.0 + 0.2 * (1.0 - 5.0 / 6.0) + 0.5 * (0.2 - 1.0 / 8.0);
    near(&samples[0]["reward"], called);
    near(&samples[1]["reward"], 2.0);
    // Terms abstain for want of a judgment; the format alone says 0, and no tool was used.
    near(&samples[7]["reward"], 0.0);
    let rewards = [called, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 0.0];
    let mean = rewards.iter().sum::<f64>() / 8.0;
    let deviation = (rewards.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / 7.0).sqrt();
    for (sample, reward) in samples.as_array().unwrap().iter().zip(rewards) {
        near(&sample["advantage"], (reward - mean) / (deviation + 1e-6));
        let shares = sample["terms"].as_array().unwrap().iter();
        let sum: f64 = shares.map(|term| term["share"].as_f64().unwrap()).sum();
        near(&sample["advantage"], sum);
    }
    let told = json!([samples[0], samples[7]]);
    insta::assert_snapshot!(serde_json::to_string_pretty(&told).unwrap());
}

#[test]
fn a_penalty_is_taken_off_before_advantages() {
    let right = |penalty: f64| json!({"units": [unit_that_answers(RIGHT)], "penalty": penalty});
    let reply = Server::paper().score(&request(vec![group(vec![right(0.0), right(0.5)])]));
    let samples = &reply.body["groups"][0]["samples"];
    near(&samples[0]["reward"], 2.0);
    near(&samples[1]["reward"], 1.5);
    let deviation = (2.0 * 0.25f64.powi(2)).sqrt();
    near(&samples[1]["advantage"], -0.25 / (deviation + 1e-6));
}

fn one(sample: Value) -> Reply {
    Server::paper().score(&request(vec![group(vec![sample])]))
}

fn fault(reply: &Reply) -> &str {
    reply.body["groups"][0]["samples"][0]["fault"]
        .as_str()
        .unwrap_or("none")
}

#[test]
fn a_trace_is_read_from_its_text() {
    let call = unit_that_calls(RIGHT);
    assert_eq!(
        fault(&one(json!({"units": [unit_that_answers(RIGHT)]}))),
        "none"
    );
    assert_eq!(fault(&one(json!({"units": []}))), "there is no unit");
    assert_eq!(
        fault(&one(json!({"units": [call]}))),
        "the episode is not over"
    );
    let cut = json!({"units": ["<Snapshot>half a"], "cut": true});
    assert_eq!(fault(&one(cut)), "the reply was cut off");
    let refused = json!({"units": [unit_that_answers(RIGHT)], "fault": "frame 999 does not exist"});
    assert_eq!(fault(&one(refused)), "frame 999 does not exist");
}

#[test]
fn a_call_that_was_not_carried_out_is_no_exploration() {
    let units = [unit_that_calls(RIGHT), unit_that_answers(RIGHT)];
    let explored = |sample: Value| {
        let others = (0..7).map(|_| json!({"units": [unit_that_answers(RIGHT)]}));
        let samples = std::iter::once(sample).chain(others).collect();
        let reply = Server::paper().score(&request(vec![group(samples)]));
        let terms = &reply.body["groups"][0]["samples"][0]["terms"];
        terms[3]["raw"].as_f64().unwrap()
    };
    assert!(explored(json!({"units": units})) > 0.07);
    assert_eq!(explored(json!({"units": units, "calls": [0, 0]})), 0.0);
}

#[test]
fn the_same_request_gets_the_same_bytes_whoever_else_asks() {
    let server = Server::paper();
    let body = request(vec![group(eight()), group(eight())]);
    let first = server.score(&body).body;
    let again: Vec<Value> = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| server.score(&body).body))
            .collect();
        asking.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert!(again.iter().all(|other| *other == first));
    assert_eq!(server.stop(), Stopped::Whole);
}

#[test]
fn an_objective_by_name_with_numbers_of_its_own() {
    let scorer = Named::VrThinker
        .scorer("eta = 0.25\n[accuracy]\nalpha = 1.0\n")
        .unwrap();
    let server = Server::start(scorer, Limits::default());
    let half = unit_that_answers("TA=2, VQ=2, MQ=1, OA=1");
    let reply = server.score(&request(vec![group(vec![json!({"units": [half]})])]));
    // α = 1: the overall preference alone counts.
    near(&reply.body["groups"][0]["samples"][0]["reward"], 2.0);
}

#[test]
fn numbers_that_make_no_objective_are_refused() {
    let why = |toml: &str| Named::VrThinker.scorer(toml).err().unwrap().to_string();
    insta::assert_snapshot!([why("eta = 2.0"), why("etha = 0.5"), why("eta = ")].join("\n---\n"));
}
