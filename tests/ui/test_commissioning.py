"""Answers in the console: kept, learned after a round, taken back, the same as at a terminal."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reinspect.qualification.answers import AnswerRecord, PartAnswer
from reinspect.store import Store


def _script(url: str, photos: str, references: str, out: str, reviewer: str | None) -> None:
    from reinspect.ui.app import main
    from reinspect.ui.console import Options

    main(Options(url, None, reviewer, photos, references, out), "commissioning")


@pytest.fixture
def sit(
    sample_parts: Path, tmp_path: Path, store: Store, fits: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Any]:
    """Six parts of the line, two of them good, and three references."""
    import streamlit as st
    from streamlit.testing.v1 import AppTest

    monkeypatch.setenv("REINSPECT_CACHE_DIR", str(fits))
    (tmp_path / "photos").mkdir()
    for number, file in enumerate(sorted((sample_parts / "flange" / "test").glob("*/*.jpg"))):
        kind = "good" if file.parent.name == "good" else "bad"
        shutil.copyfile(file, tmp_path / "photos" / f"{kind}{number}.jpg")
    st.cache_data.clear()
    st.cache_resource.clear()

    def begun(reviewer: str | None = "Ann") -> Any:
        named = {
            "url": str(tmp_path / "reinspect.db"),
            "photos": str(tmp_path / "photos"),
            "references": str(sample_parts / "flange" / "train" / "good"),
            "out": str(tmp_path / "out"),
            "reviewer": reviewer,
        }
        return AppTest.from_function(_script, kwargs=named, default_timeout=60).run()

    return begun


def _button(app: Any, label: str) -> Any:
    return next(button for button in app.button if button.label == label)


def _asked(app: Any) -> str:
    said = "\n".join(element.proto.body for element in app.get("html"))
    return "Good" if 'alt="part good' in said else "Defective"


def test_answers_are_kept_learned_and_taken_back(sit: Callable[..., Any], tmp_path: Path) -> None:
    app = sit()
    assert not app.exception
    for _ in range(6):
        app = _button(app, _asked(app)).click().run()
        assert not app.exception
    assert "Every part has its answer." in app.success[0].value
    (gained,) = (one.value for one in app.dataframe)
    assert gained["answers"].tolist() == [5, 6]
    record = AnswerRecord(tmp_path / "out" / "answers.jsonl")
    answers = [one.answer for one in record.standing.values()]
    assert (answers.count(PartAnswer.GOOD), answers.count(PartAnswer.DEFECTIVE)) == (2, 4)
    assert {one.who for one in record.lines} == {"Ann"}
    assert len(list((tmp_path / "out" / "references").glob("*.jpg"))) == 5
    _button(app, "Undo").click().run()
    assert len(AnswerRecord(tmp_path / "out" / "answers.jsonl").standing) == 5
    assert len(app.dataframe[0].value) == 1


def test_a_reader_does_not_answer(sit: Callable[..., Any]) -> None:
    app = sit(reviewer=None)
    assert "Read-only" in app.info[0].value
    assert all(button.disabled for button in app.button)
