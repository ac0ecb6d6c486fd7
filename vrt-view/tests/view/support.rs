//! Pairs of flat colours, and an episode that plays a script.

use std::sync::Arc;

use vrt_core::episode::{Episode, Rules};
use vrt_core::op::AllOps;
use vrt_core::pair::{Frame, FrameOffset, PairKey, Preference, PreferencePair, Verdict};
use vrt_core::pair::{Video, VideoError};
use vrt_core::policy::Reply;
use vrt_view::{Context, TraceRecord};

/// A video whose frames are flat; frame `broken` cannot be produced.
pub struct Flat {
    pub frames: u32,
    pub broken: Option<u32>,
}

impl Video for Flat {
    fn len(&self) -> u32 {
        self.frames
    }

    fn frame(&self, offset: FrameOffset) -> Result<Frame, VideoError> {
        if Some(offset.0) == self.broken {
            return Err(VideoError {
                video: "flat.mp4".to_owned(),
                offset,
                reason: "torn".to_owned(),
            });
        }
        Ok(Frame {
            width: 4,
            height: 4,
            rgb: Arc::from(vec![offset.0 as f32 / self.frames as f32; 48]),
        })
    }
}

/// Two videos of `frames` frames.
pub fn pair(frames: u32) -> PreferencePair {
    let video = || -> Arc<dyn Video> {
        Arc::new(Flat {
            frames,
            broken: None,
        })
    };
    PreferencePair {
        key: PairKey(0x0300_0000_0000_0007),
        caption: "a red ring".to_owned(),
        videos: [video(), video()],
        truth: Some(Verdict {
            dimensions: [Preference::First, Preference::Tie, Preference::Second],
            overall: Preference::First,
        }),
    }
}

/// A unit that asks for evidence with this call.
pub fn asks(name: &str, arguments: &str) -> String {
    format!(
        "<Snapshot>a ring</Snapshot>\n<Think>look closer</Think>\n\
         <Recommend Answer>TA=0, VQ=0, MQ=2, OA=2, CF=3</Recommend Answer>\n\
         <tool_call>{{\"name\": \"{name}\", \"arguments\": {arguments}}}</tool_call>"
    )
}

/// A unit that answers.
pub fn answers() -> String {
    "<Snapshot>a ring</Snapshot>\n<Think>clear</Think>\n<Answer>TA=1, VQ=0, MQ=2, OA=1, CF=1</Answer>"
        .to_owned()
}

/// The episode of a policy that writes these units.
pub fn played(pair: &PreferencePair, rules: &Rules, units: &[String]) -> Episode {
    let mut episode = Episode::open(pair, 2, rules);
    for text in units {
        let reply = Reply {
            text: text.clone(),
            tokens: 9,
            ..Reply::default()
        };
        episode.advance::<AllOps>(Ok(reply), pair, rules);
    }
    episode
}

/// An episode of two calls and an answer, as a record.
pub fn looked_twice() -> TraceRecord {
    let (pair, rules) = (pair(24), Rules::default());
    let units = [
        asks("select_frames", r#"{"target_frames": [10, 11, 12]}"#),
        asks(
            "zoom_in",
            r#"{"frame": 30, "left": 0, "top": 0, "right": 500, "bottom": 500}"#,
        ),
        answers(),
    ];
    let episode = played(&pair, &rules, &units);
    TraceRecord::new(&episode, &pair, &rules, Context::default()).unwrap()
}
