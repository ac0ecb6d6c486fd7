//! In: real videos, real models, real benchmark files. Out: judgments. The adapters around `vrt_core`, and its command line.

pub mod checkpoint;
pub mod clock;
pub mod commands;
pub mod data;
pub mod prompt;
pub mod server;
pub mod video;
