"""The images of a run that failed: a list with causes, and how often each cause was met."""

import csv
import io
from collections import Counter
from pathlib import Path

from reinspect.files import WriteError, whole_file
from reinspect.images import one_line
from reinspect.store import Filter, Inspected, Store
from reinspect.texts import harmless

FAILURES = "failures.csv"
_LONGEST = 100  # characters of a cause


def write_failures(store: Store, run_id: int, out: Path) -> None:
    """Write image, path, cause and error of each image that failed; without any, there is no file.

    Raises:
        WriteError: the file can't be written, or an old one can't be removed.
        StoreError: the store can't be read.
    """
    failed = store.browse.inspections(Filter(runs=(run_id,), errors=True))
    first = next(failed, None)
    if first is None:
        try:
            out.unlink(missing_ok=True)
        except OSError as error:
            raise WriteError(f"{out}: can't be removed: {error.strerror}") from error
        return
    with whole_file(out) as file:
        text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
        lines = csv.writer(text, lineterminator="\r\n")
        lines.writerow(("image", "path", "cause", "error"))
        for found in (first, *failed):
            cells = (found.row.image, found.path, cause_of(found), found.row.error)
            lines.writerow([harmless(cell) for cell in cells])
        text.detach()


def causes(store: Store, run_id: int) -> dict[str, int]:
    """Cause → failed images of the run, the most frequent first.

    Raises:
        StoreError: the store can't be read.
    """
    failed = store.browse.inspections(Filter(runs=(run_id,), errors=True))
    return dict(Counter(map(cause_of, failed)).most_common())


def cause_of(failed: Inspected) -> str:
    """Why an image failed, without its name and advice, so that equal causes can be counted."""
    error = (failed.row.error or "").replace(f"{one_line(failed.path)}: ", "")
    cause = " ".join(error.partition("; ")[0].split())
    return cause if len(cause) <= _LONGEST else f"{cause[:_LONGEST]}…"
