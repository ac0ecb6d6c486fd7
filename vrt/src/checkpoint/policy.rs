//! In: a checkpoint, a prompt. Out: a policy whose units the model writes token by token, several at a time.
//!
//! A turn's prompt is made anew from the messages, so that what the window has dropped is gone as it is for a served
//! model, and both give the same log-probabilities.

use std::sync::{Arc, Mutex, PoisonError};

use rand::RngExt;
use vrt_core::model::decode::{Cache, Engine, Feed, NewRow};
use vrt_core::model::sampling::sample;
use vrt_core::model::weights::DecoderWeights;
use vrt_core::pair::PairKey;
use vrt_core::policy::{Opening, Policy, PolicyError, Reply, SampledToken, Sampling, Shown, Turn};
use vrt_core::rng::{self, Purpose};
use vrt_train::turns::Turns;

use super::gallery::Gallery;
use super::reader::{Asked, Reader};
use crate::prompt::{Conversation, Prompt};

/// How units are written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CheckpointOptions {
    /// How tokens are drawn.
    pub sampling: Sampling,
    /// Fewest and most pixels of a picture. A visual token has 28 × 28.
    pub pixels: [u64; 2],
    /// Units that are written side by side; each keeps its keys and values in memory.
    pub batch: usize,
    /// Whether [`Reply::sampled`] keeps the tokens with their log-probabilities.
    pub logprobs: bool,
    /// Whether [`Policy::sequence`] gives what was sampled, for training.
    pub keep: bool,
}

impl Default for CheckpointOptions {
    /// As [`crate::server::ServerOptions::new`], two units at a time.
    fn default() -> Self {
        Self {
            sampling: Sampling {
                temperature: 0.0,
                seed: 0,
                step: 0,
                max_tokens: 1024,
            },
            pixels: [4 * 784, 512 * 784],
            batch: 2,
            logprobs: false,
            keep: false,
        }
    }
}

/// A checkpoint as a policy.
#[derive(Debug)]
pub struct CheckpointPolicy {
    reader: Arc<Reader>,
    weights: Arc<DecoderWeights>,
    prompt: Prompt,
    options: CheckpointOptions,
    engines: Mutex<Vec<Engine>>,
}

/// One episode.
pub struct CheckpointState {
    pair: PairKey,
    sample: u32,
    conversation: Conversation,
    gallery: Arc<Gallery>,
    opening: Arc<Mutex<Option<Begun>>>,
    writing: Option<Writing>,
    /// What was written so far, where it is kept.
    turns: Option<Turns>,
}

/// A prompt that was read.
#[derive(Clone)]
struct Begun {
    asked: Arc<Asked>,
    cache: Cache,
    logits: Vec<f32>,
}

/// A unit while it is written.
struct Writing {
    asked: Arc<Asked>,
    cache: Cache,
    /// Position of the next row.
    position: u32,
    tokens: Vec<u32>,
    logps: Vec<f32>,
    ended: bool,
}

impl CheckpointPolicy {
    /// The policy that asks a checkpoint with the words of a prompt. The weights may be others than the folder's, of the
    /// same sizes.
    pub fn new(
        reader: impl Into<Arc<Reader>>,
        weights: impl Into<Arc<DecoderWeights>>,
        prompt: Prompt,
        options: CheckpointOptions,
    ) -> Self {
        Self {
            reader: reader.into(),
            weights: weights.into(),
            prompt,
            options,
            engines: Mutex::default(),
        }
    }

    /// Reads the prompt of an episode's next unit and draws its first token.
    fn begin(&self, engine: &mut Engine, state: &mut CheckpointState) -> Result<(), PolicyError> {
        let begun = if state.conversation.units() == 0 {
            // The samples of a pair share their opening: it is read once.
            let opening = Arc::clone(&state.opening);
            let mut opening = opening.lock().unwrap_or_else(PoisonError::into_inner);
            if opening.is_none() {
                *opening = Some(self.read(engine, state)?);
            }
            let last = Arc::strong_count(&state.opening) == 2;
            let begun = if last {
                opening.take()
            } else {
                opening.clone()
            };
            state.opening = Arc::default();
            begun
        } else {
            Some(self.read(engine, state)?)
        };
        let Some(mut begun) = begun else {
            return Ok(());
        };
        state.writing = Some(Writing {
            position: begun.asked.prompt.next_position,
            asked: begun.asked,
            cache: begun.cache,
            tokens: Vec::new(),
            logps: Vec::new(),
            ended: false,
        });
        self.draw(state, &mut begun.logits)
    }

    fn read(&self, engine: &mut Engine, state: &CheckpointState) -> Result<Begun, PolicyError> {
        let fail = |reason: String| PolicyError {
            pair: state.pair,
            reason,
        };
        let messages = state.conversation.messages();
        let pixels = self.options.pixels;
        let asked = self.reader.ask(&messages, &state.gallery, pixels);
        let asked = asked.map_err(|error| fail(error.to_string()))?;
        let visual = asked.pictures.concat();
        let rows = asked.prompt.rows(&visual, self.reader.width());
        let rows = rows.map_err(|error| fail(error.to_string()))?;
        let (mut cache, mut logits) = (engine.cache(), Vec::new());
        engine
            .forward(&mut [(&mut cache, &rows)], &mut logits)
            .map_err(|error| fail(error.to_string()))?;
        Ok(Begun {
            asked: Arc::new(asked),
            cache,
            logits,
        })
    }

    /// Draws the next token of a unit.
    fn draw(&self, state: &mut CheckpointState, logits: &mut [f32]) -> Result<(), PolicyError> {
        let unit = u64::from(state.conversation.units());
        let Some(writing) = &mut state.writing else {
            return Ok(());
        };
        let number = (u64::from(state.sample) << 32) | writing.tokens.len() as u64;
        let Sampling {
            seed,
            temperature,
            step,
            ..
        } = self.options.sampling;
        let unit = (step << 16) | unit;
        let uniform = rng::stream(seed, Purpose::Token, unit, state.pair.0, number).random();
        let chosen = sample(logits, temperature, &[], uniform).map_err(|error| PolicyError {
            pair: state.pair,
            reason: error.to_string(),
        })?;
        writing.ended = self.reader.ends.contains(&chosen.token);
        writing.tokens.push(chosen.token);
        writing.logps.push(chosen.logp);
        Ok(())
    }

    fn is_whole(&self, state: &CheckpointState) -> bool {
        state.writing.as_ref().is_some_and(|writing| {
            writing.ended || writing.tokens.len() >= self.options.sampling.max_tokens as usize
        })
    }

    /// Draws one more token for each of these units.
    fn step(
        &self,
        engine: &mut Engine,
        states: &mut [&mut CheckpointState],
    ) -> Vec<Result<(), PolicyError>> {
        let mut logits = Vec::new();
        let mut rows = Vec::with_capacity(states.len());
        let mut caches = Vec::with_capacity(states.len());
        for state in states.iter_mut() {
            if let Some(writing) = &mut state.writing
                && let Some(&token) = writing.tokens.last()
            {
                rows.push([NewRow {
                    feed: Feed::Text(token),
                    position: [writing.position; 3],
                    evidence: 0,
                    oldest: 1,
                }]);
                writing.position += 1;
                caches.push(&mut writing.cache);
            }
        }
        let mut items: Vec<_> = caches
            .into_iter()
            .zip(&rows)
            .map(|(cache, row)| (cache, &row[..]))
            .collect();
        let forward = engine.forward(&mut items, &mut logits);
        drop(items);
        let vocab = logits.len() / states.len().max(1);
        let mut logits = logits.chunks_exact_mut(vocab.max(1));
        states
            .iter_mut()
            .map(|state| match (&forward, logits.next()) {
                (Ok(()), Some(logits)) => self.draw(state, logits),
                (Err(error), _) => Err(PolicyError {
                    pair: state.pair,
                    reason: error.to_string(),
                }),
                (Ok(()), None) => Err(PolicyError {
                    pair: state.pair,
                    reason: "the decoder gave no logits".to_owned(),
                }),
            })
            .collect()
    }

    /// The reply of a unit that is whole.
    fn close(&self, state: &mut CheckpointState) -> Option<Result<Reply, PolicyError>> {
        if !self.is_whole(state) {
            return None;
        }
        let writing = state.writing.take()?;
        let reply = self.written(&writing).map_err(|reason| PolicyError {
            pair: state.pair,
            reason,
        });
        if let Ok(reply) = &reply {
            state.conversation.write(&reply.text);
        }
        if let Some(turns) = &mut state.turns {
            (writing.asked).write(turns, &writing.tokens, &writing.logps);
        }
        Some(reply)
    }

    fn written(&self, writing: &Writing) -> Result<Reply, String> {
        let Writing {
            tokens,
            logps,
            ended,
            ..
        } = writing;
        let text = self
            .reader
            .text(&tokens[..tokens.len() - usize::from(*ended)]);
        let kept = if self.options.logprobs {
            tokens.len()
        } else {
            0
        };
        let sampled = tokens.iter().zip(logps).take(kept).map(|(token, logp)| {
            Ok(SampledToken {
                token: Some(*token),
                text: self.reader.piece(*token).map_err(|e| e.to_string())?,
                logp: logp.is_finite().then_some(*logp),
            })
        });
        Ok(Reply {
            text: text.map_err(|error| error.to_string())?,
            tokens: tokens.len() as u32,
            cut: !ended,
            sampled: sampled.collect::<Result<_, String>>()?,
        })
    }

    fn engine(&self) -> Engine {
        let mut engines = self.engines.lock().unwrap_or_else(PoisonError::into_inner);
        engines
            .pop()
            .unwrap_or_else(|| Engine::new(self.weights.clone()))
    }
}

impl Policy for CheckpointPolicy {
    type State = CheckpointState;
    type Sequence = Turns;

    fn open(&self, openings: &[Opening<'_>]) -> Result<Vec<CheckpointState>, PolicyError> {
        let mut states = Vec::new();
        for opening in openings {
            let gallery = Arc::new(Gallery::new(opening.pair));
            let conversation = Conversation::open(&self.prompt, opening.pair, opening.initial);
            let shared: Arc<Mutex<Option<Begun>>> = Arc::default();
            states.extend((0..opening.samples).map(|sample| CheckpointState {
                pair: opening.pair.key,
                sample,
                conversation: conversation.clone(),
                gallery: gallery.clone(),
                opening: shared.clone(),
                writing: None,
                turns: self.options.keep.then(|| self.reader.turns()),
            }));
        }
        Ok(states)
    }

    fn reply(
        &self,
        turns: &mut [Turn<'_, CheckpointState>],
    ) -> Vec<Option<Result<Reply, PolicyError>>> {
        let mut replies: Vec<Option<Result<Reply, PolicyError>>> =
            turns.iter().map(|_| None).collect();
        let mut engine = self.engine();
        // Those under way first: they hold memory.
        let mut order: Vec<usize> = (0..turns.len()).collect();
        order.sort_by_key(|&turn| turns[turn].state.writing.is_none());
        order.truncate(self.options.batch.max(1));
        for &turn in &order {
            let Turn { state, may_call } = &mut turns[turn];
            if state.writing.is_none() {
                if !*may_call {
                    state.conversation.demand_answer();
                }
                if let Err(error) = self.begin(&mut engine, state) {
                    replies[turn] = Some(Err(error));
                }
            }
        }
        loop {
            for &turn in &order {
                if replies[turn].is_none() {
                    replies[turn] = self.close(turns[turn].state);
                }
            }
            if replies.iter().any(Option::is_some) || turns.is_empty() {
                break;
            }
            let mut places = Vec::with_capacity(order.len());
            let mut states = Vec::with_capacity(order.len());
            for (place, turn) in turns.iter_mut().enumerate() {
                if order.contains(&place) {
                    places.push(place);
                    states.push(&mut *turn.state);
                }
            }
            for (place, drawn) in places.into_iter().zip(self.step(&mut engine, &mut states)) {
                if let Err(error) = drawn {
                    replies[place] = Some(Err(error));
                }
            }
        }
        let mut engines = self.engines.lock().unwrap_or_else(PoisonError::into_inner);
        engines.push(engine);
        replies
    }

    fn observe(&self, shown: &mut [Shown<'_, CheckpointState>]) -> Vec<Result<(), PolicyError>> {
        for one in shown.iter_mut() {
            one.state.conversation.observe(one.observation);
        }
        shown.iter().map(|_| Ok(())).collect()
    }

    /// As many as are written side by side: others would only wait, and hold memory.
    fn slots(&self) -> usize {
        self.options.batch.max(1)
    }

    fn sequence(&self, state: CheckpointState) -> Option<Turns> {
        state.turns
    }
}
