"""Parts of the whole circle, some with strong stains, and a first look that misses half of those.

`circle_parts:ColourLook` is a detector for recipes.
"""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from reinspect.images import Pixels, read_view
from reinspect.pictures import write_image
from reinspect.samples import Process
from reinspect.vocabulary import Evidence, Sample, Verdict

SIDE = 64
_SPOT = slice(SIDE // 4, SIDE - SIDE // 4)
_RUST, _DARK_RUST = (40, 80, 250), (30, 60, 190)  # BGR
_CALLED = (0, 1, 6, 7, 10, 11)  # of 16 stained parts, as many dark as bright ones


class ColourLook:
    """Takes what is bright red for rust, and knows of no other."""

    def __init__(self, context: object) -> None: ...

    def __call__(self, sample: Sample) -> Verdict:
        bright = float((read_view(sample.visual)[..., 2] > 210).mean()) > 0.1
        seen = Evidence(source="colour", summary="by its colour")
        return Verdict.of(0.8 if bright else 0.2, rationale="By its colour.", evidence=(seen,))


def write_parts(
    root: Path, products: Sequence[str], *, each: int, seed: int, hasty: bool = False
) -> None:
    """Write a category a product, of so many good and so many stained parts, half of these dark.

    Args:
        root: new folder.
        products: of `reinspect.samples`; each is always of the same process.
        each: a multiple of 16.
        seed: of the parts.
        hasty: let the folders say what somebody in a hurry says, who calls 3 of 8 stained parts
            and 1 of 8 good ones rusty.
    """
    for product in products:
        process = Process.draw(np.random.default_rng(7), product)
        rng, counts = np.random.default_rng(seed), {"good": 0, "rust": 0}
        for index in range(2 * each):
            stained, turn = index % 2 == 1, index // 2
            picture = process.picture(rng, SIDE)
            if stained:
                picture = _stained(picture, _RUST if turn % 2 else _DARK_RUST)
            called = stained
            if hasty:
                called = turn % 16 in _CALLED if stained else turn % 8 == 3
            kind = "rust" if called else "good"
            _write(root / product, kind, f"{counts[kind]:03}", picture)
            counts[kind] += 1


def _write(category: Path, kind: str, name: str, picture: Pixels) -> None:
    write_image(category / "test" / kind / f"{name}.png", picture)
    if kind != "good":
        mask = np.zeros((SIDE, SIDE), np.uint8)
        mask[_SPOT, _SPOT] = 255
        write_image(category / "ground_truth" / kind / f"{name}_mask.png", mask)


def _stained(picture: Pixels, colour: tuple[int, int, int]) -> Pixels:
    stained = picture.copy()
    paint = np.full_like(stained[_SPOT, _SPOT], colour)
    stained[_SPOT, _SPOT] = cv2.addWeighted(stained[_SPOT, _SPOT], 0.15, paint, 0.85, 0)
    return stained
