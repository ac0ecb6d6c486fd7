//! What every benchmark prints: work per second of wall and of CPU time, beside the measured peak.
//!
//! CPU time is what is compared: on a machine that others use, wall time measures them.

#![allow(
    dead_code,
    clippy::disallowed_methods,
    reason = "each benchmark uses a part of it; measuring time is its purpose"
)]

use std::time::{Duration, Instant};

use cpu_time::{ProcessTime, ThreadTime};
use criterion::Bencher;
use vrt_core::model::kernels::matmul_nt;

/// Seconds of one iteration.
#[derive(Clone, Copy, Debug)]
pub struct Seconds {
    /// By the clock on the wall.
    pub wall: f64,
    /// On all cores together.
    pub cpu: f64,
}

/// Collects every sample that criterion takes.
#[derive(Default)]
pub struct Samples {
    seconds: Vec<Seconds>,
}

impl Samples {
    /// Runs `work` as often as criterion asks and keeps what each sample cost.
    pub fn measure(&mut self, bencher: &mut Bencher<'_>, mut work: impl FnMut()) {
        bencher.iter_custom(|iterations| {
            let (wall, cpu) = (Instant::now(), ProcessTime::now());
            for _ in 0..iterations {
                work();
            }
            let (wall, cpu) = (wall.elapsed(), cpu.elapsed());
            let each = |time: Duration| time.as_secs_f64() / iterations as f64;
            self.seconds.push(Seconds {
                wall: each(wall),
                cpu: each(cpu),
            });
            wall
        });
    }

    /// The median sample of each kind; `None` if the benchmark was filtered out.
    pub fn median(&self) -> Option<Seconds> {
        let median = |of: fn(&Seconds) -> f64| {
            let mut all: Vec<f64> = self.seconds.iter().map(of).collect();
            all.sort_by(f64::total_cmp);
            all.get(all.len() / 2).copied()
        };
        Some(Seconds {
            wall: median(|s| s.wall)?,
            cpu: median(|s| s.cpu)?,
        })
    }
}

/// Highest rate of a matrix product `[m, n, k]` on one thread, in GFLOP per CPU second.
///
/// The best of many short rounds: what a core can do, whoever else uses it.
pub fn product_rate([m, n, k]: [usize; 3]) -> f64 {
    const ROUNDS: usize = 20;
    let repeats = (60_000_000 / (m * n * k)).max(1);
    let (x, w) = (vec![0.5f32; m * k], vec![0.25f32; n * k]);
    let mut y = vec![0.0f32; m * n];
    let best = (0..ROUNDS).map(|_| {
        let cpu = ThreadTime::now();
        for _ in 0..repeats {
            matmul_nt(&mut y, &x, &w, [m, n, k], 0.0);
        }
        std::hint::black_box(y[0]);
        (2 * m * n * k * repeats) as f64 / cpu.elapsed().as_secs_f64() / 1e9
    });
    best.fold(0.0, f64::max)
}

/// The peak of a core: a product of 512³.
pub fn peak() -> f64 {
    product_rate([512; 3])
}

/// Prints one line: seconds, items a second of each kind, and the share of the peak.
pub fn report(name: &str, threads: usize, samples: &Samples, items: &[(&str, f64)], flop: f64) {
    let Some(Seconds { wall, cpu }) = samples.median() else {
        return;
    };
    let peak = peak();
    let rate = flop / cpu / 1e9;
    let items: String = items
        .iter()
        .map(|(unit, n)| format!("  {:.0} {unit}/s", n / wall))
        .collect();
    println!(
        "RATE {name} threads={threads} wall={wall:.5} cpu={cpu:.5}{items}  {:.1} GFLOP/s  {rate:.1} GFLOP/CPU-s  \
         peak {peak:.1}  share {:.0} %",
        flop / wall / 1e9,
        100.0 * rate / peak,
    );
}
