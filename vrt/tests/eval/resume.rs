//! The program, killed in the middle of a run, goes on: the same bytes, no episode lost, none run twice.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use vrt::data::{Benchmark, DataSet};
use vrt::server::Journal;

use crate::clips::{Bench, PAIRS};
use crate::scripted::{Act, Scripted};
use crate::served::{asked, asking, done, judge, units};

const FILES: [&str; 6] = [
    "--json",
    "report.json",
    "--traces",
    "traces.jsonl",
    "--run",
    "run",
];

fn written(bench: &Bench) -> [Vec<u8>; 2] {
    ["report.json", "traces.jsonl"].map(|file| std::fs::read(bench.path().join(file)).unwrap())
}

#[test]
fn a_killed_run_goes_on_to_the_same_bytes_and_runs_no_episode_twice() {
    let whole = Bench::genai();
    let server = Scripted::start(judge);
    let (code, printed, errors) = done(asking(&whole, "genai-bench", &server, &FILES));
    assert_eq!(code, 0, "{errors}");
    assert_eq!(server.heard().len(), (0..PAIRS).map(units).sum::<usize>());

    for replies in [0, 14, 18] {
        let bench = Bench::genai();
        let given = AtomicUsize::new(0);
        let stalls = Scripted::start(move |heard| {
            let completion = heard.path.ends_with("/completions");
            match completion && given.fetch_add(1, Ordering::SeqCst) >= replies {
                true => Act::Silence,
                false => judge(heard),
            }
        });
        let one = [&FILES[..], &["--concurrency", "1"]].concat();
        let mut child = asking(&bench, "genai-bench", &stalls, &one)
            .spawn()
            .unwrap();
        stalls.wait_for(replies + 1);
        // The last replies may still be on their way into the journal.
        let journal = bench.path().join("run/plain.jsonl");
        let ended = || Journal::read(&journal).map_or(0, |records| records.len());
        while replies > 0 && ended() == 0 {
            std::thread::sleep(Duration::from_millis(5));
        }
        child.kill().unwrap();
        assert!(!child.wait().unwrap().success());
        assert!(!bench.path().join("report.json").exists());

        let set = DataSet::load(Benchmark::GenAiBench, &bench.data()).unwrap();
        let records = Journal::read(&journal).unwrap();
        let ended = |pair: usize| records.iter().any(|one| one.pair == set.pairs[pair].key);
        let count = (0..PAIRS).filter(|pair| ended(*pair)).count();
        assert_eq!(count == 0, replies == 0, "{count} episodes ended");
        assert!(count < PAIRS);

        let server = Scripted::start(judge);
        let (code, again, errors) = done(asking(&bench, "genai-bench", &server, &FILES));
        assert_eq!(code, 0, "{errors}");
        assert_eq!(again, printed);
        assert!(written(&bench) == written(&whole), "{replies} replies");
        let mut asks: BTreeMap<usize, usize> = BTreeMap::new();
        for heard in server.heard() {
            *asks.entry(asked(&heard)).or_default() += 1;
        }
        let left = (0..PAIRS).filter(|pair| !ended(*pair));
        assert_eq!(asks, left.map(|pair| (pair, units(pair))).collect());
    }
}

#[test]
fn a_finished_run_asks_nobody_and_other_settings_are_another_run() {
    let bench = Bench::genai();
    let server = Scripted::start(judge);
    let run = |more: &[&str]| done(asking(&bench, "genai-bench", &server, more));
    assert_eq!(run(&FILES).0, 0);
    let (first, asked) = (written(&bench), server.heard().len());
    assert_eq!(run(&FILES).0, 0);
    assert!(written(&bench) == first);
    assert_eq!(server.heard().len(), asked);
    let (code, _, errors) = run(&[&FILES[..], &["--seed", "1"]].concat());
    assert_eq!(code, 5);
    assert!(errors.contains("seed: 0 in the journal, 1 now"), "{errors}");
    // Without --run every set of settings has a folder of its own.
    assert_eq!(run(&["--seed", "1"]).0, 0);
    assert_eq!(run(&["--seed", "2"]).0, 0);
    let runs = std::fs::read_dir(bench.path().join("runs"))
        .unwrap()
        .count();
    assert_eq!(runs, 2);
}
