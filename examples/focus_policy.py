"""A policy of one's own: a picture out of focus goes to a person, not to a second look.

No second look at the same blurred picture brings new evidence. In a recipe:

    policies:
      trigger:
        kind: focus_policy:InFocus
        sharpness: 20
"""

from typing import Annotated

import cv2
from pydantic import Field

from reinspect.images import read_view
from reinspect.policies.triggers import Doubt
from reinspect.trace import Trace
from reinspect.vocabulary import Move


class InFocus:
    """Escalates blurred pictures; decides on all others as the embedded trigger does.

    Args:
        sharpness: least variance of the Laplacian; look at a few good pictures to choose it.
    """

    def __init__(self, sharpness: Annotated[float, Field(ge=0)]) -> None:
        self._least, self._otherwise = sharpness, Doubt()

    def __call__(self, trace: Trace) -> Move:
        grey = cv2.cvtColor(read_view(trace.sample.visual), cv2.COLOR_BGR2GRAY)
        if cv2.Laplacian(grey, cv2.CV_64F).var() < self._least:
            return Move.ESCALATE
        return self._otherwise(trace)
