"""The picture with its layers and a good part beside it. Our own component, offline."""

from typing import Any

import streamlit as st

from reinspect.export.pages import asset
from reinspect.export.scene import digest, whole_picture
from reinspect.export.story import Told


def chosen_view(told: Told) -> str | None:
    """Which view of the part is shown, as people choose; none where it has one picture."""
    if not told.views:
        return None
    key = f"of-{told.found.id}"
    chosen = st.segmented_control(
        "View", told.views, default=told.views[0], key=key, bind="query-params"
    )
    return chosen or told.views[0]


def viewer(scene: dict[str, Any], key: str, path: str | None = None) -> None:
    """Show a scene; with the picture's path, every pixel of it where that is asked for."""
    name = f"{key}-{digest(scene)}"
    data: dict[str, Any] = {**scene, "key": name, "more": bool(path) and scene["more"]}
    if path and st.session_state.get(key, {}).get("full") == name:
        data["sharp"] = whole_picture(path)
    component = st.components.v2.component(
        "reinspect_viewer",
        html='<div class="viewer"></div>',
        css=asset("viewer.css"),
        js=asset("viewer.js"),
    )
    component(data=data, key=key, on_full_change=lambda: None)
