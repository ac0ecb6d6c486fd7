"""In: the tiny random Qwen2.5-VL of the golden numbers. Out: the same with two heads of 32 in its decoder.

vLLM's CPU build has attention kernels for heads of 32 numbers and more; the golden checkpoint's heads have 16. Shapes that
change get random numbers anew, everything else is kept.
"""

import json
import shutil
import struct
import sys
from pathlib import Path

import numpy as np

HEADS, KEY_HEADS, WIDTH = 2, 1, 32
# Rows of a projection, which are its heads' numbers side by side.
ROWS = {"q_proj": HEADS * WIDTH, "k_proj": KEY_HEADS * WIDTH, "v_proj": KEY_HEADS * WIDTH}


def main():
    source, out = map(Path, sys.argv[1:])
    out.mkdir(parents=True, exist_ok=True)
    config = json.loads((source / "config.json").read_text())
    text = config["text_config"]
    text["num_attention_heads"], text["num_key_value_heads"] = HEADS, KEY_HEADS
    text["rope_parameters"]["mrope_section"] = [4, 6, 6]
    (out / "config.json").write_text(json.dumps(config))
    shutil.copyfile(source / "preprocessor_config.json", out / "preprocessor_config.json")

    data = (source / "model.safetensors").read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    random = np.random.default_rng(0)
    entries, body = {}, b""
    for name, entry in header.items():
        if name == "__metadata__":
            entries[name] = entry
            continue
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        shape, raw = entry["shape"], data[begin:end]
        rows = ROWS.get(name.split(".")[-2]) if "self_attn" in name else None
        if rows is not None and rows != shape[0]:
            shape = [rows, *shape[1:]]
            numbers = random.normal(0.0, 0.08, shape).astype("<f4")
            raw = (numbers.view("<u4") >> 16).astype("<u2").tobytes()
        entries[name] = {"dtype": entry["dtype"], "shape": shape, "data_offsets": [len(body), len(body) + len(raw)]}
        body += raw
    text = json.dumps(entries).encode()
    text += b" " * (-len(text) % 8)
    (out / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + body)


main()
