use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{ANSWER, CALL, Folder, says, still};

/// A judge that always takes what is shown first, but for the motion: there it sees the same video.
const FIRST: &str =
    "<Snapshot>grey</Snapshot>\n<Think>the first</Think>\n<Answer>TA=0, VQ=1, MQ=0, OA=1</Answer>";

#[test]
fn a_judge_that_follows_the_place_is_found_out() {
    let (folder, server) = (Folder::new(), says(&[FIRST]));
    let done = folder.ask(&server, &["--swap", "--traces", "traces.jsonl"]);
    assert_eq!((done.code, &*done.err), (0, ""));
    insta::assert_snapshot!(still(&done.out));
    let traces = folder.traces("traces.jsonl");
    let names = traces
        .iter()
        .map(|one| one.videos.each_ref().map(|video| &*video.name));
    let names: Vec<[&str; 2]> = names.collect();
    assert_eq!(names, [["a.gif", "b.gif"], ["b.gif", "a.gif"]]);
    assert_ne!(traces[0].pair, traces[1].pair);
    // The second order's draws are its own, and the same in every run.
    let seeds = |from: usize| -> Vec<Value> {
        let heard = server.heard();
        heard[from..]
            .iter()
            .map(|one| one.body["seed"].clone())
            .collect()
    };
    let first = seeds(0);
    assert_eq!(
        first
            .iter()
            .map(Value::to_string)
            .collect::<BTreeSet<_>>()
            .len(),
        2
    );
    assert_eq!(folder.ask(&server, &["--swap"]).code, 0);
    assert_eq!(seeds(2), first);
    assert_eq!(folder.ask(&server, &["--swap", "--seed", "1"]).code, 0);
    assert!(seeds(4).iter().all(|seed| !first.contains(seed)));
}

#[test]
fn the_verdict_is_in_the_order_given_and_holds_in_both() {
    let (folder, server) = (Folder::new(), says(&[FIRST]));
    let done = folder.ask(&server, &["--swap", "--json", "--traces", "t.jsonl"]);
    let judged: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(
        judged["verdict"],
        json!({"TA": 0, "VQ": 0, "MQ": 0, "OA": 0})
    );
    let bias = json!({"TA": "same", "VQ": "first_shown", "MQ": "same", "OA": "first_shown"});
    assert_eq!(judged["position_bias"], bias);
    let orders = judged["orders"].as_array().unwrap();
    assert_eq!(orders[1]["shown"], json!(["b.gif", "a.gif"]));
    assert_eq!(orders[1]["answer"]["OA"], 1);
    // Both orders play back from one file.
    let again = folder.judge(&["--swap", "--json", "--replay", "t.jsonl"]);
    assert_eq!(again.code, 0, "{}", again.err);
    let again: Value = serde_json::from_str(&again.out).unwrap();
    assert_eq!(again["position_bias"], bias);
}

#[test]
fn one_order_without_a_verdict_leaves_none() {
    let folder = Folder::new();
    let server = says(&[CALL, ANSWER]);
    let done = folder.ask(&server, &["--traces", "one.jsonl"]);
    assert_eq!(done.code, 0, "{}", done.err);
    let swapped = folder.judge(&["--swap", "--replay", "one.jsonl"]);
    assert_eq!(swapped.code, 3);
    assert!(swapped.err.contains("holds no sample 0"), "{}", swapped.err);
    assert!(swapped.err.contains("by caption"), "{}", swapped.err);
}
