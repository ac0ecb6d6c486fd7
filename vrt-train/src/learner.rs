//! In: sequences and a loss on their sampled tokens. Out: one optimiser step on the tiny policy.

use std::collections::HashMap;

use dfdx::prelude::{Cpu, NoneTape};
use vrt_core::model::{Frames, Fused, ParamSpec, Tiny};
use vrt_core::pair::PairKey;
use vrt_core::policy::{FrameBank, Sampling, TinyPolicy};
use vrt_core::sequence::{Packed, Sequence};
use vrt_core::shard;
use vrt_core::tokenizer::Vocabulary;
use vrt_core::view::View;

use crate::learn::{
    Actor, ActorError, Learn, LearnError, Loss, SHARDS, ShardTokens, Step, Trainee, Weights, deal,
};
use crate::optim::{AdamW, AdamWConfig, Flat, Trained};

/// Which parameters a stage trains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Everything.
    All,
    /// Everything but the vision tower.
    Language,
    /// The decoder's blocks and its last norm: neither the vision tower nor the embeddings.
    Blocks,
}

impl Scope {
    /// Whether it holds the parameter of this name.
    pub fn trains(self, name: &str) -> bool {
        let vision = name.starts_with("visual.");
        let embedding = name.starts_with("model.embed_tokens.") || name.starts_with("lm_head.");
        match self {
            Self::All => true,
            Self::Language => !vision,
            Self::Blocks => !vision && !embedding,
        }
    }
}

/// Where the visual tokens of a batch come from.
pub enum Sight<'a> {
    /// The tower is frozen: what it saw is in the bank.
    Bank(&'a FrameBank),
    /// The tower is trained: the patches of a frame are made anew.
    Patches(&'a Patches<'a>),
}

/// A model and its optimiser.
pub struct Learner {
    /// The model with the newest parameters.
    pub model: Tiny,
    /// The same parameters, flat.
    pub parameters: Vec<f32>,
    /// The optimiser and its state.
    pub optimizer: AdamW,
    layout: Vec<ParamSpec>,
    trained: Vec<Trained>,
    /// The last step's: kept so that no step takes memory for it.
    gradient: Vec<f32>,
    threads: usize,
}

/// Makes the patches of a picture.
pub type Patches<'a> = dyn Fn(PairKey, View) -> Result<Vec<f32>, LearnError> + Sync + 'a;

impl Learner {
    /// A learner for these parameters.
    ///
    /// # Errors
    /// [`LearnError::Model`] if they are not the tiny policy's.
    pub fn new(
        parameters: Vec<f32>,
        scope: Scope,
        config: AdamWConfig,
        threads: usize,
    ) -> Result<Self, LearnError> {
        let mut model = Tiny::new(&Cpu::default(), 0);
        let layout = model.layout();
        model.load_flat(&parameters)?;
        let trained = layout
            .iter()
            .filter(|spec| scope.trains(&spec.name))
            .map(|spec| Trained {
                range: spec.offset..spec.offset + spec.shape.iter().product::<usize>(),
                decays: spec.shape.len() > 1,
            })
            .collect();
        let optimizer = AdamW::new(config, parameters.len());
        let gradient = vec![0.0; parameters.len()];
        Ok(Self {
            model,
            parameters,
            optimizer,
            layout,
            trained,
            gradient,
            threads,
        })
    }

    /// Threads a step may use.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// One step on a mini-batch. `loss` returns, for a shard, what is logged and the loss's gradient by each
    /// log-probability (already normalised over the whole mini-batch).
    ///
    /// # Errors
    /// [`LearnError`]; nothing was changed then.
    pub fn step<T: Send>(
        &mut self,
        sequences: &[&Sequence],
        sight: &Sight<'_>,
        temperature: f32,
        rate: f32,
        loss: &Loss<'_, T>,
    ) -> Result<Step<T>, LearnError> {
        self.step_in_groups(sequences, 1, sight, temperature, rate, loss)
    }

    /// [`Learner::step`] for a loss that compares sequences: every `group` successive ones are dealt to one shard, where
    /// they stay neighbours.
    ///
    /// # Errors
    /// [`LearnError`]; nothing was changed then.
    pub fn step_in_groups<T: Send>(
        &mut self,
        sequences: &[&Sequence],
        group: usize,
        sight: &Sight<'_>,
        temperature: f32,
        rate: f32,
        loss: &Loss<'_, T>,
    ) -> Result<Step<T>, LearnError> {
        let costs: Vec<u64> = sequences
            .iter()
            .map(|sequence| sequence.rows.len() as u64)
            .collect();
        let dealt = deal(&costs, group);
        let model = &self.model;
        let flat = Flat {
            parameters: &mut self.parameters,
            gradient: &mut self.gradient,
            trained: &self.trained,
        };
        let run = |shard: usize| {
            let members = dealt[shard].as_slice();
            let any = !members.is_empty();
            any.then(|| run_shard(model, sequences, members, sight, temperature, loss))
                .transpose()
        };
        let (norm, logged) = self.optimizer.step(flat, rate, self.threads, SHARDS, run)?;
        let step = Step::of(&self.optimizer, norm, logged)?;
        self.model.load_flat(&self.parameters)?;
        Ok(step)
    }
}

impl Trainee for Learner {
    fn layout(&self) -> Vec<ParamSpec> {
        self.layout.clone()
    }

    fn parameters(&self) -> &[f32] {
        &self.parameters
    }

    fn optimizer(&self) -> &AdamW {
        &self.optimizer
    }

    fn restore(&mut self, parameters: Vec<f32>, optimizer: AdamW) -> Result<(), LearnError> {
        self.model.load_flat(&parameters)?;
        self.parameters = parameters;
        self.optimizer = optimizer;
        Ok(())
    }
}

fn run_shard<T>(
    model: &Tiny,
    sequences: &[&Sequence],
    members: &[usize],
    sight: &Sight<'_>,
    temperature: f32,
    loss: &Loss<'_, T>,
) -> Result<(Vec<f32>, T), LearnError> {
    let mut places: HashMap<(PairKey, View), u32> = HashMap::new();
    let mut frames: Vec<(PairKey, View)> = Vec::new();
    let packed = Packed::new(
        members.iter().map(|&member| sequences[member]),
        |pair, view| {
            *places.entry((pair, view)).or_insert_with(|| {
                frames.push((pair, view));
                frames.len() as u32 - 1
            })
        },
    );
    let mut pixels = Vec::new();
    for &(pair, view) in &frames {
        match sight {
            Sight::Bank(bank) => {
                let token = bank
                    .get(pair, view)
                    .ok_or_else(|| LearnError::unseen(pair, view))?;
                pixels.extend_from_slice(&token);
            }
            Sight::Patches(patches) => pixels.extend(patches(pair, view)?),
        }
    }
    let given = match sight {
        Sight::Bank(_) => Frames::Rows(&pixels),
        Sight::Patches(_) => Frames::Patches(&pixels),
    };
    let mut value = None;
    let head = |logp: &[f32], _: &[f32]| {
        let (logged, gradient) = loss(ShardTokens { members, logp });
        value = Some(logged);
        (0.0, gradient)
    };
    let part = model.loss_gradients::<Fused>(&Cpu::default(), &packed, given, temperature, head)?;
    let value = value.expect("the model asks for the loss once");
    Ok((part.grads, value))
}

/// A learner whose pictures come from one place.
pub struct Seeing<'a> {
    /// The learner.
    pub learner: &'a mut Learner,
    /// Where its visual tokens come from.
    pub sight: Sight<'a>,
}

impl Learn for Seeing<'_> {
    type Sequence = Sequence;

    fn threads(&self) -> usize {
        self.learner.threads
    }

    fn step<T: Send>(
        &mut self,
        sequences: &[&Sequence],
        temperature: f32,
        rate: f32,
        loss: &Loss<'_, T>,
    ) -> Result<Step<T>, LearnError> {
        self.learner
            .step(sequences, &self.sight, temperature, rate, loss)
    }
}

/// The tiny policy as it samples and learns; its tower is frozen.
pub struct TinyActor<'a> {
    seeing: Seeing<'a>,
    vocabulary: &'a Vocabulary,
    bank: &'a FrameBank,
    reference: &'a Tiny,
}

impl<'a> TinyActor<'a> {
    /// The newest parameters, the words that they write, what the tower saw of a step's pairs, and the policy that training
    /// began with.
    pub fn new(
        learner: &'a mut Learner,
        vocabulary: &'a Vocabulary,
        bank: &'a FrameBank,
        reference: &'a Tiny,
    ) -> Self {
        let sight = Sight::Bank(bank);
        Self {
            seeing: Seeing { learner, sight },
            vocabulary,
            bank,
            reference,
        }
    }
}

impl<'s> Actor for TinyActor<'s> {
    type Learner = Seeing<'s>;
    type Policy<'a>
        = TinyPolicy<'a>
    where
        Self: 'a;

    fn learner(&mut self) -> &mut Seeing<'s> {
        &mut self.seeing
    }

    fn begin(&mut self) {
        self.bank.clear();
    }

    fn policy(&self, sampling: Sampling) -> Result<TinyPolicy<'_>, ActorError> {
        let model = &self.seeing.learner.model;
        Ok(TinyPolicy::new(
            model,
            self.vocabulary,
            self.bank,
            sampling,
        )?)
    }

    fn logps(
        &self,
        of: Weights,
        sequences: &[&Sequence],
        temperature: f32,
    ) -> Result<Vec<Vec<f32>>, LearnError> {
        let policy = match of {
            Weights::Newest => &self.seeing.learner.model,
            Weights::Reference => self.reference,
        };
        let costs: Vec<u64> = sequences.iter().map(|one| one.rows.len() as u64).collect();
        // Small pieces bound the memory of a pass; their number depends on the sequences alone.
        let dealt = shard::balance(&costs, sequences.len().div_ceil(64));
        let logps = shard::in_order(dealt.len(), self.seeing.threads(), |piece| {
            let members = dealt[piece].iter().map(|&member| sequences[member]);
            score(policy, self.bank, members, temperature)
        });
        let mut scored = vec![Vec::new(); sequences.len()];
        for (members, logps) in dealt.iter().zip(logps) {
            let mut logps = logps?.into_iter();
            for &member in members {
                let tokens = sequences[member].targets.len();
                scored[member] = logps.by_ref().take(tokens).collect();
            }
        }
        Ok(scored)
    }
}

/// A policy's log-probabilities of the sequences' tokens, one after the other.
fn score<'a>(
    policy: &Tiny,
    bank: &FrameBank,
    sequences: impl Iterator<Item = &'a Sequence>,
    temperature: f32,
) -> Result<Vec<f32>, LearnError> {
    let mut frames = Vec::new();
    let packed = Packed::new(sequences, |pair, view| {
        frames.push((pair, view));
        frames.len() as u32 - 1
    });
    let mut visual = Vec::new();
    for (pair, view) in frames {
        let token = bank
            .get(pair, view)
            .ok_or_else(|| LearnError::unseen(pair, view))?;
        visual.extend_from_slice(&token);
    }
    let dev = Cpu::default();
    let visual = policy.given_rows(&dev, &visual, NoneTape)?;
    let scored = policy.token_logps::<Fused, _>(&packed, visual, temperature)?;
    Ok(scored.logps.as_vec())
}
