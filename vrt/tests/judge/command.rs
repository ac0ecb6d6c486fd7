use serde_json::{Value, json};

use crate::scripted::{Act, Scripted};
use crate::support::{ANSWER, CALL, Folder, completion, says, still};

#[test]
fn a_pair_is_judged_round_by_round() {
    let (folder, server) = (Folder::new(), says(&[CALL, ANSWER]));
    let done = folder.ask(&server, &[]);
    assert_eq!((done.code, &*done.err), (0, ""));
    insta::assert_snapshot!(still(&done.out));
    let heard = server.heard();
    assert_eq!(heard.len(), 2);
    assert_eq!(heard[0].body["logprobs"], true);
}

/// What was written, without the judge's name and without the tokens that a recording does not know.
fn rounds(text: &str) -> String {
    let (_, rest) = text.split_once("\nas given\n").unwrap();
    let (rounds, _) = rest.split_once("\nverdict\n").unwrap();
    still(rounds)
}

#[test]
fn recorded_words_are_judged_again_without_a_server() {
    let (folder, server) = (Folder::new(), says(&[CALL, ANSWER]));
    let asked = folder.ask(&server, &["--traces", "trace.jsonl"]);
    let again = folder.judge(&["--replay", "trace.jsonl", "--json"]);
    assert_eq!((asked.code, again.code), (0, 0), "{}", again.err);
    assert_eq!(rounds(&again.err), rounds(&asked.out));
    let judged: Value = serde_json::from_str(&again.out).unwrap();
    assert_eq!(
        judged["verdict"],
        json!({"TA": 0, "VQ": 1, "MQ": 2, "OA": 1})
    );
    let order = &judged["orders"][0];
    assert_eq!(order["probability"], Value::Null);
    assert_eq!(order["tokens"], json!({"written": 14}));
    assert_eq!(server.heard().len(), 2);
}

#[test]
fn a_program_reads_one_object_and_a_person_the_reasoning() {
    let (folder, server) = (Folder::new(), says(&[CALL, ANSWER]));
    let done = folder.ask(&server, &["--json", "--seed", "9"]);
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(done.err.contains("snapshot  both grey,"), "{}", done.err);
    let judged: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(judged["seed"], 9);
    assert_eq!(judged["policy"]["model"], "tiny-vl");
    assert_eq!(judged["videos"], json!(["a.gif", "b.gif"]));
    let order = &judged["orders"][0];
    assert_eq!(
        order["answer"],
        json!({"TA": 0, "VQ": 1, "MQ": 2, "OA": 1, "CF": 1})
    );
    assert_eq!(order["tokens"], json!({"written": 14, "read": 2200}));
    assert_eq!(
        (&order["calls"], &order["pictures"]),
        (&json!(1), &json!(10))
    );
    for key in ["TA", "VQ", "MQ", "OA"] {
        let probability = order["probability"][key].as_f64().unwrap();
        assert!((probability - 0.5).abs() < 1e-6, "{key}: {probability}");
    }
    assert_eq!(order["trace"]["rounds"].as_array().unwrap().len(), 2);
    assert_eq!(judged["position_bias"], Value::Null);
}

#[test]
fn a_server_that_gives_no_log_probabilities_gives_no_confidence() {
    let folder = Folder::new();
    let server = Scripted::start(|heard| {
        if heard.body["logprobs"] == true {
            let message = "logprobs are not supported";
            return Act::json(400, &json!({"error": {"message": message}}));
        }
        let mut reply = completion(ANSWER);
        reply["choices"][0]["logprobs"] = Value::Null;
        Act::json(200, &reply)
    });
    let refused = folder.ask(&server, &[]);
    assert_eq!(refused.code, 4);
    assert!(
        refused.err.contains("logprobs are not supported"),
        "{}",
        refused.err
    );
    let done = folder.ask(&server, &["--no-logprobs"]);
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(
        done.out.contains("p is not given: no log-probabilities"),
        "{}",
        done.out
    );
    assert!(!done.out.contains("(p "), "{}", done.out);
}

#[test]
fn the_page_shows_this_pair_with_its_frames() {
    let (folder, server) = (Folder::new(), says(&[CALL, ANSWER]));
    let files = ["--html", "out/verdict.html", "--traces", "out/trace.jsonl"];
    let done = folder.ask(&server, &files);
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(
        done.out.contains("written: out/verdict.html"),
        "{}",
        done.out
    );
    let page = folder.read("out/verdict.html");
    assert!(page.contains("<title>a.gif / b.gif</title>"));
    assert!(page.contains("the second one brighter"));
    let [record] = &folder.traces("out/trace.jsonl")[..] else {
        panic!("one order, one record");
    };
    // All 6 + 7 frames: fewer than the page's strips have.
    assert_eq!(record.pictures.len(), 13);
    assert!(
        record
            .pictures
            .values()
            .all(|picture| page.contains(picture))
    );
    assert!(record.rounds.iter().all(|round| round.seconds.is_some()));
}

#[test]
fn the_judge_is_asked_in_the_words_and_with_the_tools_of_the_command_line() {
    let (folder, server) = (Folder::new(), says(&[ANSWER]));
    let own = "Wit: is it funny?; Light: is it bright?; Pace: is it swift?";
    let words = ["--dims", own, "--tools", "all", "--frames", "2"];
    let more = ["--extra", r#"{"top_k": 5}"#, "--max-calls", "1"];
    let done = folder.ask(&server, &[&words[..], &more].concat());
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(done.out.contains("VQ  Light"), "{}", done.out);
    let body = &server.heard()[0].body;
    let asked = body["messages"].to_string();
    for words in ["TA (Wit): is it funny?", "zoom_in", "at most 1 calls"] {
        assert!(asked.contains(words), "{words}");
    }
    assert_eq!(asked.matches("image_url").count(), 2 * 4);
    assert_eq!(body["top_k"], 5);
}
