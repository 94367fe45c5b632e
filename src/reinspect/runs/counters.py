"""The sums of a run as a file for other programs: `counters.json` in its folder."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from reinspect.census import Census, as_counters
from reinspect.cost import ModelCost
from reinspect.files import write_file
from reinspect.runs.alarm import Expectation, alarm_of
from reinspect.store import Run, Store
from reinspect.vocabulary import Outcome

COUNTERS = "counters.json"


def write_counters(
    store: Store,
    run_id: int,
    folder: Path,
    expected: Expectation,
    census: Census | None = None,
    unread_masks: Sequence[str] = (),
) -> None:
    """Write the counters of a run that has ended.

    It is the last file of a run's folder: where it is, the others are of the same rows.

    Args:
        store: that the run is in.
        run_id: its key there.
        folder: of the run.
        expected: what was expected of its images.
        census: of the files that it looked at, where somebody has counted.
        unread_masks: what is to be said of masks that can't be read, a line each.

    Raises:
        WriteError: the file can't be written.
        StoreError: the store can't be read.
    """
    counters = counters_of(store, run_id, expected) | {"unread_masks": list(unread_masks)}
    counters |= as_counters(census)
    text = json.dumps(counters, indent=2)
    write_file(folder / COUNTERS, text + "\n")


def counters_of(store: Store, run_id: int, expected: Expectation) -> dict[str, Any]:
    """What `counters.json` says. Seconds are wall time, all sessions of a resumed run together."""
    from reinspect.export import causes  # not before the first verdict

    run, tally = store.run_of(run_id), store.tally(run_id)
    outcomes = {Outcome.PASS: tally.passed, Outcome.FAIL: tally.failed}
    seconds = run.counters.get("wall_seconds", 0.0)
    inspected = run.counters.get("inspected", 0.0)
    cost = ModelCost.of_counters(run.counters) or ModelCost()
    return {
        "run": run.name,
        "status": run.status.value,
        "images": tally.images,
        "dispositions": {outcome.value: count for outcome, count in outcomes.items()}
        | {Outcome.REVIEW.value: tally.review},
        "looked_at_twice": tally.revisited,
        "corrected": tally.corrected,
        "setup_stops": tally.stopped,
        "setup_alarm": alarm_of(store, run_id, expected),
        "failed": tally.errors,
        "failures": causes(store, run_id),
        "seconds": round(seconds, 3),
        "images_per_second": round(inspected / seconds, 3) if seconds else 0.0,
        "calls": cost.calls,
        "tokens": cost.tokens,
        "usd": round(cost.usd, 6),
        "unpriced_calls": cost.unpriced,
        "peak_memory_mb": round(run.counters.get("peak_memory_mb", 0.0), 1),
    }


def of_sessions(
    before: Mapping[str, float], *, inspected: int, seconds: float, peak: float
) -> dict[str, float]:
    """Sums that no row has, of this session and the earlier ones of the run."""
    return {
        "inspected": before.get("inspected", 0.0) + inspected,
        "wall_seconds": before.get("wall_seconds", 0.0) + seconds,
        "peak_memory_mb": max(before.get("peak_memory_mb", 0.0), peak),
    }


def is_whole(run: Run, folder: Path) -> bool:
    """Whether the folder has all files of a run, and these tell of all its rows."""
    return run.finished is not None and (folder / COUNTERS).is_file()
