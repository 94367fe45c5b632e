"""Label Studio: one task an image, with the final verdict as its prediction, the newest review as annotation.

Fits a labelling configuration with these controls, the brush where there are masks; serve the inspected folder as local files:

    <View>
      <Image name="image" value="$image"/>
      <RectangleLabels name="defect" toName="image"><Label value="defect"/>…</RectangleLabels>
      <BrushLabels name="mask" toName="image"><Label value="defect"/>…</BrushLabels>
      <Choices name="verdict" toName="image"><Choice value="normal"/><Choice value="anomalous"/></Choices>
    </View>
"""  # noqa: E501 - the configuration is to be copied

import json
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from reinspect.export.selection import PartPicture, Selection
from reinspect.files import whole_file
from reinspect.images import Mask, UnreadableImage, decode_mask, fitted_mask
from reinspect.readings import BriefVerdict
from reinspect.store import Checked, Inspected, Run
from reinspect.store.rows import rounded
from reinspect.vocabulary import Defect

_UNNAMED = "defect"  # label where the detector names no type


def write_label_studio(chosen: Selection, out: Path) -> None:
    """Write the images as a JSON array of tasks."""
    with whole_file(out) as file:
        file.write(b"[")
        pictures = (
            (found, picture)
            for found in chosen.inspections()
            for picture in chosen.pictures_of(found)
        )
        for number, (found, picture) in enumerate(pictures):
            task = json.dumps(_task(chosen.run, found, picture), ensure_ascii=False)
            file.write((",\n" if number else "\n").encode() + task.encode())
        file.write(b"\n]\n")


def _task(run: Run, found: Inspected, picture: PartPicture) -> dict[str, Any]:
    row, size = found.row, _size(picture)
    predictions = []
    if row.verdict:
        result = _result(row.verdict, size, picture)
        prediction: dict[str, Any] = {"model_version": run.name, "result": result}
        if row.reliability is not None:
            prediction["score"] = rounded(row.reliability)
        predictions.append(prediction)
    return {
        "id": picture.key,
        "data": {
            "image": f"/data/local-files/?d={quote(picture.name)}",
            "file_name": picture.name,
            **({"part": row.image, **picture.of_part} if picture.view else {}),
            "sha256": row.sha256,
            "category": row.category,
            "disposition": row.disposition.value,
            "reason": row.reason,
            "reviewed": row.review is not None,
            **(
                {"comments": [one.model_dump(mode="json") for one in row.comments]}
                if row.comments
                else {}
            ),
        },
        "predictions": predictions,
        "annotations": [_annotation(row.review, size, picture)] if row.review else [],
    }


def _size(picture: PartPicture) -> dict[str, int]:
    """What Label Studio's own converters need beside each rectangle; nothing of a lost picture."""
    try:
        width, height = picture.size
    except UnreadableImage:
        return {}
    return {"original_width": width, "original_height": height, "image_rotation": 0}


def _annotation(review: Checked, size: Mapping[str, int], picture: PartPicture) -> dict[str, Any]:
    """A person's verdict. Label Studio knows people by number, so the name stands in `meta`."""
    result = _result(review, size, picture)
    result[0]["meta"] = {"text": [f"{review.reviewer}: {review.why}"]}
    return {"result": result, "created_at": review.at.isoformat(), "was_cancelled": False}


def _result(
    verdict: BriefVerdict | Checked, size: Mapping[str, int], picture: PartPicture
) -> list[dict[str, Any]]:
    choice = {
        "id": "verdict",
        "from_name": "verdict",
        "to_name": "image",
        "type": "choices",
        **size,
        "value": {"choices": [verdict.label.value]},
    }
    defects = list(enumerate(filter(picture.holds, verdict.defects)))
    masks = [_brush(number, defect, size) for number, defect in defects if defect.mask and size]
    return [
        choice,
        *(_rectangle(number, defect, size) for number, defect in defects),
        *filter(None, masks),
    ]


def _rectangle(number: int, defect: Defect, size: Mapping[str, int]) -> dict[str, Any]:
    x1, y1, x2, y2 = (100 * corner for corner in defect.box)
    return {
        "id": f"defect-{number}",
        "from_name": "defect",
        "to_name": "image",
        "type": "rectanglelabels",
        **size,
        "score": rounded(defect.score),
        "value": {
            "x": rounded(x1),
            "y": rounded(y1),
            "width": rounded(x2 - x1),
            "height": rounded(y2 - y1),
            "rotation": 0,
            "rectanglelabels": [defect.type or _UNNAMED],
        },
    }


def _brush(number: int, defect: Defect, size: Mapping[str, int]) -> dict[str, Any] | None:
    """A mask, in the picture's own size; none where it can't be read."""
    if defect.mask is None:
        return None
    shape = (size["original_height"], size["original_width"])
    try:
        mask = fitted_mask(decode_mask(defect.mask), shape)
    except ValueError:
        return None
    return {
        "id": f"mask-{number}",
        "from_name": "mask",
        "to_name": "image",
        "type": "brushlabels",
        **size,
        "value": {
            "format": "rle",
            "rle": brush_runs(mask),
            "brushlabels": [defect.type or _UNNAMED],
        },
    }


_BITS = (3, 8, 12, 16)  # that a run's length may take


def brush_runs(mask: Mask) -> list[int]:
    """A mask as Label Studio's brush has it: the bytes of a packed picture of four equal channels.

    The format is that of the package `rle-pack` of thi.ng/umbrella: 32 bits of how many values, 5
    of their width less one, four times 4 of the widths of lengths; then blocks, here always runs:
    a set bit, 2 bits of which width, the length less one, the value.
    """
    flat = mask.ravel()
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    starts = [0, *edges.tolist()]
    told = [f"{4 * flat.size:032b}", f"{7:05b}", *(f"{bits - 1:04b}" for bits in _BITS)]
    for start, end in pairwise([*starts, flat.size]):
        left, value = 4 * (end - start), f"{255 if flat[start] else 0:08b}"
        while left:
            run = min(left, 1 << _BITS[-1])
            which = next(at for at, bits in enumerate(_BITS) if run <= 1 << bits)
            told.append(f"1{which:02b}{run - 1:0{_BITS[which]}b}{value}")
            left -= run
    bits = np.frombuffer("".join(told).encode(), np.uint8) - ord("0")
    return np.packbits(bits).tolist()
