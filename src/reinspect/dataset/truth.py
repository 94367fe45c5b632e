"""What a data set says of its own pictures."""

import functools
import json
from pathlib import Path
from typing import Any

from reinspect.dataset.items import DataError, Item
from reinspect.images import boxes_from_mask, from_pixels, one_line, read_mask, size_of
from reinspect.vocabulary import Label, NormalisedBox, Truth


def truth_of(item: Item) -> Truth | None:
    """What the item's category says of it; none outside a category and right under `test/`.

    Boxes come from `boxes.json`, else from the mask; each is normalised by its own picture's size.

    Raises:
        DataError: `boxes.json` is not what it should be.
        UnreadableImage: the mask, or an image that has boxes, can't be read.
    """
    if item.root is None:
        return None
    relative = Path(item.path).relative_to(item.root)
    if len(relative.parts) < 3:
        return None
    defect = relative.parts[1]
    if defect == "good":
        return Truth(label=Label.NORMAL)
    marked = _annotations(item.root).get(relative.as_posix(), [])
    boxes: list[NormalisedBox] = []
    if marked:
        width, height = size_of(item.path)
        try:
            boxes = [from_pixels(corners, width, height) for corners, _ in marked]
        except ValueError as error:
            where = one_line(f"{item.root}/boxes.json: {relative.as_posix()}")
            raise DataError(f"{where}: {error}") from error
    kinds = tuple(kind or defect for _, kind in marked)
    mask = _mask_of(item.root, relative)
    if mask is not None:
        drawn = read_mask(mask)
        boxes = boxes or list(boxes_from_mask(drawn))
        mask = mask if drawn.any() else None
    return Truth(
        label=Label.ANOMALOUS,
        types=tuple(dict.fromkeys(kinds)) or (defect,),
        boxes=tuple(boxes),
        box_types=kinds or (defect,) * len(boxes),
        mask=None if mask is None else str(mask),
    )


def _mask_of(root: str, relative: Path) -> Path | None:
    below = Path(root, "ground_truth", *relative.parts[1:-1])
    names = (f"{relative.stem}_mask.png", f"{relative.stem}.png")
    return next((below / name for name in names if (below / name).is_file()), None)


Marked = tuple[tuple[float, float, float, float], str | None]


def _annotations(root: str) -> dict[str, list[Marked]]:
    """Path relative to the category → boxes in pixels, each with its type."""
    path = Path(root, "boxes.json")
    try:
        status = path.stat()
    except FileNotFoundError:
        return {}
    return _read_annotations(path, status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=4)  # asked for image by image, category after category
def _read_annotations(path: Path, _mtime: int, _size: int) -> dict[str, list[Marked]]:
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(entries, dict):
            raise TypeError(f"it holds a {type(entries).__name__}, not an object")
        return {key: [_marked(entry) for entry in found] for key, found in entries.items()}
    except (ValueError, TypeError, KeyError) as error:
        raise DataError(
            f"{one_line(str(path))}: {error}; an entry is "
            '"test/<defect>/<file>": [{"box": [x1, y1, x2, y2], "type": …}, …] in pixels'
        ) from error


def _marked(entry: Any) -> Marked:
    corners, kind = (entry["box"], entry.get("type")) if isinstance(entry, dict) else (entry, None)
    x1, y1, x2, y2 = (float(value) for value in corners)
    if not (x1 < x2 and y1 < y2):
        raise ValueError(f"box {corners} is empty")
    return (x1, y1, x2, y2), None if kind is None else str(kind)
