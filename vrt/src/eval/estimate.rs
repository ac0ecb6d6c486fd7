//! In: cases, rules, the size at which pictures are sent. Out: what judging them asks for, at least and at most.

use serde::Serialize;
use vrt_checkpoint::smart_resize::smart_resize;
use vrt_core::episode::Rules;
use vrt_core::pair::Pool;

use super::case::{Case, Show};
use super::table::grouped;
use crate::video::Info;

/// Pixels on a side of a visual token of Qwen2.5-VL.
const TOKEN_SIDE: u32 = 28;

/// At least, if every judge answers at once, and at most, if each makes all the calls that it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Range {
    /// At least.
    pub least: u64,
    /// At most.
    pub most: u64,
}

/// What an evaluation costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Estimate {
    /// Episodes.
    pub episodes: u64,
    /// Those that an earlier run has ended.
    pub ended: u64,
    /// Units that the judge is asked for in the others.
    pub requests: Range,
    /// Visual tokens in their prompts together.
    pub visual_tokens: Range,
}

impl Estimate {
    /// The cost of these runs over the cases; `ended` says whether an episode is in a journal, `pixels` are the fewest and
    /// most of a picture.
    pub fn of(
        cases: &[Case],
        shows: &[Show],
        rules: &Rules,
        pixels: [u64; 2],
        ended: impl Fn(Show, &Case) -> bool,
    ) -> Self {
        let none = Range { least: 0, most: 0 };
        let mut sum = Self {
            episodes: 0,
            ended: 0,
            requests: none,
            visual_tokens: none,
        };
        for &show in shows {
            for case in cases {
                sum.episodes += 1;
                if ended(show, case) {
                    sum.ended += 1;
                    continue;
                }
                let requests = 1 + u64::from(rules.max_calls);
                sum.requests.least += 1;
                sum.requests.most += requests;
                let costs = case.videos.each_ref().map(|video| tokens(video, pixels));
                let pool = Pool::new(case.videos[0].frames, case.videos[1].frames);
                let initial: u64 = (pool.evenly(rules.initial_per_video).iter())
                    .filter_map(|frame| pool.locate(*frame))
                    .map(|(side, _)| costs[side as usize])
                    .sum();
                // The window keeps the newest outcomes, in every prompt after the first.
                let kept: u64 = (1..requests)
                    .map(|calls| calls.min(u64::from(rules.window.width)))
                    .sum();
                let fetched = u64::from(rules.frames_a_call) * costs[0].max(costs[1]);
                sum.visual_tokens.least += initial;
                sum.visual_tokens.most += initial * requests + fetched * kept;
            }
        }
        sum
    }

    /// The estimate as a person reads it.
    pub fn text(&self) -> String {
        let Self {
            episodes,
            ended,
            requests,
            visual_tokens,
        } = self;
        let range = |range: &Range| format!("{} to {}", grouped(range.least), grouped(range.most));
        format!(
            "cost      {} episodes, {} of them ended before; {} requests with {} visual tokens in their prompts\n",
            grouped(*episodes),
            grouped(*ended),
            range(requests),
            range(visual_tokens)
        )
    }
}

/// Visual tokens of one frame; a video that no size fits has none, and fails when it is judged.
fn tokens(video: &Info, pixels: [u64; 2]) -> u64 {
    let size = smart_resize([video.height, video.width], TOKEN_SIDE, pixels);
    size.map_or(0, |[height, width]| {
        u64::from(height / TOKEN_SIDE) * u64::from(width / TOKEN_SIDE)
    })
}
