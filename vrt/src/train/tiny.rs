//! In: a file with a tiny policy. Out: the policy as the stages train it: all its weights but the vision tower's.
//!
//! The tower stays as it is, as in the experiments: what is sampled is seen with the eyes that it is learned with.

use std::marker::PhantomData;
use std::path::Path;

use serde_json::{Map, Value, json};
use vrt_core::episode::{Episode, Rules};
use vrt_core::model::encode::Encoder;
use vrt_core::op::OpSet;
use vrt_core::pair::{Pool, PreferencePair};
use vrt_core::policy::{FrameBank, Reply, Sampling, TinyPolicy, observation_rows, query_rows};
use vrt_core::sequence::Sequence;
use vrt_core::tokenizer::{Piece, Vocabulary, VocabularyError};
use vrt_core::trace::Unit;
use vrt_train::learn::ActorError;
use vrt_train::learner::{Learner, Scope, TinyActor};
use vrt_train::optim::AdamWConfig;
use vrt_train::tiny::{self, TrainedTiny, Training};

use super::error::TrainError;
use super::model::Model;
use super::pairs::Pairs;
use super::script::{LessonError, Script, ScriptError};
use crate::prompt::DimensionWording;
use crate::tiny::Asked;

/// The result of a stage: a policy as a file that says how to ask it.
pub const RESULT: &str = "policy.safetensors";

/// A tiny policy that is offered the operations `O`.
pub struct TinyModel<O> {
    base: Map<String, Value>,
    trained: TrainedTiny,
    parameters: Vec<f32>,
    tower: Encoder,
    spelled: Vec<String>,
    /// What the tower saw of a step's pairs.
    bank: FrameBank,
    ops: PhantomData<fn() -> O>,
}

/// What tells a policy that is trained from others.
pub fn base(trained: &TrainedTiny) -> Map<String, Value> {
    [("tiny".to_owned(), json!(trained.blake3()))]
        .into_iter()
        .collect()
}

impl<O: OpSet> TinyModel<O> {
    /// The policy of a file.
    ///
    /// # Errors
    /// [`TrainError::Actor`] if its weights make no vision tower.
    pub fn new(trained: TrainedTiny) -> Result<Self, TrainError> {
        let tower = trained.model().encoder();
        Ok(Self {
            base: base(&trained),
            parameters: trained.model().to_flat(),
            tower: tower.map_err(|error| TrainError::Actor(error.into()))?,
            spelled: trained.vocabulary().spelled(),
            bank: FrameBank::default(),
            trained,
            ops: PhantomData,
        })
    }

    /// The episode, without a look at its pictures.
    fn sequence(&self, script: &Script, pair: &PreferencePair) -> Result<Sequence, LessonError> {
        let (vocabulary, rules) = (self.trained.vocabulary(), self.rules());
        let mut sequence = query_rows(vocabulary, pair, &script.initial)?;
        let mut episode = Episode::open(pair, 0, rules);
        episode.initial = script.initial.clone();
        for (number, reply) in (1..).zip(&script.replies) {
            let may_call = episode.may_call(rules);
            episode.advance::<O>(Ok(reply.clone()), pair, rules);
            let unit = episode.rounds.last().and_then(|round| round.unit.as_ref());
            let unit = unit.ok_or(LessonError::Format { unit: number })?;
            let written = match reply.sampled.as_slice() {
                [] => spelled(vocabulary, unit, pair),
                _ => sampled(vocabulary, reply, pair, may_call),
            };
            let written = written
                .map_err(|error| LessonError::Spell {
                    unit: number,
                    error,
                })?
                .ok_or(LessonError::Tokens { unit: number })?;
            for token in written {
                match token {
                    Token::Given(token) => sequence.give(token),
                    Token::Chosen(token, logp) => sequence.choose(token, logp),
                }
            }
            match episode.observation(rules) {
                Some(seen) => observation_rows(vocabulary, pair.pool(), seen, &mut sequence)?,
                None => break,
            }
        }
        Ok(sequence.close())
    }

    /// The pair under a key of its own in each of its two orders: the bank must not take one for the other.
    fn pair(script: &Script, pairs: &Pairs) -> PreferencePair {
        PreferencePair {
            key: script.shown.key(),
            ..pairs.in_order(script.shown)
        }
    }
}

/// One token of a unit.
#[derive(Clone, Copy)]
enum Token {
    /// Nobody chose it.
    Given(u32),
    /// Somebody did, with this log-probability.
    Chosen(u32, f32),
}

impl Token {
    fn id(self) -> u32 {
        match self {
            Self::Given(token) | Self::Chosen(token, _) => token,
        }
    }
}

/// Somebody else's unit in the policy's tokens. The first one opens every unit and is given.
fn spelled(
    vocabulary: &Vocabulary,
    unit: &Unit,
    pair: &PreferencePair,
) -> Result<Option<Vec<Token>>, VocabularyError> {
    let tokens = vocabulary.unit(unit, pair.pool())?.into_iter().enumerate();
    Ok(Some(
        tokens
            .map(|(at, token)| match at {
                0 => Token::Given(token),
                _ => Token::Chosen(token, 0.0),
            })
            .collect(),
    ))
}

/// The policy's own unit as it was sampled; `None` if these tokens do not spell it. Where no call was left and the policy
/// went for one, its token was put aside and the opening of an answer given instead.
fn sampled(
    vocabulary: &Vocabulary,
    reply: &Reply,
    pair: &PreferencePair,
    may_call: bool,
) -> Result<Option<Vec<Token>>, VocabularyError> {
    let mut tokens = vec![Token::Given(vocabulary.id(&Piece::Snapshot)?)];
    for one in &reply.sampled {
        let Some(token) = one.token else {
            return Ok(None);
        };
        tokens.push(Token::Chosen(token, one.logp.unwrap_or(f32::NEG_INFINITY)));
    }
    let spells = |tokens: &[Token]| {
        let ids: Vec<u32> = tokens.iter().map(|token| token.id()).collect();
        vocabulary.render(&ids, pair.pool()) == reply.text
    };
    if spells(&tokens) {
        return Ok(Some(tokens));
    }
    if may_call {
        return Ok(None);
    }
    let answer = Token::Given(vocabulary.id(&Piece::Answer)?);
    let with_answer = |at: usize| {
        let (before, after) = tokens.split_at(at);
        [before, &[answer], after].concat()
    };
    let places = (1..=tokens.len()).rev();
    Ok(places.map(with_answer).find(|tokens| spells(tokens)))
}

impl<O: OpSet> Model for TinyModel<O> {
    type Ops = O;
    type Sequence = Sequence;
    type Learner = Learner;
    type Actor<'a>
        = TinyActor<'a>
    where
        Self: 'a;
    type Policy<'a>
        = Asked<'a>
    where
        Self: 'a;

    const RESULT: &'static str = RESULT;

    fn base(&self) -> Map<String, Value> {
        self.base.clone()
    }

    fn asked(&self, _: &[DimensionWording; 3]) -> Map<String, Value> {
        Map::new()
    }

    fn rules(&self) -> &Rules {
        &self.trained.header().rules
    }

    fn most_tokens(&self) -> u32 {
        self.trained.header().max_tokens
    }

    fn parameters(&self) -> &[f32] {
        &self.parameters
    }

    fn go_on(&mut self, result: &Path) -> Result<(), TrainError> {
        let base = std::mem::take(&mut self.base);
        *self = Self {
            base,
            ..Self::new(TrainedTiny::read(result)?)?
        };
        Ok(())
    }

    fn policy(&self, sampling: Sampling) -> Result<Asked<'_>, ActorError> {
        let (model, vocabulary) = (self.trained.model(), self.trained.vocabulary());
        let policy = TinyPolicy::new(model, vocabulary, &self.bank, sampling)?;
        Ok(Asked::new(policy, Some(&self.spelled)))
    }

    fn forget(&self) {
        self.bank.clear();
    }

    fn learner(&self, config: AdamWConfig, threads: usize) -> Result<Learner, TrainError> {
        let parameters = self.parameters.clone();
        Ok(Learner::new(parameters, Scope::Language, config, threads)?)
    }

    fn actor<'a>(&'a self, learner: &'a mut Learner) -> TinyActor<'a> {
        let (vocabulary, reference) = (self.trained.vocabulary(), self.trained.model());
        TinyActor::new(learner, vocabulary, &self.bank, reference)
    }

    fn check(&self, script: &Script, pairs: &Pairs) -> Result<(), ScriptError> {
        let sequence = self.sequence(script, &Self::pair(script, pairs));
        sequence
            .map(drop)
            .map_err(|error| script.refused(pairs, error))
    }

    fn lesson(&self, script: &Script, pairs: &Pairs) -> Result<Sequence, ScriptError> {
        let pair = Self::pair(script, pairs);
        let refused = |error| script.refused(pairs, error);
        let sequence = self.sequence(script, &pair).map_err(refused)?;
        let wanted: Vec<_> = sequence.views().map(|view| (&pair, view)).collect();
        let looked = self.bank.look(&self.tower, &wanted);
        looked.map_err(|error| refused(error.into()))?;
        Ok(sequence)
    }

    fn save(&self, result: &Path, learner: &Learner, training: Training) -> Result<(), TrainError> {
        let mut header = self.trained.header().clone();
        header.provenance.since.push(training);
        Ok(tiny::write(result, &header, &learner.parameters)?)
    }
}

/// Whether the policy can be asked about a pair.
pub fn fit(trained: &TrainedTiny) -> impl Fn(&str, Pool) -> Result<(), String> {
    |caption, pool| {
        trained
            .speaks_of(caption, pool)
            .map_err(|why| why.to_string())
    }
}
