"""Trace: one inspection step by step, its picture beside it, and the form for a review."""

import re
from functools import partial
from typing import Any

import streamlit as st

from reinspect.export.story import Told, story_page, timeline
from reinspect.store import Inspected, StoreError
from reinspect.store.comments import MOST_LETTERS
from reinspect.ui import words
from reinspect.ui.addresses import ListView
from reinspect.ui.bench import bench, feed, taken
from reinspect.ui.console import Console, empty
from reinspect.ui.viewer import chosen_view, viewer


def page() -> None:
    """Draw the page."""
    console: Console = st.session_state["console"]
    view = console.view()
    key = _asked_for(console, view)
    if key is None:
        st.title("Trace", anchor=False)
        empty("No inspection is chosen. Open one from Inspections.")
        return
    answers = taken(console, _bench(key)) if console.reviewer else {}
    try:
        told = Told.of(console.store, key, console.runs_folder)
    except StoreError:
        st.title("Trace", anchor=False)
        empty(f"The store has no inspection {key}.")
        return
    console.remember(view)
    st.query_params["id"] = str(key)
    _head(console, view, told)
    picture, story = st.columns([1.1, 1], gap="medium")
    with picture, st.container(key="evidence"):  # stays in sight beside a long story
        head = st.container(horizontal=True, horizontal_alignment="distribute")
        judging = console.reviewer and head.toggle(
            "Review this image", key=_judging(key), bind="query-params"
        )
        _share(head, told)
        if judging:
            bench(feed(console, [key], answers, key=_bench(key)), _bench(key))
        else:
            seen = chosen_view(told)
            viewer(told.scene_of(seen), key=f"view-{key}-{seen}", path=told.path(seen))
        if console.reviewer:
            _comment(console, told)
        _elsewhere(console, told.found)
    with story:
        st.html(timeline(told))


def _judging(key: int) -> str:
    return f"judge-{key}"


def _bench(key: int) -> str:
    return f"bench-{key}"


def _asked_for(console: Console, view: ListView) -> int | None:
    said = st.query_params.get("id", "")
    if said.isascii() and said.isdecimal() and len(said) < 18:
        return int(said)
    first = console.store.browse.page(
        view.wanted, order=view.order, descending=view.descending, limit=1
    )
    return first.items[0].id if first.items and not said else None


def _head(console: Console, view: ListView, told: Told) -> None:
    name, back, on = st.columns([6, 1.2, 1.2], vertical_alignment="center")
    part = f" · {words.escaped(told.found.row.category)}" if told.found.row.category else ""
    where = f"run {words.escaped(told.run.name)}{part}{_where(console, view, told)}"
    name.html(
        f'<h1 style="margin:0">{words.escaped(told.found.row.image)}</h1>'
        f'<div class="facts"><span>{where}</span></div>'
    )
    before, after = _neighbours(console, view, told.found.id)
    _step(console, back, "Previous", "Left", before)
    _step(console, on, "Next", "Right", after)


def _where(console: Console, view: ListView, told: Told) -> str:
    browse = console.store.browse
    place = browse.place(view.wanted, told.found.id, order=view.order, descending=view.descending)
    total = browse.count(view.wanted)
    return (
        f" · <b>{min(place + 1, total):,}</b> of {total:,} in the current filter" if total else ""
    )


def _neighbours(console: Console, view: ListView, key: int) -> tuple[int | None, int | None]:
    """The inspections before and after this one in the current filter."""
    browse = console.store.browse
    how: Any = {"order": view.order, "descending": view.descending}
    place = browse.place(view.wanted, key, **how)
    around = browse.page(view.wanted, **how, offset=max(0, place - 1), limit=3).items
    ids = [one.id for one in around]
    before = ids[0] if place else None
    rest = [other for other in ids[1 if place else 0 :] if other != key]
    return before, rest[0] if rest else None


def _step(
    console: Console,
    cell: "st.delta_generator.DeltaGenerator",
    label: str,
    key: str,
    to: int | None,
) -> None:
    if cell.button(label, shortcut=key, disabled=to is None, width="stretch"):
        st.switch_page(console.pages["trace"], query_params=console.address(id=str(to)))


def _share(cell: "st.delta_generator.DeltaGenerator", told: Told) -> None:
    """A button for the story as one file, which is made when it is pressed."""
    cell.download_button(
        "Story as one file",
        partial(story_page, told),
        story_name(told.found.row.image),
        mime="text/html",
        on_click="ignore",
        icon=":material/download:",
        help="For whoever has no console: a page that any browser opens, without a network",
    )


def story_name(image: str) -> str:
    """What the file of an image's story is called: of its name what any file may be called."""
    return f"{re.sub(r'[^a-zA-Z0-9]+', '-', image)[-_LETTERS:].strip('-') or 'part'}.html"


_LETTERS = 80  # of a file's name


def _comment(console: Console, told: Told) -> None:
    """A form for a comment; those that there are stand in the story."""
    with st.form(f"comment-{told.found.id}", clear_on_submit=True, border=False):
        text = st.text_area(
            "Comment on this part",
            max_chars=MOST_LETTERS,
            height=68,
            placeholder="For colleagues: it stands at the part in whatever run",
        )
        sent = st.form_submit_button("Add comment")
    if sent and text.strip():
        console.store.queue.comment(told.found.id, text, author=console.reviewer or "")
        st.rerun()


def _elsewhere(console: Console, found: Inspected) -> None:
    others = console.store.browse.elsewhere(found)
    if not others:
        return
    names = {key: name for name, key in console.names.items()}
    st.caption("The same picture in other runs")
    for other in others:
        verdict = other.row.verdict.label.value if other.row.verdict else "no verdict"
        run = words.plain(names.get(other.run_id, "?"), 40)
        st.page_link(
            console.pages["trace"],
            label=f"{run}: {verdict}, {words.plain(other.row.disposition.value)}",
            query_params={"id": str(other.id)},
        )
