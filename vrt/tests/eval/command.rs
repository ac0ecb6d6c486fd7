//! The program itself: the three forms end to end, its exit codes, what it says of what it cannot use.

use serde_json::json;
use vrt_train::atomic;
use vrt_view::jsonl;

use crate::clips::Bench;
use crate::scripted::{Act, Scripted};
use crate::served::{asking, done, eval, json, judge};

/// The printed report of a served judge, whose traces, played back, give the same scores.
fn end_to_end(bench: &Bench, name: &str, more: &[&str]) -> String {
    let server = Scripted::start(judge);
    let files = ["--json", "report.json", "--traces", "traces.jsonl"];
    let (code, printed, errors) = done(asking(bench, name, &server, &[&files, more].concat()));
    assert_eq!(code, 0, "{errors}");
    let report = json(&bench.path().join("report.json"));
    let traces = std::fs::read(bench.path().join("traces.jsonl")).unwrap();
    let records = jsonl::read("traces", &traces[..]).unwrap();
    assert_eq!(
        records.len() as u64,
        report["data"]["judged"].as_u64().unwrap()
    );
    assert!(records.iter().all(|record| record.pictures.len() >= 8));
    assert!(vrt_view::page(&records, "traces").contains("a fox jumps"));
    let heard = server.heard().len();
    let replay = ["--replay", "traces.jsonl", "--json", "again.json"];
    let (code, _, errors) = done(eval(bench, name, &[&replay, more].concat()));
    assert_eq!(code, 0, "{errors}");
    let again = json(&bench.path().join("again.json"));
    assert_eq!(again["subsets"], report["subsets"]);
    assert_eq!(again["runs"], report["runs"]);
    assert_eq!(server.heard().len(), heard);
    printed
}

#[test]
fn genai_bench_end_to_end() {
    insta::assert_snapshot!(end_to_end(&Bench::genai(), "genai-bench", &[]));
}

#[test]
fn videogen_rewardbench_end_to_end() {
    let printed = end_to_end(&Bench::videogen(), "videogen-rewardbench", &["--seed", "5"]);
    insta::assert_snapshot!(printed);
}

#[test]
fn mj_bench_video_end_to_end() {
    let more = ["--hard-to-judge", "tie", "--overall", "majority"];
    insta::assert_snapshot!(end_to_end(&Bench::mj(), "mj-bench-video", &more));
}

#[test]
fn a_second_run_with_redundant_frames() {
    let (bench, server) = (Bench::genai(), Scripted::start(judge));
    let more = [
        "--redundant",
        "--limit",
        "3",
        "--traces",
        "t.jsonl",
        "--no-pictures",
        "--json",
        "r.json",
    ];
    let (code, printed, errors) = done(asking(&bench, "genai-bench", &server, &more));
    assert_eq!(code, 0, "{errors}");
    assert!(printed.contains("redundant"), "{printed}");
    let report = json(&bench.path().join("r.json"));
    assert_eq!(report["provenance"]["choices"]["limit"], 3);
    assert_eq!(report["data"]["beyond_limit"], 9);
    assert_eq!(report["runs"]["redundant"]["episodes"], 3);
    let frames = |file: &str| {
        let bytes = std::fs::read(bench.path().join(file)).unwrap();
        let records = jsonl::read(file, &bytes[..]).unwrap();
        records
            .iter()
            .map(|record| record.videos[0].frames)
            .collect::<Vec<_>>()
    };
    assert_eq!(frames("t.jsonl"), [5, 5, 5]);
    assert_eq!(frames("t.jsonl.redundant"), [10, 10, 10]);
}

#[test]
fn dimensions_without_an_overall_label() {
    let mut data = "prompt,file_name1,file_name2,weighted_results1_Preference,weighted_results2_Preference,\
        weighted_results1_Coherence,weighted_results2_Coherence,weighted_results1_Alignment,weighted_results2_Alignment\n"
        .to_owned();
    for pair in 0..3 {
        let caption = crate::clips::caption(pair);
        data += &format!("{caption},left/{pair}.gif,right/{pair}.gif,0.7,0.3,,,0.5,0.5\n");
    }
    let (bench, server) = (Bench::new(&data), Scripted::start(judge));
    let (code, printed, errors) = done(asking(&bench, "rapidata", &server, &[]));
    assert_eq!(code, 0, "{errors}");
    insta::assert_snapshot!(printed);
}

#[test]
fn a_dry_run_looks_at_every_video_and_says_what_a_run_costs() {
    let bench = Bench::genai();
    let (code, printed, errors) = done(eval(&bench, "genai-bench", &["--dry-run"]));
    assert_eq!(code, 0, "{errors}");
    insta::assert_snapshot!(printed);
    std::fs::remove_file(bench.videos().join("left/3.gif")).unwrap();
    atomic::write(&bench.videos().join("right/6.gif"), b"<html>\x1b[2J</html>").unwrap();
    let (code, printed, errors) = done(eval(&bench, "genai-bench", &["--dry-run"]));
    assert_eq!(code, 3);
    assert!(
        printed.contains("2 whose videos cannot be used"),
        "{printed}"
    );
    insta::assert_snapshot!(errors.split_once("error: ").unwrap().1);
    let (code, printed, _) = done(eval(
        &bench,
        "genai-bench",
        &["--dry-run", "--skip-unusable"],
    ));
    assert_eq!(code, 0);
    assert!(printed.contains("judged    10 pairs"), "{printed}");
    let server = Scripted::start(judge);
    let (code, _, errors) = done(asking(&bench, "genai-bench", &server, &[]));
    assert_eq!((code, server.heard().len()), (3, 0), "{errors}");
    let skipping = ["--skip-unusable", "--json", "report.json"];
    let (code, _, errors) = done(asking(&bench, "genai-bench", &server, &skipping));
    assert_eq!(code, 0, "{errors}");
    let data = &json(&bench.path().join("report.json"))["data"];
    assert_eq!(data["judged"], 10);
    assert_eq!(data["unusable"][1]["row"], 7);
    // What has ended is seen from the settings alone.
    let again = done(asking(
        &bench,
        "genai-bench",
        &server,
        &["--dry-run", "--skip-unusable"],
    ));
    assert!(
        again.1.contains("10 episodes, 10 of them ended before"),
        "{}",
        again.1
    );
}

#[test]
fn an_episode_whose_judge_failed_is_told_and_run_again() {
    let bench = Bench::genai();
    let refuses = Scripted::start(|heard| match heard.path.ends_with("/completions") {
        true => Act::json(400, &json!({"error": {"message": "no\u{1b}[31m"}})),
        false => judge(heard),
    });
    let files = ["--json", "report.json"];
    let (code, printed, errors) = done(asking(&bench, "genai-bench", &refuses, &files));
    assert_eq!(code, 6, "{errors}");
    assert!(printed.contains("12 policy_failed"), "{printed}");
    assert!(
        !printed.contains('\u{1b}') && !errors.contains('\u{1b}'),
        "{printed}{errors}"
    );
    assert!(errors.contains("failed in 12 episodes"), "{errors}");
    let server = Scripted::start(judge);
    let (code, _, errors) = done(asking(&bench, "genai-bench", &server, &files));
    assert_eq!(code, 0, "{errors}");
    let report = json(&bench.path().join("report.json"));
    assert_eq!(report["runs"]["plain"]["failures"], json!({}));
}

#[test]
fn every_other_exit_code() {
    let bench = Bench::genai();
    let code = |more: &[&str], expected: i32, words: &str| {
        let (code, _, errors) = done(eval(&bench, "genai-bench", more));
        assert_eq!(code, expected, "{errors}");
        assert!(errors.contains(words), "{errors}");
    };
    code(&[], 2, "no judge is named");
    code(&["--server", "http://localhost:1"], 2, "--model");
    code(
        &["--replay", "a", "--checkpoint", "b"],
        2,
        "cannot be used with",
    );
    code(&["--replay", "a", "--redundant"], 2, "cannot be used with");
    code(&["--server", "ftp://here", "--model", "m"], 2, "ftp");
    code(
        &["--replay", "a", "--hard-to-judge", "tie"],
        2,
        "mj-bench-video",
    );
    code(&["--replay", "a", "--temperature", "nan"], 2, "from 0 on");
    code(&["--replay", "nowhere.jsonl"], 3, "nowhere.jsonl");
    code(&["--replay", "data"], 3, "data, line 1");
    code(&["--checkpoint", "nowhere"], 4, "nowhere");
    atomic::write(&bench.path().join("file"), b"").unwrap();
    atomic::write(&bench.path().join("none.jsonl"), b"").unwrap();
    code(
        &["--replay", "none.jsonl", "--run", "file/run"],
        5,
        "a file stands where a folder is needed",
    );
    code(
        &["--replay", "none.jsonl"],
        3,
        "the recording holds no sample 0",
    );
    let (wrong, _, errors) = done(eval(&bench, "mj-bench-video", &["--dry-run"]));
    assert_eq!(wrong, 3);
    assert!(errors.contains("is it the right benchmark?"), "{errors}");
    let (none, _, errors) = done(eval(
        &bench,
        "genai-bench",
        &["--dry-run", "--videos", "nowhere"],
    ));
    assert_eq!(none, 2, "{errors}");
}

#[test]
fn help_teaches() {
    let (code, help, _) = done(eval(&Bench::new("[]"), "genai-bench", &["--help"]));
    assert_eq!(code, 0);
    insta::assert_snapshot!(help);
}
