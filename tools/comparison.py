"""The eye as a tool: a trained network's comparison with the references."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from reinspect.components import About, PathOrName, ToolOptions
from reinspect.pictures import Pictures
from reinspect.tools.comparator.network import WEIGHTS, ComparatorError, open_comparator
from reinspect.tools.context import ToolContext
from reinspect.tools.expert import Experts
from reinspect.tools.witness import heard, own_key, regions_of
from reinspect.trace import Trace
from reinspect.vocabulary import Evidence, Sample


class ComparatorOptions(ToolOptions):
    """What a recipe may say of a `Comparator`."""

    weights: PathOrName | None = None
    boxes: bool = False


class Comparator:
    """What a network trained on drawn parts sees beside the references.

    Where the weights that ship can't be used, the verdict rests on the other looks alone, and the
    evidence says so; those that a recipe names have to be there.

    Args:
        experts: what knows the references.
        pictures: where its map is kept; nowhere by default.
        weights: of the eye.
        boxes: whether its evidence has regions. What points at places last says where a defect
            is, and other evidence does so more exactly (see `docs/eye.md`).
        name: in the recipe.
    """

    about = About(
        "eye",
        note="a trained comparison with good parts: helps where light or position differ",
        purpose="Compare the part with good ones by a trained network.",
        heeds=(),
    )

    Options = ComparatorOptions

    def __init__(
        self,
        experts: Experts,
        pictures: Pictures | None = None,
        weights: Path = WEIGHTS,
        *,
        boxes: bool = False,
        name: str = about.name,
    ) -> None:
        self._experts, self._pictures, self._weights = experts, pictures, weights
        self._boxes, self._name = boxes, name

    @classmethod
    def from_recipe(cls, options: ComparatorOptions, context: ToolContext) -> Self:
        """The tool of a recipe.

        Raises:
            ComparatorError: the weights that it names are missing, or none.
        """
        weights = WEIGHTS if options.weights is None else Path(options.weights).expanduser()
        if options.weights is not None:
            open_comparator(weights)
        return cls(
            context.experts, context.pictures, weights, boxes=options.boxes, name=options.name
        )

    def __call__(self, trace: Trace) -> Evidence:
        """Compare the trace's sample with its references."""
        return self.see(trace.sample)

    def see(self, sample: Sample) -> Evidence:
        """Compare a sample with its references."""
        try:
            network = open_comparator(self._weights)
        except ComparatorError as failure:
            return Evidence(
                source=self._name,
                summary=f"the eye can't be used: {failure}; the others judge without it",
            )
        expert = self._experts.of(sample)
        witness = expert.compared(sample, network)
        if witness is None:
            return Evidence(source=self._name, summary="no references for the eye to compare with")
        first = expert.look(sample)
        agrees = (first.z >= first.threshold) == (witness.z >= witness.threshold)
        said = heard(witness, self._name, agrees_with_first=float(agrees))
        if self._boxes:
            said = said.model_copy(update={"regions": regions_of(witness.boxes)})
        if self._pictures is None:
            return said
        kept = self._pictures.save_map(witness.heat_map, key=own_key(sample, self._name))
        return said.model_copy(update={"pictures": (kept,)})
