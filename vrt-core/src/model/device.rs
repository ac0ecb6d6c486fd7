//! In: a decoder on any device of the tensor library. Out: its gradients, by the composed operations.
//!
//! The fused operations, the shards and the decoding engine are the CPU's; this is what any device can run,
//! and the reference against which a device is to be checked.

use dfdx::prelude::*;

use super::decoder::{Decoder, TextConfig};
use super::error::ModelError;
use super::gradients::Shard;
use super::ops::Composed;
use super::params::{self, Parameters, Visitor, Zeros};
use crate::sequence::Packed;

impl<
    const VOCAB: usize,
    const D: usize,
    const LAYERS: usize,
    const HEADS: usize,
    const KV_HEADS: usize,
    const Q: usize,
    const KV: usize,
    const MLP: usize,
    Dev: Device<f32>,
> Decoder<VOCAB, D, LAYERS, HEADS, KV_HEADS, Q, KV, MLP, Dev>
{
    /// The same numbers on another device.
    ///
    /// # Errors
    /// [`ModelError::FlatLength`] never happens for a decoder that this crate built.
    pub fn on<To: Device<f32>>(
        &self,
        dev: &To,
    ) -> Result<Decoder<VOCAB, D, LAYERS, HEADS, KV_HEADS, Q, KV, MLP, To>, ModelError> {
        let mut moved = Decoder::zeros(dev);
        moved.head = self.head.as_ref().map(|_| Zeros::zeros(dev));
        params::load_flat(&mut moved, &params::to_flat(self))?;
        Ok(moved)
    }

    /// Gradient, on the decoder's flat parameters, of a loss on the log-probabilities of a batch's targets;
    /// `loss` is as in [`super::qwen::Qwen25Vl::loss_gradients`], `visual` are the embeddings that the batch
    /// refers to, `tokens × D`. The batch must have been checked.
    ///
    /// # Errors
    /// [`ModelError::Length`] if the derivative or `visual` has another length, [`ModelError::Backward`] if the
    /// device fails.
    pub fn composed_gradients(
        &self,
        config: &TextConfig,
        batch: &Packed,
        visual: &[f32],
        temperature: f32,
        loss: impl FnOnce(&[f32], &[f32]) -> (f64, Vec<f32>),
    ) -> Result<Shard, ModelError> {
        let length = |what, found, expected| {
            (found == expected).then_some(()).ok_or(ModelError::Length {
                what,
                found,
                expected,
            })
        };
        length(
            "visual embeddings",
            visual.len(),
            visual.len().next_multiple_of(D),
        )?;
        let dev = self.norm.norm.device();
        let visual = dev
            .tensor_from_vec(visual.to_vec(), (visual.len() / D, Const::<D>))
            .put_tape(OwnedTape::default());
        let scored = self.forward::<Composed, _>(config, batch, visual, temperature);
        let (loss, derivative) = loss(&scored.logps.as_vec(), &scored.entropy);
        let targets = scored.logps.shape().0;
        length("derivative of the loss", derivative.len(), targets)?;
        let derivative = dev.tensor_from_vec(derivative, (targets,));
        let mut gradients = (scored.logps * derivative)
            .sum::<Rank0, _>()
            .try_backward()
            .map_err(|error| ModelError::Backward(error.to_string()))?;
        let mut grads = Collect {
            gradients: &mut gradients,
            flat: Vec::with_capacity(params::len(self)),
            failed: None,
        };
        self.visit("", &mut grads);
        match grads.failed {
            Some(why) => Err(ModelError::Backward(why)),
            None => Ok(Shard {
                loss,
                grads: grads.flat,
            }),
        }
    }
}

struct Collect<'a, Dev: Device<f32>> {
    gradients: &'a mut Gradients<f32, Dev>,
    flat: Vec<f32>,
    failed: Option<String>,
}

impl<Dev: Device<f32>> Visitor<Dev> for Collect<'_, Dev> {
    fn visit<S: ConstShape>(&mut self, _: &str, tensor: &Tensor<S, f32, Dev>) {
        // `get` wants an entry; a parameter that no row used has none.
        match self.gradients.try_alloc_for(tensor) {
            Ok(()) => self.flat.extend(self.gradients.get(tensor).as_vec()),
            Err(error) => self.failed = Some(error.to_string()),
        }
    }
}

/// The tiny policy's decoder on a GPU. Nothing of it was ever run: `docs/gpu.md`.
#[cfg(feature = "cuda")]
pub type TinyOnCuda = Decoder<384, 64, 3, 4, 2, 64, 32, 176, Cuda>;

// The bounds of the generic code hold for the GPU: this line is what the check of the feature proves.
#[cfg(feature = "cuda")]
const _: fn(&Decoder<384, 64, 3, 4, 2, 64, 32, 176>, &Cuda) -> Result<TinyOnCuda, ModelError> =
    Decoder::on::<Cuda>;
