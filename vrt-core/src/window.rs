//! In: what outcomes cost, in the order in which they came. Out: which of them are still visible.
//!
//! The paper's windowed memory of width `p`: the initial frames and every text unit stay, of the
//! fetched evidence only the newest `p` outcomes. (As printed the paper keeps `p + 1`; its token
//! formula and the authors' code keep `p`, and so do we.) A budget bounds their visual tokens as well.

use serde::{Deserialize, Serialize};

/// How much of the fetched evidence stays visible.
///
/// Written as a number, the paper's `p`, or as `{ width = 2, budget = 12 }`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub struct MemoryWindow {
    /// The newest outcomes that stay: the paper's `p`. 0 hides every outcome: the control arm.
    pub width: u8,
    /// Visual tokens that the visible outcomes may cost together; `None` is no bound.
    pub budget: Option<u32>,
}

impl Default for MemoryWindow {
    fn default() -> Self {
        Self::new(1)
    }
}

impl MemoryWindow {
    /// The newest `width` outcomes, whatever they cost.
    pub const fn new(width: u8) -> Self {
        Self {
            width,
            budget: None,
        }
    }

    /// The number (from 1) of the oldest outcome that is visible after outcomes of these costs, in visual
    /// tokens; one beyond the last if none is.
    ///
    /// Every row of a sequence carries this number from the moment it is written, so training, decoding and the
    /// episode loop cannot disagree. It never falls while outcomes are added: what was forgotten stays forgotten.
    pub fn oldest(self, costs: &[u32]) -> u8 {
        let mut left = u64::from(self.budget.unwrap_or(u32::MAX));
        let kept = costs
            .iter()
            .rev()
            .take(usize::from(self.width))
            .take_while(|&&cost| {
                let fits = u64::from(cost) <= left;
                left = left.saturating_sub(u64::from(cost));
                fits
            })
            .count();
        u8::try_from(costs.len() - kept + 1).unwrap_or(u8::MAX)
    }
}

/// Whether a position tagged `evidence` can be seen from a position whose oldest visible outcome is `oldest`.
///
/// `evidence` is 0 for text and initial frames, `c` for a picture of the c-th outcome.
#[inline]
pub fn visible(evidence: u8, oldest: u8) -> bool {
    evidence == 0 || evidence >= oldest
}

/// A window as a file states it.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Width(u8),
    Both(Bounds),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bounds {
    width: u8,
    budget: u32,
}

impl From<Written> for MemoryWindow {
    fn from(written: Written) -> Self {
        match written {
            Written::Width(width) => Self::new(width),
            Written::Both(Bounds { width, budget }) => Self {
                width,
                budget: Some(budget),
            },
        }
    }
}

impl From<MemoryWindow> for Written {
    fn from(window: MemoryWindow) -> Self {
        let MemoryWindow { width, budget } = window;
        match budget {
            None => Self::Width(width),
            Some(budget) => Self::Both(Bounds { width, budget }),
        }
    }
}
