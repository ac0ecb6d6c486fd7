//! In: a trained policy. Out: what judging costs here: memory of keys and values, latency, throughput.
//!
//! Memory is counted and the same everywhere. Times are of this machine at this moment: they are repeated, shown with
//! their spread, and never kept as a stage.

use std::sync::{Mutex, PoisonError};

use dfdx::prelude::Cpu;
use serde::{Deserialize, Serialize};
use vrt_core::model::Tiny;
use vrt_core::op::PaperOps;
use vrt_core::pair::PreferencePair;
use vrt_core::policy::{
    FrameBank, Opening, Policy, PolicyError, Reply, Sampling, Shown, TinyPolicy, TinyState, Turn,
};
use vrt_core::rollout::rollout;
use vrt_core::sequence::Sequence;

use crate::clock::Stopwatch;
use crate::kit::{Kit, Offered};
use crate::paper::PaperCosts;
use crate::spec::{Kind, Scale};
use crate::stage::{Cancel, StageError};
use crate::stages::WORLD_SEED;
use crate::stages::params::ArmParams;
use crate::stages::steps::failed;
use crate::world::World;

/// The median of repeated measurements, with the smallest and the largest.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Half are below.
    pub median: f64,
    /// The smallest.
    pub low: f64,
    /// The largest.
    pub high: f64,
}

impl Spread {
    /// Of these values; zeros where there are none.
    pub fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |place: usize| values.get(place).copied().unwrap_or(0.0);
        let last = values.len().saturating_sub(1);
        Self {
            median: (at(last / 2) + at(last.div_ceil(2))) / 2.0,
            low: at(0),
            high: at(last),
        }
    }
}

/// Everything a measurement says: its `result.json`.
#[derive(Clone, Debug, Serialize)]
pub struct Measurement {
    /// The experiment's id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// What it is shown as.
    pub kind: Kind,
    /// How much was trained and measured.
    pub scale: Scale,
    /// The code that was measured.
    pub revision: String,
    /// Processors of the machine that was measured on.
    pub cores: usize,
    /// Threads that throughput was measured with.
    pub threads: usize,
    /// How often times were measured.
    pub repeats: u32,
    /// The arms, in the spec's order.
    pub arms: Vec<ArmCosts>,
    /// Where the paper's numbers come from.
    pub paper_source: String,
    /// The paper's numbers; never ours.
    pub paper: Option<PaperCosts>,
    /// Remarks.
    pub notes: Vec<String>,
}

/// One arm's costs.
#[derive(Clone, Debug, Serialize)]
pub struct ArmCosts {
    /// Its id.
    pub id: String,
    /// Its label.
    pub label: String,
    /// What it costs.
    pub costs: Costs,
}

/// What judging costs one arm.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Costs {
    /// Pairs judged, once a repeat.
    pub pairs: usize,
    /// Frames shown first, a pair.
    pub frames: f64,
    /// Calls, a pair.
    pub calls: f64,
    /// Tokens that the policy chose, a pair.
    pub tokens: f64,
    /// Bytes of keys and values held at most at any time: mean over pairs, counted.
    pub kv_bytes: f64,
    /// The same of the dearest pair.
    pub kv_bytes_most: u64,
    /// Seconds from a pair to its verdict, alone on one thread: of each repeat the median over pairs.
    pub seconds: Spread,
    /// Tokens chosen a second, all pairs together on all threads.
    pub tokens_per_second: Spread,
}

/// The typed model, watched for the memory that its episodes hold.
struct Watched<'a> {
    policy: TinyPolicy<'a>,
    most: Mutex<Vec<usize>>,
}

impl Policy for Watched<'_> {
    type State = TinyState;
    type Sequence = Sequence;

    fn open(&self, openings: &[Opening<'_>]) -> Result<Vec<TinyState>, PolicyError> {
        self.policy.open(openings)
    }

    fn reply(&self, turns: &mut [Turn<'_, TinyState>]) -> Vec<Option<Result<Reply, PolicyError>>> {
        self.policy.reply(turns)
    }

    fn observe(&self, shown: &mut [Shown<'_, TinyState>]) -> Vec<Result<(), PolicyError>> {
        self.policy.observe(shown)
    }

    fn sequence(&self, state: TinyState) -> Option<Sequence> {
        let mut most = self.most.lock().unwrap_or_else(PoisonError::into_inner);
        most.push(state.most_rows());
        drop(most);
        self.policy.sequence(state)
    }
}

/// Bytes of the keys and values of one row.
pub fn row_bytes(model: &Tiny) -> usize {
    let config = model.decoder_config();
    2 * config.layers * config.kv_heads * config.head_dim * size_of::<f32>()
}

/// Judges the first pairs of each split again and again, greedily.
///
/// # Errors
/// [`StageError`] if the weights, the world or a pair cannot be used, or the run is to stop.
pub fn costs(
    parameters: &[f32],
    params: &ArmParams,
    threads: usize,
    cancel: &Cancel,
) -> Result<Costs, StageError> {
    let mut model = Tiny::new(&Cpu::default(), 0);
    model.load_flat(parameters).map_err(failed)?;
    let world = World::new(WORLD_SEED, params.world.clone()).map_err(failed)?;
    let vocabulary = Offered::paper().vocabulary().map_err(failed)?;
    let mut eval = params.eval.clone();
    eval.pairs_per_split = params.measure.pairs;
    let population = eval.population(&world).map_err(failed)?;
    let asked = population
        .iter()
        .flat_map(|asked| asked.keys.iter().map(|&key| asked.pair(&world, key)));
    let pairs: Vec<PreferencePair> = asked.collect();
    let rules = eval.rules(&params.input);
    let sampling = Sampling {
        temperature: 0.0,
        seed: 0,
        step: 0,
        max_tokens: crate::stages::MAX_TOKENS,
    };
    let bank = FrameBank::default();
    let watched = Watched {
        policy: TinyPolicy::new(&model, &vocabulary, &bank, sampling).map_err(failed)?,
        most: Mutex::default(),
    };
    // Frames are drawn and read anew each time: seeing is part of judging.
    let judge = |pairs: &[PreferencePair], threads: usize| {
        bank.clear();
        rollout::<PaperOps, _>(&watched, pairs, 1, &rules, threads).map_err(failed)
    };
    let (rollouts, _) = judge(&pairs, threads)?;
    let episodes: Vec<_> = rollouts.iter().flat_map(|r| &r.samples).collect();
    let count = pairs.len().max(1) as f64;
    let mean = |sum: f64| sum / count;
    let tokens: f64 = episodes.iter().map(|s| f64::from(s.episode.tokens())).sum();
    let calls: f64 = episodes.iter().map(|s| f64::from(s.episode.calls())).sum();
    let frames: usize = pairs
        .iter()
        .map(|pair| pair.pool().evenly(rules.initial_per_video).len())
        .sum();
    let most = watched
        .most
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    let bytes = row_bytes(&model);
    let (mut seconds, mut rates) = (Vec::new(), Vec::new());
    for _ in 0..params.measure.repeats.max(1) {
        let mut each = Vec::with_capacity(pairs.len());
        for pair in &pairs {
            if cancel.requested() {
                return Err(StageError::Interrupted);
            }
            let watch = Stopwatch::start();
            judge(std::slice::from_ref(pair), 1)?;
            each.push(watch.seconds());
        }
        seconds.push(Spread::of(each).median);
        let watch = Stopwatch::start();
        judge(&pairs, threads)?;
        rates.push(tokens / watch.seconds().max(f64::MIN_POSITIVE));
    }
    Ok(Costs {
        pairs: pairs.len(),
        frames: mean(frames as f64),
        calls: mean(calls),
        tokens: mean(tokens),
        kv_bytes: mean((most.iter().sum::<usize>() * bytes) as f64),
        kv_bytes_most: most.iter().max().map_or(0, |rows| (rows * bytes) as u64),
        seconds: Spread::of(seconds),
        tokens_per_second: Spread::of(rates),
    })
}

#[cfg(test)]
mod tests {
    use vrt_core::window::MemoryWindow;

    use super::*;

    #[test]
    fn a_spread_is_ordered_and_the_median_of_two_is_their_middle() {
        let spread = Spread::of(vec![3.0, 1.0, 2.0, 10.0]);
        assert_eq!((spread.low, spread.median, spread.high), (1.0, 2.5, 10.0));
        assert_eq!(Spread::of(vec![7.0]).median, 7.0);
    }

    #[test]
    fn memory_is_counted_by_the_row() {
        let model = Tiny::new(&Cpu::default(), 5);
        // 3 layers, keys and values, 2 heads of 16 numbers of 4 bytes.
        assert_eq!(row_bytes(&model), 768);
        let mut params = ArmParams::default();
        params.measure.pairs = 2;
        params.measure.repeats = 1;
        params.eval.splits = vec![crate::world::split::Length::Long];
        params.input.calls = 0;
        let at = |per_video: u32, window: u8| {
            let mut params = params.clone();
            params.input.per_video = per_video;
            params.eval.window = MemoryWindow::new(window);
            costs(&model.to_flat(), &params, 1, &Cancel::default()).unwrap()
        };
        let (few, all) = (at(4, 1), at(128, 1));
        assert_eq!((few.frames, all.frames), (8.0, 192.0));
        // Query and caption are 5 rows; a unit of 64 tokens at most follows its snapshot; the last is not run.
        for costs in [&few, &all] {
            let prompt = (5.0 + costs.frames) * 768.0;
            assert!(costs.kv_bytes > prompt && costs.kv_bytes <= prompt + 65.0 * 768.0);
        }
        assert!(few.seconds.low > 0.0 && few.tokens_per_second.low > 0.0);
    }
}
