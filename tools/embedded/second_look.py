"""The second look: evidence that the first look did not have, and where exactly the defect is.

Two witnesses, each calibrated like the first look by leaving out one reference at a time:

- ``hi_res`` sees finer detail, and asks how far the worst place stands out from the rest of the
  same image.  It needs no correspondence between images, so it also serves textures.
- ``aligned`` lays the references that look most like the image over it, and asks how well they
  fit and what colours differ.  It is only heard where the references can be laid over each other.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from reinspect.tools.embedded import archive
from reinspect.tools.embedded.album import Album
from reinspect.tools.embedded.alignment import (
    Aligned,
    align,
    difference,
    move_whole,
    nearest,
    shared_structure,
)
from reinspect.tools.embedded.boxes import spot_strength, tighten
from reinspect.tools.embedded.features import CELL, Bank, Floats, Pixels, resize
from reinspect.tools.embedded.fit import Fit
from reinspect.tools.embedded.look import Look
from reinspect.tools.embedded.positional import (
    Positional,
    resample,
    smooth,
    whiten,
    window_distances,
)
from reinspect.tools.embedded.scoring import (
    DOUBT,
    DOUBT_OF_ONE,
    Box,
    Calibration,
    find_boxes,
    probability,
    standardise,
    statistics,
)
from reinspect.tools.embedded.variation import vary

HI_RES = "hi_res"
ALIGNED = "aligned"

_FINE_SIDE = 640.0  # square root of the working area of the hi-res look
_REACH = 3  # cells that a part may be displaced in the hi-res look
_SHARE = 0.02  # of the cells, whose strongest are compared with the rest of the map
_BLUR = 0.8  # cells
_NEIGHBOURS = 4  # references laid over an image
_STRUCTURE = 0.37  # shared by references that can be laid over each other, see Abreast
_STAND_INS = 5  # besides a single reference
_KIND = "reinspect second look 2"
_ABREAST = "reinspect references abreast"

Embed = Callable[[Pixels], Floats]
"""What an image, BGR uint8 (H, W, 3) of any size, looks like: a vector (n,), near that of another
that looks alike."""


@dataclass(frozen=True, slots=True)
class Witness:
    """One independent piece of new evidence."""

    name: str
    z: float
    """Score among the references, each left out in turn, in standard deviations."""
    threshold: float
    """z above which the witness calls the image anomalous."""
    probability: float
    """P(anomalous) by this witness alone; exactly 0.5 at ``z == threshold``."""
    heat_map: Floats
    """(rows, columns) of cells, in units of the references' spread."""
    box_threshold: float
    """Heat above which a place may be boxed."""

    @property
    def boxes(self) -> tuple[Box, ...]:
        """Where it is hot: x1, y1, x2, y2 in [0, 1], and score; strongest first."""
        return find_boxes(self.heat_map, self.box_threshold)


@dataclass(frozen=True, slots=True)
class FineMemory:
    """Positional memory at finer detail than the first look's."""

    bank: Bank
    positional: Positional
    calibration: Calibration

    @classmethod
    def learn(cls, images: Sequence[Pixels], rng: np.random.Generator, doubt: float) -> FineMemory:
        """Learn from at least two good images of any size."""
        fine = [resize(image, _FINE_SIDE) for image in images]
        bank = Bank.learn(fine, rng)
        grids = [bank.describe(image) for image in fine]
        positional = Positional.learn(grids, rng)
        maps = [_distances(positional, grid, index) for index, grid in enumerate(grids)]
        scores = np.stack([_contrast(_unusual(positional, plane)) for plane in maps])
        return cls(bank, positional, _calibrate(maps, scores, doubt))

    def look(self, image: Pixels, *, excluding: int | None = None) -> Witness:
        """Look at an image, BGR uint8 (H, W, 3); ``excluding`` is a page of the album."""
        grid = self.bank.describe(resize(image, _FINE_SIDE))
        plane = _distances(self.positional, grid, excluding)
        own = _contrast(_unusual(self.positional, plane))
        return _judge(HI_RES, own, plane, self.calibration, excluding)


@dataclass(frozen=True, slots=True)
class Abreast:
    """The references at their working size, to be laid over an image."""

    references: tuple[Pixels, ...]
    appearances: Floats  # (k, features)
    structure: float
    """Fine structure that any reference shares with the best of the others, in [-1, 1]."""
    calibration: Calibration
    embed: Embed
    """What gave the appearances."""

    @classmethod
    def learn(cls, images: Sequence[Pixels], doubt: float, embed: Embed) -> Abreast:
        """Learn from at least two good images of any size."""
        references = tuple(resize(image) for image in images)
        appearances = np.stack([embed(image) for image in images])
        planes, scores, structures = [], [], []
        for index, image in enumerate(references):
            own = appearances[index]
            others = _lay_over(image, own, references, appearances, _NEIGHBOURS, index)
            planes.append(_cells(difference(image, others)))
            scores.append(_misfit(planes[-1], others))
            structures.append(shared_structure(image, others))
        calibration = _calibrate(planes, np.array(scores), doubt)
        return cls(references, appearances, min(structures), calibration, embed)

    @classmethod
    def from_album(cls, album: Album, embed: Embed, *, seed: int = 0) -> Abreast:
        """Fit to the references of an album, alike by a network's embedding."""
        images, doubt = _references(album, np.random.default_rng(seed))
        return cls.learn(images, doubt, embed)

    @property
    def comparable(self) -> bool:
        """Whether every reference can be laid over another.

        Textures can't: what differs then is chance, and flipped as many right labels as wrong.
        The bound lies between what pictures of one texture (magnetic tiles, 0.19 to 0.31 over
        three draws) and of the least regular objects (cookies, 0.43 to 0.48) were seen to share.
        """
        return self.structure >= _STRUCTURE

    def lay_over(
        self, image: Pixels, *, own: Floats | None = None, excluding: int | None = None
    ) -> tuple[Aligned, ...]:
        """Lay the most similar references over an image, the best fitting first.

        Only the most similar one where they aren't ``comparable``: to show it.

        Args:
            image: BGR uint8 (H, W, 3), of any size.
            own: its appearance, where it is known already.
            excluding: page of the album to leave out because it is this very image.
        """
        count = _NEIGHBOURS if self.comparable else 1
        own = self.embed(image) if own is None else own
        return _lay_over(resize(image), own, self.references, self.appearances, count, excluding)

    def look(
        self, image: Pixels, others: Sequence[Aligned], *, excluding: int | None = None
    ) -> Witness:
        """Compare an image with what ``lay_over`` gave."""
        plane = _cells(difference(resize(image), others))
        return _judge(ALIGNED, _misfit(plane, others), plane, self.calibration, excluding)

    def arrays(self) -> archive.Arrays:
        """Return what ``from_arrays`` needs, appearances among it: an embedding is dear."""
        return archive.nested(
            references={f"{page:02d}": image for page, image in enumerate(self.references)},
            aligned=self.calibration.arrays(),
            numbers={
                "structure": np.array(self.structure),
                "appearances": self.appearances,
            },
        )

    @classmethod
    def from_arrays(cls, arrays: archive.Arrays, embed: Embed) -> Abreast:
        """Rebuild from ``arrays()``; ``embed`` is what gave the appearances."""
        numbers, pages = archive.part(arrays, "numbers"), archive.part(arrays, "references")
        return cls(
            tuple(np.asarray(pages[page], np.uint8) for page in sorted(pages)),
            np.asarray(numbers["appearances"], np.float32),
            float(np.asarray(numbers["structure"], np.float64)),
            Calibration.from_arrays(archive.part(arrays, "aligned")),
            embed,
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write them to one file."""
        archive.write(path, _ABREAST, self.arrays())

    @classmethod
    def load(cls, path: str | os.PathLike[str], embed: Embed) -> Abreast:
        """Read what ``save`` wrote; ``embed`` is what gave the appearances.

        Raises:
            ValueError: if the file holds no such references, or of another version.
        """
        return cls.from_arrays(archive.read(path, _ABREAST), embed)


@dataclass(frozen=True, slots=True)
class SecondFit:
    """What both witnesses need, computed once. Immutable; safe to share between threads."""

    hi_res: FineMemory
    abreast: Abreast
    usual_spot: float
    """How strongly a spot stands out in a good image, see ``boxes.spot_strength``."""

    @classmethod
    def from_fit(cls, fit: Fit, *, seed: int = 0) -> SecondFit:
        """Fit to the references that the first look keeps; takes about 0.5 s a reference."""
        rng = np.random.default_rng(seed)
        images, doubt = _references(fit.album, rng)
        hi_res = FineMemory.learn(images, rng, doubt)
        abreast = Abreast.learn(images, doubt, fit.bank.appearance)
        spots = []
        for page, image in enumerate(images):
            grid = fit.bank.describe(resize(image))
            maps = [own.compare(grid, excluding=page) for own in (fit.memory, fit.positional)]
            heat = fit.calibration.heat_map(maps)
            fine = hi_res.look(image, excluding=page).heat_map
            spots.append(spot_strength(image, (heat, fine)))
        return cls(hi_res, abreast, float(np.median(spots)))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fit to one file."""
        arrays = archive.nested(
            bank=self.hi_res.bank.arrays(),
            positional=self.hi_res.positional.arrays(),
            hi_res=self.hi_res.calibration.arrays(),
            numbers={"usual_spot": np.array(self.usual_spot)},
        )
        archive.write(path, _KIND, arrays | self.abreast.arrays())

    @classmethod
    def load(cls, path: str | os.PathLike[str], fit: Fit) -> SecondFit:
        """Read what ``save`` wrote; ``fit`` is what it was made from.

        Raises:
            ValueError: if the file holds no such fit, or one of another version.
        """
        arrays = archive.read(path, _KIND)
        hi_res = FineMemory(
            Bank.from_arrays(archive.part(arrays, "bank")),
            Positional.from_arrays(archive.part(arrays, "positional")),
            Calibration.from_arrays(archive.part(arrays, "hi_res")),
        )
        abreast = Abreast.from_arrays(arrays, fit.bank.appearance)
        numbers = archive.part(arrays, "numbers")
        return cls(hi_res, abreast, float(np.asarray(numbers["usual_spot"], np.float64)))


def laid_over(image: Pixels, reference: Pixels) -> Pixels | None:
    """A reference moved onto an image, at the image's size; none where it can't be.

    That is so of textures, and of parts that lie otherwise than the reference does: they share no
    fine structure when it is laid over them as well as it goes.
    """
    small = resize(image)
    found = align(small, resize(reference))
    if shared_structure(small, (found,)) < _STRUCTURE:
        return None
    return move_whole(found, reference, (image.shape[1], image.shape[0]))


def locate(
    image: Pixels, first: Look, second: SecondFit, witnesses: Iterable[Witness]
) -> tuple[Box, ...]:
    """Draw tight boxes where the first look and the witnesses agree that something is wrong.

    Worth doing for every image that is called anomalous, looked at twice or not: without the
    ``hi_res`` witness the first look's boxes are returned, which are much too large.
    """
    heat = {witness.name: witness.heat_map for witness in witnesses}
    if HI_RES not in heat or by_template(first):
        return first.boxes
    return tighten(
        image, (first.heat_map, heat[HI_RES]), heat.get(ALIGNED), usual_spot=second.usual_spot
    )


def by_template(first: Look) -> bool:
    """Whether the first look compared with a template, so that looking closer adds nothing."""
    return first.signals.get("template", 0.0) > 0


def _references(album: Album, rng: np.random.Generator) -> tuple[list[Pixels], float]:
    """The references of an album, a single one with stand-ins, and how sure they make."""
    images = album.images()
    if len(images) > 1:
        return images, DOUBT
    return images + vary(images[0], _STAND_INS, rng), DOUBT_OF_ONE


def _lay_over(
    image: Pixels,
    own: Floats,
    references: Sequence[Pixels],
    appearances: Floats,
    count: int,
    excluding: int | None,
) -> tuple[Aligned, ...]:
    chosen = nearest(own, appearances, count, excluding=excluding)
    laid = [align(image, references[index], index) for index in chosen]
    return tuple(sorted(laid, key=lambda other: -other.correlation))


def _distances(positional: Positional, grid: Floats, excluding: int | None) -> Floats:
    """Distance of each cell to the nearest reference's: on the grid of ``positional``.

    Not in units of what is usual at its place, unlike ``Positional.compare``: that is better for
    a verdict, but would move the hottest cells to the quietest places, off the defect.
    """
    shape = (positional.offset.shape[0], positional.offset.shape[1])
    references = positional.references
    if excluding is not None:
        references = np.delete(references, excluding, axis=0)
    planes = whiten(resample(grid, shape), positional.whitening)
    return np.asarray(window_distances(planes, references, _REACH).min(axis=0), np.float32)


def _unusual(positional: Positional, distances: Floats) -> Floats:
    return np.asarray((distances - positional.offset) / positional.spread, np.float32)


def _contrast(plane: Floats) -> NDArray[np.float64]:
    """How far the strongest 2 % of a map stand out from all of it: (1,)."""
    values = np.sort(smooth(plane, _BLUR), axis=None).astype(np.float64)
    strongest = values[-max(3, int(len(values) * _SHARE)) :]
    return np.array([strongest.mean() - values.mean()])


def _misfit(plane: Floats, others: Sequence[Aligned]) -> NDArray[np.float64]:
    """Statistics of the colour difference, and how badly the references fit: (4,)."""
    fits = np.array([other.correlation for other in others])
    badness = np.log(1 - np.minimum([fits.max(), fits.mean()], 0.9999))
    return np.concatenate([statistics(plane), badness])


def _cells(pixels: Floats) -> Floats:
    rows, columns = pixels.shape
    return np.asarray(
        cv2.resize(pixels, (columns // CELL, rows // CELL), interpolation=cv2.INTER_AREA),
        np.float32,
    )


def _calibrate(planes: Sequence[Floats], scores: NDArray[np.float64], doubt: float) -> Calibration:
    """Calibrate on leave-one-out maps, scored (k, statistics) in another way than usual."""
    learned = Calibration.learn([[plane] for plane in planes], doubt=doubt)
    return replace(learned, scores=scores.reshape(len(scores), 1, -1))


def _judge(
    name: str,
    own: NDArray[np.float64],
    plane: Floats,
    calibration: Calibration,
    excluding: int | None,
) -> Witness:
    usual = calibration.scores[:, 0]
    if excluding is not None:
        usual = np.delete(usual, excluding, axis=0)
    z = float(standardise(own, usual, calibration.doubt).mean())
    threshold = calibration.threshold(excluding=excluding)
    heat = (plane - calibration.centres[0]) / calibration.spreads[0]
    chance, hot = probability(z, threshold), calibration.box_threshold
    return Witness(name, z, threshold, chance, np.asarray(heat, np.float32), hot)
