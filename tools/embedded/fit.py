"""The first look: fitted on a few good references, it judges an image in about a tenth of a second.

Two members compare learned features (``features``): a patch memory, which knows no places, and a
positional memory, which does. Each is calibrated by leaving out one reference at a time, so no
defect and no label is needed.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reinspect.tools.embedded import archive, near_copies
from reinspect.tools.embedded.album import Album
from reinspect.tools.embedded.features import (
    Bank,
    Pixels,
    appearance,
    check_image,
    resize,
)
from reinspect.tools.embedded.look import Look, heat_signals
from reinspect.tools.embedded.memory import PatchMemory
from reinspect.tools.embedded.positional import Positional
from reinspect.tools.embedded.scoring import (
    DOUBT,
    DOUBT_OF_ONE,
    Calibration,
    find_boxes,
    probability,
)
from reinspect.tools.embedded.variation import vary

MAX_REFERENCES = 16
"""References beyond these add time and memory but hardly any accuracy; evenly spaced ones stay."""

_STAND_INS = 5  # besides a single reference
_KIND = "reinspect filters 2"


@dataclass(frozen=True, slots=True)
class Fit:
    """What was learned from the references. Immutable; safe to share between threads."""

    bank: Bank
    memory: PatchMemory
    positional: Positional
    calibration: Calibration
    album: Album

    @classmethod
    def from_references(
        cls, images: Sequence[Pixels], *, groups: Sequence[int] | None = None, seed: int = 0
    ) -> Fit:
        """Fit to good images, BGR uint8 (H, W, 3), of any sizes.

        Copies count once, exact or near (see ``near_copies``). A single distinct reference is
        joined by stand-ins for the others (see ``variation``), and its verdicts stay near 0.5.

        Args:
            images: of which at most 16 are kept.
            groups: of what each image is a part: of tiles, only exact copies count once.
            seed: of what is drawn at random.

        Raises:
            ValueError: without images, or if one is not a BGR uint8 image.
        """
        if not images:
            raise ValueError("a first look needs at least one reference image, got none")
        rng = np.random.default_rng(seed)
        album = Album.collect(images, MAX_REFERENCES, near=not near_copies.are_tiles(groups))
        small = [resize(image) for image in album.images()]
        alone = len(small) == 1
        if alone:
            small += vary(small[0], _STAND_INS, rng)
        bank = Bank.learn(small, rng)
        grids = [bank.describe(image) for image in small]
        memory = PatchMemory.learn(grids, rng)
        positional = Positional.learn(grids, rng)
        maps = [
            (memory.compare(grid, excluding=index), positional.compare(grid, excluding=index))
            for index, grid in enumerate(grids)
        ]
        calibration = Calibration.learn(maps, doubt=DOUBT_OF_ONE if alone else DOUBT)
        return cls(bank, memory, positional, calibration, album)

    def look(self, image: Pixels, *, excluding: int | None = None) -> Look:
        """Look at an image, BGR uint8 (H, W, 3).

        Args:
            image: the image to judge; its size may differ from the references'.
            excluding: index, in ``from_references``' order, of a reference to leave out because
                it is this very image.

        Raises:
            ValueError: if the image is not a BGR uint8 image, or ``excluding`` leaves nothing.
        """
        check_image(image)
        left_out = None if excluding is None else self.album.position(excluding)
        grid = self.bank.describe(resize(image))
        maps = (
            self.memory.compare(grid, excluding=left_out),
            self.positional.compare(grid, excluding=left_out),
        )
        members = self.calibration.members(maps, excluding=left_out)
        z = float(members.mean())
        threshold = self.calibration.threshold(excluding=left_out)
        heat_map = self.calibration.heat_map(maps)
        boxes = find_boxes(heat_map, self.calibration.box_threshold)
        usual = self.calibration.left_out(excluding=left_out)
        return Look(
            z=z,
            threshold=threshold,
            probability=probability(z, threshold),
            members={"memory": float(members[0]), "positional": float(members[1])},
            heat_map=heat_map,
            boxes=boxes,
            appearance=appearance(grid),
            signals={
                **heat_signals(heat_map, self.calibration.box_threshold),
                "margin": z - threshold,
                "disagreement": float(abs(members[0] - members[1])),
                "boxes": float(len(boxes)),
                "references": float(len(self.album.pages)),
                "usual_spread": float(usual.std()),
                "usual_most": float(usual.max()),
                "colour_shift": self.memory.colour_shift(grid),
                "template": 0.0,
            },
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fit to one file."""
        arrays = archive.nested(
            bank=self.bank.arrays(),
            memory=self.memory.arrays(),
            positional=self.positional.arrays(),
            calibration=self.calibration.arrays(),
            album=self.album.arrays(),
        )
        archive.write(path, _KIND, arrays)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Fit:
        """Read a fit that ``save`` wrote.

        Raises:
            ValueError: if the file holds no fit, or one of another version.
        """
        arrays = archive.read(path, _KIND)
        return cls(
            bank=Bank.from_arrays(archive.part(arrays, "bank")),
            memory=PatchMemory.from_arrays(archive.part(arrays, "memory")),
            positional=Positional.from_arrays(archive.part(arrays, "positional")),
            calibration=Calibration.from_arrays(archive.part(arrays, "calibration")),
            album=Album.from_arrays(archive.part(arrays, "album")),
        )
