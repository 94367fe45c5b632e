"""Training data: generated captions beside picture and truth, to accept, edit or reject."""

import streamlit as st

from reinspect.export.story import Told
from reinspect.store import Caption
from reinspect.store.reviews import CaptionState, Decided
from reinspect.ui import words
from reinspect.ui.console import Console, empty, faults_shown, notice
from reinspect.ui.viewer import viewer

_STATES: tuple[CaptionState, ...] = ("draft", "accepted", "edited", "rejected")


def page() -> None:
    """Draw the page."""
    console: Console = st.session_state["console"]
    notice()
    head, what = st.columns([3, 3], vertical_alignment="bottom")
    chosen = what.segmented_control(
        "State", _STATES, default="draft", key="caption_state", bind="query-params"
    )
    state: CaptionState = chosen or "draft"
    at = st.session_state.get("caption_at", 0)
    found, total = console.store.browse.captions(state, offset=at)
    if not found and at:
        st.session_state["caption_at"] = at = 0
        found, total = console.store.browse.captions(state)
    head.title("Training data", anchor=False)
    head.caption(f"{total:,} captions: {state}")
    if not found:
        _nothing(console, state)
        return
    _one(console, found[0])
    _steps(at, total)


def _nothing(console: Console, state: CaptionState) -> None:
    if state == "draft" and not any(console.store.browse.captions(s)[1] for s in _STATES[1:]):
        empty(
            "There are no captions yet. They are made from runs by:",
            "reinspect train episodes RUN --out DIR",
        )
    else:
        empty(f"No caption is {state}." if state != "draft" else "No draft is left to check.")


def _one(console: Console, caption: Caption) -> None:
    told = Told.of(console.store, caption.inspection_id, console.runs_folder)
    picture, text = st.columns([1.1, 1], gap="medium")
    with picture:
        scene = told.scene if caption.view is None else told.scene_of(caption.view)
        viewer(scene, key=f"caption-{caption.inspection_id}-{caption.view or ''}")
    with text:
        row = told.found.row
        truth = told.truth
        if truth and caption.view is not None:
            truth = truth.of_view(caption.view)
        known = f"{truth.label.value} ({truth.source})" if truth else "not known"
        types = f" · {words.escaped(', '.join(truth.types))}" if truth and truth.types else ""
        st.html(
            f"<h2>{words.escaped(row.image)}"
            + (f" · {words.escaped(caption.view)}" if caption.view else "")
            + "</h2>"
            f'<div class="facts"><span>run {words.escaped(told.run.name)}</span></div>'
            f"<p>Truth: <b>{known}</b>{types}<br>Final verdict: "
            f"<b>{row.verdict.label.value if row.verdict else 'none'}</b></p>"
            f'<div class="facts"><span>{words.escaped(caption.mode)} caption · written by '
            f"{words.escaped(caption.source)} · {caption.at.astimezone():%Y-%m-%d %H:%M}"
            + (f" · decided by {words.escaped(caption.reviewer)}" if caption.reviewer else "")
            + "</span></div>"
        )
        editable = caption.state == "draft" and console.reviewer is not None
        said = st.text_area(
            "Caption", caption.text, height=260, disabled=not editable, key=f"text-{caption.id}"
        )
        if editable:
            _decide(console, caption, said)
        elif caption.state == "draft":
            st.info("Read-only: start the console with --reviewer NAME, or log in, to decide.")


def _decide(console: Console, caption: Caption, said: str) -> None:
    changed = said.strip() != caption.text.strip()
    ways: tuple[tuple[str, Decided, bool], ...] = (
        ("Accept", "accepted", changed),
        ("Save edit", "edited", not changed or not said.strip()),
        ("Reject", "rejected", False),
    )
    for cell, (label, state, disabled) in zip(st.columns(3), ways, strict=True):
        cell.button(
            label,
            key=f"{state}-{caption.id}",
            type="primary" if state == "accepted" else "secondary",
            disabled=disabled,
            width="stretch",
            on_click=_save,
            args=(console, caption.id, state),
        )
    st.caption("The draft is kept as it is; your decision is added with your name.")


def _save(console: Console, draft: int, state: Decided) -> None:
    """Decide on the draft whose button was pressed, even if a colleague has decided meanwhile."""
    text = st.session_state[f"text-{draft}"] if state == "edited" else None
    with faults_shown():
        console.store.browse.decide(draft, state, reviewer=console.reviewer or "", text=text)
        st.session_state["notice"] = f"Caption {state}."


def _steps(at: int, total: int) -> None:
    back, where, on = st.columns([1, 2, 1], vertical_alignment="center")
    if back.button("Previous", disabled=at <= 0, width="stretch", shortcut="Left"):
        st.session_state["caption_at"] = at - 1
        st.rerun()
    where.html(f'<p style="text-align:center;margin:0">{at + 1:,} of {total:,}</p>')
    if on.button("Next", disabled=at + 1 >= total, width="stretch", shortcut="Right"):
        st.session_state["caption_at"] = at + 1
        st.rerun()
