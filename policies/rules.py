"""The hand-set rules of reflection, for detectors without a fitted monitor.

Pure functions of probabilities.  Their constants come from the embedded detector on four kinds of
part (ball screws, cookies, toys, magnetic tiles) and four draws of 8 references each.  Weights were
fitted with one kind left out; where such fits did not beat a round number, the round number stays.
Log-odds are natural; witnesses map a source to its P(anomalous).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

DOUBTFUL = 2 / 3
"""Reliability below which the first verdict is looked at again: odds worse than two to one.

That holds for a third of images (a quarter with most other references).  Bands between 0.64 and
0.68 work alike; beyond, the label is mostly right, and a second look breaks as many as it fixes.
"""

LEAST_RELIABILITY = 2 / 3
"""Reliability below which a person decides: what the second look leaves as doubtful as before.

That is a tenth of images.
"""

_OVERRULED = {"hi_res": "aligned"}
"""A witness is not heard where a better one is.

The hi-res look shares its features with the first look, so it repeats that look's mistakes: next
to aligned references, a weight of 0.1 to 0.2 lowered balanced accuracy by up to 1.6 points.  On
textures, which can't be aligned, it is the only new evidence.
"""

_WEIGHTS = {"hi_res": 1.5}
"""How much a witness's log-odds count, 1 where not named, against 1 for the first look.

For aligned references, weights fitted on two kinds of rigid part (0.4 to 1.8) were no better on
the third than 1.  The hi-res weight rests on one kind of texture; 1 to 3 work alike there.
"""

_LOUDEST = 1.5
"""Log-odds beyond which a witness gets no louder (z three above its threshold).

A single reference set says little about how rare a large z is; 0.8 to 2.5 work alike.
"""

_MOST = 0.97
"""Reliability is the confidence in the label, at most this much.

Over all four kinds of part and four draws, labels were right as often as the embedded detector's
confidence says, before as after a second look: 57 % at log-odds of 0.3, 65 % at 0.8, 79 % at
1.4, 85 % at 1.8, 97 % from 2.5 on.  (Single kinds differ: textures are right half of the time
whatever the confidence, rigid parts in nine cases of ten from 0.7 on.  A fitted monitor can tell
them apart; one fixed rule can't.)
"""


def first_reliability(
    probability: float,
    signals: Mapping[str, float],  # noqa: ARG001 - estimators that were fitted do use them
) -> float:
    """P(the first label is right), in [0.5, 0.97].

    Args:
        probability: the first look's P(anomalous).
        signals: the first look's measurements, which this rule leaves to fitted estimators.
    """
    return _confidence(probability)


def wants_second_look(
    probability: float,  # noqa: ARG001 - no side of the threshold is more worth a second look
    reliability: float,
    signals: Mapping[str, float],  # noqa: ARG001 - as above
) -> bool:
    """Whether the first verdict can't be relied on as it stands."""
    return reliability < DOUBTFUL


def fuse(first: float, witnesses: Mapping[str, float]) -> float:
    """Fused P(anomalous): log-odds add up, so that more alarming evidence never lowers it.

    Args:
        first: the first look's P(anomalous).
        witnesses: P(anomalous) by each piece of new evidence; without any, ``first`` is returned.
    """
    heard = _heard(witnesses)
    if not heard:
        return first
    odds = _log_odds(first)
    for name, probability in heard.items():
        loudness = max(-_LOUDEST, min(_LOUDEST, _log_odds(probability)))
        odds += _WEIGHTS.get(name, 1.0) * loudness
    return 1 / (1 + math.exp(-odds))


def flip_allowed(first: float, fused: float, witnesses: Mapping[str, float]) -> bool:
    """Whether the label may change: only by new evidence, all of which agrees with the change."""
    anomalous = fused >= 0.5
    heard = _heard(witnesses)
    if not heard or (first >= 0.5) is anomalous:
        return False
    return all((probability >= 0.5) is anomalous for probability in heard.values())


def final_reliability(
    first: float,  # noqa: ARG001 - see below
    fused: float,
    witnesses: Mapping[str, float],  # noqa: ARG001
) -> float:
    """P(the label after the second look is right), in [0.5, 0.97].

    Nothing but the fused probability has helped on every kind of part: that the first look or
    single witnesses agreed with the label is in it already.
    """
    return _confidence(fused)


def disposition(probability: float, reliability: float) -> Literal["PASS", "FAIL", "REVIEW"]:
    """PASS or FAIL by the label where it can be relied on, else REVIEW."""
    if reliability < LEAST_RELIABILITY:
        return "REVIEW"
    return "FAIL" if probability >= 0.5 else "PASS"


def _heard(witnesses: Mapping[str, float]) -> dict[str, float]:
    return {
        name: probability
        for name, probability in witnesses.items()
        if _OVERRULED.get(name) not in witnesses
    }


def _confidence(probability: float) -> float:
    if not 0 <= probability <= 1:
        raise ValueError(f"probability {probability!r} is outside [0, 1]")
    return min(_MOST, 0.5 + abs(probability - 0.5))


def _log_odds(probability: float) -> float:
    if not 0 <= probability <= 1:
        raise ValueError(f"probability {probability!r} is outside [0, 1]")
    bounded = min(1 - 1e-9, max(1e-9, probability))
    return math.log(bounded / (1 - bounded))
