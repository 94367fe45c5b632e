"""What the words of a table say of a part, by the column that they stand in."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from reinspect.dataset import discover, truth_of, understood
from support.command_line import invoke, said


def tabled(folder: Path, columns: str, *words: str) -> Path:
    rows = [f"path,{columns},split"]
    for number, word in enumerate(words):
        cv2.imwrite(str(folder / f"{number}.png"), np.full((4, 4, 3), 90, np.uint8))
        rows.append(f"{number}.png,{word},test")
    (folder / "labels.csv").write_text("\n".join(rows), encoding="utf-8")
    return folder


GOOD, BAD = "good", "defect"


@pytest.mark.parametrize(
    ("columns", "words", "meant"),
    [
        pytest.param("label", ("ok", "scratch", "NG"), (GOOD, "scratch", BAD), id="words"),
        pytest.param("label", ("0", "1", ""), (GOOD, BAD, None), id="numbers"),
        pytest.param("label", ("0.0", "1.0", "nan"), (GOOD, BAD, None), id="numbers-with-holes"),
        pytest.param("class", ("false", "true", "-"), (GOOD, BAD, None), id="truths"),
        pytest.param("label", ("ok", "n", "y"), (GOOD, "n", "y"), id="letters-as-kinds"),
        pytest.param("defective", ("no", "YES", ""), (GOOD, BAD, None), id="is-defective"),
        pytest.param("Is Anomaly", ("0", "1", "1.0"), (GOOD, BAD, BAD), id="is-anomaly"),
        pytest.param("is_ok", ("yes", "no", "1"), (GOOD, BAD, GOOD), id="is-ok"),
        pytest.param("passed", ("t", "F", "true"), (GOOD, BAD, GOOD), id="passed"),
        pytest.param("defect", ("none", "dent", "no"), (GOOD, "dent", GOOD), id="kinds"),
        pytest.param("ok", ("OK", "NG", "ok"), (GOOD, BAD, GOOD), id="words-under-ok"),
        pytest.param(
            "class,defective",
            ("screw,0", "screw,1", "screw,"),
            (GOOD, "screw", None),
            id="the-answer-counts",
        ),
        pytest.param(
            "label,defective", ("good,0", "dent,1", "1,1"), (GOOD, "dent", BAD), id="kind-beside"
        ),
        pytest.param(
            "anomaly,label", ("0.2,ok", "0.9,dent", "1,ok"), (GOOD, "dent", GOOD), id="a-score"
        ),
    ],
)
def test_a_word_means_what_its_column_asks(
    columns: str, words: tuple[str, ...], meant: tuple[str | None, ...], tmp_path: Path
) -> None:
    items = discover([tabled(tmp_path, columns, *words)], unsplit=True)
    truths = {item.id: truth_of(item) for item in items}
    found = [
        None if truth is None else next(iter(truth.types), GOOD)
        for _, truth in sorted(truths.items())
    ]
    assert found == list(meant)


@pytest.mark.parametrize(
    ("column", "words", "value"),
    [
        pytest.param("label", ("yes", "no"), "'no'", id="yes-no"),
        pytest.param("label", ("No", "dent"), "'No'", id="no-and-kinds"),
        pytest.param("target", ("-1", "1"), "'-1'", id="minus-one"),
        pytest.param("target", ("-1.0", "1.0"), "'-1.0'", id="minus-one-point"),
        pytest.param("class", ("n", "y"), "'n'", id="letters"),
        pytest.param("anomaly", ("-1", "1"), "'-1'", id="minus-one-of-anomaly"),
    ],
)
def test_a_word_that_may_mean_either_is_refused(
    column: str, words: tuple[str, ...], value: str, tmp_path: Path
) -> None:
    line = said(invoke("dataset", tabled(tmp_path, column, *words)))
    assert f"labels.csv: {column} {value} may mean good or defective: write good" in line


def test_a_column_of_scores_is_no_label(tmp_path: Path) -> None:
    items = list(discover([tabled(tmp_path, "anomaly", "0.2", "1.7")], unsplit=True))
    assert len(items) == 2
    assert not list(understood(items))


def test_a_table_of_labels_goes_before_one_with_a_column_ok(tmp_path: Path) -> None:
    tabled(tmp_path, "label", "good", "dent")
    (tmp_path / "shift.csv").write_text("path,ok\n0.png,1\n", encoding="utf-8")
    items = discover([tmp_path], unsplit=True)
    assert "csv (labels.csv)" in " ".join(understood(items))
