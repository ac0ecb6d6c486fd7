//! In: an experiment's settings. Out: what every episode of a run may do, and what a faulty call leads to.

use serde::{Deserialize, Serialize};

use crate::op::Limits;
use crate::pair::Pool;
use crate::window::MemoryWindow;

/// What holds for every episode of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rules {
    /// Frames of each video that are shown first: `N_in / 2`.
    pub initial_per_video: u32,
    /// Calls an episode may make; the unit after the last one must answer.
    pub max_calls: u8,
    /// Which outcomes stay visible.
    pub window: MemoryWindow,
    /// Most frames that one call may ask for.
    pub frames_a_call: u32,
    /// Visual tokens that one picture costs.
    pub frame_tokens: u32,
    /// What several calls in one unit lead to.
    pub several: SeveralCalls,
    /// Faulty calls that are told to the policy, which then writes another unit; one more ends the episode.
    pub retries: u8,
}

/// What several calls in one unit lead to. The paper makes one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeveralCalls {
    /// The unit is faulty: [`super::CallFault::Several`].
    #[default]
    Refuse,
    /// The first one is carried out; the ledger counts the others as passed over.
    First,
    /// All are carried out, in order; their pictures are one outcome. One faulty call makes the unit faulty.
    All,
}

impl Default for Rules {
    /// The paper's: 4 + 4 frames, 3 calls of up to 8 frames, p = 1, one call a unit. A faulty call ends the episode.
    fn default() -> Self {
        Self {
            initial_per_video: 4,
            max_calls: 3,
            window: MemoryWindow::default(),
            frames_a_call: 8,
            frame_tokens: 1,
            several: SeveralCalls::Refuse,
            retries: 0,
        }
    }
}

impl Rules {
    /// What bounds the operations on a pair of this pool before the first call.
    pub fn limits(&self, pool: Pool) -> Limits {
        Limits {
            pool,
            frames_a_call: self.frames_a_call,
            frame_tokens: self.frame_tokens,
            budget: self.window.budget,
            outcomes: 0,
        }
    }
}
