"""The eye: a small network that compares an image with good references, calibrated on them.

It was trained on drawn parts alone (`docs/eye.md`), so it is a witness that shares neither
features nor mistakes with the first look. Like the other witnesses it is calibrated by leaving
out one reference at a time.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from reinspect.references import evenly_spaced
from reinspect.tools.comparator.network import (
    SCALES,
    ComparatorNetwork,
    ComparedQuery,
    ImageFeatures,
)
from reinspect.tools.embedded import archive
from reinspect.tools.embedded.album import Album
from reinspect.tools.embedded.features import Floats, Pixels, check_image
from reinspect.tools.embedded.positional import smooth
from reinspect.tools.embedded.scoring import (
    DOUBT,
    DOUBT_OF_ONE,
    Calibration,
    probability,
    standardise,
)
from reinspect.tools.embedded.second_look import Witness
from reinspect.tools.embedded.variation import vary

EYE = "eye"

Halves = NDArray[np.float16]

MAX_REFERENCES = 8
"""References compared with; more cost time in proportion, and the network learned with eight."""

_SIDE = 256.0  # square root of the working area
_STEP = 16  # the sides are multiples of it
_SHORTEST = 64  # side of a thin image
_MEMORY = 3200  # places of all references that are compared with everywhere, scale by scale
_CELL = 4  # pixels a cell of the maps that are scored
_LEAST_DEVIATION = 0.08  # of grey values in [0, 1]: flatter references aren't stretched further
_STAND_INS = 5  # besides a single reference
_ALL_KEPT = -1
_REACH = 5.0  # cells over which what is usual at a place is averaged
_FLOOR = 0.25  # of the spread of all cells: no place is quieter than that
_LEAST_SPREAD = 1e-3
_SHARE = 0.002  # of the cells, whose strongest are compared with the rest of the map
_FEWEST = 3  # cells
_BLUR = 0.8  # cells
_KIND = "reinspect eye by place"


@dataclass(frozen=True, slots=True)
class ComparatorFit:
    """What the eye remembers of the references. Immutable; safe to share between threads."""

    size: tuple[int, int]
    """(width, height) at which everything is seen."""
    level: tuple[float, float]
    """Mean and standard deviation of the references' values in [0, 1]."""
    pages: tuple[int, ...]
    """Page of the fit's album that each reference is; none for stand-ins."""
    features: tuple[Halves, ...]
    """Per scale (K, channels, rows, columns)."""
    usual: tuple[Halves, ...]
    """Distances (K, rows, columns) of each reference from the others."""
    maps: Floats
    """What is scored of each reference left out: (K, members, rows, columns) of cells."""
    calibration: Calibration

    @classmethod
    def from_album(
        cls, album: Album, network: ComparatorNetwork, *, seed: int = 0
    ) -> ComparatorFit:
        """Look at the references of an album.

        A single reference is joined by stand-ins for the others (see ``variation``).
        """
        pages = tuple(evenly_spaced(len(album.pages), MAX_REFERENCES))
        images = [album.image(page) for page in pages]
        alone = len(images) == 1
        if alone:
            images += vary(images[0], _STAND_INS, np.random.default_rng(seed))
        size = _working_size(images)
        small = [_resized(image, size) for image in images]
        values = np.stack(small).astype(np.float32) / 255
        level = (float(values.mean()), max(_LEAST_DEVIATION, float(values.std())))
        seen = [network.see(_standardised(image, level)) for image in small]
        features = tuple(
            _as_kept(np.concatenate(planes))
            for planes in zip(*(one.features for one in seen), strict=True)
        )
        everyone = range(len(seen))
        found = [
            network.judge(one, *_without(features, index), None).distances
            for index, one in enumerate(seen)
        ]
        usual = tuple(_as_kept(np.stack(planes)) for planes in zip(*found, strict=True))
        judged = [_judged(network, seen[i], features, usual, i) for i in everyone]
        maps = _as_kept(np.stack([_maps(one) for one in judged])).astype(np.float32)
        own = [_standing_out(maps[i], np.delete(maps, i, axis=0)) for i in everyone]
        learned = Calibration.learn(list(maps), doubt=DOUBT_OF_ONE if alone else DOUBT)
        calibration = replace(learned, scores=np.stack(own))
        kept = pages + (_ALL_KEPT,) * (len(images) - len(pages))
        return cls(size, level, kept, features, usual, maps, calibration)

    def look(
        self, image: Pixels, network: ComparatorNetwork, *, excluding: int | None = None
    ) -> Witness:
        """Look at an image, BGR uint8 (H, W, 3), of any size.

        Args:
            image: the image to judge.
            network: the weights that the fit was made with.
            excluding: page of the album to leave out because it is this very image.
        """
        index = self.pages.index(excluding) if excluding in self.pages else None
        small = _resized(check_image(image), self.size)
        seen = network.see(_standardised(small, self.level))
        maps = _maps(_judged(network, seen, self.features, self.usual, index))
        left, scores = self.maps, self.calibration.scores
        if index is not None:
            left, scores = np.delete(left, index, axis=0), np.delete(scores, index, axis=0)
        own = _standing_out(maps, left)
        z = float(standardise(own, scores, self.calibration.doubt).mean())
        threshold = self.calibration.threshold(excluding=index)
        heat = self.calibration.heat_map(list(maps))
        chance, hot = probability(z, threshold), self.calibration.box_threshold
        return Witness(EYE, z, threshold, chance, heat, hot)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fit to one file."""
        arrays = archive.nested(
            numbers={
                "size": np.array(self.size),
                "level": np.array(self.level),
                "pages": np.array(self.pages),
                "maps": self.maps.astype(np.float16),
            },
            features={f"{n}": plane for n, plane in enumerate(self.features)},
            usual={f"{n}": plane for n, plane in enumerate(self.usual)},
            calibration=self.calibration.arrays(),
        )
        archive.write(path, _KIND, arrays)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> ComparatorFit:
        """Read a fit that ``save`` wrote.

        Raises:
            ValueError: if the file holds no such fit, or one of another version.
        """
        arrays = archive.read(path, _KIND)
        numbers = archive.part(arrays, "numbers")
        width, height = (int(side) for side in np.asarray(numbers["size"], np.int64))
        mean, deviation = (float(value) for value in np.asarray(numbers["level"], np.float64))
        return cls(
            size=(width, height),
            level=(mean, deviation),
            pages=tuple(int(page) for page in np.asarray(numbers["pages"], np.int64)),
            features=_ordered(archive.part(arrays, "features")),
            usual=_ordered(archive.part(arrays, "usual")),
            maps=np.asarray(numbers["maps"], np.float32),
            calibration=Calibration.from_arrays(archive.part(arrays, "calibration")),
        )


def _as_kept(plane: Floats) -> Halves:
    """In half precision, in memory as in the file: a fit sees the same before it is saved."""
    return plane.astype(np.float16)


def _ordered(arrays: dict[str, NDArray[np.generic]]) -> tuple[Halves, ...]:
    return tuple(np.asarray(arrays[name], np.float16) for name in sorted(arrays))


def _working_size(images: Sequence[Pixels]) -> tuple[int, int]:
    """(width, height) of the usual shape among images, at the working area."""
    ratio = float(np.median([image.shape[1] / image.shape[0] for image in images])) ** 0.5
    sides = (max(_SHORTEST, round(side / _STEP) * _STEP) for side in (_SIDE * ratio, _SIDE / ratio))
    width, height = sides
    return min(width, 1024), min(height, 1024)


def _resized(image: Pixels, size: tuple[int, int]) -> Pixels:
    shrinks = image.shape[0] * image.shape[1] > size[0] * size[1]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, size, interpolation=how), np.uint8)


def _standardised(image: Pixels, level: tuple[float, float]) -> Floats:
    values = (image.astype(np.float32) / 255 - np.float32(level[0])) / np.float32(level[1])
    return np.ascontiguousarray(values.transpose(2, 0, 1)[None])


def _without(features: Sequence[Halves], index: int | None) -> tuple[list[Floats], list[Floats]]:
    """References to compare with, and the memory of them, all but one."""
    others = [_all_but(index, plane) for plane in features]
    memory = []
    for plane in others[2:]:
        places = plane.reshape(*plane.shape[:2], -1)
        step = max(1, -(-places.shape[2] * len(places) // _MEMORY))
        memory.append(np.ascontiguousarray(places[..., ::step]))
    return others, memory


def _all_but(index: int | None, plane: Halves) -> Floats:
    left = plane if index is None else np.delete(plane, index, axis=0)
    return left.astype(np.float32)


def _judged(
    network: ComparatorNetwork,
    seen: ImageFeatures,
    features: Sequence[Halves],
    usual: Sequence[Halves],
    index: int | None,
) -> ComparedQuery:
    left = [_all_but(index, plane) for plane in usual]
    return network.judge(seen, *_without(features, index), [plane.mean(axis=0) for plane in left])


def _maps(judged: ComparedQuery) -> Floats:
    """What the network decided, and how far the references are: (members, rows, columns)."""
    rows, columns = (side * SCALES[0] // _CELL for side in judged.log_odds.shape)
    planes = [cv2.resize(judged.log_odds, (columns, rows), interpolation=cv2.INTER_AREA)]
    # The other scales and reaches are no better on real parts, alone or beside these.
    for scale in (8, 16):
        near = judged.distances[SCALES.index(scale)]
        planes.append(cv2.resize(near, (columns, rows), interpolation=cv2.INTER_LINEAR))
    return np.stack(planes).astype(np.float32)


def _standing_out(maps: Floats, usual: Floats) -> NDArray[np.float64]:
    """How far a map's strongest cells stand out from the rest of it: (members, 1).

    Cells count in units of what is usual at their place (K, members, rows, columns): a rim that
    differs from piece to piece is no defect. Against the rest of the map, since a piece that is
    brighter or lies differently is a little unusual everywhere.
    """
    scores = []
    for plane, others in zip(maps, usual.swapaxes(0, 1), strict=True):
        spread = np.sqrt(smooth(others.var(axis=0), _REACH))
        spread += np.float32(_FLOOR * others.std() + _LEAST_SPREAD)
        unusual = (plane - smooth(others.mean(axis=0), _REACH)) / spread
        cells = np.sort(smooth(unusual, _BLUR), axis=None).astype(np.float64)
        count = min(len(cells), max(_FEWEST, int(len(cells) * _SHARE)))
        scores.append([cells[-count:].mean() - cells.mean()])
    return np.array(scores)
