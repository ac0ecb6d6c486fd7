//! In: when evidence was fetched and when it is looked for. Out: whether it is still visible.
//!
//! The paper's windowed memory of width `p`: the initial frames and every text unit stay, of the
//! fetched evidence only the newest `p` outcomes. (As printed the paper keeps `p + 1`; its token
//! formula and the authors' code keep `p`, and so do we.)

use serde::{Deserialize, Serialize};

/// How many of the newest tool outcomes stay visible: the paper's `p`, by default 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MemoryWindow {
    /// Outcomes that stay. 0 hides every outcome: the control arm.
    pub width: u8,
}

impl Default for MemoryWindow {
    fn default() -> Self {
        Self { width: 1 }
    }
}

impl MemoryWindow {
    /// Whether a position tagged `evidence` can be seen from a position in round `round`.
    ///
    /// `evidence` is 0 for text and initial frames, `c` for a frame of the c-th outcome; `round` is
    /// the number of outcomes that came before the looking position (an outcome's own positions count
    /// it). Training, decoding and the episode loop all ask this one function.
    #[inline]
    pub fn shows(self, evidence: u8, round: u8) -> bool {
        evidence == 0 || u16::from(evidence) + u16::from(self.width) > u16::from(round)
    }
}
