//! In: files of traces, a record a line. Out: the traces that are fit to learn from, and the form other trainers read.
//!
//! [`filter`] keeps traces by the paper's rejection rules, [`export`] writes chat messages with pictures and loss spans.
//! Files are not trusted: what a record claims is held against the text of its units.

mod chat;
mod export;
mod filter;
mod judged;
mod lines;
mod pictures;
mod replay;

pub use chat::{ChatMessage, ChatPart, Example, LossSpan};
pub use export::{ExportError, ExportLedger, ExportOptions, Layout, Tools, export};
pub use filter::{Fate, FilterError, FilterLedger, FilterOptions, filter};
pub use judged::{Inconsistency, Said, judged, judged_record};
pub use lines::{BadLine, LineFault, Lines};
pub use pictures::{PicturePlace, Pictures};
pub use replay::{ReplayError, Told, replay, reply, retell};
