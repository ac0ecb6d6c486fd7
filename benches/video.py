"""Eight of 300 frames of 720p: our decoder and one ffmpeg process with a select filter, in turns.

    python benches/video.py [--rounds 5]

Needs ffmpeg. Prints wall and CPU seconds of whole processes (median of the rounds) and their ratios.
"""

import argparse
import os
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


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    subprocess.run(["cargo", "build", "-q", "--locked", "-p", "vrt", "--example", "eight_frames"], check=True)
    select = "+".join(f"eq(n,{frame})" for frame in WANTED)
    with tempfile.TemporaryDirectory() as folder:
        for codec, extra in [("libx264", []), ("libx265", ["-x265-params", "log-level=none"])]:
            path = f"{folder}/{codec}.mp4"
            source = "mandelbrot=size=1280x720:rate=30:end_scale=0.01"
            subprocess.run(
                ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", source, "-frames:v", str(FRAMES), "-c:v", codec, "-preset", "fast", "-crf", "28"]
                + ["-pix_fmt", "yuv420p", "-g", "60", *extra, path],
                check=True,
            )
            theirs = ["ffmpeg", "-v", "error", "-nostdin", "-i", path, "-vf", f"select='{select}'", "-vsync", "passthrough"]
            theirs += ["-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
            ours = ["target/debug/examples/eight_frames", path]
            pairs = [(run(ours), run(theirs)) for _ in range(rounds)]
            for at, what in enumerate(["wall", "CPU"]):
                ours_median = statistics.median(one[at] for one, _ in pairs)
                theirs_median = statistics.median(other[at] for _, other in pairs)
                print(f"{codec} {what}: ours {ours_median:.2f} s, ffmpeg {theirs_median:.2f} s, ratio {ours_median / theirs_median:.2f}")


if __name__ == "__main__":
    main()
