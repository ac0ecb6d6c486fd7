//! In: a checkpoint's folder. Out: everything that turns messages into rows and tokens into text.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use dfdx::prelude::{Cpu, NoneTape};
use vrt_checkpoint::chat::{ChatError, ChatTemplate, Content, Message, Part};
use vrt_checkpoint::processor::{self, Patches, Processor};
use vrt_checkpoint::prompt::{PromptError, expand};
use vrt_checkpoint::tokenizer::{self, Tokenizer, TokenizerError};
use vrt_checkpoint::{Checkpoint, CheckpointError, Media, Prompt, WithTower, with_tower};
use vrt_core::model::Fused;
use vrt_core::model::vision::{PatchPlan, VisionConfig, VisionModel};
use vrt_train::turns::{self, Turns};

use super::gallery::Gallery;
use crate::prompt;
use crate::server::PictureError;

/// Pieces with which the published models end a reply.
const ENDS: [&str; 2] = ["<|im_end|>", "<|endoftext|>"];

/// A folder does not hold a checkpoint that can judge.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Its weights or their description.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// Its tokenizer.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// Its chat template.
    #[error(transparent)]
    Chat(#[from] ChatError),
    /// The tokenizer has none of the pieces that end a reply.
    #[error("the tokenizer has neither of {}; use the tokenizer.json of the same checkpoint", ENDS.join(" and "))]
    NoEnd,
}

/// A question cannot be put to the model.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// A picture cannot be shown.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// The messages do not fit the template.
    #[error(transparent)]
    Chat(#[from] ChatError),
    /// The text has no tokens.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// Text and pictures do not fit together.
    #[error(transparent)]
    Prompt(#[from] PromptError),
}

/// The vision tower with its sizes hidden.
trait Tower: Send + Sync {
    fn look(&self, patches: &Patches) -> Vec<f32>;
}

struct Sized<V>(V, VisionConfig);

impl<V: VisionModel + Send + Sync + 'static> Tower for Sized<V> {
    fn look(&self, patches: &Patches) -> Vec<f32> {
        let Self(tower, config) = self;
        let plan = PatchPlan::new(config, &[patches.grid]);
        let values = patches.values.clone();
        tower
            .embed::<Fused, _>(config, &plan, values, &Cpu::default(), NoneTape)
            .as_vec()
    }
}

struct LoadTower<'a>(&'a Checkpoint);

impl WithTower for LoadTower<'_> {
    type Out = Result<Box<dyn Tower>, CheckpointError>;

    fn run<V: VisionModel + Send + Sync + 'static>(self) -> Self::Out {
        let tower: V = self.0.tower(&Cpu::default())?;
        Ok(Box::new(Sized(tower, self.0.config().model.vision)))
    }
}

/// A checkpoint that is ready to be asked.
pub struct Reader {
    checkpoint: Checkpoint,
    tower: Box<dyn Tower>,
    processor: Processor,
    template: ChatTemplate,
    tokenizer: Tokenizer,
    pub(super) ends: Vec<u32>,
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("checkpoint", &self.checkpoint)
            .finish_non_exhaustive()
    }
}

impl Reader {
    /// Reads a folder: configuration, vision tower, processor, tokenizer, chat template. The decoder's weights are
    /// [`Reader::checkpoint`]'s.
    ///
    /// # Errors
    /// [`OpenError`] names the file that is missing or does not fit.
    pub fn open(folder: &Path) -> Result<Self, OpenError> {
        let checkpoint = Checkpoint::open(folder)?;
        // First what is read fast: whoever forgot a file learns it before the weights are converted.
        let processor = Processor::read(&folder.join(processor::FILE))?;
        let tokenizer = Tokenizer::read(&folder.join(tokenizer::FILE))?;
        let template = ChatTemplate::find(folder)?;
        let ends: Vec<u32> = ENDS.iter().filter_map(|end| tokenizer.id(end)).collect();
        if ends.is_empty() {
            return Err(OpenError::NoEnd);
        }
        let tower = with_tower(checkpoint.config(), LoadTower(&checkpoint))??;
        Ok(Self {
            checkpoint,
            tower,
            processor,
            template,
            tokenizer,
            ends,
        })
    }

    /// The weights and what describes them.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    pub(super) fn processor(&self) -> &Processor {
        &self.processor
    }

    /// The embeddings of a picture's visual tokens, one after the other.
    pub(super) fn look(&self, patches: &Patches) -> Vec<f32> {
        self.tower.look(patches)
    }

    /// Width of a visual token.
    pub(super) fn width(&self) -> usize {
        self.checkpoint.config().decoder.dim
    }

    /// What the model reads of messages that ask for a reply. Pictures come from the gallery, with at least `pixels[0]` and
    /// at most `pixels[1]` pixels.
    ///
    /// # Errors
    /// [`AskError`]
    pub(super) fn ask(
        &self,
        messages: &[prompt::Message],
        gallery: &Gallery,
        pixels: [u64; 2],
    ) -> Result<Asked, AskError> {
        let (mut media, mut pictures) = (Vec::new(), Vec::new());
        for part in messages.iter().flat_map(|message| &message.parts) {
            if let prompt::Part::Picture(view) = part {
                let seen = gallery.look(self, pixels, *view)?;
                media.push(Media::Image { grid: seen.grid });
                pictures.push(seen.embeddings);
            }
        }
        let messages: Vec<Message> = messages.iter().map(written).collect();
        let text = self.template.render(&messages, true)?;
        let tokens = self.tokenizer.encode(&text)?;
        let config = self.checkpoint.config();
        let tokens = expand(config, &tokens, &media)?;
        let prompt = Prompt::new(config, tokens, &media)?;
        Ok(Asked { prompt, pictures })
    }

    /// An episode without units.
    pub fn turns(&self) -> Turns {
        Turns::new(self.width())
    }

    /// Adds a unit to an episode: messages that ask for it, and its tokens, or the text of somebody else.
    ///
    /// # Errors
    /// [`AskError`].
    pub fn tell(
        &self,
        turns: &mut Turns,
        messages: &[prompt::Message],
        gallery: &Gallery,
        pixels: [u64; 2],
        unit: Unit<'_>,
    ) -> Result<(), AskError> {
        let asked = self.ask(messages, gallery, pixels)?;
        match unit {
            Unit::Tokens(tokens) => asked.write(turns, tokens, &[]),
            Unit::Text(text) => {
                let mut tokens = self.tokenizer.encode(text)?;
                // Where a text ends is learned as well.
                tokens.extend(self.ends.first());
                asked.write(turns, &tokens, &[]);
            }
        }
        Ok(())
    }

    /// The text of tokens without special pieces.
    pub(super) fn text(&self, tokens: &[u32]) -> Result<String, TokenizerError> {
        self.tokenizer.decode(tokens, false)
    }

    /// The text of one token, whatever it is.
    pub(super) fn piece(&self, token: u32) -> Result<String, TokenizerError> {
        self.tokenizer.decode(&[token], true)
    }
}

/// What a judge wrote.
#[derive(Clone, Copy, Debug)]
pub enum Unit<'a> {
    /// As it was sampled.
    Tokens(&'a [u32]),
    /// By somebody who has other tokens.
    Text(&'a str),
}

/// A prompt as the model reads it.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub prompt: Prompt,
    /// The visual tokens of each picture, in the order of the prompt.
    pub pictures: Vec<Arc<[f32]>>,
}

impl Asked {
    /// Adds what was written after this prompt to an episode.
    pub fn write(&self, turns: &mut Turns, tokens: &[u32], logps: &[f32]) {
        turns.push(turns::Unit {
            prompt: &self.prompt.packed(),
            next_position: self.prompt.next_position,
            pictures: &self.pictures,
            tokens,
            logps,
        });
    }
}

/// As a server is sent it: a message without pictures is plain text.
fn written(message: &prompt::Message) -> Message {
    let content = match message.parts.as_slice() {
        [prompt::Part::Text(text)] => Content::Text(text.clone()),
        parts => Content::Parts(
            parts
                .iter()
                .map(|part| match part {
                    prompt::Part::Text(text) => Part::Text { text: text.clone() },
                    prompt::Part::Picture(_) => Part::Image,
                })
                .collect(),
        ),
    };
    Message {
        role: message.role.name().to_owned(),
        content,
    }
}
