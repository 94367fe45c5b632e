"""Sample sets on disk, laid out as MVTec AD lays out its categories."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from reinspect.errors import ReinspectError
from reinspect.images import one_line
from reinspect.pictures import write_image
from reinspect.samples.process import PRODUCTS, Process
from reinspect.samples.variety import Variety

CATEGORIES = ("flange", "biscuit", "board", "fabric")
"""The categories of a set that names none."""

_TRIES = 20


class SampleSetError(ReinspectError, ValueError):
    """Sample parts that can't be made as they were asked for; the message is one line."""


def write_sample_set(
    folder: str | os.PathLike[str],
    *,
    categories: Sequence[str] | None = None,
    seed: int = 0,
    references: int = 8,
    good: int = 6,
    defective: int = 8,
    size: int = 384,
    drawn: int = 0,
) -> None:
    """Write sample parts with masks: the same arguments give the same pictures.

    Each category is a product of `PRODUCTS` and gets `references` pictures in `train/good`, `good`
    in `test/good`, and `defective` shared out among its kinds of defects, all of `size` × `size`
    pixels; masks lie in `ground_truth`. `drawn` more categories are no products of `PRODUCTS` but
    drawn at random, see `Variety`.

    Raises:
        SampleSetError: the folder is not empty, a category is unknown or given twice, or a number
            is too small.
        OSError: the folder can't be written.
    """
    folder = Path(folder)
    names = tuple(CATEGORIES if categories is None else categories)
    check_set(
        folder,
        names,
        {"references": references, "good": good, "defective": defective, "drawn": drawn},
        size,
    )
    for name in names:
        # Seeded by name, so that a category looks the same whichever others stand beside it.
        rng = np.random.default_rng([seed, PRODUCTS.index(name)])
        process = Process.draw(rng, name)
        for part, count in (("train", references), ("test", good)):
            for index in range(count):
                picture = process.picture(rng, size)
                write_image(folder / name / part / "good" / f"{index:03}.jpg", picture, quality=95)
        for index in range(defective):
            kind = process.faults[index % len(process.faults)]
            picture, mask, _ = process.defective(rng, size, kind=kind)
            stem = f"{index // len(process.faults):03}"
            write_image(folder / name / "test" / kind / f"{stem}.jpg", picture, quality=95)
            marked = mask.astype(np.uint8) * np.uint8(255)
            write_image(folder / name / "ground_truth" / kind / f"{stem}_mask.png", marked)
    for index in range(drawn):
        _write_drawn(folder / f"drawn_{index:02}", seed, index, (references, good, defective), size)


def _write_drawn(
    folder: Path, seed: int, index: int, counts: tuple[int, int, int], size: int
) -> None:
    rng = np.random.default_rng([seed, len(PRODUCTS), index])
    process = Variety.draw(rng)
    for where, count in zip(("train/good", "test/good"), counts[:2], strict=True):
        for number in range(count):
            picture = process.pair(rng, size, damaged=False).sound
            write_image(folder / where / f"{number:03}.jpg", picture, quality=95)
    for number in range(counts[2]):
        pair = process.pair(rng, size, damaged=True)
        for _ in range(_TRIES):  # a defect that can't be seen is none
            if pair.mask.any():
                break
            pair = process.pair(rng, size, damaged=True)
        write_image(folder / "test" / "damaged" / f"{number:03}.jpg", pair.seen, quality=95)
        marked = pair.mask.astype(np.uint8) * np.uint8(255)
        write_image(folder / "ground_truth" / "damaged" / f"{number:03}_mask.png", marked)


def check_set(folder: Path, names: tuple[str, ...], counts: dict[str, int], size: int) -> None:
    """Refuse what can't be drawn, or not there.

    Raises:
        SampleSetError: the folder is not empty, a category is unknown or given twice, or a number
            is too small.
    """
    if folder.exists() and not folder.is_dir():
        raise SampleSetError(f"{one_line(str(folder))}: is a file; name a folder")
    if folder.is_dir() and any(folder.iterdir()):
        raise SampleSetError(
            f"{one_line(str(folder))}: is not empty; name a new or an empty folder"
        )
    if not names:
        raise SampleSetError(f"no category to write; choose from {', '.join(PRODUCTS)}")
    for name in names:
        if name not in PRODUCTS:
            raise SampleSetError(f"category {name!r} is none of {', '.join(PRODUCTS)}")
    if len(set(names)) < len(names):
        raise SampleSetError(f"a category is named twice: {', '.join(names)}")
    for what, count in counts.items():
        if count < 0:
            raise SampleSetError(f"{what} must be 0 or more, not {count!r}")
    if size < 64:
        raise SampleSetError(f"size must be 64 pixels or more, not {size!r}")
