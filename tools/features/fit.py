"""The first look by a network's features: fitted on good references, however many there are."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from reinspect.references import digest_of_pixels, evenly_spaced
from reinspect.tools.embedded import archive
from reinspect.tools.embedded.features import Floats, Pixels, check_image
from reinspect.tools.embedded.look import Look, heat_signals
from reinspect.tools.embedded.scoring import find_boxes
from reinspect.tools.embedded.variation import vary
from reinspect.tools.features.calibration import FeatureCalibration
from reinspect.tools.features.memory import FeatureMemory
from reinspect.tools.features.network import FeatureNetwork
from reinspect.tools.features.pose import (
    LEAST_FALL,
    LEAST_REFERENCES,
    PartPose,
    fall,
    turned_cells,
)

MEMBER = "features"

_STAND_INS = 5  # besides a single reference
_TRIED = 8  # references that say whether turning helps
_KIND = "reinspect features 3"


@dataclass(frozen=True, slots=True)
class FeatureFit:
    """What was learned from the references. Immutable; safe to share between threads."""

    key: str
    """Of the network."""
    side: float
    """Working side: square root of the area that pictures are scaled to, in pixels."""
    memory: FeatureMemory
    calibration: FeatureCalibration
    pictures: tuple[str, ...]
    """Digest of each distinct reference's pixels, in the memory's order."""
    groups: tuple[int, ...]
    """Of what each of them is a part: tiles of one picture say nothing of how pictures differ."""
    turned: bool
    """Whether references are compared at any angle."""
    fall: float
    """Share by which turned references lower the left-out distances; 0 where not asked."""

    @classmethod
    def from_references(
        cls,
        images: Sequence[Pixels],
        network: FeatureNetwork,
        *,
        side: float | None = None,
        pose: PartPose = PartPose.AUTO,
        groups: Sequence[int] | None = None,
        seed: int = 0,
    ) -> FeatureFit:
        """Fit to good images, BGR uint8 (H, W, 3), of any sizes.

        Exact copies count once. A single distinct reference is joined by stand-ins for the others
        (see ``variation``), and its verdicts stay near 0.5.

        Args:
            images: read one by one, each once or twice.
            network: that describes them.
            side: working side; the network's own by default.
            pose: whether references are turned; by default, where that explains them better.
            groups: of what each image is a part, to be left out together: tiles of one picture.
                Each is one of its own by default, and where all are of one.
            seed: of the stand-ins.

        Raises:
            ValueError: without images, or if one is not a BGR uint8 image.
        """
        places: dict[str, int] = {}
        grids = []
        for place, image in enumerate(images):
            digest = digest_of_pixels(check_image(image))
            if digest not in places:
                places[digest] = place
                grids.append(network.describe(image, side=side))
        if not grids:
            raise ValueError("a first look needs at least one reference image, got none")
        distinct = [_At(images, place) for place in places.values()]
        known = len(grids)
        if known == 1:
            rng = np.random.default_rng(seed)
            stand_ins = vary(distinct[0].read(), _STAND_INS, rng)
            grids += [network.describe(one, side=side) for one in stand_ins]
            distinct += [_At([one], 0) for one in stand_ins]
        working = side or network.side
        lowered = _fall(grids, distinct, network, working) if pose is PartPose.AUTO else 0.0
        turned: list[Floats] = []
        if pose is PartPose.ANY or lowered >= LEAST_FALL:
            turned = [turned_cells(one.read(), network, working) for one in distinct]
        owners = _owners(groups, tuple(places.values()), len(grids))
        memory = FeatureMemory.learn(grids, network.channels, turned=turned, groups=owners)
        maps = [
            memory.compare(grid, excluding=own) for own, grid in zip(owners, grids, strict=True)
        ]
        return cls(
            key=network.key,
            side=working,
            memory=memory,
            calibration=FeatureCalibration.learn(maps, known=known),
            pictures=tuple(places),
            groups=owners[:known],
            turned=bool(turned),
            fall=lowered,
        )

    def describe(self, image: Pixels, network: FeatureNetwork) -> Floats:
        """The features of an image as they are compared: (rows, columns, features).

        Raises:
            ValueError: if the image is not a BGR uint8 image, or the network another one.
        """
        if network.key != self.key:
            raise ValueError(f"fitted with {self.key}, not with {network.key}")
        return network.describe(image, side=self.side)

    def look(
        self,
        image: Pixels,
        network: FeatureNetwork,
        *,
        grid: Floats | None = None,
        excluding: int | None = None,
    ) -> Look:
        """Look at an image, BGR uint8 (H, W, 3); a reference is not compared with itself.

        Args:
            image: the image to judge; its size may differ from the references'.
            network: that it was fitted with.
            grid: what ``describe`` gave, where it is known already.
            excluding: the reference, by its place in ``pictures``, that the image was made from,
                so that it is not compared with that one either.

        Raises:
            ValueError: if the image is not a BGR uint8 image, or the network another one.
        """
        check_image(image)
        grid = self.describe(image, network) if grid is None else grid
        own = self.place(digest_of_pixels(image)) if excluding is None else excluding
        plane = self.memory.compare(grid, excluding=None if own is None else self.groups[own])
        z = self.calibration.z(plane, excluding=own)
        heat_map = self.calibration.heat_map(plane)
        boxes = find_boxes(heat_map, self.calibration.box_threshold)
        usual = self.calibration.left_out(excluding=own)
        return Look(
            z=z,
            threshold=self.calibration.threshold,
            probability=self.calibration.probability(z),
            members={MEMBER: z},
            heat_map=heat_map,
            boxes=boxes,
            appearance=appearance(grid),
            signals={
                **heat_signals(heat_map, self.calibration.box_threshold),
                "margin": z - self.calibration.threshold,
                "boxes": float(len(boxes)),
                "references": float(len(self.pictures)),
                "usual_spread": float(usual.std()),
                "usual_most": float(usual.max()),
                "slope": self.calibration.slope,
                "turned": float(self.turned),
            },
        )

    def place(self, digest: str | None) -> int | None:
        """Place of the reference of these pixels, to be left out; none where it is the only one."""
        if digest not in self.pictures or len(self.pictures) == 1:
            return None
        return self.pictures.index(digest)

    def moved(self, threshold: float) -> FeatureFit:
        """The fit with another z above which a part is called anomalous."""
        return replace(self, calibration=replace(self.calibration, threshold=threshold))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fit to one file."""
        arrays = archive.nested(
            memory=self.memory.arrays(),
            calibration=self.calibration.arrays(),
            references={
                "key": np.array(self.key),
                "pictures": np.array(self.pictures),
                "groups": np.array(self.groups),
                "numbers": np.array([self.side, float(self.turned), self.fall]),
            },
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
        side, turned, lowered = np.asarray(references["numbers"], np.float64)
        return cls(
            key=str(references["key"]),
            side=float(side),
            memory=FeatureMemory.from_arrays(archive.part(arrays, "memory")),
            calibration=FeatureCalibration.from_arrays(archive.part(arrays, "calibration")),
            pictures=tuple(str(digest) for digest in references["pictures"]),
            groups=tuple(map(int, references["groups"])),
            turned=bool(turned),
            fall=float(lowered),
        )


def _owners(groups: Sequence[int] | None, places: Sequence[int], count: int) -> tuple[int, ...]:
    """Of each distinct picture, its group; each its own where there are not two of them."""
    if groups is None or len(places) < count or len({groups[place] for place in places}) < 2:
        return tuple(range(count))
    return tuple(groups[place] for place in places)


@dataclass(frozen=True, slots=True)
class _At:
    """A picture of a sequence that reads them when they are asked for."""

    images: Sequence[Pixels]
    place: int

    def read(self) -> Pixels:
        return self.images[self.place]


def appearance(grid: Floats) -> Floats:
    """What a whole image looks like by its features: their mean, of length 1."""
    mean = grid.mean(axis=(0, 1))
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-9), np.float32)


def _fall(
    grids: Sequence[Floats], distinct: Sequence[_At], network: FeatureNetwork, side: float
) -> float:
    """By how much turning a few of the references explains these better; see ``pose.fall``."""
    if len(grids) < LEAST_REFERENCES:
        return 0.0
    spaced = evenly_spaced(len(grids), _TRIED)
    few = [grids[place] for place in spaced]
    cells = [turned_cells(distinct[place].read(), network, side) for place in spaced]
    upright = FeatureMemory.learn(few, network.channels)
    whole = FeatureMemory.learn(few, network.channels, turned=cells)
    before = [upright.compare(grid, excluding=owner) for owner, grid in enumerate(few)]
    after = [whole.compare(grid, excluding=owner) for owner, grid in enumerate(few)]
    return fall(before, after)
