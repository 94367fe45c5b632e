"""What the exact place of a defect is found by: fitted on good references, see `places`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reinspect.references import evenly_spaced
from reinspect.tools.embedded import archive, near_copies
from reinspect.tools.embedded.features import Floats, Pixels, check_image
from reinspect.tools.embedded.scoring import Box
from reinspect.tools.embedded.variation import vary
from reinspect.tools.features.colours import Colours
from reinspect.tools.features.memory import FeatureMemory
from reinspect.tools.features.network import FeatureNetwork
from reinspect.tools.features.places import place

_MOST = 16  # references; more make no better places
_CELLS = 2048  # of their shallow features, of all references together
_STAND_INS = 5  # besides a single reference
_STEADY = 0.02  # added to a spread, lest identical references make it zero
_KIND = "reinspect places 2"


class Usual(NamedTuple):
    """A map's values over the references, each left out in turn."""

    centre: float
    spread: float

    @classmethod
    def of(cls, maps: Sequence[Floats]) -> Usual:
        """Of these maps, of any sizes."""
        values = np.concatenate([plane.ravel() for plane in maps])
        return cls(float(np.median(values)), float(values.std()) + _STEADY)

    @classmethod
    def from_array(cls, numbers: NDArray[np.generic]) -> Usual:
        """Rebuild from an array of the two."""
        centre, spread = np.asarray(numbers, np.float64)
        return cls(float(centre), float(spread))

    def standardise(self, plane: Floats) -> Floats:
        """In units of what is usual."""
        return np.asarray((plane - self.centre) / self.spread, np.float32)


@dataclass(frozen=True, slots=True)
class Detail:
    """Shallow features of the references."""

    key: str
    """Of the network that gives them."""
    memory: FeatureMemory
    usual: Usual

    @classmethod
    def learn(cls, images: Sequence[Pixels], network: FeatureNetwork) -> Detail:
        """Learn from at least two good images."""
        grids = [network.describe(image) for image in images]
        memory = FeatureMemory.learn(grids, network.channels, budget=_CELLS)
        maps = [memory.compare(grid, excluding=own) for own, grid in enumerate(grids)]
        return cls(network.key, memory, Usual.of(maps))

    def look(self, image: Pixels, network: FeatureNetwork, excluding: int | None) -> Floats:
        """The map of an image, in units of what is usual."""
        if network.key != self.key:
            raise ValueError(f"fitted with {self.key}, not with {network.key}")
        return self.usual.standardise(
            self.memory.compare(network.describe(image), excluding=excluding)
        )

    def arrays(self) -> archive.Arrays:
        """Return what ``from_arrays`` needs."""
        own = {"key": np.array(self.key), "usual": np.array(self.usual)}
        return archive.nested(memory=self.memory.arrays(), own=own)

    @classmethod
    def from_arrays(cls, arrays: archive.Arrays) -> Detail:
        """Rebuild from ``arrays()``."""
        memory, own = archive.part(arrays, "memory"), archive.part(arrays, "own")
        return cls(
            str(own["key"]), FeatureMemory.from_arrays(memory), Usual.from_array(own["usual"])
        )


@dataclass(frozen=True, slots=True)
class PlaceFit:
    """What was learned from the references. Immutable; safe to share between threads."""

    detail: Detail | None
    """None where there is no network with shallow features."""
    colours: Colours
    usual_colours: Usual
    chosen: tuple[int, ...]
    """Which of the given references were taken: evenly spaced where there are many, no copies."""

    @classmethod
    def from_references(
        cls,
        images: Sequence[Pixels],
        network: FeatureNetwork | None,
        *,
        groups: Sequence[int] | None = None,
        seed: int = 0,
    ) -> PlaceFit:
        """Fit to good images, BGR uint8 (H, W, 3), of any sizes.

        Of near-copies only the first counts (see ``near_copies``). A single one is joined by
        stand-ins for the others (see ``variation``).

        Args:
            images: of which at most 16 are read.
            network: of the shallow features; without, places are larger than they need be.
            groups: of what each image is a part: tiles are no copies.
            seed: of the stand-ins.

        Raises:
            ValueError: without images, or if one is not a BGR uint8 image.
        """
        if not len(images):
            raise ValueError("places need at least one reference image, got none")
        spaced = evenly_spaced(len(images), _MOST)
        seen = [images[index] for index in spaced]
        distinct = near_copies.distinct(
            np.stack([near_copies.look(check_image(image)) for image in seen])
        )
        chosen = tuple(spaced[place] for place in distinct)
        kept = [seen[place] for place in distinct]
        if len(kept) == 1:
            kept += vary(kept[0], _STAND_INS, np.random.default_rng(seed))
        colours = Colours.learn(kept)
        return cls(
            Detail.learn(kept, network) if network else None,
            colours,
            Usual.of([colours.compare(image, excluding=own) for own, image in enumerate(kept)]),
            chosen,
        )

    def locate(
        self,
        image: Pixels,
        heat_map: Floats,
        network: FeatureNetwork | None,
        *,
        excluding: int | None = None,
    ) -> tuple[Box, ...]:
        """Box the place that a first look found odd.

        Args:
            image: BGR uint8 (H, W, 3), of any size.
            heat_map: the first look's, (rows, columns) in z units.
            network: of the shallow features that it was fitted with.
            excluding: index, in ``from_references``' order, of a reference that is this very image.

        Raises:
            ValueError: if the image is not a BGR uint8 image, or the network another one.
        """
        own = self.chosen.index(excluding) if excluding in self.chosen else None
        if len(self.chosen) == 1:  # all others are its stand-ins
            own = None
        size = (check_image(image).shape[0], image.shape[1])
        detail = self.detail.look(image, network, own) if self.detail and network else None
        colours = self.usual_colours.standardise(self.colours.compare(image, excluding=own))
        return place(heat_map, detail, colours, size)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fit to one file."""
        arrays = archive.nested(
            detail=self.detail.arrays() if self.detail else {},
            numbers={
                "pictures": self.colours.pictures,
                "usual": np.array(self.usual_colours),
                "chosen": np.array(self.chosen, np.int64),
            },
        )
        archive.write(path, _KIND, arrays)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> PlaceFit:
        """Read what ``save`` wrote.

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: if the file holds no such fit, or of another version.
        """
        arrays = archive.read(path, _KIND)
        numbers, detail = archive.part(arrays, "numbers"), archive.part(arrays, "detail")
        return cls(
            Detail.from_arrays(detail) if detail else None,
            Colours.of(np.asarray(numbers["pictures"], np.uint8)),
            Usual.from_array(numbers["usual"]),
            tuple(int(own) for own in numbers["chosen"]),
        )
