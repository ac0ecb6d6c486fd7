"""In: the tiny random Qwen2.5-VL of the golden numbers. Out: a folder that a checkpoint's reader and llama.cpp both take.

The weights are those of the golden numbers. What they lack is made here: a byte-level tokenizer, a chat template in the form
of Qwen2.5-VL's, and the same model as GGUF (`text.gguf`, `vision.gguf`), in 32 bits.
"""

import json
import shutil
import struct
import sys
from pathlib import Path

import gguf
import numpy as np

# Qwen2.5-VL's form: a system turn of its own if there is none, pictures between their marks.
TEMPLATE = """{% if messages[0].role != 'system' %}<|im_start|>system
You are a helpful assistant.<|im_end|>
{% endif %}{% for message in messages %}<|im_start|>{{ message.role }}
{% if message.content is string %}{{ message.content }}{% else %}{% for part in message.content %}\
{% if part.type == 'image' or part.type == 'image_url' or 'image' in part %}<|vision_start|><|image_pad|><|vision_end|>\
{% elif part.type == 'text' or 'text' in part %}{{ part.text }}{% endif %}{% endfor %}{% endif %}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""


def byte_letters():
    """The letter that stands for each byte in byte-level vocabularies: itself where it is visible."""
    visible = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    letters, spare = {}, 256
    for byte in range(256):
        if byte in visible:
            letters[byte] = chr(byte)
        else:
            letters[byte] = chr(spare)
            spare += 1
    return [letters[byte] for byte in range(256)]


def vocabulary(config):
    """Pieces by id, the special ones, and one merge of two bytes that no text has: readers want at least one."""
    special = {
        config["image_token_id"]: "<|image_pad|>",
        config["video_token_id"]: "<|video_pad|>",
        config["vision_start_token_id"]: "<|vision_start|>",
        config["vision_end_token_id"]: "<|vision_end|>",
        config["text_config"]["bos_token_id"]: "<|endoftext|>",
        config["text_config"]["eos_token_id"]: "<|im_end|>",
        config["text_config"]["eos_token_id"] + 1: "<|im_start|>",
    }
    letters = byte_letters()
    merge = (letters[0xFE], letters[0xFF])
    pieces = [*letters, "".join(merge)]
    size = config["text_config"]["vocab_size"]
    pieces += [special.get(number, f"[unused{number}]") for number in range(len(pieces), size)]
    return pieces, special, merge


def write_tokenizer(folder, pieces, special, merge):
    added = [
        {
            "id": number,
            "content": piece,
            "special": True,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
        }
        for number, piece in sorted(special.items())
    ]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
    tokenizer = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": None,
        "pre_tokenizer": byte_level,
        "post_processor": None,
        "decoder": byte_level,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": "",
            "end_of_word_suffix": "",
            "fuse_unk": False,
            "byte_fallback": False,
            "vocab": {piece: number for number, piece in enumerate(pieces)},
            "merges": [list(merge)],
        },
    }
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False))


def tensors(path):
    """The tensors of a safetensors file of 16-bit brain floats, in 32 bits."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    for name, entry in header.items():
        assert entry["dtype"] == "BF16", name
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        bits = np.frombuffer(data[begin:end], dtype="<u2").astype(np.uint32) << 16
        yield name, bits.view(np.float32).reshape(entry["shape"])


def write_text(path, config, weights, words):
    text = config["text_config"]
    pieces, special, merge = words
    writer = gguf.GGUFWriter(path, "qwen2vl")
    writer.add_name("tiny-vl")
    # Long enough for prompts whose every byte is a token; the positions are rotary, so that no weight depends on it.
    writer.add_context_length(32768)
    writer.add_embedding_length(text["hidden_size"])
    writer.add_block_count(text["num_hidden_layers"])
    writer.add_feed_forward_length(text["intermediate_size"])
    writer.add_head_count(text["num_attention_heads"])
    writer.add_head_count_kv(text["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(text["rms_norm_eps"])
    writer.add_rope_freq_base(text["rope_parameters"]["rope_theta"])
    writer.add_rope_dimension_sections([*text["rope_parameters"]["mrope_section"], 0])
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(pieces)
    kinds = gguf.TokenType
    writer.add_token_types(
        [
            kinds.CONTROL if number in special else kinds.UNUSED if piece.startswith("[unused") else kinds.NORMAL
            for number, piece in enumerate(pieces)
        ]
    )
    writer.add_token_merges([" ".join(merge)])
    writer.add_bos_token_id(text["bos_token_id"])
    writer.add_eos_token_id(text["eos_token_id"])
    writer.add_pad_token_id(text["bos_token_id"])
    writer.add_add_bos_token(False)
    writer.add_chat_template(TEMPLATE)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.QWEN2VL, text["num_hidden_layers"])
    for name, values in weights.items():
        if not name.startswith("visual."):
            writer.add_tensor(names.get_name(name, try_suffixes=(".weight", ".bias")), values)
    finish(writer)


def write_vision(path, config, processor, weights):
    vision = config["vision_config"]
    writer = gguf.GGUFWriter(path, "clip")
    writer.add_type(gguf.GGUFType.MMPROJ)
    writer.add_name("tiny-vl")
    writer.add_clip_has_vision_encoder(True)
    writer.add_clip_projector_type(gguf.VisionProjectorType.QWEN25VL)
    writer.add_vision_use_silu(True)
    writer.add_vision_image_size(vision["patch_size"] * 40)
    writer.add_vision_patch_size(vision["patch_size"])
    writer.add_vision_spatial_merge_size(vision["spatial_merge_size"])
    writer.add_vision_embedding_length(vision["hidden_size"])
    writer.add_vision_feed_forward_length(vision["intermediate_size"])
    writer.add_vision_projection_dim(vision["out_hidden_size"])
    writer.add_vision_block_count(vision["depth"])
    writer.add_vision_head_count(vision["num_heads"])
    writer.add_vision_attention_layernorm_eps(1e-6)
    writer.add_vision_image_mean(processor["image_mean"])
    writer.add_vision_image_std(processor["image_std"])
    # Full attention in every n-th block.
    writer.add_vision_n_wa_pattern(vision["fullatt_block_indexes"][0] + 1)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.MMPROJ, vision["depth"])
    for name, values in weights.items():
        if not name.startswith("visual."):
            continue
        stem, suffix = name.rsplit(".", 1)
        if stem == "visual.patch_embed.proj":
            # One convolution for each of the two frames of a patch.
            writer.add_tensor("v.patch_embd.weight", values[:, :, 0].copy())
            writer.add_tensor("v.patch_embd.weight.1", values[:, :, 1].copy())
        elif stem.endswith(".qkv"):
            for kind, part in zip("qkv", np.split(values, 3)):
                one = names.get_name(stem.removesuffix("qkv") + kind)
                writer.add_tensor(f"{one}.{suffix}", part.copy())
        else:
            writer.add_tensor(f"{names.get_name(stem)}.{suffix}", values)
    finish(writer)


def finish(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main():
    source, folder = map(Path, sys.argv[1:])
    folder.mkdir(parents=True, exist_ok=True)
    config = json.loads((source / "config.json").read_text())
    # The server's windows; pictures that are no larger than one show no difference.
    config["vision_config"]["window_size"] = 112
    (folder / "config.json").write_text(json.dumps(config))
    for name in ["model.safetensors", "preprocessor_config.json"]:
        shutil.copyfile(source / name, folder / name)
    processor = json.loads((source / "preprocessor_config.json").read_text())
    words = vocabulary(config)
    write_tokenizer(folder, *words)
    (folder / "chat_template.jinja").write_text(TEMPLATE)
    weights = dict(tensors(source / "model.safetensors"))
    write_text(folder / "text.gguf", config, weights, words)
    write_vision(folder / "vision.gguf", config, processor, weights)


main()
