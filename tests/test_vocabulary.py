import pytest
from pydantic import ValidationError

from reinspect.vocabulary import (
    Box,
    Label,
    Region,
    Sample,
    Verdict,
    View,
)

SAMPLE = Sample(id="a.png", views=(View(path="a.png", sha256="0" * 64),))


@pytest.mark.parametrize(
    ("box", "valid"),
    [
        pytest.param((0, 0, 1, 1), True, id="whole"),
        pytest.param((0.2, 0.2, 0.2, 0.4), False, id="empty"),
        pytest.param((0.4, 0.2, 0.2, 0.4), False, id="swapped"),
        pytest.param((-0.1, 0, 1, 1), False, id="outside"),
        pytest.param((0, 0, float("nan"), 1), False, id="nan"),
    ],
)
def test_a_box_is_normalised_and_not_empty(box: tuple[float, ...], valid: bool) -> None:
    if valid:
        assert Region(box=Box(*box)).box == box
    else:
        with pytest.raises(ValidationError):
            Region(box=Box(*box))


@pytest.mark.parametrize(
    ("probability", "label", "confidence"),
    [
        pytest.param(0.5, Label.ANOMALOUS, 0.5, id="at the border"),
        pytest.param(0.2, Label.NORMAL, 0.8, id="normal"),
        pytest.param(1.0, Label.ANOMALOUS, 1.0, id="certain"),
    ],
)
def test_a_label_follows_its_probability(probability: float, label: Label, confidence: float):
    verdict = Verdict.of(probability)
    assert verdict.label is label
    assert verdict.confidence == pytest.approx(confidence)


def test_a_label_against_its_probability_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"'normal' contradicts probability 0\.9"):
        Verdict(label=Label.NORMAL, probability=0.9)


def test_values_are_frozen_and_strict() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        SAMPLE.id = "b"
    with pytest.raises(ValidationError, match="extra"):
        Verdict(label=Label.NORMAL, probability=0.1, sure=True)  # type: ignore[call-arg]
