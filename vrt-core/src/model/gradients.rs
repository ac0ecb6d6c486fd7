//! In: a loss on a model's outputs, with its derivative. Out: the loss's gradient on all parameters.
//!
//! The caller works out loss and derivative by hand; here the derivative enters the tape.

use dfdx::prelude::*;

use super::decoder::TextModel;
use super::error::ModelError;
use super::ops::Ops;
use super::params;
use super::qwen::Qwen25Vl;
use super::vision::VisionModel;
use crate::sequence::Packed;

/// Where a batch's visual embeddings come from.
#[derive(Clone, Copy, Debug)]
pub enum Frames<'a> {
    /// Patches of square frames, see [`Qwen25Vl::visual`]: the vision tower runs and is trained.
    Patches(&'a [f32]),
    /// Patches of videos of any size: the vision tower runs and is trained.
    Videos {
        /// `[frames, rows, columns]` patches of each.
        grids: &'a [[usize; 3]],
        /// See [`Qwen25Vl::visual_of`].
        patches: &'a [f32],
    },
    /// Their embeddings, `tokens × D`: the vision tower is frozen.
    Rows(&'a [f32]),
}

/// What one part of a batch adds to a step. Parts are summed.
#[derive(Clone, Debug, PartialEq)]
pub struct Shard {
    /// The loss as the caller worked it out.
    pub loss: f64,
    /// Its gradient on the flat list of parameters.
    pub grads: Vec<f32>,
}

impl<V: VisionModel<Width = X::Width>, X: TextModel> Qwen25Vl<V, X> {
    /// Gradient of a loss on the log-probabilities of a batch's targets.
    ///
    /// `loss` takes log-probabilities and entropies, one a target, and returns the loss with its
    /// derivative on each log-probability. A batch without targets has a gradient of zero.
    ///
    /// # Errors
    /// [`ModelError`] if the batch does not fit the model or its frames, or if the derivative has
    /// another length than the targets.
    pub fn loss_gradients<O: Ops<Cpu>>(
        &self,
        dev: &Cpu,
        batch: &Packed,
        frames: Frames<'_>,
        temperature: f32,
        loss: impl FnOnce(&[f32], &[f32]) -> (f64, Vec<f32>),
    ) -> Result<Shard, ModelError> {
        let tape = OwnedTape::default();
        let visual = match frames {
            Frames::Patches(patches) => self.visual::<O, _>(dev, patches, tape)?,
            Frames::Videos { grids, patches } => {
                self.visual_of::<O, _>(dev, grids, patches, tape)?
            }
            Frames::Rows(rows) => self.given_rows(dev, rows, tape)?,
        };
        let scored = self.token_logps::<O, _>(batch, visual, temperature)?;
        let (loss, derivative) = loss(&scored.logps.as_vec(), &scored.entropy);
        self.shard(dev, scored.logps, loss, derivative)
    }

    /// Gradient of a loss on visual embeddings, for training the tower under any head.
    ///
    /// `loss` takes the embeddings, `tokens × D`, and returns the loss with its derivative on each number.
    ///
    /// # Errors
    /// [`ModelError::Length`] if the patches are not whole frames or the derivative does not fit.
    pub fn visual_gradients<O: Ops<Cpu>>(
        &self,
        dev: &Cpu,
        patches: &[f32],
        loss: impl FnOnce(&[f32]) -> (f64, Vec<f32>),
    ) -> Result<Shard, ModelError> {
        let visual = self.visual::<O, _>(dev, patches, OwnedTape::default())?;
        let (loss, derivative) = loss(&visual.as_vec());
        self.shard(dev, visual, loss, derivative)
    }

    fn shard<S: Shape>(
        &self,
        dev: &Cpu,
        output: Tensor<S, f32, Cpu, OwnedTape<f32, Cpu>>,
        loss: f64,
        derivative: Vec<f32>,
    ) -> Result<Shard, ModelError> {
        let expected = output.shape().num_elements();
        if derivative.len() != expected {
            return Err(ModelError::Length {
                what: "derivative of the loss",
                found: derivative.len(),
                expected,
            });
        }
        let (output, mut tape) = output.split_tape();
        let at = output.clone();
        tape.add_backward_op(move |store| {
            store.get_or_alloc_mut(&at)?.copy_from_slice(&derivative);
            Ok(())
        });
        let root = dev.zeros::<Rank0>().put_tape(tape);
        let mut gradients = root.try_backward()?;
        let grads = params::gradients_flat(self, &mut gradients);
        Ok(Shard { loss, grads })
    }
}
