//! In: nothing. Out: a thousand traces of every kind, some of which would like to be a program.

use std::sync::Arc;

use vrt_core::episode::{Episode, Rules};
use vrt_core::op::AllOps;
use vrt_core::pair::{Frame, FrameOffset, PairKey, Preference, PreferencePair, Verdict};
use vrt_core::pair::{Video, VideoError};
use vrt_core::policy::Reply;
use vrt_view::{Context, Pictures, RewardRecord, TermRecord, TraceRecord};

/// Text that tries to be markup in every place where a page could take it for some.
pub const HOSTILE: &str = "</script><script>window.owned=1</script><img src=x onerror=\"window.owned=2\">\
     <svg onload=window.owned=3>\" onmouseover=\"window.owned=4\" javascript:window.owned=5 {{script}}";

/// A trace with units and an answer that is hostile in every text.
pub const HOSTILE_ANSWER: usize = 7;

/// One that ended in a fault, hostile in every text.
pub const HOSTILE_END: usize = 8;

/// How many traces there are.
pub const COUNT: usize = 1000;

struct Ramp;

impl Video for Ramp {
    fn len(&self) -> u32 {
        24
    }

    fn frame(&self, offset: FrameOffset) -> Result<Frame, VideoError> {
        Ok(Frame {
            width: 4,
            height: 4,
            rgb: Arc::from(vec![offset.0 as f32 / 24.0; 48]),
        })
    }
}

/// What a trace does; they take turns.
const KINDS: usize = 5;

/// The traces, in turn: an answer at once that is right; one call and a wrong answer; three calls, a change of mind and
/// a right answer; no unit at all, but hostile text; a call that is told to be faulty and an answer. The first four are
/// one pair's.
pub fn traces() -> Vec<TraceRecord> {
    (0..COUNT).map(trace).collect()
}

/// How many of the traces are of this kind, from 0.
pub fn of_kind(kind: usize) -> usize {
    (0..COUNT).filter(|number| number % KINDS == kind).count()
}

/// Traces that say as little as a record may: nothing written, nothing known, nothing kept; numbers that are none.
pub fn odd() -> Vec<TraceRecord> {
    let mut bare = trace(0);
    bare.rounds.clear();
    bare.initial.clear();
    bare.pictures.clear();
    bare.caption.clear();
    bare.source.clear();
    (bare.stop, bare.truth, bare.answer, bare.reward) = (None, None, None, None);
    let mut blind = trace(2);
    blind.pictures.clear();
    blind.truth = None;
    let mut empty = bare.clone();
    for video in &mut empty.videos {
        (video.frames, video.fps) = (0, Some(0.0));
    }
    let mut numberless = trace(1);
    numberless.videos[0].fps = Some(f64::NAN);
    numberless.rounds[0].seconds = Some(f64::INFINITY);
    let mut reward = reward(0);
    (reward.total, reward.advantage) = (Some(f64::NAN), Some(f64::NAN));
    let mut nothing = reward.terms[0].clone();
    (nothing.raw, nothing.weight, nothing.weighted, nothing.share) = (None, f64::NAN, None, None);
    reward.terms.push(nothing);
    numberless.reward = Some(reward);
    vec![bare, blind, empty, numberless]
}

fn trace(number: usize) -> TraceRecord {
    let kind = number % KINDS;
    let rules = Rules {
        retries: 1,
        ..Rules::default()
    };
    let pair = PreferencePair {
        // The first four share a pair.
        key: PairKey(0x0300_0000_0000_0000 + if number < 4 { 0 } else { number as u64 }),
        caption: format!("caption {}", if number < 4 { 0 } else { number }),
        videos: [Arc::new(Ramp), Arc::new(Ramp)],
        truth: Some(Verdict {
            dimensions: [Preference::First, Preference::Tie, Preference::Second],
            overall: Preference::First,
        }),
    };
    let look = |overall: u8, frames: &str| {
        unit(
            overall,
            &format!("select_frames\", \"arguments\": {{\"target_frames\": [{frames}]}}"),
        )
    };
    let units = match kind {
        0 => vec![answer(1)],
        1 => vec![look(2, "10, 11"), answer(2)],
        2 => vec![
            look(2, "10, 11"),
            look(0, "30, 31"),
            unit(
                1,
                "zoom_in\", \"arguments\": {\"frame\": 40, \"left\": 0, \"top\": 0, \"right\": 500, \"bottom\": 500}",
            ),
            answer(1),
        ],
        3 => vec![HOSTILE.to_owned()],
        _ => vec![look(1, "129"), answer(1)],
    };
    let mut episode = Episode::open(&pair, number.min(3) as u32, &rules);
    for text in units {
        let reply = Reply {
            text,
            tokens: 10,
            ..Reply::default()
        };
        episode.advance::<AllOps>(Ok(reply), &pair, &rules);
    }
    let context = Context {
        source: "made / up",
        pictures: Pictures::Strips { per_video: 24 },
        reward: (number < 4).then(|| reward(number)),
        ..Context::default()
    };
    let mut record =
        TraceRecord::new(&episode, &pair, &rules, context).expect("a ramp can always be drawn");
    if number == HOSTILE_ANSWER || number == HOSTILE_END {
        hostile(&mut record);
    }
    record
}

/// Puts hostile text into every place where text may stand.
fn hostile(record: &mut TraceRecord) {
    let text = || HOSTILE.to_owned();
    record.caption = text();
    record.source = text();
    record
        .videos
        .iter_mut()
        .for_each(|video| video.name = text());
    for round in &mut record.rounds {
        round.text = text();
        if let Some(unit) = &mut round.unit {
            unit.snapshot = text();
            unit.think = text();
        }
        for call in &mut round.calls {
            call.name = text();
            call.arguments = serde_json::json!({ HOSTILE: [HOSTILE] });
        }
        for view in round.views.iter_mut().flatten() {
            view.kind = text();
            view.key = text();
        }
    }
    if let Some(stop) = record.stop.as_mut().filter(|stop| stop.text.is_some()) {
        stop.name = text();
        stop.text = Some(text());
    }
    record.pictures.insert(text(), record.pictures["1"].clone());
    record.reward = Some(RewardRecord {
        total: Some(1.0),
        advantage: Some(0.5),
        terms: vec![TermRecord {
            name: text(),
            raw: None,
            weight: 1.0,
            weighted: None,
            share: Some(0.5),
            abstains: Some(text()),
        }],
    });
}

fn reward(number: usize) -> RewardRecord {
    let share = [0.5, -0.75, 1.0, -0.75][number];
    RewardRecord {
        total: Some(1.0 + share),
        advantage: Some(share),
        terms: vec![TermRecord {
            name: "accuracy".to_owned(),
            raw: Some(1.0 + share),
            weight: 1.0,
            weighted: Some(1.0 + share),
            share: Some(share),
            abstains: None,
        }],
    }
}

fn answer(overall: u8) -> String {
    format!(
        "<Snapshot>a ramp</Snapshot>\n<Think>clear</Think>\n<Answer>TA=1, VQ=0, MQ=2, OA={overall}, CF=1</Answer>"
    )
}

fn unit(overall: u8, call: &str) -> String {
    format!(
        "<Snapshot>a ramp</Snapshot>\n<Think>look</Think>\n\
         <Recommend Answer>TA=0, VQ=0, MQ=2, OA={overall}, CF=3</Recommend Answer>\n\
         <tool_call>{{\"name\": \"{call}}}</tool_call>"
    )
}
