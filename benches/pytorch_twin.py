"""The training step of the typed model in PyTorch, for comparing speed.

The same blocks and shapes: RMSNorm, grouped-query attention with bias on q, k, v and rotary positions,
SwiGLU, tied embedding, log-probabilities of the targets; forward, backward, AdamW. Values do not matter.

    python benches/pytorch_twin.py SHAPE THREADS STEPS      one line: median seconds of a step, CPU and wall
"""

import os
import sys
import time

os.environ.pop("OPENBLAS_CORETYPE", None)

import torch
import torch.nn.functional as F
from torch import nn

# vocabulary, width, layers, heads, key heads, MLP; sequences, rows, targets.
SHAPES = {
    "tiny-32x65": ((384, 64, 3, 4, 2, 176), (32, 65, 45)),
    "d128l4-16x256": ((384, 128, 4, 4, 2, 352), (16, 256, 256)),
    "d256l6-16x256": ((384, 256, 6, 8, 4, 704), (16, 256, 256)),
}


def rotate(x, cos, sin):
    half = x.shape[-1] // 2
    a, b = x[..., :half], x[..., half:]
    return torch.cat((a * cos - b * sin, b * cos + a * sin), -1)


class Block(nn.Module):
    def __init__(self, d, heads, keys, mlp):
        super().__init__()
        self.heads, self.keys, self.dim = heads, keys, d // heads
        self.norm = nn.RMSNorm(d, eps=1e-6)
        self.qkv = nn.Linear(d, (heads + 2 * keys) * self.dim)
        self.o = nn.Linear(d, d, bias=False)
        self.post = nn.RMSNorm(d, eps=1e-6)
        self.gate_up = nn.Linear(d, 2 * mlp, bias=False)
        self.down = nn.Linear(mlp, d, bias=False)

    def forward(self, x, cos, sin):
        b, t, d = x.shape
        q, k, v = self.qkv(self.norm(x)).view(b, t, -1, self.dim).split((self.heads, self.keys, self.keys), 2)
        q, k = rotate(q, cos, sin).transpose(1, 2), rotate(k, cos, sin).transpose(1, 2)
        shared = self.heads // self.keys
        k, v = (z.repeat_interleave(shared, 1) for z in (k, v.transpose(1, 2)))
        a = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.o(a.transpose(1, 2).reshape(b, t, d))
        gate, up = self.gate_up(self.post(x)).chunk(2, -1)
        return x + self.down(F.silu(gate) * up)


class Model(nn.Module):
    def __init__(self, vocab, d, layers, heads, keys, mlp):
        super().__init__()
        self.embed = nn.Embedding(vocab, d)
        self.blocks = nn.ModuleList(Block(d, heads, keys, mlp) for _ in range(layers))
        self.norm = nn.RMSNorm(d, eps=1e-6)
        self.half = d // heads // 2

    def forward(self, tokens, targets):
        t = tokens.shape[1]
        frequency = 1000.0 ** (-torch.arange(self.half) / self.half)
        angle = torch.arange(t)[:, None] * frequency
        cos, sin = angle.cos()[:, None, :], angle.sin()[:, None, :]
        x = self.embed(tokens)
        for block in self.blocks:
            x = block(x, cos, sin)
        logits = self.norm(x[:, t - targets.shape[1] :]) @ self.embed.weight.T
        return -F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")


def main():
    shape, threads, steps = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    sizes, (sequences, rows, scored) = SHAPES[shape]
    model = Model(*sizes)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, betas=(0.9, 0.98), weight_decay=0.02)
    tokens = torch.randint(sizes[0], (sequences, rows))
    targets = torch.randint(sizes[0], (sequences, scored))
    slope = torch.sin(torch.arange(sequences * scored) + 1.0)
    wall, cpu = [], []
    for step in range(steps + 2):
        started = time.perf_counter(), time.process_time()
        optimizer.zero_grad(set_to_none=True)
        (model(tokens, targets) * slope).sum().backward()
        optimizer.step()
        if step >= 2:
            wall.append(time.perf_counter() - started[0])
            cpu.append(time.process_time() - started[1])
    wall.sort()
    cpu.sort()
    print(f"TWIN {shape} threads={threads} wall={wall[steps // 2]:.5f} cpu={cpu[steps // 2]:.5f}")


main()
