"""Label Studio: one task an image, with the final verdict as its prediction.

Fits a labelling configuration with these two controls; serve the inspected folder as local files:

    <View>
      <Image name="image" value="$image"/>
      <RectangleLabels name="defect" toName="image"><Label value="defect"/>…</RectangleLabels>
      <Choices name="verdict" toName="image"><Choice value="normal"/><Choice value="anomalous"/></Choices>
    </View>
"""  # noqa: E501 - the configuration is to be copied

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

from reinspect.export.whole import whole_file
from reinspect.store import Inspected, Look, Run, Store
from reinspect.store.rows import rounded
from reinspect.vocabulary import Defect

_UNNAMED = "defect"  # label where the detector names no type


def write_label_studio(store: Store, run_id: int, out: Path) -> None:
    """Write the run's images as a JSON array of tasks."""
    run = store.run_of(run_id)
    with whole_file(out) as file:
        file.write(b"[")
        for number, found in enumerate(store.inspections(run.id)):
            task = json.dumps(_task(run, found), ensure_ascii=False)
            file.write((",\n" if number else "\n").encode() + task.encode())
        file.write(b"\n]\n")


def _task(run: Run, found: Inspected) -> dict[str, Any]:
    row = found.row
    predictions = []
    if row.verdict:
        prediction: dict[str, Any] = {"model_version": run.name, "result": _result(row.verdict)}
        if row.reliability is not None:
            prediction["score"] = rounded(row.reliability)
        predictions.append(prediction)
    return {
        "id": found.id,
        "data": {
            "image": f"/data/local-files/?d={quote(row.image)}",
            "file_name": row.image,
            "sha256": row.sha256,
            "category": row.category,
            "disposition": row.disposition.value,
            "reason": row.reason,
        },
        "predictions": predictions,
    }


def _result(verdict: Look) -> list[dict[str, Any]]:
    choice = {
        "id": "verdict",
        "from_name": "verdict",
        "to_name": "image",
        "type": "choices",
        "value": {"choices": [verdict.label.value]},
    }
    return [choice, *(_rectangle(number, defect) for number, defect in enumerate(verdict.defects))]


def _rectangle(number: int, defect: Defect) -> dict[str, Any]:
    x1, y1, x2, y2 = (100 * corner for corner in defect.box)
    return {
        "id": f"defect-{number}",
        "from_name": "defect",
        "to_name": "image",
        "type": "rectanglelabels",
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
