"""The eye as a tool: a trained network's comparison with the references."""

from __future__ import annotations

from pathlib import Path

from reinspect.files import digest_of
from reinspect.pictures import Pictures
from reinspect.tools.comparator.network import WEIGHTS, EyeError, open_eye
from reinspect.tools.expert import Experts
from reinspect.tools.witness import heard, regions_of
from reinspect.vocabulary import Evidence, Sample, Trace

SOURCE = "eye"


class Comparator:
    """What a network trained on drawn parts sees beside the references.

    Without onnxruntime or usable weights the verdict rests on the learned filters alone, and the
    evidence says so.

    Args:
        experts: what knows the references.
        pictures: where its map is kept; nowhere by default.
        weights: of the eye.
        boxes: whether its evidence has regions. What points at places last says where a defect
            is, and other evidence does so more exactly (see `docs/eye.md`).
    """

    def __init__(
        self,
        experts: Experts,
        pictures: Pictures | None = None,
        weights: Path = WEIGHTS,
        *,
        boxes: bool = False,
    ) -> None:
        self._experts, self._pictures, self._weights = experts, pictures, weights
        self._boxes = boxes

    def __call__(self, trace: Trace) -> Evidence:
        """Compare the trace's sample with its references."""
        return self.see(trace.sample)

    def see(self, sample: Sample) -> Evidence:
        """Compare a sample with its references."""
        try:
            sight = open_eye(self._weights)
        except EyeError as failure:
            return Evidence(
                source=SOURCE,
                summary=f"the eye can't be used: {failure}; the learned filters judge alone",
            )
        expert = self._experts.of(sample)
        witness = expert.eyed(sample, sight)
        if witness is None:
            return Evidence(source=SOURCE, summary="no references for the eye to compare with")
        first = expert.look(sample)
        agrees = (first.z >= first.threshold) == (witness.z >= witness.threshold)
        said = heard(witness, SOURCE, agrees_with_filters=float(agrees))
        if self._boxes:
            said = said.model_copy(update={"regions": regions_of(witness.boxes)})
        if self._pictures is None:
            return said
        # A name of its own, beside the first look's map of the same picture.
        key = digest_of(f"{sample.visual.sha256} {SOURCE}")
        kept = self._pictures.save_map(witness.heat_map, key=key)
        return said.model_copy(update={"pictures": (kept,)})
