//! Pairs without pixels, units without a model, and a policy that does as it is told.

use std::sync::Arc;

use vrt_core::pair::{Frame, FrameOffset, PairKey, PreferencePair, Video, VideoError};
use vrt_core::policy::{Opening, Policy, PolicyError, Reply, Shown, Turn};
use vrt_core::sequence::Sequence;

struct Blank(u32);

impl Video for Blank {
    fn len(&self) -> u32 {
        self.0
    }

    fn frame(&self, _: FrameOffset) -> Result<Frame, VideoError> {
        Ok(Frame {
            width: 1,
            height: 1,
            rgb: Arc::new([0.0; 3]),
        })
    }
}

/// A pair of two videos of `frames` frames each.
pub fn pair(key: u64, frames: u32) -> PreferencePair {
    PreferencePair {
        key: PairKey(key),
        caption: "red ring".to_owned(),
        videos: [Arc::new(Blank(frames)), Arc::new(Blank(frames))],
        truth: None,
    }
}

/// A unit that answers.
pub fn answer() -> String {
    "<Snapshot>a ring</Snapshot>\n<Think>clear</Think>\n<Answer>TA=1, VQ=0, MQ=2, OA=1</Answer>"
        .to_owned()
}

/// A unit that calls `tool` with these frames.
pub fn call(tool: &str, frames: &str) -> String {
    format!(
        "<Snapshot>a ring</Snapshot>\n<Think>look closer</Think>\n\
         <Recommend Answer>TA=0, VQ=0, MQ=2, OA=2, CF=3</Recommend Answer>\n\
         <tool_call>{{\"name\": \"{tool}\", \"arguments\": {{\"target_frames\": [{frames}]}}}}</tool_call>"
    )
}

/// What a sample of [`Scripted`] does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Calls so often, then answers.
    Answers { calls: u8 },
    /// Calls so often, then writes something that is no unit.
    Rambles { calls: u8 },
    /// Calls so often, then is cut off.
    Breaks { calls: u8 },
    /// Calls so often, then asks for a frame that is not there.
    AsksBeyond { calls: u8 },
    /// Calls a tool that does not exist.
    Misnames,
    /// Calls for ever.
    NeverAnswers,
    /// Fails after so many calls.
    Fails { calls: u8 },
    /// Cannot look at the outcome of its first call.
    Blinks,
}

/// A policy whose samples do what a list says.
pub struct Scripted {
    /// The deed of a sample of a pair, by the pair's key and the sample's number.
    pub deeds: Vec<Vec<Deed>>,
}

/// One episode of [`Scripted`].
pub struct Acting {
    pair: PairKey,
    deed: Deed,
    replies: u8,
}

/// Tokens that every reply is said to have.
pub const TOKENS: u32 = 3;

impl Policy for Scripted {
    type State = Acting;
    type Sequence = Sequence;

    fn open(&self, openings: &[Opening<'_>]) -> Result<Vec<Acting>, PolicyError> {
        let one = |pair: PairKey, sample: u32| Acting {
            pair,
            deed: self.deeds[pair.0 as usize][sample as usize],
            replies: 0,
        };
        let samples = openings
            .iter()
            .flat_map(|o| (0..o.samples).map(move |sample| (o.pair.key, sample)));
        Ok(samples.map(|(pair, sample)| one(pair, sample)).collect())
    }

    fn reply(&self, turns: &mut [Turn<'_, Acting>]) -> Vec<Option<Result<Reply, PolicyError>>> {
        let each = turns.iter_mut();
        each.map(|turn| Some(turn.state.next())).collect()
    }

    fn observe(&self, shown: &mut [Shown<'_, Acting>]) -> Vec<Result<(), PolicyError>> {
        let look = |state: &Acting| match state.deed {
            Deed::Blinks => Err(PolicyError {
                pair: state.pair,
                reason: "blinked".to_owned(),
            }),
            _ => Ok(()),
        };
        shown.iter().map(|one| look(one.state)).collect()
    }

    fn sequence(&self, _: Acting) -> Option<Sequence> {
        None
    }
}

impl Acting {
    fn next(&mut self) -> Result<Reply, PolicyError> {
        let before = self.replies;
        self.replies += 1;
        let good = call("select_frames", &format!("{}, 7", before + 1));
        let last = |calls: u8, text: String| if before < calls { good.clone() } else { text };
        let (text, cut) = match self.deed {
            Deed::Answers { calls } => (last(calls, answer()), false),
            Deed::Rambles { calls } => (last(calls, "Sure!".to_owned()), false),
            Deed::Breaks { calls } => (last(calls, "<Snapshot>a ri".to_owned()), before >= calls),
            Deed::AsksBeyond { calls } => (last(calls, call("select_frames", "12, 400")), false),
            Deed::Misnames => (call("zoom", "1"), false),
            Deed::NeverAnswers | Deed::Blinks => (good, false),
            Deed::Fails { calls } if before >= calls => {
                return Err(PolicyError {
                    pair: self.pair,
                    reason: "the server is gone".to_owned(),
                });
            }
            Deed::Fails { .. } => (good, false),
        };
        Ok(Reply {
            text,
            tokens: TOKENS,
            cut,
            ..Reply::default()
        })
    }
}
