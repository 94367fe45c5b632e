"""The bench's report on a terminal: a digest of `training.bench`."""

from collections.abc import Mapping

from rich import box
from rich.table import Table
from rich.text import Text

from reinspect.metrics import Ledger
from reinspect.training.bench import BenchReport, CategoryReport, Figures


def table(report: BenchReport) -> Table:
    """The report for a terminal of 80 columns or more; without colour it loses nothing.

    A row a category, with one line for each look, and the overall row, which shows the control,
    too. The ledger reads "+fixed −broken, of those looked at twice".
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
    shown.add_section()
    overall = report.overall
    control = {"control": overall.control} if overall.control else {}
    looks = {"first": overall.first, **control, "final": overall.final}
    shown.add_row(*_cells("overall", looks, overall.ledger), style="bold")
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


def _cells(name: str, looks: Mapping[str, Figures], ledger: Ledger) -> list[Text]:
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
        parts.append(f"{overall.errors} of {overall.final.n} images with an error")
    return ", ".join(parts)
