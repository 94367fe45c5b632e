"""References: the versions of a set, false alarms that may join it, and what that would change."""

import getpass
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from reinspect.dataset import ReferenceVersion, ReferenceVersions
from reinspect.dataset.versions import ReferenceChange
from reinspect.errors import ReinspectError
from reinspect.runs.trial import ReferenceTrial, cleared, confirmed, runs_with, try_references
from reinspect.store import Filter, Inspected, Reviewed, Run, Standing
from reinspect.ui import words
from reinspect.ui.console import Console, empty
from reinspect.ui.views.inspections import card
from reinspect.vocabulary import Label

_SHOWN = 200  # false alarms of a list
_PICTURES = 24  # of those that are selected


def page() -> None:
    """Draw the page."""
    console: Console = st.session_state["console"]
    st.title("References", anchor=False)
    said = st.session_state.pop("references_notice", None)
    if said:
        st.toast(said, icon=":material/check:")
    folders = sets_of(console.runs)
    if not folders:
        empty(
            "No run was judged by a set of references with versions yet.",
            "reinspect references add SET PICTURES\nreinspect run PARTS --references SET",
        )
        return
    folder = st.selectbox(
        "Set",
        folders,
        format_func=lambda place: f"{Path(place).name}  ({place})",
        key="set",
        bind="query-params",
    )
    try:
        versions = ReferenceVersions(folder)
        _versions(versions)
        runs = runs_with(console.store, versions)
        _candidates(console, versions, runs)
        _trial(console, versions, runs)
        _defects(console, versions, runs)
    except ReinspectError as failure:
        st.error("This set can't be used.")
        st.text(str(failure))


def sets_of(runs: Sequence[Run]) -> list[str]:
    """The folders of the sets that judged some run and are still there, newest first."""
    named = (ReferenceVersion.parse(run.versions.get("references", "")) for run in runs)
    folders = dict.fromkeys(version.folder for version in named if version is not None)
    return [folder for folder in folders if ReferenceVersions(folder).numbers]


def _versions(versions: ReferenceVersions) -> None:
    rows = []
    for number in reversed(versions.numbers):
        made = versions.made(number)
        rows.append(
            {
                "version": number,
                "counts": "✓" if number == versions.active else "",
                "pictures": len(versions.pictures(number)),
                "change": _change(made),
                "who": made.who,
                "when": made.when.astimezone().replace(tzinfo=None),
                "why": made.why,
            }
        )
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        column_config={"when": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm")},
        placeholder="–",
        alt="Versions of the set, newest first",
    )


def _change(made: ReferenceChange) -> str:
    """What a version has that the one it was made of hasn't, in signs."""
    counts = (("+", len(made.added)), ("−", len(made.removed)))
    said = " ".join(f"{sign}{count}" for sign, count in counts if count) or "nothing"
    return f"{said} to version {made.base}" if made.base else said


def _candidates(console: Console, versions: ReferenceVersions, runs: Sequence[Run]) -> None:
    st.header("Cleared false alarms", anchor=False)
    known = {one.sha256 for one in versions.pictures(versions.latest or 1)}
    found = [one for one in _false_alarms(console, runs) if one.row.sha256 not in known]
    if not found:
        st.caption("A review that calls a flagged part good makes it a candidate: there is none.")
        return
    names = {run.id: run.name for run in runs}
    picked = st.dataframe(
        pd.DataFrame(
            [
                {
                    "image": one.row.image,
                    "run": names.get(one.run_id, "?"),
                    "outcome": words.OUTCOME_MARKS[one.row.disposition.value],
                    "reliability": one.row.reliability,
                    "trace": f"trace?id={one.id}",
                }
                for one in found
            ]
        ),
        hide_index=True,
        on_select="rerun",
        selection_mode="multi-row",
        column_config={
            "reliability": st.column_config.NumberColumn(format="%.2f"),
            "trace": st.column_config.LinkColumn(display_text="open", help="In a new tab"),
        },
        placeholder="–",
        key=f"candidates-{versions.latest}",
        alt="Parts that were flagged and that a review calls good; select those to add",
    )
    chosen = [found[at] for at in picked["selection"]["rows"]]
    with st.container(key="gallery"):
        for one in chosen[:_PICTURES]:
            with st.container(border=True, key=f"card-{one.id}"):
                st.html(card(one))
                st.caption(words.plain(one.row.image, 60))
    why = st.text_input("Why", key="references_why", placeholder="in a few words")
    label = f"Add {len(chosen)} to a new version" if chosen else "Add to a new version"
    if st.button(label, disabled=not chosen or console.reviewer is None, help=_who(console)):
        new = [new for one in chosen for new in cleared(console.store, one.id)]
        number = versions.add(new, who=console.reviewer or getpass.getuser(), why=why)
        _again(f"Version {number} is made; it counts when it is activated.")


def _false_alarms(console: Console, runs: Sequence[Run]) -> list[Inspected]:
    """Flagged parts that a person has called good, each picture once."""
    wanted = Filter(
        runs=tuple(run.id for run in runs),
        truths=(Label.NORMAL,),
        standing=Standing.OVERRULED,
    )
    once: dict[str, Inspected] = {}
    if runs:
        for one in console.store.browse.page(wanted, limit=_SHOWN).items:
            once.setdefault(one.row.sha256 or str(one.id), one)
    return list(once.values())


def _trial(console: Console, versions: ReferenceVersions, runs: Sequence[Run]) -> None:
    st.header("Try a version", anchor=False)
    others = [number for number in reversed(versions.numbers) if number != versions.active]
    if not others:
        st.caption(f"Version {versions.active} counts, and there is no other.")
        return
    left, middle, right = st.columns([1.4, 1, 1], vertical_alignment="bottom")
    number = left.selectbox(
        f"Beside version {versions.active}, which counts",
        others,
        key="references_try",
        bind="query-params",
    )
    key = f"trial-{versions.folder}-{versions.active}-{number}"
    if middle.button("Try it", width="stretch", help="On the reviewed parts of this set's runs"):
        bar = st.progress(0.0, "Judging the reviewed parts by both")
        st.session_state[key] = try_references(
            console.store, versions, number, runs=runs, seen=lambda at, of: bar.progress(at / of)
        )
        bar.empty()
    if right.button(
        f"Activate version {number}",
        type="primary",
        width="stretch",
        disabled=console.reviewer is None,
        help=_who(console),
    ):
        versions.activate(number, who=console.reviewer or getpass.getuser())
        _again(f"Version {number} counts from now on.")
    trial: ReferenceTrial | None = st.session_state.get(key)
    if trial is not None:
        _shown(trial)


def _shown(trial: ReferenceTrial) -> None:
    st.markdown(f"**{words.plain(trial.sentence.capitalize(), 300)}.**")
    cells = st.columns(3)
    for cell, name, about, count in (
        (cells[0], "False alarms", "Good parts that FAIL", trial.false_alarms),
        (cells[1], "Missed defects", "Defective parts that PASS", trial.missed),
        (cells[2], "For REVIEW", "Of either kind", trial.for_review),
    ):
        change = count.after - count.before
        cell.metric(
            name,
            f"{count.before} → {count.after}",
            delta=change or None,
            delta_color="inverse",
            help=about,
        )
    if trial.gone:
        st.caption(f"{len(trial.gone)} reviewed parts are left out: their pictures are gone.")
    rows: list[dict[str, Any]] = [
        {
            "image": part.image,
            "truth": "good" if part.truth is Label.NORMAL else "defective",
            f"version {trial.before}": words.OUTCOME_MARKS[part.before.value],
            f"version {trial.after}": words.OUTCOME_MARKS[part.after.value],
            "trace": f"trace?id={part.inspection}",
        }
        for part in trial.changed
    ]
    if rows:
        st.dataframe(
            pd.DataFrame(rows),
            hide_index=True,
            column_config={"trace": st.column_config.LinkColumn(display_text="open")},
            alt="Parts that come out differently",
        )


def _defects(console: Console, versions: ReferenceVersions, runs: Sequence[Run]) -> None:
    st.header("Confirmed defects", anchor=False)
    wanted = Filter(
        runs=tuple(run.id for run in runs), truths=(Label.ANOMALOUS,), reviewed=Reviewed.YES
    )
    count = len(console.store.queue.parts(wanted)) if runs else 0
    if not count:
        st.caption("A review that calls a part defective makes it an example: there is none.")
        return
    st.caption(
        f"A review calls {count:,} part{'s' if count > 1 else ''} defective. As examples they are "
        "what qualification measures; no part is judged by them."
    )
    if st.button("Keep them as examples", disabled=console.reviewer is None, help=_who(console)):
        kept = versions.keep_defects(confirmed(console.store, runs))
        _again(f"{kept} defect examples are kept.")
    if versions.defects.is_dir():
        st.code(f"reinspect qualify {versions.folder} --defects {versions.defects}", language=None)


def _who(console: Console) -> str | None:
    return None if console.reviewer else "Read-only: start the console with --reviewer NAME"


def _again(said: str) -> None:
    st.session_state["references_notice"] = said
    st.rerun()
