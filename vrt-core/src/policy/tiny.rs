//! In: the typed model's weights and a vocabulary. Out: units, sampled token by token.
//!
//! What is sampled is kept: ids and log-probabilities go into the [`Sequence`] as they were drawn. Where the
//! rules leave no choice (a call after the last one allowed, a director's order), the decision token is
//! replaced and carries no loss; every other token was drawn from the model's full distribution.

use std::sync::{Arc, Mutex, PoisonError};

use super::{FrameBank, Observation, Opening, Policy, PolicyError, Reply, Shown, Turn};
use rand::RngExt;

use crate::model::Tiny;
use crate::model::decode::{Cache, DecodeError, Engine, Feed, NewRow};
use crate::model::encode::Encoder;
use crate::model::sampling;
use crate::model::weights::{DecoderWeights, WeightsError};
use crate::pair::{FrameIndex, Pool, PreferencePair};
use crate::rng::{self, Purpose};
use crate::sequence::{Input, Sequence, Target};
use crate::tokenizer::{Piece, Vocabulary, VocabularyError};
use crate::view::View;

/// How tokens are drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    /// Softmax temperature; 0 takes the likeliest token.
    pub temperature: f32,
    /// Seed of the token streams.
    pub seed: u64,
    /// Step of the training run: a pair may be sampled again with fresh draws.
    pub step: u64,
    /// Tokens a unit may have.
    pub max_tokens: u32,
}

/// What a unit must do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Whatever the policy chooses.
    Free,
    /// Answer.
    Answer,
    /// Call, with these pieces after the call's opening one.
    Call(Vec<u32>),
}

/// Takes the choice of evidence out of the policy's hands: the oracle chooser of the gate.
pub trait Director: Sync {
    /// What the next unit must do, given the pictures seen so far.
    fn plan(&self, pair: &PreferencePair, seen: &[View], calls: u32) -> Plan;
}

/// The typed model as a policy.
pub struct TinyPolicy<'a> {
    tower: Encoder,
    vocabulary: &'a Vocabulary,
    bank: &'a FrameBank,
    weights: Arc<DecoderWeights>,
    sampling: Sampling,
    director: Option<&'a dyn Director>,
    engines: Mutex<Vec<Engine>>,
    pieces: Pieces,
}

/// Model and vocabulary do not make a policy.
#[derive(Debug, thiserror::Error)]
pub enum TinyError {
    /// The vocabulary lacks a piece.
    #[error(transparent)]
    Vocabulary(#[from] VocabularyError),
    /// The model cannot decode.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A picture was not looked at.
    #[error(transparent)]
    Policy(#[from] PolicyError),
}

/// The ids the decoding loop looks for.
struct Pieces {
    snapshot: u32,
    recommend: u32,
    answer: u32,
    openings: Vec<u32>,
    closing: Vec<u32>,
}

struct Pending {
    feed: Fed,
    position: u32,
    evidence: u8,
    oldest: u8,
}

enum Fed {
    Text(u32),
    Frame(u32, Arc<[f32]>),
}

/// One episode as the model holds it.
pub struct TinyState {
    pair: PreferencePair,
    sample: u32,
    sequence: Sequence,
    cache: Cache,
    /// The oldest outcome that the cache still holds.
    oldest: u8,
    pending: Vec<Pending>,
    writing: Option<Writing>,
    calls: u8,
    /// Draws of a block of rows, and which block.
    draws: (Option<u64>, [f32; DRAWS]),
}

/// Rows whose draws come from one stream.
const DRAWS: usize = 64;

/// The query's rows: its words, then the initial frames.
///
/// # Errors
/// [`VocabularyError::Unknown`] for a caption's word or a frame without a piece.
pub fn query_rows(
    vocabulary: &Vocabulary,
    pair: &PreferencePair,
    initial: &[FrameIndex],
) -> Result<Sequence, VocabularyError> {
    let mut sequence = Sequence::open(pair.key);
    sequence.give(vocabulary.id(&Piece::Query)?);
    for word in vocabulary.words(&pair.caption)? {
        sequence.give(word);
    }
    for &frame in initial {
        sequence.show(vocabulary.frame(pair.pool(), frame)?, frame);
    }
    Ok(sequence)
}

/// The rows of what came of a unit's call: its pictures, or the piece of its fault.
///
/// # Errors
/// [`VocabularyError::Unknown`] for a frame without a piece.
pub fn observation_rows(
    vocabulary: &Vocabulary,
    pool: Pool,
    observation: Observation<'_>,
    sequence: &mut Sequence,
) -> Result<(), VocabularyError> {
    match observation {
        Observation::Outcome { outcome, oldest } => {
            sequence.outcome(oldest);
            for &view in &outcome.views {
                sequence.show(vocabulary.frame(pool, view.frame())?, view);
            }
        }
        Observation::Fault(fault) => sequence.give(vocabulary.id(&Piece::Fault(fault.row()))?),
    }
    Ok(())
}

impl<'a> TinyPolicy<'a> {
    /// The policy of these weights. `bank` keeps what the tower saw, for training on the same frames.
    ///
    /// # Errors
    /// [`TinyError`] if the vocabulary lacks a piece of the trace format, or the model cannot decode.
    pub fn new(
        model: &Tiny,
        vocabulary: &'a Vocabulary,
        bank: &'a FrameBank,
        sampling: Sampling,
    ) -> Result<Self, TinyError> {
        let openings = vocabulary
            .iter()
            .filter(|(_, piece)| matches!(piece, Piece::Call(_, 0)));
        let pieces = Pieces {
            snapshot: vocabulary.id(&Piece::Snapshot)?,
            recommend: vocabulary.id(&Piece::Recommend)?,
            answer: vocabulary.id(&Piece::Answer)?,
            openings: openings.map(|(id, _)| id).collect(),
            closing: vocabulary.closing(),
        };
        Ok(Self {
            tower: model.encoder()?,
            vocabulary,
            bank,
            weights: Arc::new(model.decoder_weights()?),
            sampling,
            director: None,
            engines: Mutex::default(),
            pieces,
        })
    }

    /// The same policy with its choices of evidence made by somebody else.
    pub fn directed(mut self, director: &'a dyn Director) -> Self {
        self.director = Some(director);
        self
    }

    fn engine(&self) -> Engine {
        let mut engines = self.engines.lock().unwrap_or_else(PoisonError::into_inner);
        engines
            .pop()
            .unwrap_or_else(|| Engine::new(self.weights.clone()))
    }

    fn put_back(&self, engine: Engine) {
        self.engines
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(engine);
    }

    /// Rows of the sequence from `from` on, ready to be fed.
    fn pending(
        &self,
        pair: &PreferencePair,
        sequence: &Sequence,
        from: usize,
    ) -> Result<Vec<Pending>, PolicyError> {
        let rows = &sequence.rows[from..];
        rows.iter()
            .enumerate()
            .map(|(i, row)| {
                let feed = match row.input {
                    Input::Text(token) => Fed::Text(token),
                    Input::View(view, name) => {
                        let token = self.bank.get(pair.key, view).ok_or_else(|| PolicyError {
                            pair: pair.key,
                            reason: format!("picture {view} was never looked at"),
                        })?;
                        Fed::Frame(name, token)
                    }
                };
                let position = (from + i) as u32;
                Ok(Pending {
                    feed,
                    position,
                    evidence: row.evidence,
                    oldest: row.oldest,
                })
            })
            .collect()
    }

    /// The draw for the token of the next row. A stream gives the draws of [`DRAWS`] rows: opening one costs as much as
    /// all of them.
    fn uniform(&self, state: &mut TinyState) -> f32 {
        let row = state.sequence.rows.len();
        let block = (row / DRAWS) as u64;
        if state.draws.0 != Some(block) {
            let number = u64::from(state.sample) << 32 | block;
            let Sampling { seed, step, .. } = self.sampling;
            let mut stream = rng::stream(seed, Purpose::Token, step, state.pair.key.0, number);
            state.draws = (Some(block), std::array::from_fn(|_| stream.random()));
        }
        state.draws.1[row % DRAWS]
    }
}

/// One unit while it is written.
struct Writing {
    plan: Plan,
    tokens: Vec<u32>,
    chosen: u32,
}

impl TinyState {
    /// The most rows of keys and values that the episode held at any time.
    pub fn most_rows(&self) -> usize {
        self.cache.most_rows()
    }

    /// The tokens that were sampled so far, with their log-probabilities.
    pub fn sampled(&self) -> &[Target] {
        &self.sequence.targets
    }

    /// Appends the newest row of the sequence to what is still to be fed.
    fn feed_last(&mut self, token: u32) {
        let position = self.sequence.rows.len() as u32 - 1;
        self.pending.push(Pending {
            feed: Fed::Text(token),
            position,
            evidence: 0,
            oldest: self.sequence.oldest(),
        });
    }

    fn give(&mut self, token: u32) {
        self.sequence.give(token);
        self.feed_last(token);
    }
}

impl Policy for TinyPolicy<'_> {
    type State = TinyState;
    type Sequence = Sequence;

    fn open(&self, openings: &[Opening<'_>]) -> Result<Vec<TinyState>, PolicyError> {
        let wanted: Vec<_> = openings
            .iter()
            .flat_map(|one| one.initial.iter().map(|&frame| (one.pair, frame.into())))
            .collect();
        let failed = |pair: &PreferencePair, reason: String| PolicyError {
            pair: pair.key,
            reason,
        };
        if let Some(first) = openings.first() {
            self.bank
                .look(&self.tower, &wanted)
                .map_err(|error| failed(first.pair, error.to_string()))?;
        }
        let mut prompts = Vec::with_capacity(openings.len());
        for one in openings {
            let sequence = query_rows(self.vocabulary, one.pair, one.initial)
                .map_err(|error| failed(one.pair, error.to_string()))?;
            let pending = self.pending(one.pair, &sequence, 0)?;
            prompts.push((sequence, pending));
        }
        // The samples of a group share their prompt: it is run once.
        let mut engine = self.engine();
        let rows: Vec<Vec<NewRow<'_>>> = prompts
            .iter()
            .map(|(_, pending)| pending.iter().map(Pending::row).collect())
            .collect();
        let mut caches: Vec<Cache> = prompts
            .iter()
            .map(|_| Cache::new(self.weights.config()))
            .collect();
        let mut items: Vec<(&mut Cache, &[NewRow<'_>])> = caches
            .iter_mut()
            .zip(&rows)
            .map(|(cache, rows)| (cache, rows.as_slice()))
            .collect();
        if let Some(first) = openings.first() {
            engine
                .forward(&mut items, &mut Vec::new())
                .map_err(|error| failed(first.pair, error.to_string()))?;
        }
        drop(items);
        drop(rows);
        self.put_back(engine);
        let mut states = Vec::new();
        for ((one, (sequence, _)), cache) in openings.iter().zip(prompts).zip(caches) {
            for sample in 0..one.samples {
                states.push(TinyState {
                    pair: one.pair.clone(),
                    sample,
                    sequence: sequence.clone(),
                    cache: cache.clone(),
                    oldest: 1,
                    pending: Vec::new(),
                    writing: None,
                    calls: 0,
                    draws: (None, [0.0; DRAWS]),
                });
            }
        }
        Ok(states)
    }

    fn reply(&self, turns: &mut [Turn<'_, TinyState>]) -> Vec<Option<Result<Reply, PolicyError>>> {
        for turn in turns.iter_mut() {
            self.begin_unit(turn);
        }
        let mut engine = self.engine();
        let mut logits = Vec::new();
        let mut replies: Vec<Option<Result<Reply, PolicyError>>> =
            turns.iter().map(|_| None).collect();
        while !turns.is_empty() && replies.iter().all(Option::is_none) {
            if let Err(error) = self.step(&mut engine, turns, &mut logits) {
                for (turn, reply) in turns.iter_mut().zip(&mut replies) {
                    turn.state.writing = None;
                    *reply = Some(Err(PolicyError {
                        pair: turn.state.pair.key,
                        reason: error.to_string(),
                    }));
                }
                break;
            }
            let each = turns.iter_mut().zip(logits.chunks_exact_mut(Tiny::VOCAB));
            for ((turn, logits), reply) in each.zip(&mut replies) {
                *reply = self.continue_unit(turn.state, logits);
            }
        }
        self.put_back(engine);
        replies
    }

    fn observe(&self, shown: &mut [Shown<'_, TinyState>]) -> Vec<Result<(), PolicyError>> {
        let wanted: Vec<_> = shown.iter().flat_map(pictures).collect();
        let all_seen = self.bank.look(&self.tower, &wanted).is_ok();
        shown
            .iter_mut()
            .map(|one| {
                let pair = one.state.pair.key;
                let failed = |reason: String| PolicyError { pair, reason };
                if !all_seen {
                    // Which episode a picture fails must not depend on its company.
                    let own: Vec<_> = pictures(one).collect();
                    let looked = self.bank.look(&self.tower, &own);
                    looked.map_err(|error| failed(error.to_string()))?;
                }
                let appended = self.append(one.state, one.observation);
                appended.map_err(|error| failed(error.to_string()))
            })
            .collect()
    }

    /// The keys and values of more episodes leave the second-level cache of a core.
    fn slots(&self) -> usize {
        48
    }

    fn sequence(&self, state: TinyState) -> Option<Sequence> {
        Some(state.sequence.close())
    }
}

/// The pictures that an episode is shown.
fn pictures<'a>(one: &'a Shown<'_, TinyState>) -> impl Iterator<Item = (&'a PreferencePair, View)> {
    let views = match one.observation {
        Observation::Outcome { outcome, .. } => outcome.views.as_slice(),
        Observation::Fault(_) => &[],
    };
    views.iter().map(|&view| (&one.state.pair, view))
}

impl Pending {
    fn row(&self) -> NewRow<'_> {
        let feed = match &self.feed {
            Fed::Text(token) => Feed::Text(*token),
            Fed::Frame(name, token) => Feed::Named(*name, token),
        };
        NewRow {
            feed,
            position: [self.position; 3],
            evidence: self.evidence,
            oldest: self.oldest,
        }
    }
}

impl TinyPolicy<'_> {
    /// Writes into an episode what came of its last unit.
    fn append(&self, state: &mut TinyState, observation: Observation<'_>) -> Result<(), TinyError> {
        let from = state.sequence.rows.len();
        let pool = state.pair.pool();
        observation_rows(self.vocabulary, pool, observation, &mut state.sequence)?;
        if let Observation::Outcome { .. } = observation {
            state.calls += 1;
        }
        let rows = self.pending(&state.pair, &state.sequence, from)?;
        state.pending.extend(rows);
        Ok(())
    }

    /// Opens a unit, unless one is being written.
    fn begin_unit(&self, turn: &mut Turn<'_, TinyState>) {
        let state = &mut *turn.state;
        if state.writing.is_some() {
            return;
        }
        let plan = match (turn.may_call, self.director) {
            (false, _) => Plan::Answer,
            (true, None) => Plan::Free,
            (true, Some(director)) => {
                let seen: Vec<View> = state.sequence.views().collect();
                director.plan(&state.pair, &seen, u32::from(state.calls))
            }
        };
        // Every unit opens with its snapshot: given, so that no sample is spent on it.
        state.give(self.pieces.snapshot);
        state.writing = Some(Writing {
            plan,
            tokens: vec![self.pieces.snapshot],
            chosen: 0,
        });
    }

    /// Feeds what each episode has pending; the logits after its last row.
    fn step(
        &self,
        engine: &mut Engine,
        turns: &mut [Turn<'_, TinyState>],
        logits: &mut Vec<f32>,
    ) -> Result<(), DecodeError> {
        let mut fed = Vec::with_capacity(turns.len());
        let mut caches = Vec::with_capacity(turns.len());
        for turn in turns.iter_mut() {
            let TinyState { pending, cache, .. } = &mut *turn.state;
            fed.push(&*pending);
            caches.push(cache);
        }
        let rows: Vec<NewRow<'_>> = fed.iter().copied().flatten().map(Pending::row).collect();
        let mut rest = &rows[..];
        let mut items = Vec::with_capacity(fed.len());
        for (cache, pending) in caches.into_iter().zip(&fed) {
            let own;
            (own, rest) = rest.split_at(pending.len());
            items.push((cache, own));
        }
        engine.forward(&mut items, logits)?;
        for turn in turns.iter_mut() {
            let state = &mut *turn.state;
            state.pending.clear();
            // Only now: the piece that closed the last unit was still to see what is forgotten from here on.
            let oldest = state.sequence.oldest();
            if oldest > state.oldest {
                state.cache.evict(oldest);
                state.oldest = oldest;
            }
        }
        Ok(())
    }

    /// Draws one token and takes it, or what the plan puts in its place; the unit's text once it is complete.
    fn continue_unit(
        &self,
        state: &mut TinyState,
        logits: &mut [f32],
    ) -> Option<Result<Reply, PolicyError>> {
        let mut unit = state.writing.take()?;
        let uniform = self.uniform(state);
        let drawn = match sampling::sample(logits, self.sampling.temperature, &[], uniform) {
            Ok(drawn) => drawn,
            Err(error) => {
                return Some(Err(PolicyError {
                    pair: state.pair.key,
                    reason: error.to_string(),
                }));
            }
        };
        let ordered = match &unit.plan {
            Plan::Answer if drawn.token == self.pieces.recommend => Some(self.pieces.answer),
            Plan::Call(_) if drawn.token == self.pieces.answer => Some(self.pieces.recommend),
            _ => None,
        };
        let token = ordered.unwrap_or(drawn.token);
        match ordered {
            Some(token) => state.sequence.give(token),
            None => state.sequence.choose(token, drawn.logp),
        }
        state.feed_last(token);
        unit.tokens.push(token);
        unit.chosen += 1;
        let mut done = self.pieces.closing.contains(&token);
        if let Plan::Call(call) = &unit.plan
            && self.pieces.openings.contains(&token)
        {
            for &token in call {
                state.give(token);
            }
            unit.tokens.extend(call);
            done = true;
        }
        let cut = !done && unit.chosen >= self.sampling.max_tokens;
        if !done && !cut {
            state.writing = Some(unit);
            return None;
        }
        Some(Ok(Reply {
            text: self.vocabulary.render(&unit.tokens, state.pair.pool()),
            tokens: unit.chosen,
            cut,
            ..Reply::default()
        }))
    }
}
