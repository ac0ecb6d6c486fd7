//! In: flat parameters and their gradient. Out: the updated parameters and the optimiser's own state.
//!
//! AdamW (Loshchilov and Hutter 2019) over one flat vector. dfdx's Adam keeps its state private; a run that
//! must resume to the same bytes needs a state it can save.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use vrt_core::shard::{self, STRETCH};

/// Constants of AdamW; the learning rate comes with each step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdamWConfig {
    /// Decay of the first and the second moment.
    pub betas: [f32; 2],
    /// Added to the root of the second moment.
    pub eps: f32,
    /// Decoupled weight decay, applied to matrices only.
    pub weight_decay: f32,
    /// The gradient's largest norm; larger gradients are scaled down to it.
    pub max_norm: f32,
}

impl Default for AdamWConfig {
    fn default() -> Self {
        Self {
            betas: [0.9, 0.98],
            eps: 1e-8,
            weight_decay: 0.02,
            max_norm: 1.0,
        }
    }
}

/// How the learning rate moves over a stage.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Schedule {
    /// The largest learning rate.
    pub peak: f32,
    /// Steps of linear warm-up.
    pub warmup: u64,
    /// The last step's share of the peak.
    pub floor: f32,
    /// The path from the peak to the floor.
    pub decay: Decay,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            peak: 1e-3,
            warmup: 0,
            floor: 0.1,
            decay: Decay::Cosine,
        }
    }
}

/// The path from the peak to the floor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decay {
    /// Half a cosine.
    Cosine,
    /// A straight line.
    Linear,
}

impl Schedule {
    /// The learning rate of step `step` (from 0) of `total`.
    pub fn at(&self, step: u64, total: u64) -> f32 {
        if step < self.warmup {
            return self.peak * (step + 1) as f32 / self.warmup as f32;
        }
        let span = total.saturating_sub(self.warmup + 1).max(1) as f32;
        let done = ((step - self.warmup) as f32 / span).min(1.0);
        let left = match self.decay {
            Decay::Cosine => 0.5 * (1.0 + (std::f32::consts::PI * done).cos()),
            Decay::Linear => 1.0 - done,
        };
        self.peak * (self.floor + (1.0 - self.floor) * left)
    }
}

/// A stretch of the flat parameters that is trained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trained {
    /// Where it stands in the flat vector.
    pub range: Range<usize>,
    /// Whether weight decay applies: it does to matrices, not to biases and norms.
    pub decays: bool,
}

/// AdamW's state: saved with every checkpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct AdamW {
    /// Constants.
    pub config: AdamWConfig,
    /// Steps taken.
    pub step: u64,
    /// First moment, flat.
    pub first: Vec<f32>,
    /// Second moment, flat.
    pub second: Vec<f32>,
}

impl AdamW {
    /// A fresh state for `parameters` flat parameters.
    pub fn new(config: AdamWConfig, parameters: usize) -> Self {
        Self {
            config,
            step: 0,
            first: vec![0.0; parameters],
            second: vec![0.0; parameters],
        }
    }

    /// One step on the trained stretches, which stand in order and apart; returns the gradient's norm before clipping.
    ///
    /// A gradient that is not finite changes nothing and is returned as it is: the caller reports it.
    pub fn step(
        &mut self,
        parameters: &mut [f32],
        gradient: &[f32],
        trained: &[Trained],
        rate: f32,
        threads: usize,
    ) -> f32 {
        let stretches: Vec<Trained> = trained.iter().flat_map(Trained::stretches).collect();
        let squares = shard::in_order(stretches.len(), threads, |i| {
            square_sum(&gradient[stretches[i].range.clone()])
        });
        let norm = squares.iter().sum::<f64>().sqrt() as f32;
        if !norm.is_finite() {
            return norm;
        }
        let scale = if norm > self.config.max_norm {
            self.config.max_norm / norm
        } else {
            1.0
        };
        self.step += 1;
        let correction = |beta: f32| {
            let left = f64::from(beta).powf(self.step as f64);
            1.0 / (1.0 - left) as f32
        };
        let pass = Pass {
            config: self.config,
            scale,
            rate,
            corrections: self.config.betas.map(correction),
        };
        let mut parameters = Cut::new(parameters);
        let mut first = Cut::new(&mut self.first);
        let mut second = Cut::new(&mut self.second);
        let pieces = stretches
            .into_iter()
            .map(|Trained { range, decays }| Piece {
                parameters: parameters.take(&range),
                first: first.take(&range),
                second: second.take(&range),
                gradient: &gradient[range],
                decays,
            })
            .collect();
        shard::each(pieces, threads, |piece| pass.update(piece));
        norm
    }
}

impl Trained {
    /// The same in pieces that one thread takes at a time; where they are cut depends on the model alone.
    fn stretches(&self) -> impl Iterator<Item = Self> {
        let Self { range, decays } = self.clone();
        range.clone().step_by(STRETCH).map(move |from| Self {
            range: from..range.end.min(from + STRETCH),
            decays,
        })
    }
}

/// `Σ x²`, eight sums side by side.
fn square_sum(x: &[f32]) -> f64 {
    let (chunks, tail) = x.as_chunks::<8>();
    let mut lanes = [0.0f64; 8];
    for chunk in chunks {
        for (lane, &x) in lanes.iter_mut().zip(chunk) {
            *lane += f64::from(x) * f64::from(x);
        }
    }
    for (lane, &x) in lanes.iter_mut().zip(tail) {
        *lane += f64::from(x) * f64::from(x);
    }
    lanes.iter().sum()
}

/// A vector that is cut into ranges that stand in order and apart.
struct Cut<'a> {
    rest: &'a mut [f32],
    /// Where the rest begins.
    from: usize,
}

impl<'a> Cut<'a> {
    fn new(whole: &'a mut [f32]) -> Self {
        Self {
            rest: whole,
            from: 0,
        }
    }

    fn take(&mut self, range: &Range<usize>) -> &'a mut [f32] {
        let rest = std::mem::take(&mut self.rest);
        let (before, rest) = rest.split_at_mut(range.end - self.from);
        self.rest = rest;
        let skipped = range.start - self.from;
        self.from = range.end;
        &mut before[skipped..]
    }
}

/// A stretch of everything that a step reads or writes.
struct Piece<'a> {
    parameters: &'a mut [f32],
    first: &'a mut [f32],
    second: &'a mut [f32],
    gradient: &'a [f32],
    decays: bool,
}

/// What is the same for every parameter of a step.
struct Pass {
    config: AdamWConfig,
    /// What clipping leaves of the gradient.
    scale: f32,
    rate: f32,
    /// `1 / (1 − βᵗ)` of both moments.
    corrections: [f32; 2],
}

impl Pass {
    fn update(&self, piece: Piece<'_>) {
        let [b1, b2] = self.config.betas;
        let [correct1, correct2] = self.corrections;
        let decay = if piece.decays {
            1.0 - self.rate * self.config.weight_decay
        } else {
            1.0
        };
        let moments = piece.first.iter_mut().zip(piece.second);
        let each = piece.parameters.iter_mut().zip(piece.gradient).zip(moments);
        for ((p, &g), (m, v)) in each {
            let g = g * self.scale;
            *m = b1 * *m + (1.0 - b1) * g;
            *v = b2 * *v + (1.0 - b2) * g * g;
            *p = decay * *p
                - self.rate * (*m * correct1) / ((*v * correct2).sqrt() + self.config.eps);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three steps of `torch.optim.AdamW(lr=0.1, betas=(0.9, 0.98), eps=1e-8, weight_decay=0.02)` on
    /// p = [1, -2] with gradients [0.5, -1], [0.25, 2], [-1, 0.5]: worked by hand in f64 from the update rule.
    #[test]
    fn three_steps_follow_the_update_rule() {
        let config = AdamWConfig {
            max_norm: f32::INFINITY,
            ..AdamWConfig::default()
        };
        let gradients = [[0.5, -1.0], [0.25, 2.0], [-1.0, 0.5f32]];
        let mut expected = [1.0f64, -2.0];
        for i in 0..2 {
            let (mut m, mut v) = (0.0f64, 0.0f64);
            for (t, g) in gradients.iter().enumerate() {
                let g = f64::from(g[i]);
                m = 0.9 * m + 0.1 * g;
                v = 0.98 * v + 0.02 * g * g;
                let (mh, vh) = (
                    m / (1.0 - 0.9f64.powi(t as i32 + 1)),
                    v / (1.0 - 0.98f64.powi(t as i32 + 1)),
                );
                expected[i] = expected[i] * (1.0 - 0.1 * 0.02) - 0.1 * mh / (vh.sqrt() + 1e-8);
            }
        }
        let mut adam = AdamW::new(config, 2);
        let mut p = [1.0f32, -2.0];
        let all = [Trained {
            range: 0..2,
            decays: true,
        }];
        for g in gradients {
            adam.step(&mut p, &g, &all, 0.1, 2);
        }
        for i in 0..2 {
            assert!(
                (f64::from(p[i]) - expected[i]).abs() < 1e-6,
                "{p:?} {expected:?}"
            );
        }
    }

    #[test]
    fn frozen_parameters_stay_and_a_bad_gradient_changes_nothing() {
        let mut adam = AdamW::new(AdamWConfig::default(), 3);
        let mut p = [1.0f32, 2.0, 3.0];
        let part = [Trained {
            range: 1..2,
            decays: false,
        }];
        adam.step(&mut p, &[f32::NAN, 1.0, f32::NAN], &part, 0.1, 2);
        assert_eq!((p[0], p[2]), (1.0, 3.0));
        assert!(p[1] < 2.0);
        let before = (p, adam.clone());
        assert!(
            adam.step(&mut p, &[0.0, f32::NAN, 0.0], &part, 0.1, 2)
                .is_nan()
        );
        assert_eq!((p, adam), before);
    }

    #[test]
    fn schedules_start_peak_and_end_where_they_say() {
        let schedule = Schedule {
            peak: 2.0,
            warmup: 4,
            floor: 0.25,
            decay: Decay::Linear,
        };
        assert_eq!(schedule.at(0, 12), 0.5);
        assert_eq!(schedule.at(3, 12), 2.0);
        assert_eq!(schedule.at(4, 12), 2.0);
        assert_eq!(schedule.at(11, 12), 0.5);
        let cosine = Schedule {
            warmup: 0,
            decay: Decay::Cosine,
            ..schedule
        };
        assert_eq!(cosine.at(0, 11), 2.0);
        assert!((cosine.at(5, 11) - 1.25).abs() < 1e-6);
        assert!((cosine.at(10, 11) - 0.5).abs() < 1e-6);
    }
}
