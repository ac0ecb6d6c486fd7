//! In: a pair and what was shown of it. Out: what an operation works on, and what bounds it.

use crate::episode::Rules;
use crate::pair::{FrameIndex, Pool, PreferencePair};
use crate::view::View;

use super::OpError;

/// What bounds every operation in one workspace; schemas and argument checks take their maxima from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The frames of both videos.
    pub pool: Pool,
    /// Most frames that one call may ask for.
    pub frames_a_call: u32,
    /// Visual tokens that one picture costs.
    pub frame_tokens: u32,
    /// Visual tokens that one outcome may cost, because the window would show no more; `None` is no bound.
    pub budget: Option<u32>,
    /// Outcomes so far, the forgotten ones included.
    pub outcomes: u32,
}

impl Limits {
    /// The largest number that a workspace decides and the tiny policy can spell.
    pub(super) const SPELLED: u32 = 16;

    /// The limits of a workspace with this pool under the default rules.
    pub fn new(pool: Pool) -> Self {
        Rules::default().limits(pool)
    }

    /// What this many pictures cost, in visual tokens.
    pub fn pictures(&self, number: usize) -> u32 {
        u32::try_from(number)
            .unwrap_or(u32::MAX)
            .saturating_mul(self.frame_tokens)
    }
}

/// An earlier outcome of the episode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Past<'a> {
    /// Its pictures.
    pub views: &'a [View],
    /// Whether the window still shows it.
    pub visible: bool,
}

/// All frames of both videos, `Ṽ`, and what was shown of them: what an operation works on.
pub struct Workspace<'a> {
    /// The pair that is judged.
    pub pair: &'a PreferencePair,
    /// What bounds the operations.
    pub limits: Limits,
    /// The outcomes so far, in order.
    pub past: &'a [Past<'a>],
}

impl<'a> Workspace<'a> {
    /// The workspace of a pair before the first call, under the default rules.
    pub fn new(pair: &'a PreferencePair) -> Self {
        Self::over(pair, &Rules::default(), &[])
    }

    /// The workspace of a pair under these rules, after these outcomes.
    pub fn over(pair: &'a PreferencePair, rules: &Rules, past: &'a [Past<'a>]) -> Self {
        Self {
            pair,
            limits: Limits {
                outcomes: past.len() as u32,
                ..rules.limits(pair.pool())
            },
            past,
        }
    }

    /// Checks that a frame is in the pool: for functions that are called with frames from elsewhere than a call.
    ///
    /// # Errors
    /// [`OpError::Refused`] in the name of `tool`.
    pub fn check(&self, tool: &'static str, frame: FrameIndex) -> Result<(), OpError> {
        match self.limits.pool.locate(frame) {
            Some(_) => Ok(()),
            None => Err(OpError::Refused {
                tool,
                what: format!(
                    "{frame} is beyond the pool of {} frames",
                    self.limits.pool.total()
                ),
                cure: "ask for a frame of the pool".to_owned(),
            }),
        }
    }
}

/// What an operation makes visible.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The evidence, in the order in which it is shown.
    pub views: Vec<View>,
}

impl Outcome {
    /// Frames as they are.
    pub fn of_frames(frames: impl IntoIterator<Item = FrameIndex>) -> Self {
        Self {
            views: frames.into_iter().map(View::Frame).collect(),
        }
    }

    /// What it costs, in visual tokens.
    pub fn cost(&self, frame_tokens: u32) -> u32 {
        u32::try_from(self.views.len())
            .unwrap_or(u32::MAX)
            .saturating_mul(frame_tokens)
    }
}
