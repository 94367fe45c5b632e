"""The bench's report on a terminal: a digest of `bench.protocol` and `bench.side_by_side`."""

from collections.abc import Iterator, Mapping

from rich import box
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from reinspect.bench.paired import FIGURES, Change
from reinspect.bench.protocol import BenchReport, CategoryReport, LookFigures
from reinspect.bench.side_by_side import Contestant, SideBySide
from reinspect.metrics import Ledger
from reinspect.texts import visible


def table(report: BenchReport, views: Mapping[str, BenchReport] | None = None) -> Table:
    """The report for a terminal of 80 columns or more; without colour it loses nothing.

    A row a category, with one line for each look, and the overall row, which shows the control,
    too. The ledger reads "+fixed −broken, of those looked at twice".

    Args:
        report: of the parts.
        views: of each view alone, where the parts have several.
    """
    shown = Table(
        box=box.SIMPLE_HEAD,
        padding=0,
        pad_edge=False,
        caption=_caption(report.overall),
        caption_justify="left",
    )
    shown.add_column("category", overflow="fold", min_width=12)
    shown.add_column("look", no_wrap=True)
    for heading in (*_SHOWN, "ledger"):
        shown.add_column(heading, justify="right", no_wrap=True)
    for name, category in report.categories.items():
        looks = {"first": category.first, "final": category.final}
        shown.add_row(*_cells(name, looks, category.ledger))
        for view, alone in (views or {}).items():
            if name in alone.categories:
                own = alone.categories[name]
                seen = {"first": own.first, "final": own.final}
                shown.add_row(*_cells(f"  {view} alone", seen, own.ledger), style="dim")
    shown.add_section()
    overall = report.overall
    control = {"control": overall.control} if overall.control else {}
    looks = {"first": overall.first, **control, "final": overall.final}
    shown.add_row(*_cells("overall", looks, overall.ledger), style="bold")
    return shown


def compared(found: SideBySide) -> Iterator[Table]:
    """Contestants side by side, for a terminal of 80 columns or more."""
    yield _looks(found)
    yield _differences(found)
    yield _costs(found)


def _looks(found: SideBySide) -> Table:
    """A category, a scenario, all: a line a contestant. Figures that nobody has are left out."""
    scopes = [
        (name, [one.categories[name] for one in found.contestants])
        for name in found.contestants[0].categories
    ]
    scopes += [
        (name, [one.scenarios[name] for one in found.contestants])
        for name in found.contestants[0].scenarios
    ]
    scopes.append(("overall", [one.overall for one in found.contestants]))
    every = [report for _, reports in scopes for report in reports]
    told = {
        heading: key
        for heading, key in _PAIRED.items()
        if any(getattr(look, key) is not None for own in every for look in (own.first, own.final))
    }
    shown = _empty("first→final; ledger: +fixed −broken, of those looked at twice", "contestant")
    _numbers(shown, *told, "re-\nview", "ledger")
    for name, reports in scopes:
        style = "bold" if name == "overall" else ""
        title = f"{name}, n = {reports[0].final.n}"
        shown.add_row(Text(visible(title)), style=style)
        for one, report in zip(found.contestants, reports, strict=True):
            ledger = report.ledger
            shown.add_row(
                _indented(one.name),
                *(
                    _arrow(getattr(report.first, key), getattr(report.final, key))
                    for key in told.values()
                ),
                _digits(report.final.review_rate),
                f"+{ledger.fixed} −{ledger.broken} / {ledger.revisited}",
                style=style,
                end_section=one is found.contestants[-1],
            )
    return shown


_PAIRED = {
    "balanced\naccuracy": "balanced_accuracy",
    "F1\ntype": "f1_type",
    "F1 loc\n@0.3": "f1_loc_30",
    "F1 loc\n@0.5": "f1_loc_50",
}


def _arrow(before: float | None, after: float | None) -> str:
    return "–" if before is None is after else f"{_digits(before)}→{_digits(after)}"


def _indented(name: str) -> Padding:
    """A name below a heading; a long one goes on in the next line, as far in."""
    return Padding(Text(visible(name), overflow="fold"), (0, 0, 0, 2))


def _differences(found: SideBySide) -> Table:
    """A figure: a line a difference, with its interval."""
    base = found.contestants[0].name
    shown = _empty(
        f"overall; 95 % intervals of {found.rounds} draws of {found.images} images", "difference"
    )
    _numbers(shown, "", "interval")
    scopes = [(f"{one.name}: final − first", one.gains.overall) for one in found.contestants]
    scopes += [(f"{name} − {base}", own.overall) for name, own in found.differences.items()]
    for figure, words in FIGURES.items():
        known = [(name, own[figure]) for name, own in scopes if own[figure].difference is not None]
        if known:
            shown.add_row(words)
        for place, (name, change) in enumerate(known, start=1):
            difference, _, interval = in_words(change).partition(" ")
            shown.add_row(_indented(name), difference, interval, end_section=place == len(known))
    return shown


def in_words(change: Change) -> str:
    """A difference with its sign, and its interval."""
    if change.difference is None:
        return "–"
    low_high = "" if change.interval is None else " ({:+.3f} … {:+.3f})".format(*change.interval)
    return f"{change.difference:+.3f}{low_high}"


def _costs(found: SideBySide) -> Table:
    """By what the first look said: fixed and broken; and what it took."""
    shown = _empty(
        "found: a defect, late; failed: a good part, late; cleared: a false alarm; lost: a defect",
        "contestant",
    )
    _numbers(shown, "found", "failed", "cleared", "lost", "second\nlooks")
    _numbers(shown, "seconds", "calls", "tokens", "USD")
    for one in found.contestants:
        shown.add_row(Text(visible(one.name)), *map(str, spent(one)))
    return shown


def spent(one: Contestant) -> tuple[object, ...]:
    """Fixed and broken by direction, second looks, seconds, calls, tokens, USD."""
    ways, cost = one.overall.ledger.by_direction, one.cost
    up, down = ways.normal_to_anomalous, ways.anomalous_to_normal
    changed = (up.fixed, up.broken, down.fixed, down.broken)
    usd = "unknown" if cost.usd is None else f"{cost.usd:.4f}"
    return (*changed, cost.second_looks, f"{cost.seconds:.1f}", cost.calls, cost.tokens, usd)


def _empty(caption: str, first: str) -> Table:
    shown = Table(
        box=box.SIMPLE_HEAD,
        padding=0,
        pad_edge=False,
        caption=caption,
        caption_justify="left",
    )
    shown.add_column(first, overflow="fold", min_width=10)
    return shown


def _numbers(shown: Table, *headings: str) -> None:
    """Columns whose cells stay on one line: where there is little room, names go on in the next."""
    for heading in headings:
        shown.add_column(heading, justify="right", no_wrap=True)


_SHOWN = {
    "AUROC": "auroc",
    "bal.\nacc.": "balanced_accuracy",
    "acc.\n@80%": "accuracy_at_80_coverage",
    "F1loc\n@0.3": "f1_loc_30",
    "mask\nIoU": "mask_iou",
    "ECE": "ece",
    "es-\ncape": "escape_rate",
    "over-\nkill": "overkill_rate",
    "re-\nview": "review_rate",
}


def _cells(name: str, looks: Mapping[str, LookFigures], ledger: Ledger) -> list[Text]:
    columns = [
        (visible(name), f"n = {looks['final'].n}"),
        tuple(looks),
        *(tuple(_digits(getattr(look, key)) for look in looks.values()) for key in _SHOWN.values()),
        (f"+{ledger.fixed} −{ledger.broken}", f"of {ledger.revisited}"),
    ]
    return [Text("\n".join(lines)) for lines in columns]


def _digits(value: float | None) -> str:
    """Three decimals without the leading zero; a dash for null."""
    return "–" if value is None else f"{value:.3f}".removeprefix("0")


def _caption(overall: CategoryReport) -> str:
    parts = [f"{overall.seconds:.3f} s an image"]
    if overall.peak_memory is not None:
        parts.append(f"peak memory {overall.peak_memory:.0f} MB")
    if overall.errors:
        parts.append(f"{overall.errors} of {overall.final.n} images failed or were not judged")
    return ", ".join(parts)
