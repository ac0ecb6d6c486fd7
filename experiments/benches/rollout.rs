//! Sampling alone, tool rounds included: a micro cold start writes in format, the oracle chooser calls.
//!
//! `cargo bench -p experiments --bench rollout [-- <filter>]`; each benchmark is a number of threads.

#[path = "../../vrt-train/benches/rate/mod.rs"]
mod rate;

mod floor;

use criterion::{Criterion, criterion_group, criterion_main};
use dfdx::prelude::Cpu;
use experiments::kit::{Kit, Offered};
use experiments::stages::WORLD_SEED;
use experiments::stages::control::OracleChooser;
use experiments::teacher::Teacher;
use experiments::world::World;
use experiments::world::config::WorldConfig;
use experiments::world::split::{Split, Training};
use experiments::world::teacher::TeacherParams;
use rate::Samples;
use vrt_core::episode::Rules;
use vrt_core::ledger::Ledger;
use vrt_core::model::Tiny;
use vrt_core::op::PaperOps;
use vrt_core::pair::PreferencePair;
use vrt_core::policy::{FrameBank, Sampling, TinyPolicy};
use vrt_core::rollout::{Rollout, rollout};
use vrt_core::sequence::Sequence;
use vrt_core::tokenizer::Vocabulary;
use vrt_train::learner::{Learner, Scope, Seeing, Sight};
use vrt_train::optim::{AdamWConfig, Decay, Schedule};
use vrt_train::sft::{self, SftConfig};

/// The program's own allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const TRACES: u32 = 1536;
const PAIRS: u32 = 256;
const SAMPLES: u32 = 8;
const THREADS: usize = 2;

/// A policy that keeps the format: a few passes over the teacher's traces. It judges badly.
fn cold_start(world: &World, vocabulary: &Vocabulary) -> Tiny {
    let keys = (0..TRACES).map(|number| Split::Train(Training::ColdStart).key(number));
    let pairs: Vec<PreferencePair> = keys.map(|key| world.pair(key)).collect();
    let params = TeacherParams::default();
    let teacher = Teacher::new(world, &params, vocabulary);
    let (told, _) = rollout::<PaperOps, _>(&teacher, &pairs, 1, &Rules::default(), THREADS)
        .expect("the teacher can judge every pair of the world");
    let traces: Vec<(&PreferencePair, Sequence)> = told
        .into_iter()
        .flat_map(|Rollout { pair, samples }| samples.into_iter().map(move |sample| (pair, sample)))
        .filter_map(|(pair, sample)| Some((&pairs[pair], sample.sequence?)))
        .collect();
    let flat = Tiny::new(&Cpu::default(), 7).to_flat();
    let mut learner = Learner::new(flat, Scope::Language, AdamWConfig::default(), THREADS)
        .expect("the parameters are the model's own");
    let bank = FrameBank::default();
    let tower = learner.model.encoder().expect("the model is whole");
    for (pair, sequence) in &traces {
        let wanted: Vec<_> = sequence.views().map(|view| (*pair, view)).collect();
        bank.look(&tower, &wanted)
            .expect("the world draws every frame");
    }
    let config = SftConfig {
        epochs: 4,
        batch: 64,
        schedule: Schedule {
            peak: 4e-3,
            warmup: 10,
            floor: 0.1,
            decay: Decay::Cosine,
        },
    };
    let total = config.steps(traces.len());
    for step in 0..total {
        let members = config.members(step, traces.len(), 1);
        let batch: Vec<&Sequence> = members.into_iter().map(|i| &traces[i].1).collect();
        let rate = config.schedule.at(step, total);
        let mut seeing = Seeing {
            learner: &mut learner,
            sight: Sight::Bank(&bank),
        };
        sft::step(&mut seeing, &batch, rate).expect("the traces fit the model");
    }
    learner.model
}

fn sampling(c: &mut Criterion) {
    let world = World::new(WORLD_SEED, WorldConfig::default()).expect("the default world is valid");
    let vocabulary = Offered::paper()
        .vocabulary()
        .expect("the words fit the embedding table");
    experiments::memory::keep_pages();
    let model = cold_start(&world, &vocabulary);
    let chooser = OracleChooser::new(&world, &vocabulary);
    let keys = (0..PAIRS).map(|number| Split::Train(Training::Grpo).key(number));
    let pairs: Vec<PreferencePair> = keys.map(|key| world.pair(key)).collect();
    let sampling = Sampling {
        temperature: 0.8,
        seed: 1,
        step: 0,
        max_tokens: 64,
    };
    for threads in [1, 2] {
        let mut samples = Samples::default();
        let mut seen: Option<(Ledger, Vec<Rollout>)> = None;
        let mut group = c.benchmark_group("rollout");
        group.sample_size(10);
        group.bench_function(threads.to_string(), |b| {
            samples.measure(b, || {
                // A fresh policy and bank: weights are laid out and frames are drawn and read every step.
                let bank = FrameBank::default();
                let policy = TinyPolicy::new(&model, &vocabulary, &bank, sampling)
                    .expect("model and vocabulary fit")
                    .directed(&chooser);
                let (rollouts, ledger) =
                    rollout::<PaperOps, _>(&policy, &pairs, SAMPLES, &Rules::default(), threads)
                        .expect("every pair can be judged");
                seen = Some((ledger, rollouts));
            });
        });
        group.finish();
        let (Some((ledger, rollouts)), Some(took)) = (seen, samples.median()) else {
            continue;
        };
        let floor = floor::report(&model, &pairs, &rollouts, threads);
        println!(
            "RATE rollout threads={threads} wall={:.5} cpu={:.5}  {:.0} episodes/s  {:.0} tokens/s  {:.0} % of the floor",
            took.wall,
            took.cpu,
            ledger.asked as f64 / took.wall,
            ledger.tokens as f64 / took.wall,
            100.0 * floor / took.wall,
        );
        println!(
            "     {} episodes: {} calls, {} tokens, stops {:?}",
            ledger.asked, ledger.calls, ledger.tokens, ledger.stops
        );
    }
}

criterion_group!(benches, sampling);
criterion_main!(benches);
