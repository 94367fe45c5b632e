"""No references at all: the other images of a folder stand in for them, defects included.

Most images of a folder agree about each place, so an image is compared, place by place, with the
third of the sample that resembles it most there. What is usual is estimated from the shortest half
of the sample's scores (Rousseeuw & Leroy, 1988), which stays put until half the sample is bad.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from reinspect.tools.embedded import archive
from reinspect.tools.embedded.album import Album
from reinspect.tools.embedded.features import Bank, Floats, Pixels, check_image, resize
from reinspect.tools.embedded.look import Look, heat_signals
from reinspect.tools.embedded.positional import (
    learn_whitening,
    resample,
    smooth,
    whiten,
    window_distances,
)
from reinspect.tools.embedded.scoring import (
    DOUBT,
    Calibration,
    find_boxes,
    probability,
    statistics,
)

MAX_SAMPLE = 32
"""Images beyond these are thinned out, evenly."""
THRESHOLD = 1.25
"""z above which an image is called anomalous: a compromise between 5 % and 50 % of defects."""

_KIND = "reinspect folder look"
_ALIKE = 3  # an image is compared with a third of the sample, the most alike at each place
_TO_SIGMA = 1 / 0.6745  # half-length of a Gaussian's middle half, in standard deviations
_PRIOR_WEIGHT = 3  # images which the prior spread is worth


@dataclass(frozen=True, slots=True)
class FolderFit:
    """What was learned from a sample of the folder. Immutable; safe to share between threads."""

    bank: Bank
    whitening: Floats  # (features, components)
    references: Floats  # (k, components, rows, columns)
    offset: Floats  # (rows, columns) half the usual distance
    spread: Floats  # (rows, columns) of the distance
    scores: NDArray[np.float64]  # (k, statistics), each image among the others
    calm: Calibration  # of the half of the sample with the lowest scores
    album: Album

    @classmethod
    def from_references(cls, images: Sequence[Pixels], *, seed: int = 0) -> FolderFit:
        """Fit to a fixed sample of the folder, BGR uint8 (H, W, 3), of any sizes, best 24 to 32.

        Raises:
            ValueError: with fewer than two images, or if one is not a BGR uint8 image.
        """
        if len(images) < 2:
            raise ValueError(f"a folder must hold at least 2 images, got {len(images)}")
        rng = np.random.default_rng(seed)
        album = Album.collect(images, MAX_SAMPLE)
        small = [resize(image) for image in album.images()]
        if len(small) == 1:  # nothing but copies
            small *= 2
        bank = Bank.learn(small, rng)
        grids = [bank.describe(image) for image in small]
        rows, columns = np.median([grid.shape[:2] for grid in grids], axis=0)
        grids = [resample(grid, (int(rows), int(columns))) for grid in grids]
        whitening = learn_whitening(grids, rng)
        references = np.stack([whiten(grid, whitening) for grid in grids])
        left_out = np.stack(
            [
                _distance(own, np.delete(references, index, axis=0))
                for index, own in enumerate(references)
            ]
        )
        usual = np.median(left_out, axis=0)
        deviation = np.median(np.abs(left_out - usual), axis=0) * np.float32(_TO_SIGMA)
        offset = 0.5 * smooth(usual, 1.5)
        floor = np.float32(0.25 * left_out.std() + 0.02 * np.sqrt(whitening.shape[1]))
        spread = np.sqrt(smooth(deviation, 2) + floor)
        maps = (left_out - offset) / spread
        scores = np.array([statistics(plane) for plane in maps])
        calm = np.argsort(scores.mean(axis=1), kind="stable")[: len(scores) // 2 + 1]
        calibration = Calibration.learn([[maps[index]] for index in calm])
        return cls(bank, whitening, references, offset, spread, scores, calibration, album)

    def look(self, image: Pixels, *, excluding: int | None = None) -> Look:
        """Look at an image, BGR uint8 (H, W, 3).

        Args:
            image: the image to judge; its size may differ from the sample's.
            excluding: index, in ``from_references``' order, of the sample's image that it is.

        Raises:
            ValueError: if the image is not a BGR uint8 image, or there is no such index.
        """
        grid = self.bank.describe(resize(check_image(image)))
        page = None if excluding is None else self.album.position(excluding)
        references, scores = self.references, self.scores
        if page is not None:
            references = np.delete(references, page, axis=0)
            scores = np.delete(scores, page, axis=0)
        shape = (self.offset.shape[0], self.offset.shape[1])
        planes = whiten(resample(grid, shape), self.whitening)
        plane = (_distance(planes, references) - self.offset) / self.spread
        centre, scale = _shortest_half(scores)
        z = float(((statistics(plane) - centre) / scale).mean())
        own = ((scores - centre) / scale).mean(axis=1)
        size = (grid.shape[1], grid.shape[0])
        heat_map = np.asarray(cv2.resize(self.calm.heat_map([plane]), size), np.float32)
        boxes = find_boxes(heat_map, self.calm.box_threshold)
        return Look(
            z=z,
            threshold=THRESHOLD,
            probability=probability(z, THRESHOLD),
            members={"folder": z},
            heat_map=heat_map,
            boxes=boxes,
            signals={
                **heat_signals(heat_map, self.calm.box_threshold),
                "margin": z - THRESHOLD,
                "disagreement": 0.0,
                "boxes": float(len(boxes)),
                "references": float(len(references)),
                "usual_spread": float(own.std()),
                "usual_most": float(own.max()),
                "colour_shift": 0.0,
                "template": 0.0,
            },
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fit to one file."""
        arrays = archive.nested(
            bank=self.bank.arrays(),
            folder={
                "whitening": self.whitening,
                "references": self.references,
                "offset": self.offset,
                "spread": self.spread,
                "scores": self.scores,
            },
            calm=self.calm.arrays(),
            album=self.album.arrays(),
        )
        archive.write(path, _KIND, arrays)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> FolderFit:
        """Read a fit that ``save`` wrote.

        Raises:
            ValueError: if the file holds no such fit, or one of another version.
        """
        arrays = archive.read(path, _KIND)
        own = archive.part(arrays, "folder")
        return cls(
            bank=Bank.from_arrays(archive.part(arrays, "bank")),
            whitening=np.asarray(own["whitening"], np.float32),
            references=np.asarray(own["references"], np.float32),
            offset=np.asarray(own["offset"], np.float32),
            spread=np.asarray(own["spread"], np.float32),
            scores=np.asarray(own["scores"], np.float64),
            calm=Calibration.from_arrays(archive.part(arrays, "calm")),
            album=Album.from_arrays(archive.part(arrays, "album")),
        )


def _distance(planes: Floats, references: Floats) -> Floats:
    """Mean distance to the third of the references that is nearest at each place."""
    count = max(1, len(references) // _ALIKE)
    distances = np.sort(window_distances(planes, references), axis=0)
    return np.asarray(distances[:count].mean(axis=0), np.float32)


def _shortest_half(
    scores: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centre and scale of the densest half of the scores (k, statistics): each (statistics,)."""
    ordered = np.sort(scores, axis=0)
    count = len(ordered)
    half = count // 2 + 1
    lengths = ordered[half - 1 :] - ordered[: count - half + 1]
    starts = lengths.argmin(axis=0)
    each = np.arange(scores.shape[1])
    length, start = lengths[starts, each], ordered[starts, each]
    centre = start + length / 2
    prior = _PRIOR_WEIGHT * (DOUBT * np.maximum(np.abs(centre), 0.05)) ** 2
    own = count * (length / 2 * _TO_SIGMA) ** 2
    return centre, np.sqrt((own + prior) / (count + _PRIOR_WEIGHT))
