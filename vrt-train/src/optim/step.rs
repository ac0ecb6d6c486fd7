//! In: what shards of a mini-batch give. Out: one step of AdamW along the sum of their gradients.
//!
//! The shards, the sum and the update are three passes of one crew: waking threads for each would take as long as the last two.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use vrt_core::crew::{self, Crew, Pass};
use vrt_core::model::kernels;

use super::{AdamW, AdamWConfig, Trained};

/// Numbers that a thread takes at a time.
const STRETCH: usize = 1 << 15;
/// Numbers that are added up while they are in the nearest cache: a multiple of the sums of squares side by side.
const BLOCK: usize = 1 << 9;

/// What a step changes.
pub struct Flat<'a> {
    /// The parameters.
    pub parameters: &'a mut [f32],
    /// As many numbers, where the gradient is put.
    pub gradient: &'a mut [f32],
    /// The stretches that are trained; they stand in order and apart.
    pub trained: &'a [Trained],
}

impl AdamW {
    /// One step on the trained stretches, along the sum of gradients that so many shards give; some may give none. Returns the sum's
    /// norm before clipping and what else the shards gave, in their order.
    ///
    /// Sums are taken in the shards' order, whatever the number of threads. A gradient that is not finite changes nothing and its norm
    /// is returned as it is: the caller reports it.
    ///
    /// # Errors
    /// The first shard's that fails; nothing was changed then.
    pub fn step<T: Send, E: Send>(
        &mut self,
        flat: Flat<'_>,
        rate: f32,
        threads: usize,
        shards: usize,
        shard: impl Fn(usize) -> Result<Option<(Vec<f32>, T)>, E> + Sync,
    ) -> Result<(f32, Vec<T>), E> {
        let shards = Pass::new(shards);
        let gradients: Vec<OnceLock<Vec<f32>>> = shards.each(|_| OnceLock::new());
        let results: Vec<Mutex<Result<Option<T>, E>>> = shards.each(|_| Mutex::new(Ok(None)));
        let step = self.begin(flat, rate);
        crew::together(threads, |crew| {
            crew.pass(&shards, |at| {
                let given = shard(at).map(|given| {
                    given.map(|(gradient, value)| {
                        gradients[at].get_or_init(|| gradient);
                        value
                    })
                });
                *lock(&results[at]) = given;
            });
            if results.iter().all(|result| lock(result).is_ok()) {
                let gradients = gradients.iter().filter_map(OnceLock::get);
                step.take(crew, &gradients.map(Vec::as_slice).collect::<Vec<_>>());
            }
        });
        let norm = step.norm();
        let mut given = Vec::with_capacity(results.len());
        for result in results {
            given.extend(
                result
                    .into_inner()
                    .unwrap_or_else(PoisonError::into_inner)?,
            );
        }
        self.step += u64::from(norm.is_finite());
        Ok((norm, given))
    }

    fn begin<'a>(&'a mut self, flat: Flat<'a>, rate: f32) -> Step<'a> {
        let taken = self.step + 1;
        let correction = |beta: f32| 1.0 / (1.0 - f64::from(beta).powf(taken as f64)) as f32;
        let mut parameters = Cut::new(flat.parameters);
        let mut gradient = Cut::new(flat.gradient);
        let mut first = Cut::new(&mut self.first);
        let mut second = Cut::new(&mut self.second);
        let pieces: Vec<Mutex<Piece<'_>>> = flat
            .trained
            .iter()
            .flat_map(Trained::stretches)
            .map(|Trained { range, decays }| {
                Mutex::new(Piece {
                    parameters: parameters.take(&range),
                    first: first.take(&range),
                    second: second.take(&range),
                    gradient: gradient.take(&range),
                    range,
                    decays,
                })
            })
            .collect();
        Step {
            config: self.config,
            rate,
            corrections: self.config.betas.map(correction),
            passes: [0; 2].map(|_| Pass::new(pieces.len())),
            squares: pieces.iter().map(|_| AtomicU64::default()).collect(),
            pieces,
        }
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
#[derive(Default)]
struct Squares([f64; 8]);

impl Squares {
    /// Adds numbers; only the last ones may be no multiple of eight.
    fn add(&mut self, x: &[f32]) {
        let (chunks, tail) = x.as_chunks::<8>();
        for chunk in chunks {
            for (lane, &x) in self.0.iter_mut().zip(chunk) {
                *lane += f64::from(x) * f64::from(x);
            }
        }
        for (lane, &x) in self.0.iter_mut().zip(tail) {
            *lane += f64::from(x) * f64::from(x);
        }
    }

    fn sum(&self) -> f64 {
        self.0.iter().sum()
    }
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
    gradient: &'a mut [f32],
    /// Where it stands in the flat vectors.
    range: Range<usize>,
    decays: bool,
}

/// A step that is being taken.
struct Step<'a> {
    config: AdamWConfig,
    rate: f32,
    /// `1 / (1 − βᵗ)` of both moments.
    corrections: [f32; 2],
    pieces: Vec<Mutex<Piece<'a>>>,
    /// Bits of the sum of the squares of each piece's gradient.
    squares: Vec<AtomicU64>,
    passes: [Pass; 2],
}

impl<'a> Step<'a> {
    /// Goes through the step's two passes with the others of a crew. The gradients are added in their order.
    fn take(&self, crew: &Crew<'_>, gradients: &[&[f32]]) {
        let [gather, update] = &self.passes;
        crew.pass(gather, |at| {
            let squares = self.piece(at).gather(gradients);
            self.squares[at].store(squares.to_bits(), Ordering::Relaxed);
        });
        let norm = self.norm();
        if !norm.is_finite() {
            return;
        }
        let scale = match norm > self.config.max_norm {
            true => self.config.max_norm / norm,
            false => 1.0,
        };
        crew.pass(update, |at| self.update(&mut self.piece(at), scale));
    }

    /// The norm of the gradient, once it is gathered.
    fn norm(&self) -> f32 {
        let squares = self.squares.iter();
        let squares = squares.map(|bits| f64::from_bits(bits.load(Ordering::Relaxed)));
        squares.sum::<f64>().sqrt() as f32
    }

    fn piece(&self, at: usize) -> MutexGuard<'_, Piece<'a>> {
        lock(&self.pieces[at])
    }

    fn update(&self, piece: &mut Piece<'_>, scale: f32) {
        let [b1, b2] = self.config.betas;
        let [correct1, correct2] = self.corrections;
        let decay = if piece.decays {
            1.0 - self.rate * self.config.weight_decay
        } else {
            1.0
        };
        let moments = piece.first.iter_mut().zip(&mut *piece.second);
        let each = piece
            .parameters
            .iter_mut()
            .zip(&*piece.gradient)
            .zip(moments);
        for ((p, &g), (m, v)) in each {
            let g = g * scale;
            *m = b1 * *m + (1.0 - b1) * g;
            *v = b2 * *v + (1.0 - b2) * g * g;
            *p = decay * *p
                - self.rate * (*m * correct1) / ((*v * correct2).sqrt() + self.config.eps);
        }
    }
}

impl Piece<'_> {
    /// Adds the gradients; returns the sum of the squares.
    fn gather(&mut self, gradients: &[&[f32]]) -> f64 {
        let mut squares = Squares::default();
        for (at, sum) in self.gradient.chunks_mut(BLOCK).enumerate() {
            let from = self.range.start + at * BLOCK;
            let block = from..from + sum.len();
            match gradients.split_first() {
                Some((first, rest)) => {
                    sum.copy_from_slice(&first[block.clone()]);
                    rest.iter()
                        .for_each(|next| kernels::add(sum, &next[block.clone()]));
                }
                None => sum.fill(0.0),
            }
            squares.add(sum);
        }
        squares.sum()
    }
}

fn lock<T>(slot: &Mutex<T>) -> MutexGuard<'_, T> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}
