import math

import pytest

from reinspect.policies import rules

GRID = [0.0, 0.02, 0.2, 0.4, 0.5, 0.6, 0.8, 0.98, 1.0]


@pytest.mark.parametrize("first", GRID)
@pytest.mark.parametrize("name", ["reference", "hi_res", "another"])
def test_more_alarming_evidence_never_lowers_the_fused_probability(first: float, name: str) -> None:
    fused = [rules.fuse(first, {name: witness}) for witness in GRID]
    assert fused == sorted(fused)
    assert all(0 <= probability <= 1 for probability in fused)


@pytest.mark.parametrize("witness", GRID)
def test_a_more_alarming_first_look_never_lowers_it_either(witness: float) -> None:
    fused = [rules.fuse(first, {"reference": witness, "hi_res": 0.3}) for first in GRID]
    assert fused == sorted(fused)


@pytest.mark.parametrize("first", [0.02, 0.4, 0.6, 0.98])
def test_a_first_look_that_was_seconded_counts_for_less(first: float) -> None:
    fused = [rules.fuse(first, {"reference": 0.5}, seconded=seconded) for seconded in (False, True)]
    assert abs(fused[1] - 0.5) < abs(fused[0] - 0.5)
    assert (fused[0] >= 0.5) == (fused[1] >= 0.5) == (first >= 0.5)
    assert rules.fuse(first, {}, seconded=True) == first


@pytest.mark.parametrize("first", [0.2, 0.4, 0.6, 0.8])
@pytest.mark.parametrize("eye", [0.4, 0.5, 0.6])
def test_it_is_all_one_whether_the_eye_had_its_say_first_or_second(
    first: float, eye: float
) -> None:
    others = {"reference": 0.7, "hi_res": 0.4}
    before = rules.fuse(rules.fuse(first, {"eye": eye}), others, seconded=True)
    assert rules.fuse(first, {**others, "eye": eye}, seconded=True) == pytest.approx(before)


@pytest.mark.parametrize(
    ("witnesses", "expected"),
    [
        pytest.param({"hi_res": 0.9}, 0.9, id="one"),
        pytest.param({"zoom": 0.9, "grounding": 0.5}, 0.7, id="of one weight"),
        pytest.param({"hi_res": 0.9, "eye": 0.3}, 0.7, id="the eye counts half"),
        pytest.param({"hi_res": 0.4, "reference": 0.95}, 0.75, id="hi-res is outranked"),
    ],
)
def test_witnesses_together_are_their_mean_by_weight(
    witnesses: dict[str, float], expected: float
) -> None:
    assert rules.together(witnesses) == pytest.approx(expected)


def test_an_eye_that_is_the_only_witness_is_heard_in_full() -> None:
    assert rules.fuse(0.6, {"eye": 0.9}, seconded=True) == rules.fuse(0.6, {"eye": 0.9})


@pytest.mark.parametrize("first", GRID)
def test_without_evidence_nothing_changes(first: float) -> None:
    assert rules.fuse(first, {}) == first
    assert not rules.flip_allowed(first, 1 - first, {})


@pytest.mark.parametrize(
    ("first", "witnesses", "flips"),
    [
        pytest.param(0.45, {"reference": 0.9}, True, id="new-evidence-finds-a-defect"),
        pytest.param(0.55, {"reference": 0.1}, True, id="new-evidence-clears-the-part"),
        pytest.param(0.55, {"reference": 0.9}, False, id="new-evidence-confirms"),
        pytest.param(0.45, {"reference": 0.52}, False, id="new-evidence-is-weak"),
        pytest.param(0.99, {"reference": 0.02}, False, id="the-first-look-is-sure"),
        pytest.param(0.45, {"hi_res": 0.9}, True, id="textures-have-no-other-evidence"),
        pytest.param(0.45, {"reference": 0.4, "hi_res": 1.0}, False, id="hi-res-is-outranked"),
        pytest.param(0.45, {"reference": 0.9, "hi_res": 0.1}, True, id="and-cannot-object"),
        pytest.param(0.45, {"reference": 0.9, "eye": 0.4}, True, id="the-eye-cannot-object"),
        pytest.param(0.45, {"reference": 0.4, "eye": 0.9}, False, id="nor-flip-against-another"),
        pytest.param(0.45, {"eye": 0.9}, True, id="but-alone-it-decides"),
        pytest.param(0.45, {"zoom": 0.99, "grounding": 0.4}, False, id="one-witness-objects"),
        pytest.param(0.45, {"zoom": 0.99, "grounding": 0.6}, True, id="all-witnesses-agree"),
    ],
)
def test_a_label_flips_only_by_agreeing_evidence(
    first: float, witnesses: dict[str, float], flips: bool
) -> None:
    fused = rules.fuse(first, witnesses)
    changed = (fused >= 0.5) != (first >= 0.5)
    assert (changed and rules.flip_allowed(first, fused, witnesses)) is flips


@pytest.mark.parametrize("first", GRID)
@pytest.mark.parametrize("fused", GRID)
def test_no_flip_without_a_witness_on_its_side(first: float, fused: float) -> None:
    against = {"reference": 0.1 if fused >= 0.5 else 0.9}
    assert not rules.flip_allowed(first, fused, against)


def test_one_witness_cannot_shout() -> None:
    assert rules.fuse(0.5, {"reference": 1.0}) == rules.fuse(0.5, {"reference": 0.9})
    assert rules.fuse(0.5, {"reference": 1.0}) < 0.9


@pytest.mark.parametrize("witness", [0.0, 0.03])
def test_two_witnesses_are_heard_beside_a_first_look_however_sure(witness: float) -> None:
    alone = rules.fuse(1.0, {"eye": witness})
    assert 0.5 < alone < rules.fuse(1.0, {})
    assert rules.fuse(1.0, {"eye": witness, "grounding": witness}) < 0.5


def test_reliability_is_least_at_even_odds_and_symmetric() -> None:
    reliabilities = [rules.reliability(p) for p in (0.5, 0.6, 0.8, 0.95, 1.0)]
    assert reliabilities == sorted(reliabilities)
    assert reliabilities[0] == 0.5
    assert reliabilities[-1] < 1
    for p in GRID:
        assert rules.reliability(p) == pytest.approx(rules.reliability(1 - p))


@pytest.mark.parametrize(
    ("z_above_threshold", "again"),
    [(-2.0, False), (-1.0, True), (0.0, True), (1.2, True), (1.5, False), (9.0, False)],
)
def test_only_verdicts_near_the_threshold_are_looked_at_again(
    z_above_threshold: float, again: bool
) -> None:
    probability = 1 / (1 + math.exp(-0.52 * z_above_threshold))
    reliability = rules.reliability(probability)
    assert rules.wants_second_look(reliability) is again


@pytest.mark.parametrize(
    ("probability", "reliability", "expected"),
    [
        pytest.param(0.9, 0.9, "FAIL", id="sure-of-a-defect"),
        pytest.param(0.5, 0.9, "FAIL", id="even-odds-are-anomalous"),
        pytest.param(0.1, 0.9, "PASS", id="sure-of-a-good-part"),
        pytest.param(0.9, 0.6, "REVIEW", id="doubtful-defect"),
        pytest.param(0.1, 0.6, "REVIEW", id="doubtful-part"),
        pytest.param(0.1, rules.LEAST_RELIABILITY, "PASS", id="just-reliable-enough"),
    ],
)
def test_a_person_decides_what_cannot_be_relied_on(
    probability: float, reliability: float, expected: str
) -> None:
    assert rules.disposition(probability, reliability) == expected


def test_a_verdict_settled_by_the_second_look_is_not_reviewed() -> None:
    fused = rules.fuse(0.55, {"reference": 0.8})
    reliability = rules.reliability(fused)
    assert rules.disposition(fused, reliability) == "FAIL"


@pytest.mark.parametrize("wrong", [-0.1, 1.1, math.nan])
def test_what_is_no_probability_is_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="outside"):
        rules.reliability(wrong)
    with pytest.raises(ValueError, match="outside"):
        rules.fuse(0.5, {"reference": wrong})
