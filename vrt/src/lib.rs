//! In: real videos, real models, real benchmark files. Out: what `vrt_core` judges. Its adapters.

pub mod checkpoint;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod data;
pub mod eval;
pub mod judging;
mod processors;
pub mod prompt;
pub mod rewards;
pub mod server;
pub mod tiny;
pub mod traces;
pub mod train;
pub mod video;
