//! In: flat parameters and their gradient. Out: the updated parameters and the optimiser's own state.
//!
//! AdamW (Loshchilov and Hutter 2019) over one flat vector. dfdx's Adam keeps its state private; a run that
//! must resume to the same bytes needs a state it can save.

mod step;

use std::ops::Range;

use serde::{Deserialize, Serialize};

pub use self::step::Flat;

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
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    /// A step of two threads along one gradient; returns its norm.
    fn step(
        adam: &mut AdamW,
        parameters: &mut [f32],
        gradient: &[f32],
        trained: &[Trained],
    ) -> f32 {
        let mut sum = vec![0.0; parameters.len()];
        let flat = Flat {
            parameters,
            gradient: &mut sum,
            trained,
        };
        let given = |_| Ok::<_, Infallible>(Some((gradient.to_vec(), ())));
        let Ok((norm, _)) = adam.step(flat, 0.1, 2, 1, given);
        norm
    }

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
            step(&mut adam, &mut p, &g, &all);
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
        step(&mut adam, &mut p, &[f32::NAN, 1.0, f32::NAN], &part);
        assert_eq!((p[0], p[2]), (1.0, 3.0));
        assert!(p[1] < 2.0);
        let before = (p, adam.clone());
        assert!(step(&mut adam, &mut p, &[0.0, f32::NAN, 0.0], &part).is_nan());
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

    /// The norm is the sum's, and both are added in the shards' order: the last bits tell.
    #[test]
    fn shards_are_added_in_their_order_on_any_number_of_threads() {
        const COUNT: usize = 100_003;
        let gradient = |shard: usize| -> Vec<f32> {
            let of = |at: usize| ((at * 31 + shard * 7) % 1001) as f32 / 3.0 - 100.0;
            (0..COUNT).map(of).collect()
        };
        let trained = [0..5, 7..70_000, 70_000..COUNT].map(|range| Trained {
            range,
            decays: false,
        });
        let run = |threads: usize| {
            let mut adam = AdamW::new(AdamWConfig::default(), COUNT);
            let mut parameters = vec![1.0; COUNT];
            let mut sum = vec![f32::NAN; COUNT];
            let flat = Flat {
                parameters: &mut parameters,
                gradient: &mut sum,
                trained: &trained,
            };
            // The second shard has no members.
            let given = |shard| Ok::<_, Infallible>((shard != 1).then(|| (gradient(shard), shard)));
            let Ok((norm, logged)) = adam.step(flat, 0.1, threads, 4, given);
            assert_eq!(logged, [0, 2, 3]);
            (norm, parameters, sum, adam)
        };
        let (norm, parameters, sum, adam) = run(1);
        let [a, b, c] = [0, 2, 3].map(gradient);
        for at in (0..5).chain(7..COUNT) {
            assert_eq!(sum[at], a[at] + b[at] + c[at]);
        }
        assert!(sum[5].is_nan() && parameters[5] == 1.0);
        let squares = (0..5).chain(7..COUNT).map(|at| f64::from(sum[at]).powi(2));
        assert!((f64::from(norm) / squares.sum::<f64>().sqrt() - 1.0).abs() < 1e-6);
        for threads in 2..4 {
            let (other_norm, other_parameters, _, other_adam) = run(threads);
            assert_eq!(
                (norm, &parameters, &adam),
                (other_norm, &other_parameters, &other_adam)
            );
        }
    }

    #[test]
    fn a_shard_that_fails_changes_nothing() {
        let mut adam = AdamW::new(AdamWConfig::default(), 2);
        let (mut parameters, mut sum) = ([1.0, 2.0], [0.0; 2]);
        let before = adam.clone();
        let flat = Flat {
            parameters: &mut parameters,
            gradient: &mut sum,
            trained: &[Trained {
                range: 0..2,
                decays: true,
            }],
        };
        let given = |shard: usize| match shard {
            0 => Ok(Some((vec![1.0, 1.0], ()))),
            other => Err(other),
        };
        assert_eq!(adam.step(flat, 0.1, 2, 3, given), Err(1));
        assert_eq!((parameters, adam), ([1.0, 2.0], before));
    }
}
