"""Hi-res: the anomaly map again, at finer detail."""

from reinspect.tools.expert import Experts
from reinspect.tools.witness import heard
from reinspect.vocabulary import Evidence, Trace

SOURCE = "hi_res"


class HiRes:
    """How far the worst place stands out from the rest of the same image, in finer detail."""

    def __init__(self, experts: Experts) -> None:
        self._experts = experts

    def __call__(self, trace: Trace) -> Evidence:
        witness = self._experts.of(trace.sample).fine(trace.sample)
        if witness is None:
            return Evidence(source=SOURCE, summary="nothing to calibrate a finer look by")
        return heard(witness, SOURCE)
