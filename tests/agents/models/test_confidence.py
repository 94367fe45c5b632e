"""Three sources of confidence, kept apart."""

import math

import pytest

from reinspect.agents.models.confidence import (
    ALONE,
    SAMPLES,
    STATED,
    TOKENS,
    Token,
    opinion,
    token_probability,
    tokens_of,
)


def spelled(*words: str, last: dict[str, float]) -> list[Token]:
    """Tokens of which the last one has alternatives, with their probabilities."""
    sure = [Token(word, {word: 0.0}) for word in words]
    chosen = max(last, key=lambda word: last[word])
    return [*sure, Token(chosen, {word: math.log(p) for word, p in last.items()})]


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        pytest.param(
            spelled('{"answer"', ': "', last={"yes": 0.6, "no": 0.2}), 0.75, id="two words"
        ),
        pytest.param(
            spelled('{"answer":', last={' "yes': 0.3, ' "no': 0.1, "x": 0.6}), None, id="not chosen"
        ),
        pytest.param(
            spelled('{"answer": ', last={'"yes': 0.6, '"no': 0.2}), 0.75, id="with the quote"
        ),
        pytest.param(spelled("<answer>", last={"no": 0.8, "Yes": 0.2}), 0.2, id="tags"),
        pytest.param(spelled("<answer>", "\n", last={"no": 0.8, "yes": 0.2}), 0.2, id="new line"),
        pytest.param(spelled("<answer>", last={"y": 0.5, "n": 0.5}), 0.5, id="pieces of a word"),
        pytest.param(
            spelled('"answer": "no", "answer": "', last={"yes": 0.9, "no": 0.1}), 0.9, id="last one"
        ),
        pytest.param(spelled('"answer": "', last={"yes": 0.7}), 0.7, id="no alternatives"),
        pytest.param(
            spelled('"answer": "', last={"no": 0.9, "x": 0.08}), 0.02 / 0.92, id="yes not listed"
        ),
        pytest.param(spelled("<think>", last={"yes": 0.7, "no": 0.3}), None, id="no answer"),
        pytest.param([], None, id="no tokens"),
    ],
)
def test_the_probability_of_the_deciding_token(tokens: list[Token], expected: float | None) -> None:
    found = token_probability(tokens, "answer")
    assert found == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize(
    ("answers", "tokens", "stated", "probability", "basis", "sources"),
    [
        pytest.param([True], [0.8], [0.99], 0.8, TOKENS, {TOKENS, STATED}, id="tokens first"),
        pytest.param(
            [True, True, False], [None] * 3, [0.9, None, 0.8],
            2.5 / 4, SAMPLES, {SAMPLES, STATED}, id="then samples",
        ),
        pytest.param([False], [None], [0.9], 0.1, STATED, {STATED}, id="then what is stated"),
        pytest.param([False], [None], [0.2], 0.5, STATED, {STATED}, id="stated against itself"),
        pytest.param([True], [None], [None], 0.75, ALONE, set(), id="the answer alone"),
        pytest.param([True], [1.0], [None], 0.999, TOKENS, {TOKENS}, id="never certain"),
    ],
)  # fmt: skip
def test_the_best_source_counts(
    answers: list[bool],
    tokens: list[float | None],
    stated: list[float | None],
    probability: float,
    basis: str,
    sources: set[str],
) -> None:
    found = opinion(answers, tokens, stated)
    assert found.probability == pytest.approx(probability)
    assert found.basis == basis
    assert set(found.sources) == sources


def test_what_it_fell_back_from_is_said() -> None:
    words = opinion([False], [None], [0.9]).words
    assert words == "p = 0.100 by stated confidence (no token probability, no sample agreement)"


def test_logprobs_of_any_shape_are_read() -> None:
    one = {"token": "yes", "logprob": -0.1, "top_logprobs": [{"token": "no", "logprob": -2.0}]}
    assert tokens_of({"content": [one]}) == (Token("yes", {"no": -2.0, "yes": -0.1}),)
    assert tokens_of(None) == tokens_of({"content": None}) == tokens_of({}) == ()
    assert tokens_of({"content": [{"token": "a", "logprob": 0.0}]}) == (Token("a", {"a": 0.0}),)
