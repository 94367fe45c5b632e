"""The first look by a network's features: fitted on good references, however many there are."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from reinspect.references import digest_of_pixels, evenly_spaced
from reinspect.tools.embedded import archive, near_copies
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
_KIND = "reinspect features 5"


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
    """What is left out together: near-copies vouch for each other, and tiles of one picture say
    nothing of how pictures differ."""
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

        Copies count once, exact or near (see ``near_copies``): left in, one that vouches for
        another would make good parts look farther off than they are. A single distinct reference
        is joined by stand-ins for the others (see ``variation``), and its verdicts stay near 0.5.

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
        grids, small = [], []
        for place, image in enumerate(images):
            digest = digest_of_pixels(check_image(image))
            if digest not in places:
                places[digest] = place
                grids.append(network.describe(image, side=side))
                small.append(near_copies.look(image))
        if not grids:
            raise ValueError("a first look needs at least one reference image, got none")
        parts = _Parts.of(groups, tuple(places.values()), small)
        if len(parts.firsts) == 1:
            grids, parts = grids[:1], _Parts((0,), copied=True)
        pictures = tuple(places)[: len(grids)]
        distinct = [_At(images, places[digest]) for digest in pictures]
        known = len(parts.firsts)
        if known == 1:
            rng = np.random.default_rng(seed)
            stand_ins = vary(distinct[0].read(), _STAND_INS, rng)
            grids += [network.describe(one, side=side) for one in stand_ins]
            distinct += [_At([one], 0) for one in stand_ins]
            parts = _Parts(tuple(range(len(grids))), copied=True)
        working = side or network.side
        few = evenly_spaced(len(parts.firsts), _TRIED)
        tried = [parts.firsts[place] for place in few]
        lowered = _fall(grids, distinct, network, working, tried) if pose is PartPose.AUTO else 0.0
        turned: list[Floats] = []
        if pose is PartPose.ANY or lowered >= LEAST_FALL:
            turned = [turned_cells(one.read(), network, working) for one in distinct]
        memory = FeatureMemory.learn(grids, network.channels, turned=turned, groups=parts.owners)
        maps = [
            memory.compare(grid, excluding=own)
            for own, grid in zip(parts.owners, grids, strict=True)
        ]
        return cls(
            key=network.key,
            side=working,
            memory=memory,
            calibration=FeatureCalibration.learn(maps, known=known, weights=parts.weights),
            pictures=pictures,
            groups=parts.owners[: len(pictures)],
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
        plane = self.compare(grid, excluding=own)
        z = self.z(plane, excluding=own)
        heat_map = self.calibration.heat_map(plane)
        boxes = find_boxes(heat_map, self.calibration.box_threshold)
        usual = self.calibration.left_out(excluding=self._together(own))
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
                "references": float(self.calibration.known),
                "usual_spread": float(usual.std()),
                "usual_most": float(usual.max()),
                "slope": self.calibration.slope,
                "turned": float(self.turned),
            },
        )

    def compare(self, grid: Floats, *, excluding: int | None = None) -> Floats:
        """The map (rows, columns) of what ``describe`` gave.

        Args:
            grid: (rows, columns, features).
            excluding: a reference, by its place in ``pictures``, that is left out, and with it
                what says the same.
        """
        group = None if excluding is None else self.groups[excluding]
        return self.memory.compare(grid, excluding=group)

    def z(self, plane: Floats, *, excluding: int | None = None) -> float:
        """The score of a map by ``compare``, the same left out."""
        return self.calibration.z(plane, excluding=self._together(excluding))

    def _together(self, place: int | None) -> list[int] | None:
        """The places that are left out with one."""
        if place is None:
            return None
        return [at for at, group in enumerate(self.groups) if group == self.groups[place]]

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


@dataclass(frozen=True, slots=True)
class _Parts:
    """Which pictures belong together."""

    owners: tuple[int, ...]
    """Of each distinct picture."""
    copied: bool
    """Whether those of one owner are copies of each other, and no tiles of one picture."""

    @classmethod
    def of(
        cls,
        groups: Sequence[int] | None,
        places: Sequence[int],
        small: Sequence[NDArray[np.uint8]],
    ) -> _Parts:
        """By the groups that are given, else by what the pictures look like.

        Args:
            groups: of what each given picture is a part.
            places: of the distinct ones among the given.
            small: the distinct ones, by ``near_copies.look``.
        """
        given = [] if groups is None else [groups[place] for place in places]
        if near_copies.are_tiles(given):
            several = len(set(given)) > 1
            return cls(tuple(given if several else range(len(places))), copied=False)
        owners = list(range(len(places)))
        for group in near_copies.copies(np.stack(small)):
            for place in group:
                owners[place] = group[0]
        return cls(tuple(owners), copied=True)

    @property
    def firsts(self) -> tuple[int, ...]:
        """Places of what is worth a reference: tiles each, of copies the first."""
        if not self.copied:
            return tuple(range(len(self.owners)))
        return tuple(dict.fromkeys(self.owners))

    @property
    def weights(self) -> tuple[float, ...]:
        """Of each place."""
        return tuple(1 / self.owners.count(own) if self.copied else 1.0 for own in self.owners)


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
    grids: Sequence[Floats],
    distinct: Sequence[_At],
    network: FeatureNetwork,
    side: float,
    tried: Sequence[int],
) -> float:
    """By how much turning some of the references explains these better; see ``pose.fall``."""
    if len(tried) < LEAST_REFERENCES:
        return 0.0
    few = [grids[place] for place in tried]
    cells = [turned_cells(distinct[place].read(), network, side) for place in tried]
    upright = FeatureMemory.learn(few, network.channels)
    whole = FeatureMemory.learn(few, network.channels, turned=cells)
    before = [upright.compare(grid, excluding=owner) for owner, grid in enumerate(few)]
    after = [whole.compare(grid, excluding=owner) for owner, grid in enumerate(few)]
    return fall(before, after)
