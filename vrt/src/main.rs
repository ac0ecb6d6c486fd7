//! `vrt`: see `vrt --help`.

use std::env;
use std::io::stdout;
use std::process::ExitCode;

use vrt::cli;

fn main() -> ExitCode {
    let exit = cli::run(env::args_os().skip(1), &mut stdout());
    ExitCode::from(exit as u8)
}
