//! Whole traces as text: a teacher's, every malformed kind, and what a half-trained policy may write.

use std::fmt::Write;

use dfdx::prelude::Cpu;
use experiments::kit::{Kit, Offered};
use experiments::stages::{WORLD_SEED, steps::read_weights};
use experiments::store::Store;
use experiments::teacher::Teacher;
use experiments::world::World;
use experiments::world::config::WorldConfig;
use experiments::world::split::{Length, Split, Training};
use experiments::world::teacher::TeacherParams;
use tests::micro;
use vrt_core::episode::{Episode, Rules, StopReason};
use vrt_core::ledger::Ledger;
use vrt_core::model::Tiny;
use vrt_core::op::{OpSet, PaperOps, Workspace};
use vrt_core::pair::PreferencePair;
use vrt_core::policy::{FrameBank, Replay, Reply, Sampling, TinyPolicy};
use vrt_core::rollout::{Sample, rollout};
use vrt_core::trace::{Action, read_unit};
use vrt_core::view::View;

/// An episode as a person reads it: what was written, what was shown, why it is over.
fn told(pair: &PreferencePair, episode: &Episode) -> String {
    let mut out = format!(
        "caption: {}\nshown: {}\n",
        pair.caption,
        numbers(&episode.initial)
    );
    for round in &episode.rounds {
        writeln!(out, "\n{}", round.reply.text).unwrap();
        if let Some(outcome) = &round.outcome {
            writeln!(out, "shown: {}", numbers(&outcome.views)).unwrap();
        }
    }
    let stop = episode.stop.as_ref().unwrap();
    write!(out, "\n{}", stop.name()).unwrap();
    if let Some(fault) = stop.fault() {
        write!(out, ": {fault}").unwrap();
    }
    out
}

fn numbers<T: std::fmt::Display>(frames: &[T]) -> String {
    frames
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(" ")
}

fn world() -> World {
    World::new(WORLD_SEED, WorldConfig::default()).unwrap()
}

fn design(length: Length, count: u32) -> Vec<PreferencePair> {
    Split::Design(length)
        .keys(count)
        .map(|key| world().pair(key))
        .collect()
}

/// The teacher's episodes of these pairs.
fn taught(params: &TeacherParams, pairs: &[PreferencePair]) -> (Vec<Sample>, Ledger) {
    let (world, vocabulary) = (world(), Offered::paper().vocabulary().unwrap());
    let teacher = Teacher::new(&world, params, &vocabulary);
    let (rollouts, ledger) =
        rollout::<PaperOps, _>(&teacher, pairs, 1, &Rules::default(), 2).unwrap();
    (
        rollouts
            .into_iter()
            .flat_map(|rollout| rollout.samples)
            .collect(),
        ledger,
    )
}

#[test]
fn a_teachers_traces() {
    let pairs = design(Length::Medium, 64);
    let (samples, _) = taught(&TeacherParams::default(), &pairs);
    for calls in [0, 1, 3] {
        let found = samples
            .iter()
            .position(|sample| sample.episode.calls() == calls)
            .unwrap();
        let text = told(&pairs[found], &samples[found].episode);
        insta::assert_snapshot!(format!("teacher_with_{calls}_calls"), text);
    }
}

#[test]
fn every_unit_of_a_teacher_is_canonical_and_every_frame_is_in_its_sequence() {
    let keys = Split::Train(Training::ColdStart).keys(300);
    let pairs: Vec<PreferencePair> = keys.map(|key| world().pair(key)).collect();
    let never_stop = TeacherParams {
        stop_first: 0.0,
        stop: 0.0,
        stop_clear: 0.0,
        ..TeacherParams::default()
    };
    for params in [TeacherParams::default(), never_stop] {
        let (samples, ledger) = taught(&params, &pairs);
        assert_eq!(ledger.stopped("answered"), 300);
        for sample in samples {
            whole(&sample);
            assert_eq!(sample.episode.stop, Some(StopReason::Answered));
        }
    }
}

/// The reader gives back every unit as it was written, and the sequence shows exactly what was shown.
fn whole(sample: &Sample) {
    let episode = &sample.episode;
    for round in &episode.rounds {
        if let Some(unit) = &round.unit {
            assert_eq!(unit.to_string(), round.reply.text);
            assert_eq!(read_unit(&round.reply.text).as_ref(), Ok(unit));
        }
    }
    let sequence = sample.sequence.as_ref().unwrap();
    assert!(sequence.targets.len() as u32 <= episode.tokens());
    let fetched = episode
        .rounds
        .iter()
        .filter_map(|round| round.outcome.as_ref());
    let initial = episode.initial.iter().copied().map(View::Frame);
    let shown: Vec<View> = initial
        .chain(fetched.flat_map(|outcome| outcome.views.iter().copied()))
        .collect();
    let fed: Vec<View> = sequence.views().collect();
    // An outcome that no token followed is not learned from.
    assert!(
        shown.starts_with(&fed) && fed.len() >= episode.initial.len(),
        "{fed:?} is not {shown:?}"
    );
}

const START: &str = "<Snapshot>red ring</Snapshot>\n<Think>A:VQ:? #12 +3</Think>\n";

fn answer(judgment: &str) -> String {
    format!("{START}<Answer>{judgment}</Answer>")
}

fn call(json: &str) -> String {
    format!(
        "{START}<Recommend Answer>TA=0, VQ=2, MQ=0, OA=2, CF=3</Recommend Answer>\n<tool_call>{json}</tool_call>"
    )
}

fn select(frames: &str) -> String {
    call(&format!(
        "{{\"name\": \"select_frames\", \"arguments\": {{\"target_frames\": [{frames}]}}}}"
    ))
}

/// Everything that is not in format, with a name.
fn faults() -> Vec<(&'static str, Vec<String>)> {
    let one = |name, text: &str| (name, vec![text.to_owned()]);
    let whole = answer("TA=0, VQ=2, MQ=0, OA=2");
    let mut faults = vec![
        one("no text", ""),
        one("chatter before the unit", &format!("Sure! {whole}")),
        one("chatter after the unit", &format!("{whole}\nDone.")),
        one(
            "chatter between two blocks",
            &whole.replace("\n<Think>", "\nso <Think>"),
        ),
        one("no snapshot", &whole[whole.find("<Think>").unwrap()..]),
        one(
            "no thought",
            &whole.replace("<Think>A:VQ:? #12 +3</Think>\n", ""),
        ),
        one("no answer", START),
        one(
            "a block that is not closed",
            &whole.replace("</Answer>", ""),
        ),
        one(
            "a block inside another",
            &whole.replace("A:VQ:?", "<Snapshot>"),
        ),
        one(
            "a closing tag of another block",
            &whole.replace("</Think>", "</Snapshot>"),
        ),
        one(
            "two answers",
            &format!("{whole}\n<Answer>TA=0, VQ=2, MQ=0, OA=2</Answer>"),
        ),
        one(
            "a judgment without the overall",
            &answer("TA=0, VQ=2, MQ=0"),
        ),
        one(
            "a judgment without a dimension",
            &answer("TA=0, VQ=2, OA=2"),
        ),
        one("a key twice", &answer("TA=0, TA=0, VQ=2, MQ=0, OA=2")),
        one("an unknown key", &answer("TA=0, VQ=2, MQ=0, OA=2, ZZ=1")),
        one("a preference of 3", &answer("TA=3, VQ=2, MQ=0, OA=2")),
        one("a confidence of 0", &answer("TA=0, VQ=2, MQ=0, OA=2, CF=0")),
        one("a word for a digit", &answer("TA=tie, VQ=2, MQ=0, OA=2")),
        one("an entry without a value", &answer("TA, VQ=2, MQ=0, OA=2")),
        one(
            "a recommendation without a call",
            select("3").split("\n<tool_call>").next().unwrap(),
        ),
        one("a call that is no JSON", &select("3, no such frame")),
        one("a call that is no object", &call("[3]")),
        one("a call without a name", &call("{\"arguments\": {}}")),
        one(
            "a call whose name is a number",
            &call("{\"name\": 3, \"arguments\": {}}"),
        ),
        one(
            "a call without arguments",
            &call("{\"name\": \"select_frames\"}"),
        ),
        one(
            "a call whose arguments are a list",
            &call("{\"name\": \"select_frames\", \"arguments\": [3]}"),
        ),
        one(
            "a call with a third key",
            &call("{\"name\": \"select_frames\", \"arguments\": {}, \"id\": 1}"),
        ),
        one(
            "an unknown tool",
            &call("{\"name\": \"select_frame\", \"arguments\": {\"target_frames\": [3]}}"),
        ),
        one("a frame 0", &select("3, 0")),
        one("a frame beyond the pool", &select("3, 97")),
        one("a frame twice", &select("3, 5, 3")),
        one("no frame", &select("")),
        one("nine frames", &select("1, 2, 3, 4, 5, 6, 7, 8, 9")),
        one("a frame in words", &select("\"three\"")),
        one("half a frame", &select("3.5")),
        one(
            "a wrong argument",
            &call("{\"name\": \"select_frames\", \"arguments\": {\"frames\": [3]}}"),
        ),
    ];
    faults.push(("a call too many", ["3", "4", "5", "6"].map(select).to_vec()));
    faults.push(("a recording that ends", vec![select("3")]));
    faults.push((
        "a fault in the second unit",
        vec![select("3"), answer("OA=2")],
    ));
    faults
}

#[test]
fn every_malformed_kind_ends_with_its_reason() {
    let pair = design(Length::Medium, 1).remove(0);
    let rules = Rules::default();
    let mut text = String::new();
    for (name, units) in faults() {
        let replay = Replay::new(vec![(pair.key, 0, units)]);
        let (rollouts, ledger) =
            rollout::<PaperOps, _>(&replay, std::slice::from_ref(&pair), 1, &rules, 1).unwrap();
        assert!(ledger.balances());
        let stop = rollouts[0].samples[0].episode.stop.as_ref().unwrap();
        let fault = stop
            .fault()
            .unwrap_or_else(|| panic!("{name} is in format"));
        writeln!(text, "{name}\n    {}: {fault}", stop.name()).unwrap();
    }
    let mut episode = Episode::open(&pair, 0, &rules);
    let reply = Reply {
        text: START.to_owned(),
        tokens: 64,
        cut: true,
        ..Reply::default()
    };
    episode.advance::<PaperOps>(Ok(reply), &pair, &rules);
    assert!(episode.observation(&rules).is_none());
    let stop = episode.stop.unwrap();
    writeln!(
        text,
        "a reply that a length limit cut off\n    {}: {}",
        stop.name(),
        stop.fault().unwrap()
    )
    .unwrap();
    insta::assert_snapshot!(text);
}

#[test]
fn a_refused_call_says_to_the_model_what_the_operation_says() {
    let pair = design(Length::Medium, 1).remove(0);
    let units = vec![select("12, 16, 20"), select("12, 0, 97, 12")];
    let replay = Replay::new(vec![(pair.key, 0, units)]);
    let pairs = [pair];
    let (rollouts, ledger) =
        rollout::<PaperOps, _>(&replay, &pairs, 1, &Rules::default(), 1).unwrap();
    assert_eq!((ledger.stopped("bad_arguments"), ledger.calls), (1, 1));
    let episode = &rollouts[0].samples[0].episode;
    let Some(Action::Recommend { calls, .. }) =
        episode.rounds[1].unit.as_ref().map(|unit| &unit.action)
    else {
        panic!("the second unit calls");
    };
    let error = PaperOps::call(
        &calls[0].name,
        &calls[0].arguments,
        &mut Workspace::new(&pairs[0]),
    )
    .unwrap_err();
    assert_eq!(episode.stop, Some(StopReason::Fault(error.into())));
    insta::assert_snapshot!(told(&pairs[0], episode));
}

/// Which tokens a trained policy writes depends on the processor's arithmetic, so what is checked is what holds
/// for any text it may write.
#[test]
fn a_cold_started_policy_writes_traces_that_play_back() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::at(dir.path());
    let (graph, last) = micro::graph(&["tower", "base", "cold_start"], &micro::params(), 1);
    micro::build(&graph, last, &store, 2).unwrap();
    let mut model = Tiny::new(&Cpu::default(), 0);
    model
        .load_flat(&read_weights(&store.entry("cold_start", last)).unwrap())
        .unwrap();
    let (bank, vocabulary) = (FrameBank::default(), Offered::paper().vocabulary().unwrap());
    let sampling = Sampling {
        temperature: 0.0,
        seed: 1,
        step: 0,
        max_tokens: 64,
    };
    let policy = TinyPolicy::new(&model, &vocabulary, &bank, sampling).unwrap();
    let rules = Rules::default();
    let pairs = design(Length::Short, 48);
    let (rollouts, ledger) = rollout::<PaperOps, _>(&policy, &pairs, 1, &rules, 2).unwrap();
    assert!(ledger.balances());
    assert_eq!((ledger.asked, ledger.stopped("policy_failed")), (48, 0));
    assert!(
        ledger.stops[0] > 24,
        "most traces are in format: {:?}",
        ledger.stops
    );
    let samples: Vec<Sample> = rollouts
        .into_iter()
        .flat_map(|rollout| rollout.samples)
        .collect();
    for sample in &samples {
        whole(sample);
        assert!(
            sample
                .episode
                .rounds
                .iter()
                .all(|round| round.reply.text.starts_with("<Snapshot>"))
        );
        assert!(sample.episode.calls() <= u32::from(rules.max_calls));
    }
    let record = |episode: &Episode| {
        let texts = episode.rounds.iter().map(|round| round.reply.text.clone());
        (episode.pair, episode.sample, texts.collect::<Vec<_>>())
    };
    let replay = Replay::new(
        samples
            .iter()
            .map(|sample| record(&sample.episode))
            .collect(),
    );
    let (again, _) = rollout::<PaperOps, _>(&replay, &pairs, 1, &rules, 1).unwrap();
    for (sample, again) in samples
        .iter()
        .zip(again.iter().flat_map(|rollout| &rollout.samples))
    {
        let (first, second) = (&sample.episode, &again.episode);
        // A recording does not know of the length limit.
        if first.stop != Some(StopReason::Cut) {
            assert_eq!(first.stop, second.stop);
        }
        let units = |episode: &Episode| -> Vec<_> {
            episode
                .rounds
                .iter()
                .map(|round| (round.unit.clone(), round.outcome.clone()))
                .collect()
        };
        assert_eq!(units(first), units(second));
    }
}
