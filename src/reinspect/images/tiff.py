"""Pages of TIFF files as they are stored, for what Pillow or OpenCV read wrongly, or not at all.

OpenCV takes separate planes for one, neither minds that white may be 0 beyond 8 bits, and colours
of floats are unknown to both.
"""

import io
import itertools
import logging
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from reinspect.images.raw import DNG_VERSION

# It tells of odd tags by the log, which would reach stderr.
logging.getLogger("tifffile").addHandler(logging.NullHandler())

_UPRIGHT = {
    2: lambda v: v[:, ::-1],
    3: lambda v: v[::-1, ::-1],
    4: lambda v: v[::-1],
    5: lambda v: v.swapaxes(0, 1),
    6: lambda v: v.swapaxes(0, 1)[:, ::-1],
    7: lambda v: v[::-1, ::-1].swapaxes(0, 1),
    8: lambda v: v.swapaxes(0, 1)[::-1],
}


class TiffPage(NamedTuple):
    """What a page holds, upright."""

    values: npt.NDArray[Any]
    """(H, W), or (H, W, 3) in BGR order."""
    alpha: npt.NDArray[Any] | None
    """(H, W)."""


def size_of_page(data: bytes, page: int) -> tuple[int, int] | None:
    """(width, height) of a page, from 0; None where it can't be read."""
    import tifffile

    try:
        with tifffile.TiffFile(io.BytesIO(data)) as tiff:
            own = tiff.pages[page]
            return int(own.imagewidth), int(own.imagelength)
    except Exception:  # noqa: BLE001 - of many decoders; the caller has words of its own
        return None


def subfile_types(path: str, most: int) -> list[int]:
    """The NewSubfileType of each page, of so many at most; of none where it can't be read."""
    import tifffile

    kinds: list[int] = []
    try:
        with tifffile.TiffFile(path) as tiff:
            if DNG_VERSION in tiff.pages[0].tags:  # a raw picture, whose pages are previews
                return [0]
            places: set[int] = set()
            for page in itertools.islice(tiff.pages, most):
                if page.offset in places:  # a damaged file whose pages go round
                    break
                places.add(page.offset)
                kinds.append(int(page.subfiletype))
    except Exception:  # noqa: BLE001 - as above
        return kinds
    return kinds


def read_page(data: bytes, page: int) -> TiffPage | None:
    """A page, from 0; None where its compression or its colours are unknown here."""
    import tifffile

    try:
        with tifffile.TiffFile(io.BytesIO(data)) as tiff:
            own = tiff.pages[page]
            photometric, planes = int(own.photometric), int(own.planarconfig or 1)
            turned = own.tags.get(274)
            orientation = int(turned.value) if turned is not None else 1
            values = np.asarray(own.asarray())
            bits = int(own.bitspersample or 8 * values.dtype.itemsize)
    except Exception:  # noqa: BLE001 - as above
        return None
    if values.ndim == 3 and planes == 2:
        values = np.moveaxis(values, 0, -1)
    values = np.squeeze(values, axis=2) if values.ndim == 3 and values.shape[2] == 1 else values
    if photometric == 0 and values.dtype.kind == "u":
        values = (2**bits - 1) - values
    if photometric not in (0, 1, 2) or values.ndim not in (2, 3):
        return None
    values = _UPRIGHT.get(orientation, np.asarray)(values)
    if values.ndim == 2:
        return TiffPage(np.ascontiguousarray(values), None)
    channels = values.shape[2]
    if photometric != 2 or channels not in (3, 4):
        return None
    alpha = np.ascontiguousarray(values[..., 3]) if channels == 4 else None
    return TiffPage(np.ascontiguousarray(values[..., 2::-1]), alpha)
