"""Line scans of 16,384 × 8,192 judged by tiles: memory, and time beside single tiles' own.

Draws four good scans as references, one more good one and one with a hole of 80 × 28 pixels, then
runs them in a process of its own by `pictures: {tile: 1024}`, and as many pictures of 1024 × 1024
beside them. Ends with 1 if memory misses its goal.
"""

import csv
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import psutil

GOAL = 1.5  # GB
WIDTH, HEIGHT, TILE = 16_384, 8_192, 1_024
RECIPE = f"pictures: {{tile: {TILE}, max_pixels: {WIDTH * HEIGHT}}}\n"


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        good = place / "good"
        for seed in range(4):
            _write(good / f"{seed}.jpg", _scan(seed))
        (place / "recipe.yaml").write_text(RECIPE)
        scans, single = place / "scans", place / "single"
        for name, picture in (("good", _scan(10)), ("hole", _with_a_hole(_scan(20)))):
            _write(scans / f"{name}.jpg", picture)
            _write(single / f"{name}.jpg", picture[2600:3624, 4600:5624])
        _run(place, single)  # makes the fits
        large, small = _run(place, scans), _run(place, single)
    tiles = len(range(0, WIDTH, TILE)) * len(range(0, HEIGHT, TILE))
    each, alone = large["seconds"] / tiles, small["seconds"]
    print(
        f"a scan {large['seconds']:.1f} s, {each / alone:.2f} of {tiles} pictures of a tile each; "
        f"peak memory {large['gigabytes']:.2f} GB (goal {GOAL}); {large['said']}"
    )
    return int(large["gigabytes"] > GOAL)


def _run(place: Path, parts: Path) -> dict[str, float | str]:
    out = place / f"{parts.name}-{time.time_ns()}"
    command = [sys.executable, "-m", "reinspect", "run", str(parts), "--out", str(out)]
    command += ["--references", str(place / "good"), "--recipe", str(place / "recipe.yaml")]
    command += ["--workers", "1", "--accept-references"]
    peak = 0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as running:
        process = psutil.Process(running.pid)
        while running.poll() is None:
            try:
                held = sum(own.memory_info().rss for own in (process, *process.children()))
            except psutil.Error:
                break
            peak = max(peak, held)
            time.sleep(0.05)
    with (out / "results.csv").open(encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    return {
        "seconds": float(np.mean([float(row["seconds"]) for row in rows])),
        "gigabytes": peak / 1e9,
        "said": ", ".join(f"{row['image']} {row['disposition']}" for row in rows),
    }


def _scan(seed: int) -> npt.NDArray[np.uint8]:
    """Brushed sheet: stripes along it, clouds across it, grain."""
    rng = np.random.default_rng(seed)
    size = (WIDTH, HEIGHT)
    clouds = rng.normal(0, 6, (HEIGHT // 64, WIDTH // 64)).astype(np.float32)
    grain = rng.normal(0, 7, (HEIGHT // 2, WIDTH // 2)).astype(np.float32)
    sheet = cv2.resize(clouds, size, interpolation=cv2.INTER_CUBIC)
    sheet += cv2.resize(grain, size, interpolation=cv2.INTER_LINEAR)
    sheet += 120 + 12 * np.sin(np.arange(HEIGHT, dtype=np.float32) / 9)[:, None]
    return np.clip(sheet, 0, 255).astype(np.uint8)


def _with_a_hole(sheet: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    return np.asarray(cv2.ellipse(sheet, (5000, 3000), (40, 14), 30, 0, 360, 60, -1), np.uint8)


def _write(path: Path, picture: npt.NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), picture, [cv2.IMWRITE_JPEG_QUALITY, 92])


if __name__ == "__main__":
    sys.exit(main())
