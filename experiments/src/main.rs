//! `cargo run -p experiments -- fig3`: see `--help`.

use std::env;
use std::io::stdout;
use std::process::{ExitCode, exit};

use experiments::cli::{self, Exit};
use experiments::memory;
use experiments::stage::Cancel;
use experiments::stages::MAKERS;

/// Training allocates and frees the same large buffers at every step; the system's allocator gives them back in
/// between and pays for each page again, an eighth of a GRPO step's time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    memory::keep_pages();
    let cancel = Cancel::default();
    let asked = cancel.clone();
    let handler = ctrlc::set_handler(move || {
        // Twice means now: what was finished is safe, the running stage restarts from its checkpoint.
        if asked.requested() {
            exit(i32::from(Exit::Interrupted as u8));
        }
        asked.request();
        eprintln!("stopping at the next safe point; press Ctrl-C again to stop at once");
    });
    if let Err(error) = handler {
        eprintln!("warning: Ctrl-C will stop at once: {error}");
    }
    let root = cli::workspace_root();
    let exit = cli::run(
        &root,
        MAKERS,
        env::args_os().skip(1),
        &cancel,
        &mut stdout(),
    );
    ExitCode::from(exit as u8)
}
