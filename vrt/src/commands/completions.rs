//! `vrt completions`: what a shell offers when Tab is pressed.

use std::io::Write;

use clap::{Args, Command};
use clap_complete::{Shell, generate};

use crate::cli::{Exit, Failure, say};

const AFTER: &str = "\
Examples:
  vrt completions bash > ~/.local/share/bash-completion/completions/vrt
  vrt completions zsh > ~/.zfunc/_vrt
  vrt completions fish > ~/.config/fish/completions/vrt.fish";

/// Prints a shell's completions for this program
#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Runs the command; `program` is the whole command line.
///
/// # Errors
/// [`Failure`] if the text cannot be printed.
pub fn run(
    arguments: &CompletionsArgs,
    mut program: Command,
    out: &mut dyn Write,
) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    generate(arguments.shell, &mut program, "vrt", &mut script);
    say(out, &String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}
