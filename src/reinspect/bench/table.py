"""The bench's report on a terminal: a digest of `training.bench` and `training.side_by_side`."""

from collections.abc import Iterator, Mapping

from rich import box
from rich.table import Table
from rich.text import Text

from reinspect.bench.paired import FIGURES, Change
from reinspect.bench.protocol import BenchReport, CategoryReport, LookFigures
from reinspect.bench.side_by_side import Contestant, SideBySide
from reinspect.metrics import Ledger


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
    """A row a category, scenario, and overall, with a line a contestant: first → final."""
    shown = _empty(
        "first → final; ledger: +fixed −broken, of those looked at twice", "category", "contestant"
    )
    for heading in (*_PAIRED, "re-\nview", "ledger"):
        shown.add_column(heading, justify="right", no_wrap=True)
    one = found.contestants[0]
    scopes = [*((name, "categories") for name in one.categories)]
    scopes += [(name, "scenarios") for name in one.scenarios]
    for name, what in scopes:
        reports = [getattr(contestant, what)[name] for contestant in found.contestants]
        shown.add_row(*_lines(name, found, reports), end_section=(name, what) == scopes[-1])
    reports = [contestant.overall for contestant in found.contestants]
    shown.add_row(*_lines("overall", found, reports), style="bold")
    return shown


_PAIRED = {
    "bal. acc.": "balanced_accuracy",
    "F1 type": "f1_type",
    "F1 loc@0.3": "f1_loc_30",
    "F1 loc@0.5": "f1_loc_50",
}


def _lines(name: str, found: SideBySide, reports: "list[CategoryReport]") -> list[Text]:
    columns = [
        [name, f"n = {reports[0].final.n}"],
        [contestant.name for contestant in found.contestants],
        *(
            [_arrow(getattr(r.first, key), getattr(r.final, key)) for r in reports]
            for key in _PAIRED.values()
        ),
        [_digits(report.final.review_rate) for report in reports],
        [f"+{r.ledger.fixed} −{r.ledger.broken} / {r.ledger.revisited}" for r in reports],
    ]
    return [Text("\n".join(lines)) for lines in columns]


def _arrow(before: float | None, after: float | None) -> str:
    return "–" if before is None is after else f"{_digits(before)} → {_digits(after)}"


def _differences(found: SideBySide) -> Table:
    base = found.contestants[0].name
    shown = _empty(
        f"overall; 95 % intervals of {found.rounds} draws of {found.images} images", "difference"
    )
    names = [f"{one.name}:\nfinal − first" for one in found.contestants]
    names += [f"{name} − {base}" for name in found.differences]
    for heading in names:
        shown.add_column(heading, justify="right")
    scopes = [one.gains.overall for one in found.contestants]
    scopes += [changes.overall for changes in found.differences.values()]
    for figure, words in FIGURES.items():
        cells = [in_words(scope[figure]) for scope in scopes]
        if any(cell != "–" for cell in cells):
            shown.add_row(words, *cells)
    return shown


def in_words(change: Change) -> str:
    """A difference with its sign, and its interval."""
    if change.difference is None:
        return "–"
    low_high = "" if change.interval is None else " ({:+.3f} … {:+.3f})".format(*change.interval)
    return f"{change.difference:+.3f}{low_high}"


def _costs(found: SideBySide) -> Table:
    """By what the first look said: fixed and broken; and what it took."""
    shown = _empty("", "contestant")
    for heading in ("missed,\nfound late", "good,\nfailed late", "false alarm,\ncleared"):
        shown.add_column(heading, justify="right")
    shown.add_column("defect,\ncleared", justify="right")
    for heading in ("second\nlooks", "seconds", "calls", "tokens", "USD"):
        shown.add_column(heading, justify="right")
    for one in found.contestants:
        shown.add_row(Text(one.name), *map(str, spent(one)))
    return shown


def spent(one: Contestant) -> tuple[object, ...]:
    """Fixed and broken by direction, second looks, seconds, calls, tokens, USD."""
    ways, cost = one.overall.ledger.by_direction, one.cost
    up, down = ways.normal_to_anomalous, ways.anomalous_to_normal
    changed = (up.fixed, up.broken, down.fixed, down.broken)
    usd = "unknown" if cost.usd is None else f"{cost.usd:.4f}"
    return (*changed, cost.second_looks, f"{cost.seconds:.1f}", cost.calls, cost.tokens, usd)


def _empty(caption: str, *columns: str) -> Table:
    shown = Table(
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
        caption=caption,
        caption_justify="left",
    )
    for column in columns:
        shown.add_column(column, overflow="fold")
    return shown


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
        (name, f"n = {looks['final'].n}"),
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
