"""The hand-set rules of reflection, for detectors without a fitted monitor.

Pure functions of probabilities.  Their constants come from the embedded detector on four kinds of
part (ball screws, cookies, toys, magnetic tiles) and four draws of 8 references each, and were held
against thirteen kinds of drawn part (`reinspect sample --category all`), where bolder ones broke
more labels than they fixed.  Weights were fitted with one kind left out; where such fits did not
beat a round number, the round number stays.  Log-odds are natural; witnesses map a source to its
P(anomalous).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from reinspect.vocabulary import Outcome

DOUBTFUL = 2 / 3
"""Reliability below which a verdict by learned filters is looked at again: odds of two to one.

That holds for a third of images (a quarter with most other references).  Bands between 0.64 and
0.68 work alike; beyond, the label is mostly right, and a second look breaks as many as it fixes.
"""

DOUBTFUL_BY_NETWORK = 0.8
"""The same of a verdict by a network, which another network then looks at.

A quarter of the pictures. From .7 to 1, as many labels are put right for each that is broken, and
the ranking gets better the more are looked at (AUROC +.001 to +.007): what it costs decides.
"""

LEAST_RELIABILITY = 2 / 3
"""Reliability below which a person decides: what the second look leaves as doubtful as before.

That is a tenth of images.
"""

_WEIGHTS = {"reference": 0.7}
"""How much a witness's log-odds count, 1 where not named, against 1 for the first look.

For aligned references, weights fitted on two kinds of rigid part (0.4 to 1.8) were no better on
the third than 1; on drawn parts, whose pose varies more, 1 broke more labels than 0.7.
"""

_BESIDE = {"hi_res": ("reference", 0.4)}
"""A witness that counts this much only, and has no veto on a flip, beside a better one.

The hi-res look shares its features with the first look, so it repeats some of that look's
mistakes. On textures, which can't be aligned, it is the only new evidence.
"""

_LOUDEST = 1.5
"""Log-odds beyond which a witness gets no louder (z three above its threshold).

A single reference set says little about how rare a large z is; 0.8 to 2.5 work alike.
"""

_SUREST = 2.0
"""Log-odds beyond which a first look gets no surer beside new evidence.

That is surer than any one witness and less sure than two, so that several can be heard where each
picture is looked at twice: the mean AUROC of four kinds of part rose from .881 to .894 by it. A
doubtful first look is never that sure.
"""

EYE = "eye"
"""Source of the one witness that compares whole pictures without the first look's features."""

NETWORK = "network"
"""Source of the witness that compares by another network's features.

Where it is heard, it and the first look count for half each, and no other witness changes the
verdict: measured behind a first look by a network, on seven kinds of real part and
three draws of 8 references, it alone put 58 labels right and broke 29, at most one more than it
put right on any kind; the filters' witnesses and the eye broke more than they put right.
"""

_TOGETHER = 1.3
"""What the mean log-odds of both networks are multiplied by: two looks know more than one.

Of parts that were looked at again, the plain mean said .65 where .73 of labels were right. Fitted
with each kind of real part left out: 1.2 to 1.4. It changes no label.
"""

_SECONDED = 0.5
"""How much the learned filters' first look and the eye count, beside other new evidence.

Both judge the whole picture, so together they are one first look, whichever was asked first; the
hi-res witness repeats the filters' part of it. For the same reason the eye has no veto on a flip
that the witnesses of single places ask for: with one, it kept 26 of 67 labels from being put right
to save 7 of 21 from being broken. Left-out kinds of part choose a quarter for the first look and a
half for the eye; a half for both is as good, and breaks fewer in sure looks. Without the
eye the first look is better counted in full.
"""

_MOST = 0.97
"""Reliability is the confidence in the label, at most this much.

Over all four kinds of part and four draws, labels were right as often as the embedded detector's
confidence says, before as after a second look: 57 % at log-odds of 0.3, 65 % at 0.8, 79 % at
1.4, 85 % at 1.8, 97 % from 2.5 on.  (Single kinds differ: textures are right half of the time
whatever the confidence, rigid parts in nine cases of ten from 0.7 on.  A fitted monitor can tell
them apart; one fixed rule can't.)
"""


def reliability(probability: float) -> float:
    """P(the label is right), in [0.5, 0.97], after the first look or after a second.

    Nothing but the probability has helped on every kind of part: that looks agreed with the label
    is in the fused probability already.

    Args:
        probability: P(anomalous) by all looks so far.
    """
    if not 0 <= probability <= 1:
        raise ValueError(f"probability {probability!r} is outside [0, 1]")
    return min(_MOST, 0.5 + abs(probability - 0.5))


def wants_second_look(reliability: float, *, by_network: bool = False) -> bool:
    """Whether the verdict, by a network's first look or not, can't be relied on as it stands."""
    return reliability < (DOUBTFUL_BY_NETWORK if by_network else DOUBTFUL)


def fuse(first: float, witnesses: Mapping[str, float], *, seconded: bool = False) -> float:
    """Fused P(anomalous): log-odds add up, so that more alarming evidence never lowers it.

    Args:
        first: the first look's P(anomalous).
        witnesses: P(anomalous) by each piece of new evidence; without any, ``first`` is returned.
        seconded: whether the first look is the learned filters', and the eye is heard beside it:
            in it, or among the witnesses.
    """
    if not witnesses:
        return first
    if NETWORK in witnesses:
        mean = (_log_odds(first) + _log_odds(witnesses[NETWORK])) / 2
        return 1 / (1 + math.exp(-_TOGETHER * mean))
    share = _SECONDED if seconded and set(witnesses) != {EYE} else 1
    odds = share * max(-_SUREST, min(_SUREST, _log_odds(first)))
    for name, probability in witnesses.items():
        loudness = max(-_LOUDEST, min(_LOUDEST, _log_odds(probability)))
        odds += weight(name, witnesses) * loudness
    return 1 / (1 + math.exp(-odds))


def flip_allowed(first: float, fused: float, witnesses: Mapping[str, float]) -> bool:
    """Whether the label may change: only by new evidence, all of which agrees with the change."""
    anomalous = fused >= 0.5
    asked = [p for name, p in witnesses.items() if has_veto(name, witnesses)]
    if not asked or (first >= 0.5) is anomalous:
        return False
    return all((probability >= 0.5) is anomalous for probability in asked)


def disposition(
    probability: float, reliability: float, least: float = LEAST_RELIABILITY
) -> Outcome:
    """PASS or FAIL by the label where it can be relied on, that is at `least`, else REVIEW."""
    if reliability < least:
        return Outcome.REVIEW
    return Outcome.FAIL if probability >= 0.5 else Outcome.PASS


def weight(name: str, witnesses: Mapping[str, float]) -> float:
    """How much a witness's log-odds count, against 1 for the first look."""
    if NETWORK in witnesses:
        return float(name == NETWORK)
    if name == EYE:
        return _SECONDED if len(witnesses) > 1 else 1.0
    return _BESIDE[name][1] if outranked(name, witnesses) else _WEIGHTS.get(name, 1.0)


def together(witnesses: Mapping[str, float]) -> float:
    """P(anomalous) by the witnesses alone, at least one: their mean, by weight."""
    weights = {name: weight(name, witnesses) for name in witnesses}
    total = sum(weights[name] * probability for name, probability in witnesses.items())
    return total / sum(weights.values())


def outranked(name: str, witnesses: Mapping[str, float]) -> bool:
    """Whether a better witness is there, so that this one counts less and has no veto."""
    if NETWORK in witnesses:
        return name != NETWORK
    return name in _BESIDE and _BESIDE[name][0] in witnesses


def has_veto(name: str, witnesses: Mapping[str, float]) -> bool:
    """Whether a flip needs this witness's agreement: not the eye's, beside any other."""
    return not outranked(name, witnesses) and (name != EYE or len(witnesses) == 1)


def _log_odds(probability: float) -> float:
    if not 0 <= probability <= 1:
        raise ValueError(f"probability {probability!r} is outside [0, 1]")
    bounded = min(1 - 1e-9, max(1e-9, probability))
    return math.log(bounded / (1 - bounded))
