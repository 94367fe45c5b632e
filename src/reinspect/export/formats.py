"""The formats of an export, by name; and the results in a run's folder."""

from enum import StrEnum
from pathlib import Path

from reinspect.export.coco import write_coco
from reinspect.export.failures import FAILURES, write_failures
from reinspect.export.judgements import write_judgements
from reinspect.export.label_studio import write_label_studio
from reinspect.export.report import write_report
from reinspect.export.selection import Selection
from reinspect.export.tables import write_csv, write_jsonl, write_parquet
from reinspect.store import Filter, Store


class Format(StrEnum):
    """What `export` can write."""

    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"
    COCO = "coco"
    LABEL_STUDIO = "label-studio"
    JUDGEMENTS = "judgements"

    @property
    def suffix(self) -> str:
        """Of a file of this format."""
        if self is Format.JUDGEMENTS:
            return ".judgements.jsonl"
        return f".{self.value}.json" if self in _JSON else f".{self.value}"


_JSON = {Format.COCO, Format.LABEL_STUDIO}
_WRITERS = {
    Format.JSONL: write_jsonl,
    Format.CSV: write_csv,
    Format.PARQUET: write_parquet,
    Format.COCO: write_coco,
    Format.LABEL_STUDIO: write_label_studio,
    Format.JUDGEMENTS: write_judgements,
}


def export(
    store: Store,
    run_id: int,
    format: Format,  # noqa: A002 - its name
    out: Path,
    wanted: Filter | None = None,
) -> None:
    """Write a run to the file `out`, whole or not at all, a few hundred rows in memory at a time.

    Reviewed images are marked as such; where a format has one verdict an image, it is theirs.

    Args:
        store: that has the run.
        run_id: of the run.
        format: what to write.
        out: the file.
        wanted: which of the run's inspections; all by default.

    Raises:
        WriteError: the file can't be written.
        ExportError: a package for it is not installed.
        StoreError: the store can't be read.
    """
    _WRITERS[Format(format)](Selection.of(store, run_id, wanted), out)


def write_run_folder(store: Store, run_id: int, folder: Path) -> None:
    """Write `results.jsonl`, `results.csv`, `failures.csv` and `report.html` into a run's folder.

    Raises:
        WriteError: a file can't be written.
        StoreError: the store can't be read.
    """
    every = Selection.of(store, run_id)
    write_jsonl(every, folder / "results.jsonl")
    write_csv(every, folder / "results.csv")
    write_failures(store, run_id, folder / FAILURES)
    write_report(store, run_id, folder / "report.html", pictures=folder)
