//! The published 3B and 7B models by name and shape, without a number of theirs.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use vrt_checkpoint::{KeyLayout, ModelConfig, WithModel, with_model};
use vrt_core::model::ParamSpec;
use vrt_core::model::decoder::TextModel;
use vrt_core::model::qwen::Qwen25Vl;
use vrt_core::model::vision::VisionModel;
use vrt_train::atomic;

/// A published `config.json` (Qwen2.5-VL-7B-Instruct), fields that say nothing of the model left out.
fn published_7b() -> Value {
    json!({
        "architectures": ["Qwen2_5_VLForConditionalGeneration"],
        "model_type": "qwen2_5_vl",
        "vision_start_token_id": 151_652,
        "vision_end_token_id": 151_653,
        "image_token_id": 151_655,
        "video_token_id": 151_656,
        "hidden_act": "silu",
        "hidden_size": 3584,
        "intermediate_size": 18_944,
        "num_attention_heads": 28,
        "num_hidden_layers": 28,
        "num_key_value_heads": 4,
        "rms_norm_eps": 1e-6,
        "rope_theta": 1_000_000.0,
        "tie_word_embeddings": false,
        "torch_dtype": "bfloat16",
        "use_sliding_window": false,
        "sliding_window": 32_768,
        "vision_config": {
            "depth": 32, "hidden_act": "silu", "hidden_size": 1280, "intermediate_size": 3420, "num_heads": 16,
            "in_chans": 3, "out_hidden_size": 3584, "patch_size": 14, "spatial_merge_size": 2,
            "window_size": 112, "fullatt_block_indexes": [7, 15, 23, 31], "tokens_per_second": 2,
            "temporal_patch_size": 2,
        },
        "rope_scaling": { "type": "mrope", "mrope_section": [16, 24, 24] },
        "vocab_size": 152_064,
    })
}

/// The same of Qwen2.5-VL-3B-Instruct.
fn published_3b() -> Value {
    let mut config = published_7b();
    for (name, value) in [
        ("hidden_size", 2048),
        ("intermediate_size", 11_008),
        ("num_attention_heads", 16),
        ("num_hidden_layers", 36),
        ("num_key_value_heads", 2),
        ("vocab_size", 151_936),
    ] {
        config[name] = value.into();
    }
    config["tie_word_embeddings"] = true.into();
    config["vision_config"]["out_hidden_size"] = 2048.into();
    config
}

fn read(config: &Value) -> Result<ModelConfig, vrt_checkpoint::CheckpointError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    atomic::write(&path, config.to_string().as_bytes()).unwrap();
    ModelConfig::read(&path)
}

struct Declare<'a>(&'a ModelConfig);

impl WithModel for Declare<'_> {
    type Out = (&'static str, Vec<ParamSpec>);

    fn run<V: VisionModel<Width = X::Width>, X: TextModel>(self, alias: &'static str) -> Self::Out {
        (alias, Qwen25Vl::<V, X>::declared(&self.0.model))
    }
}

/// The names of the published index, written down from the modules of the reference implementation.
fn published_names(layers: usize, tied: bool) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut add = |start: &str, parts: &[&str]| {
        for part in parts {
            names.insert(format!("{start}{part}"));
        }
    };
    add(
        "visual.",
        &[
            "patch_embed.proj.weight",
            "merger.ln_q.weight",
            "merger.mlp.0.weight",
            "merger.mlp.0.bias",
            "merger.mlp.2.weight",
            "merger.mlp.2.bias",
        ],
    );
    for block in 0..32 {
        add(
            &format!("visual.blocks.{block}."),
            &[
                "norm1.weight",
                "norm2.weight",
                "attn.qkv.weight",
                "attn.qkv.bias",
                "attn.proj.weight",
                "attn.proj.bias",
                "mlp.gate_proj.weight",
                "mlp.gate_proj.bias",
                "mlp.up_proj.weight",
                "mlp.up_proj.bias",
                "mlp.down_proj.weight",
                "mlp.down_proj.bias",
            ],
        );
    }
    for layer in 0..layers {
        add(
            &format!("model.layers.{layer}."),
            &[
                "input_layernorm.weight",
                "post_attention_layernorm.weight",
                "self_attn.q_proj.weight",
                "self_attn.q_proj.bias",
                "self_attn.k_proj.weight",
                "self_attn.k_proj.bias",
                "self_attn.v_proj.weight",
                "self_attn.v_proj.bias",
                "self_attn.o_proj.weight",
                "mlp.gate_proj.weight",
                "mlp.up_proj.weight",
                "mlp.down_proj.weight",
            ],
        );
    }
    add("model.", &["embed_tokens.weight", "norm.weight"]);
    if !tied {
        add("", &["lm_head.weight"]);
    }
    names
}

#[test]
fn published_models_have_their_names_and_sizes() {
    // Tensors and bytes in 16 bits are those of the published indices (`metadata.total_size`).
    let cases = [
        (published_3b(), "Qwen3B", 36, true, 824, 7_509_245_952u64),
        (published_7b(), "Qwen7B", 28, false, 729, 16_584_333_312),
    ];
    for (config, name, layers, tied, tensors, bytes) in cases {
        let config = read(&config).unwrap();
        let (alias, declared) = with_model(&config, Declare(&config)).unwrap();
        assert_eq!(alias, name);
        assert_eq!(declared.len(), tensors);
        let numbers: u64 = declared
            .iter()
            .map(|spec| spec.shape.iter().product::<usize>() as u64)
            .sum();
        assert_eq!(2 * numbers, bytes);
        let ours: BTreeSet<String> = declared.iter().map(|spec| spec.name.clone()).collect();
        let theirs = published_names(layers, tied);
        assert_eq!(ours, theirs);
        let nested: BTreeSet<String> = ours
            .iter()
            .map(|name| KeyLayout::Nested.published(name))
            .collect();
        let renamed: BTreeSet<String> = theirs
            .iter()
            .map(|name| match name.strip_prefix("model.") {
                Some(rest) => format!("model.language_model.{rest}"),
                None if name.starts_with("visual.") => format!("model.{name}"),
                None => name.clone(),
            })
            .collect();
        assert_eq!(nested, renamed);
        let first = &declared[0];
        assert_eq!(
            config.published_shape(&first.name, &first.shape),
            [1280, 3, 2, 14, 14]
        );
    }
}

#[test]
fn sizes_without_an_alias_say_how_to_add_one() {
    let mut other = published_7b();
    other["hidden_size"] = 1792.into();
    other["num_attention_heads"] = 14.into();
    other["num_key_value_heads"] = 2.into();
    other["vision_config"]["out_hidden_size"] = 1792.into();
    let config = read(&other).unwrap();
    let error = with_model(&config, Declare(&config))
        .unwrap_err()
        .to_string();
    for part in [
        "hidden_size 1792",
        "add `pub type NAME = Qwen25Vl<VisionTower<1176, 1280, 32, 16, 3840, 3420, 5120, 1792>, \
         Decoder<152064, 1792, 28, 14, 2, 1792, 256, 18944>>;` to vrt-core/src/model/dims.rs",
        "Golden, Qwen3B, Qwen7B",
    ] {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn a_configuration_of_something_else_is_refused_by_its_field() {
    let refused = |change: &dyn Fn(&mut Value)| {
        let mut config = published_7b();
        change(&mut config);
        let error = read(&config).unwrap_err().to_string();
        error.split_once("config.json: ").unwrap().1.to_owned()
    };
    assert_eq!(
        refused(&|c| c["model_type"] = "qwen2_vl".into()),
        "`model_type` is \"qwen2_vl\", only \"qwen2_5_vl\" is read"
    );
    assert_eq!(
        refused(&|c| c["use_sliding_window"] = true.into()),
        "`use_sliding_window` is set, the decoder has no sliding window"
    );
    assert_eq!(
        refused(&|c| c["vision_config"]["fullatt_block_indexes"] = json!([7, 32])),
        "`fullatt_block_indexes` names block 32 of 32"
    );
    assert!(
        refused(&|c| c["vision_config"]["depth"] = "32".into())
            .starts_with("`depth`: invalid type")
    );
    assert!(
        refused(&|c| drop(c.as_object_mut().unwrap().remove("num_hidden_layers")))
            .contains("missing field `num_hidden_layers`")
    );
    assert_eq!(
        refused(&|c| c["vision_config"]["window_size"] = 100.into()),
        "`window_size` = 100 is not a multiple of `patch_size` · `spatial_merge_size` = 28"
    );
}

/// Compares the decoder's own list of parameters with its typed model's.
struct Listed<'a>(&'a ModelConfig);

impl WithModel for Listed<'_> {
    type Out = ();

    fn run<V, X>(self, alias: &'static str)
    where
        V: VisionModel<Width = X::Width> + Send + Sync + 'static,
        X: TextModel,
    {
        let specs = Qwen25Vl::<V, X>::declared(&self.0.model).into_iter();
        let typed: BTreeSet<(String, Vec<usize>)> = specs
            .filter(|spec| !spec.name.starts_with("visual."))
            .map(|spec| (spec.name, spec.shape))
            .collect();
        let listed = self.0.decoder.declared(self.0.model.text.tied);
        assert_eq!(BTreeSet::from_iter(listed), typed, "{alias}");
    }
}

#[test]
fn a_decoder_lists_what_its_typed_model_has() {
    for published in [published_7b(), published_3b()] {
        let config = read(&published).unwrap();
        with_model(&config, Listed(&config)).unwrap();
    }
}
