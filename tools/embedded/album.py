"""The references themselves, kept compressed for looks that need their pixels again."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from reinspect.references import evenly_spaced
from reinspect.tools.embedded import archive, near_copies
from reinspect.tools.embedded.features import Pixels, check_image

MAX_PIXELS = 1_000_000
"""Larger references are kept shrunk to this many pixels."""

_QUALITY = 95
_NOT_KEPT = -1
_KIND = "reinspect album"


@dataclass(frozen=True, slots=True)
class Album:
    """Distinct references as JPEG, and where each given image went."""

    pages: tuple[bytes, ...]
    positions: NDArray[np.int32]  # (given,) page of each given image, or -1
    copies: NDArray[np.int32]  # (given,) how many given images are that one, itself included

    @classmethod
    def collect(cls, images: Sequence[Pixels], limit: int, *, near: bool = False) -> Album:
        """Keep at most ``limit`` distinct images, evenly spaced in the order given.

        Exact copies are kept once: they would make the references look more alike than parts are.

        Args:
            images: BGR uint8 (H, W, 3), of any sizes.
            limit: of those kept.
            near: whether near-copies (see ``near_copies``) are kept once, too.
        """
        keys, looks = [], {}
        for image in images:
            keys.append(key := _key(check_image(image)))
            if near and key not in looks:
                looks[key] = near_copies.look(image)
        firsts = _firsts(looks)
        keys = [firsts.get(key, key) for key in keys]
        distinct = list(dict.fromkeys(keys))
        spaced = evenly_spaced(len(distinct), limit)
        kept = {distinct[index]: page for page, index in enumerate(spaced)}
        pages = tuple(_encode(images[keys.index(key)]) for key in kept)
        positions = np.array([kept.get(key, _NOT_KEPT) for key in keys], np.int32)
        copies = np.array([keys.count(key) for key in keys], np.int32)
        return cls(pages, positions, copies)

    def image(self, page: int) -> Pixels:
        """Decode one kept reference: BGR uint8 (H, W, 3)."""
        buffer = np.frombuffer(self.pages[page], np.uint8)
        return np.asarray(cv2.imdecode(buffer, cv2.IMREAD_COLOR), np.uint8)

    def images(self) -> list[Pixels]:
        """Decode every kept reference."""
        return [self.image(page) for page in range(len(self.pages))]

    def given(self, page: int) -> int:
        """The index of a given image that a page holds; of a stand-in, which has none, 0."""
        found = np.flatnonzero(self.positions == page)
        return int(found[0]) if len(found) else 0

    def position(self, given: int) -> int | None:
        """Return the page to leave out for the given image, or None if none holds it alone.

        An image of which a copy was given too stays: leaving one out leaves the other.

        Raises:
            ValueError: if no image has this index, or leaving it out would leave none.
        """
        if not 0 <= given < len(self.positions):
            raise ValueError(f"there is no reference {given}, only {len(self.positions)}")
        page = int(self.positions[given])
        if page == _NOT_KEPT or self.copies[given] > 1:
            return None
        if len(self.pages) == 1:
            raise ValueError(f"leaving out reference {given} leaves none")
        return page

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the album to one file."""
        archive.write(path, _KIND, self.arrays())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Album:
        """Read what ``save`` wrote.

        Raises:
            ValueError: if the file holds no album, or one of another version.
        """
        return cls.from_arrays(archive.read(path, _KIND))

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return what ``from_arrays`` needs."""
        return {
            "bytes": np.frombuffer(b"".join(self.pages), np.uint8),
            "ends": np.cumsum([len(page) for page in self.pages]),
            "positions": self.positions,
            "copies": self.copies,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> Album:
        """Rebuild an album from ``arrays()``."""
        data = np.asarray(arrays["bytes"], np.uint8).tobytes()
        ends = [int(end) for end in np.asarray(arrays["ends"], np.int64)]
        pages = tuple(data[start:end] for start, end in zip([0, *ends], ends, strict=False))
        return cls(
            pages, np.asarray(arrays["positions"], np.int32), np.asarray(arrays["copies"], np.int32)
        )


def _firsts(looks: Mapping[str, NDArray[np.uint8]]) -> dict[str, str]:
    """Each near-copy → what it is a copy of, by what ``near_copies`` tells them by."""
    names = list(looks)
    groups = near_copies.copies(np.stack(list(looks.values()))) if looks else ()
    return {names[again]: names[first] for first, *others in groups for again in others}


def _key(image: Pixels) -> str:
    digest = hashlib.sha256(repr(image.shape).encode())
    digest.update(np.ascontiguousarray(image).tobytes())
    return digest.hexdigest()


def _encode(image: Pixels) -> bytes:
    height, width = image.shape[:2]
    scale = np.sqrt(MAX_PIXELS / (height * width))
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    options = [
        cv2.IMWRITE_JPEG_QUALITY, _QUALITY,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    ]  # fmt: skip
    encoded, data = cv2.imencode(".jpg", image, options)
    if not encoded:
        raise ValueError(f"cannot keep an image of shape {image.shape}")
    return bytes(data)
