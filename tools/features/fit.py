"""The first look by a network's features: fitted on good references, however many there are."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reinspect.files import digest_of
from reinspect.tools.embedded import archive
from reinspect.tools.embedded.features import Floats, Pixels, check_image
from reinspect.tools.embedded.fit import Look, heat_signals
from reinspect.tools.embedded.scoring import (
    DOUBT,
    DOUBT_OF_ONE,
    Calibration,
    find_boxes,
    probability,
)
from reinspect.tools.embedded.variation import vary
from reinspect.tools.features.memory import FeatureMemory
from reinspect.tools.features.network import FeatureNetwork

MEMBER = "features"

_STAND_INS = 5  # besides a single reference
_KIND = "reinspect features"


@dataclass(frozen=True, slots=True)
class FeatureFit:
    """What was learned from the references. Immutable; safe to share between threads."""

    key: str
    """Of the network."""
    memory: FeatureMemory
    calibration: Calibration
    owners: NDArray[np.int32]
    """(given,) which of the memory's references each given image is; copies are one."""

    @classmethod
    def from_references(
        cls, images: Sequence[Pixels], features: FeatureNetwork, *, seed: int = 0
    ) -> FeatureFit:
        """Fit to good images, BGR uint8 (H, W, 3), of any sizes; each is read once.

        Exact copies count once. A single distinct reference is joined by stand-ins for the others
        (see ``variation``), and its verdicts stay near 0.5.

        Raises:
            ValueError: without images, or if one is not a BGR uint8 image.
        """
        grids, owners, first = _distinct(images, features)
        alone = len(grids) == 1
        if alone:
            rng = np.random.default_rng(seed)
            grids += [features.describe(one) for one in vary(first, _STAND_INS, rng)]
        memory = FeatureMemory.learn(grids, features.channels)
        maps = [[memory.compare(grid, excluding=owner)] for owner, grid in enumerate(grids)]
        calibration = Calibration.learn(maps, doubt=DOUBT_OF_ONE if alone else DOUBT)
        return cls(features.key, memory, calibration, owners)

    def look(
        self, image: Pixels, features: FeatureNetwork, *, excluding: int | None = None
    ) -> Look:
        """Look at an image, BGR uint8 (H, W, 3).

        Args:
            image: the image to judge; its size may differ from the references'.
            features: of the network that it was fitted with.
            excluding: index, in ``from_references``' order, of a reference to leave out because
                it is this very image.

        Raises:
            ValueError: if the image is not a BGR uint8 image, or the network another one.
        """
        if features.key != self.key:
            raise ValueError(f"fitted with {self.key}, not with {features.key}")
        left_out = None if excluding is None else self._owner(excluding)
        plane = self.memory.compare(features.describe(image), excluding=left_out)
        (z,) = self.calibration.members([plane], excluding=left_out)
        threshold = self.calibration.threshold(excluding=left_out)
        heat_map = self.calibration.heat_map([plane])
        boxes = find_boxes(heat_map, self.calibration.box_threshold)
        usual = self.calibration.left_out(excluding=left_out)
        return Look(
            z=float(z),
            threshold=threshold,
            probability=probability(float(z), threshold),
            members={MEMBER: float(z)},
            heat_map=heat_map,
            boxes=boxes,
            signals={
                **heat_signals(heat_map, self.calibration.box_threshold),
                "margin": float(z) - threshold,
                "boxes": float(len(boxes)),
                "references": float(self.owners.max() + 1),
                "usual_spread": float(usual.std()),
                "usual_most": float(usual.max()),
            },
        )

    def _owner(self, given: int) -> int | None:
        """The reference to leave out; none where another copy of it stays."""
        owner = int(self.owners[given])
        return owner if int((self.owners == owner).sum()) == 1 else None

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fit to one file."""
        arrays = archive.nested(
            memory=self.memory.arrays(),
            calibration=self.calibration.arrays(),
            references={"owners": self.owners, "key": np.array(self.key)},
        )
        archive.write(path, _KIND, arrays)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> FeatureFit:
        """Read a fit that ``save`` wrote.

        Raises:
            ValueError: if the file holds no fit, or one of another version.
        """
        arrays = archive.read(path, _KIND)
        references = archive.part(arrays, "references")
        return cls(
            key=str(references["key"]),
            memory=FeatureMemory.from_arrays(archive.part(arrays, "memory")),
            calibration=Calibration.from_arrays(archive.part(arrays, "calibration")),
            owners=np.asarray(references["owners"], np.int32),
        )


def _distinct(
    images: Iterable[Pixels], features: FeatureNetwork
) -> tuple[list[Floats], NDArray[np.int32], Pixels]:
    """The grids of distinct images, which of them each image is, and the first image."""
    known: dict[str, int] = {}
    grids: list[Floats] = []
    owners: list[int] = []
    first: Pixels | None = None
    for image in images:
        first = check_image(image) if first is None else first
        key = digest_of(repr(image.shape).encode() + np.ascontiguousarray(image).tobytes())
        if key not in known:
            known[key] = len(grids)
            grids.append(features.describe(image))
        owners.append(known[key])
    if first is None:
        raise ValueError("a first look needs at least one reference image, got none")
    return grids, np.array(owners, np.int32), first
