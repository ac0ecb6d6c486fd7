//! The rejection rules on files.

use std::fs;

use proptest::prelude::*;
use vrt::traces::{Fate, FilterOptions, filter};
use vrt_core::pair::PairKey;
use vrt_core::rollout::{Rollout, Sample};
use vrt_core::sequence::Sequence;
use vrt_train::atomic;
use vrt_train::rejection::{Harvest, keep};
use vrt_view::jsonl;

use crate::recorded::{RIGHT, TRUTH, answer, call, record, rules, text, vrt};

#[test]
fn each_line_has_one_fate_and_the_counts_sum_to_the_lines() {
    let folder = tempfile::tempdir().unwrap();
    let frames = "{\"target_frames\": [3, 70]}";
    let one = |key, units: &[String]| record(key, 0, units, &rules());
    let mut unlabelled = one(7, &[answer(RIGHT)]);
    unlabelled.truth = None;
    let mut lines: Vec<String> = [
        one(1, &[call(frames), answer(&format!("{RIGHT}, CF=3"))]),
        // The same pair, less in doubt: it is the one that stays.
        record(1, 1, &[answer(&format!("{RIGHT}, CF=1"))], &rules()),
        one(2, &["<Think>no snapshot</Think>".to_owned()]),
        one(3, &[call("{\"target_frames\": [999]}")]),
        one(4, &[call(frames)]),
        one(5, &[answer("TA=1, VQ=0, MQ=2, OA=2")]),
        one(6, &[answer("TA=0, VQ=0, MQ=2, OA=1")]),
        unlabelled,
        one(8, &["<Snapshot>cut o…".to_owned()]),
    ]
    .map(|record| jsonl::write(&[record]))
    .to_vec();
    lines.insert(4, "\n".to_owned());
    let input = folder.path().join("traces.jsonl");
    atomic::write(&input, lines.concat().as_bytes()).unwrap();

    let done = vrt(
        &[
            "traces",
            "filter",
            "traces.jsonl",
            "--out",
            "right.jsonl",
            "--json",
            "n.json",
        ],
        folder.path(),
    );
    assert!(done.status.success(), "{}", text(&done.stderr));
    insta::assert_snapshot!(text(&done.stdout));
    let kept = fs::read_to_string(folder.path().join("right.jsonl")).unwrap();
    assert_eq!(kept, lines[1], "the line as it stood");
    insta::assert_snapshot!(fs::read_to_string(folder.path().join("n.json")).unwrap());

    let every = vrt(
        &[
            "traces",
            "filter",
            "traces.jsonl",
            "--out",
            "every.jsonl",
            "--every",
        ],
        folder.path(),
    );
    assert!(every.status.success());
    let kept = fs::read_to_string(folder.path().join("every.jsonl")).unwrap();
    assert_eq!(kept, lines[0].clone() + &lines[1]);
}

#[test]
fn a_bad_line_is_named_by_file_and_line_or_counted() {
    let folder = tempfile::tempdir().unwrap();
    let good = record(1, 0, &[answer(RIGHT)], &rules());
    let mut lying = record(2, 0, &[answer("TA=0, VQ=0, MQ=0, OA=0")], &rules());
    lying.answer = good.answer;
    let mut unit = record(3, 0, &[answer("TA=0, VQ=0, MQ=0, OA=0")], &rules());
    unit.rounds[0].unit.clone_from(&good.rounds[0].unit);
    let mut bytes = jsonl::write(std::slice::from_ref(&good)).into_bytes();
    bytes.extend_from_slice(b"{\"version\": 2, \"pair\": \"\x1b[31m\"}\n\xff\xfe\n");
    bytes.extend_from_slice(jsonl::write(&[lying, unit]).as_bytes());
    atomic::write(&folder.path().join("t.jsonl"), &bytes).unwrap();

    let stopped = vrt(
        &["traces", "filter", "t.jsonl", "--out", "o.jsonl"],
        folder.path(),
    );
    assert_eq!(stopped.status.code(), Some(3));
    let said = text(&stopped.stderr);
    assert!(
        said.contains("t.jsonl:2: ") && !said.contains('\x1b'),
        "{said}"
    );
    assert!(!folder.path().join("o.jsonl").exists());

    let counted = vrt(
        &[
            "traces",
            "filter",
            "t.jsonl",
            "--out",
            "o.jsonl",
            "--keep-going",
        ],
        folder.path(),
    );
    assert!(counted.status.success());
    insta::assert_snapshot!(text(&counted.stderr));
    assert!(text(&counted.stdout).contains("       4  bad line\n       5  lines"));
    let kept = fs::read_to_string(folder.path().join("o.jsonl")).unwrap();
    assert_eq!(kept, jsonl::write(&[good]));
}

#[test]
fn mistakes_on_the_command_line_have_their_own_exit_codes() {
    let folder = tempfile::tempdir().unwrap();
    let missing = vrt(
        &["traces", "filter", "none.jsonl", "--out", "o"],
        folder.path(),
    );
    assert_eq!(missing.status.code(), Some(3));
    atomic::write(&folder.path().join("t.jsonl"), b"").unwrap();
    let itself = vrt(
        &["traces", "filter", "t.jsonl", "--out", "./t.jsonl"],
        folder.path(),
    );
    assert_eq!(itself.status.code(), Some(2));
    let blocked = vrt(
        &["traces", "filter", "t.jsonl", "--out", "t.jsonl/o"],
        folder.path(),
    );
    assert_eq!(blocked.status.code(), Some(5), "{}", text(&blocked.stderr));
    let empty = vrt(
        &["traces", "filter", "t.jsonl", "--out", "o.jsonl"],
        folder.path(),
    );
    assert!(text(&empty.stdout).contains("       0  lines"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The filter of files and the trainer's own keep the same traces.
    #[test]
    fn files_are_filtered_as_the_trainer_filters(samples in proptest::collection::vec(0..6_usize, 1..6)) {
        let frames = "{\"target_frames\": [3, 70]}";
        let kinds: [Vec<String>; 6] = [
            vec![answer(RIGHT)],
            vec![call(frames), answer(&format!("{RIGHT}, CF=1"))],
            vec![call(frames), call(frames), answer(&format!("{RIGHT}, CF=2"))],
            vec![answer("TA=1, VQ=0, MQ=0, OA=1")],
            vec![call("{\"target_frames\": [0]}")],
            vec![call(frames)],
        ];
        let records = samples.iter().zip(0..);
        let records: Vec<_> = records.map(|(kind, number)| record(9, number, &kinds[*kind], &rules())).collect();
        let folder = tempfile::tempdir().unwrap();
        let (input, output) = (folder.path().join("in"), folder.path().join("out"));
        atomic::write(&input, jsonl::write(&records).as_bytes()).unwrap();
        let ledger = filter(&input, &output, FilterOptions::default(), &mut |_| {}).unwrap();
        let kept = fs::read_to_string(&output).unwrap();

        let pair = crate::recorded::pair(9);
        let rollout = Rollout {
            pair: 0,
            samples: records.iter().zip(&samples).map(|(record, kind)| {
                let mut episode = vrt_core::episode::Episode::open(&pair, record.sample, &rules());
                for unit in &kinds[*kind] {
                    let reply = vrt_core::policy::Reply { text: unit.clone(), ..Default::default() };
                    episode.advance::<vrt_core::op::PaperOps>(Ok(reply), &pair, &rules());
                }
                // The sequence says which sample was kept.
                Sample { episode, sequence: Some(Sequence::open(PairKey(record.sample.into()))) }
            }).collect(),
        };
        let mut harvest = Harvest::default();
        let chosen = keep(rollout, &TRUTH, &mut harvest);
        let expected = chosen.map(|sequence| jsonl::write(&[records[sequence.pair.0 as usize].clone()]));
        prop_assert_eq!(kept, expected.unwrap_or_default());
        prop_assert_eq!(ledger.count(Fate::Kept) + ledger.count(Fate::Second), harvest.right);
        prop_assert_eq!(ledger.lines(), samples.len() as u64);
    }
}
