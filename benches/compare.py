"""Our training step beside PyTorch's, taken in turns, so that both see the same machine.

    pip install torch
    python benches/compare.py [--shapes tiny-32x65,d128l4-16x256,d256l6-16x256] [--threads 1,2] [--rounds 3,2,1]

Prints one table: wall and CPU time of a step of each, medians over the rounds, their ratios (PyTorch's time
over ours: above 1 we are faster), our share of the measured GEMM peak, and what the second thread brings.
About two minutes on two free cores, once the benchmark is built.
"""

import argparse
import json
import pathlib
import re
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LINE = re.compile(r"(?:RATE|TWIN) \S+ threads=\d+ wall=(\S+) cpu=(\S+)(?:.*share (\d+) %)?")
HEAD = ("shape", "threads", "wall ms", "torch", "ratio", "cpu ms", "torch", "ratio", "of peak", "2 over 1")


def build():
    """Builds our benchmark and returns its path."""
    command = "cargo bench -p vrt-train --bench train_step --no-run --message-format json".split()
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit("the benchmark does not build; see above")
    lines = (json.loads(line) for line in done.stdout.splitlines())
    found = [line.get("executable") for line in lines if line.get("target", {}).get("name") == "train_step"]
    return next(path for path in found if path)


def run(command):
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    found = LINE.search(done.stdout)
    if not found:
        sys.exit(f"{' '.join(command)} printed no rate:\n{done.stdout}{done.stderr}")
    return [float(number) for number in found.groups() if number]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shapes", default="tiny-32x65,d128l4-16x256,d256l6-16x256")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--rounds", default="3,2,1", help="one number a shape; the last serves the rest")
    options = parser.parse_args()
    rounds = [int(count) for count in options.rounds.split(",")]
    bench, twin = build(), str(ROOT / "benches" / "pytorch_twin.py")
    print(("{:<15}" + "{:>9}" * 9).format(*HEAD))
    for number, shape in enumerate(options.shapes.split(",")):
        alone = None
        for threads in options.threads.split(","):
            short = ["--bench", "--warm-up-time", "0.3", "--measurement-time", "2"]
            ours, theirs = [], []
            for _ in range(rounds[min(number, len(rounds) - 1)]):
                ours.append(run([bench, *short, f"{shape}/{threads}"]))
                theirs.append(run([sys.executable, twin, shape, threads, "5"]))
            (wall, cpu, share), (twin_wall, twin_cpu) = (
                [statistics.median(column) for column in zip(*taken)] for taken in (ours, theirs)
            )
            alone = alone or (wall if threads == "1" else None)
            row = [
                f"{1e3 * wall:.1f}",
                f"{1e3 * twin_wall:.1f}",
                f"{twin_wall / wall:.2f}",
                f"{1e3 * cpu:.1f}",
                f"{1e3 * twin_cpu:.1f}",
                f"{twin_cpu / cpu:.2f}",
                f"{share:.0f} %",
                f"{alone / wall:.2f}" if alone and threads != "1" else "",
            ]
            print(("{:<15}" + "{:>9}" * 9).format(shape, threads, *row), flush=True)


main()
