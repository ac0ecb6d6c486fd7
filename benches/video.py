"""Eight of 300 frames of 720p: our decoder and one ffmpeg process with a select filter, in turns.

    python benches/video.py [--rounds 5] [--video FILM]

Needs ffmpeg; with nasm, AV1 is also decoded by a build with the feature `av1-asm`. Prints wall and CPU seconds of whole
processes (median of the rounds) and their ratios.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import tempfile
import time

FRAMES, WANTED = 300, [(2 * part + 1) * 300 // 16 for part in range(8)]


def run(command):
    """Wall and CPU seconds of a process that has to succeed."""
    start = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.perf_counter() - start
    if status != 0:
        raise SystemExit(f"{command[0]} failed")
    return wall, usage.ru_utime + usage.ru_stime


SOURCES = {
    "fractal": ["-f", "lavfi", "-i", "mandelbrot=size=1280x720:rate=30:end_scale=0.01"],
    "noise": ["-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=30,noise=alls=12:allf=t"],
}
CODECS = {
    "H.264": ["libx264", "-preset", "fast", "-crf", "28"],
    "H.265": ["libx265", "-preset", "fast", "-crf", "28", "-x265-params", "log-level=none"],
    "AV1": ["libsvtav1", "-preset", "8", "-crf", "35"],
}


def build(folder, *features):
    """Our program with these features; a copy, because the next build takes its place."""
    wanted = ["--features", ",".join(features)] if features else []
    subprocess.run(["cargo", "build", "-q", "--locked", "-p", "vrt", "--example", "eight_frames", *wanted], check=True)
    return shutil.copy("target/debug/examples/eight_frames", os.path.join(folder, "-".join(["eight", *features])))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--video", help="a film of 720p, which is looped and encoded again")
    arguments = parser.parse_args()
    select = "+".join(f"eq(n,{frame})" for frame in WANTED)
    sources = dict(SOURCES)
    if arguments.video:
        sources["film"] = ["-stream_loop", "-1", "-i", arguments.video]
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/video.mp4"
        programs = {"": build(folder)}
        if shutil.which("nasm"):
            programs["av1-asm"] = build(folder, "av1-asm")
        for source, given in sources.items():
            for codec, encoder in CODECS.items():
                subprocess.run(
                    ["ffmpeg", "-y", "-v", "error", *given, "-frames:v", str(FRAMES), "-an", "-c:v", *encoder]
                    + ["-pix_fmt", "yuv420p", "-g", "60", path],
                    check=True,
                    # SVT-AV1 has a log of its own: errors alone.
                    env={**os.environ, "SVT_LOG": "1"},
                )
                theirs = ["ffmpeg", "-v", "error", "-nostdin", "-i", path, "-vf", f"select='{select}'", "-vsync", "passthrough"]
                theirs += ["-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
                for feature, ours in programs.items():
                    if feature and codec != "AV1":
                        continue
                    compare(", ".join(filter(None, [source, codec, feature])), arguments.rounds, [ours, path], theirs)


def compare(name, rounds, ours, theirs):
    """Prints the medians of both, run in turns, and their ratios."""
    pairs = [(run(ours), run(theirs)) for _ in range(rounds)]
    for at, what in enumerate(["wall", "CPU"]):
        ours_median = statistics.median(one[at] for one, _ in pairs)
        theirs_median = statistics.median(other[at] for _, other in pairs)
        ratio = ours_median / theirs_median
        print(f"{name}, {what}: ours {ours_median:.2f} s, ffmpeg {theirs_median:.2f} s, ratio {ratio:.2f}", flush=True)


if __name__ == "__main__":
    main()
