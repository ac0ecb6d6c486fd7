//! In: a checkpoint's `config.json`. Out: the sizes and constants of its model.
//!
//! Both forms in use are read: the decoder's fields at the top (as published), or under `text_config` (as newer
//! releases of transformers write them).

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;
use vrt_core::model::decoder::{TextConfig, TextModel};
use vrt_core::model::ops::RMS_EPS;
use vrt_core::model::qwen::Config;
use vrt_core::model::vision::{VisionConfig, VisionModel, VisionSizes};
use vrt_core::model::weights::DecoderConfig;

use crate::error::CheckpointError;
use crate::json;

/// The file's name.
pub const FILE: &str = "config.json";
const CHANNELS: usize = 3;

/// Ids of the pieces that stand around and for pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct VisionTokens {
    /// Stands for one visual token of an image.
    #[serde(rename = "image_token_id")]
    pub image: u32,
    /// Stands for one visual token of a video.
    #[serde(rename = "video_token_id")]
    pub video: u32,
    /// Before an image or a video.
    #[serde(rename = "vision_start_token_id")]
    pub start: u32,
    /// After it.
    #[serde(rename = "vision_end_token_id")]
    pub end: u32,
}

/// What a checkpoint's `config.json` says of its model.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelConfig {
    /// The decoder's sizes and constants.
    pub decoder: DecoderConfig,
    /// The vision tower's sizes.
    pub tower: VisionSizes,
    /// What the typed model's shapes do not say.
    pub model: Config,
    /// Frames in a patch.
    pub temporal_patch: usize,
    /// Temporal positions in a second of video.
    pub tokens_per_second: f32,
    /// Ids of the pieces that stand around and for pictures.
    pub tokens: VisionTokens,
    pub(crate) raw: Value,
}

#[derive(Deserialize)]
struct RawRope {
    mrope_section: Option<[usize; 3]>,
    rope_theta: Option<f32>,
    rope_type: Option<String>,
}

#[derive(Deserialize)]
struct RawText {
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    num_key_value_heads: usize,
    vocab_size: usize,
    rms_norm_eps: f32,
    hidden_act: String,
    rope_theta: Option<f32>,
    rope_scaling: Option<RawRope>,
    rope_parameters: Option<RawRope>,
    tie_word_embeddings: Option<bool>,
    #[serde(default)]
    use_sliding_window: bool,
}

#[derive(Deserialize)]
struct RawVision {
    depth: usize,
    hidden_size: usize,
    intermediate_size: usize,
    num_heads: usize,
    out_hidden_size: usize,
    patch_size: usize,
    spatial_merge_size: usize,
    temporal_patch_size: usize,
    window_size: usize,
    fullatt_block_indexes: Vec<usize>,
    tokens_per_second: f32,
    hidden_act: String,
}

impl ModelConfig {
    /// Reads `config.json`.
    ///
    /// # Errors
    /// [`CheckpointError`]: unreadable, a field is missing, or the model is not one that the typed model can be.
    pub fn read(path: &Path) -> Result<Self, CheckpointError> {
        let raw: Value = json::read(path)?;
        let refuse = |problem: String| {
            Err(CheckpointError::Config {
                path: path.to_owned(),
                problem,
            })
        };
        if raw["model_type"] != "qwen2_5_vl" {
            return refuse(format!(
                "`model_type` is {}, only \"qwen2_5_vl\" is read",
                raw["model_type"]
            ));
        }
        let nested = &raw["text_config"];
        let text: RawText = json::part(path, if nested.is_object() { nested } else { &raw })?;
        let vision: RawVision = json::part(path, &raw["vision_config"])?;
        let tokens: VisionTokens = json::part(path, &raw)?;
        for (part, act) in [
            ("the decoder", &text.hidden_act),
            ("the vision tower", &vision.hidden_act),
        ] {
            if act != "silu" {
                return refuse(format!(
                    "`hidden_act` of {part} is `{act}`, only `silu` is built"
                ));
            }
        }
        if text.use_sliding_window {
            return refuse("`use_sliding_window` is set, the decoder has no sliding window".into());
        }
        if text.rms_norm_eps != RMS_EPS {
            return refuse(format!(
                "`rms_norm_eps` is {}, the model is built with {RMS_EPS}",
                text.rms_norm_eps
            ));
        }
        let rope = text.rope_parameters.as_ref().or(text.rope_scaling.as_ref());
        if let Some(kind) = rope.and_then(|rope| rope.rope_type.as_deref())
            && !["default", "mrope"].contains(&kind)
        {
            return refuse(format!(
                "`rope_type` is `{kind}`, only `default` and `mrope` are built"
            ));
        }
        let Some(mrope_section) = rope.and_then(|rope| rope.mrope_section) else {
            return refuse(
                "`mrope_section` is missing from `rope_scaling` or `rope_parameters`".into(),
            );
        };
        let Some(rope_theta) = rope.and_then(|rope| rope.rope_theta).or(text.rope_theta) else {
            return refuse("`rope_theta` is missing".into());
        };
        let group = vision.patch_size * vision.spatial_merge_size;
        if group == 0 || vision.window_size == 0 || !vision.window_size.is_multiple_of(group) {
            return refuse(format!(
                "`window_size` = {} is not a multiple of `patch_size` · `spatial_merge_size` = {group}",
                vision.window_size
            ));
        }
        if vision.depth > u32::BITS as usize {
            return refuse(format!(
                "`depth` is {}, at most 32 blocks are built",
                vision.depth
            ));
        }
        let mut full_blocks = 0;
        for &block in &vision.fullatt_block_indexes {
            if block >= vision.depth {
                return refuse(format!(
                    "`fullatt_block_indexes` names block {block} of {}",
                    vision.depth
                ));
            }
            full_blocks |= 1 << block;
        }
        if text.num_attention_heads == 0
            || !text.hidden_size.is_multiple_of(text.num_attention_heads)
        {
            return refuse(format!(
                "`hidden_size` = {} does not split into `num_attention_heads` = {}",
                text.hidden_size, text.num_attention_heads
            ));
        }
        let tied = raw["tie_word_embeddings"].as_bool();
        let window = vision.window_size / group;
        let model = Config {
            text: TextConfig {
                rope_theta,
                mrope_section,
                tied: tied.or(text.tie_word_embeddings).unwrap_or(false),
            },
            vision: VisionConfig {
                patch: vision.patch_size,
                // Pictures bring their own grid; a square of one window stands for them.
                grid: window * vision.spatial_merge_size,
                merge: vision.spatial_merge_size,
                window,
                full_blocks,
            },
        };
        let decoder = DecoderConfig {
            vocab: text.vocab_size,
            dim: text.hidden_size,
            layers: text.num_hidden_layers,
            heads: text.num_attention_heads,
            kv_heads: text.num_key_value_heads,
            head_dim: text.hidden_size / text.num_attention_heads,
            mlp: text.intermediate_size,
            rope_theta,
            mrope_section,
            eps: RMS_EPS,
        };
        decoder.check()?;
        let tower = VisionSizes {
            patch: CHANNELS * vision.temporal_patch_size * vision.patch_size.pow(2),
            dim: vision.hidden_size,
            depth: vision.depth,
            heads: vision.num_heads,
            mlp: vision.intermediate_size,
            merged: vision.spatial_merge_size.pow(2) * vision.hidden_size,
            out: vision.out_hidden_size,
        };
        Ok(Self {
            decoder,
            tower,
            model,
            temporal_patch: vision.temporal_patch_size,
            tokens_per_second: vision.tokens_per_second,
            tokens,
            raw,
        })
    }

    /// Whether a typed model has these sizes.
    pub fn fits<V: VisionModel, X: TextModel>(&self) -> bool {
        V::SIZES == self.tower && X::sizes(&self.model.text) == self.decoder
    }

    /// The shape of a tensor in the files: as the model's, but the patch embedding is a convolution's
    /// `[out, channels, frames, height, width]`.
    pub fn published_shape(&self, name: &str, shape: &[usize]) -> Vec<usize> {
        if name == "visual.patch_embed.proj.weight" {
            let side = self.model.vision.patch;
            vec![shape[0], CHANNELS, self.temporal_patch, side, side]
        } else {
            shape.to_vec()
        }
    }

    /// The sizes by the names of `config.json`, for an error's text.
    pub fn describe(&self) -> String {
        let (text, tower) = (&self.decoder, &self.tower);
        format!(
            "decoder: vocab_size {}, hidden_size {}, num_hidden_layers {}, num_attention_heads {}, \
             num_key_value_heads {}, intermediate_size {}; vision: numbers in a patch {}, hidden_size {}, \
             depth {}, num_heads {}, intermediate_size {}, merged {}, out_hidden_size {}",
            text.vocab,
            text.dim,
            text.layers,
            text.heads,
            text.kv_heads,
            text.mlp,
            tower.patch,
            tower.dim,
            tower.depth,
            tower.heads,
            tower.mlp,
            tower.merged,
            tower.out
        )
    }

    /// The type that has these sizes, as it would be declared.
    pub fn declaration(&self) -> String {
        let (text, tower) = (&self.decoder, &self.tower);
        format!(
            "pub type NAME = Qwen25Vl<VisionTower<{}, {}, {}, {}, {}, {}, {}, {}>, Decoder<{}, {}, {}, {}, {}, {}, {}, {}>>;",
            tower.patch,
            tower.dim,
            tower.depth,
            tower.heads,
            3 * tower.dim,
            tower.mlp,
            tower.merged,
            tower.out,
            text.vocab,
            text.dim,
            text.layers,
            text.heads,
            text.kv_heads,
            text.q_dim(),
            text.kv_dim(),
            text.mlp
        )
    }
}
