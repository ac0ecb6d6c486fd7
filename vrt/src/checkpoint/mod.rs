//! In: a Qwen2.5-VL checkpoint's folder. Out: a policy whose units this process writes.
//!
//! It is asked with the words, and the pictures, that a server is asked with: [`crate::prompt`].

mod actor;
mod gallery;
mod outline;
mod policy;
mod reader;

pub use actor::CheckpointActor;
pub use gallery::Gallery;
pub use outline::outline;
pub use policy::{CheckpointOptions, CheckpointPolicy, CheckpointState};
pub use reader::{AskError, OpenError, Reader, Unit};
