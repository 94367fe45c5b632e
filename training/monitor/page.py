"""The monitor's report as text, and as one HTML page that needs nothing but a browser."""

from typing import NamedTuple

from rich import box
from rich.table import Table

from reinspect.export.pages import templates
from reinspect.metrics import Bin, Interval, LedgerCounts
from reinspect.training.monitor.report import Method, MethodFigures, Report

SIDE = 260
"""Width and height of a plot's inner square, in its own units."""

_NAMES: dict[Method, str] = {"first": "first look", "blend": "blend", "fitted": "fitted"}
_COLUMNS = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced",
    "auroc": "AUROC",
    "ece": "ECE",
    "aurc": "AURC",
    "accuracy_at_80_coverage": "acc.@80%",
}


class Series(NamedTuple):
    """One line of a plot: its name for the style sheet, its caption, its points in plot units."""

    who: Method
    caption: str
    points: tuple[tuple[float, float], ...]

    @property
    def path(self) -> str:
        """The `points` of a polyline."""
        return " ".join(f"{x:.1f},{y:.1f}" for x, y in self.points)


def tables(report: Report) -> list[Table]:
    """The figures for a terminal."""
    return [_main(report), _ledger(report), *([_groups(report)] if report.groups else [])]


def page(report: Report) -> str:
    """The report as HTML, plots drawn in it."""
    environment = templates("reinspect.training.monitor", figure=_figure, interval=_interval)
    top = max((risk for curve in report.curves.values() for _, risk in curve), default=0.0) or 1.0
    return environment.get_template("report.html.j2").render(
        report=report,
        names=_NAMES,
        columns=_COLUMNS,
        side=SIDE,
        top=top,
        diagram=[Series(w, _NAMES[w], _diagram(bins)) for w, bins in report.diagrams.items()],
        curves=[
            Series(w, _NAMES[w], tuple((x * SIDE, SIDE * (1 - y / top)) for x, y in curve))
            for w, curve in report.curves.items()
        ],
        directions={
            "normal at first": report.ledger.by_direction.normal_to_anomalous,
            "anomalous at first": report.ledger.by_direction.anomalous_to_normal,
        },
    )


def _diagram(bins: tuple[Bin, ...]) -> tuple[tuple[float, float], ...]:
    """Confidence [0.5, 1] to the right, share right [0, 1] upwards."""
    return tuple(
        ((bar.confidence - 0.5) * 2 * SIDE, SIDE * (1 - bar.right))
        for bar in bins
        if bar.confidence is not None and bar.right is not None
    )


def _main(report: Report) -> Table:
    table = Table("", *_COLUMNS.values(), box=box.SIMPLE, title=report.how, title_justify="left")
    for who, name in _NAMES.items():
        figures: MethodFigures = getattr(report, who)
        spread = {"ece": report.intervals[who].ece, "aurc": report.intervals[who].aurc}
        cells = [
            _figure(getattr(figures, column)) + _interval(spread.get(column)) for column in _COLUMNS
        ]
        table.add_row(name, *cells)
    return table


def _ledger(report: Report) -> Table:
    title = "looked at twice, by what the first look said"
    table = Table(
        "", "parts", "fixed", "broken", "wrong twice", "right twice", box=box.SIMPLE, title=title
    )
    directions = report.ledger.by_direction
    rows: dict[str, LedgerCounts] = {
        "normal at first": directions.normal_to_anomalous,
        "anomalous at first": directions.anomalous_to_normal,
        "all": report.ledger,
    }
    for name, tally in rows.items():
        counts = (tally.revisited, tally.fixed, tally.broken)
        rest = (tally.unchanged_wrong, tally.unchanged_right)
        table.add_row(name, *map(str, (*counts, *rest)))
    return table


def _groups(report: Report) -> Table:
    heads = ("group", "parts", "first", "blend", "fitted", "ECE", "AURC", "fixed : broken")
    table = Table(*heads, box=box.SIMPLE, title="accuracy by group; ECE and AURC of the fitted")
    for name, group in report.groups.items():
        table.add_row(
            name,
            str(group.n),
            *(_figure(f.accuracy) for f in (group.first, group.blend, group.fitted)),
            _figure(group.fitted.ece),
            _figure(group.fitted.aurc),
            f"{group.ledger.fixed} : {group.ledger.broken}",
        )
    return table


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _interval(interval: Interval | None) -> str:
    return "" if interval is None else f" ({interval.low:.3f}–{interval.high:.3f})"
