//! Forward and backward of one training step on one thread, with its rate.

#[path = "../tests/model/support.rs"]
mod support;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dfdx::prelude::Cpu;
use vrt_core::model::decoder::TextModel;
use vrt_core::model::dims::{D128L4, Tiny};
use vrt_core::model::gradients::Frames;
use vrt_core::model::ops::Fused;
use vrt_core::model::qwen::Qwen25Vl;
use vrt_core::model::vision::VisionModel;
use vrt_core::sequence::Packed;
use vrt_core::window::MemoryWindow;

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

fn measure<V: VisionModel<Width = X::Width>, X: TextModel>(
    c: &mut Criterion,
    name: &str,
    model: &Qwen25Vl<V, X>,
    batch: &Packed,
) {
    let dev = Cpu::default();
    let patches = support::patches(1, support::FRAMES);
    let rows = model.visual_rows::<Fused>(&dev, &patches).unwrap();
    let operations = flops(model, batch);
    println!(
        "{name}: {} rows, {:.3} GFLOP a step",
        batch.len(),
        operations / 1e9
    );
    let mut group = c.benchmark_group(name);
    group.sample_size(10);
    for (unit, throughput) in [
        ("rows", Throughput::Elements(batch.len() as u64)),
        ("flop", Throughput::Elements(operations as u64)),
    ] {
        group.throughput(throughput);
        group.bench_function(unit, |b| {
            b.iter(|| {
                model
                    .loss_gradients::<Fused>(
                        &dev,
                        batch,
                        Frames::Rows(&rows),
                        MemoryWindow::default(),
                        1.0,
                        |logps, _| support::loss_of(logps),
                    )
                    .unwrap()
            });
        });
    }
    group.finish();
}

fn tower(c: &mut Criterion) {
    const COUNT: usize = 256;
    let dev = Cpu::default();
    let model = Tiny::new(&dev, 1);
    let patches = support::patches(1, COUNT);
    let mut group = c.benchmark_group("tiny-tower");
    group.sample_size(10);
    group.throughput(Throughput::Elements(COUNT as u64));
    group.bench_function("frames", |b| {
        b.iter(|| {
            model
                .visual_gradients::<Fused>(&dev, &patches, |rows| (0.0, rows.to_vec()))
                .unwrap()
        });
    });
    group.finish();
}

fn steps(c: &mut Criterion) {
    let dev = Cpu::default();
    let tiny = support::dense_batch(1, &[65; 32], 45);
    measure(c, "tiny-32x65", &Tiny::new(&dev, 1), &tiny);
    let long = support::dense_batch(1, &[256; 16], 256);
    measure(c, "d128l4-16x256", &D128L4::new(&dev, 1), &long);
}

criterion_group!(benches, steps, tower);
criterion_main!(benches);
