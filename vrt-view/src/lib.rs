//! In: episodes. Out: trace records, one JSON line each, and one self-contained page to look through them.
//!
//! [`TraceRecord::new`] makes a record of an episode, [`jsonl`] writes and reads files of them, [`page`] makes the page.

pub mod jsonl;
mod judgment;
mod page;
mod picture;
mod record;
mod reward;
mod round;

pub use judgment::JudgmentRecord;
pub use page::page;
pub use picture::{LONGEST_SIDE, PictureError, data_uri};
pub use record::{Context, Pictures, RecordError, StopRecord, TraceRecord, VideoName, VideoRecord};
pub use reward::{Advantage, RewardRecord, TermRecord};
pub use round::{CallRecord, FaultRecord, RoundRecord, UnitRecord, ViewRecord, WindowRecord};
