//! In: a file of traces. Out: chat messages with pictures and loss spans, a JSON line an example.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use serde::Serialize;
use vrt_core::episode::Rules;
use vrt_core::op::{AllOps, PaperOps};
use vrt_core::window::MemoryWindow;
use vrt_train::atomic::{FileError, Pending};
use vrt_view::TraceRecord;

use super::chat::{ChatMessage, ChatPart, Example, LossSpan};
use super::lines::{BadLine, LineFault, Lines};
use super::pictures::{PicturePlace, Pictures};
use super::replay::{Told, replay};
use crate::prompt::{DimensionWording, Message, Part, Role};

/// What one line holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// One unit in the messages that the judge saw when it wrote it: what the window had dropped is dropped.
    #[default]
    Unit,
    /// A whole episode; every picture stays in view.
    Episode,
}

/// The operations that the system's message offers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tools {
    /// The paper's `select_frames`.
    #[default]
    Paper,
    /// The library's others as well.
    All,
}

/// How traces are exported.
#[derive(Clone, Debug)]
pub struct ExportOptions {
    /// What one line holds.
    pub layout: Layout,
    /// Where pictures go.
    pub pictures: PicturePlace,
    /// The operations that the traces were judged with.
    pub tools: Tools,
    /// The rules that they were judged under.
    pub rules: Rules,
    /// The dimensions as they were put to the judge.
    pub dimensions: [DimensionWording; 3],
    /// Count bad lines and go on, instead of stopping at the first.
    pub keep_going: bool,
}

/// What became of the lines: `exported + blank + bad = lines`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ExportLedger {
    /// Lines of the file.
    pub lines: u64,
    /// Traces written.
    pub exported: u64,
    /// Blank lines.
    pub blank: u64,
    /// Lines that cannot be used.
    pub bad: u64,
    /// Examples written.
    pub examples: u64,
    /// Characters that carry loss.
    pub learned: u64,
}

/// Traces could not be exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// A line cannot be used.
    #[error(transparent)]
    Line(#[from] BadLine),
    /// The input cannot be read.
    #[error(transparent)]
    Input(FileError),
    /// The output cannot be written.
    #[error(transparent)]
    Output(FileError),
}

/// Writes the examples of `input` to `output`, which appears whole or not at all. Bad lines that are passed over go to
/// `complain`.
///
/// # Errors
/// [`ExportError`].
pub fn export(
    input: &Path,
    output: &Path,
    options: &ExportOptions,
    complain: &mut dyn FnMut(&BadLine),
) -> Result<ExportLedger, ExportError> {
    let file = File::open(input).map_err(FileError::at("read", input));
    let mut lines = Lines::new(input, BufReader::new(file.map_err(ExportError::Input)?));
    let mut written = Pending::begin(output).map_err(ExportError::Output)?;
    let pictures = Pictures::of(output, options.pictures);
    let mut ledger = ExportLedger::default();
    while let Some(line) = lines.advance().map_err(ExportError::Input)? {
        ledger.lines += 1;
        if line.is_blank() {
            ledger.blank += 1;
            continue;
        }
        let made = line
            .record()
            .map_err(Refused::Line)
            .and_then(|record| examples(&record, options, &pictures));
        match made {
            Ok(examples) => {
                ledger.exported += 1;
                for example in examples {
                    ledger.examples += 1;
                    ledger.learned += learned(&example);
                    // JSON has no place for a map whose keys are no text, and for nothing else.
                    let text = serde_json::to_string(&example).expect("an example is plain data");
                    let appended = written.append((text + "\n").as_bytes());
                    appended.map_err(ExportError::Output)?;
                }
            }
            Err(Refused::File(error)) => return Err(ExportError::Output(error)),
            Err(Refused::Line(fault)) => {
                let bad = line.bad(fault);
                if !options.keep_going {
                    return Err(bad.into());
                }
                complain(&bad);
                ledger.bad += 1;
            }
        }
    }
    written.finish().map_err(ExportError::Output)?;
    Ok(ledger)
}

fn learned(example: &Example) -> u64 {
    let spans = example.loss.iter();
    spans.map(|span| (span.end - span.start) as u64).sum()
}

enum Refused {
    Line(LineFault),
    File(FileError),
}

fn examples(
    record: &TraceRecord,
    options: &ExportOptions,
    pictures: &Pictures,
) -> Result<Vec<Example>, Refused> {
    let mut rules = options.rules;
    if options.layout == Layout::Episode {
        rules.window = MemoryWindow::new(u8::MAX);
    }
    let told = match options.tools {
        Tools::Paper => replay::<PaperOps>(record, &rules, &options.dimensions),
        Tools::All => replay::<AllOps>(record, &rules, &options.dimensions),
    };
    let told = told.map_err(|error| Refused::Line(error.into()))?;
    let id = format!("{:#018x}-{}", record.pair.0, record.sample);
    match options.layout {
        Layout::Unit => (1..)
            .zip(&told)
            .filter(|(_, unit)| !unit.faulty)
            .map(|(number, unit)| {
                let last = unit.messages.len() - 1;
                let id = format!("{id}-{number}");
                example(
                    record,
                    id,
                    &unit.messages,
                    |message| message == last,
                    pictures,
                )
            })
            .collect(),
        Layout::Episode => {
            let Some(Told { messages, .. }) = told.last() else {
                return Ok(Vec::new());
            };
            let written = messages.iter().enumerate();
            let units = written.filter(|(_, message)| message.role == Role::Assistant);
            let sound: Vec<usize> = units
                .zip(&told)
                .filter(|(_, unit)| !unit.faulty)
                .map(|((place, _), _)| place)
                .collect();
            let learns = |message: usize| sound.contains(&message);
            Ok(vec![example(record, id, messages, learns, pictures)?])
        }
    }
}

/// One line; `learns` says of which messages the text carries loss.
fn example(
    record: &TraceRecord,
    id: String,
    messages: &[Message],
    learns: impl Fn(usize) -> bool,
    pictures: &Pictures,
) -> Result<Example, Refused> {
    let mut example = Example {
        id,
        messages: Vec::with_capacity(messages.len()),
        loss: Vec::new(),
        truth: record.truth,
    };
    for (number, message) in messages.iter().enumerate() {
        let mut content = Vec::with_capacity(message.parts.len());
        for (part, said) in message.parts.iter().enumerate() {
            content.push(match said {
                Part::Text(text) => {
                    if learns(number) {
                        example.loss.push(LossSpan {
                            message: number,
                            part,
                            start: 0,
                            end: text.chars().count(),
                        });
                    }
                    ChatPart::Text { text: text.clone() }
                }
                Part::Picture(view) => {
                    let key = view.to_string();
                    let kept = record.pictures.get(&key).map(|uri| pictures.place(uri));
                    match kept.transpose().map_err(Refused::File)?.flatten() {
                        Some(image) => ChatPart::Image { image },
                        None => return Err(Refused::Line(LineFault::NoPicture { key })),
                    }
                }
            });
        }
        example.messages.push(ChatMessage {
            role: message.role.name(),
            content,
        });
    }
    Ok(example)
}
