"""Sample parts with several views, as files of one folder that their names tell apart.

They are drawn, as all sample parts are: two pieces of one product, each with a camera of its own,
stand for the two sides of one part, and a defect shows on one side alone. A thermal view shows a
hot spot that no other camera sees.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from reinspect.files import write_file
from reinspect.images import Pixels
from reinspect.pictures import write_image
from reinspect.samples.process import PRODUCTS, Process
from reinspect.samples.sets import CATEGORIES, check_set
from reinspect.samples.surfaces import Rng
from reinspect.samples.thermal import GAIN, OFFSET, thermal_picture

VIEWS = ("front", "back")

RECIPE = "views.yaml"
"""File beside the parts by which they are inspected."""

_RECIPE = """# Drawn parts with two views each: inspect them with --recipe this file.
views:
  front: "*_front.*"
  back: "*_back.*"
"""


_THERMAL = f"""  thermal:
    files: "*_thermal.png"
    modality: thermal
    pictures: {{unit: celsius, gain: {GAIN}, offset: {OFFSET}}}
"""


class _Place(NamedTuple):
    """Where in a category a part lies, and on which side which defect shows, if one does."""

    folder: str
    stem: str
    side: str | None = None
    kind: str | None = None


def write_viewed_set(
    folder: str | os.PathLike[str],
    *,
    categories: Sequence[str] | None = None,
    seed: int = 0,
    references: int = 8,
    good: int = 6,
    defective: int = 8,
    size: int = 384,
    thermal: bool = False,
) -> None:
    """Write sample parts with a view of each of two sides, and the recipe that names the views.

    As `write_sample_set`; of `train/good/000` there are `000_front.jpg` and `000_back.jpg`. The
    kinds of defects are called `<kind>_<side>`, after the side that they show on, in turn; the
    other side is sound, and has no mask. `thermal` adds a view of temperatures, 16 bits in
    hundredths of a kelvin, and a quarter as many defective parts again, whose hot spot shows there
    alone; the other pictures stay the same.

    Raises:
        SampleSetError: the folder is not empty, a category is unknown or given twice, or a number
            is too small.
        OSError: the folder can't be written.
    """
    folder = Path(folder)
    names = tuple(CATEGORIES if categories is None else categories)
    counts = {"references": references, "good": good, "defective": defective}
    check_set(folder, names, counts, size)
    for name in names:
        rng = np.random.default_rng([seed, PRODUCTS.index(name), len(VIEWS)])
        sides = {side: Process.draw(rng, name) for side in VIEWS}
        for place in _places(counts, sides[VIEWS[0]].faults):
            for side, process in sides.items():
                kind = place.kind if side == place.side else None
                _write_view(folder / name, place, side, _drawn(process, rng, size, kind))
        if thermal:
            hot = [_Place("test/hotspot_thermal", f"{n:03}") for n in range(defective // 4)]
            heat = np.random.default_rng([seed, PRODUCTS.index(name), len(VIEWS) + 1])
            for place in hot:
                for side, process in sides.items():
                    _write_view(folder / name, place, side, _drawn(process, heat, size, None))
            for place in (*_places(counts, sides[VIEWS[0]].faults), *hot):
                _write_thermal(folder / name, place, sides[VIEWS[0]], heat, size, hot=place in hot)
    write_file(folder / RECIPE, _RECIPE + (_THERMAL if thermal else ""))


def _write_thermal(
    category: Path, place: _Place, process: Process, rng: Rng, size: int, *, hot: bool
) -> None:
    stored, mask = thermal_picture(process, rng, size, hot=hot)
    name = f"{place.stem}_thermal"
    write_image(category / place.folder / f"{name}.png", stored)
    if mask is not None:
        marked = mask.astype(np.uint8) * np.uint8(255)
        kind = Path(place.folder).name
        write_image(category / "ground_truth" / kind / f"{name}_mask.png", marked)


def _places(counts: dict[str, int], faults: Sequence[str]) -> Iterator[_Place]:
    for where, count in (("train/good", counts["references"]), ("test/good", counts["good"])):
        for number in range(count):
            yield _Place(where, f"{number:03}")
    for number in range(counts["defective"]):
        side = VIEWS[number % len(VIEWS)]
        kind = faults[number // len(VIEWS) % len(faults)]
        stem = f"{number // len(VIEWS) // len(faults):03}"
        yield _Place(f"test/{kind}_{side}", stem, side, kind)


def _drawn(process: Process, rng: Rng, size: int, kind: str | None) -> tuple[Pixels, Pixels | None]:
    """A side of a part, with the mask of its defect where it has one."""
    if kind is None:
        return process.picture(rng, size), None
    picture, mask, _ = process.defective(rng, size, kind=kind)
    return picture, mask.astype(np.uint8) * np.uint8(255)


def _write_view(
    category: Path, place: _Place, side: str, drawn: tuple[Pixels, Pixels | None]
) -> None:
    picture, mask = drawn
    name = f"{place.stem}_{side}"
    write_image(category / place.folder / f"{name}.jpg", picture, quality=95)
    if mask is not None:
        kind = Path(place.folder).name
        write_image(category / "ground_truth" / kind / f"{name}_mask.png", mask)
