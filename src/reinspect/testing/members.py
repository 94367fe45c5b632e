"""Scripted members: they answer what they are told to, in tests, examples and benchmarks."""

import time
from collections.abc import Mapping
from pathlib import PurePosixPath

from reinspect.trace import Trace
from reinspect.vocabulary import (
    Assessment,
    Box,
    Defect,
    Estimate,
    Evidence,
    Move,
    Region,
    Sample,
    Verdict,
)

_SPOT = Box(0.4, 0.4, 0.6, 0.6)


class ScriptedDetector:
    """Answers with the probability scripted for a sample's id, its file name, or the default.

    `seconds` is slept first, as a model server would let one wait.
    """

    def __init__(
        self,
        probabilities: Mapping[str, float] | None = None,
        *,
        default: float = 0.1,
        seconds: float = 0.0,
    ) -> None:
        self._probabilities = probabilities or {}
        self._default, self._seconds = default, seconds

    def __call__(self, sample: Sample) -> Verdict:
        if self._seconds:  # even a sleep of nothing gives the processor away
            time.sleep(self._seconds)
        name = PurePosixPath(sample.id).name
        known = self._probabilities
        probability = known.get(sample.id, known.get(name, self._default))
        defects = (Defect(box=_SPOT, score=probability),) if probability >= 0.5 else ()
        return Verdict.of(probability, defects=defects, rationale="scripted")


class ScriptedTool:
    """Answers with its scripted probabilities in turn, the last one for ever."""

    def __init__(self, *probabilities: float, source: str = "scripted tool") -> None:
        if not probabilities:
            raise ValueError("a scripted tool needs at least one probability")
        self._answers, self._source = list(probabilities), source

    def __call__(self, trace: Trace) -> Evidence:
        answers = self._answers
        probability = answers.pop(0) if len(answers) > 1 else answers[0]
        return Evidence(
            source=self._source,
            summary=f"scripted p = {probability}",
            probability=probability,
            regions=(Region(box=_SPOT, score=probability),),
        )


class ScriptedEstimator:
    """Fuses by the mean of all looks; its reliability is scripted in turn, the last for ever."""

    def __init__(self, *reliabilities: float) -> None:
        self._reliabilities = list(reliabilities) or [0.9]

    def __call__(self, trace: Trace) -> Estimate:
        answers = self._reliabilities
        reliability = answers.pop(0) if len(answers) > 1 else answers[0]
        looks = [trace.first.probability] if trace.first else []
        looks += [e.probability for e in trace.evidence if e.probability is not None]
        return Estimate(probability=sum(looks) / len(looks), reliability=reliability)


class ScriptedMonitor:
    """Assesses with its scripted reliabilities in turn, the last one for ever."""

    def __init__(self, *reliabilities: float) -> None:
        self._estimate = ScriptedEstimator(*reliabilities)

    def __call__(self, trace: Trace) -> Assessment:
        if trace.verdict is None:
            raise ValueError("nothing to assess")
        reliability = self._estimate(trace).reliability
        return Assessment(confidence=trace.verdict.confidence, reliability=reliability)


class ScriptedPolicy:
    """Makes its scripted moves in turn, the last one for ever."""

    def __init__(self, *moves: str | Move) -> None:
        self._moves = [Move(move) for move in moves]
        if not self._moves:
            raise ValueError("a scripted policy needs at least one move")

    def __call__(self, trace: Trace) -> Move:
        return self._moves.pop(0) if len(self._moves) > 1 else self._moves[0]


class Failing:
    """A member that always raises."""

    def __init__(self, error: str = "scripted failure") -> None:
        self._error = error

    def __call__(self, subject: Sample | Trace) -> Verdict:
        raise RuntimeError(self._error)
