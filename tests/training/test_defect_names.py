import pytest
from hypothesis import given
from hypothesis import strategies as st

from reinspect.training.defect_names import name_similarity, names_in, names_score

NAMES = st.text("abcdefghij _-", max_size=12) | st.sampled_from(
    ["scratch", "hole", "broken", "crack", "missing screw", "misplaced", "scratch dent hole crack"]
)


@pytest.mark.parametrize(
    ("predicted", "true", "score"),
    [
        pytest.param("Scratch", "scratch", 1.0, id="equal"),
        pytest.param("thread_residue", "thread residue", 1.0, id="equal-but-for-underscore"),
        pytest.param("deep scratch", "scratch", 0.85, id="contains"),
        pytest.param("pillX", "pilly", 0.4 * 0.8, id="alike-in-writing"),
        pytest.param("fracture", "crack", 0.6 + 0.25 * 6 / 13, id="one-category"),
        pytest.param("cracks", "breakages", 0.6 + 0.25 * 8 / 15, id="one-category-plural"),
        pytest.param("scratch", "stain", 0.3, id="one-group"),
        pytest.param("scratch", "missing", 0.0, id="nothing-in-common"),
        pytest.param("scratch dent hole crack", "hole", 0.0, id="all-names-there-are"),
        pytest.param("", "hole", 0.0, id="nothing-said"),
    ],
)
def test_names_are_graded(predicted: str, true: str, score: float) -> None:
    assert name_similarity(predicted, true) == pytest.approx(score)


@pytest.mark.parametrize(
    ("types", "names"),
    [
        pytest.param(["dent or hole"], ("dent", "hole"), id="or"),
        pytest.param(["dent, hole", "Dent"], ("dent", "hole"), id="once-each"),
        pytest.param(["corroded"], ("corroded",), id="or-within-a-word"),
        pytest.param([" / "], (), id="none"),
    ],
)
def test_a_type_may_hold_several_names(types: list[str], names: tuple[str, ...]) -> None:
    assert names_in(types) == names


@given(st.lists(NAMES, max_size=4), st.lists(NAMES, max_size=4))
def test_scores_are_shares_and_the_same_from_both_sides(one: list[str], other: list[str]) -> None:
    score = names_score(one, other)
    assert 0 <= score <= 1
    assert score == pytest.approx(names_score(other, one))


@given(st.lists(NAMES, min_size=1, max_size=4))
def test_the_truth_scores_full(names: list[str]) -> None:
    assert names_score(names, names) == pytest.approx(1.0 if names_in(names) else 0.0)


def test_more_names_than_there_are_score_less() -> None:
    assert names_score(["hole", "scratch", "missing"], ["hole"]) == pytest.approx(1 / 3)
