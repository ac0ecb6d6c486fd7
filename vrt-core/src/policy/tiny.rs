//! In: the typed model's weights and a vocabulary. Out: units, sampled token by token.
//!
//! What is sampled is kept: ids and log-probabilities go into the [`Sequence`] as they were drawn. Where the
//! rules leave no choice (a call after the last one allowed, a director's order), the decision token is
//! replaced and carries no loss; every other token was drawn from the model's full distribution.

use std::sync::{Arc, Mutex, PoisonError};

use super::{FrameBank, Observation, Opening, Policy, PolicyError, Reply, Shown, Turn};
use rand::RngExt;

use crate::model::Tiny;
use crate::model::decode::{Cache, Engine, Feed, NewRow};
use crate::model::sampling;
use crate::model::weights::{DecoderWeights, WeightsError};
use crate::pair::{FrameIndex, PreferencePair};
use crate::rng::{self, Purpose};
use crate::sequence::{Input, Sequence};
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
    tower: &'a Tiny,
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
    pending: Vec<Pending>,
    calls: u8,
}

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

impl<'a> TinyPolicy<'a> {
    /// The policy of these weights. `bank` keeps what the tower saw, for training on the same frames.
    ///
    /// # Errors
    /// [`TinyError`] if the vocabulary lacks a piece of the trace format, or the model cannot decode.
    pub fn new(
        model: &'a Tiny,
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
            tower: model,
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

    fn uniform(&self, state: &TinyState) -> f32 {
        let number = u64::from(state.sample) << 32 | state.sequence.rows.len() as u64;
        let Sampling { seed, step, .. } = self.sampling;
        let mut stream = rng::stream(seed, Purpose::Token, step, state.pair.key.0, number);
        stream.random()
    }
}

/// One unit while it is written.
struct Writing {
    plan: Plan,
    tokens: Vec<u32>,
    chosen: u32,
    over: Option<Result<Reply, PolicyError>>,
}

impl TinyState {
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
                .look(self.tower, &wanted)
                .map_err(|error| failed(first.pair, error.to_string()))?;
        }
        let mut prompts = Vec::with_capacity(openings.len());
        for one in openings {
            let sequence = query_rows(self.vocabulary, one.pair, one.initial)
                .map_err(|error| failed(one.pair, error.to_string()))?;
            let pending = self.pending(one.pair, &sequence, 0)?;
            prompts.push((sequence, pending, Cache::new(self.weights.config())));
        }
        // The samples of a group share their prompt: it is run once.
        let mut engine = self.engine();
        let rows: Vec<Vec<NewRow<'_>>> = prompts
            .iter()
            .map(|(_, pending, _)| pending.iter().map(Pending::row).collect())
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
        for ((one, (sequence, ..)), cache) in openings.iter().zip(prompts).zip(caches) {
            for sample in 0..one.samples {
                states.push(TinyState {
                    pair: one.pair.clone(),
                    sample,
                    sequence: sequence.clone(),
                    cache: cache.clone(),
                    pending: Vec::new(),
                    calls: 0,
                });
            }
        }
        Ok(states)
    }

    fn reply(&self, turns: &mut [Turn<'_, TinyState>]) -> Vec<Result<Reply, PolicyError>> {
        let mut engine = self.engine();
        let mut logits = Vec::new();
        let mut writing: Vec<Writing> = turns
            .iter_mut()
            .map(|turn| {
                let plan = match (turn.may_call, self.director) {
                    (false, _) => Plan::Answer,
                    (true, None) => Plan::Free,
                    (true, Some(director)) => {
                        let seen: Vec<View> = turn.state.sequence.views().collect();
                        director.plan(&turn.state.pair, &seen, u32::from(turn.state.calls))
                    }
                };
                // Every unit opens with its snapshot: given, so that no sample is spent on it.
                turn.state.give(self.pieces.snapshot);
                Writing {
                    plan,
                    tokens: vec![self.pieces.snapshot],
                    chosen: 0,
                    over: None,
                }
            })
            .collect();
        loop {
            let live: Vec<usize> = (0..turns.len())
                .filter(|&i| writing[i].over.is_none())
                .collect();
            if live.is_empty() {
                break;
            }
            let mut fed = Vec::with_capacity(live.len());
            let mut caches = Vec::with_capacity(live.len());
            for (turn, _) in turns
                .iter_mut()
                .zip(&writing)
                .filter(|(_, unit)| unit.over.is_none())
            {
                fed.push(std::mem::take(&mut turn.state.pending));
                caches.push(&mut turn.state.cache);
            }
            let rows: Vec<Vec<NewRow<'_>>> = fed
                .iter()
                .map(|pending| pending.iter().map(Pending::row).collect())
                .collect();
            let mut items: Vec<(&mut Cache, &[NewRow<'_>])> = caches
                .into_iter()
                .zip(&rows)
                .map(|(cache, rows)| (cache, rows.as_slice()))
                .collect();
            let ran = engine.forward(&mut items, &mut logits);
            drop(items);
            if let Err(error) = ran {
                for i in live {
                    let pair = turns[i].state.pair.key;
                    writing[i].over = Some(Err(PolicyError {
                        pair,
                        reason: error.to_string(),
                    }));
                }
                break;
            }
            for (i, logits) in live.into_iter().zip(logits.chunks_exact_mut(Tiny::VOCAB)) {
                self.continue_unit(turns[i].state, &mut writing[i], logits);
            }
        }
        self.put_back(engine);
        writing
            .into_iter()
            .map(|unit| unit.over.unwrap_or_else(|| Ok(Reply::default())))
            .collect()
    }

    fn observe(&self, shown: &mut [Shown<'_, TinyState>]) -> Vec<Result<(), PolicyError>> {
        let mut wanted: Vec<(&PreferencePair, View)> = Vec::new();
        for one in shown.iter() {
            if let Observation::Outcome { outcome, .. } = one.observation {
                wanted.extend(outcome.views.iter().map(|&view| (&one.state.pair, view)));
            }
        }
        let looked = self.bank.look(self.tower, &wanted);
        shown
            .iter_mut()
            .map(|one| {
                let pair = one.state.pair.key;
                let failed = |reason: String| PolicyError { pair, reason };
                if let Err(error) = &looked {
                    return Err(failed(error.to_string()));
                }
                self.append(one.state, one.observation)
                    .map_err(|error| failed(error.to_string()))?;
                Ok(())
            })
            .collect()
    }

    fn sequence(&self, state: TinyState) -> Option<Sequence> {
        Some(state.sequence.close())
    }
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
        match observation {
            Observation::Outcome { outcome, oldest } => {
                state.sequence.outcome(oldest);
                for &view in &outcome.views {
                    let name = self.vocabulary.frame(state.pair.pool(), view.frame())?;
                    state.sequence.show(name, view);
                }
                state.calls += 1;
            }
            Observation::Fault(fault) => {
                let piece = self.vocabulary.id(&Piece::Fault(fault.row()))?;
                state.sequence.give(piece);
            }
        }
        let rows = self.pending(&state.pair, &state.sequence, from)?;
        state.pending.extend(rows);
        Ok(())
    }

    /// Draws one token and takes it, or what the plan puts in its place.
    fn continue_unit(&self, state: &mut TinyState, unit: &mut Writing, logits: &mut [f32]) {
        let drawn =
            match sampling::sample(logits, self.sampling.temperature, &[], self.uniform(state)) {
                Ok(drawn) => drawn,
                Err(error) => {
                    unit.over = Some(Err(PolicyError {
                        pair: state.pair.key,
                        reason: error.to_string(),
                    }));
                    return;
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
        if done || cut {
            let text = self.vocabulary.render(&unit.tokens, state.pair.pool());
            unit.over = Some(Ok(Reply {
                text,
                tokens: unit.chosen,
                cut,
            }));
        }
    }
}
