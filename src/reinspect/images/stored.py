"""Pixels as files store them: whether they have more than 8 bits, how they become BGR."""

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from reinspect.images.opening import PILLOW_ERRORS, OtherPage, reason
from reinspect.images.raw import FULL, RawPicture, developed
from reinspect.images.reading import Pixels, UnreadableImage
from reinspect.images.scale import CAMERA_BITS, Raw, to_8_bits
from reinspect.images.tiff import read_page
from reinspect.vocabulary import Scale

# Neither a dark nor a bright part merges with it.
_BEHIND_TRANSPARENCY = 128
# EXIF orientation → what makes the picture upright.
UPRIGHT: dict[int, Callable[[npt.NDArray[Any]], npt.NDArray[Any]]] = {
    2: lambda p: p[:, ::-1],
    3: lambda p: p[::-1, ::-1],
    4: lambda p: p[::-1],
    5: lambda p: p.transpose(1, 0, 2),
    6: lambda p: p.transpose(1, 0, 2)[:, ::-1],
    7: lambda p: p[::-1, ::-1].transpose(1, 0, 2),
    8: lambda p: p.transpose(1, 0, 2)[::-1],
}


def as_it_is(plane: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return plane


@contextlib.contextmanager
def told(path: str | os.PathLike[str]) -> Iterator[None]:
    """What decoders raise, as what it says of the file."""
    try:
        yield
    except UnreadableImage:
        raise
    except Unsupported as error:
        raise UnreadableImage(path, str(error), "save it with 8 or 16 bits a channel") from error
    except PILLOW_ERRORS as error:
        raise UnreadableImage(
            path, f"truncated or damaged ({reason(error)})", "copy it again"
        ) from error


class Unsupported(Exception):  # noqa: N818 - never leaves this module
    """Pixels of a kind that can't be read."""


def is_plain(image: Image.Image, data: bytes) -> bool:
    plain = image.mode in ("RGB", "L") and image.format in ("JPEG", "MPO", "PNG", "BMP")
    return plain and not image.has_transparency_data and not _is_cut(image, data)


def has_depth(image: Image.Image, data: bytes) -> bool:
    """Whether it has more than 8 bits a channel."""
    return image.mode.startswith("I") or image.mode == "F" or _is_cut(image, data)


def _is_cut(image: Image.Image, data: bytes) -> bool:
    """Whether Pillow would silently cut 16-bit channels to their upper 8 bits."""
    if image.mode.startswith("I"):
        return False
    if image.format == "PNG":
        return data[24] == 16
    if image.format == "TIFF":
        bits: tuple[int, ...] = image.tag_v2.get(258, (8,))  # type: ignore[attr-defined]
        return max(bits) > 8 and image.mode != "F"
    return False


def plain_bgr(image: Image.Image) -> Pixels:
    pixels = np.asarray(image)
    code = cv2.COLOR_GRAY2BGR if pixels.ndim == 2 else cv2.COLOR_RGB2BGR
    return np.asarray(cv2.cvtColor(pixels, code), np.uint8)


def odd_bgr(image: Image.Image) -> Pixels:
    image.load()
    if image.has_transparency_data:
        rgba = np.asarray(image.convert("RGBA"), np.uint8)
        return _on_grey(np.asarray(cv2.cvtColor(rgba, cv2.COLOR_RGBA2BGRA), np.uint8))
    return plain_bgr(image.convert("RGB"))


def deep(image: Image.Image, data: bytes, path: str | os.PathLike[str]) -> Raw:
    """The values of a picture with more than 8 bits a channel."""
    if isinstance(image, RawPicture):
        return Raw(developed(data, path), declared=FULL)
    image.load()  # complains about truncated data, which OpenCV below would accept
    declared = _declared(image, data)
    if image.format == "TIFF" and (stored := read_page(data, image.tell())) is not None:
        opaque = None if stored.alpha is None else _opaque(stored.alpha)
        return Raw(stored.values, opaque, declared)
    if isinstance(image, OtherPage):
        raise Unsupported("a TIFF of a kind that is unknown")
    if not _is_cut(image, data):
        return Raw(np.asarray(image), declared=declared)
    if image.format == "PNG":
        data = _bare_png(data)
    pixels, page = None, image.tell()
    level = cv2.utils.logging.setLogLevel(0)
    try:
        _, pages = cv2.imdecodemulti(
            np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED, range=(page, page + 1)
        )
        pixels = pages[0] if pages else None
    finally:
        cv2.utils.logging.setLogLevel(level)
    if pixels is None or pixels.ndim != 3 or pixels.dtype != np.uint16:
        raise Unsupported(f"colour of more than 8 bits a channel in a {image.format} of this kind")
    if pixels.shape[2] == 4:  # transparency always has the full scale
        alpha = (pixels[..., 3] // 257).astype(np.uint8)
        return Raw(pixels[..., :3], alpha, declared)
    return Raw(pixels, declared=declared)


def _opaque(alpha: npt.NDArray[Any]) -> Pixels:
    full = np.iinfo(alpha.dtype).max if alpha.dtype.kind in "iu" else 1.0
    return to_8_bits(alpha, Scale(white=float(full)))


def _declared(image: Image.Image, data: bytes) -> float | None:
    """The full scale that a file's tags claim: significant bits, or the largest sample's value."""
    if image.format in ("PPM", "JPEG2000"):
        return 65535.0  # their decoder has brought them there
    if image.format == "PNG":
        at = data.find(b"sBIT", 0, 4096)
        return None if at < 0 else float(2 ** data[at + 4] - 1)
    if image.format == "TIFF":
        claimed = image.tag_v2.get(281) or image.tag_v2.get(341)  # type: ignore[attr-defined]
        highest = max(claimed) if isinstance(claimed, tuple) else claimed
        # Some writers say what the brightest pixel of the picture is.
        if highest is not None and highest in {2**bits - 1 for bits in CAMERA_BITS}:
            return float(highest)
    return None


def scaled(raw: Raw, scale: Scale) -> Pixels:
    pixels = to_8_bits(raw.values, scale)
    if pixels.ndim == 2:
        return np.repeat(pixels[..., None], 3, axis=2)
    if raw.alpha is None:
        return pixels
    return _on_grey(np.concatenate([pixels, raw.alpha[..., None]], axis=2))


def _bare_png(data: bytes) -> bytes:
    """The PNG without its metadata, about some of which OpenCV's decoder complains on stderr."""
    kept, at = [data[:8]], 8
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        if data[at + 4 : at + 8] in (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"):
            kept.append(data[at:end])
        at = end
    return b"".join(kept)


def _on_grey(bgra: Pixels) -> Pixels:
    alpha = bgra[..., 3:].astype(np.float32) / 255
    laid = bgra[..., :3] * alpha + _BEHIND_TRANSPARENCY * (1 - alpha)
    pixels: Pixels = np.rint(laid).astype(np.uint8)
    return pixels
