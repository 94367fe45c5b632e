"""The one reader of stored runs: what is known of each inspection, and why others are left out."""

from pathlib import Path

import pytest

from reinspect.policies.case import Occasion
from reinspect.store import Store
from reinspect.training.known import KnownInspection, LeftOut, known_inspections
from support.made_runs import BENT, put_parts, put_picture, put_run, spoil, traced


def test_truth_looks_and_picture_are_known(tmp_path: Path) -> None:
    with Store.open(tmp_path / "reinspect.db") as store:
        put_parts(store, tmp_path / "parts", count=2)
        good, bent = known_inspections(store, store.run("monday"))
    assert isinstance(good, KnownInspection)
    assert isinstance(bent, KnownInspection)
    assert (good.image, good.category, good.second_look) == ("000.png", "bolt", "asked")
    assert (bent.truth, bent.second_look) == (BENT, None)
    assert bent.path == tmp_path / "parts" / "001.png"
    case = bent.case(prefix=True)
    assert (case.id, case.group, case.truth) == ("monday/001.png", "bolt", True)
    assert (case.occasion, case.sha256) == (Occasion.ASKED, bent.sha256)


@pytest.mark.parametrize("labelled", [False, True])
def test_what_has_no_truth_is_left_out_where_truth_is_asked_for(
    tmp_path: Path, *, labelled: bool
) -> None:
    path = put_picture(tmp_path / "0.png", 0)
    with Store.open(tmp_path / "reinspect.db") as store:
        put_run(store, "monday", [traced(path, "0.png")], {})
        (found,) = known_inspections(store, store.run("monday"), labelled=labelled)
    assert isinstance(found, LeftOut) == labelled
    if isinstance(found, LeftOut):
        assert found == LeftOut("0.png", "no truth is known")


def test_a_trace_of_another_version_is_left_out_and_the_rest_is_read(tmp_path: Path) -> None:
    with Store.open(tmp_path / "reinspect.db") as store:
        put_parts(store, tmp_path / "parts", count=6)
        spoil(tmp_path / "reinspect.db")
        found = list(known_inspections(store, store.run("monday")))
    (left_out,) = (one for one in found if isinstance(one, LeftOut))
    assert (left_out.image, left_out.unreadable) == ("003.png", True)
    assert left_out.why.startswith("its trace, made by version 0.1.0, can't be read any more")
    assert len(found) == 6
