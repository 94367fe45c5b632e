"""Raw pictures (DNG), developed alike: what a sensor caught as colours, by LibRaw."""

import io
import os
import struct
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from reinspect.images.reading import UnreadableImage

DNG_VERSION = 50706
"""The tag that makes a TIFF a DNG."""

FULL = 65535.0
"""The full scale of what is developed: where the sensor is at its own."""

# Nothing that depends on the picture: neither brightness nor white balance, lest parts that differ
# come out alike, or parts that are alike differ. Daylight's balance is the camera's own.
_ALIKE: dict[str, Any] = {
    "output_bps": 16,
    "no_auto_bright": True,
    "adjust_maximum_thr": 0.0,
    "use_camera_wb": False,
    "use_auto_wb": False,
}


class RawPicture(Image.Image):
    """A DNG by its header; its values are developed by `developed`."""

    format = "DNG"

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__()
        self._mode, self._size = "F", size

    def seek(self, frame: int) -> None:
        """There is one picture in it.

        Raises:
            EOFError: another one is asked for.
        """
        if frame:
            raise EOFError(frame)

    def getexif(self) -> Image.Exif:
        """Nothing: it is turned when it is developed."""
        return Image.Exif()

    def load(self) -> None:
        """Nothing."""


def is_raw(data: bytes) -> bool:
    """Whether these bytes are of a DNG; of its beginning enough of them to hold the first tags."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(data[:4])
    if order is None:
        return False
    try:
        (at,) = struct.unpack_from(f"{order}I", data, 4)
        (count,) = struct.unpack_from(f"{order}H", data, at)
        tags = (struct.unpack_from(f"{order}H", data, at + 2 + 12 * n)[0] for n in range(count))
        return any(tag == DNG_VERSION for tag in tags)
    except struct.error:
        return False


def raw_header(data: bytes, path: str | os.PathLike[str]) -> RawPicture:
    """The size of the upright picture, with nothing developed yet.

    Raises:
        UnreadableImage: LibRaw is not there, or can't read it.
    """
    try:
        import rawpy
    except ImportError as failure:
        raise UnreadableImage(
            path,
            "a raw picture (DNG) needs rawpy",
            "pip install 'reinspect[raw]', or develop it to TIFF or JPEG",
        ) from failure
    try:
        with rawpy.imread(io.BytesIO(data)) as raw:
            sizes = raw.sizes
    except rawpy.LibRawError as failure:
        raise _refused(path, failure) from failure
    turned = sizes.flip in (5, 6)
    size = (sizes.iheight, sizes.iwidth) if turned else (sizes.iwidth, sizes.iheight)
    return RawPicture(size)


def developed(data: bytes, path: str | os.PathLike[str]) -> npt.NDArray[np.uint16]:
    """The upright picture (H, W, 3) in BGR order, of sRGB's primaries and BT.709's curve.

    Black and white are those of the sensor; the balance is that of daylight.

    Raises:
        UnreadableImage: LibRaw can't read it.
    """
    import rawpy

    try:
        with rawpy.imread(io.BytesIO(data)) as raw:
            found = np.asarray(raw.postprocess(**_ALIKE), np.uint16)
    except rawpy.LibRawError as failure:
        raise _refused(path, failure) from failure
    if found.shape[2] == 1:
        found = np.repeat(found, 3, axis=2)
    return np.ascontiguousarray(found[..., 2::-1])


def _refused(path: str | os.PathLike[str], failure: Exception) -> UnreadableImage:
    said = " ".join(str(arg.decode() if isinstance(arg, bytes) else arg) for arg in failure.args)
    return UnreadableImage(
        path, f"a raw picture that can't be read ({said})", "develop it to TIFF or JPEG"
    )
