"""The picture with its layers; for a reviewer, boxes to draw. Our own component, offline."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import streamlit as st

from reinspect.export.scene import digest
from reinspect.export.story import asset
from reinspect.vocabulary import Box, Defect

_SMALLEST = 0.002  # of a side: what is smaller was a slip of the hand


class Edit(NamedTuple):
    """What a reviewer starts from: boxes, and the types to choose from."""

    defects: Sequence[Defect]
    types: Sequence[str]


def viewer(scene: dict[str, Any], key: str, edit: Edit | None = None) -> tuple[Defect, ...]:
    """Show a scene. Returns the boxes as the reviewer left them; none without `edit`."""
    data: dict[str, Any] = {**scene, "key": f"{key}-{digest(scene)}"}
    if edit is not None:
        boxes = [{"box": list(defect.box), "type": defect.type} for defect in edit.defects]
        data["edit"] = {"boxes": boxes, "types": list(edit.types)}
    component = st.components.v2.component(
        "reinspect_viewer",
        html='<div class="viewer"></div>',
        css=asset("viewer.css"),
        js=asset("viewer.js"),
    )
    result = component(data=data, key=key, on_boxes_change=lambda: None)
    if edit is None:
        return ()
    drawn = result.get("boxes")
    return tuple(edit.defects) if drawn is None else defects_of(drawn)


def defects_of(drawn: Any) -> tuple[Defect, ...]:
    """The boxes that came from the browser as defects; what is no box is left out."""
    found = []
    for one in drawn if isinstance(drawn, list) else []:
        try:
            x1, y1, x2, y2 = (min(1.0, max(0.0, float(corner))) for corner in one["box"])
            named = str(one.get("type") or "").strip()[:200] or None
        except (TypeError, ValueError, KeyError, AttributeError):
            continue
        if x2 - x1 >= _SMALLEST and y2 - y1 >= _SMALLEST:
            found.append(Defect(box=Box(x1, y1, x2, y2), score=1.0, type=named))
    return tuple(found)
