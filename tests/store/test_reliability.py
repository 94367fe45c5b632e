"""Reliability as the database counts it, beside the same of every row."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from reinspect.metrics import bins_of, ece, ece_of, reliability_diagram, right
from reinspect.store import Store
from reinspect.store.reliability import STEPS
from reinspect.vocabulary import Verdict
from support.made_store import made_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made_store(str(tmp_path / "reinspect.db"), tmp_path, 400)
    with Store.open(tmp_path / "reinspect.db") as opened:
        yield opened


@pytest.mark.parametrize("runs", [(1,), (2, 3), (1, 2, 3, 4), (9,)], ids=str)
def test_counts_are_those_of_the_rows(store: Store, runs: tuple[int, ...]) -> None:
    for key in (1, 2, 3, 150):
        store.browse.review(key, Verdict.of(float(key % 2)), reviewer="Ann")
    rows = store.statistics.known(runs, share=0.3)
    groups = store.statistics.similar(runs, share=0.3)
    assert sum(group.images for group in groups) == len(rows)
    for name, mine, theirs in (
        ("twice", lambda g: g.twice, lambda r: r.rounds > 0),
        ("reviewed", lambda g: g.reviewed, lambda r: r.reviewed),
        ("audited", lambda g: g.audited, lambda r: r.audited),
        ("known", lambda g: g.truth is not None, lambda r: r.truth is not None),
        ("escapes", lambda g: (g.outcome, g.truth) == ("PASS", "anomalous"),
         lambda r: (r.disposition, r.truth) == ("PASS", "anomalous")),
    ):  # fmt: skip
        counted = sum(group.images for group in groups if mine(group))
        assert counted == sum(1 for row in rows if theirs(row)), name
    known = [row for row in rows if row.truth is not None and row.probability is not None]
    p = np.array([row.probability for row in known])
    truth = np.array([row.truth == "anomalous" for row in known], bool)
    mine = [group for group in groups if group.truth is not None and group.bin is not None]
    bins = bins_of(
        [group.bin for group in mine],
        [group.images for group in mine],
        [group.confidence for group in mine],
        [group.images * (group.label == group.truth) for group in mine],
    )
    expected = reliability_diagram(p, truth)
    assert [one.n for one in bins] == [one.n for one in expected]
    assert ece_of(bins) == pytest.approx(ece(p, truth))
    steps = store.statistics.reliability(runs)
    wrong = ~right(p, truth)
    assert sum(step.images for step in steps) == len(known)
    assert sum(step.wrong for step in steps) == wrong.sum()
    lowest = [row.reliability for row in known if row.reliability is not None]
    assert [s.reliability for s in steps] == sorted({int(r * STEPS) / STEPS for r in lowest})


def test_of_a_part_that_several_runs_saw_one_counts(store: Store) -> None:
    with store._engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE inspections SET sha256 = 'one' WHERE id IN (1, 150, 151)"
        )
    groups = store.statistics.similar((1, 2))
    assert sum(group.images for group in groups if group.newest) == 198
    assert sum(group.images for group in store.statistics.similar((1,)) if group.newest) == 100
