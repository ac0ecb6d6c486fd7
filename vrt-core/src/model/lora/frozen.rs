//! In: a decoder's parameters under their published names. Out: the same numbers, never changed again.

use crate::model::weights::{DecoderConfig, Reader, WeightsError};

/// The adapted projections of a layer, in the order of the flat list.
pub(super) const PROJECTIONS: [&str; 7] = [
    "self_attn.q_proj",
    "self_attn.k_proj",
    "self_attn.v_proj",
    "self_attn.o_proj",
    "mlp.gate_proj",
    "mlp.up_proj",
    "mlp.down_proj",
];

/// Sizes of a layer's projections and of their adapters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    shapes: [[usize; 2]; 7],
    rank: usize,
}

impl Sizes {
    pub fn of(c: &DecoderConfig, rank: usize) -> Self {
        let shapes = [
            [c.q_dim(), c.dim],
            [c.kv_dim(), c.dim],
            [c.kv_dim(), c.dim],
            [c.dim, c.q_dim()],
            [c.mlp, c.dim],
            [c.mlp, c.dim],
            [c.dim, c.mlp],
        ];
        Self { shapes, rank }
    }

    /// `[out, in]` of each projection.
    pub fn projections(self) -> impl Iterator<Item = [usize; 2]> {
        self.shapes.into_iter()
    }

    /// Numbers in the adapters of a layer.
    pub fn layer(self) -> usize {
        self.shapes.iter().map(|[o, i]| self.rank * (o + i)).sum()
    }
}

/// A layer's weights as published.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct FrozenLayer {
    pub input_norm: Vec<f32>,
    pub post_norm: Vec<f32>,
    /// In the order of [`PROJECTIONS`], `[out, in]`.
    pub weights: [Vec<f32>; 7],
    /// Of q, k, v.
    pub biases: [Vec<f32>; 3],
}

/// A decoder whose weights are only read: one copy, whatever the number of shards.
#[derive(Clone, Debug, PartialEq)]
pub struct Frozen {
    config: DecoderConfig,
    pub(super) embed: Vec<f32>,
    pub(super) layers: Vec<FrozenLayer>,
    pub(super) norm: Vec<f32>,
    head: Option<Vec<f32>>,
}

impl Frozen {
    /// Takes each parameter from `source` by its published name, row-major; without `lm_head.weight` the output map is
    /// the embedding.
    ///
    /// # Errors
    /// [`WeightsError`] lists every parameter that is missing or misshaped.
    pub fn new(
        config: DecoderConfig,
        source: impl FnMut(&str) -> Option<Vec<f32>>,
    ) -> Result<Self, WeightsError> {
        config.check()?;
        let mut reader = Reader {
            source,
            errors: Vec::new(),
        };
        let c = &config;
        let embed = reader.take("model.embed_tokens.weight", &[c.vocab, c.dim]);
        let shapes = Sizes::of(c, 0).shapes;
        let layers = (0..c.layers)
            .map(|number| {
                let mut part = |name: &str, kind: &str, shape: &[usize]| {
                    reader.take(&format!("model.layers.{number}.{name}.{kind}"), shape)
                };
                FrozenLayer {
                    input_norm: part("input_layernorm", "weight", &[c.dim]),
                    post_norm: part("post_attention_layernorm", "weight", &[c.dim]),
                    biases: std::array::from_fn(|i| part(PROJECTIONS[i], "bias", &shapes[i][..1])),
                    weights: std::array::from_fn(|i| part(PROJECTIONS[i], "weight", &shapes[i])),
                }
            })
            .collect();
        let norm = reader.take("model.norm.weight", &[c.dim]);
        let head = reader.optional("lm_head.weight", &[c.vocab, c.dim]);
        if !reader.errors.is_empty() {
            return Err(WeightsError::Parameters(reader.errors));
        }
        Ok(Self {
            config,
            embed,
            layers,
            norm,
            head,
        })
    }

    /// The decoder's sizes.
    pub fn config(&self) -> &DecoderConfig {
        &self.config
    }

    /// A parameter by its published name, row-major; `None` where the decoder has none of this name, as a tied one has no
    /// `lm_head.weight`.
    pub fn values(&self, name: &str) -> Option<&[f32]> {
        match name {
            "model.embed_tokens.weight" => return Some(&self.embed),
            "model.norm.weight" => return Some(&self.norm),
            "lm_head.weight" => return self.head.as_deref(),
            _ => {}
        }
        let (number, part) = name.strip_prefix("model.layers.")?.split_once('.')?;
        let layer = self.layers.get(number.parse::<usize>().ok()?)?;
        let (part, kind) = part.rsplit_once('.')?;
        let place = PROJECTIONS.iter().position(|name| *name == part);
        match (part, kind, place) {
            ("input_layernorm", "weight", _) => Some(&layer.input_norm),
            ("post_attention_layernorm", "weight", _) => Some(&layer.post_norm),
            (_, "weight", Some(place)) => Some(&layer.weights[place]),
            (_, "bias", Some(place)) => layer.biases.get(place).map(Vec::as_slice),
            _ => None,
        }
    }

    /// The output map, `vocab × dim`.
    pub(super) fn head(&self) -> &[f32] {
        self.head.as_ref().unwrap_or(&self.embed)
    }
}
