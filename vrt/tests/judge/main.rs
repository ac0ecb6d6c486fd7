//! `vrt judge`, `vrt ops` and `vrt completions`: the program itself, asked by a person and by a program.

mod both_orders;
#[path = "../eval/clips.rs"]
#[expect(dead_code, reason = "the evaluation's tests make whole benchmarks")]
mod clips;
mod command;
mod exits;
mod hostile;
mod play;
#[path = "../server/scripted.rs"]
#[expect(
    dead_code,
    reason = "the server's own tests kill it, restart it and count its load"
)]
mod scripted;
mod support;
mod tiny;
mod told;
