"""Filters in the page's address, so that a view can be sent to a colleague."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple, Protocol, TypeVar

import streamlit as st

from reinspect.store import Filter, Order, Period, Reviewed, Span, Standing
from reinspect.vocabulary import Label, Outcome

LISTS = {"category": "categories", "type": "types", "source": "sources", "tag": "tags"}
SPANS = ("reliability", "divergence", "seconds")
FLAGS = ("revised", "errors", "twice", "setup", "commented")
LABELS = ("first", "final")
NAMES = (
    "run",
    "disposition",
    "category",
    "type",
    "source",
    "tag",
    *SPANS,
    *FLAGS,
    *LABELS,
    "truth",
    "standing",
    "reviewed",
    "reason",
    "time",
    "text",
    "sort",
)
"""The parameters of a filter that are read from an address; one may occur several times."""

_CHOICES: dict[str, type[StrEnum]] = {
    "reviewed": Reviewed,
    "standing": Standing,
    **dict.fromkeys(LABELS, Label),
}


class Params(Protocol):
    """Streamlit's query parameters, as far as they are used here."""

    def get_all(self, key: str) -> list[str]: ...


class ListView(NamedTuple):
    """A filter and its order."""

    wanted: Filter
    order: Order = Order.RELIABILITY
    descending: bool = False


def read(params: Params, runs: Mapping[str, int]) -> ListView:
    """The view that an address asks for; parameters that make no sense are left out.

    Args:
        params: of the address.
        runs: name → id of the runs that there are.
    """
    fields: dict[str, Any] = {field: tuple(params.get_all(name)) for name, field in LISTS.items()}
    fields["runs"] = tuple(runs[name] for name in params.get_all("run") if name in runs)
    fields["dispositions"] = tuple(
        Outcome(word) for word in params.get_all("disposition") if word in set(Outcome)
    )
    for name in SPANS:
        fields[name] = _span(params.get_all(name))
    for name in FLAGS:
        fields[name] = {"yes": True, "no": False}.get(_last(params.get_all(name)))
    fields["truths"] = tuple(Label(word) for word in params.get_all("truth") if word in set(Label))
    for name, kind in _CHOICES.items():
        word = _last(params.get_all(name))
        fields[name] = kind(word) if word in set(kind) else None
    fields["period"] = _period(params.get_all("time"))
    fields["reason"] = _last(params.get_all("reason"))
    fields["text"] = _last(params.get_all("text"))
    sort = _last(params.get_all("sort"))
    name = sort.removeprefix("-")
    order = Order(name) if name in set(Order) else Order.RELIABILITY
    return ListView(Filter(**fields), order, sort.startswith("-"))


def write(view: ListView, runs: Mapping[str, int]) -> dict[str, list[str]]:
    """The view as parameters, without defaults; `read` makes the same view of them."""
    wanted = view.wanted
    said: dict[str, Iterable[str]] = {
        "run": [name for name, key in runs.items() if key in wanted.runs],
        "disposition": [outcome.value for outcome in wanted.dispositions],
        **{name: getattr(wanted, field) for name, field in LISTS.items()},
        "truth": [label.value for label in wanted.truths],
        "reason": [wanted.reason] if wanted.reason else [],
        "text": [wanted.text] if wanted.text else [],
        "time": _time(wanted.period),
    }
    for name in _CHOICES:
        chosen: StrEnum | None = getattr(wanted, name)
        said[name] = [chosen.value] if chosen else []
    for name in SPANS:
        span: Span | None = getattr(wanted, name)
        said[name] = [f"{span.low:g}~{span.high:g}"] if span else []
    for name in FLAGS:
        value: bool | None = getattr(wanted, name)
        said[name] = [] if value is None else ["yes" if value else "no"]
    sort = f"{'-' if view.descending else ''}{view.order.value}"
    said["sort"] = [] if sort == Order.RELIABILITY.value else [sort]
    return {name: list(values) for name, values in said.items() if values}


E = TypeVar("E", bound=StrEnum)


def named_in_address(name: str, kind: type[E], *, among: Mapping[E, object]) -> list[E]:
    """Those of a kind that the address names under `name`, and that there are any of."""
    words = st.query_params.get_all(name)
    return [one for one in kind if one.value in words and among.get(one)]


def _span(said: Sequence[str]) -> Span | None:
    low, _, high = _last(said).partition("~")
    try:
        span = Span(float(low), float(high))
    except ValueError:
        return None
    finite = all(abs(end) < 1e9 for end in span)
    return span if finite and span.low <= span.high else None


def _period(said: Sequence[str]) -> Period | None:
    since, _, until = _last(said).partition("~")
    try:
        ends = [datetime.fromisoformat(end) if end else None for end in (since, until)]
        period = Period(*(end and end.astimezone() for end in ends))
    except (ValueError, OverflowError):
        return None
    if period.since is None and period.until is None:
        return None
    backwards = period.since and period.until and period.since >= period.until
    return None if backwards else period


def _time(period: Period | None) -> list[str]:
    """The period in the clock of this place, which needs no zone."""
    if period is None:
        return []
    ends = (end and end.astimezone().replace(tzinfo=None) for end in period)
    return ["~".join(end.isoformat(timespec="minutes") if end else "" for end in ends)]


def _last(said: Sequence[str]) -> str:
    return said[-1] if said else ""
