//! In: kept traces. Out: a policy fine-tuned on them. What cold start and rejection sampling share.

use serde::{Deserialize, Serialize};
use vrt_core::pair::PreferencePair;
use vrt_core::policy::FrameBank;
use vrt_core::sequence::Sequence;
use vrt_core::shard;
use vrt_train::learner::{Learner, Scope, Seeing, Sight};
use vrt_train::optim::{AdamWConfig, Decay, Schedule};
use vrt_train::sft::{self, SftConfig};

use super::steps::{self, Done, failed};
use crate::stage::{StageContext, StageError};

/// How the traces are learned.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Passes {
    /// Passes over the traces.
    pub epochs: u32,
    /// Traces an update.
    pub batch: u32,
    /// Peak learning rate, cosine to `final_lr` of it.
    pub lr: f64,
    /// The last learning rate as a share of the peak.
    pub final_lr: f64,
}

/// Looks at every frame of the sequences once.
///
/// # Errors
/// [`StageError::Failed`] for a frame that cannot be shown.
pub fn look(
    learner: &Learner,
    bank: &FrameBank,
    traces: &[(PreferencePair, Sequence)],
    threads: usize,
) -> Result<(), StageError> {
    let tower = learner.model.encoder().map_err(failed)?;
    shard::in_order(traces.len(), threads, |i| {
        let (pair, sequence) = &traces[i];
        let wanted: Vec<_> = sequence.views().map(|view| (pair, view)).collect();
        bank.look(&tower, &wanted).map(drop)
    })
    .into_iter()
    .collect::<Result<(), _>>()
    .map_err(failed)
}

/// Fine-tunes on kept traces; the tower stays as it is.
///
/// # Errors
/// A step's or a checkpoint's.
pub fn fine_tune(
    cx: &mut StageContext,
    parameters: Vec<f32>,
    traces: &[(PreferencePair, Sequence)],
    passes: &Passes,
    seed: u64,
) -> Result<(), StageError> {
    let threads = cx.threads();
    let mut learner = Learner::new(parameters, Scope::Language, AdamWConfig::default(), threads)
        .map_err(failed)?;
    let bank = FrameBank::default();
    look(&learner, &bank, traces, threads)?;
    let config = SftConfig {
        epochs: u64::from(passes.epochs),
        batch: passes.batch as usize,
        schedule: Schedule {
            peak: passes.lr as f32,
            warmup: 10,
            floor: passes.final_lr as f32,
            decay: Decay::Cosine,
        },
    };
    let total = config.steps(traces.len());
    steps::run(cx, &mut learner, total, &mut (), |learner, (), step| {
        let members = config.members(step, traces.len(), seed);
        let batch: Vec<&Sequence> = members.into_iter().map(|i| &traces[i].1).collect();
        let rate = config.schedule.at(step, total);
        let sight = Sight::Bank(&bank);
        let done = sft::step(&mut Seeing { learner, sight }, &batch, rate).map_err(failed)?;
        Ok(Done {
            remark: format!("loss {:.3}", done.loss),
            metrics: done,
        })
    })
}
