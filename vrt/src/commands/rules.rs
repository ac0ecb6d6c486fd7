//! In: options. Out: what every episode may do.

use clap::{Args, ValueEnum};
use vrt_core::episode::Rules;
use vrt_core::window::MemoryWindow;

/// What an episode may do. The defaults are the paper's
#[derive(Debug, Args)]
#[command(next_help_heading = "Episodes")]
pub struct RulesArgs {
    /// Frames of each video that are shown first
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub frames: u32,
    /// What its calls may do.
    #[command(flatten)]
    pub calls: CallArgs,
}

/// What the calls of an episode may do.
#[derive(Clone, Copy, Debug, Args)]
pub struct CallArgs {
    /// Tool calls an episode may make
    #[arg(long, value_name = "N", default_value_t = 3)]
    max_calls: u8,
    /// Frames a call may ask for
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=1024))]
    frames_a_call: u32,
    /// Outcomes of calls that stay in view
    #[arg(long, value_name = "P", default_value_t = 1)]
    window: u8,
    /// Faulty calls that are told to the judge, which may then write again
    #[arg(long, value_name = "N", default_value_t = 0)]
    retries: u8,
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

impl RulesArgs {
    /// The rules.
    pub fn rules(&self) -> Rules {
        Rules {
            initial_per_video: self.frames,
            ..self.calls.rules()
        }
    }
}

impl CallArgs {
    /// The rules, with the paper's number of initial frames.
    pub fn rules(&self) -> Rules {
        Rules {
            max_calls: self.max_calls,
            window: MemoryWindow::new(self.window),
            frames_a_call: self.frames_a_call,
            retries: self.retries,
            ..Rules::default()
        }
    }
}
