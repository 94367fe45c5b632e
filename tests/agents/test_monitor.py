"""RA-Monitor's words and numbers, over a scripted estimator."""

from typing import Any

import pytest

from reinspect.agents.monitor import RAMonitor
from reinspect.policies.qualified import ProductLimits
from reinspect.testing import ScriptedEstimator
from reinspect.trace import Step, Trace
from reinspect.vocabulary import (
    Box,
    Defect,
    Evidence,
    Label,
    Move,
    Region,
    Revision,
    Sample,
    Verdict,
    View,
)

SIZED = Sample(id="a", views=(View(path="a.png", sha256="0" * 64, size=(400, 300)),))
SPOT = Box(0.53, 0.32, 0.565, 0.35)


def trace(first: Verdict, *evidence: Evidence, sample: Sample = SIZED) -> Trace:
    steps = (Step(node="detect", products=(first,)), Step(node="examine", products=evidence))
    return Trace(sample=sample, steps=steps)


def says(probability: float, source: str = "reference") -> Evidence:
    return Evidence(source=source, summary="", probability=probability)


def test_an_assessment_sets_confidence_against_reliability() -> None:
    assessment = RAMonitor(ScriptedEstimator(0.6))(trace(Verdict.of(0.9)))
    assert assessment.divergence == pytest.approx(0.3)
    assert assessment.reasons[0] == (
        "anomalous at p = 0.90: confidence 0.90, reliability 0.60, divergence +0.30"
    )


def test_an_assessment_says_what_the_evidence_says() -> None:
    seen = trace(Verdict.of(0.9), says(0.8, "one"), says(0.2, "other"))
    reasons = RAMonitor(ScriptedEstimator(0.6))(seen).reasons
    assert reasons[1:] == ("one says anomalous (p = 0.80)", "other says normal (p = 0.20)")


def test_the_first_look_is_not_its_own_witness() -> None:
    first = Verdict.of(0.9, evidence=(says(0.9, "map"),))
    assert len(RAMonitor(ScriptedEstimator(0.6))(trace(first)).reasons) == 1


@pytest.mark.parametrize(
    ("first", "witness", "move", "label"),
    [
        pytest.param(0.4, 0.9, Move.CORRECT, Label.ANOMALOUS, id="to anomalous"),
        pytest.param(0.6, 0.1, Move.CORRECT, Label.NORMAL, id="to normal"),
        pytest.param(0.6, 0.9, Move.KEEP, Label.ANOMALOUS, id="kept"),
    ],
)
def test_a_revision_fuses_both_looks(
    first: float, witness: float, move: Move, label: Label
) -> None:
    revision = RAMonitor(ScriptedEstimator()).revise(trace(Verdict.of(first), says(witness)))
    assert (revision.move, revision.after.label) == (move, label)
    assert revision.after.probability == pytest.approx((first + witness) / 2)


def test_a_revision_takes_the_newest_regions_and_keeps_known_types() -> None:
    first = Verdict.of(0.7, defects=(Defect(box=Box(0.5, 0.3, 0.7, 0.4), type="dent"),))
    located = Evidence(source="segmentation", summary="", regions=(Region(box=SPOT, score=3),))
    after = RAMonitor(ScriptedEstimator()).revise(trace(first, located, says(0.9))).after
    assert [(defect.box, defect.type) for defect in after.defects] == [(SPOT, "dent")]


def test_a_normal_verdict_has_no_defects() -> None:
    located = Evidence(source="segmentation", summary="", regions=(Region(box=SPOT),))
    after = RAMonitor(ScriptedEstimator()).revise(trace(Verdict.of(0.2), located)).after
    assert after.defects == ()


def test_an_explanation_says_where_and_what_was_kept() -> None:
    first = Verdict.of(0.8, defects=(Defect(box=SPOT), Defect(box=Box(0, 0, 0.1, 0.1))))
    revision = Revision(move=Move.KEEP, after=first, reflection="")
    seen = trace(first, says(0.9))
    seen = seen.then(Step(node="revise", products=(revision,)))
    explained = RAMonitor(ScriptedEstimator()).explain(seen)
    assert explained.first == "flagged for a spot of 14×9 px at (212, 96) and 1 more (p = 0.80)"
    assert explained.final == (f"{explained.first}; reference says anomalous (p = 0.90); kept")


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        pytest.param(Verdict.of(0.1), "nothing unusual (p = 0.10)", id="normal"),
        pytest.param(Verdict.of(0.9), "flagged as a whole (p = 0.90)", id="no region"),
    ],
)
def test_an_accepted_verdict_is_explained_without_a_second_look(
    verdict: Verdict, words: str
) -> None:
    explained = RAMonitor(ScriptedEstimator()).explain(trace(verdict))
    assert explained.first == words
    assert explained.final == f"{words}; accepted at the first look"


@pytest.mark.parametrize(
    ("verdict", "known", "words"),
    [
        pytest.param(0.1, {"half": 6.2, "nine_of_ten": 24}, "on this product drawn damage is "
            "found: of 6 px in half of the cases, of 24 px in nine of ten cases", id="pass"),
        pytest.param(0.1, {"half": 6.2}, "on this product drawn damage is found: of 6 px in half "
            "of the cases", id="no-nine-of-ten"),
        pytest.param(0.1, {"drawn": False, "found": 3, "tried": 4}, "on this product real damage "
            "was found in 3 of 4 cases", id="no-sizes"),
        pytest.param(0.9, {}, "on this product 1 of 8 good parts are flagged", id="fail"),
        pytest.param(0.9, {"references": 0}, "accepted at the first look", id="nothing-known"),
    ],
)  # fmt: skip
def test_an_explanation_says_what_a_verdict_is_worth_on_the_product(
    verdict: float, known: dict[str, Any], words: str
) -> None:
    bare = {"half": None, "nine_of_ten": None, "found": 0, "tried": 0, "false_calls": 1}
    limits = ProductLimits.model_validate({"drawn": True, "references": 8, **bare, **known})
    monitor = RAMonitor(ScriptedEstimator(), lambda sample: limits)
    said = monitor.explain(trace(Verdict.of(verdict)))
    assert said.final.split("; ")[-1] == words


@pytest.mark.parametrize("rounds", [0, 1])
def test_the_final_words_quote_the_final_place(rounds: int) -> None:
    first = Verdict.of(0.9, defects=(Defect(box=Box(0.1, 0.1, 0.9, 0.9)),))
    exact = Verdict.of(0.8, defects=(Defect(box=SPOT),))
    kept = Revision(move=Move.KEEP, after=exact, reflection="")
    seen = trace(first).then(Step(node="revise" if rounds else "conclude", products=(kept,)))
    said = RAMonitor(ScriptedEstimator()).explain(seen)
    assert said.first == "flagged for a spot of 320×240 px at (40, 30) (p = 0.90)"
    assert said.final.startswith("flagged for a spot of 14×9 px at (212, 96) (p = 0.80); ")


def test_without_a_size_places_are_given_in_percent() -> None:
    unsized = Sample(id="a", views=(View(path="a.png", sha256="0" * 64),))
    first = Verdict.of(0.8, defects=(Defect(box=SPOT),))
    explained = RAMonitor(ScriptedEstimator()).explain(trace(first, sample=unsized))
    assert "spot at 53%, 32%" in explained.first


def test_without_a_verdict_there_is_nothing_to_reflect_on() -> None:
    with pytest.raises(ValueError, match="no verdict on 'a'"):
        RAMonitor(ScriptedEstimator())(Trace(sample=SIZED))
