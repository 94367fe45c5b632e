"""Pictures of other parts that a model may be shown: known defects, further good parts."""

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, NamedTuple, Self

from pydantic import Field

from reinspect.agents.context import AgentContext
from reinspect.agents.models.encoding import tokens_of
from reinspect.agents.models.serving import MOST_PICTURES
from reinspect.agents.models.settings import ModelSettings
from reinspect.agents.product import ProductKnowledge
from reinspect.images import (
    Pixels,
    UnreadableImage,
    crop,
    limit_of,
    load,
    reading_of,
    rules_of,
)
from reinspect.sensing import FileRules
from reinspect.tools.embedded.alignment import GoodPart
from reinspect.vocabulary import Box, Sample, Scale

GoodParts = Callable[[Sample], Sequence[GoodPart]]
"""Further good parts, those that fit best first."""

Examples = Callable[[Sample], "Sequence[KnownDefect]"]
"""Known defects, read as the part is: at its scale, in its unit."""

MARGIN = 0.5
"""Context around a place that is shown, in multiples of its size."""

LEAST_SIDE = 96
"""Pixels of a crop's side: context to see a defect by."""

_OVER = ", laid over the test image"


class ShownOptions(ModelSettings):
    """Those of a model that is shown the part: what is shown beside it."""

    reference: bool | Annotated[int, Field(ge=0, le=4)] = True
    picture_tokens: Annotated[int, Field(ge=1)] | None = None


class KnownDefect(NamedTuple):
    """A picture of another part with a known defect."""

    image: Pixels
    sha256: str
    type: str
    box: Box | None

    @property
    def shown(self) -> tuple[Pixels, str]:
        """What of it is shown, and what is said of it."""
        said = f"another part of the same kind with a known defect, {self.type}"
        if self.box is None:
            return self.image, said
        cut = crop(self.image, self.box, margin=MARGIN, least=LEAST_SIDE).pixels
        return cut, f"{said}: the place of it, at full resolution"


class Further(NamedTuple):
    """What may be shown besides, as far as there is room."""

    good_parts: GoodParts | None = None
    """Further good parts."""
    examples: Examples | None = None
    """Pictures of known defects."""
    tokens: int | None = None
    """Of all pictures, about; None is no bound."""
    most: int = MOST_PICTURES
    """Pictures in all."""
    max_pixels: int = 1280 * 28 * 28
    """Of a picture as it is sent."""

    @classmethod
    def from_recipe(
        cls, options: ShownOptions, context: AgentContext, most: int = MOST_PICTURES
    ) -> Self:
        """What a recipe has to show.

        Raises:
            ValueError: a picture of a known defect can't be read.
        """
        return cls(
            good_parts=_others(int(options.reference), context),
            examples=_examples(context.product, context.references.default.rules),
            tokens=options.picture_tokens,
            most=most,
            max_pixels=options.max_pixels,
        )

    def with_room(self, sample: Sample, shown: Sequence[Pixels]) -> list[tuple[Pixels, str]]:
        """Known defects, then further good parts, each with what it is: all that there is room for.

        What doesn't fit is left out, the next that does is shown. A known defect that is the part
        itself is not.

        Args:
            sample: the part.
            shown: what is shown in any case.
        """
        kept = list[tuple[Pixels, str]]()
        spent = sum(tokens_of(picture, self.max_pixels) for picture in shown)
        for picture, said in self._wanted(sample):
            if len(shown) + len(kept) >= self.most:
                break
            cost = tokens_of(picture, self.max_pixels)
            if self.tokens is None or spent + cost <= self.tokens:
                kept.append((picture, said))
                spent += cost
        return kept

    def _wanted(self, sample: Sample) -> Iterator[tuple[Pixels, str]]:
        for example in self.examples(sample) if self.examples else ():
            if example.sha256 != sample.sha256:
                yield example.shown
        for good in self.good_parts(sample) if self.good_parts else ():
            yield good.image, f"another good part of the same kind{_OVER if good.laid_over else ''}"


NOTHING_MORE = Further()


def _others(count: int, context: AgentContext) -> GoodParts | None:
    """The good parts besides the first one."""
    if count < 2:
        return None
    return lambda sample: context.experts.good_parts(sample, count)[1:]


def _examples(product: ProductKnowledge, rules: FileRules) -> Examples | None:
    """The pictures of known defects; None where there are none.

    Raises:
        ValueError: one can't be read, by the rules of the set.
    """
    if not product.examples:
        return None
    for place, own in enumerate(product.examples):
        try:
            reading = reading_of([own.picture], rules=rules)
            load(own.picture, scale=reading.scale, rules=reading.rules)
        except UnreadableImage as failure:
            raise ValueError(f"product.examples.{place}.picture: {failure}") from failure

    @functools.lru_cache(maxsize=4)  # as many ways in which parts of a run are read
    def read(scale: Scale | None, rules: FileRules, max_pixels: int) -> tuple[KnownDefect, ...]:
        found = []
        for own in product.examples:
            loaded = load(own.picture, scale=scale, max_pixels=max_pixels, rules=rules)
            found.append(KnownDefect(loaded.pixels, loaded.sha256, own.type, own.box))
        return tuple(found)

    def as_the_part(sample: Sample) -> tuple[KnownDefect, ...]:
        view = sample.visual
        return read(view.scale, rules_of(view), limit_of(view))

    return as_the_part
