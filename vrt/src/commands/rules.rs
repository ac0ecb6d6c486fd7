//! In: options. Out: what every episode may do.

use clap::{Args, ValueEnum};
use vrt_core::episode::Rules;
use vrt_core::op::Offered;
use vrt_core::window::MemoryWindow;

/// What an episode may do. The defaults are the paper's; a tiny policy brings its own
#[derive(Debug, Args)]
#[command(next_help_heading = "Episodes")]
pub struct RulesArgs {
    /// Frames of each video that are shown first [default: 4]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    frames: Option<u32>,
    /// What its calls may do.
    #[command(flatten)]
    calls: CallArgs,
}

/// What the calls of an episode may do.
#[derive(Clone, Copy, Debug, Args)]
pub struct CallArgs {
    /// Tool calls an episode may make [default: 3]
    #[arg(long, value_name = "N")]
    max_calls: Option<u8>,
    /// Frames a call may ask for [default: 8]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    frames_a_call: Option<u32>,
    /// Outcomes of calls that stay in view [default: 1]
    #[arg(long, value_name = "P")]
    window: Option<u8>,
    /// Faulty calls that are told to the judge, which may then write again [default: 0]
    #[arg(long, value_name = "N")]
    retries: Option<u8>,
}

/// Operations that are offered to a judge.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub enum Tools {
    /// The paper's: select_frames
    #[default]
    Paper,
    /// The library's: select_frames, zoom_in, frame_difference, sample_range, recall
    All,
}

impl From<Tools> for Offered {
    fn from(tools: Tools) -> Self {
        match tools {
            Tools::Paper => Self::Paper,
            Tools::All => Self::All,
        }
    }
}

impl RulesArgs {
    /// The rules that are given; the others as they were.
    pub fn over(&self, rules: Rules) -> Rules {
        Rules {
            initial_per_video: self.frames.unwrap_or(rules.initial_per_video),
            ..self.calls.over(rules)
        }
    }
}

impl CallArgs {
    /// The rules that are given; the others as they were.
    pub fn over(&self, rules: Rules) -> Rules {
        Rules {
            max_calls: self.max_calls.unwrap_or(rules.max_calls),
            window: self.window.map_or(rules.window, MemoryWindow::new),
            frames_a_call: self.frames_a_call.unwrap_or(rules.frames_a_call),
            retries: self.retries.unwrap_or(rules.retries),
            ..rules
        }
    }
}
