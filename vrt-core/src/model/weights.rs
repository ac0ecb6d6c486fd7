//! In: a decoder's parameters under their published names. Out: the flat weights that decoding runs on.
//!
//! Names and meaning are Qwen2.5-VL's; matrices are `[out, in]`. What is applied to the same input is
//! fused: q, k, v into one matrix, gate and up into another.

use super::panels::Panels;

/// Sizes and constants of the decoder.
#[derive(Clone, Debug, PartialEq)]
pub struct DecoderConfig {
    /// Vocabulary size `V`.
    pub vocab: usize,
    /// Width of the residual stream `D`.
    pub dim: usize,
    /// Number of layers.
    pub layers: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads; each serves `heads / kv_heads` query heads.
    pub kv_heads: usize,
    /// Width of a head, even.
    pub head_dim: usize,
    /// Width of the feed-forward layer `I`.
    pub mlp: usize,
    /// Base of the rotary frequencies.
    pub rope_theta: f32,
    /// Rotary frequencies that follow the temporal, height and width position; sums to `head_dim / 2`.
    pub mrope_section: [usize; 3],
    /// Added to the mean square in RMSNorm.
    pub eps: f32,
}

impl DecoderConfig {
    /// Width of all query heads together.
    pub fn q_dim(&self) -> usize {
        self.heads * self.head_dim
    }

    /// Width of all key (or value) heads together.
    pub fn kv_dim(&self) -> usize {
        self.kv_heads * self.head_dim
    }

    /// Width of queries, keys and values side by side.
    pub fn qkv_dim(&self) -> usize {
        self.q_dim() + 2 * self.kv_dim()
    }

    /// Multiply-adds of all matrix products for one row that asks for logits, attention left out.
    pub fn macs(&self) -> usize {
        let layer = self.dim * self.qkv_dim() + self.q_dim() * self.dim + 3 * self.dim * self.mlp;
        self.layers * layer + self.dim * self.vocab
    }

    /// Published names and shapes of the parameters, in no particular order; a tied decoder's output map is its embedding.
    pub fn declared(&self, tied: bool) -> Vec<(String, Vec<usize>)> {
        let (dim, q, kv) = (self.dim, self.q_dim(), self.kv_dim());
        let layer = [
            ("input_layernorm.weight", vec![dim]),
            ("post_attention_layernorm.weight", vec![dim]),
            ("self_attn.q_proj.weight", vec![q, dim]),
            ("self_attn.q_proj.bias", vec![q]),
            ("self_attn.k_proj.weight", vec![kv, dim]),
            ("self_attn.k_proj.bias", vec![kv]),
            ("self_attn.v_proj.weight", vec![kv, dim]),
            ("self_attn.v_proj.bias", vec![kv]),
            ("self_attn.o_proj.weight", vec![dim, q]),
            ("mlp.gate_proj.weight", vec![self.mlp, dim]),
            ("mlp.up_proj.weight", vec![self.mlp, dim]),
            ("mlp.down_proj.weight", vec![dim, self.mlp]),
        ];
        let ends = [
            ("model.embed_tokens.weight", vec![self.vocab, dim]),
            ("model.norm.weight", vec![dim]),
            ("lm_head.weight", vec![self.vocab, dim]),
        ];
        let ends = ends.into_iter().take(if tied { 2 } else { 3 });
        let layers = (0..self.layers).flat_map(|number| {
            let named = |(part, shape): &(&str, Vec<usize>)| {
                (format!("model.layers.{number}.{part}"), shape.clone())
            };
            layer.iter().map(named).collect::<Vec<_>>()
        });
        ends.map(|(name, shape)| (name.to_owned(), shape))
            .chain(layers)
            .collect()
    }

    /// # Errors
    /// [`WeightsError::Config`] names the first constraint that does not hold.
    pub fn check(&self) -> Result<(), WeightsError> {
        let sizes = [
            ("vocab", self.vocab),
            ("dim", self.dim),
            ("layers", self.layers),
            ("heads", self.heads),
            ("kv_heads", self.kv_heads),
            ("head_dim", self.head_dim),
            ("mlp", self.mlp),
        ];
        for (name, size) in sizes {
            if size == 0 {
                return Err(WeightsError::Config(format!(
                    "`{name}` is 0: give it a size"
                )));
            }
        }
        if !self.heads.is_multiple_of(self.kv_heads) {
            return Err(WeightsError::Config(format!(
                "`heads` = {} is not a multiple of `kv_heads` = {}",
                self.heads, self.kv_heads
            )));
        }
        let sections: usize = self.mrope_section.iter().sum();
        if 2 * sections != self.head_dim {
            return Err(WeightsError::Config(format!(
                "`mrope_section` = {:?} sums to {sections}, not to `head_dim` / 2 = {}",
                self.mrope_section,
                self.head_dim as f64 / 2.0
            )));
        }
        Ok(())
    }
}

/// The weights do not make a decoder.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WeightsError {
    /// The sizes contradict each other.
    #[error("decoder config: {0}")]
    Config(String),
    /// Parameters are missing or have the wrong number of values; all of them are listed.
    #[error("decoder weights: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Parameters(Vec<ParameterError>),
}

/// What is wrong with one parameter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParameterError {
    /// The source has no parameter of this name.
    #[error("`{name}` is missing, it should be {shape:?}")]
    Missing {
        /// The published name.
        name: String,
        /// The shape it should have.
        shape: Vec<usize>,
    },
    /// The source's parameter has another number of values.
    #[error("`{name}` should be {shape:?} but holds {found} values")]
    Misshaped {
        /// The published name.
        name: String,
        /// The shape it should have.
        shape: Vec<usize>,
        /// Number of values found.
        found: usize,
    },
}

/// One decoder layer.
#[derive(Clone, Debug)]
pub(super) struct LayerWeights {
    pub input_norm: Vec<f32>,
    /// Rows q, k, v.
    pub qkv: Panels,
    pub qkv_bias: Vec<f32>,
    pub o: Panels,
    pub post_norm: Vec<f32>,
    /// Rows gate, up.
    pub gate_up: Panels,
    pub down: Panels,
}

/// All parameters of the decoder, laid out for decoding.
#[derive(Clone, Debug)]
pub struct DecoderWeights {
    config: DecoderConfig,
    pub(super) embed: Vec<f32>,
    pub(super) layers: Vec<LayerWeights>,
    pub(super) norm: Vec<f32>,
    pub(super) head: Panels,
}

impl DecoderWeights {
    /// Takes each parameter from `source` by its published name (`model.layers.0.self_attn.q_proj.weight`,
    /// `model.embed_tokens.weight`, …), row-major. Without `lm_head.weight` the output layer is the
    /// embedding.
    ///
    /// # Errors
    /// [`WeightsError`] lists every parameter that is missing or misshaped.
    pub fn new(
        config: DecoderConfig,
        source: impl FnMut(&str) -> Option<Vec<f32>>,
    ) -> Result<Self, WeightsError> {
        config.check()?;
        let c = config.clone();
        let mut reader = Reader {
            source,
            errors: Vec::new(),
        };
        let embed = reader.take("model.embed_tokens.weight", &[c.vocab, c.dim]);
        let mut layers = Vec::with_capacity(c.layers);
        for l in 0..c.layers {
            let mut part = |name: &str, shape: &[usize]| {
                reader.take(&format!("model.layers.{l}.{name}"), shape)
            };
            let input_norm = part("input_layernorm.weight", &[c.dim]);
            let mut qkv = part("self_attn.q_proj.weight", &[c.q_dim(), c.dim]);
            qkv.extend(part("self_attn.k_proj.weight", &[c.kv_dim(), c.dim]));
            qkv.extend(part("self_attn.v_proj.weight", &[c.kv_dim(), c.dim]));
            let mut qkv_bias = part("self_attn.q_proj.bias", &[c.q_dim()]);
            qkv_bias.extend(part("self_attn.k_proj.bias", &[c.kv_dim()]));
            qkv_bias.extend(part("self_attn.v_proj.bias", &[c.kv_dim()]));
            let o = part("self_attn.o_proj.weight", &[c.dim, c.q_dim()]);
            let post_norm = part("post_attention_layernorm.weight", &[c.dim]);
            let mut gate_up = part("mlp.gate_proj.weight", &[c.mlp, c.dim]);
            gate_up.extend(part("mlp.up_proj.weight", &[c.mlp, c.dim]));
            let down = part("mlp.down_proj.weight", &[c.dim, c.mlp]);
            layers.push(LayerWeights {
                input_norm,
                qkv: Panels::new(&qkv, c.dim),
                qkv_bias,
                o: Panels::new(&o, c.q_dim()),
                post_norm,
                gate_up: Panels::new(&gate_up, c.dim),
                down: Panels::new(&down, c.mlp),
            });
        }
        let norm = reader.take("model.norm.weight", &[c.dim]);
        let untied = reader.optional("lm_head.weight", &[c.vocab, c.dim]);
        let head = Panels::new(untied.as_ref().unwrap_or(&embed), c.dim);
        if reader.errors.is_empty() {
            Ok(Self {
                config,
                embed,
                layers,
                norm,
                head,
            })
        } else {
            Err(WeightsError::Parameters(reader.errors))
        }
    }

    /// The decoder's sizes.
    pub fn config(&self) -> &DecoderConfig {
        &self.config
    }
}

/// Takes parameters and remembers everything that was wrong; a wrong one becomes zeros of the right size
/// so that reading can go on.
pub(super) struct Reader<S> {
    pub source: S,
    pub errors: Vec<ParameterError>,
}

impl<S: FnMut(&str) -> Option<Vec<f32>>> Reader<S> {
    pub fn take(&mut self, name: &str, shape: &[usize]) -> Vec<f32> {
        let before = self.errors.len();
        self.optional(name, shape).unwrap_or_else(|| {
            if self.errors.len() == before {
                self.errors.push(ParameterError::Missing {
                    name: name.to_owned(),
                    shape: shape.to_vec(),
                });
            }
            vec![0.0; shape.iter().product()]
        })
    }

    pub fn optional(&mut self, name: &str, shape: &[usize]) -> Option<Vec<f32>> {
        let values = (self.source)(name)?;
        if values.len() == shape.iter().product::<usize>() {
            return Some(values);
        }
        self.errors.push(ParameterError::Misshaped {
            name: name.to_owned(),
            shape: shape.to_vec(),
            found: values.len(),
        });
        None
    }
}
