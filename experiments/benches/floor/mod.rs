//! In: what was rolled out. Out: the least time this machine could take for it, part by part.
//!
//! Counts come from the sequences themselves. A part's time is its count over a rate that the machine reaches at that kind of
//! work and nothing else, on one core: products at the rate of each of the model's shapes, by `gemm` or
//! in panels, whichever is faster; keys and values at the rate
//! at which a set as large as a thread's caches can be read, or their products at the GEMM peak, whichever is longer; exponentials
//! at the rate of a loop over 4096 of them. Frames are drawn by the world, so their drawing is taken as measured.
//!
//! For two threads the rates are those of one core while another multiplies matrices: cores share a clock and a cache.

#![allow(
    clippy::disallowed_methods,
    reason = "measuring time is a benchmark's purpose"
)]

use std::collections::BTreeSet;
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};

use cpu_time::ThreadTime;
use vrt_core::model::panels::{Panels, Start};
use vrt_core::model::weights::DecoderConfig;
use vrt_core::model::{Tiny, kernels};
use vrt_core::pair::PreferencePair;
use vrt_core::rollout::Rollout;
use vrt_core::sequence::Sequence;
use vrt_core::view::View;
use vrt_core::window::visible;

use crate::rate;

/// Episodes that a thread keeps going.
const SLOTS: usize = 128;

/// What rolling out asks of a decoder with a cache and shared prompts.
#[derive(Default)]
struct Counts {
    /// Rows that pass through the decoder: a prompt once a group, every other row once a sample.
    rows: usize,
    /// Rows whose logits are needed.
    read: usize,
    /// Keys that the rows see, themselves included.
    seen: usize,
    /// Keys that the rows whose logits are needed see.
    seen_by_read: usize,
    /// Pictures that are drawn and encoded.
    pictures: BTreeSet<(usize, View)>,
}

impl Counts {
    fn of(rollouts: &[Rollout]) -> Self {
        let mut counts = Self::default();
        for group in rollouts {
            let sequences = group.samples.iter().filter_map(|one| one.sequence.as_ref());
            for (number, sequence) in sequences.enumerate() {
                let first = sequence.targets.first().map_or(0, |target| target.row);
                let from = if number == 0 { 0 } else { first as usize };
                counts.sequence(sequence, from);
                let views = sequence.views().map(|view| (group.pair, view));
                counts.pictures.extend(views);
            }
        }
        counts
    }

    fn sequence(&mut self, sequence: &Sequence, from: usize) {
        let rows = &sequence.rows;
        // A target's token stands at its row; it was drawn from the row before.
        let read: BTreeSet<usize> = sequence
            .targets
            .iter()
            .map(|target| (target.row as usize).saturating_sub(1))
            .collect();
        for (at, row) in rows.iter().enumerate().skip(from.saturating_sub(1)) {
            let sees = rows[..=at]
                .iter()
                .filter(|key| visible(key.evidence, row.oldest))
                .count();
            self.rows += 1;
            self.seen += sees;
            if read.contains(&at) {
                self.read += 1;
                self.seen_by_read += sees;
            }
        }
    }
}

/// Seconds of `work` on one core, the best of twenty.
fn seconds(mut work: impl FnMut()) -> f64 {
    let best = (0..20).map(|_| {
        let cpu = ThreadTime::now();
        work();
        cpu.elapsed().as_secs_f64()
    });
    best.fold(f64::INFINITY, f64::min)
}

/// Bytes a second that a core reads from a set of this size.
fn read_rate(bytes: usize) -> f64 {
    let numbers = vec![1.0f32; bytes / 4];
    let passes = (1 << 26) / bytes + 1;
    let time = seconds(|| {
        for _ in 0..passes {
            black_box(kernels::sum(black_box(&numbers)));
        }
    });
    (passes * bytes) as f64 / time
}

/// Exponentials a second on a core.
fn exp_rate() -> f64 {
    let from: Vec<f32> = (0..4096).map(|i| i as f32 / -400.0).collect();
    let mut to = vec![0.0f32; from.len()];
    let time = seconds(|| {
        for _ in 0..500 {
            for (y, x) in to.iter_mut().zip(black_box(&from)) {
                *y = kernels::exp(*x);
            }
            black_box(&mut to);
        }
    });
    (500 * from.len()) as f64 / time
}

/// Seconds of products `[rows, n, k]`, `block` rows at a time, by `gemm` or in panels, whichever is faster.
fn products(rows: usize, [n, k]: [usize; 2], block: usize) -> f64 {
    let panels = Panels::new(&vec![0.25; n * k], k);
    let (x, mut y) = (vec![0.5f32; block * k], vec![0.0f32; block * n]);
    let repeats = 60_000_000 / (block * n * k) + 1;
    let time = seconds(|| {
        for _ in 0..repeats {
            panels.apply(black_box(&mut y), &x, Start::Zero);
        }
    });
    let in_panels = (2 * block * n * k * repeats) as f64 / time;
    (2 * rows * n * k) as f64 / in_panels.max(rate::product_rate([block, n, k]) * 1e9)
}

/// Runs `work` while so many other cores are busy.
fn in_company<T>(others: usize, work: impl FnOnce() -> T) -> T {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..others {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    rate::product_rate([256; 3]);
                }
            });
        }
        let result = work();
        done.store(true, Ordering::Relaxed);
        result
    })
}

/// Prints the least time of so many threads and returns it, in seconds of the wall.
pub fn report(model: &Tiny, pairs: &[PreferencePair], rollouts: &[Rollout], threads: usize) -> f64 {
    in_company(threads - 1, || one_core(model, pairs, rollouts)) / threads as f64
}

/// Seconds of one core for everything.
fn one_core(model: &Tiny, pairs: &[PreferencePair], rollouts: &[Rollout]) -> f64 {
    let c: DecoderConfig = model.decoder_config();
    let counts = Counts::of(rollouts);
    let Counts { rows, read, .. } = counts;
    let before_last = (c.layers - 1) * rows;
    let linear = products(c.layers * rows, [c.qkv_dim(), c.dim], SLOTS)
        + [[c.dim, c.q_dim()], [2 * c.mlp, c.dim], [c.dim, c.mlp]]
            .map(|shape| products(before_last + read, shape, SLOTS))
            .iter()
            .sum::<f64>()
        + products(read, [c.vocab, c.dim], SLOTS);

    let keys = (c.layers - 1) * counts.seen + counts.seen_by_read;
    let mean = counts.seen / rows.max(1);
    let held = SLOTS * mean * c.layers * 2 * c.kv_dim() * 4;
    let stream = (keys * 2 * c.kv_dim() * 4) as f64 / read_rate(held);
    let dots = (keys * 4 * c.q_dim()) as f64 / (rate::peak() * 1e9);
    let attention = stream.max(dots);

    let exponentials =
        (keys * c.heads + (before_last + read) * c.mlp + read * c.vocab) as f64 / exp_rate();

    // 16 patches of 48 numbers a picture, two blocks of width 24, a merger from 16 patches to one row.
    let (pictures, patches) = (counts.pictures.len(), counts.pictures.len() * 16);
    let tower = products(patches, [24, 48], 2048)
        + 2.0
            * [[72, 24], [24, 24], [96, 24], [24, 48]]
                .map(|shape| products(patches, shape, 2048))
                .iter()
                .sum::<f64>()
        + products(pictures, [384, 384], SLOTS)
        + products(pictures, [c.dim, 384], SLOTS);
    let drawing = seconds(|| {
        for (pair, view) in &counts.pictures {
            black_box(
                pairs[*pair]
                    .view(*view)
                    .expect("the world draws every frame"),
            );
        }
    });

    let parts = [
        ("products", linear),
        ("attention", attention),
        ("exponentials", exponentials),
        ("tower", tower),
        ("drawing", drawing),
    ];
    let floor: f64 = parts.iter().map(|(_, time)| time).sum();
    println!(
        "     {rows} rows, {read} read, {mean} keys a row, {:.1} MB of caches a thread, {pictures} pictures",
        held as f64 / 1e6
    );
    let parts = parts.map(|(name, time)| format!("{name} {:.1}", time * 1e3));
    println!(
        "FLOOR {:.1} ms of one core: {}",
        floor * 1e3,
        parts.join(" + ")
    );
    floor
}
