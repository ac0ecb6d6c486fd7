//! A benchmark from its file to its report: what is left out, what is swapped, what is scored, what a killed run leaves.

mod clips;
mod command;
mod flow;
mod resume;
#[path = "../server/scripted.rs"]
#[expect(
    dead_code,
    reason = "the server's own tests kill it, restart it and count its load"
)]
mod scripted;
mod served;
mod survey;
