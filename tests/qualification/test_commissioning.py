"""What is asked, and what is learned from the answers: by a network that sees mean colours."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from reinspect.images import read_image
from reinspect.qualification import commissioning as made
from reinspect.qualification.answers import Answered, PartAnswer
from reinspect.qualification.commissioning import (
    Commissioning,
    CommissioningError,
    moved_threshold,
)
from reinspect.tools.features.calibration import THRESHOLD
from reinspect.tools.features.pose import PartPose

GOOD, DEFECTIVE, SKIP = PartAnswer


class Colours:
    """Describes pictures by the mean of each of 4 × 4 cells, and counts how often."""

    key, channels, side = "colours", (3,), 32.0

    def __init__(self) -> None:
        self.described = 0

    def describe(
        self, image: NDArray[np.uint8], *, side: float | None = None
    ) -> NDArray[np.float32]:
        self.described += 1
        return np.asarray(cv2.resize(image, (4, 4), interpolation=cv2.INTER_AREA), np.float32)


def put(folder: Path, name: str, spot: int, seed: int) -> tuple[str, str]:
    """A grey part with some noise and one spot that much darker."""
    image = 120 + np.random.default_rng(seed).normal(0, 12, (16, 16, 3))
    image[4:8, 4:8] -= spot
    file = folder / f"{name}.png"
    cv2.imwrite(str(file), image.clip(0, 255).astype(np.uint8))
    return name, str(file)


@pytest.fixture
def golden(tmp_path: Path) -> dict[str, str]:
    return dict(put(tmp_path, f"reference{n}", 0, n) for n in range(4))


@pytest.fixture
def parts(tmp_path: Path) -> dict[str, str]:
    """Three that are spotless, two with a harmless spot, two with a bad one."""
    spots = {"a": 0, "b": 0, "c": 0, "mild1": 30, "mild2": 32, "bad1": 90, "bad2": 100}
    return dict(put(tmp_path, name, spot, 9 + n) for n, (name, spot) in enumerate(spots.items()))


def answered(number: int = 1, **words: PartAnswer) -> dict[str, Answered]:
    when = datetime(2026, 1, 1, tzinfo=UTC)
    return {
        sha256: Answered(
            sha256=sha256, path=sha256, answer=word, who="ada", when=when, round=number
        )
        for sha256, word in words.items()
    }


def test_the_strangest_come_first_and_answers_are_learned(
    golden: dict[str, str], parts: dict[str, str]
) -> None:
    network = Colours()
    opened = Commissioning(golden, parts, network, pose=PartPose.FIXED)
    before = opened.learn({}, parts)
    asked = opened.questions(before, {}, 4)
    assert [one.sha256 for one in asked] == ["bad2", "bad1", "mild2", "mild1"]
    assert [one.probability for one in asked] == sorted(
        (one.probability for one in asked), reverse=True
    )
    standing = answered(bad1=DEFECTIVE, bad2=DEFECTIVE, mild2=GOOD)
    after = opened.learn(standing, parts)
    assert before.calls("mild1")
    assert not after.calls("mild1")
    assert after.calls("bad1")
    gain = opened.gain(before, after, standing, 1)
    assert (gain.good, gain.defective, gain.settled, gain.expected) == (1, 2, 3, 2)
    assert (gain.right_at_first, gain.right, gain.changed) == (2, 2, 1)  # mild2 left out
    assert not gain.hardly_helps
    assert network.described == len(golden) + len(parts)


def test_nothing_is_learned_without_an_answer(
    golden: dict[str, str], parts: dict[str, str]
) -> None:
    opened = Commissioning(golden, parts, Colours(), pose=PartPose.FIXED)
    before, after = opened.learn({}, parts), opened.learn(answered(mild2=SKIP), parts)
    assert after.z == before.z
    assert after.threshold == THRESHOLD
    assert "mild2" not in [one.sha256 for one in opened.questions(after, answered(mild2=SKIP), 9)]


def test_a_part_that_is_gone_is_learned_from_its_copy(
    golden: dict[str, str], parts: dict[str, str]
) -> None:
    rest = {name: path for name, path in parts.items() if name != "mild2"}
    opened = Commissioning(golden, rest, Colours(), pose=PartPose.FIXED)
    standing = answered(mild2=GOOD)
    assert not opened.learn(standing, {"mild2": parts["mild2"]}).calls("mild1")
    assert opened.learn(standing, {}).calls("mild1")  # no copy either


def test_a_reference_is_not_asked_about(golden: dict[str, str], parts: dict[str, str]) -> None:
    opened = Commissioning(golden, {**golden, **parts}, Colours(), pose=PartPose.FIXED)
    assert {one.sha256 for one in opened.questions(opened.learn({}, {}), {}, 99)} == {*parts}


@pytest.mark.parametrize(
    ("without", "said"),
    [
        pytest.param("references", "there are no references", id="references"),
        pytest.param("parts", "no parts to ask about", id="parts"),
    ],
)
def test_nothing_to_begin_with(
    golden: dict[str, str], parts: dict[str, str], without: str, said: str
) -> None:
    given = {"references": golden, "parts": parts, without: {}}
    with pytest.raises(CommissioningError, match=said):
        Commissioning(given["references"], given["parts"], Colours())


def test_a_part_that_cannot_be_read_is_passed_over(
    golden: dict[str, str], parts: dict[str, str], tmp_path: Path
) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    opened = Commissioning(golden, {"broken": str(broken), **parts}, Colours())
    (said,) = opened.unreadable
    assert "broken.png" in said
    assert {*opened.learn({}, {}).z} == {*parts}


@pytest.mark.parametrize(
    ("good", "defective", "low", "high"),
    [
        pytest.param([], [], THRESHOLD, THRESHOLD, id="nothing"),
        pytest.param([5.0, 6.0], [], THRESHOLD, THRESHOLD, id="all-good"),
        pytest.param([], [1.0], THRESHOLD, THRESHOLD, id="all-defective"),
        pytest.param([0.1] * 8, [0.9], 1.2, 1.7, id="one-low-defect-moves-it-a-little"),
        pytest.param([0.1] * 30, [0.9] * 30, 0.4, 0.9, id="many-between-them"),
        pytest.param([3.0] * 30, [5.0] * 30, 3.2, 4.2, id="many-higher"),
    ],
)
def test_the_threshold_moves_smoothly(
    good: Sequence[float], defective: Sequence[float], low: float, high: float
) -> None:
    assert low <= moved_threshold(good, defective) <= high


def test_a_moved_threshold_is_where_parts_are_called_defective(
    golden: dict[str, str], parts: dict[str, str]
) -> None:
    network = Colours()
    fit = Commissioning(golden, parts, network, pose=PartPose.FIXED).learn({}, parts).fit
    image = read_image(parts["mild1"])
    usual = fit.look(image, network)
    moved = fit.moved(usual.z).look(image, network)
    assert usual.probability > moved.probability == pytest.approx(0.5)
    assert (moved.threshold, moved.signals["margin"]) == (usual.z, 0)


def test_answers_that_were_foreseen_hardly_help() -> None:
    gain = made.RoundGain(
        round=2, answers=10, good=6, defective=4, expected=5, settled=5, right_at_first=8,
        right=9, changed=1, unasked=30, threshold=1.7,
    )  # fmt: skip
    assert gain.hardly_helps
    assert not gain.model_copy(update={"expected": 4}).hardly_helps
    assert not gain.model_copy(update={"changed": 3}).hardly_helps
