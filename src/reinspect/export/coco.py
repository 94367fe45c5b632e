"""COCO: images, boxes in pixels, masks as run lengths, categories.

Defects of a reviewer's verdict, else of the final one, become annotations where it says anomalous;
images without any are listed, too, and reviewed images name their reviewer. A part with several
views is an image a view, each with its `part` and its `view`. COCO needs sizes in
pixels, so the pictures' headers are read where they were when they were inspected; an image that
isn't there any more is named in `info.left_out`.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import cv2
import numpy as np

from reinspect.export.selection import PartPicture, Selection
from reinspect.files import whole_file
from reinspect.images import UnreadableImage, decode_mask, encode_mask
from reinspect.store import Inspected, Row
from reinspect.store.rows import rounded
from reinspect.vocabulary import Rle

_UNNAMED = "defect"  # category where the detector names no type

_Size = tuple[int, int]  # width, height


def write_coco(chosen: Selection, out: Path) -> None:
    """Write one COCO file; images and annotations are streamed, one after the other."""
    run = chosen.run
    sizes: dict[int, _Size] = {}
    left_out: list[str] = []
    types: set[str] = set()
    with whole_file(out) as file:
        _put(file, '{"images": [')
        _put_all(file, _images(chosen, sizes, left_out, types))
        categories = {name: number for number, name in enumerate(sorted(types), start=1)}
        _put(file, '],\n"annotations": [')
        _put_all(file, _annotations(chosen, sizes, categories))
        _put(file, '],\n"categories": ')
        _put(file, _json([{"id": key, "name": name} for name, key in categories.items()]))
        info = {
            "description": f"{run.name}: final verdicts; by people where an image is `reviewed`",
            "date_created": run.started.isoformat(),
            "left_out": left_out,
        }
        _put(file, f',\n"info": {_json(info)}, "licenses": []}}\n')


def _images(
    chosen: Selection, sizes: dict[int, _Size], left_out: list[str], types: set[str]
) -> Iterator[dict[str, Any]]:
    for found, picture in _pictures(chosen):
        row = found.row
        try:
            width, height = sizes[picture.key] = picture.size
        except UnreadableImage:
            left_out.append(picture.name)
            continue
        types.update(defect.type or _UNNAMED for defect in row.defects)
        yield {
            "id": picture.key,
            "file_name": picture.name,
            **({"part": row.image, **picture.of_part} if picture.view else {}),
            "width": width,
            "height": height,
            "verdict": row.verdict.label.value if row.verdict else None,
            "disposition": row.disposition.value,
            "reviewed": row.review is not None,
            **_review(row),
            **_comments(row),
        }


def _annotations(
    chosen: Selection, sizes: dict[int, _Size], categories: dict[str, int]
) -> Iterator[dict[str, Any]]:
    number = 0
    for found, picture in _pictures(chosen):
        if picture.key not in sizes:
            continue
        width, height = sizes[picture.key]
        for defect in filter(picture.holds, found.row.defects):
            number += 1
            x1, y1, x2, y2 = (
                rounded(corner * side)
                for corner, side in zip(defect.box, (width, height) * 2, strict=True)
            )
            mask = _fitted(defect.mask, width, height) if defect.mask else None
            area = decode_mask(mask).sum() if mask else (x2 - x1) * (y2 - y1)
            yield {
                "id": number,
                "image_id": picture.key,
                "category_id": categories[defect.type or _UNNAMED],
                "bbox": [x1, y1, rounded(x2 - x1), rounded(y2 - y1)],
                "area": rounded(float(area)),
                "segmentation": mask.model_dump(mode="json") if mask else [],
                "iscrowd": 0,
                "score": rounded(defect.score),
            }


def _pictures(chosen: Selection) -> Iterator[tuple[Inspected, PartPicture]]:
    for found in chosen.inspections():
        for picture in chosen.pictures_of(found):
            yield found, picture


def _review(row: Row) -> dict[str, Any]:
    if row.review is None:
        return {}
    return {"reviewer": row.review.reviewer, "reviewed_verdict": row.review.label.value}


def _comments(row: Row) -> dict[str, Any]:
    said = [one.model_dump(mode="json") for one in row.comments]
    return {"comments": said} if said else {}


def _fitted(mask: Rle, width: int, height: int) -> Rle:
    """The mask in the picture's size, which COCO asks for."""
    if mask.size == (height, width):
        return mask
    pixels = decode_mask(mask).astype(np.uint8)
    return encode_mask(
        np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_NEAREST))
    )


def _put(file: IO[bytes], text: str) -> None:
    file.write(text.encode())


def _put_all(file: IO[bytes], entries: Iterable[dict[str, Any]]) -> None:
    for number, entry in enumerate(entries):
        _put(file, (",\n" if number else "\n") + _json(entry))


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
