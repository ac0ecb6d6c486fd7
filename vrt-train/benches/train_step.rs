//! One training step: forward, backward, AdamW; with its rate and its share of the measured peak.
//!
//! `cargo bench -p vrt-train --bench train_step [-- <filter>]`; the benchmarks are `tiny-32x65`,
//! `d128l4-16x256`, `d256l6-16x256` and `tiny-tower`, each with `/1` or `/2` threads.

#[path = "../../vrt-core/tests/model/support.rs"]
#[allow(dead_code, reason = "shared with the model's tests")]
mod support;

#[path = "../../experiments/src/memory.rs"]
mod memory;

mod rate;

use criterion::{Criterion, criterion_group, criterion_main};
use dfdx::prelude::Cpu;
use rate::Samples;
use vrt_core::model::decoder::TextModel;
use vrt_core::model::dims::{D128L4, D256L6, Tiny};
use vrt_core::model::gradients::Frames;
use vrt_core::model::ops::Fused;
use vrt_core::model::qwen::Qwen25Vl;
use vrt_core::model::vision::VisionModel;
use vrt_core::sequence::Packed;
use vrt_train::optim::{AdamW, AdamWConfig, Flat, Trained};

/// The program's own allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Shards of a batch, as a learner cuts it.
const SHARDS: usize = 4;

/// Floating-point operations of a step: six for each weight and row, and attention's products over the
/// pairs that causality leaves.
fn flops<V: VisionModel<Width = X::Width>, X: TextModel>(
    model: &Qwen25Vl<V, X>,
    batch: &Packed,
) -> f64 {
    let sizes = model.decoder_config();
    let head = sizes.dim * sizes.vocab;
    let pairs: f64 = batch
        .starts
        .windows(2)
        .map(|pair| f64::from(pair[1] - pair[0]).powi(2) / 2.0)
        .sum();
    let dense = (sizes.macs() - head) * batch.len() + head * batch.target_rows.len();
    6.0 * dense as f64 + 12.0 * pairs * (sizes.layers * sizes.q_dim()) as f64
}

fn measure<V, X>(
    c: &mut Criterion,
    name: &str,
    mut model: Qwen25Vl<V, X>,
    length: usize,
    count: usize,
    targets: usize,
) where
    V: VisionModel<Width = X::Width> + Send + Sync,
    X: TextModel + Send + Sync,
{
    let dev = Cpu::default();
    let patches = support::patches(1, support::FRAMES);
    let rows = model
        .visual_rows::<Fused>(&dev, &patches)
        .expect("the frames are whole");
    let whole = support::dense_batch(1, &vec![length; count], targets, 1);
    let work = flops(&model, &whole);
    let shards: Vec<Packed> = (0..SHARDS)
        .map(|shard| {
            support::dense_batch(1 + shard as u64, &vec![length; count / SHARDS], targets, 1)
        })
        .collect();
    let mut parameters = model.to_flat();
    let all = [Trained {
        range: 0..parameters.len(),
        decays: true,
    }];
    let mut adam = AdamW::new(AdamWConfig::default(), parameters.len());
    let mut gradient = vec![0.0; parameters.len()];
    for threads in [1, 2] {
        let mut samples = Samples::default();
        let mut group = c.benchmark_group(name);
        group.sample_size(10);
        group.bench_function(threads.to_string(), |b| {
            samples.measure(b, || {
                let flat = Flat {
                    parameters: &mut parameters,
                    gradient: &mut gradient,
                    trained: &all,
                };
                let run = |shard: usize| {
                    let frames = Frames::Rows(&rows);
                    let loss = |logps: &[f32], _: &[f32]| support::loss_of(logps);
                    let given =
                        model.loss_gradients::<Fused>(&dev, &shards[shard], frames, 1.0, loss);
                    given.map(|given| Some((given.grads, ())))
                };
                adam.step(flat, 1e-5, threads, SHARDS, run)
                    .expect("the batch fits the model");
                model
                    .load_flat(&parameters)
                    .expect("the parameters are the model's own");
            });
        });
        group.finish();
        let items = [("tokens", whole.len() as f64)];
        rate::report(name, threads, &samples, &items, work);
    }
}

fn tower(c: &mut Criterion) {
    const COUNT: usize = 256;
    let dev = Cpu::default();
    let model = Tiny::new(&dev, 1);
    let patches = support::patches(1, COUNT);
    let mut group = c.benchmark_group("tiny-tower");
    group.sample_size(10);
    group.throughput(criterion::Throughput::Elements(COUNT as u64));
    group.bench_function("1", |b| {
        b.iter(|| {
            model
                .visual_gradients::<Fused>(&dev, &patches, |rows| (0.0, rows.to_vec()))
                .expect("the frames are whole")
        });
    });
    group.finish();
}

fn steps(c: &mut Criterion) {
    memory::keep_pages();
    let dev = Cpu::default();
    measure(c, "tiny-32x65", Tiny::new(&dev, 1), 65, 32, 45);
    measure(c, "d128l4-16x256", D128L4::new(&dev, 1), 256, 16, 256);
    measure(c, "d256l6-16x256", D256L6::new(&dev, 1), 256, 16, 256);
}

criterion_group!(benches, steps, tower);
criterion_main!(benches);
