"""The first look: an agent that turns what it sees into a verdict."""

from collections.abc import Callable

from reinspect.vocabulary import Defect, Evidence, Label, Sample, Verdict


class EmbeddedDetector:
    """Judges by one look of the embedded expert. No weights, no network."""

    def __init__(self, look: Callable[[Sample], Evidence]) -> None:
        self._look = look

    def __call__(self, sample: Sample) -> Verdict | Evidence:
        evidence = self._look(sample)
        if evidence.probability is None:
            return evidence
        verdict = Verdict.of(evidence.probability, rationale=evidence.summary, evidence=(evidence,))
        if verdict.label is Label.NORMAL:
            return verdict
        defects = tuple(Defect(box=region.box, score=region.score) for region in evidence.regions)
        return verdict.model_copy(update={"defects": defects})
