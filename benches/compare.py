"""Our training step beside PyTorch's, taken in turns, so that both see the same machine.

    python benches/compare.py [--rounds 5] [--shapes d128l4-16x256,d256l6-16x256] [--threads 1,2]

Prints the median CPU and wall time of a step of each, and the ratio of CPU times, for every shape and
number of threads. Build first: `cargo bench -p vrt-train --bench train_step --no-run`.
"""

import argparse
import pathlib
import re
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LINE = re.compile(r"(?:RATE|TWIN) \S+ threads=\d+ wall=(\S+) cpu=(\S+)")


def run(command):
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    found = LINE.search(done.stdout)
    if not found:
        sys.exit(f"{' '.join(command)} printed no rate:\n{done.stdout}{done.stderr}")
    return tuple(map(float, found.groups()))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--shapes", default="tiny-32x65,d128l4-16x256,d256l6-16x256")
    parser.add_argument("--threads", default="1,2")
    options = parser.parse_args()
    twin = str(ROOT / "benches" / "pytorch_twin.py")
    print(f"{'shape':<16}{'threads':>8}{'ours cpu':>10}{'torch cpu':>10}{'ratio':>7}{'ours wall':>11}{'torch wall':>11}")
    for shape in options.shapes.split(","):
        for threads in options.threads.split(","):
            bench = ["cargo", "bench", "-q", "-p", "vrt-train", "--bench", "train_step", "--"]
            short = ["--warm-up-time", "0.5", "--measurement-time", "3"]
            ours, theirs = [], []
            for _ in range(options.rounds):
                ours.append(run([*bench, *short, f"{shape}/{threads}"]))
                theirs.append(run([sys.executable, twin, shape, threads, "7"]))
            (wall, cpu), (twin_wall, twin_cpu) = (
                [statistics.median(column) for column in zip(*rounds)] for rounds in (ours, theirs)
            )
            ratio = statistics.median(o[1] / t[1] for o, t in zip(ours, theirs))
            print(
                f"{shape:<16}{threads:>8}{cpu:>10.4f}{twin_cpu:>10.4f}{ratio:>7.2f}{wall:>11.4f}{twin_wall:>11.4f}",
                flush=True,
            )


main()
