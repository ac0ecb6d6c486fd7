//! The library's way from a file to a report, with recorded replies.

use std::collections::BTreeMap;

use serde_json::json;
use vrt::data::{Benchmark, DataSet, HardToJudge};
use vrt::eval::{
    Case, Data, DataFile, Depth, Evaluation, OverallRule, Report, Run, Setting, Show, Sides, Stage,
    Subset, Survey, Traces, cases, prompt_digest, table,
};
use vrt::server::Journal;
use vrt::video::Limits;
use vrt_core::episode::Rules;
use vrt_core::op::PaperOps;
use vrt_core::pair::{FrameOffset, PairKey};
use vrt_core::policy::Replay;
use vrt_view::{Pictures, jsonl};

use crate::clips::Bench;

struct Loaded {
    bench: Bench,
    set: DataSet,
    setting: Setting,
    cases: Vec<Case>,
    stage: Stage,
}

fn loaded(bench: Bench, benchmark: Benchmark, swap: bool) -> Loaded {
    let set = DataSet::load(benchmark, &bench.data()).unwrap();
    let limits = Limits::default();
    let survey = Survey::of(
        &set.pairs,
        &bench.videos(),
        &limits,
        Depth::Index,
        2,
        &|| (),
    );
    let usable = set
        .pairs
        .iter()
        .map(|pair| (pair.clone(), survey.pair(pair).unwrap()));
    let rules = Rules::default();
    let seed = 3;
    let setting = Setting {
        benchmark: benchmark.name(),
        data: DataFile::of(&bench.data()).unwrap(),
        policy: json!({"kind": "replay", "model": "recorded"}),
        rules,
        seed,
        swap,
        prompt: prompt_digest::<PaperOps>(&rules, benchmark.dimensions()),
    };
    Loaded {
        cases: cases(usable.collect(), swap.then_some(seed)),
        stage: Stage::new(&bench.videos(), &limits, seed),
        set,
        setting,
        bench,
    }
}

/// What the judge says of the pair in this row, in the order in which it is shown: right but for every fifth, which is
/// no unit, and every fourth, which is always `1`.
fn said(case: &Case) -> String {
    let row = case.labelled.row;
    let label = case.labelled.labels.overall.unwrap();
    let overall = match row {
        row if row.is_multiple_of(5) => return "The left one, I think.".to_owned(),
        row if row.is_multiple_of(4) => 1,
        _ => case.sides.preference(label).digit(),
    };
    format!(
        "<Snapshot>grey</Snapshot>\n<Think>so</Think>\n<Answer>TA=1, VQ=1, MQ=0, OA={overall}, CF=1</Answer>"
    )
}

impl Loaded {
    fn replay(&self) -> Replay {
        let each = self.cases.iter();
        let records = each.map(|case| (case.labelled.key, 0, vec![said(case)]));
        Replay::new(records.collect())
    }

    fn run(&self, show: Show, journal: &str, traces: Option<&mut Traces>) -> Run {
        let path = self.bench.path().join(journal);
        let journal = Journal::open(&path, self.setting.run(show)).unwrap();
        let evaluation = Evaluation {
            setting: &self.setting,
            cases: &self.cases,
            stage: &self.stage,
            threads: 2,
        };
        let run = evaluation.run::<PaperOps, _>(&self.replay(), show, &journal, &|_| (), traces);
        run.unwrap()
    }

    fn report(&self, runs: &BTreeMap<Show, Run>) -> Report {
        let data = Data::of(&self.set, Vec::new(), self.cases.len());
        assert!(data.balances());
        let rule = OverallRule::Stated;
        Report::of(
            &self.setting,
            rule,
            BTreeMap::new(),
            data,
            &self.cases,
            runs,
        )
    }
}

#[test]
fn the_report_of_a_benchmark() {
    let loaded = loaded(Bench::genai(), Benchmark::GenAiBench, true);
    let runs = BTreeMap::from(
        [Show::Plain, Show::Redundant].map(|show| (show, loaded.run(show, show.name(), None))),
    );
    let report = loaded.report(&runs);
    insta::assert_snapshot!(table::report(&report));
    insta::assert_snapshot!(report.json());
    // Two of twelve in each tenth, the longest first.
    let rows = |subset: Subset| -> Vec<usize> {
        let members = loaded.cases.iter().filter(|case| subset.holds(case));
        members.map(|case| case.labelled.row).collect()
    };
    assert_eq!(rows(Subset::LongestVideos), [1, 8]);
    assert_eq!(rows(Subset::LongestCaptions), [4, 11]);
    assert_eq!(rows(Subset::Residual), [2, 3, 5, 6, 7, 9, 10, 12]);
}

#[test]
fn a_dimension_without_a_label_is_never_filled_in() {
    let loaded = loaded(Bench::videogen(), Benchmark::VideoGenRewardBench, true);
    let run = loaded.run(Show::Plain, "plain", None);
    let report = loaded.report(&BTreeMap::from([(Show::Plain, run)]));
    let whole = &report.subsets[0];
    let pairs: Vec<_> = whole
        .scores
        .iter()
        .map(|one| (one.judged, one.score.pairs))
        .collect();
    assert_eq!(pairs, [("OA", 11), ("TA", 11), ("VQ", 11), ("MQ", 8)]);
    for case in &loaded.cases {
        let labelled = case.labelled.labels.dimensions.iter().all(Option::is_some);
        let truth = loaded.stage.pair(case, Show::Plain).truth;
        assert_eq!(truth.is_some(), labelled);
    }
}

#[test]
fn a_benchmark_with_dimensions_that_nobody_labelled_scores_the_others() {
    let loaded = loaded(
        Bench::mj(),
        Benchmark::MjBenchVideo(HardToJudge::Drop),
        true,
    );
    let run = loaded.run(Show::Plain, "plain", None);
    let report = loaded.report(&BTreeMap::from([(Show::Plain, run)]));
    insta::assert_snapshot!(table::report(&report));
}

#[test]
fn the_swap_changes_what_is_shown_and_not_what_is_reported() {
    let swapped = loaded(Bench::genai(), Benchmark::GenAiBench, true);
    let as_filed = loaded(Bench::genai(), Benchmark::GenAiBench, false);
    let seen = |loaded: &Loaded| -> Vec<f32> {
        let pairs = loaded.cases.iter();
        let pairs = pairs.map(|case| loaded.stage.pair(case, Show::Plain));
        pairs
            .map(|pair| pair.videos[0].frame(FrameOffset(0)).unwrap().rgb[0])
            .collect()
    };
    let levels = seen(&swapped);
    let dark = levels.iter().filter(|level| **level < 0.5).count();
    assert!((1..12).contains(&dark), "{levels:?}");
    assert!(seen(&as_filed).iter().all(|level| *level < 0.5));
    for (case, level) in swapped.cases.iter().zip(levels) {
        assert_eq!(level < 0.5, case.sides == Sides::AsFiled);
    }
    // A judge that is right is right in either order: rows that are neither silent nor stubborn.
    let (one, other) = (
        swapped.run(Show::Plain, "plain", None),
        as_filed.run(Show::Plain, "plain", None),
    );
    for (row, (one, other)) in (1..).zip(one.answers.iter().zip(&other.answers)) {
        if row % 4 != 0 || row % 5 == 0 {
            let overall =
                |answer: &vrt::eval::Answer| answer.verdict.map(|verdict| verdict.overall);
            assert_eq!(overall(one), overall(other), "row {row}");
        }
    }
}

#[test]
fn redundant_frames_are_the_same_in_either_order_and_twice_as_many() {
    let swapped = loaded(Bench::genai(), Benchmark::GenAiBench, true);
    let as_filed = loaded(Bench::genai(), Benchmark::GenAiBench, false);
    for (one, other) in swapped.cases.iter().zip(&as_filed.cases) {
        let shown = |loaded: &Loaded, case: &Case| {
            let pair = loaded.stage.pair(case, Show::Redundant);
            let videos = case.sides.arrange(pair.videos);
            videos.map(|video| -> Vec<f32> {
                let frames = (0..video.len()).map(|t| video.frame(FrameOffset(t)).unwrap());
                frames.map(|frame| frame.rgb[0]).collect()
            })
        };
        let videos = shown(&swapped, one);
        assert_eq!(videos, shown(&as_filed, other));
        assert_eq!(videos[0].len(), 2 * one.videos[0].frames as usize);
    }
}

#[test]
fn traces_are_records_with_pictures_that_the_browser_reads() {
    let loaded = loaded(Bench::genai(), Benchmark::GenAiBench, true);
    let path = loaded.bench.path().join("traces.jsonl");
    let mut traces = Traces::begin(&path, Pictures::Shown).unwrap();
    loaded.run(Show::Plain, "plain", Some(&mut traces));
    traces.finish().unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let records = jsonl::read("traces", &bytes[..]).unwrap();
    assert_eq!(records.len(), 12);
    let sources: Vec<&str> = records[..3]
        .iter()
        .map(|record| record.source.as_str())
        .collect();
    insta::assert_debug_snapshot!(sources);
    for (record, case) in records.iter().zip(&loaded.cases) {
        assert_eq!(record.pictures.len(), 8);
        let names = case.sides.arrange(case.labelled.videos.clone());
        assert_eq!([0, 1].map(|side| record.videos[side].name.clone()), names);
        let rate = record.videos[0].fps.unwrap();
        assert!((rate - 10.0).abs() < 1e-9, "{rate}");
    }
}

#[test]
fn a_recording_without_a_pair_names_it() {
    let loaded = loaded(Bench::genai(), Benchmark::GenAiBench, true);
    let journal = loaded.bench.path().join("journal");
    let journal = Journal::open(&journal, loaded.setting.run(Show::Plain)).unwrap();
    let evaluation = Evaluation {
        setting: &loaded.setting,
        cases: &loaded.cases,
        stage: &loaded.stage,
        threads: 1,
    };
    let other = Replay::new(vec![(PairKey(1), 0, vec![said(&loaded.cases[0])])]);
    let error = evaluation.run::<PaperOps, _>(&other, Show::Plain, &journal, &|_| (), None);
    let error = error.unwrap_err().to_string();
    assert!(error.contains("the recording holds no sample 0"), "{error}");
}
