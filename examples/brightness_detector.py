"""A detector of one's own: is a part brighter or darker than the known-good ones?

It catches wrong exposure, a missing coating, a part that isn't there at all, in under a
millisecond. In a recipe: `detector: brightness_detector:BrightnessDetector`.
"""

from functools import cached_property

import numpy as np

from reinspect.graph.build import BuildContext
from reinspect.images import Pixels, read_image, read_view
from reinspect.vocabulary import Evidence, Sample, Verdict


class BrightnessDetector:
    """Compares mean and spread of the brightness with those of the references.

    Args:
        context: filled in when the pipeline is built; here, where the references come from.
        tolerance: deviation, in standard deviations of the references, that is called a defect.
    """

    def __init__(self, context: BuildContext, tolerance: float = 4.0) -> None:
        self._references = context.references
        self._tolerance = tolerance
        self._known: dict[str, Normal] = {}

    def __call__(self, sample: Sample) -> Verdict | Evidence:
        references = self._references.of(sample.category)
        if len(references.files) < 2:
            return Evidence(source="brightness", summary="needs two known-good images or more")
        normal = self._known.setdefault(references.key, Normal(references.files))
        deviation = normal.deviation(read_view(sample.visual))
        evidence = Evidence(
            source="brightness",
            summary=f"{deviation:.1f} standard deviations from the known-good parts",
            measurements={"deviation": deviation, "tolerance": self._tolerance},
        )
        probability = 1 / (1 + np.exp(self._tolerance - deviation))
        return Verdict.of(float(probability), rationale=evidence.summary, evidence=(evidence,))


class Normal:
    """Mean and spread of the brightness of known-good parts, read when they are first needed."""

    def __init__(self, files: tuple[str, ...]) -> None:
        self._files = files

    @cached_property
    def _figures(self) -> "np.ndarray[tuple[int, int], np.dtype[np.float64]]":
        return np.array([_figures(read_image(file)) for file in self._files])

    def deviation(self, image: Pixels) -> float:
        """How far a picture is off, in standard deviations, by the figure that is farthest off."""
        usual, spread = self._figures.mean(axis=0), self._figures.std(axis=0, ddof=1) + 1.0
        return float(np.max(np.abs(_figures(image) - usual) / spread))


def _figures(image: Pixels) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    grey = image.mean(axis=2)
    return np.array([grey.mean(), grey.std()])
