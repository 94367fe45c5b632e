"""Draws `docs/images/views.jpg`: drawn parts of two views, each view's map, one verdict a part.

python docs/draw_views.py
"""

import tempfile
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from reinspect import Inspector
from reinspect.images import read_image
from reinspect.pictures import COOL, HEAT_MAP, HOT, heat_map_picture, read_map
from reinspect.samples import RECIPE, write_viewed_set
from reinspect.trace import Trace

PICTURE = Path(__file__).resolve().parent / "images" / "views.jpg"
PRODUCT, SIDE, GAP, WORDS = "flange", 260, 10, 66
VIEWS = ("front", "back")


def panel(trace: Trace, view: str, folder: Path) -> np.ndarray:
    """A view with its map over it, and the boxes of the part's verdict that are in it."""
    own = trace.by_view.get(view)
    if own is None:
        return np.full((SIDE, SIDE, 3), 225, np.uint8)
    image = cv2.resize(read_image(own.sample.path), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    maps = [p for piece in own.evidence for p in piece.pictures if p.shows == HEAT_MAP]
    if maps:
        image = heat_map_picture(image, read_map(folder / maps[-1].path), low=COOL, high=HOT)
    for defect in trace.verdict.defects if trace.verdict else ():
        if defect.view == view:
            x1, y1, x2, y2 = (round(SIDE * corner) for corner in defect.box)
            cv2.rectangle(image, (x1, y1), (x2, y2), (255, 255, 255), 3)
            cv2.rectangle(image, (x1, y1), (x2, y2), (60, 20, 200), 1)
    return image


def said(trace: Trace) -> list[str]:
    verdict, assessed, settled = trace.verdict, trace.assessment, trace.disposition
    assert verdict
    assert assessed
    assert settled
    each = [
        f"{name} p = {own.verdict.probability:.2f}" if own.verdict else name
        for name, own in trace.by_view.items()
    ]
    return [
        ", ".join([*each, *(f"{name} is missing" for name in trace.missing)]),
        f"{settled.outcome.value}: {verdict.label.value}, p = {verdict.probability:.2f}, "
        f"reliability {assessed.reliability:.2f}",
    ]


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_viewed_set(folder / "parts", categories=[PRODUCT], seed=4, good=1, defective=4)
        test = folder / "parts" / PRODUCT / "test"
        kinds = sorted(path.name for path in test.iterdir())
        front = next(kind for kind in kinds if kind.endswith("_front"))
        back = next(kind for kind in kinds if kind.endswith("_back"))
        shown = [("good", VIEWS), (front, VIEWS), (back, VIEWS), ("good", VIEWS[:1])]
        references = folder / "parts" / PRODUCT / "train" / "good"
        recipe = folder / "parts" / RECIPE
        with Inspector(recipe, references, pictures=folder / "pictures") as inspector:
            traces = [
                inspector.one(views={view: test / kind / f"000_{view}.jpg" for view in views})
                for kind, views in shown
            ]
        panels = [[panel(trace, view, folder) for view in VIEWS] for trace in traces]
    wide = len(traces) * (2 * SIDE + GAP) // 2 + (len(traces) // 2 + 1) * GAP
    canvas = Image.new("RGB", (wide, 2 * (SIDE + WORDS) + GAP), "white")
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(15)
    for number, (trace, views) in enumerate(zip(traces, panels, strict=True)):
        left = GAP + number % 2 * (2 * SIDE + 2 * GAP)
        top = number // 2 * (SIDE + WORDS) + GAP
        for place, image in enumerate(views):
            canvas.paste(Image.fromarray(image[..., ::-1]), (left + place * (SIDE + 2), top))
        for line, words in enumerate(said(trace)):
            draw.text((left, top + SIDE + 4 + 20 * line), words, "black", font)
    canvas.save(PICTURE, quality=88)


if __name__ == "__main__":
    main()
