"""A picture that is not of the learned scene is not judged: REVIEW, with its own reason."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from reinspect import inspect_image
from reinspect.trace import Trace
from reinspect.vocabulary import Outcome
from support.plates import plate, put_plates

Changed = Callable[[np.ndarray], np.ndarray]


def moved(right: int, down: int) -> Changed:
    def change(image: np.ndarray) -> np.ndarray:
        matrix = np.array([[1, 0, right], [0, 1, down]], np.float32)
        size = (image.shape[1], image.shape[0])
        return cv2.warpAffine(image, matrix, size, borderMode=cv2.BORDER_REFLECT_101)

    return change


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return put_plates(tmp_path_factory.mktemp("plates") / "good", range(6))


@pytest.fixture
def inspected(good: Path, fits: Path, tmp_path: Path) -> Callable[[np.ndarray], Trace]:
    def inspect(picture: np.ndarray) -> Trace:
        cv2.imwrite(str(tmp_path / "part.png"), picture)
        trace = inspect_image(tmp_path / "part.png", references=good, cache=fits)
        assert trace.error is None
        return trace

    return inspect


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param(lambda it: np.ascontiguousarray(np.rot90(it)), "setup: ", id="turned"),
        pytest.param(lambda it: cv2.resize(it, (120, 120)), "another shape", id="squashed"),
        pytest.param(lambda it: (it * 0.15).astype(np.uint8), "too dark", id="dark"),
    ],
)
def test_what_is_amiss_is_the_reason(
    change: Changed, reason: str, inspected: Callable[[np.ndarray], Trace]
) -> None:
    trace = inspected(change(plate(40)))
    assert trace.verdict is None
    assert trace.disposition is not None
    assert trace.disposition.outcome is Outcome.REVIEW
    assert trace.disposition.reason.startswith("setup: ")
    assert reason in trace.disposition.reason
    assert any(name.startswith("setup_") for name in trace.evidence[0].measurements)


@pytest.mark.parametrize("spot", [0, 24], ids=["sound", "damaged"])
def test_damage_is_no_matter_of_the_set_up(
    spot: int, inspected: Callable[[np.ndarray], Trace]
) -> None:
    trace = inspected(plate(41, spot=spot) if spot else plate(41))
    assert trace.verdict is not None


def test_a_small_shift_is_judged_all_the_same(
    inspected: Callable[[np.ndarray], Trace],
) -> None:
    trace = inspected(moved(2, 1)(plate(42)))
    assert trace.verdict is not None
