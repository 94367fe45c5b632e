"""References that are templates, or the knowledge that they are none: one file, one look."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from reinspect.tools.embedded import archive, template
from reinspect.tools.embedded.features import Pixels, check_image
from reinspect.tools.embedded.look import Look, heat_signals
from reinspect.tools.embedded.template import Difference, Templates

_KIND = "reinspect templates 2"


@dataclass(frozen=True, slots=True)
class TemplateFit:
    """What references are as templates. Immutable; safe to share between threads."""

    templates: Templates | None

    @classmethod
    def from_references(cls, images: Sequence[Pixels]) -> TemplateFit:
        """Black-and-white references, such as printed circuits, are templates; others are not.

        Nor are those of one thing that differ among themselves.

        Args:
            images: good ones, BGR uint8 (H, W, 3), of any sizes.
        """
        return cls(Templates.collect(images))

    def look(self, image: Pixels, *, excluding: int | None = None) -> Look | None:
        """Look at an image, BGR uint8 (H, W, 3), beside its template; None where it has none.

        Args:
            image: the image to judge.
            excluding: index, in ``from_references``' order, of a reference to leave out because
                it is this very image.

        Raises:
            ValueError: if the image is not a BGR uint8 image, or ``excluding`` leaves nothing.
        """
        difference = self._difference(image, excluding)
        if self.templates is None or difference is None:
            return None
        return _look(difference, len(self.templates.album.pages))

    def template_of(self, image: Pixels, *, excluding: int | None = None) -> int | None:
        """Index of the reference that is an image's template; None where it has none.

        Args:
            image: as for ``look``.
            excluding: as for ``look``.

        Raises:
            ValueError: as ``look``.
        """
        difference = self._difference(image, excluding)
        if self.templates is None or difference is None:
            return None
        return self.templates.album.given(difference.reference)

    def _difference(self, image: Pixels, excluding: int | None) -> Difference | None:
        check_image(image)
        if self.templates is None:
            return None
        page = None if excluding is None else self.templates.album.position(excluding)
        return self.templates.compare(image, excluding=page)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it to one file."""
        own = {} if self.templates is None else self.templates.arrays()
        archive.write(path, _KIND, archive.nested(templates=own))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> TemplateFit:
        """Read what ``save`` wrote.

        Raises:
            ValueError: if the file holds no such thing, or one of another version.
        """
        own = archive.part(archive.read(path, _KIND), "templates")
        return cls(Templates.from_arrays(own) if own else None)


def _look(difference: Difference, references: int) -> Look:
    return Look(
        z=difference.z,
        threshold=template.THRESHOLD,
        probability=difference.probability,
        members={"template": difference.z},
        heat_map=difference.heat_map,
        boxes=difference.boxes,
        marks=difference.marks,
        signals={
            **heat_signals(difference.heat_map, 0.0),
            "margin": difference.z - template.THRESHOLD,
            "disagreement": 0.0,
            "boxes": float(len(difference.boxes)),
            "references": float(references),
            "usual_spread": 0.0,
            "usual_most": 0.0,
            "colour_shift": 0.0,
            "template": difference.likeness,
        },
    )
