//! A trained tiny policy through the whole program: trained, exported, and asked by `vrt` about videos of its world that were
//! written and read back. The very same words must come out as from the world in memory.

use std::sync::Arc;

use experiments::stages::eval::digits;
use experiments::world::World;
use serde_json::Value;
use vrt_core::condition::redundant;
use vrt_core::episode::Episode;
use vrt_core::op::PaperOps;
use vrt_core::pair::{Frame, FrameOffset, PairKey, PreferencePair, Video, VideoError};
use vrt_core::policy::{FrameBank, Sampling};
use vrt_core::rollout::{Sample, rollout};
use vrt_core::tokenizer::Piece;
use vrt_train::tiny::TrainedTiny;
use vrt_view::TraceRecord;

use crate::folder::{TRAINED, utf8};

/// A video of the world whose colours are rounded to 8 bits, as a file keeps them.
struct Rounded(Arc<dyn Video>);

impl Video for Rounded {
    fn len(&self) -> u32 {
        self.0.len()
    }

    fn frame(&self, offset: FrameOffset) -> Result<Frame, VideoError> {
        let frame = self.0.frame(offset)?;
        let rgb = frame.rgb8().into_iter().map(|byte| f32::from(byte) / 255.0);
        Ok(Frame {
            rgb: rgb.collect(),
            ..frame
        })
    }
}

/// The pair of a row in memory, under the key by which `vrt` knows it.
fn in_memory(world: &World, row: &Value, key: PairKey) -> PreferencePair {
    let own = u64::from_str_radix(row["key"].as_str().unwrap(), 16).unwrap();
    let pair = world.pair(PairKey(own));
    assert_eq!(pair.caption, row["prompt"].as_str().unwrap());
    PreferencePair {
        key,
        videos: pair
            .videos
            .map(|video| Arc::new(Rounded(video)) as Arc<dyn Video>),
        ..pair
    }
}

/// What the policy writes of these pairs, with nothing of `vrt` between it and them.
fn samples(policy: &TrainedTiny, pairs: &[PreferencePair], temperature: f32) -> Vec<Sample> {
    let bank = FrameBank::default();
    let sampling = Sampling {
        temperature,
        seed: 0,
        step: 0,
        max_tokens: policy.header().max_tokens,
    };
    let judge = policy.policy(&bank, sampling).unwrap();
    let rules = &policy.header().rules;
    let (rollouts, _) = rollout::<PaperOps, _>(&judge, pairs, 1, rules, 2).unwrap();
    let samples = rollouts.into_iter().flat_map(|rollout| rollout.samples);
    samples.collect()
}

fn episodes(policy: &TrainedTiny, pairs: &[PreferencePair], temperature: f32) -> Vec<Episode> {
    let samples = samples(policy, pairs, temperature).into_iter();
    samples.map(|sample| sample.episode).collect()
}

/// The probability of the overall preference that was answered.
fn overall(policy: &TrainedTiny, sample: &Sample) -> f64 {
    let targets = sample.sequence.as_ref().unwrap().targets.iter();
    let is_overall = |token| {
        let piece = policy.vocabulary().piece(token);
        matches!(piece, Some(Piece::Preference(None, _)))
    };
    let last = targets.rev().find(|target| is_overall(target.token));
    f64::from(last.unwrap().logp).exp()
}

fn words(episode: &Episode) -> Vec<(&str, u32)> {
    let rounds = episode.rounds.iter();
    rounds
        .map(|round| (round.reply.text.as_str(), round.reply.tokens))
        .collect()
}

fn written(trace: &TraceRecord) -> Vec<(&str, u32)> {
    let rounds = trace.rounds.iter();
    rounds
        .map(|round| (round.text.as_str(), round.tokens))
        .collect()
}

#[test]
fn the_likeliest_words_and_the_accuracy_are_those_of_the_world_in_memory() {
    let folder = &*TRAINED;
    let said = folder.eval("greedy", &[]);
    assert!(said.contains("knows only the synthetic world"), "{said}");
    let (rows, policy, world) = folder.known();
    let traces = folder.traces("greedy.jsonl");
    let each = rows.iter().zip(&traces);
    let pairs: Vec<_> = each
        .map(|(row, trace)| in_memory(&world, row, trace.pair))
        .collect();
    let own = episodes(&policy, &pairs, 0.0);
    for (episode, trace) in own.iter().zip(&traces) {
        assert_eq!(words(episode), written(trace), "{}", trace.source);
    }
    let calls = own.iter().filter(|episode| episode.calls() > 0).count();
    let answers = own.iter().filter(|episode| episode.answer().is_some());
    assert!(calls > 0, "nothing was fetched");
    assert!(answers.count() > 0, "nothing was answered");

    let right = own.iter().zip(&pairs).filter(|(episode, pair)| {
        let said = episode.answer().map(|answer| answer.verdict.overall);
        said == pair.truth.map(|truth| truth.overall)
    });
    let accuracy = 100.0 * right.count() as f64 / 32.0;
    let score = &folder.json("greedy.json")["subsets"][0]["scores"][0];
    assert_eq!(score["judged"], "OA");
    let tau = score["tau"]["value"].as_f64().unwrap();
    assert!((tau - accuracy).abs() < 1e-9, "{tau} is not {accuracy}");

    // The experiment's frames are not rounded to 8 bits, nor cut off at black and white: that turns few decisions.
    let judged = folder.judged();
    let each = || judged.iter().zip(&own).zip(&rows);
    for ((judged, _), row) in each() {
        assert_eq!(format!("{:016x}", judged.pair), row["key"]);
    }
    let same = each().filter(|((judged, episode), _)| {
        let answer = episode.answer().map(|answer| digits(&answer.verdict));
        judged.answer == answer
    });
    let same = same.count();
    assert!(same >= 28, "{same} of 32 are as the experiment judged them");
}

/// A sampled token depends on the whole distribution: where pictures differ, some of a thousand draws fall otherwise.
#[test]
fn sampled_words_are_those_of_the_world_in_memory_with_duplicated_frames_too() {
    let folder = &*TRAINED;
    folder.eval("sampled", &["--temperature", "1", "--redundant"]);
    let (rows, policy, world) = folder.known();
    let traces = folder.traces("sampled.jsonl");
    let each = rows.iter().zip(&traces);
    let pairs: Vec<_> = each
        .map(|(row, trace)| in_memory(&world, row, trace.pair))
        .collect();
    let own = episodes(&policy, &pairs, 1.0);
    for (episode, trace) in own.iter().zip(&traces) {
        assert_eq!(words(episode), written(trace), "{}", trace.source);
    }
    // The same names of frames show other pictures here: nothing seen before may stand in for them.
    let twice: Vec<_> = pairs.iter().map(|pair| redundant(pair, 0)).collect();
    let traces = folder.traces("sampled.jsonl.redundant");
    for (episode, trace) in episodes(&policy, &twice, 1.0).iter().zip(&traces) {
        assert_eq!(words(episode), written(trace), "{}", trace.source);
    }

    let exchanged = pairs.iter().map(|pair| {
        let [first, second] = pair.videos.clone();
        PreferencePair {
            videos: [second, first],
            ..pair.clone()
        }
    });
    let others = episodes(&policy, &exchanged.collect::<Vec<_>>(), 1.0);
    let same = own
        .iter()
        .zip(&others)
        .filter(|(one, other)| words(one) == words(other));
    assert!(same.count() < 16, "the words hardly depend on the pictures");
}

#[test]
fn one_pair_is_judged_as_in_memory() {
    let folder = &*TRAINED;
    let (rows, trained, world) = folder.known();
    let policy = folder.path("policy");
    let mut judged = 0;
    for row in &rows {
        let file = |column: &str| folder.path("world").join(row[column].as_str().unwrap());
        let (first, second) = (file("path_A"), file("path_B"));
        let own = &samples(&trained, &[in_memory(&world, row, PairKey(5))], 0.0)[0];
        if own.episode.answer().is_none() {
            continue;
        }
        judged += 1;
        if judged > 2 {
            break;
        }
        let caption = row["prompt"].as_str().unwrap();
        let told = folder.vrt(&[
            "judge",
            utf8(&first),
            utf8(&second),
            "--caption",
            caption,
            "--tiny",
            utf8(&policy),
            "--json",
        ]);
        let told: Value = serde_json::from_str(&told).unwrap();
        let trace: TraceRecord =
            serde_json::from_value(told["orders"][0]["trace"].clone()).unwrap();
        assert_eq!(words(&own.episode), written(&trace));
        let overall = overall(&trained, own);
        let stated = told["orders"][0]["probability"]["OA"].as_f64().unwrap();
        assert!((stated - overall).abs() < 1e-6, "{stated} is not {overall}");
        assert_eq!(told["policy"]["kind"], "tiny");
        assert_eq!(told["policy"]["provenance"]["arm"], "full");
    }
    assert!(judged > 0, "no pair was answered");
}
