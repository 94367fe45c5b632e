"""Reference: the good parts that look most like this one, laid over it."""

from collections.abc import Sequence
from typing import Literal, Self

import cv2
import numpy as np

from reinspect.components import About, ToolOptions
from reinspect.images import Pixels, read_view
from reinspect.pictures import BESIDE, Pictures, heat_map_picture, side_by_side
from reinspect.tools.context import ToolContext
from reinspect.tools.embedded.alignment import Aligned
from reinspect.tools.expert import Embedder, Experts
from reinspect.tools.witness import heard, picture_key
from reinspect.trace import Trace
from reinspect.vocabulary import Evidence, Picture

SHOWN = 1024
"""Longer side of a part in the pictures that are kept."""

_LOW, _HIGH = 1.0, 6.0  # z of the faintest and of the strongest colour of a difference map


class AlignedReferenceOptions(ToolOptions):
    """What a recipe may say of an `AlignedReference`."""

    nearest: Literal["embedding", "features"] | None = None


class AlignedReference:
    """How well the nearest references fit over the part, and what colours differ.

    Args:
        experts: for the references, laid over the part.
        pictures: where the part beside the best fitting reference, and the map of what differs,
            are kept; without, none are.
        alike: what says which references look like the part; the learned filters' features
            without.
        name: in the recipe.
    """

    about = About(
        "reference",
        note="compares with the best aligned good part: helps with missing, added or shifted "
        "elements, and with marks that good parts have, too",
        purpose="Lay the good parts that look most like this one over it: helps with missing, "
        "added or shifted elements.",
        heeds=(),
    )

    Options = AlignedReferenceOptions

    def __init__(
        self,
        experts: Experts,
        pictures: Pictures | None = None,
        alike: Embedder | None = None,
        *,
        name: str = about.name,
    ) -> None:
        self._experts, self._pictures, self._alike = experts, pictures, alike
        self._name = name

    @classmethod
    def from_recipe(cls, options: AlignedReferenceOptions, context: ToolContext) -> Self:
        """The tool of a recipe.

        Raises:
            ValueError: the recipe has no model that says which pictures look alike.
        """
        alike = None if options.nearest == "features" else context.embedder
        if options.nearest == "embedding" and alike is None:
            raise ValueError("nearest: 'embedding' needs a tool segmentation with a model")
        return cls(context.experts, context.pictures, alike, name=options.name)

    def __call__(self, trace: Trace) -> Evidence:
        expert = self._experts.of(trace.sample)
        others = expert.abreast(trace.sample, self._alike)
        if not others:
            return Evidence(source=self._name, summary="no references to lay over this part")
        witness = expert.aligned(trace.sample, self._alike)
        if witness is None:
            said = Evidence(
                source=self._name, summary="no references that can be laid over this part"
            )
        else:
            said = heard(witness, self._name, correlation=others[0].correlation)
        heat = None if witness is None else witness.heat_map
        return said.model_copy(update={"pictures": self._kept(trace, others, heat)})

    def _kept(
        self, trace: Trace, others: Sequence[Aligned], heat: np.ndarray | None
    ) -> tuple[Picture, ...]:
        if self._pictures is None:
            return ()
        key = picture_key(trace.sample, self._name, self.about)
        image = _shown(read_view(trace.sample.visual))
        size = (image.shape[1], image.shape[0])
        good = np.asarray(cv2.resize(others[0].image, size), np.uint8)
        beside = self._pictures.save(side_by_side(image, good), shows=BESIDE, key=key)
        if heat is None:
            return (beside,)
        # In colour, and no map of data: it must not be taken for the anomaly map.
        drawn = heat_map_picture(image, heat, low=_LOW, high=_HIGH)
        return (beside, self._pictures.save(drawn, shows="difference", key=key))


def _shown(image: Pixels) -> Pixels:
    shrink = min(1.0, SHOWN / max(image.shape[:2]))
    if shrink == 1:
        return image
    size = (max(1, round(image.shape[1] * shrink)), max(1, round(image.shape[0] * shrink)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
