"""Reference: the good parts that look most like this one, laid over it."""

from reinspect.tools.expert import Experts
from reinspect.tools.witness import heard
from reinspect.vocabulary import Evidence, Trace

SOURCE = "aligned"


class AlignedReference:
    """How well the nearest references fit over the part, and what colours differ."""

    def __init__(self, experts: Experts) -> None:
        self._experts = experts

    def __call__(self, trace: Trace) -> Evidence:
        expert = self._experts.of(trace.sample)
        witness = expert.aligned(trace.sample)
        if witness is None:
            return Evidence(source=SOURCE, summary="no references that can be laid over this part")
        return heard(witness, SOURCE, correlation=expert.abreast(trace.sample)[0].correlation)
