"""Morning: what has come since yesterday, held against the days before; each figure leads on."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import streamlit as st

from reinspect.cost import ModelCost
from reinspect.store import Filter, Period, Standing
from reinspect.ui import charts, words
from reinspect.ui.addresses import ListView, write
from reinspect.ui.console import At, Console, cached, empty, opened
from reinspect.ui.days import (
    SHIFTS,
    AuditRate,
    Baseline,
    Sums,
    chart_rows,
    escapes,
    frame,
    overkill,
    shift_of,
    shifts_of,
    steady,
    within,
)
from reinspect.vocabulary import Outcome

_SPANS = (14, 30, 90)
_COMMENTS = 5  # the newest of them
_LETTERS = 280  # of each
_AUDIT = 0.05  # share of PASS, as the review queue has it unless told otherwise
_digits = st.column_config.NumberColumn
_COLUMNS: dict[str, Any] = {
    "FAIL": _digits(format="%.1f %%"),
    "usual": _digits(format="%.1f %%", help="FAIL in the days before"),
    "REVIEW": _digits(format="%.1f %%"),
    "seconds a part": _digits(format="%.2f"),
}


def page() -> None:
    """Draw the page."""
    console: Console = st.session_state["console"]
    head, span, begin = st.columns([4, 1.3, 1.7], vertical_alignment="bottom")
    days = span.selectbox(
        "Against the last",
        _SPANS,
        format_func=lambda n: f"{n} days",
        key="morning_days",
        bind="query-params",
    )
    shifts = shifts_of(
        begin.text_input(
            "Shifts begin at",
            SHIFTS,
            key="morning_shifts",
            bind="query-params",
            help="Hours of the day",
        )
    )
    head.title("Since yesterday", anchor=False)
    newest = console.store.statistics.newest()
    if newest is None:
        empty("Nothing has been inspected yet.", "reinspect run PARTS --store STORE")
        return
    now = datetime.now(UTC)
    old = now - newest > timedelta(days=2)
    base = Baseline.of(newest if old else now, days)
    since, until = base.now
    if since is None or until is None:
        return
    head.caption(
        f"{_day(since)} and {_day(until - timedelta(hours=12))}, against the {days} days before"
        + (". Nothing was inspected later" if old else "")
    )
    every, stopped = _counted(console.at, base, _usd(console))
    reviewed = _reviewed(console.at, base.since, until)
    mine, before = within(every, base.now), within(every, Period(base.since, since))
    _figures(console, base, (mine, before), (stopped, reviewed))
    _chart(console, every, Sums.of(before).share("failed"))
    _tables(console, base, (mine, before), shifts)
    _comments(console)


def _comments(console: Console) -> None:
    """What people have last said of parts, whenever these came."""
    newest = console.store.queue.newest_comments(_COMMENTS)
    if not newest:
        return
    st.header("Comments", anchor=False)
    for one in newest:
        said, at = one.comment, one.comment.at.astimezone()
        text = said.text if len(said.text) <= _LETTERS else f"{said.text[:_LETTERS]}…"
        st.html(
            f'<p class="facts"><b>{words.escaped(said.author)}</b> {at:%a %d %b, %H:%M}</p>'
            f'<p style="white-space: pre-line; margin: 0">{words.escaped(text)}</p>'
        )
        st.page_link(
            console.pages["trace"],
            label=words.plain(one.image, 60),
            query_params={"id": str(one.inspection)},
        )
    view = ListView(Filter(commented=True))
    st.page_link(
        console.pages["inspections"],
        label="Show all parts with comments",
        query_params=write(view, console.names),
    )


def _day(moment: datetime) -> str:
    return f"{moment.astimezone():%a %d %b}"


def _usd(console: Console) -> dict[int, float]:
    """Run → what an image has cost in the mean, of runs that asked models."""
    images = _images(console.at)
    known: dict[int, float] = {}
    for run in console.runs:
        cost = ModelCost.of_counters(run.counters)
        if cost is not None and images.get(run.id):
            known[run.id] = cost.usd / images[run.id]
    return known


def _figures(
    console: Console,
    base: Baseline,
    sums: tuple[pd.DataFrame, pd.DataFrame],
    rest: tuple[pd.DataFrame, Sequence[Any]],
) -> None:
    now, then = (Sums.of(rows) for rows in sums)
    stopped, reviewed = rest
    stops = int(within(stopped, base.now)["images"].sum())
    missed, called = escapes(reviewed), overkill(reviewed)
    cells = [*st.columns(4), *st.columns(4)]

    def door(place: int, label: str, wanted: Filter, period: Period = base.now) -> None:
        """A link below a figure: to its parts, where there may be some."""
        view = ListView(wanted.model_copy(update={"period": period}))
        cells[place].page_link(
            console.pages["inspections"],
            label=label,
            query_params=write(view, console.names),
        )

    days = max(1, len(set(sums[1]["day"]))) if len(sums[1]) else 0
    cells[0].metric("Parts", f"{now.images:,}", help=_usual(_a_day(then.images, days)))
    if now.images:
        door(0, "Show the parts", Filter())
    _share(cells[1], "Fail rate", now.share("failed"), then.share("failed"))
    if now.failed:
        door(1, f"Show {now.failed:,} FAIL", Filter(dispositions=(Outcome.FAIL,)))
    _share(cells[2], "Review load", now.share("review"), then.share("review"))
    if now.review:
        door(2, f"Show {now.review:,} REVIEW", Filter(dispositions=(Outcome.REVIEW,)))
    cells[3].metric("Set-up alarms", f"{stops:,}", help="Pictures of another set-up than learned")
    if stops:
        door(3, "Show these pictures", Filter(setup=True))
    _audit(cells[4], "Escapes", missed, "PASS", "defective", "parts of the audit sample")
    whole = Period(base.since, base.now.until)
    passed, failed = (
        Filter(standing=Standing.OVERRULED, dispositions=(outcome,))
        for outcome in (Outcome.PASS, Outcome.FAIL)
    )
    door(4, "Show escapes found", passed, whole)
    _audit(cells[5], "Overkill", called, "FAIL", "good", "parts that FAILed")
    door(5, "Show false alarms found", failed, whole)
    seconds, usual = now.share("seconds"), then.share("seconds")
    cells[6].metric(
        "Seconds a part",
        "–" if seconds is None else f"{seconds:.2f}",
        delta=_delta(seconds, usual, "{:+.2f} s"),
        delta_color="inverse",
    )
    cells[7].metric(
        "Cost",
        f"{now.usd:,.2f} USD" if now.usd or then.usd else "–",
        help="Of models, as their runs' mean an image",
    )


def _share(cell: Any, name: str, now: float | None, then: float | None) -> None:
    change = None if now is None else 100 * now
    usual = None if then is None else 100 * then
    cell.metric(
        name,
        words.percent(now),
        delta=_delta(change, usual, "{:+.1f} points"),
        delta_color="inverse",
        help=_usual(words.percent(then)),
    )


def _audit(cell: Any, name: str, rate: AuditRate, outcome: str, truth: str, by: str) -> None:
    low, high = rate.interval or (None, None)
    cell.metric(
        name,
        words.percent(rate.share),
        help=f"What of {outcome} is {truth}, over the whole time, with a 95 % interval: "
        f"by reviews of {by}",
    )
    cell.caption(
        f"of {outcome}: {words.percent(low)} to {words.percent(high)}, by {rate.of:,} reviewed {by}"
        if rate.of
        else f"of {outcome}: not known until {by} are reviewed"
    )


def _delta(now: float | None, then: float | None, how: str) -> str | None:
    """What has changed in words; nothing where it would read as nought."""
    if now is None or then is None:
        return None
    said = how.format(now - then)
    return said if any(digit in "123456789" for digit in said) else None


def _hundred(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _usual(words_: str) -> str:
    return f"In the days before: {words_}"


def _a_day(images: int, days: int) -> str:
    return f"{images / days:,.0f} a day" if days else "none"


def _chart(console: Console, every: pd.DataFrame, usual: float | None) -> None:
    st.header("Fail rate by day", anchor=False)
    rows = chart_rows(every, usual)
    if rows.empty:
        return
    picked = st.altair_chart(
        charts.control_chart(rows), on_select="rerun", selection_mode="day", key="morning_chart"
    )
    beyond = rows[rows["beyond"]]
    said = ", ".join(f"{day:%d %b}" for day in beyond["day"])
    st.caption(
        "Between the limits (three standard errors about the rate of the days before: a p-chart) a "
        f"day differs by chance. Beyond them: {said or 'no day'}. Select a day to see its parts."
    )
    chosen = (picked or {}).get("selection", {}).get("day") or []
    if chosen and "day" in chosen[0]:
        start = pd.Timestamp(chosen[0]["day"], unit="ms").to_pydatetime()
        _open(console, Filter(period=_whole_day(start)))
    with st.expander("The days as a table"):
        _table(
            console,
            [
                {
                    "day": f"{row['day']:%a %d %b}",
                    "parts": row["parts"],
                    "FAIL": _hundred(row["fail rate"]),
                    "beyond chance": "◆ yes" if row["beyond"] else "no",
                }
                for row in rows.to_dict("records")
            ],
            [Filter(period=_whole_day(day.to_pydatetime())) for day in rows["day"]],
            "Fail rate of each day; select one to see its parts",
        )


def _whole_day(start: datetime) -> Period:
    return Period(start.astimezone(), (start + timedelta(days=1)).astimezone())


def _tables(
    console: Console,
    base: Baseline,
    sums: tuple[pd.DataFrame, pd.DataFrame],
    shifts: Sequence[int],
) -> None:
    mine, before = sums
    if mine.empty:
        return
    _by(console, base, sums, "product", lambda rows: rows["category"], lambda name: {
        "categories": () if name == "–" else (name,)
    })  # fmt: skip
    lines = {run.id: run.tags["line"] for run in console.runs if "line" in run.tags}
    if lines:
        _by(console, base, sums, "line", lambda rows: rows["run"].map(lines).fillna("–"),
            lambda name: {"tags": () if name == "–" else (f"line={name}",)})  # fmt: skip
    st.header("By shift", anchor=False)
    which = mine["start"].map(lambda start: shift_of(start.to_pydatetime(), shifts))
    usual = Sums.of(before)
    rows, doors = [], []
    for (since, until), group in mine.groupby(which):
        rows.append(_row("shift", f"{since:%a %d %b, %H:00} to {until:%H:00}", group, usual))
        counted_from = max(since, base.now.since or since)
        doors.append(Filter(period=Period(counted_from, until)))
    _table(console, rows, doors, "Each shift since yesterday; select one to see its parts")


def _by(
    console: Console,
    base: Baseline,
    sums: tuple[pd.DataFrame, pd.DataFrame],
    name: str,
    of: Callable[[pd.DataFrame], Any],
    wanted: Callable[[str], Mapping[str, Any]],
) -> None:
    mine, before = sums
    st.header(f"By {name}", anchor=False)
    usual = {key: Sums.of(group) for key, group in before.groupby(of(before))}
    rows, doors = [], []
    for key, group in mine.groupby(of(mine)):
        rows.append(_row(name, str(key), group, usual.get(key)))
        doors.append(Filter(period=base.now, **wanted(str(key))))
    _table(console, rows, doors, f"By {name} since yesterday; select one to see its parts")


def _row(name: str, key: str, group: pd.DataFrame, usual: Sums | None) -> dict[str, Any]:
    sums = Sums.of(group)
    return {
        name: key,
        "parts": sums.images,
        "FAIL": _hundred(sums.share("failed")),
        "usual": _hundred(usual.share("failed")) if usual else None,
        "REVIEW": _hundred(sums.share("review")),
        "seconds a part": sums.share("seconds"),
    }


def _table(
    console: Console, rows: Sequence[Mapping[str, Any]], doors: Sequence[Filter], about: str
) -> None:
    picked = st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        column_config=_COLUMNS,
        placeholder="–",
        key=f"morning-{about}",
        alt=about,
    )
    chosen = picked["selection"]["rows"]
    if chosen:
        _open(console, doors[chosen[0]])


def _open(console: Console, wanted: Filter) -> None:
    said = write(ListView(wanted), console.names)
    st.session_state["address"] = said
    st.switch_page(console.pages["inspections"], query_params=said)


@cached
def _counted(at: At, base: Baseline, usd: dict[int, float]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """All images, and those that the set-up check stopped: by half hours, the days before by days.

    Of a hundred thousand images of ninety days, half hours alone would be nearly as many counts.
    """
    statistics = opened(at.url).statistics
    since, until = base.now.since or base.since, base.now.until or base.since
    found: list[list[Any]] = [[], []]
    for some, stopped in zip(found, (False, True), strict=True):
        for start, end, offset in steady(base.since, since):
            day = timedelta(days=1)
            some += statistics.spans(start, end, width=day, offset=offset, stopped=stopped)
        half = timedelta(minutes=30)
        some += statistics.spans(since, until, width=half, stopped=stopped)
    return frame(found[0], usd), frame(found[1])


@cached
def _reviewed(at: At, since: datetime, until: datetime) -> list[Any]:
    return opened(at.url).statistics.reviewed(since, until, share=_AUDIT)


@cached
def _images(at: At) -> dict[int, int]:
    return opened(at.url).statistics.images()
