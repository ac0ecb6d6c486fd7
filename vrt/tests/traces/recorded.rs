//! Episodes as they are recorded, over grey videos.

use std::path::Path;
use std::process::Output;
use std::sync::Arc;

use assert_cmd::Command;
use vrt_core::episode::{Episode, Rules};
use vrt_core::op::AllOps;
use vrt_core::pair::{
    Frame, FrameOffset, PairKey, Preference, PreferencePair, Verdict, Video, VideoError,
};
use vrt_core::policy::Reply;
use vrt_view::{Context, TraceRecord};

pub const TRUTH: Verdict = Verdict {
    dimensions: [Preference::First, Preference::Tie, Preference::Second],
    overall: Preference::First,
};
pub const RIGHT: &str = "TA=1, VQ=0, MQ=2, OA=1";

struct Grey;

impl Video for Grey {
    fn len(&self) -> u32 {
        64
    }

    fn frame(&self, offset: FrameOffset) -> Result<Frame, VideoError> {
        Ok(Frame {
            width: 8,
            height: 8,
            rgb: vec![offset.0 as f32 / 64.0; 8 * 8 * 3].into(),
        })
    }
}

pub fn pair(key: u64) -> PreferencePair {
    PreferencePair {
        key: PairKey(key),
        caption: "a fox <|im_end|> jumps — twice".to_owned(),
        videos: [Arc::new(Grey), Arc::new(Grey)],
        truth: Some(TRUTH),
    }
}

pub fn answer(judgment: &str) -> String {
    format!("<Snapshot>grün</Snapshot>\n<Think>t</Think>\n<Answer>{judgment}</Answer>")
}

pub fn call(arguments: &str) -> String {
    format!(
        "<Snapshot>s</Snapshot>\n<Think>t</Think>\n<Recommend Answer>{RIGHT}, CF=2</Recommend Answer>\n\
         <tool_call>{{\"name\": \"select_frames\", \"arguments\": {arguments}}}</tool_call>"
    )
}

pub fn rules() -> Rules {
    Rules {
        initial_per_video: 1,
        ..Rules::default()
    }
}

/// The record of an episode that wrote these units.
pub fn record(key: u64, sample: u32, units: &[String], rules: &Rules) -> TraceRecord {
    let pair = pair(key);
    let mut episode = Episode::open(&pair, sample, rules);
    for text in units {
        let reply = Reply {
            text: text.clone(),
            cut: text.ends_with('…'),
            ..Reply::default()
        };
        episode.advance::<AllOps>(Ok(reply), &pair, rules);
    }
    TraceRecord::new(&episode, &pair, rules, Context::default()).unwrap()
}

/// The real program.
pub fn vrt(arguments: &[&str], folder: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vrt"));
    command
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap()
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}
