from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reinspect.tools.vision.prompts import LONGEST, cleaned, in_prompts, meant, text_of


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        pytest.param(["Dent", "dent ", "crack"], ("dent", "crack"), id="each once"),
        pytest.param(["a dent. Or a crack?"], ("a dent or a crack",), id="one phrase"),
        pytest.param(["", " ", ".", "\n?"], (), id="empty"),
        pytest.param(["two\nlines\tof it"], ("two lines of it",), id="one line"),
        pytest.param(["x" * 900], ("x" * LONGEST,), id="long"),
    ],
)
def test_phrases_are_cleaned(given_: list[str], expected: tuple[str, ...]) -> None:
    assert cleaned(given_) == expected


@given(st.lists(st.integers(1, 40), max_size=60), st.integers(4, 60))
def test_no_phrase_is_lost_and_no_prompt_too_long(lengths: list[int], room: int) -> None:
    phrases = [f"{place} {'x ' * (length - 1)}".strip() for place, length in enumerate(lengths)]
    prompts = in_prompts(phrases, lambda phrase: len(phrase.split()), room)
    assert [phrase for prompt in prompts for phrase in prompt] == phrases
    for prompt in prompts:
        taken = sum(len(phrase.split()) + 1 for phrase in prompt)
        assert taken <= room or len(prompt) == 1
    for one, following in pairwise(prompts):  # none is split in vain
        joined = sum(len(phrase.split()) + 1 for phrase in (*one, following[0]))
        assert joined > room


def test_a_prompt_ends_each_phrase() -> None:
    assert text_of(("deep dent", "crack")) == "deep dent. crack."


@pytest.mark.parametrize(
    ("said", "phrase"),
    [
        pytest.param("deep dent", "deep dent", id="all of it"),
        pytest.param("dent", "dent", id="the shorter one"),
        pytest.param("deep", "deep dent", id="a part of it"),
        pytest.param("dent crack", "dent", id="two: the first"),
        pytest.param("Crack.", "crack", id="as written elsewhere"),
        pytest.param("##nt", "", id="a piece of a word"),
        pytest.param("", "", id="nothing"),
    ],
)
def test_which_phrase_a_model_means(said: str, phrase: str) -> None:
    assert meant(said, ("deep dent", "dent", "crack")) == phrase


def test_without_phrases_nothing_is_meant() -> None:
    assert meant("dent", ()) == ""
