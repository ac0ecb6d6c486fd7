"""Asks Hugging Face transformers about the checkpoints that `train_and_save` wrote.

    cargo run -p vrt-checkpoint --example train_and_save -- target/saved
    pip install torch torchvision transformers safetensors
    python docs/transformers/check.py target/saved

For each folder: every tensor finds its place, and the log-probabilities of the golden prompt (text, two videos
of odd sizes, an image) are ours.
"""

import json
import pathlib
import sys

import torch
import transformers
from safetensors.torch import load_file

HERE = pathlib.Path(__file__).resolve().parent
GOLDEN = HERE.parent.parent / "vrt-core/tests/golden/qwen2_5_vl/golden.safetensors"
TOLERANCE = 1e-4


def main():
    out = pathlib.Path(sys.argv[1])
    ours = json.loads((out / "ours.json").read_text())
    golden = load_file(GOLDEN)
    ids = golden["p.input_ids"]
    videos = torch.cat([golden["vidA.pixel_values"], golden["vidB.pixel_values"]])
    grids = torch.cat([golden["vidA.grid_thw"], golden["vidB.grid_thw"]])
    print(f"transformers {transformers.__version__}, torch {torch.__version__.split('+')[0]}")
    failed = False
    for name, said in ours.items():
        model, report = transformers.Qwen2_5_VLForConditionalGeneration.from_pretrained(
            out / name, dtype=torch.float32, output_loading_info=True
        )
        strays = {kind: sorted(report[kind]) for kind in ("missing_keys", "unexpected_keys", "mismatched_keys")}
        kinds = torch.zeros_like(ids)
        kinds[ids == model.config.image_token_id] = 1
        kinds[ids == model.config.video_token_id] = 2
        with torch.no_grad():
            logits = model(
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                mm_token_type_ids=kinds,
                pixel_values=golden["img.pixel_values"],
                image_grid_thw=golden["img.grid_thw"],
                pixel_values_videos=videos,
                video_grid_thw=grids,
                second_per_grid_ts=golden["p.second_per_grid_ts"],
            ).logits
        logps = logits[0, :-1].log_softmax(-1).gather(1, ids[0, 1:, None])[:, 0]
        off = (logps - torch.tensor(said["logps"])).abs().max().item()
        good = off <= TOLERANCE and not any(strays.values())
        failed |= not good
        print(f"{name}: loss {said['losses'][0]:.4f} -> {said['losses'][-1]:.4f}, tensors out of place {strays}")
        print(f"  {len(logps)} log-probabilities, largest difference {off:.1e} nats: {'agree' if good else 'DIFFER'}")
    sys.exit(failed)


main()
