"""Inspections: filtered, sorted, as a gallery or a table, a page at a time."""

from typing import Any

import pandas as pd
import streamlit as st

from reinspect.export.scene import thumbnail, within
from reinspect.export.thumbnails import Thumbnail
from reinspect.store import Inspected, Page
from reinspect.ui import filters, words
from reinspect.ui.addresses import ListView
from reinspect.ui.console import Console, empty
from reinspect.vocabulary import View

SIZES = (12, 24, 48)
_WIDE = 1.1  # width over height from which a picture fills the card's width, not its height
_SIDE = 256  # pixels of a thumbnail's longer side


def page() -> None:
    """Draw the page: the inspections first, the filter after, since people wait for the former."""
    console: Console = st.session_state["console"]
    view = filters.asked(console)
    _results(console, view)
    filters.panel(console, view)


def _results(console: Console, view: ListView) -> None:
    head, layout, size = st.columns([5, 2, 2], vertical_alignment="bottom")
    shown_as = layout.segmented_control(
        "Show as",
        ["Gallery", "Table"],
        key="layout",
        bind="query-params",
        default="Gallery",
        label_visibility="collapsed",
    )
    per_page = size.selectbox(
        "Per page",
        SIZES,
        key="size",
        index=0,
        bind="query-params",
        format_func=lambda n: f"{n} a page",
        label_visibility="collapsed",
    )
    _turn_as_asked(console)
    start = (st.session_state["page"] - 1) * per_page
    found = _found(console, view, start, per_page)
    if not found.items and start:
        st.session_state["page"] = 1
        found = _found(console, view, 0, per_page)
    if st.session_state["page"] > 1:
        st.query_params["page"] = str(st.session_state["page"])
    else:
        st.query_params.pop("page", None)
    head.title("Inspections", anchor=False)
    head.caption(f"{found.total:,} found")
    if not found.items:
        _nothing(console)
        return
    if shown_as == "Table":
        _table(console, found)
    else:
        _gallery(console, found)
    pager(found.total, per_page)


def _turn_as_asked(console: Console) -> None:
    """Show the page that an address names, where it has just been opened."""
    said = st.query_params.get("page", "")
    if console.moved and said.isascii() and said.isdecimal() and 0 < len(said) < 9:
        st.session_state["page"] = max(1, int(said))
    st.session_state.setdefault("page", 1)


def _found(console: Console, view: ListView, start: int, size: int) -> Page:
    return console.store.browse.page(
        view.wanted, order=view.order, descending=view.descending, offset=start, limit=size
    )


def _nothing(console: Console) -> None:
    if not console.runs:
        empty("There are no runs in this store yet.", "reinspect run PARTS --store STORE")
    else:
        empty("No inspection fits this filter. Clear it in the side bar, or widen it.")


def _gallery(console: Console, found: Page) -> None:
    runs = {one.run_id for one in found.items}
    names = {key: name for name, key in console.names.items()} if len(runs) > 1 else {}
    with st.container(key="gallery"):
        for one in found.items:
            with st.container(border=True, key=f"card-{one.id}"):
                st.html(card(one))
                st.page_link(
                    console.pages["trace"],
                    label=words.plain(one.row.image, 60),
                    query_params=console.address(id=str(one.id)),
                )
                st.html(facts(one, names.get(one.run_id)))


def _table(console: Console, found: Page) -> None:
    names = {key: name for name, key in console.names.items()}
    rows = [
        {
            "image": one.row.image,
            "run": names.get(one.run_id, ""),
            "outcome": words.OUTCOME_MARKS[one.row.resolved.value],
            "by": one.row.truth_by or "inspection",
            "disposition": words.OUTCOME_MARKS[one.row.disposition.value],
            "first": one.row.first.label.value if one.row.first else None,
            "final": one.row.verdict.label.value if one.row.verdict else None,
            "truth": one.row.truth.value if one.row.truth else None,
            "verdict": {True: "✓ right", False: "✕ wrong", None: None}[one.row.right],
            "types": ", ".join(one.row.verdict.types) if one.row.verdict else "",
            "confidence": one.row.confidence,
            "reliability": one.row.reliability,
            "divergence": one.row.divergence,
            "seconds": one.row.seconds,
            "reviewed": one.row.review.label.value if one.row.review else None,
            "reason": one.row.error or one.row.reason,
        }
        for one in found.items
    ]
    digits = st.column_config.NumberColumn(format="%.2f")
    chosen = st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        column_config=dict.fromkeys(("confidence", "reliability", "divergence", "seconds"), digits),
        alt="Inspections, one a row; select a row to open its trace",
        key=f"table-{st.session_state['page']}",
    )
    st.caption("Select a row to open its trace.")
    if chosen["selection"]["rows"]:
        one = found.items[chosen["selection"]["rows"][0]]
        st.switch_page(console.pages["trace"], query_params=console.address(id=str(one.id)))


def pager(total: int, size: int) -> None:
    """Previous and next page; the number is kept in the session."""
    last = max(1, -(-total // size))
    now = st.session_state["page"]
    if last == 1:
        return
    back, where, on = st.columns([1, 2, 1], vertical_alignment="center")
    turned: dict[str, Any] = {"on_click": _turn, "width": "stretch"}
    back.button("← Previous page", disabled=now <= 1, args=(now - 1,), **turned)
    where.html(f'<p style="text-align:center;margin:0">page {now:,} of {last:,}</p>')
    on.button("Next page →", disabled=now >= last, args=(now + 1,), **turned)


def _turn(to: int) -> None:
    st.session_state["page"] = to


def card(one: Inspected) -> str:
    """The picture in small with the boxes that count, as HTML."""
    view = one.leading
    path, sha256 = (view.path, view.sha256) if view else (one.path, one.row.sha256)
    shown = _thumbnail(path, sha256, view)
    name = words.escaped(one.row.image).replace("<bdi>", "").replace("</bdi>", "")
    if shown.data is None:
        why = words.escaped(shown.missing)
        return (
            f'<div class="thumb"><div class="gone" role="img" aria-label="{name}">{why}</div></div>'
        )
    wide = " wide" if shown.width > _WIDE * shown.height else ""
    kind = "review" if one.row.review else "final"
    here = within(one.row.defects, view.name if view else None)
    boxes = "".join(_rectangle(defect.box, kind) for defect in here)
    note = f'<div class="note">{words.escaped(shown.missing)}</div>' if shown.missing else ""
    said = one.row.verdict.label.value if one.row.verdict else "no verdict"
    size = f'width="{shown.width}" height="{shown.height}"'
    alt = f"{name}: {said}, {len(one.row.defects)} defects"
    return (
        f'<div class="thumb"><div class="frame{wide}"><img src="{shown.data}" {size} alt="{alt}">'
        f"{boxes}</div>{note}</div>"
    )


def facts(one: Inspected, run: str | None = None) -> str:
    """Outcome, reliability and what became of the verdict, as HTML; the run, if it is named."""
    row = one.row
    parts = [words.badge(row.disposition.value)]
    if row.resolved is not row.disposition:
        parts.append(f"<span>→ {words.badge(row.resolved.value)} by {row.truth_by}</span>")
    if row.right is not None:
        kind, word = ("right", "✓ right") if row.right else ("wrong", "✕ wrong")
        parts.append(f'<span class="chip {kind}">{word}</span>')
    if row.review:
        parts.append(f'<span class="chip review">reviewed: {row.review.label.value}</span>')
    elif row.revised:
        parts.append('<span class="chip corrected">changed</span>')
    elif row.rounds:
        parts.append('<span class="chip">kept</span>')
    parts.append(f"<span>reliability <b>{words.number(row.reliability)}</b></span>")
    if row.verdict and row.verdict.types:
        parts.append(words.escaped(", ".join(row.verdict.types)[:80]))
    if row.comments:
        count = len(row.comments)
        parts.append(f'<span class="chip">{count} comment{"s" if count > 1 else ""}</span>')
    if run:
        parts.append(f"<span>in {words.escaped(run)}</span>")
    if row.error:
        parts.append(f"<span>{words.escaped(row.error[:120])}</span>")
    return f'<div class="facts">{" ".join(parts)}</div>'


def _rectangle(box: tuple[float, float, float, float], kind: str) -> str:
    x1, y1, x2, y2 = (100 * corner for corner in box)
    place = f"left:{x1:.3f}%;top:{y1:.3f}%;width:{x2 - x1:.3f}%;height:{y2 - y1:.3f}%"
    return f'<span class="box {kind}" style="{place}"></span>'


@st.cache_data(ttl=600, max_entries=1000, show_spinner=False)
def _thumbnail(path: str, sha256: str | None, _view: View | None) -> Thumbnail:
    return thumbnail(path, sha256, _SIDE, _view)
