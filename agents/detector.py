"""The first look: an agent that turns what it sees into a verdict."""

from collections.abc import Callable, Mapping
from typing import Literal, Self

from reinspect.agents.context import AgentContext
from reinspect.components import About, ComponentOptions
from reinspect.policies.rules import fuse
from reinspect.tools.anomaly_map import AnomalyMap
from reinspect.tools.comparison import Comparator
from reinspect.tools.features.sources import FeatureSource
from reinspect.vocabulary import Defect, Evidence, Label, Sample, Verdict


class EmbeddedDetectorOptions(ComponentOptions):
    """What a recipe may say of an `EmbeddedDetector`."""

    eye: bool = False
    features: FeatureSource | None = None
    pose: Literal["fixed", "any", "auto"] = "auto"


class EmbeddedDetector:
    """Judges by one look of the embedded expert, without a model's server or a download."""

    about = About("embedded")

    Options = EmbeddedDetectorOptions

    def __init__(self, look: Callable[[Sample], Evidence]) -> None:
        self._look = look

    @classmethod
    def from_recipe(cls, options: EmbeddedDetectorOptions, context: AgentContext) -> Self:
        """The detector of a recipe.

        Raises:
            ValueError: the eye is to be part of this look, and a tool of the next.
            ReinspectError: the features that the recipe names can't be had here.
        """
        look = AnomalyMap(context.experts, context.pictures)
        if not options.eye:
            return cls(look)
        if Comparator.about.name in context.kinds:
            raise ValueError("the eye is among the tools already: it can't be part of both looks")
        return cls(Beside(look, Comparator(context.experts, context.pictures).see, fuse))

    def __call__(self, sample: Sample) -> Verdict | Evidence:
        evidence = self._look(sample)
        if evidence.probability is None:
            return evidence
        verdict = Verdict.of(evidence.probability, rationale=evidence.summary, evidence=(evidence,))
        if verdict.label is Label.NORMAL:
            return verdict
        defects = tuple(
            Defect(box=region.box, score=region.score, covers=region.covers)
            for region in evidence.regions
        )
        return verdict.model_copy(update={"defects": defects})


class Beside:
    """One look that a witness of another kind has a say in. Where it has none, the look stands.

    Args:
        look: what is seen, and where.
        witness: what else speaks for or against a defect.
        fuse: P(anomalous) by the look and by each witness → by all of them.
    """

    def __init__(
        self,
        look: Callable[[Sample], Evidence],
        witness: Callable[[Sample], Evidence],
        fuse: Callable[[float, Mapping[str, float]], float],
    ) -> None:
        self._look, self._witness, self._fuse = look, witness, fuse

    def __call__(self, sample: Sample) -> Evidence:
        """The look's evidence; what each saw alone is among its measurements."""
        seen = self._look(sample)
        if seen.probability is None:
            return seen
        own = self._witness(sample)
        summary = f"{seen.summary}; {own.source}: {own.summary}"
        if own.probability is None:
            return seen.model_copy(update={"summary": summary})
        numbers = {f"{own.source}_{name}": value for name, value in own.measurements.items()}
        alone = {f"{seen.source}_p": seen.probability, f"{own.source}_p": own.probability}
        return seen.model_copy(
            update={
                "summary": summary,
                "probability": self._fuse(seen.probability, {own.source: own.probability}),
                "measurements": {**seen.measurements, **numbers, **alone},
                "pictures": (*seen.pictures, *own.pictures),
            }
        )
