"""The eye as a tool: a trained network's comparison with the references."""

from __future__ import annotations

import hashlib
from pathlib import Path

from reinspect.pictures import Pictures
from reinspect.tools.embedded.sight import WEIGHTS, EyeError, open_eye
from reinspect.tools.expert import Experts
from reinspect.tools.witness import heard
from reinspect.vocabulary import Evidence, Sample, Trace

SOURCE = "eye"


class Eye:
    """What a network trained on drawn parts sees beside the references.

    Without onnxruntime or usable weights the verdict rests on the learned filters alone, and the
    evidence says so.
    """

    def __init__(
        self, experts: Experts, pictures: Pictures | None = None, weights: Path = WEIGHTS
    ) -> None:
        self._experts, self._pictures, self._weights = experts, pictures, weights

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
        if self._pictures is None:
            return said
        # A name of its own, beside the first look's map of the same picture.
        key = hashlib.sha256(f"{sample.visual.sha256} {SOURCE}".encode()).hexdigest()
        kept = self._pictures.save_map(witness.heat_map, key=key)
        return said.model_copy(update={"pictures": (kept,)})
