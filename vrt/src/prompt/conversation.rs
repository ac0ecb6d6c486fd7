//! In: units and what came of them. Out: the messages of one episode, without the pictures that the window has dropped.
//!
//! What fetched pictures showed comes as a user's turn: published chat templates have no place for pictures in a tool's,
//! and so one form serves every server.

use vrt_core::episode::CallFault;
use vrt_core::op::Outcome;
use vrt_core::pair::{FrameIndex, PreferencePair};
use vrt_core::policy::Observation;
use vrt_core::view::View;
use vrt_core::window::visible;

use super::{Message, Part, Prompt, Role, plain};

const OPEN: &str = "<tool_response>\n";
const CLOSE: &str = "</tool_response>";
const LAST: &str = "\nNo further call is possible: answer now.";

/// The messages of one episode so far.
#[derive(Clone, Debug)]
pub struct Conversation {
    system: String,
    query: Vec<Part>,
    turns: Vec<Exchange>,
    /// Outcomes shown so far.
    outcomes: u8,
    /// The oldest outcome that is visible.
    oldest: u8,
}

/// A unit and what came of it.
#[derive(Clone, Debug)]
struct Exchange {
    unit: String,
    answer: Option<Answer>,
    /// Whether the user's turn says that no call is left.
    last: bool,
}

#[derive(Clone, Debug)]
enum Answer {
    Outcome { number: u8, views: Vec<View> },
    Fault(String),
}

impl Conversation {
    /// The conversation before the first unit.
    pub fn open(prompt: &Prompt, pair: &PreferencePair, initial: &[FrameIndex]) -> Self {
        Self {
            system: prompt.system(pair.pool()),
            query: prompt.query(pair, initial),
            turns: Vec::new(),
            outcomes: 0,
            oldest: 1,
        }
    }

    /// Units so far.
    pub fn units(&self) -> u32 {
        self.turns.len() as u32
    }

    /// Adds what the judge wrote.
    pub fn write(&mut self, unit: &str) {
        self.turns.push(Exchange {
            unit: plain(unit),
            answer: None,
            last: false,
        });
    }

    /// Adds what the calls of the last unit brought; outcomes before `oldest` are forgotten.
    fn show(&mut self, outcome: &Outcome, oldest: u8) {
        self.outcomes = self.outcomes.saturating_add(1);
        self.oldest = oldest;
        self.answer(Answer::Outcome {
            number: self.outcomes,
            views: outcome.views.clone(),
        });
    }

    /// Adds why the calls of the last unit were not carried out.
    fn refuse(&mut self, fault: &CallFault) {
        self.answer(Answer::Fault(plain(&fault.to_string())));
    }

    /// Adds what came of the last unit's calls. Its pictures are drawn when they are asked about.
    pub fn observe(&mut self, observation: Observation<'_>) {
        match observation {
            Observation::Outcome { outcome, oldest } => self.show(outcome, oldest),
            Observation::Fault(fault) => self.refuse(fault),
        }
    }

    /// Says that no call is left. The words stay where they were first said, so that the messages of a later turn begin
    /// with those of this one.
    pub fn demand_answer(&mut self) {
        if let Some(turn) = self.turns.last_mut() {
            turn.last = true;
        }
    }

    fn answer(&mut self, answer: Answer) {
        if let Some(turn) = self.turns.last_mut() {
            turn.answer = Some(answer);
        }
    }

    /// The messages, beginning with the system's.
    pub fn messages(&self) -> Vec<Message> {
        let mut messages = vec![
            Message {
                role: Role::System,
                parts: vec![Part::Text(self.system.clone())],
            },
            Message {
                role: Role::User,
                parts: self.query.clone(),
            },
        ];
        for turn in &self.turns {
            messages.push(Message {
                role: Role::Assistant,
                parts: vec![Part::Text(turn.unit.clone())],
            });
            if let Some(answer) = &turn.answer {
                messages.push(Message {
                    role: Role::User,
                    parts: self.told(answer, turn.last),
                });
            }
        }
        messages
    }

    fn told(&self, answer: &Answer, last: bool) -> Vec<Part> {
        let mut text = OPEN.to_owned();
        let mut parts = Vec::new();
        match answer {
            Answer::Outcome { number, views } if visible(*number, self.oldest) => {
                for view in views {
                    text += &format!("{}: ", title(*view));
                    parts.push(Part::Text(std::mem::take(&mut text)));
                    parts.push(Part::Picture(*view));
                    text.push('\n');
                }
            }
            Answer::Outcome { views, .. } => {
                let titles: Vec<String> = views.iter().map(|view| title(*view)).collect();
                text += &format!("No longer in view: {}.\n", titles.join(", "));
            }
            Answer::Fault(fault) => {
                text += fault;
                text.push('\n');
            }
        }
        text += CLOSE;
        if last {
            text += LAST;
        }
        parts.push(Part::Text(text));
        parts
    }
}

/// What a picture is called.
fn title(view: View) -> String {
    match view {
        View::Frame(frame) => format!("Frame {frame}"),
        View::Drawn(drawn) => format!("Picture {drawn}"),
    }
}
