"""A monitor of one's own: a detector is trusted no further than its track record goes.

In a recipe:

    monitor:
      kind: track_record_monitor:TrackRecord
      right: {fabric: 0.7}
"""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from reinspect.trace import Trace
from reinspect.vocabulary import Assessment

Rate = Annotated[float, Field(ge=0, le=1)]


class TrackRecord:
    """Reliability = confidence, but never above the share of labels that were right so far.

    Args:
        right: category → share of its labels that turned out right, e.g. from reviewed parts.
        otherwise: the same for categories that are not named.
    """

    def __init__(self, right: Mapping[str, Rate], otherwise: Rate = 0.9) -> None:
        self._right, self._otherwise = right, otherwise

    def __call__(self, trace: Trace) -> Assessment:
        verdict = trace.verdict
        if verdict is None:
            raise ValueError(f"no verdict on {trace.sample.id!r} to assess")
        record = self._right.get(trace.sample.category or "", self._otherwise)
        return Assessment(
            confidence=verdict.confidence,
            reliability=min(verdict.confidence, record),
            reasons=(f"confidence {verdict.confidence:.2f}, right so far {record:.0%}",),
        )
