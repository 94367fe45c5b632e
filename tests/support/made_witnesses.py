"""Witnesses for benches in tests: one knows the truth by the folder's name, one is told."""

from pathlib import PurePosixPath

from reinspect.trace import Trace
from reinspect.vocabulary import Box, Evidence, Region


class Truthful:
    """Says what the truth is, and points at the middle.

    Args:
        source: what its evidence is called.
    """

    def __init__(self, source: str = "truth") -> None:
        self._source = source

    def __call__(self, trace: Trace) -> Evidence:
        good = PurePosixPath(trace.sample.id).parent.name == "good"
        middle = Region(box=Box(0.3, 0.3, 0.7, 0.7), score=1.0)
        return Evidence(
            source=self._source,
            summary="as the folder tells",
            probability=0.02 if good else 0.98,
            regions=() if good else (middle,),
        )


class Told:
    """A witness that says of each part what it was told to, by the sample's id.

    Args:
        probabilities: id → P(anomalous).
        source: what its evidence is called.
    """

    def __init__(self, probabilities: dict[str, float], source: str = "told") -> None:
        self._probabilities, self._source = probabilities, source

    def __call__(self, trace: Trace) -> Evidence:
        probability = self._probabilities[trace.sample.id]
        return Evidence(source=self._source, summary="as told", probability=probability)
