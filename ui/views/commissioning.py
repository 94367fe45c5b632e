"""Commissioning: the strangest part beside the nearest reference, answered by a key."""

import threading
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import streamlit as st

from reinspect.errors import ReinspectError
from reinspect.export.scene import thumbnail
from reinspect.qualification.answers import PartAnswer
from reinspect.qualification.commissioning import PartQuestion
from reinspect.qualification.sitting import PER_ROUND, CommissioningPictures, Sitting
from reinspect.settings import Settings
from reinspect.ui import words
from reinspect.ui.console import Console, empty
from reinspect.vocabulary import Box

_SIDE = 900  # pixels of a picture's longer side
_KEYS = {"Good": ("g", PartAnswer.GOOD), "Defective": ("d", PartAnswer.DEFECTIVE),
         "Skip": ("s", PartAnswer.SKIP)}  # fmt: skip


class OpenSitting(NamedTuple):
    """A sitting that all sessions of the console share, one at a time."""

    sitting: Sitting
    lock: threading.Lock
    unreadable: tuple[str, ...]


def page() -> None:
    """Draw the page."""
    console: Console = st.session_state["console"]
    st.title("Commissioning", anchor=False)
    asked = console.options
    if asked.commission is None or asked.references is None:
        empty(
            "A person who answers on the strangest parts teaches an inspection most. Name the "
            "parts of the first hours and the references to start it:",
            "reinspect ui --commission PHOTOS --references GOLDEN --reviewer NAME",
        )
        return
    try:
        with st.spinner("Looking at each part …"):
            opened = _opened(asked.commission, asked.references, asked.out or "commissioning")
        with opened.lock:
            _sit(console, opened)
    except ReinspectError as failure:
        st.error("This can't be commissioned.")
        st.text(str(failure))


@st.cache_resource(show_spinner=False)
def _opened(photos: str, references: str, out: str) -> OpenSitting:
    pictures = CommissioningPictures.below([photos], references, Path(out))
    sitting = Sitting.open(pictures, Path(out), Settings().cache_dir)
    unreadable = (*pictures.unreadable, *sitting.commissioning.unreadable)
    return OpenSitting(sitting, threading.Lock(), unreadable)


def _sit(console: Console, opened: OpenSitting) -> None:
    sitting = opened.sitting
    for said in opened.unreadable:
        st.caption(words.plain(said, 300))
    asked = sitting.questions(1)
    done = len(sitting.standing)
    if asked:
        _ask(console, sitting, asked[0], done)
    else:
        st.success("Every part has its answer.")
    if sitting.hardly_helps:
        st.info("More questions hardly help: the answers of the last round were foreseen.")
    left, right = st.columns([1, 4], vertical_alignment="center")
    locked = console.reviewer is None
    if left.button("Undo", shortcut="u", disabled=locked or not done, width="stretch"):
        sitting.undo(console.reviewer or "")
        st.rerun()
    right.caption(
        f"{done} answered, {sitting.round - 1} rounds learned. After each {PER_ROUND} the answers "
        "are learned: good parts join the references, defective ones move the threshold."
    )
    if sitting.gains:
        _gained(sitting)


def _ask(console: Console, sitting: Sitting, question: PartQuestion, done: int) -> None:
    part, reference = st.columns(2)
    name = words.escaped(Path(question.path).name)
    near = sitting.commissioning.nearest(question.sha256)
    with part:
        chance = f"{100 * question.probability:.0f} %"
        st.html(f"<b>{name}</b> looks defective: <b>{chance}</b>")
        where = None if question.where is None else Box(*question.where)
        st.html(_picture(question.path, f"part {Path(question.path).name}", where))
    with reference:
        st.html(f"most like it: reference <b>{words.escaped(Path(near).name)}</b>")
        st.html(_picture(near, f"reference {Path(near).name}", None))
    if console.reviewer is None:
        st.info("Read-only: start the console with --reviewer NAME to answer.")
    for cell, (label, (key, answer)) in zip(st.columns(3), _KEYS.items(), strict=True):
        if cell.button(
            label,
            shortcut=key,
            key=f"answer-{label}-{question.sha256}",
            disabled=console.reviewer is None,
            width="stretch",
            type="primary" if label != "Skip" else "secondary",
        ):
            sitting.keep(question, answer, console.reviewer or "")
            if (done + 1) % PER_ROUND == 0 or not sitting.questions(1):
                with st.spinner("Learning …"):
                    sitting.end_round()
                    sitting.conclude()
            st.rerun()


def _picture(path: str, words_: str, box: Box | None) -> str:
    shown = thumbnail(path, None, _SIDE)
    alt = words.escaped(words_).replace("<bdi>", "").replace("</bdi>", "")
    if shown.data is None:
        return f'<div class="thumb"><div class="gone">{words.escaped(shown.missing)}</div></div>'
    mark = ""
    if box is not None:
        x1, y1, x2, y2 = (100 * corner for corner in box)
        place = f"left:{x1:.3f}%;top:{y1:.3f}%;width:{x2 - x1:.3f}%;height:{y2 - y1:.3f}%"
        mark = f'<span class="box final" style="{place}"></span>'
    return (
        f'<div class="thumb large"><div class="frame wide"><img src="{shown.data}" '
        f'width="{shown.width}" height="{shown.height}" alt="{alt}">{mark}</div></div>'
    )


def _gained(sitting: Sitting) -> None:
    st.header("What was gained", anchor=False)
    st.dataframe(
        pd.DataFrame(
            [
                {
                    "round": gain.round,
                    "answers": gain.answers,
                    "good": gain.good,
                    "defective": gain.defective,
                    "foreseen": f"{gain.expected} of {gain.settled}",
                    "right at first": gain.right_at_first,
                    "right now": gain.right,
                    "other labels changed": f"{gain.changed} of {gain.unasked}",
                    "threshold": gain.threshold,
                }
                for gain in sitting.gains
            ]
        ),
        hide_index=True,
        column_config={"threshold": st.column_config.NumberColumn(format="%.2f")},
        alt="What each round of answers has brought",
    )
    st.caption("For the runs to come:")
    st.code(f"reinspect run PARTS --references {sitting.folder.references}", language=None)
