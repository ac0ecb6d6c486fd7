//! In: a model and pairs. Out: its right episodes, one a pair, sampled through a journal: what has ended is not sampled again.

use serde_json::{Map, Value};
use vrt_core::ledger::Ledger;
use vrt_core::pair::PreferencePair;
use vrt_core::policy::Sampling;
use vrt_core::rollout::rollout;
use vrt_train::rejection::{Harvest, best};

use super::TrainError;
use super::model::Model;
use super::pairs::Pairs;
use super::script::Script;
use super::stage::StageFolder;
use crate::eval::Progress;
use crate::server::{Journal, Journaled};

/// Pairs whose episodes are in memory at a time.
const CHUNK: usize = 64;

/// What was sampled.
pub struct Gathered {
    /// The episodes that are learned, in the order of the pairs.
    pub scripts: Vec<Script>,
    /// What became of the samples.
    pub harvest: Harvest,
    /// How they ended.
    pub ledger: Ledger,
}

/// Samples `samples` episodes a pair, and keeps the right one that doubts least.
///
/// # Errors
/// [`TrainError`]: the journal, a pair that cannot be opened, or no right episode at all.
pub fn gather<M: Model>(
    model: &M,
    sampling: Sampling,
    pairs: &Pairs,
    samples: u32,
    threads: usize,
    folder: &StageFolder,
    run: Map<String, Value>,
) -> Result<Gathered, TrainError> {
    let policy = model.policy(sampling).map_err(TrainError::Actor)?;
    let rules = model.rules();
    let path = folder.join("samples.jsonl");
    let journal = Journal::open(&path, run)?;
    let mut gathered = Gathered {
        scripts: Vec::new(),
        harvest: Harvest::default(),
        ledger: Ledger::of::<M::Ops>(),
    };
    let progress = Progress::start("samples", pairs.len() * samples as usize);
    let all: Vec<usize> = (0..pairs.len()).collect();
    for chunk in all.chunks(CHUNK) {
        let shown: Vec<PreferencePair> = chunk.iter().map(|&at| pairs.pair(at)).collect();
        let watch = |ended: crate::server::Progress<'_>| progress.advance(ended.recalled);
        let journaled = Journaled::new(&policy, &journal).watched(&watch);
        let sampled = rollout::<M::Ops, _>(&journaled, &shown, samples, rules, threads);
        // A journal that cannot be written is the cause of what failed after it.
        journaled.close()?;
        let (rollouts, ledger) = sampled?;
        gathered.ledger.add(&ledger);
        for rollout in rollouts {
            let at = chunk[rollout.pair];
            let kept = best(rollout, &pairs.truth(at), &mut gathered.harvest);
            let script = kept.map(|sample| Script::of_episode(&sample.episode, pairs.as_shown(at)));
            gathered.scripts.extend(script);
        }
        model.forget();
    }
    progress.finish();
    if gathered.scripts.is_empty() {
        return Err(TrainError::NoneRight(gathered.harvest));
    }
    Ok(gathered)
}
