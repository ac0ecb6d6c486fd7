"""In: a folder of make_model.py. Out: the same checkpoint with the files that vLLM asks for.

Its reader wants the decoder's sizes beside the model's and not inside `text_config`, and the tokenizer named.
"""

import json
import shutil
import sys
from pathlib import Path

source, out = map(Path, sys.argv[1:])
out.mkdir(parents=True, exist_ok=True)
for name in ["model.safetensors", "tokenizer.json", "preprocessor_config.json", "chat_template.jinja"]:
    shutil.copyfile(source / name, out / name)
config = json.loads((source / "config.json").read_text())
text = config.pop("text_config")
rope = text.pop("rope_parameters")
text.pop("layer_types")
flat = {
    **text,
    **config,
    "rope_theta": rope["rope_theta"],
    "rope_scaling": {"type": "mrope", "mrope_section": rope["mrope_section"]},
    "max_position_embeddings": 32768,
}
(out / "config.json").write_text(json.dumps(flat, indent=1))
tokenizer = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}
(out / "tokenizer_config.json").write_text(json.dumps(tokenizer))
