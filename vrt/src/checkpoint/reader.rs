//! In: a checkpoint's folder. Out: everything that turns messages into rows and tokens into text.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use dfdx::prelude::{Cpu, NoneTape};
use vrt_checkpoint::chat::{ChatError, ChatTemplate, Content, Message, Part};
use vrt_checkpoint::processor::{self, Patches, Processor};
use vrt_checkpoint::prompt::{PromptError, expand};
use vrt_checkpoint::tokenizer::{self, Tokenizer, TokenizerError};
use vrt_checkpoint::{
    Checkpoint, CheckpointError, Media, ModelConfig, Prompt, WithModel, with_model,
};
use vrt_core::model::Fused;
use vrt_core::model::decoder::TextModel;
use vrt_core::model::vision::{PatchPlan, VisionConfig, VisionModel};
use vrt_core::model::weights::DecoderWeights;

use crate::prompt;

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
pub(super) enum AskError {
    #[error(transparent)]
    Chat(#[from] ChatError),
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
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

impl WithModel for LoadTower<'_> {
    type Out = Result<Box<dyn Tower>, CheckpointError>;

    /// The typed decoder goes away again: decoding has weights of its own.
    fn run<V, X>(self, _: &'static str) -> Self::Out
    where
        V: VisionModel<Width = X::Width> + Send + Sync + 'static,
        X: TextModel,
    {
        let model = self.0.load::<V, X>(&Cpu::default())?;
        Ok(Box::new(Sized(model.visual, model.config.vision)))
    }
}

/// A checkpoint that is ready to be asked.
pub struct Reader {
    tower: Box<dyn Tower>,
    pub(super) weights: Arc<DecoderWeights>,
    config: ModelConfig,
    processor: Processor,
    template: ChatTemplate,
    tokenizer: Tokenizer,
    pub(super) ends: Vec<u32>,
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl Reader {
    /// Reads a folder: configuration, weights, processor, tokenizer, chat template.
    ///
    /// # Errors
    /// [`OpenError`] names the file that is missing or does not fit.
    pub fn open(folder: &Path) -> Result<Self, OpenError> {
        let checkpoint = Checkpoint::open(folder)?;
        let config = checkpoint.config().clone();
        // First what is read fast: whoever forgot a file learns it before the weights are converted.
        let processor = Processor::read(&folder.join(processor::FILE))?;
        let tokenizer = Tokenizer::read(&folder.join(tokenizer::FILE))?;
        let template = ChatTemplate::find(folder)?;
        let ends: Vec<u32> = ENDS.iter().filter_map(|end| tokenizer.id(end)).collect();
        if ends.is_empty() {
            return Err(OpenError::NoEnd);
        }
        let tower = with_model(&config, LoadTower(&checkpoint))??;
        Ok(Self {
            tower,
            weights: checkpoint.decoder_weights()?.into(),
            config,
            processor,
            template,
            tokenizer,
            ends,
        })
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
        self.weights.config().dim
    }

    /// The rows of messages whose pictures have these grids.
    pub(super) fn rows(
        &self,
        messages: &[prompt::Message],
        media: &[Media],
    ) -> Result<Prompt, AskError> {
        let messages: Vec<Message> = messages.iter().map(written).collect();
        let text = self.template.render(&messages, true)?;
        let tokens = self.tokenizer.encode(&text)?;
        let tokens = expand(&self.config, &tokens, media)?;
        Ok(Prompt::new(&self.config, tokens, media)?)
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
