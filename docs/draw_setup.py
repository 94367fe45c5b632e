"""Draws `docs/images/setup.jpg`: what the set-up check makes of pictures of a drawn product.

python docs/draw_setup.py
"""

import tempfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from reinspect.samples import Process
from reinspect.tools.features.fit import FeatureFit
from reinspect.tools.features.network import open_features
from reinspect.tools.setup.scene import LearnedScene

PICTURE = Path(__file__).resolve().parent / "images" / "setup.jpg"
PRODUCT, OTHER = "bracket", "gear"
SIDE, GAP, WORDS, ACROSS = 230, 10, 44, 4

Pixels = np.ndarray


def taken(right: float = 0, turn: float = 0, size: float = 1) -> Callable[[Pixels], Pixels]:
    """By a camera that moved, by shares of the width, degrees clockwise and a factor."""

    def change(image: Pixels) -> Pixels:
        rows, columns = image.shape[:2]
        warp = cv2.getRotationMatrix2D((columns / 2, rows / 2), -turn, size)
        warp[0, 2] += right * columns
        return cv2.warpAffine(image, warp, (columns, rows), borderMode=cv2.BORDER_REFLECT_101)

    return change


CHANGES: dict[str, Callable[[Pixels], Pixels]] = {
    "as the references": taken(),
    "moved by 3 %, turned by 3°": taken(0.03, 3),
    "turned by 20°": taken(turn=20),
    "mirrored": lambda image: np.ascontiguousarray(image[:, ::-1]),
    "out of focus": lambda image: cv2.GaussianBlur(image, (0, 0), 0.005 * image.shape[1]),
    "a quarter of the light": lambda image: image // 4,
}


def main() -> None:
    rng = np.random.default_rng(3)
    process, another = Process.draw(rng, PRODUCT), Process.draw(rng, OTHER)
    good = [process.picture(rng) for _ in range(8)]
    part, stranger = process.picture(rng), another.picture(rng)
    with tempfile.TemporaryDirectory() as cache:
        network = open_features("efficientnet-lite0", Path(cache))
    scene = LearnedScene.learn(good, [network.describe(one) for one in good])
    fit = FeatureFit.from_references(good, network)
    panels = [("a reference", good[0], "of 8")]
    shown = {name: change(part) for name, change in CHANGES.items()} | {"another part": stranger}
    for name, image in shown.items():
        prepared = scene.prepare(image, network.describe)
        seen = fit.look(prepared.image, network, grid=prepared.grid)
        check = prepared.check
        if check.stops(anomalous=seen.probability >= 0.5):
            said = f"REVIEW: {check.reason.partition(',')[0]}"
        else:
            put_right = f"{check.correction.words}: put right, " if check.correction else ""
            said = f"{put_right}judged {'defective' if seen.probability >= 0.5 else 'normal'}"
        panels.append((name, image, said))
    sheet(panels).save(PICTURE, quality=88)


def sheet(panels: list[tuple[str, Pixels, str]]) -> Image.Image:
    """Pictures in rows, what was done above each and what follows below it."""
    rows = -(-len(panels) // ACROSS)
    page = Image.new(
        "RGB", (ACROSS * (SIDE + GAP) + GAP, rows * (SIDE + WORDS + GAP) + GAP), "white"
    )
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(13)
    for place, (above, image, below) in enumerate(panels):
        left = GAP + place % ACROSS * (SIDE + GAP)
        top = GAP + place // ACROSS * (SIDE + WORDS + GAP)
        pen.text((left, top), above, "black", font)
        small = cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        page.paste(Image.fromarray(cv2.cvtColor(small, cv2.COLOR_BGR2RGB)), (left, top + 20))
        pen.text((left, top + 22 + SIDE), below, "firebrick" if "REVIEW" in below else "navy", font)
    return page


if __name__ == "__main__":
    main()
