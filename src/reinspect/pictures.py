"""Pictures out: heat-maps, comparisons, the files of a run."""

import os
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from reinspect.files import digest_of, write_file
from reinspect.images import Pixels, one_line
from reinspect.vocabulary import Picture

HEAT_MAP = "heat-map"
"""What a picture of a map `shows`: 16-bit grey, see `Pictures.save_map`."""

BESIDE = "beside-reference"
"""What a picture of a part beside the good part that it was compared with `shows`."""

_LOWEST, _STEP = -8.0, 1 / 1024  # z of black, and of one grey level: up to z = 56

Heat = npt.NDArray[np.floating[Any]]


# The same for all images, so that maps can be compared: what z-scores of normal parts reach now and
# then is not coloured, and what only clear defects reach is brightest.
COOL, HOT = 2.0, 8.0


def heat_map_picture(
    image: Pixels, heat: npt.NDArray[np.floating[Any]], *, low: float, high: float
) -> Pixels:
    """A map (any height, any width) laid over its picture, in the picture's size.

    `low` and below leaves the picture as it is, `high` and above is the strongest colour; both are
    given by the caller, so that a harmless picture doesn't glow for lack of anything hotter.

    Raises:
        ValueError: `low` is not below `high`.
    """
    height, width = image.shape[:2]
    colours, weight = _coloured(heat, (width, height), low, high)
    laid: Pixels = np.rint(image * (1 - weight) + colours * weight).astype(np.uint8)
    return laid


def heat_map_layer(
    heat: npt.NDArray[np.floating[Any]], size: tuple[int, int], *, low: float, high: float
) -> Pixels:
    """What `heat_map_picture` lays over a picture: BGRA uint8, of this width and height.

    Raises:
        ValueError: `low` is not below `high`.
    """
    colours, weight = _coloured(heat, size, low, high)
    return np.dstack([colours, np.rint(255 * weight).astype(np.uint8)])


def _coloured(
    heat: npt.NDArray[np.floating[Any]], size: tuple[int, int], low: float, high: float
) -> tuple[Pixels, npt.NDArray[np.float32]]:
    """Colours of a map at this width and height, and how much each covers: (H, W, 1), to 1."""
    if not low < high:
        raise ValueError(f"heat-map range from {low!r} to {high!r} is empty")
    shares = np.clip((np.nan_to_num(heat.astype(np.float32)) - low) / (high - low), 0, 1)
    shares = np.asarray(cv2.resize(shares, size, interpolation=cv2.INTER_LINEAR))
    colours = cv2.applyColorMap((255 * shares).astype(np.uint8), cv2.COLORMAP_INFERNO)
    return np.asarray(colours, np.uint8), (0.75 * np.sqrt(shares))[..., None]


def side_by_side(*pictures: Pixels) -> Pixels:
    """Pictures in a row, scaled to the height of the tallest, with a thin white line between.

    Raises:
        ValueError: there are none.
    """
    if not pictures:
        raise ValueError("side_by_side needs at least one picture")
    height = max(picture.shape[0] for picture in pictures)
    line = np.full((height, max(2, height // 150), 3), 255, np.uint8)
    row: list[Pixels] = []
    for picture in pictures:
        width = max(1, round(picture.shape[1] * height / picture.shape[0]))
        scaled = cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR)
        row += [np.asarray(scaled, np.uint8), line]
    return np.concatenate(row[:-1], axis=1)


def write_image(path: str | os.PathLike[str], image: npt.NDArray[Any], *, quality: int = 90) -> str:
    """Write a `.png` or `.jpg` file whole or not at all; its folder is made. Returns its SHA-256.

    Raises:
        ValueError: another suffix.
        WriteError: the disk is full or read-only.
    """
    path = Path(path)
    options = {".png": [], ".jpg": [cv2.IMWRITE_JPEG_QUALITY, quality]}.get(path.suffix.lower())
    if options is None:
        raise ValueError(f"{one_line(str(path))}: write .png or .jpg, not {path.suffix!r}")
    data = cv2.imencode(path.suffix.lower(), image, options)[1].tobytes()
    write_file(path, data, durable=False)
    return digest_of(data)


class Pictures:
    """Writes the pictures of a run as `folder/ab/abcdef….<shows>.jpg` (`.png` where exact)."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)

    def save(self, image: Pixels, *, shows: str, key: str, exact: bool = False) -> Picture:
        """Write one picture.

        `key` is the SHA-256 of what it was made from, `shows` a short name such as `crop`; the
        same pair replaces its file. The path in the answer is relative to the folder's parent.
        An exact one is a PNG, a JPEG else.

        Raises:
            ValueError: a key or name that makes no safe file name.
            OSError: the disk is full or read-only.
        """
        return self._written(image, shows, key, ".png" if exact else ".jpg")

    def save_map(self, heat: Heat, *, key: str) -> Picture:
        """Write a map of z-scores (rows, columns) as 16-bit grey PNG; `read_map` reads it back.

        A file of few kilobytes serves as picture and as data: a grey level is 1/1024 of a standard
        deviation, black is z = −8, and what lies outside −8 … 56 is cut.

        Raises:
            ValueError, OSError: as `save`.
        """
        levels = np.clip(np.rint((np.nan_to_num(heat) - _LOWEST) / _STEP), 0, 65535)
        return self._written(levels.astype(np.uint16), HEAT_MAP, key, ".png")

    def keep(self, name: str, content: bytes) -> None:
        """Write a picture that was made elsewhere, by its name in the folder.

        Raises:
            ValueError: the name leads out of the folder.
            OSError: the disk is full or read-only.
        """
        if not re.fullmatch(r"[0-9a-f]{2}/[0-9a-f]{16}\.[a-z0-9][a-z0-9_.-]*", name):
            raise ValueError(f"picture {name!r} is not named as pictures of a run are")
        write_file(self.folder / name, content, durable=False)

    def _written(self, image: npt.NDArray[Any], shows: str, key: str, suffix: str) -> Picture:
        if not re.fullmatch(r"[0-9a-f]{16,64}", key):
            raise ValueError(f"key {key!r} is not a SHA-256 in lower-case hex")
        if not re.fullmatch(r"[a-z0-9][a-z0-9_.-]*", shows):
            raise ValueError(f"picture name {shows!r} is not lower-case letters, digits, _ . -")
        path = self.folder / key[:2] / f"{key[:16]}.{shows}{suffix}"
        sha256 = write_image(path, image)
        relative = path.relative_to(self.folder.parent).as_posix()
        return Picture(path=relative, sha256=sha256, shows=shows)


def read_map(path: str | os.PathLike[str]) -> npt.NDArray[np.float32]:
    """The z-scores (rows, columns) of a map that `Pictures.save_map` wrote, to 1/1024.

    Raises:
        ValueError: the file is missing, or holds no such map.
    """
    data = np.frombuffer(Path(path).read_bytes(), np.uint8) if Path(path).is_file() else None
    levels = None if data is None else cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    if levels is None or levels.dtype != np.uint16 or levels.ndim != 2:
        raise ValueError(f"{one_line(os.fspath(path))}: no heat-map")
    return (levels.astype(np.float32) * np.float32(_STEP) + np.float32(_LOWEST)).astype(np.float32)
