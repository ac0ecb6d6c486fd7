//! An interrupted run goes on where it stopped.

use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use vrt::server::{Journal, JournalError, Journaled, Record, Timeouts};
use vrt_core::episode::{Episode, Rules};
use vrt_core::ledger::Ledger;
use vrt_core::op::PaperOps;
use vrt_core::pair::PairKey;
use vrt_core::policy::{Reply, SampledToken};
use vrt_core::rollout::rollout;

use crate::scripted::{Act, Scripted};
use crate::support::{judge, pair, policy, pool};

fn run_id() -> Map<String, Value> {
    Map::from_iter([
        ("seed".to_owned(), json!(1)),
        ("model".to_owned(), json!("a")),
    ])
}

/// Judges six pairs twice, with a journal.
fn judged(server: &Scripted, journal: &Journal) -> (Vec<Episode>, Ledger, usize) {
    let rules = Rules::default();
    let policy = policy(pool(&[server], 2, &Timeouts::default()), &rules);
    let recalled = AtomicUsize::new(0);
    let watch = |progress: vrt::server::Progress<'_>| {
        recalled.fetch_add(usize::from(progress.recalled), Ordering::SeqCst);
    };
    let journaled = Journaled::new(&policy, journal).watched(&watch);
    let pairs: Vec<_> = (0..6).map(pair).collect();
    let (rollouts, ledger) = rollout::<PaperOps, _>(&journaled, &pairs, 2, &rules, 2).unwrap();
    journaled.close().unwrap();
    let samples = rollouts.into_iter().flat_map(|rollout| rollout.samples);
    let episodes = samples.map(|sample| sample.episode).collect();
    (episodes, ledger, recalled.into_inner())
}

#[test]
fn a_finished_run_asks_nothing_more_and_reports_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs/judge.jsonl");
    let server = Scripted::start(judge);
    let first = judged(&server, &Journal::open(&path, run_id()).unwrap());
    let asked = server.heard().len();
    assert_eq!((first.2, asked), (0, 24));
    let journal = Journal::open(&path, run_id()).unwrap();
    assert_eq!(journal.len(), 12);
    let second = judged(&server, &journal);
    assert_eq!((&first.0, &first.1), (&second.0, &second.1));
    assert_eq!((second.2, server.heard().len()), (12, asked));
}

/// The journal is cut at every kind of place; the run goes on and ends with the same episodes.
#[test]
fn an_interrupted_run_goes_on_and_runs_no_episode_twice() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("judge.jsonl");
    let server = Scripted::start(judge);
    let whole = judged(&server, &Journal::open(&path, run_id()).unwrap());
    let text = fs::read(&path).unwrap();
    let ends: Vec<usize> = (1..)
        .zip(&text)
        .filter(|(_, b)| **b == b'\n')
        .map(|(at, _)| at)
        .collect();
    for (cut, kept) in [
        (0, 0),
        (ends[0], 0),
        (ends[4], 4),
        (ends[4] + 30, 4),
        (ends[5] - 1, 4),
    ] {
        let part = folder.path().join(format!("{cut}.jsonl"));
        vrt_train::atomic::write(&part, &text[..cut]).unwrap();
        let server = Scripted::start(judge);
        let resumed = judged(&server, &Journal::open(&part, run_id()).unwrap());
        assert_eq!(resumed.0, whole.0, "cut at {cut}");
        assert_eq!(
            (resumed.2, server.heard().len()),
            (kept, 2 * (12 - kept)),
            "cut at {cut}"
        );
        // What it leaves is whole again.
        assert_eq!(Journal::open(&part, run_id()).unwrap().len(), 12);
    }
}

#[test]
fn an_episode_whose_policy_failed_is_run_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("judge.jsonl");
    let refuses = Scripted::start(|heard| match heard.path.as_str() {
        "/health" => judge(heard),
        _ => Act::json(400, &json!({"error": {"message": "no"}})),
    });
    let (_, ledger, _) = judged(&refuses, &Journal::open(&path, run_id()).unwrap());
    assert_eq!(ledger.stopped("policy_failed"), 12);
    let journal = Journal::open(&path, run_id()).unwrap();
    assert!(journal.is_empty());
    let (_, ledger, _) = judged(&Scripted::start(judge), &journal);
    assert_eq!(ledger.stopped("answered"), 12);
    drop(journal);
    assert_eq!(Journal::open(&path, run_id()).unwrap().len(), 12);
}

fn record(pair: u64, sample: u32) -> Record {
    Record {
        pair: PairKey(pair),
        sample,
        replies: vec![Reply {
            text: "a\nb".to_owned(),
            tokens: 3,
            cut: true,
            sampled: vec![SampledToken {
                token: Some(5),
                text: "a".to_owned(),
                logp: Some(-0.25),
            }],
        }],
        failed: None,
    }
}

fn message(path: &Path, run: Map<String, Value>) -> String {
    let error = Journal::open(path, run).unwrap_err().to_string();
    error.replace(&path.display().to_string(), "JOURNAL")
}

#[test]
fn a_journal_that_does_not_fit_is_refused_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("judge.jsonl");
    let journal = Journal::open(&path, run_id()).unwrap();
    journal.add(&record(1, 0)).unwrap();
    let error = Journal::open(&path, run_id()).unwrap_err();
    assert!(matches!(error, JournalError::InUse { .. }), "{error}");
    drop(journal);
    let mut other = run_id();
    other.insert("seed".to_owned(), json!(2));
    other.remove("model");
    insta::assert_snapshot!(message(&path, other), @r#"`JOURNAL` belongs to a run with other settings (model: "a" in the journal, absent now; seed: 1 in the journal, 2 now); choose another file, or the settings of that run"#);
    let text = fs::read_to_string(&path).unwrap();
    let line = text.lines().nth(1).unwrap();
    let write = |text: String| vrt_train::atomic::write(&path, text.as_bytes()).unwrap();
    write(format!("{text}{line}\n"));
    insta::assert_snapshot!(message(&path, run_id()), @"`JOURNAL`, line 3: sample 0 of pair 1 ended twice; this is no journal, or it was damaged: choose another file, or remove the line");
    write(text.replace("\"sample\":0", "\"sample\":-1"));
    insta::assert_snapshot!(message(&path, run_id()), @"`JOURNAL`, line 2: invalid value: integer `-1`, expected u32 at line 1 column 21; this is no journal, or it was damaged: choose another file, or remove the line");
    write("caption,video\n".to_owned());
    insta::assert_snapshot!(message(&path, run_id()), @"`JOURNAL`, line 1: expected value at line 1 column 1; this is no journal, or it was damaged: choose another file, or remove the line");
}

#[test]
fn threads_add_whole_lines() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("judge.jsonl");
    let journal = Journal::open(&path, run_id()).unwrap();
    let errors = Mutex::new(0);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (journal, errors) = (&journal, &errors);
            scope.spawn(move || {
                for sample in 0..25 {
                    *errors.lock().unwrap() +=
                        usize::from(journal.add(&record(thread, sample)).is_err());
                }
            });
        }
    });
    drop(journal);
    assert_eq!(*errors.lock().unwrap(), 0);
    assert_eq!(Journal::read(&path).unwrap().len(), 100);
}

proptest! {
    /// Whatever stands in the file: an error or a journal, never a panic.
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("judge.jsonl");
        vrt_train::atomic::write(&path, &bytes).unwrap();
        if let Ok(journal) = Journal::open(&path, run_id()) {
            prop_assert!(journal.is_empty());
        }
    }
}
