"""Answers as a model would write them."""

import json


def said(
    answer: str = "no", *, confidence: float = 0.9, reflection: str | None = None, **rest: object
) -> str:
    """An answer in JSON."""
    reasoning = {"regions": "r", "examination": "e"} if reflection is None else {
        "reflection": reflection
    }  # fmt: skip
    spot = {"type": "scratch", "box": [400, 400, 600, 600]}
    defects = [spot] if answer == "yes" else []
    known = {**reasoning, "defects": defects, "answer": answer, "confidence": confidence}
    return json.dumps({**known, **rest})
