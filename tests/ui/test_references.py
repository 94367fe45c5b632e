"""A cleared false alarm becomes a reference from the console; nothing counts by itself."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reinspect.dataset import NewReference, ReferenceVersions
from reinspect.images import sha256_of
from reinspect.pictures import write_image
from reinspect.store import RunInfo, Store
from reinspect.vocabulary import Outcome, Verdict
from support.made_traces import judged

RECIPE = "detector:\n  kind: support.own_parts:Brightness\ntools: []\n"


@pytest.fixture
def plates(tmp_path: Path, store: Store) -> ReferenceVersions:
    """A set that has judged a run of three grey parts; one that FAILed was called good."""
    plates = ReferenceVersions(tmp_path / "plates")
    files = []
    for number in range(4):
        file = tmp_path / f"part{number}.png"
        write_image(file, np.full((8, 9, 3), 40 + 10 * number, np.uint8))
        files.append(file)
    plates.add([NewReference(str(files[0]), "known")], who="ada")
    run = store.begin_run(
        RunInfo(
            name="monday",
            recipe=RECIPE,
            versions={"references": f"version 1 of {plates.folder.absolute()}"},
        )
    )
    with store.writer(run) as writer:
        for file, p, outcome in zip(
            files[1:], (0.9, 0.8, 0.1), ("FAIL", "FAIL", "PASS"), strict=True
        ):
            trace = judged(file.name, p, Outcome(outcome), path=str(file))
            view = trace.sample.views[0].model_copy(update={"sha256": sha256_of(file)})
            sample = trace.sample.model_copy(update={"views": (view,)})
            writer.write(trace.model_copy(update={"sample": sample}))
    store.browse.review(store.newest(run, "part1.png"), Verdict.of(0.0), reviewer="Ann")
    store.browse.review(store.newest(run, "part2.png"), Verdict.of(1.0), reviewer="Ann")
    return plates


def _button(app: Any, label: str) -> Any:
    return next(button for button in app.button if button.label.startswith(label))


def _text(app: Any) -> str:
    return "\n".join(one.value for kind in (app.markdown, app.caption) for one in kind)


def test_from_a_cleared_false_alarm_to_a_version_that_counts(
    plates: ReferenceVersions, store: Store, show: Callable[..., Any]
) -> None:
    app = show("references", reviewer="Ann")
    assert not app.exception
    versions, candidates = (one.value for one in app.dataframe)
    assert versions["version"].tolist() == [1]
    assert candidates["image"].tolist() == ["part1.png"]
    assert "there is no other" in _text(app)
    app.session_state["candidates-1"] = {"selection": {"rows": [0], "columns": [], "cells": []}}
    app.text_input(key="references_why").input("brushed").run()
    assert any('alt="part1.png' in one.proto.body for one in app.get("html"))  # what is chosen
    _button(app, "Add 1 to a new version").click().run()
    assert not app.exception
    read = ReferenceVersions(plates.folder)
    assert (read.active, read.numbers, read.made(2).who, read.made(2).why) == (
        1, (1, 2), "Ann", "brushed",
    )  # fmt: skip
    assert "there is none" in _text(app)
    _button(app, "Try it").click().run()
    assert not app.exception
    assert "on the 2 parts that were reviewed" in _text(app).replace("\\", "")
    assert ReferenceVersions(plates.folder).active == 1
    _button(app, "Activate version 2").click().run()
    assert ReferenceVersions(plates.folder).active == 2
    _button(app, "Keep them as examples").click().run()
    assert [file.name[:6] for file in plates.defects.rglob("*.png")] == ["part2-"]


def test_a_reader_changes_nothing(plates: ReferenceVersions, show: Callable[..., Any]) -> None:
    app = show("references")
    assert _button(app, "Add").disabled


def test_a_set_that_is_gone_is_left_out(
    plates: ReferenceVersions, show: Callable[..., Any]
) -> None:
    shutil.rmtree(plates.folder)
    app = show("references")
    assert not app.exception
    assert "with versions yet" in app.info[0].value
