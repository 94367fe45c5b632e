"""Made-up runs in a store: of pictures that exist, with truth, and what was reviewed."""

import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from reinspect.images import sha256_of
from reinspect.pictures import write_image
from reinspect.store import RunInfo, Store
from reinspect.trace import Trace
from reinspect.vocabulary import Box, Label, Outcome, Truth
from support.made_traces import corrected, judged

GOOD = Truth(label=Label.NORMAL)
BENT = Truth(label=Label.ANOMALOUS, types=("bent",), boxes=(Box(0.1, 0.2, 0.3, 0.4),))


def put_picture(path: Path, seed: int) -> Path:
    """A small picture whose content depends on the seed alone."""
    pixels = np.random.default_rng(seed).integers(0, 255, (16, 16, 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_image(path, pixels)
    return path


def traced(path: Path, image: str, *, wrong: bool = False, category: str | None = "bolt") -> Trace:
    """A trace of a file: looked at twice and corrected, or accepted at the first look."""
    made = corrected(image) if wrong else judged(image, 0.9, Outcome.FAIL)
    view = made.sample.visual.model_copy(update={"path": str(path), "sha256": sha256_of(path)})
    sample = made.sample.model_copy(update={"views": (view,), "category": category})
    return made.model_copy(update={"sample": sample})


def put_run(
    store: Store,
    name: str,
    traces: Sequence[Trace],
    truths: Mapping[str, Truth],
    *,
    recipe: str = "",
    explored: bool = False,
) -> int:
    """A finished run in the store."""
    made = {"reinspect": "0.1.0"}
    run = store.begin_run(RunInfo(name=name, recipe=recipe, versions=made, explored=explored))
    with store.writer(run) as writer:
        for trace in traces:
            writer(trace)
    store.write_truth(run, truths)
    return run


def put_parts(
    store: Store,
    folder: Path,
    *,
    count: int = 6,
    name: str = "monday",
    first: int = 0,
    explored: bool = False,
) -> int:
    """A run of so many parts, every other one bent, the rest good and wrongly flagged at first."""
    traces, truths = [], {}
    for number in range(first, first + count):
        image = f"{number:03}.png"
        path = put_picture(folder / image, number)
        good = number % 2 == 0
        traces.append(traced(path, image, wrong=good))
        truths[image] = GOOD if good else BENT
    return put_run(store, name, traces, truths, explored=explored)


def spoil(database: Path, inspection: int = 4) -> None:
    """Make an inspection's trace one that another version might have written."""
    with sqlite3.connect(database) as opened:
        opened.execute(
            'update steps set products = \'[{"kind": "verdict", "mood": 1}]\' '
            "where node = 'detect' and inspection_id = ?",
            (inspection,),
        )
    opened.close()
