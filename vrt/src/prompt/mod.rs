//! In: a pair, the operations, the rules. Out: what a language model is asked, message by message.
//!
//! Servers and checkpoints are asked alike: [`Prompt`] has the words, [`Conversation`] the messages of one episode.
//! Pictures stand in them as [`View`]s; whoever sends the messages draws them.

mod conversation;
mod dimensions;

use std::fmt::Write;

use vrt_core::episode::{Rules, SeveralCalls};
use vrt_core::op::{Limits, OpSet, OpSpec};
use vrt_core::pair::{Dimension, FrameIndex, Pool, PreferencePair, Side};
use vrt_core::view::View;

pub use conversation::Conversation;
pub use dimensions::{DimensionWording, MJ_BENCH_VIDEO, RAPIDATA, VIDEO_GEN_REWARD};

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The rules of the conversation.
    System,
    /// The question, and what came of calls.
    User,
    /// The judge.
    Assistant,
}

impl Role {
    /// Its name in chat templates and in the protocol of servers.
    pub fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}

/// A piece of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Text.
    Text(String),
    /// A picture.
    Picture(View),
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said, in order.
    pub parts: Vec<Part>,
}

/// The words with which every pair of a run is asked about.
#[derive(Clone, Debug)]
pub struct Prompt {
    tools: fn(&Limits) -> Vec<OpSpec>,
    rules: Rules,
    dimensions: [DimensionWording; 3],
}

impl Prompt {
    /// The prompt that offers the operations of a set under these rules, and names the three dimensions.
    pub fn of<O: OpSet>(rules: &Rules, dimensions: &[DimensionWording; 3]) -> Self {
        Self {
            tools: O::specs,
            rules: *rules,
            dimensions: dimensions.clone(),
        }
    }

    /// The operations as they are offered for a pair of this pool. The list stands in the prompt once and for all, so
    /// that it may name as many earlier outcomes as there can be.
    pub fn tools(&self, pool: Pool) -> Vec<OpSpec> {
        let mut limits = self.rules.limits(pool);
        limits.outcomes = u32::from(self.rules.max_calls).saturating_sub(1);
        (self.tools)(&limits)
    }

    /// The system message: who judges, and the tools in the Qwen / Nous format.
    pub fn system(&self, pool: Pool) -> String {
        let mut text = String::from(
            "You are a careful judge of generated videos. You see a few frames of two videos, reason about them, and \
             say which video is better.",
        );
        let tools = self.tools(pool);
        if self.rules.max_calls == 0 || tools.is_empty() {
            return text;
        }
        text += "\n\n# Tools\n\nThe signatures of the functions that you may call stand between <tools> and </tools>:\n<tools>\n";
        for tool in &tools {
            text += &tool.signature;
            text.push('\n');
        }
        text += "</tools>\n\nA call is a JSON object with the function's name and its arguments between <tool_call> and \
                 </tool_call>:\n<tool_call>{\"name\": <name>, \"arguments\": <object>}</tool_call>";
        text
    }

    /// The question: the paper's sections in the paper's order, with the initial frames.
    pub fn query(&self, pair: &PreferencePair, initial: &[FrameIndex]) -> Vec<Part> {
        let pool = pair.pool();
        let mut text = String::from(
            "Two videos were generated from one caption. Judge which of them is better, in three dimensions and \
             overall.\n\n## Frames\n",
        );
        let mut parts = Vec::with_capacity(2 * initial.len() + 2);
        for (side, name) in Side::BOTH.into_iter().zip(["Video 1", "Video 2"]) {
            let (before, len) = match side {
                Side::First => (0, pool.len(side)),
                Side::Second => (pool.len(Side::First), pool.len(side)),
            };
            let (first, last) = (before + 1, before + len);
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{name} is frames {first} to {last} of the pool.");
            let own = initial
                .iter()
                .filter(|frame| (first..=last).contains(&frame.get()));
            for frame in own {
                let _ = write!(text, "Frame {frame}: ");
                parts.push(Part::Text(std::mem::take(&mut text)));
                parts.push(Part::Picture(View::Frame(*frame)));
                text.push('\n');
            }
        }
        let _ = write!(
            text,
            "\n## Caption\n{}\n\n## Dimensions\n",
            plain(&pair.caption)
        );
        for (dimension, wording) in Dimension::ALL.into_iter().zip(&self.dimensions) {
            let DimensionWording { name, explanation } = wording;
            let _ = writeln!(text, "- {} ({name}): {explanation}", dimension.key());
        }
        self.frame_rule(&mut text, pool, initial.len());
        self.format_rule(&mut text);
        parts.push(Part::Text(text));
        parts
    }

    fn frame_rule(&self, text: &mut String, pool: Pool, shown: usize) {
        let Rules {
            max_calls,
            frames_a_call,
            ..
        } = self.rules;
        let total = pool.total();
        let _ = write!(
            text,
            "\n## Looking\nThe {shown} frames above were sampled evenly from {total}; what is brief may lie between them. "
        );
        if max_calls == 0 {
            text.push_str("No other frame can be seen.\n");
            return;
        }
        let each = match self.rules.several {
            SeveralCalls::All => "",
            SeveralCalls::Refuse | SeveralCalls::First => " one in a turn,",
        };
        let _ = writeln!(
            text,
            "With a tool call you see others: at most {max_calls} calls,{each} at most {frames_a_call} frames a call. \
             Pictures of earlier calls disappear when newer ones come, so write down what you saw."
        );
    }

    fn format_rule(&self, text: &mut String) {
        text.push_str(
            "\n## Format\nIn every turn write\n<Snapshot>what the frames in view show, frame by frame</Snapshot>\n\
             <Think>your reasoning</Think>\n",
        );
        if self.rules.max_calls > 0 {
            text.push_str(
                "and then, if you need other frames, what you would answer now and one tool call\n\
                 <Recommend Answer>TA=0, VQ=1, MQ=0, OA=1, CF=2</Recommend Answer>\n\
                 <tool_call>…</tool_call>\nor else your answer\n",
            );
        } else {
            text.push_str("and then your answer\n");
        }
        text.push_str(
            "<Answer>TA=1, VQ=1, MQ=0, OA=1, CF=1</Answer>\n1 means that video 1 is better, 2 that video 2 is better, \
             0 that neither is. OA is the overall preference. CF is your confidence: 1 high, 2 middle, 3 low.",
        );
    }
}

/// Text from outside that no chat template and no server takes for a token of its own.
fn plain(text: &str) -> String {
    text.replace("<|", "< |").replace("<__", "< __")
}
