"""How sure a model is, from three sources that are kept apart.

- token probability: what the model gave to the token that says yes, against the one that says no;
- sample agreement: which share of several answers says yes;
- stated confidence: what the model says of itself, the least to be relied on.

The first one that is there is taken as P(yes), in this order; the others are signals.
"""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

TOKENS, SAMPLES, STATED, ALONE = (
    "token probability",
    "sample agreement",
    "stated confidence",
    "the answer alone",
)

ANSWER_ALONE = 0.75
"""P(yes) of a bare yes: strong models are right in about three of four cases (M3-AD-Bench)."""

_LEAST = -9999.0  # as vLLM writes impossible: JSON has no infinity

EDGE = 0.001
"""No source is surer than this: the last digits of a model's certainty mean nothing."""


class Token(NamedTuple):
    """A token of an answer with the logprobs of what could have stood there, itself included."""

    text: str
    alternatives: Mapping[str, float]


class AnswerProbability(NamedTuple):
    """P(yes), the source that it is taken from, and what every source that is there says."""

    probability: float
    basis: str
    sources: Mapping[str, float]

    @property
    def words(self) -> str:
        """What the probability rests on, and what it fell back from."""
        missing = [name for name in (TOKENS, SAMPLES, STATED) if name not in self.sources]
        before = missing[: (TOKENS, SAMPLES, STATED, ALONE).index(self.basis)]
        lack = f" (no {', no '.join(before)})" if before else ""
        return f"p = {self.probability:.3f} by {self.basis}{lack}"


def opinion(
    answers: Sequence[bool], tokens: Sequence[float | None], stated: Sequence[float | None]
) -> AnswerProbability:
    """P(yes) of one question.

    Args:
        answers: what each readable sample says, at least one.
        tokens: `token_probability` of each, none where the server gives no logprobs.
        stated: each sample's confidence in its own answer.
    """
    sources: dict[str, float] = {}
    known = [p for p in tokens if p is not None]
    if known:
        sources[TOKENS] = _bounded(sum(known) / len(known))
    if len(answers) > 1:  # half a vote on either side: few samples are no proof
        sources[SAMPLES] = (sum(answers) + 0.5) / (len(answers) + 1)
    said = [
        max(c, 0.5) if yes else min(1 - c, 0.5)
        for yes, c in zip(answers, stated, strict=True)
        if c is not None
    ]
    if said:
        sources[STATED] = _bounded(sum(said) / len(said))
    for basis in (TOKENS, SAMPLES, STATED):
        if basis in sources:
            return AnswerProbability(sources[basis], basis, sources)
    return AnswerProbability(ANSWER_ALONE if answers[0] else 1 - ANSWER_ALONE, ALONE, sources)


def token_probability(tokens: Sequence[Token], field: str) -> float | None:
    """P(yes) against no, where the answer's decision begins; none where it can't be found.

    Args:
        tokens: of one answer, in order.
        field: the JSON key, or the tag, whose value is yes or no.
    """
    text = "".join(token.text for token in tokens)
    place = re.compile(rf'"{field}"\s*:\s*"|<\s*{field}\s*>\s*', re.IGNORECASE)
    starts = [found.end() for found in place.finditer(text)]
    if not starts:
        return None
    at = 0
    for token in tokens:
        if at <= starts[-1] < at + len(token.text):
            return _yes_against_no(token, starts[-1] - at)
        at += len(token.text)
    return None


def _yes_against_no(token: Token, offset: int) -> float | None:
    before, weights = token.text[:offset], {"yes": 0.0, "no": 0.0}
    for text, logprob in token.alternatives.items():
        word = text.removeprefix(before).strip(" \t\n\"'").lower()
        for said in weights:
            if word and (said.startswith(word) or word.startswith(said)):
                weights[said] += math.exp(min(logprob, 0.0))
    yes, no = weights["yes"], weights["no"]
    if not yes and not no:
        return None
    if not yes or not no:
        # The other word is not among the likeliest: it has at most what the least of them has.
        rest = max(0.0, 1 - sum(math.exp(min(lp, 0.0)) for lp in token.alternatives.values()))
        least = math.exp(min(min(token.alternatives.values()), 0.0))
        bound = rest if len(token.alternatives) == 1 else min(rest, least)
        yes, no = yes or bound, no or bound
    return _bounded(yes / (yes + no))


def _bounded(probability: float) -> float:
    return min(max(probability, EDGE), 1 - EDGE)


def tokens_of(logprobs: Any) -> tuple[Token, ...]:
    """The tokens of a chat completion's `logprobs`, whatever a server leaves out."""
    content = logprobs.get("content") if isinstance(logprobs, Mapping) else None
    return tuple(
        Token(
            one["token"],
            {
                **{other["token"]: other["logprob"] for other in one.get("top_logprobs") or ()},
                one["token"]: one["logprob"],
            },
        )
        for one in content or ()
    )


def logprobs_of(logprobs: Any) -> tuple[float, ...]:
    """The logprob of each token that was chosen, to four digits; none where one is missing."""
    content = logprobs.get("content") if isinstance(logprobs, Mapping) else None
    found = [one.get("logprob") for one in content or ()]
    if not all(isinstance(value, int | float) for value in found):
        return ()
    return tuple(round(max(float(value), _LEAST), 4) for value in found)
