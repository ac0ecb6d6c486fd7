//! The whole library of operations: as the teacher uses it, as text, as rows that are trained on, and on decoded video.

use std::fmt::Write;
use std::sync::Arc;

use dfdx::prelude::{Cpu, NoneTape};
use experiments::kit::{Kit, Offered};
use experiments::stages::WORLD_SEED;
use experiments::teacher::Teacher;
use experiments::world::World;
use experiments::world::ask::Tools;
use experiments::world::config::WorldConfig;
use experiments::world::split::{Length, Split};
use experiments::world::teacher::TeacherParams;
use serde_json::json;
use tests::decoded::decoded;
use vrt_core::episode::{CallFault, Episode, Rules};
use vrt_core::ledger::Ledger;
use vrt_core::model::{Fused, Tiny};
use vrt_core::op::{AllOps, OpSet, Workspace};
use vrt_core::pair::{Frame, FrameOffset, PairKey, PreferencePair, Video, VideoError};
use vrt_core::policy::{
    FrameBank, Observation, Opening, Policy, Sampling, Shown, TinyPolicy, Turn,
};
use vrt_core::rollout::{Sample, rollout};
use vrt_core::sequence::{Input, Packed, Sequence};
use vrt_core::tokenizer::Piece;

/// A teacher with all tools who never stops early.
fn taught(count: u32) -> (Vec<PreferencePair>, Vec<Sample>, Ledger) {
    let world = World::new(WORLD_SEED, WorldConfig::default()).unwrap();
    let params = TeacherParams {
        stop_first: 0.0,
        stop: 0.0,
        stop_clear: 0.2,
        ..TeacherParams::default()
    };
    let vocabulary = Offered::all().vocabulary().unwrap();
    let teacher = Teacher::new(&world, &params, &vocabulary).with(&Tools::All);
    let keys = Split::Design(Length::Medium).keys(count);
    let pairs: Vec<PreferencePair> = keys.map(|key| world.pair(key)).collect();
    let (rollouts, ledger) =
        rollout::<AllOps, _>(&teacher, &pairs, 1, &Rules::default(), 2).unwrap();
    let samples = rollouts.into_iter().flat_map(|rollout| rollout.samples);
    (pairs, samples.collect(), ledger)
}

#[test]
fn every_call_of_the_teacher_is_text_that_reads_back_and_shows_what_it_expects() {
    let (_, samples, ledger) = taught(200);
    assert_eq!(ledger.stopped("answered"), 200, "{ledger:?}");
    for op in &ledger.ops {
        assert!(op.calls > 10, "{} was called {} times", op.name, op.calls);
        assert_eq!(op.faults, [0; CallFault::NAMES.len()], "{}", op.name);
    }
    for sample in &samples {
        let shown: usize = sample
            .episode
            .outcomes()
            .map(|outcome| outcome.views.len())
            .sum();
        let sequence = sample.sequence.as_ref().unwrap();
        assert_eq!(sequence.views().count(), 8 + shown);
    }
}

fn calls(episode: &Episode) -> Vec<&'static str> {
    let rounds = episode.rounds.iter().flat_map(|round| &round.calls);
    rounds.map(|call| call.op).collect()
}

#[test]
fn a_trace_for_each_tool() {
    let (pairs, samples, _) = taught(200);
    let mut text = String::new();
    for tool in AllOps::NAMES {
        let found = samples
            .iter()
            .position(|sample| calls(&sample.episode).contains(tool));
        let (pair, episode) = found.map(|i| (&pairs[i], &samples[i].episode)).unwrap();
        writeln!(text, "== {tool}: {}", pair.caption).unwrap();
        for round in &episode.rounds {
            let call = round
                .reply
                .text
                .lines()
                .find(|line| line.contains("<tool_call>"));
            let Some((call, outcome)) = call.zip(round.outcome.as_ref()) else {
                continue;
            };
            let views: Vec<String> = outcome.views.iter().map(ToString::to_string).collect();
            writeln!(text, "{call}\n    {}", views.join("  ")).unwrap();
        }
    }
    insta::assert_snapshot!(text);
}

#[test]
fn the_trainer_and_the_sampler_agree_on_pictures_that_are_no_frames() {
    let (pairs, samples, _) = taught(40);
    let model = Tiny::new(&Cpu::default(), 5);
    let bank = FrameBank::default();
    let sequences: Vec<Sequence> = samples.into_iter().filter_map(|s| s.sequence).collect();
    let mut drawn = 0;
    for (pair, sequence) in pairs.iter().zip(&sequences) {
        let wanted: Vec<_> = sequence.views().map(|view| (pair, view)).collect();
        drawn += wanted
            .iter()
            .filter(|(_, view)| view.plain().is_none())
            .count();
        bank.look(&model.encoder().unwrap(), &wanted).unwrap();
    }
    assert!(drawn > 10, "{drawn}");
    let mut rows = Vec::new();
    let packed = Packed::new(&sequences, |pair, view| {
        rows.extend_from_slice(&bank.get(pair, view).unwrap());
        (rows.len() / Tiny::WIDTH) as u32 - 1
    });
    let visual = model.given_rows(&Cpu::default(), &rows, NoneTape).unwrap();
    let trained = model
        .token_logps::<Fused, _>(&packed, visual, 1.0)
        .unwrap()
        .logps
        .as_vec();
    let sampled: Vec<f32> = sequences
        .iter()
        .flat_map(|sequence| decoded(&model, &bank, sequence, 1.0))
        .collect();
    assert_eq!(trained.len(), sampled.len());
    for (trained, sampled) in trained.iter().zip(&sampled) {
        assert!((trained - sampled).abs() < 1e-4, "{trained} {sampled}");
    }
}

#[test]
fn a_policy_is_told_of_its_faults_in_pieces_that_carry_no_loss() {
    let vocabulary = Offered::all().vocabulary().unwrap();
    let (model, bank) = (Tiny::new(&Cpu::default(), 5), FrameBank::default());
    let sampling = Sampling {
        temperature: 1.0,
        seed: 1,
        step: 0,
        max_tokens: 8,
    };
    let policy = TinyPolicy::new(&model, &vocabulary, &bank, sampling).unwrap();
    let pair = World::new(WORLD_SEED, WorldConfig::default())
        .unwrap()
        .pair(Split::Design(Length::Short).key(0));
    let fault: CallFault = AllOps::unknown("zoom").into();
    let piece = vocabulary.id(&Piece::Fault(fault.row())).unwrap();
    let initial = pair.pool().evenly(4);
    let opening = Opening {
        pair: &pair,
        initial: &initial,
        samples: 1,
    };
    let mut state = policy.open(&[opening]).unwrap().remove(0);
    let unit = |state: &mut _| {
        let may_call = true;
        let reply = policy.reply(&mut [Turn { state, may_call }]).remove(0);
        reply.expect("the only unit is complete").unwrap();
    };
    unit(&mut state);
    let observation = Observation::Fault(&fault);
    let mut shown = [Shown {
        state: &mut state,
        observation,
    }];
    policy.observe(&mut shown).remove(0).unwrap();
    unit(&mut state);
    let sequence = policy.sequence(state).unwrap();
    let told = sequence
        .rows
        .iter()
        .position(|row| row.input == Input::Text(piece));
    let told = told.expect("the fault is a row") as u32;
    assert!(sequence.targets.iter().all(|target| target.row + 1 != told));
    assert!(
        sequence.targets.iter().any(|target| target.row > told),
        "it went on"
    );
}

/// A decoded animated GIF.
struct Gif(Vec<Frame>);

impl Video for Gif {
    fn len(&self) -> u32 {
        self.0.len() as u32
    }

    fn frame(&self, offset: FrameOffset) -> Result<Frame, VideoError> {
        self.0.get(offset.0 as usize).cloned().ok_or(VideoError {
            video: "a GIF".to_owned(),
            offset,
            reason: "beyond its end".to_owned(),
        })
    }
}

/// Six frames of 40 × 24 pixels, encoded and decoded again: a white bar moves 4 pixels a frame over black.
fn decoded_gif() -> Gif {
    let mut bytes = Vec::new();
    let palette = [0, 0, 0, 255, 255, 255];
    let mut encoder = gif::Encoder::new(&mut bytes, 40, 24, &palette).unwrap();
    for t in 0..6usize {
        let pixel = |at: usize| u8::from((at % 40) / 4 == t);
        let pixels: Vec<u8> = (0..40 * 24).map(pixel).collect();
        let frame = gif::Frame::from_indexed_pixels(40, 24, pixels, None);
        encoder.write_frame(&frame).unwrap();
    }
    drop(encoder);
    let mut options = gif::DecodeOptions::new();
    options.set_color_output(gif::ColorOutput::RGBA);
    let mut decoder = options.read_info(&bytes[..]).unwrap();
    let mut frames = Vec::new();
    while let Some(frame) = decoder.read_next_frame().unwrap() {
        let opaque = frame.buffer.chunks_exact(4).flat_map(|rgba| &rgba[..3]);
        let rgb: Arc<[f32]> = opaque.map(|&byte| f32::from(byte) / 255.0).collect();
        frames.push(Frame {
            width: 40,
            height: 24,
            rgb,
        });
    }
    Gif(frames)
}

#[test]
fn every_operation_works_on_decoded_video() {
    let videos: [Arc<dyn Video>; 2] = [Arc::new(decoded_gif()), Arc::new(decoded_gif())];
    let pair = PreferencePair {
        key: PairKey(1),
        caption: "a bar moves to the right".to_owned(),
        videos,
        truth: None,
    };
    let picture = |name: &str, arguments| {
        let outcome = AllOps::call(name, &arguments, &mut Workspace::new(&pair)).unwrap();
        pair.view(outcome.views[0]).unwrap()
    };
    // The bar of frame 3 covers columns 8 to 11; the region is columns 10 to 19 of all rows.
    let close = picture(
        "zoom_in",
        json!({"frame": 3, "left": 250, "top": 0, "right": 500, "bottom": 1000}),
    );
    assert_eq!((close.width, close.height), (10, 24));
    let row: Vec<f32> = close
        .rgb
        .chunks_exact(3)
        .take(10)
        .map(|rgb| rgb[0])
        .collect();
    assert_eq!(row, [1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    // The bar left columns 4 to 7 and came to columns 8 to 11.
    let moved = picture("frame_difference", json!({"before": 8, "after": 9}));
    let row: Vec<f32> = moved
        .rgb
        .chunks_exact(3)
        .take(14)
        .map(|rgb| rgb[1])
        .collect();
    let expected = [[0.5; 4], [0.0; 4], [1.0; 4]].concat();
    assert_eq!(row, [expected, vec![0.5; 2]].concat());
    let range = json!({"first": 7, "last": 12, "count": 3});
    let outcome = AllOps::call("sample_range", &range, &mut Workspace::new(&pair)).unwrap();
    let numbers: Vec<u32> = outcome
        .views
        .iter()
        .map(|view| view.frame().get())
        .collect();
    assert_eq!(numbers, [7, 10, 12]);
    // The tiny tower takes every one of them, whatever its size.
    let (model, bank) = (Tiny::new(&Cpu::default(), 1), FrameBank::default());
    let region = json!({"frame": 3, "left": 250, "top": 0, "right": 500, "bottom": 1000});
    let close = AllOps::call("zoom_in", &region, &mut Workspace::new(&pair)).unwrap();
    let views = [close.views[0], outcome.views[0]].map(|view| (&pair, view));
    let tokens = bank.look(&model.encoder().unwrap(), &views).unwrap();
    assert_ne!(tokens[0], tokens[1]);
}
