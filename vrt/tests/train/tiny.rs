//! A tiny policy through all stages; what it has sampled is what it learns; and what it cannot be taught.

use std::fs;

use serde_json::{Value, json};
use vrt::train::{Model, Pairs, Script, TinyModel};
use vrt_core::op::PaperOps;
use vrt_core::policy::{Policy, Reply, Sampling};
use vrt_core::rollout::{Sample, rollout};
use vrt_core::sequence::Sequence;
use vrt_train::atomic;
use vrt_train::learn::{Actor, Sampled, Trainee, Weights};
use vrt_train::optim::AdamWConfig;
use vrt_train::sft;
use vrt_train::tiny::{self, TrainedTiny};

use crate::clips::{clip, write_damaged};
use crate::school::{CAPTION, School, TINY_CALL, header, tiny_answer};

const COLD: [&str; 4] = ["train", "cold-start", "--config", "train.toml"];

fn lines(school: &School, name: &str) -> Vec<Value> {
    let text = fs::read_to_string(school.path(name)).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The tau of a policy on the pairs of the school; what it wrote is in `judged.jsonl`.
fn tau(school: &School, policy: &str) -> f64 {
    let run = format!("judged/{policy}");
    let data = ["--data", "data", "--videos", "videos", "--tiny", policy];
    let output = [
        "--run",
        &run,
        "--json",
        "report.json",
        "--traces",
        "judged.jsonl",
    ];
    school.done(
        &[
            &["eval", "videogen-rewardbench"],
            &data[..],
            &output,
            &["--no-pictures"],
        ]
        .concat(),
    );
    let report = school.json("report.json");
    let score = &report["subsets"][0]["scores"][0];
    assert_eq!(score["judged"], "OA");
    score["tau"]["value"].as_f64().unwrap()
}

#[test]
fn three_stages_make_a_judge_of_an_untrained_policy() {
    let school = School::tiny();
    let train = |stage, config| school.done(&["train", stage, "--config", config]);
    assert_eq!(tau(&school, "policy"), 0.0);
    assert_eq!(
        train("cold-start", "train.toml"),
        "cold-start: run/cold_start\n"
    );
    let steps = lines(&school, "run/cold_start/metrics.jsonl");
    // Twenty-four passes over ten traces, four at a time.
    assert_eq!(steps.len(), 24 * 3);
    let loss = |step: usize| steps[step]["loss"].as_f64().unwrap();
    assert!(loss(71) < 0.1 * loss(0), "{} fell to {}", loss(0), loss(71));
    // A look is `red #2`, `ring`, a judgment of five and a call of five pieces, with two tags between; an answer has ten
    // pieces. The first tag of a unit is given.
    let tokens = steps[..3]
        .iter()
        .map(|step| step["tokens"].as_u64().unwrap());
    assert_eq!(tokens.sum::<u64>(), 4 * (15 + 10) + 6 * 10);
    assert_eq!(train("rft", "train.toml"), "rft: run/rft\n");
    let samples = &school.json("run/rft/ledger.json")["samples"];
    assert_eq!(samples["samples"], 12 * 4);
    let kept = samples["kept"].as_u64().unwrap();
    assert!(kept >= 6, "{samples}");
    assert_eq!(
        lines(&school, "run/rft/metrics.jsonl").len() as u64,
        kept.div_ceil(4)
    );
    assert_eq!(train("grpo", "train.toml"), "grpo: run/grpo\n");
    let steps = lines(&school, "run/grpo/metrics.jsonl");
    assert_eq!(steps.len(), 2);
    for step in &steps {
        // On the first mini-batch the policy is the sampler.
        assert!(step["drift"].as_f64().unwrap() < 1e-5);
    }
    assert_eq!(
        train("grpo", "train.toml"),
        "grpo had ended before: run/grpo\n"
    );

    let tau = tau(&school, "run/grpo/policy.safetensors");
    assert!(tau >= 0.5, "{tau}");
    let result = TrainedTiny::read(&school.path("run/grpo/policy.safetensors")).unwrap();
    let since = &result.header().provenance.since;
    let stages: Vec<&str> = since
        .iter()
        .map(|training| training.stage.as_str())
        .collect();
    assert_eq!(stages, ["cold_start", "rft", "grpo"]);

    // What it has judged teaches another policy, whatever the order in which the videos were shown.
    let again = [
        ("\"run\"", "\"again\""),
        ("teacher", "judged"),
        ("epochs = 24", "keep = \"formatted\"\nepochs = 24"),
    ];
    school.configure("again.toml", &again);
    assert_eq!(
        train("cold-start", "again.toml"),
        "cold-start: again/cold_start\n"
    );
    let steps = lines(&school, "again/cold_start/metrics.jsonl");
    let loss = |step: usize| steps[step]["loss"].as_f64().unwrap();
    assert!(loss(steps.len() - 1) < 0.1 * loss(0));
}

#[test]
fn a_result_is_exported_as_a_policy_and_never_over_another_file() {
    let school = School::tiny();
    school.done(&COLD);
    let export = |out| {
        [
            "train",
            "export",
            "--config",
            "train.toml",
            "--stage",
            "cold-start",
            "--out",
            out,
        ]
    };
    assert_eq!(school.done(&export("judge")), "cold-start: judge\n");
    let read = |name| fs::read(school.path(name)).unwrap();
    assert!(read("judge") == read("run/cold_start/policy.safetensors"));
    let refused = school.vrt(&export("policy"));
    assert_eq!(refused.status.code(), Some(5));
    assert!(
        String::from_utf8(refused.stderr)
            .unwrap()
            .contains("`policy` exists already")
    );
}

#[test]
fn a_plan_tells_where_the_policy_comes_from() {
    let school = School::tiny();
    let plan = |stage| school.done(&["train", stage, "--config", "train.toml", "--dry-run"]);
    let told = ["cold-start", "rft", "grpo"].map(plan).join("\n");
    insta::assert_snapshot!(told);
    assert!(!school.path("run").exists());
}

/// The policy that came of cold start; without a call left from the start, if `silent`.
fn taught(school: &School, silent: bool) -> TinyModel<PaperOps> {
    let result = school.path("run/cold_start/policy.safetensors");
    let trained = TrainedTiny::read(&result).unwrap();
    let mut header = trained.header().clone();
    if silent {
        header.rules.max_calls = 0;
    }
    let path = school.path("taught");
    tiny::write(&path, &header, &trained.model().to_flat()).unwrap();
    TinyModel::new(TrainedTiny::read(&path).unwrap()).unwrap()
}

fn sample<P: Policy<Sequence = Sequence>>(
    policy: &P,
    pairs: &Pairs,
    model: &TinyModel<PaperOps>,
) -> Vec<(usize, Sample<Sequence>)> {
    let shown: Vec<_> = (0..pairs.len()).map(|at| pairs.pair(at)).collect();
    let (rollouts, _) = rollout::<PaperOps, _>(policy, &shown, 16, model.rules(), 2).unwrap();
    let samples = rollouts.into_iter().flat_map(|rollout| {
        let at = rollout.pair;
        rollout.samples.into_iter().map(move |sample| (at, sample))
    });
    samples.collect()
}

fn warm(step: u64) -> Sampling {
    Sampling {
        temperature: 1.0,
        seed: 9,
        step,
        max_tokens: 24,
    }
}

/// A look with the words of an answer: which of both a unit is, its tag alone decides.
fn as_if_to_answer() -> String {
    let (_, asked) = TINY_CALL.split_once("<Recommend").unwrap();
    let answer = tiny_answer(0);
    let (words, _) = answer.split_once("<Answer").unwrap();
    format!("{words}<Recommend{asked}")
}

/// From the text and the tokens that a journal keeps comes the very sequence that the policy has seen, also where it went for
/// a call that it no longer had.
#[test]
fn the_tokens_that_were_sampled_are_the_ones_that_are_learned() {
    let school = School::tiny();
    school.teach(&as_if_to_answer(), |pair| pair % 2 == 0);
    school.done(&COLD);
    let pairs = school.pairs();
    for silent in [false, true] {
        let model = taught(&school, silent);
        let policy = model.policy(warm(0)).unwrap();
        let (mut compared, mut units, mut forced) = (0, 0, 0);
        for (at, sample) in sample(&policy, &pairs, &model) {
            let rounds = &sample.episode.rounds;
            // A unit that is none can be forced to answer as well, and is never learned.
            if sample.episode.answer().is_none() {
                continue;
            }
            for round in rounds {
                let kept = serde_json::to_string(&round.reply).unwrap();
                assert_eq!(serde_json::from_str::<Reply>(&kept).unwrap(), round.reply);
                let wrote = |tag: &str| {
                    let mut sampled = round.reply.sampled.iter();
                    sampled.any(|one| one.text.contains(tag))
                };
                forced += u32::from(!wrote("<Answer>") && !wrote("<Recommend Answer>"));
                units += 1;
            }
            let script = Script::of_episode(&sample.episode, pairs.as_shown(at));
            let seen = sample.sequence.unwrap();
            let mut lesson = model.lesson(&script, &pairs).unwrap();
            lesson.pair = seen.pair;
            assert_eq!(lesson, seen);
            compared += 1;
        }
        // Of 192 samples; what was seen here: 134 and 150 compared, 30 units after a call, 46 forced.
        let told = format!("{compared} compared, {forced} of {units} units were not free to call");
        assert!(compared > 0, "{told}");
        match silent {
            false => assert!(units > compared, "no call was compared: {told}"),
            true => assert!(forced > 0, "none was forced: {told}"),
        }
    }
}

#[test]
fn the_trainer_and_the_sampler_agree() {
    let school = School::tiny();
    school.done(&COLD);
    let pairs = school.pairs();
    let model = taught(&school, false);
    let mut learner = model.learner(AdamWConfig::default(), 2).unwrap();
    let mut actor = model.actor(&mut learner);
    let drawn = |actor: &<TinyModel<PaperOps> as Model>::Actor<'_>, step| -> Vec<Sequence> {
        let policy = actor.policy(warm(step)).unwrap();
        let samples = sample(&policy, &pairs, &model).into_iter();
        samples
            .map(|(_, sample)| sample.sequence.unwrap())
            .collect()
    };
    for step in 0..2 {
        actor.begin();
        let sampled = drawn(&actor, step);
        let sequences: Vec<&Sequence> = sampled.iter().collect();
        let scored = actor.logps(Weights::Newest, &sequences, 1.0).unwrap();
        let mut compared = 0;
        for (sequence, scored) in sequences.iter().zip(&scored) {
            assert_eq!(sequence.tokens(), scored.len());
            for (sampled, scored) in sequence.logps().zip(scored) {
                assert!(
                    (sampled - scored).abs() < 1e-4,
                    "{sampled} sampled, {scored} scored"
                );
                compared += 1;
            }
        }
        assert!(compared > 500, "{compared}");
        let reference = actor.logps(Weights::Reference, &sequences, 1.0).unwrap();
        // Before the first step the newest weights are the reference.
        assert_eq!(step == 0, scored == reference);
        let before = sft::step(actor.learner(), &sequences, 1e-3).unwrap().loss;
        let after = sft::step(actor.learner(), &sequences, 1e-3).unwrap().loss;
        assert!(after < before, "{before} then {after}");
    }
    // The tower is not trained, and everything else is.
    let (old, new) = (model.parameters(), learner.parameters());
    for spec in learner.layout() {
        let range = spec.offset..spec.offset + spec.shape.iter().product::<usize>();
        let same = old[range.clone()] == new[range];
        assert_eq!(same, spec.name.starts_with("visual."), "{}", spec.name);
    }
}

fn refused(school: &School, arguments: &[&str], code: i32) -> String {
    let output = school.vrt(arguments);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{said}");
    said
}

#[test]
fn what_it_has_no_words_for_names_the_pair() {
    let school = School::tiny();
    let data = fs::read_to_string(school.path("data")).unwrap();
    school.write("data", &data.replacen(CAPTION, "a red fox", 1));
    let said = refused(&school, &COLD, 3);
    assert!(
        said.contains(
            "1 pairs cannot be used:\n  row 1: the tiny policy has no word for `a`, `fox`"
        ),
        "{said}"
    );
    let said = refused(
        &school,
        &["train", "grpo", "--config", "train.toml", "--dry-run"],
        3,
    );
    assert!(
        said.contains("row 1: the tiny policy has no word"),
        "{said}"
    );
    school.configure(
        "skip.toml",
        &[(
            "videos = \"videos\"",
            "videos = \"videos\"\nskip_unusable = true",
        )],
    );
    let told = school.done(&["train", "grpo", "--config", "skip.toml", "--dry-run"]);
    assert!(
        told.contains("11 of 12 rows; 1 that cannot be used"),
        "{told}"
    );
    school.write("data", &data);
    atomic::write(&school.path("videos/right/4.gif"), &clip(13, 40)).unwrap();
    let said = refused(&school, &COLD, 3);
    assert!(said.contains("row 5: video"), "{said}");
    assert!(
        said.contains("has 13 frames, the tiny policy has names for 12"),
        "{said}"
    );
}

#[test]
fn a_video_whose_first_frames_are_damaged_is_left_out_where_that_is_asked_for() {
    let school = School::tiny();
    let bad = school.path("videos/left/3.gif");
    fs::remove_file(&bad).unwrap();
    write_damaged(&bad, 5);
    let untrained = [("steps = 2", "start = \"tiny\"\nsteps = 2")];
    school.configure("stops.toml", &untrained);
    let grpo = |config| ["train", "grpo", "--config", config];
    let said = refused(&school, &grpo("stops.toml"), 3);
    assert!(said.contains("videos/left/3.gif: frame "), "{said}");
    let skip = (
        "videos = \"videos\"",
        "videos = \"videos\"\nskip_unusable = true",
    );
    let skips = [untrained[0], skip, ("\"run\"", "\"skips\"")];
    school.configure("skips.toml", &skips);
    school.done(&grpo("skips.toml"));
    let pairs = &school.json("skips/grpo/ledger.json")["pairs"];
    assert_eq!(
        (&pairs["pairs"], &pairs["unusable"]),
        (&json!(11), &json!(1))
    );
}

#[test]
fn a_teacher_that_speaks_otherwise_is_named_line_by_line() {
    let school = School::tiny();
    let spoken = |from: &str, to: &str| {
        assert!(TINY_CALL.contains(from));
        school.teach(&TINY_CALL.replace(from, to), |pair| pair % 2 == 0);
        refused(&school, &COLD, 3)
    };
    let said = spoken("<Think>ring", "<Think>a fine ring");
    assert!(
        said.contains("teacher.jsonl:2: row 2 of the data file: unit 1: "),
        "{said}"
    );
    assert!(said.contains("no piece for \"a\""), "{said}");
    let said = spoken("<Snapshot>red #2", "<Snapshot>red #77");
    assert!(
        said.contains("unit 1: ") && said.contains("frame 77"),
        "{said}"
    );
    assert!(!school.path("run").exists());
}

#[test]
fn another_file_is_no_policy_and_another_policy_is_not_gone_on_with() {
    let school = School::tiny();
    school.configure("none.toml", &[("tiny = \"policy\"", "tiny = \"data\"")]);
    let said = refused(
        &school,
        &["train", "cold-start", "--config", "none.toml"],
        4,
    );
    assert!(said.contains("`data` is no tiny policy"), "{said}");
    let said = refused(&school, &["train", "rft", "--config", "train.toml"], 3);
    assert!(
        said.contains("`run/cold_start` has no result of cold-start"),
        "{said}"
    );
    school.done(&COLD);
    let weights = TrainedTiny::read(&school.path("policy"))
        .unwrap()
        .model()
        .to_flat();
    let mut other = header();
    other.provenance.seed = 4;
    tiny::write(&school.path("other"), &other, &weights).unwrap();
    school.configure("other.toml", &[("tiny = \"policy\"", "tiny = \"other\"")]);
    let said = refused(&school, &["train", "rft", "--config", "other.toml"], 3);
    assert!(
        said.contains("`run/cold_start` belongs to another model (other tiny)"),
        "{said}"
    );
    let said = refused(
        &school,
        &["train", "cold-start", "--config", "other.toml"],
        5,
    );
    assert!(
        said.contains("was begun with other settings (tiny)"),
        "{said}"
    );
}
