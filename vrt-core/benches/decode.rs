//! Speed of the tiny policy's decoding on one core: the matrix products alone, and whole steps.
#![allow(missing_docs)]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use vrt_core::model::decode::{Cache, Engine, Feed, NewRow};
use vrt_core::model::kernels;
use vrt_core::model::panels::{Panels, Start};
use vrt_core::model::weights::{DecoderConfig, DecoderWeights};

const BATCH: usize = 128;
const PROMPT: usize = 60;
const STEPS: usize = 30;

fn tiny() -> DecoderConfig {
    DecoderConfig {
        vocab: 384,
        dim: 64,
        layers: 3,
        heads: 4,
        kv_heads: 2,
        head_dim: 16,
        mlp: 176,
        rope_theta: 10_000.0,
        mrope_section: [2, 3, 3],
        eps: 1e-6,
    }
}

/// Values do not matter for speed, so long as they are ordinary.
fn values(n: usize) -> Vec<f32> {
    (0..n)
        .map(|i| ((i * 37 % 101) as f32 - 50.0) * 1e-3)
        .collect()
}

fn engine() -> Engine {
    let c = tiny();
    let weights = DecoderWeights::new(c.clone(), |name| {
        let n = match name.rsplit_once('.').unwrap_or((name, "")).0 {
            "lm_head" => return None,
            "model.embed_tokens" => c.vocab * c.dim,
            part if part.ends_with("norm") => c.dim,
            part => {
                let bias = name.ends_with("bias");
                let (out, inputs) = match part.rsplit('.').next() {
                    Some("q_proj") => (c.q_dim(), c.dim),
                    Some("k_proj" | "v_proj") => (c.kv_dim(), c.dim),
                    Some("o_proj") => (c.dim, c.q_dim()),
                    Some("down_proj") => (c.dim, c.mlp),
                    _ => (c.mlp, c.dim),
                };
                if bias { out } else { out * inputs }
            }
        };
        Some(values(n))
    });
    Engine::new(Arc::new(
        weights.expect("the bench's weights fit its config"),
    ))
}

fn row(position: usize) -> NewRow<'static> {
    NewRow {
        feed: Feed::Text(position as u32 * 7 % 384),
        position: [position as u32; 3],
        evidence: 0,
        oldest: 1,
    }
}

fn prefill(engine: &mut Engine, caches: &mut [Cache], out: &mut Vec<f32>) {
    let prompt: Vec<_> = (0..PROMPT).map(row).collect();
    let mut items: Vec<_> = caches
        .iter_mut()
        .map(|cache| (cache, &prompt[..]))
        .collect();
    engine
        .forward(&mut items, out)
        .expect("the bench's rows are in order");
}

fn steps(engine: &mut Engine, caches: &mut [Cache], out: &mut Vec<f32>) {
    for step in 0..STEPS {
        let new = [row(PROMPT + step)];
        let mut items: Vec<_> = caches.iter_mut().map(|cache| (cache, &new[..])).collect();
        engine
            .forward(&mut items, out)
            .expect("the bench's rows are in order");
    }
}

fn decode(c: &mut Criterion) {
    let mut engine = engine();
    let mut out = Vec::new();

    let mut group = c.benchmark_group("decode");
    group.sample_size(20);
    group.throughput(Throughput::Elements((BATCH * STEPS) as u64));
    let mut prompt = vec![engine.cache(); BATCH];
    prefill(&mut engine, &mut prompt, &mut out);
    group.bench_function("steps", |b| {
        b.iter_batched_ref(
            || prompt.clone(),
            |caches| steps(&mut engine, caches, &mut out),
            BatchSize::LargeInput,
        );
    });
    group.throughput(Throughput::Elements((BATCH / 8 * PROMPT) as u64));
    let empty = vec![engine.cache(); BATCH / 8];
    group.bench_function("prefill", |b| {
        b.iter_batched_ref(
            || empty.clone(),
            |caches| prefill(&mut engine, caches, &mut out),
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

fn products(c: &mut Criterion) {
    let mut group = c.benchmark_group("product");
    group.sample_size(20);
    let m = BATCH;
    for (name, n, k) in [
        ("qkv", 128, 64),
        ("o", 64, 64),
        ("gate_up", 352, 64),
        ("down", 64, 176),
        ("head", 384, 64),
    ] {
        let (w, x) = (values(n * k), values(m * k));
        let mut y = vec![0.0; m * n];
        let panels = Panels::new(&w, k);
        group.throughput(Throughput::Elements((2 * m * n * k) as u64));
        group.bench_function(format!("{name}/panels"), |b| {
            b.iter(|| panels.apply(black_box(&mut y), &x, Start::Zero));
        });
        group.bench_function(format!("{name}/gemm"), |b| {
            b.iter(|| kernels::matmul_nt(black_box(&mut y), &x, &w, [m, n, k], 0.0));
        });
    }
    let n = 512;
    let (w, x) = (values(n * n), values(n * n));
    let mut y = vec![0.0; n * n];
    group.throughput(Throughput::Elements((2 * n * n * n) as u64));
    group.bench_function("peak/gemm", |b| {
        b.iter(|| kernels::matmul_nt(black_box(&mut y), &x, &w, [n, n, n], 0.0));
    });
    group.finish();
}

criterion_group!(benches, decode, products);
criterion_main!(benches);
