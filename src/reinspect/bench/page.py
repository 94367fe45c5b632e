"""The bench as one HTML page that needs nothing but a browser."""

from collections.abc import Mapping
from typing import NamedTuple

from reinspect.bench.paired import FIGURES, Change, Changes
from reinspect.bench.side_by_side import SideBySide
from reinspect.bench.table import in_words, spent
from reinspect.export.pages import templates

WIDTH = 220
"""Of an interval's plot, in its own units."""

COLUMNS = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced",
    "auroc": "AUROC",
    "f1_type": "F1 type",
    "f1_loc_30": "F1 loc@0.3",
    "f1_loc_50": "F1 loc@0.5",
    "mask_iou": "mask IoU",
    "ece": "ECE",
    "escape_rate": "escape",
    "overkill_rate": "overkill",
    "review_rate": "review",
}


class Bar(NamedTuple):
    """An interval on a line, in plot units; zero is in the middle."""

    low: float
    high: float
    at: float


def page(found: SideBySide) -> str:
    """The page; what comes from files is text on it, never markup."""
    environment = templates("reinspect.bench", figure=_figure, change=in_words, plus=_bar)
    base = found.contestants[0]
    changed = {f"{one.name}: final look less first": one.gains for one in found.contestants}
    changed |= {f"{name} less {base.name}": own for name, own in found.differences.items()}
    return environment.get_template("bench.html.j2").render(
        found=found,
        columns=COLUMNS,
        figures=FIGURES,
        width=WIDTH,
        changed={title: _scopes(changes) for title, changes in changed.items()},
        scopes=[
            *(("categories", name) for name in base.categories),
            *(("scenarios", name) for name in base.scenarios),
        ],
        spent=spent,
    )


def _scopes(changes: Changes) -> dict[str, Mapping[str, Change]]:
    return {
        "overall": changes.overall,
        **{f"{name} (scenario)": own for name, own in changes.scenarios.items()},
        **changes.categories,
    }


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _bar(change: Change) -> Bar | None:
    """Differences of up to ± 0.2 fit; what is beyond ends at the border."""
    if change.difference is None or change.interval is None:
        return None

    def place(value: float) -> float:
        return round(WIDTH * (0.5 + max(-0.5, min(0.5, value * 2.5))), 1)

    low, high = change.interval
    return Bar(place(low), place(high), place(change.difference))
