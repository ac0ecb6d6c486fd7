//! In: a pool of servers, a prompt. Out: a policy whose units a served model writes.

use std::sync::Arc;

use rand::RngExt;
use serde_json::{Map, Value};
use vrt_core::pair::PairKey;
use vrt_core::policy::{Opening, Policy, PolicyError, Reply, Shown, Turn};
use vrt_core::rng::Purpose;
use vrt_core::sequence::Sequence;

use super::error::AskError;
use super::messages::{Completion, ImageUrl, Request, RequestContent, RequestMessage, RequestPart};
use super::pictures::{PictureError, PictureFormat, Pictures};
use super::pool::{Pool, RequestKey, Ticket};
use crate::prompt::{Conversation, Message, Part, Prompt};

/// What every request of a run has in common.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerOptions {
    /// The model, as the server calls it.
    pub model: String,
    /// Softmax temperature; 0 takes the likeliest token.
    pub temperature: f32,
    /// Nucleus sampling, where wanted.
    pub top_p: Option<f32>,
    /// Tokens a unit may have.
    pub max_tokens: u32,
    /// From which each request's seed follows, with its pair, sample and unit.
    pub seed: u64,
    /// Whether log-probabilities are asked for; they are kept in [`Reply::sampled`].
    pub logprobs: bool,
    /// Fewest and most pixels of a picture. A visual token has 28 × 28.
    pub pixels: [u64; 2],
    /// How pictures are sent.
    pub format: PictureFormat,
    /// Fields that one server alone knows, such as llama.cpp's `grammar`.
    pub extra: Map<String, Value>,
}

impl ServerOptions {
    /// Greedy units of up to 1024 tokens, pictures of 4 to 512 visual tokens: the paper has about 500 a frame, and states
    /// no resolution.
    pub fn new(model: impl Into<String>) -> Self {
        Self {
            model: model.into(),
            temperature: 0.0,
            top_p: None,
            max_tokens: 1024,
            seed: 0,
            logprobs: false,
            pixels: [4 * 784, 512 * 784],
            format: PictureFormat::Png,
            extra: Map::new(),
        }
    }
}

/// A served model as a policy.
#[derive(Debug)]
pub struct ServerPolicy {
    pool: Arc<Pool>,
    prompt: Prompt,
    options: Arc<ServerOptions>,
}

/// One episode.
#[derive(Debug)]
pub struct ServerState {
    pair: PairKey,
    sample: u32,
    conversation: Conversation,
    pictures: Arc<Pictures>,
    asked: Option<Ticket>,
}

impl ServerPolicy {
    /// The policy that asks the servers of a pool with the words of a prompt.
    pub fn new(pool: Arc<Pool>, prompt: Prompt, options: ServerOptions) -> Self {
        Self {
            pool,
            prompt,
            options: Arc::new(options),
        }
    }

    /// The pool.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    fn ask(&self, state: &ServerState) -> Ticket {
        let key = RequestKey {
            pair: state.pair,
            sample: state.sample,
            unit: state.conversation.units(),
        };
        // The same for every try, so that a reply does not depend on what happened to the request. 31 bits: llama.cpp takes
        // the largest number of 32 for "any".
        let seed = key
            .stream(self.options.seed, Purpose::Request, 0)
            .random_range(0..1u32 << 31);
        let (options, pictures) = (self.options.clone(), state.pictures.clone());
        let messages = state.conversation.messages();
        self.pool.submit(
            key,
            Box::new(move || body(&options, &pictures, &messages, seed)),
        )
    }
}

impl Policy for ServerPolicy {
    type State = ServerState;
    type Sequence = Sequence;

    /// A pair whose pictures cannot be made fails when it is asked about, and alone.
    fn open(&self, openings: &[Opening<'_>]) -> Result<Vec<ServerState>, PolicyError> {
        let mut states = Vec::new();
        for Opening {
            pair,
            initial,
            samples,
        } in openings
        {
            let Self { options, .. } = self;
            let pictures = Arc::new(Pictures::new(pair, options.pixels, options.format));
            let conversation = Conversation::open(&self.prompt, pair, initial);
            states.extend((0..*samples).map(|sample| ServerState {
                pair: pair.key,
                sample,
                conversation: conversation.clone(),
                pictures: pictures.clone(),
                asked: None,
            }));
        }
        Ok(states)
    }

    fn reply(
        &self,
        turns: &mut [Turn<'_, ServerState>],
    ) -> Vec<Option<Result<Reply, PolicyError>>> {
        for turn in turns.iter_mut().filter(|turn| turn.state.asked.is_none()) {
            if !turn.may_call {
                turn.state.conversation.demand_answer();
            }
            turn.state.asked = Some(self.ask(turn.state));
        }
        let tickets: Vec<&Ticket> = turns
            .iter()
            .filter_map(|turn| turn.state.asked.as_ref())
            .collect();
        self.pool.wait(&tickets);
        turns
            .iter_mut()
            .map(|turn| {
                turn.state
                    .answered()
                    .map(|outcome| turn.state.read(outcome))
            })
            .collect()
    }

    fn observe(&self, shown: &mut [Shown<'_, ServerState>]) -> Vec<Result<(), PolicyError>> {
        for one in shown.iter_mut() {
            one.state.conversation.observe(one.observation);
        }
        shown.iter().map(|_| Ok(())).collect()
    }

    fn sequence(&self, _: ServerState) -> Option<Sequence> {
        None
    }
}

impl ServerState {
    fn answered(&mut self) -> Option<Result<Completion, AskError>> {
        let outcome = self.asked.as_ref()?.take()?;
        self.asked = None;
        Some(outcome)
    }

    fn read(&mut self, outcome: Result<Completion, AskError>) -> Result<Reply, PolicyError> {
        let completion = outcome.map_err(|error| PolicyError {
            pair: self.pair,
            reason: error.to_string(),
        })?;
        self.conversation.write(&completion.reply.text);
        Ok(completion.reply)
    }
}

/// The body of a request.
fn body(
    options: &ServerOptions,
    pictures: &Pictures,
    messages: &[Message],
    seed: u32,
) -> Result<Vec<u8>, PictureError> {
    let request = Request {
        model: &options.model,
        messages: messages
            .iter()
            .map(|message| written(message, pictures))
            .collect::<Result<_, PictureError>>()?,
        max_tokens: options.max_tokens,
        temperature: options.temperature,
        top_p: options.top_p,
        seed,
        logprobs: options.logprobs,
        extra: &options.extra,
    };
    serde_json::to_vec(&request).map_err(|error| PictureError {
        view: "of a request".to_owned(),
        reason: error.to_string(),
    })
}

/// A message without pictures is plain text, which every server understands.
fn written<'a>(
    message: &'a Message,
    pictures: &Pictures,
) -> Result<RequestMessage<'a>, PictureError> {
    let content = match message.parts.as_slice() {
        [Part::Text(text)] => RequestContent::Text(text.into()),
        parts => RequestContent::Parts(
            parts
                .iter()
                .map(|part| match part {
                    Part::Text(text) => Ok(RequestPart::Text { text }),
                    Part::Picture(view) => Ok(RequestPart::ImageUrl {
                        image_url: ImageUrl {
                            url: pictures.uri(*view)?,
                        },
                    }),
                })
                .collect::<Result<_, PictureError>>()?,
        ),
    };
    Ok(RequestMessage {
        role: message.role.name(),
        content,
    })
}
