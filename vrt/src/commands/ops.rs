//! `vrt ops`: what a judge is told of its tools.

use std::io::Write;

use clap::Args;
use serde::Serialize;
use vrt_core::episode::Rules;
use vrt_core::op::{AllOps, PaperOps};
use vrt_core::pair::Pool;

use super::rules::{RulesArgs, Tools};
use crate::cli::{Exit, Failure, say};
use crate::prompt::{Prompt, VIDEO_GEN_REWARD};

const AFTER: &str = "\
Examples:
  vrt ops                            the paper's tool, as a model is offered it
  vrt ops --tools all                every operation of the library
  vrt ops --lengths 132 131 --json   for two videos of these lengths, for programs

The bounds in the schemas follow from the videos' lengths and from the rules: a frame number that does not exist, or
too many of them, is refused by the same declaration.";

/// Prints the operations: schemas, the tool list as the model sees it, and the system prompt
#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub struct OpsArgs {
    /// Which operations
    #[arg(long, value_enum, value_name = "SET", default_value_t)]
    tools: Tools,
    /// Frames of video 1 and of video 2
    #[arg(long, num_args = 2, value_names = ["N", "M"], default_values_t = [64, 64],
        value_parser = clap::value_parser!(u32).range(1..=1_000_000_000))]
    lengths: Vec<u32>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    rules: RulesArgs,
}

/// What a judge is told.
#[derive(Serialize)]
struct Offer {
    /// Frames of both videos.
    lengths: [u32; 2],
    rules: Rules,
    operations: Vec<Operation>,
    system_prompt: String,
}

#[derive(Serialize)]
struct Operation {
    name: &'static str,
    description: &'static str,
    /// Of the arguments, draft 2020-12.
    schema: serde_json::Value,
    /// The line that the model sees.
    signature: String,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`] if the text cannot be printed.
pub fn run(arguments: &OpsArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    let rules = arguments.rules.over(Rules::default());
    let prompt = match arguments.tools {
        Tools::Paper => Prompt::of::<PaperOps>(&rules, &VIDEO_GEN_REWARD),
        Tools::All => Prompt::of::<AllOps>(&rules, &VIDEO_GEN_REWARD),
    };
    let length = |video: usize| arguments.lengths.get(video).copied().unwrap_or(1);
    let lengths = [length(0), length(1)];
    let pool = Pool::new(lengths[0], lengths[1]);
    let tools = prompt.tools(pool).into_iter();
    let offer = Offer {
        lengths,
        rules,
        operations: tools
            .map(|tool| Operation {
                name: tool.name,
                description: tool.doc,
                schema: tool.schema,
                signature: tool.signature,
            })
            .collect(),
        system_prompt: prompt.system(pool),
    };
    let text = match arguments.json {
        true => pretty(&offer)? + "\n",
        false => offer.text()?,
    };
    say(out, &text)?;
    Ok(Exit::Done)
}

impl Offer {
    fn text(&self) -> Result<String, Failure> {
        let mut text = "Schemas\n\n".to_owned();
        for operation in &self.operations {
            let Operation {
                name, description, ..
            } = operation;
            text += &format!("{name}: {description}\n{}\n\n", pretty(&operation.schema)?);
        }
        text += "Tool list, as the model sees it\n\n";
        for operation in &self.operations {
            text += &operation.signature;
            text.push('\n');
        }
        text += &format!("\nSystem prompt\n\n{}\n", self.system_prompt);
        Ok(text)
    }
}

fn pretty(value: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string_pretty(value).map_err(|error| Failure::new(Exit::Storage, error))
}
