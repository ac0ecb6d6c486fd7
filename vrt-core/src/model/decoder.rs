//! In: packed rows. Out: log-probabilities of tokens. The decoder of Qwen2.5-VL.

use dfdx::prelude::*;

use super::attention::{TextAttention, TextContext};
use super::ops::{Gated, Ops, RMS_EPS, Scored};
use super::params::{Init, Parameters, Visitor, VisitorMut, Zeros, weights};
use super::weights::DecoderConfig;
use crate::sequence::Packed;

/// What the decoder's shapes do not say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TextConfig {
    /// Base of the rotary frequencies.
    pub rope_theta: f32,
    /// Frequencies that turn with the temporal, height and width position.
    pub mrope_section: [usize; 3],
    /// Whether the output map is the embedding table.
    pub tied: bool,
}

weights! {
    /// Gated MLP of the decoder, without biases.
    TextMlp<D, MLP> {
        /// Gain of the normalisation before it.
        norm: Rank1<D> = "post_attention_layernorm.weight", Init::Ones;
        /// Gate map.
        gate: Rank2<MLP, D> = "mlp.gate_proj.weight", Init::Normal { gain: 1.0 };
        /// Up map.
        up: Rank2<MLP, D> = "mlp.up_proj.weight", Init::Normal { gain: 1.0 };
        /// Down map.
        down: Rank2<D, MLP> = "mlp.down_proj.weight", Init::Normal { gain: 0.4 };
    }
}

weights! {
    /// The embedding table.
    Embedding<VOCAB, D> {
        /// One row a token.
        table: Rank2<VOCAB, D> = "embed_tokens.weight", Init::Normal { gain: 0.5 };
    }
}

weights! {
    /// The last normalisation.
    FinalNorm<D> {
        /// Its gain.
        norm: Rank1<D> = "norm.weight", Init::Ones;
    }
}

weights! {
    /// The output map of a model whose embedding is not tied.
    Head<VOCAB, D> {
        /// One row a token.
        table: Rank2<VOCAB, D> = "lm_head.weight", Init::Normal { gain: 1.0 };
    }
}

/// The decoder's layers with embedding and last normalisation.
#[derive(Clone, Debug)]
pub struct Decoder<
    const VOCAB: usize,
    const D: usize,
    const LAYERS: usize,
    const HEADS: usize,
    const KV_HEADS: usize,
    const Q: usize,
    const KV: usize,
    const MLP: usize,
    Dev: Device<f32> = Cpu,
> {
    /// Tokens to width.
    pub embed: Embedding<VOCAB, D, Dev>,
    /// Attention, then MLP, `LAYERS` times.
    pub layers: Vec<(TextAttention<D, Q, KV, Dev>, TextMlp<D, MLP, Dev>)>,
    /// Before the output map.
    pub norm: FinalNorm<D, Dev>,
    /// The output map, where it is not the embedding table.
    pub head: Option<Head<VOCAB, D, Dev>>,
}

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
> Parameters<Dev> for Decoder<VOCAB, D, LAYERS, HEADS, KV_HEADS, Q, KV, MLP, Dev>
{
    fn visit(&self, prefix: &str, visitor: &mut impl Visitor<Dev>) {
        let model = format!("{prefix}model.");
        self.embed.visit(&model, visitor);
        for (i, layer) in self.layers.iter().enumerate() {
            layer.visit(&format!("{model}layers.{i}."), visitor);
        }
        self.norm.visit(&model, visitor);
        if let Some(head) = &self.head {
            head.visit(prefix, visitor);
        }
    }

    fn visit_mut(&mut self, prefix: &str, visitor: &mut impl VisitorMut<Dev>) {
        let model = format!("{prefix}model.");
        self.embed.visit_mut(&model, visitor);
        for (i, layer) in self.layers.iter_mut().enumerate() {
            layer.visit_mut(&format!("{model}layers.{i}."), visitor);
        }
        self.norm.visit_mut(&model, visitor);
        if let Some(head) = &mut self.head {
            head.visit_mut(prefix, visitor);
        }
    }
}

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
> Zeros<Dev> for Decoder<VOCAB, D, LAYERS, HEADS, KV_HEADS, Q, KV, MLP, Dev>
{
    fn zeros(dev: &Dev) -> Self {
        Self {
            embed: Zeros::zeros(dev),
            layers: (0..LAYERS).map(|_| Zeros::zeros(dev)).collect(),
            norm: Zeros::zeros(dev),
            head: None,
        }
    }

    fn declare(prefix: &str, see: &mut impl FnMut(String, Vec<usize>)) {
        let model = format!("{prefix}model.");
        Embedding::<VOCAB, D, Dev>::declare(&model, see);
        for i in 0..LAYERS {
            <(TextAttention<D, Q, KV, Dev>, TextMlp<D, MLP, Dev>)>::declare(
                &format!("{model}layers.{i}."),
                see,
            );
        }
        FinalNorm::<D, Dev>::declare(&model, see);
    }
}

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
    /// Number of parameters of a model with a tied embedding.
    pub const PARAMETERS: usize =
        VOCAB * D + LAYERS * (2 * D + (Q + 2 * KV) * (D + 1) + D * Q + 3 * MLP * D) + D;

    /// Log-probability of each target token of the batch at a temperature, and the entropy of the
    /// distribution it was scored under.
    ///
    /// `visual` are the visual embeddings that the batch refers to. The batch must have been checked.
    pub fn forward<O: Ops<Dev>, T: Tape<f32, Dev>>(
        &self,
        config: &TextConfig,
        batch: &Packed,
        visual: Tensor<(usize, Const<D>), f32, Dev, T>,
        temperature: f32,
    ) -> Scored<Dev, T> {
        self.forward_seen::<O, T>(config, batch, visual, temperature, &mut |_| {})
    }

    /// [`Decoder::forward`], showing `see` the rows `(rows, D)` after the embedding and after each layer; after the last
    /// one they are those of the targets alone.
    pub fn forward_seen<O: Ops<Dev>, T: Tape<f32, Dev>>(
        &self,
        config: &TextConfig,
        batch: &Packed,
        visual: Tensor<(usize, Const<D>), f32, Dev, T>,
        temperature: f32,
        see: &mut impl FnMut(&Tensor<(usize, Const<D>), f32, Dev, T>),
    ) -> Scored<Dev, T> {
        const {
            assert!(
                Q.is_multiple_of(HEADS)
                    && KV.is_multiple_of(KV_HEADS)
                    && Q / HEADS == KV / KV_HEADS,
                "query and key heads have the same number of dimensions"
            );
            assert!(LAYERS > 0, "a decoder has a layer");
            assert!(
                HEADS.is_multiple_of(KV_HEADS),
                "key heads are shared evenly"
            );
        }
        let context = TextContext::new(
            batch,
            [HEADS, KV_HEADS],
            config.mrope_section,
            config.rope_theta,
        );
        let mut x = O::embed(visual, &self.embed.table, batch);
        see(&x);
        for (number, (attention, mlp)) in self.layers.iter().enumerate() {
            x = O::text_attention(x, attention, &context);
            // After the last attention a row is read by nobody but its own target.
            if number + 1 == LAYERS {
                x = O::pick(x, &batch.target_rows);
            }
            x = O::gated_mlp(
                x,
                Gated {
                    norm: &mlp.norm,
                    gate: &mlp.gate,
                    up: &mlp.up,
                    down: &mlp.down,
                    biases: None,
                },
            );
            see(&x);
        }
        let table = match &self.head {
            Some(head) => &head.table,
            None => &self.embed.table,
        };
        O::token_logps(x, &self.norm.norm, table, &batch.target_tokens, temperature)
    }
}

/// A decoder with its sizes hidden: what [`super::qwen::Qwen25Vl`] needs of one.
pub trait TextModel: Zeros<Cpu> {
    /// Width of a row.
    type Width: ConstDim;
    /// The sizes, for decoding and for checks.
    fn sizes(config: &TextConfig) -> DecoderConfig;
    /// Name and shape of the output map of a decoder that is not tied.
    fn declare_head(see: &mut impl FnMut(String, Vec<usize>));
    /// Gives the decoder an output map of its own; zeros.
    fn untie(&mut self, dev: &Cpu);
    /// See [`Decoder::forward`].
    fn score<O: Ops<Cpu>, T: Tape<f32, Cpu>>(
        &self,
        config: &TextConfig,
        batch: &Packed,
        visual: Tensor<(usize, Self::Width), f32, Cpu, T>,
        temperature: f32,
    ) -> Scored<Cpu, T>;
}

impl<
    const VOCAB: usize,
    const D: usize,
    const LAYERS: usize,
    const HEADS: usize,
    const KV_HEADS: usize,
    const Q: usize,
    const KV: usize,
    const MLP: usize,
> TextModel for Decoder<VOCAB, D, LAYERS, HEADS, KV_HEADS, Q, KV, MLP>
{
    type Width = Const<D>;

    fn sizes(config: &TextConfig) -> DecoderConfig {
        DecoderConfig {
            vocab: VOCAB,
            dim: D,
            layers: LAYERS,
            heads: HEADS,
            kv_heads: KV_HEADS,
            head_dim: Q / HEADS,
            mlp: MLP,
            rope_theta: config.rope_theta,
            mrope_section: config.mrope_section,
            eps: RMS_EPS,
        }
    }

    fn declare_head(see: &mut impl FnMut(String, Vec<usize>)) {
        <Head<VOCAB, D> as Zeros<Cpu>>::declare("", see);
    }

    fn untie(&mut self, dev: &Cpu) {
        self.head = Some(Zeros::zeros(dev));
    }

    fn score<O: Ops<Cpu>, T: Tape<f32, Cpu>>(
        &self,
        config: &TextConfig,
        batch: &Packed,
        visual: Tensor<(usize, Self::Width), f32, Cpu, T>,
        temperature: f32,
    ) -> Scored<Cpu, T> {
        self.forward::<O, T>(config, batch, visual, temperature)
    }
}
