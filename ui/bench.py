"""The review bench: one component in the browser, worked by keys, and what it is fed with."""

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import streamlit as st

from reinspect.documents import DocumentError, parse_yaml
from reinspect.export.pages import asset
from reinspect.export.scene import whole_picture
from reinspect.export.story import Told
from reinspect.files import digest_of
from reinspect.images import decode_mask, encode_mask, fitted_mask
from reinspect.store import StoreError
from reinspect.ui.console import Console, StorePlace, cached, opened
from reinspect.ui.judging import Desk, ReviewAnswer
from reinspect.vocabulary import Defect, Rle

AHEAD = 4
"""Items in the browser: the one in hand, and those that come next."""

_ANSWERS = 20_000  # kept of all sessions


def taken(console: Console, key: str) -> dict[str, ReviewAnswer]:
    """Do what the bench of this key has sent. Returns what became of it.

    Raises:
        StoreError: the store is away; the browser keeps what it sent, and sends it again.
    """
    sent = st.session_state.get(key, {}).get("outbox")
    aside = st.session_state.setdefault("aside", {})
    answers = _answers()
    for token in list(answers)[: max(0, len(answers) - _ANSWERS)]:
        del answers[token]
    desk = Desk(console.store, console.reviewer or "", answers, aside)
    return desk.take(sent if isinstance(sent, list) else [])


def feed(
    console: Console,
    ids: Sequence[int],
    answers: Mapping[str, ReviewAnswer],
    *,
    key: str,
    queue: str = "",
    left: int = 0,
) -> dict[str, Any]:
    """What the bench is to show.

    Args:
        console: with the store.
        ids: inspections to judge; the first few go to the browser.
        answers: to what it sent.
        key: of the component.
        queue: what the ids are of; when it is another, the browser begins anew. "" is no queue:
            the one item is judged, and that is it.
        left: how many items wait.
    """
    version = console.at
    items = []
    for one in dict.fromkeys((*(_begun(key) if queue else ()), *ids[:AHEAD])):
        try:
            item = _item(version.place, one, str(console.runs_folder or ""))
        except StoreError:
            continue  # an old draft, of another store
        added = (version.version[0], version.version[-1])  # inspections, decisions on types
        types = _types(version.place, added, item["category"], item["known"])
        boxes: list[dict[str, Any]] = []
        if not queue:  # which is blind
            row, leading = console.store.browse.one(one).row, item["views"][0]["name"]
            sizes = {it["name"]: _size(it["scene"]) for it in item["views"]}
            boxes = [_sent(defect, leading, sizes) for defect in row.defects]
        items.append({**item, "types": list(types), "boxes": boxes})
    wanted = st.session_state.get(key, {}).get("full")
    sharp = [
        {"id": one["id"], "view": at, "src": whole_picture(path)}
        for one in items
        for at, path in enumerate(one["paths"])
        if wanted == [one["id"], at]
    ]
    return {
        "place": digest_of(f"{console.options.store}\n{console.reviewer}".encode())[:16],
        "queue": queue,
        "items": [{name: one[name] for name in ("id", "views", "types", "boxes")} for one in items],
        "left": left,
        "answers": {token: answer._asdict() for token, answer in answers.items()},
        "fault": "",
        "sharp": sharp[0] if sharp else None,
    }


def bench(data: Mapping[str, Any], key: str) -> None:
    """Draw the bench with what it is fed."""
    component = st.components.v2.component(
        "reinspect_bench",
        html='<div class="bench"></div>',
        css=asset("viewer.css") + _file("bench.css"),
        js=asset("viewer.js").partition("export default")[0]
        + _file("paint.js")
        + _file("bench.js"),
    )
    component(
        data=dict(data),
        key=key,
        on_outbox_change=lambda: None,
        on_begun_change=lambda: None,
        on_full_change=lambda: None,
    )


@cache
def _file(name: str) -> str:
    return (files("reinspect.ui") / name).read_text(encoding="utf-8")


def _begun(key: str) -> list[int]:
    """Inspections of which the browser has a draft that was not saved."""
    said = st.session_state.get(key, {}).get("begun")
    listed = said if isinstance(said, list) else []
    return [one for one in listed if type(one) is int and 0 < one < 1 << 53][:AHEAD]


@st.cache_data(ttl=600, max_entries=24, show_spinner=False)
def _item(place: StorePlace, inspection_id: int, runs: str) -> dict[str, Any]:
    """What of an inspection goes to the browser, and what of it stays here."""
    told = Told.of(opened(place.url), inspection_id, Path(runs) if runs else None)
    views = told.views or (None,)
    return {
        "id": inspection_id,
        "views": [_view(told, view) for view in views],
        "paths": [told.path(view) for view in views],
        "category": told.found.row.category,
        "known": named_types(told.run.recipe),
    }


def _view(told: Told, view: str | None) -> dict[str, Any]:
    """A view as the browser has it, with the masks that segmentation has of it."""
    scene = told.part(view)
    masks = []
    for piece in told.trace.evidence:
        for region in piece.regions:
            if region.mask is not None and view in (None, region.view or piece.view or view):
                mask = _mask(region.mask, _size(scene))
                masks += [{"box": list(region.box), "mask": mask}] if mask else []
    return {"name": view, "scene": scene, "masks": masks[:_MASKS]}


_MASKS = 100  # of a view that go to the browser


def _size(scene: Mapping[str, Any]) -> tuple[int, int]:
    """(height, width) of what is painted on."""
    return scene["height"], scene["width"]


def _mask(mask: Rle, size: tuple[int, int]) -> dict[str, Any] | None:
    """A mask in the size of what is painted on; none where it can't be read, or has nothing."""
    try:
        fitted = fitted_mask(decode_mask(mask), size)
    except ValueError:
        return None
    return encode_mask(fitted).model_dump(mode="json") if fitted.any() else None


def _sent(
    defect: Defect, leading: str | None, sizes: Mapping[str | None, tuple[int, int]]
) -> dict[str, Any]:
    """A defect as the browser has it."""
    view = defect.view or leading
    size = sizes.get(view)
    return {
        "box": list(defect.box),
        "type": defect.type,
        "view": view,
        "mask": _mask(defect.mask, size) if defect.mask and size else None,
    }


def named_types(recipe: str) -> tuple[str, ...]:
    """The defects that a recipe names for its product."""
    try:
        read = parse_yaml(recipe)
    except DocumentError:
        return ()
    product = read.get("product") if isinstance(read, Mapping) else None
    named = product.get("defects") if isinstance(product, Mapping) else None
    return tuple(map(str, named)) if isinstance(named, list) else ()


@cached
def _types(
    place: StorePlace, _added: tuple[int, int], category: str | None, known: tuple[str, ...]
) -> tuple[str, ...]:
    """The types of a product, by the names of today; those that the recipe names come first."""
    queue = opened(place.url).queue
    names = queue.type_names()
    first = (names.today(category, name) for name in known)
    return tuple(dict.fromkeys((*first, *queue.types(category))))


@st.cache_resource(show_spinner=False)
def _answers() -> dict[str, ReviewAnswer]:
    return {}
