//! In: episodes and a loss on their sampled tokens. Out: one optimiser step on low-rank adapters over a frozen decoder.
//!
//! Gradients, moments and parameters have the size of the adapters; the base is shared by all threads and never
//! copied. A shard goes through its episodes one by one and adds their gradients up.

use vrt_core::model::ParamSpec;
use vrt_core::model::kernels;
use vrt_core::model::lora::{Lora, LoraError};
use vrt_core::shard;

use crate::learn::{Learn, LearnError, Loss, SHARDS, Sampled, ShardTokens, Step, Trainee, deal};
use crate::optim::{AdamW, AdamWConfig, Flat, Trained};
use crate::turns::Turns;

/// Adapters and their optimiser.
#[derive(Clone, Debug)]
pub struct LoraLearner {
    /// The adapters over their base.
    pub lora: Lora,
    /// The optimiser and its state.
    pub optimizer: AdamW,
    parameters: Vec<f32>,
    /// The last step's: kept so that no step takes memory for it.
    gradient: Vec<f32>,
    threads: usize,
}

impl LoraLearner {
    /// A learner for these adapters.
    pub fn new(lora: Lora, config: AdamWConfig, threads: usize) -> Self {
        let parameters = lora.parameters().to_vec();
        Self {
            optimizer: AdamW::new(config, parameters.len()),
            lora,
            gradient: vec![0.0; parameters.len()],
            parameters,
            threads,
        }
    }
}

impl Trainee for LoraLearner {
    fn layout(&self) -> Vec<ParamSpec> {
        self.lora.layout()
    }

    fn parameters(&self) -> &[f32] {
        &self.parameters
    }

    fn optimizer(&self) -> &AdamW {
        &self.optimizer
    }

    fn restore(&mut self, parameters: Vec<f32>, optimizer: AdamW) -> Result<(), LearnError> {
        self.lora.load_flat(&parameters)?;
        self.parameters = parameters;
        self.optimizer = optimizer;
        Ok(())
    }
}

impl Learn for LoraLearner {
    type Sequence = Turns;

    fn threads(&self) -> usize {
        self.threads
    }

    fn step<T: Send>(
        &mut self,
        sequences: &[&Turns],
        temperature: f32,
        rate: f32,
        loss: &Loss<'_, T>,
    ) -> Result<Step<T>, LearnError> {
        let costs: Vec<u64> = sequences.iter().map(|one| one.rows() as u64).collect();
        let dealt = deal(&costs, 1);
        let lora = &self.lora;
        let run = |shard: usize| {
            let mut sum: Option<Vec<f32>> = None;
            let mut logged = Vec::new();
            for &member in &dealt[shard] {
                let (grads, value) = gradients(lora, sequences[member], member, temperature, loss)?;
                match &mut sum {
                    Some(sum) => kernels::add(sum, &grads),
                    None => sum = Some(grads),
                }
                logged.push(value);
            }
            Ok::<_, LearnError>(sum.map(|sum| (sum, logged)))
        };
        let trained = [Trained {
            range: 0..self.parameters.len(),
            decays: true,
        }];
        let flat = Flat {
            parameters: &mut self.parameters,
            gradient: &mut self.gradient,
            trained: &trained,
        };
        let (norm, logged) = self.optimizer.step(flat, rate, self.threads, SHARDS, run)?;
        let logged = logged.into_iter().flatten().collect();
        let step = Step::of(&self.optimizer, norm, logged)?;
        self.lora.load_flat(&self.parameters)?;
        Ok(step)
    }
}

/// Log-probabilities of the episodes' sampled tokens with these adapters, episode by episode.
///
/// # Errors
/// [`LearnError::Lora`] if an episode does not fit the base.
pub fn logps(
    lora: &Lora,
    sequences: &[&Turns],
    temperature: f32,
    threads: usize,
) -> Result<Vec<Vec<f32>>, LearnError> {
    let scored = shard::in_order(sequences.len(), threads, |at| {
        let turns = sequences[at];
        lora.token_logps(turns.packed(), &turns.visual(), temperature)
    });
    let scored = scored.into_iter().map(|scores| Ok(scores?.logps));
    scored.collect()
}

/// The gradient of one episode's part of the loss, and what is logged of it.
fn gradients<T>(
    lora: &Lora,
    turns: &Turns,
    member: usize,
    temperature: f32,
    loss: &Loss<'_, T>,
) -> Result<(Vec<f32>, T), LoraError> {
    let mut logged = None;
    let part = lora.loss_gradients(turns.packed(), &turns.visual(), temperature, |logp, _| {
        let members = &[member];
        let (value, derivative) = loss(ShardTokens { members, logp });
        logged = Some(value);
        (0.0, derivative)
    })?;
    let value = logged.expect("the model asks for the loss once");
    Ok((part.grads, value))
}
