"""Image files to pixels, safely.

Decoding goes through Pillow alone: it refuses truncated files, where OpenCV silently returns a
half-grey picture, it says nothing on stderr, and it gives the size before a pixel is decoded.
"""

import contextlib
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from math import ceil
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from reinspect.images.opening import (
    PILLOW_ERRORS,
    OtherPage,
    header,
    orientation_of,
    quiet_pillow,
    reason,
    warning_filters,
)
from reinspect.images.reading import Pixels, UnreadableImage, bytes_of, digest_at
from reinspect.images.scale import (
    CAMERA_BITS,
    SAMPLE,
    Levels,
    Raw,
    common_scale,
    levels,
    outside,
    to_8_bits,
)
from reinspect.images.tiff import read_page
from reinspect.vocabulary import MAX_PIXELS, Scale, View

# Neither a dark nor a bright part merges with it.
_BEHIND_TRANSPARENCY = 128
# EXIF orientation → what makes the picture upright.
_UPRIGHT: dict[int, Callable[[npt.NDArray[Any]], npt.NDArray[Any]]] = {
    2: lambda p: p[:, ::-1],
    3: lambda p: p[::-1, ::-1],
    4: lambda p: p[::-1],
    5: lambda p: p.transpose(1, 0, 2),
    6: lambda p: p.transpose(1, 0, 2)[:, ::-1],
    7: lambda p: p[::-1, ::-1].transpose(1, 0, 2),
    8: lambda p: p.transpose(1, 0, 2)[::-1],
}
# The picture that each thread decoded last: several tools ask for the one in hand.
_newest = threading.local()


class StoredValues(NamedTuple):
    """A picture as its file has it; planes of shape (H, W)."""

    values: npt.NDArray[Any]
    """Of colours the largest of a pixel."""
    opaque: npt.NDArray[np.bool_] | None
    """None where it has no transparency."""
    indices: npt.NDArray[np.uint8] | None
    """Into its palette, where it has one."""
    lossy: bool
    """Whether black need not be 0."""


class Loaded(NamedTuple):
    """A decoded picture with the hash of the very bytes that it was decoded from."""

    sha256: str
    pixels: Pixels
    scale: Scale | None = None
    """By which it was brought to 8 bits; none where it has no more."""
    outside: float = 0.0
    """Share of its values beyond the scale."""


def load(
    path: str | os.PathLike[str], *, scale: Scale | None = None, max_pixels: int = MAX_PIXELS
) -> Loaded:
    """Read a file once: its content hash and its picture.

    Palette, grey, CMYK and the like become BGR; EXIF rotation is applied; transparency is laid on
    mid-grey (128). Of several frames the first is taken, of pages the one that the path names
    (`scan.tif#2`), else the first.

    Args:
        path: of the file.
        scale: of pixels with more than 8 bits a channel, that of the picture's references; without
            one it is told from this picture alone.
        max_pixels: that it may have, according to its header, which is read before anything is
            decoded.

    Raises:
        UnreadableImage: no permission, missing, empty, truncated, not an image, or too large.
    """
    data = bytes_of(path, max_pixels)
    sha256 = digest_at(path, data)
    try:
        loaded = _decode(data, path, max_pixels, scale)._replace(sha256=sha256)
    except UnreadableImage as failure:
        failure.sha256 = sha256
        raise
    loaded.pixels.flags.writeable = False
    _newest.loaded = loaded
    return loaded


def read_image(
    path: str | os.PathLike[str], *, scale: Scale | None = None, max_pixels: int = MAX_PIXELS
) -> Pixels:
    """The picture in a file, as `load` decodes it."""
    return _decode(bytes_of(path, max_pixels), path, max_pixels, scale).pixels


def read_values(path: str | os.PathLike[str], *, max_pixels: int = MAX_PIXELS) -> StoredValues:
    """What a file says of each pixel, upright, with nothing scaled: for masks.

    Raises:
        UnreadableImage: as `load`.
    """
    data = bytes_of(path, max_pixels)
    with _told(path), warning_filters, quiet_pillow():
        image = header(data, path, max_pixels)
        orientation = 1 if image.format == "TIFF" else orientation_of(image)
        lossy = image.format in ("JPEG", "MPO", "AVIF")
        lossy = lossy or (image.format == "WEBP" and b"VP8 " in data[:4096])
        opaque, indices = None, None
        if _has_depth(image, data):
            raw = _deep(image, data)
            values, opaque = raw.values, None if raw.alpha is None else raw.alpha > 0
        else:
            image.load()
            if image.mode in ("P", "PA"):
                indices = np.asarray(image.getchannel(0))
            if image.has_transparency_data:
                rgba = np.asarray(image.convert("RGBA"))
                values, opaque = rgba[..., :3], rgba[..., 3] > 0
            else:
                values = np.asarray(image.convert("RGB"))
    values = values.max(axis=2) if values.ndim == 3 else values
    upright = _UPRIGHT.get(orientation, _as_it_is)

    def turned(plane: npt.NDArray[Any] | None) -> npt.NDArray[Any] | None:
        return None if plane is None else upright(plane[..., None])[..., 0]

    return StoredValues(upright(values[..., None])[..., 0], turned(opaque), turned(indices), lossy)


def _as_it_is(plane: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return plane


def levels_of(
    path: str | os.PathLike[str], *, most: int, max_pixels: int = MAX_PIXELS
) -> Levels | None:
    """What a picture has to say on the scale of its set; nothing where it has 8 bits a channel.

    Args:
        path: of the file.
        most: values at most.
        max_pixels: as for `load`.

    Raises:
        UnreadableImage: as `load`.
    """
    data = bytes_of(path, max_pixels)
    with _told(path), warning_filters, quiet_pillow():
        image = header(data, path, max_pixels)
        if not _is_plain(image, data) and _has_depth(image, data):
            return levels(_deep(image, data), most)
    return None


def scale_of(
    files: Iterable[str | os.PathLike[str]], *, max_pixels: int = MAX_PIXELS
) -> Scale | None:
    """The scale of pictures that belong together; none where all have 8 bits a channel.

    Raises:
        UnreadableImage: as `load`.
    """
    every = list(files)
    most = max(SAMPLE // max(len(every), 1), 1024)
    found = (levels_of(file, most=most, max_pixels=max_pixels) for file in every)
    return common_scale(own for own in found if own is not None)


def glance(
    path: str | os.PathLike[str],
    side: int,
    *,
    scale: Scale | None = None,
    max_pixels: int = MAX_PIXELS,
) -> Loaded:
    """As `load`, for a small picture to look at, not to measure: a JPEG is decoded in part.

    Its longer side is at least `side` pixels, if it has as many, and maybe a half, a quarter or an
    eighth of what it is in the file, which takes a quarter of the time or less.

    Raises:
        UnreadableImage: as `load`.
    """
    data = bytes_of(path, max_pixels)
    return _decode(data, path, max_pixels, scale, side)._replace(sha256=digest_at(path, data))


def read_view(view: View) -> Pixels:
    """The picture of a view, read-only; decoded once if asked for again and again.

    Raises:
        UnreadableImage: as `load`, and where the file no longer has the view's content.
    """
    newest: Loaded | None = getattr(_newest, "loaded", None)
    wanted = (view.sha256, view.scale)
    if newest is not None and wanted in ((newest.sha256, newest.scale), (newest.sha256, None)):
        return newest.pixels
    width, height = view.size or (0, 0)
    # A view with a size was read before, by a limit that somebody has set.
    loaded = load(view.path, scale=view.scale, max_pixels=max(MAX_PIXELS, width * height))
    if loaded.sha256 != view.sha256:
        raise UnreadableImage(
            view.path,
            f"content changed since it was listed (sha256 {loaded.sha256:.12}…, "
            f"was {view.sha256:.12}…)",
            "run again once nothing writes to it",
        )
    return loaded.pixels


def size_of(path: str | os.PathLike[str], *, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """(width, height) in pixels of the upright picture, from the header alone.

    Raises:
        UnreadableImage: as `load`, but a file that is truncated after its header passes.
    """
    data = bytes_of(path, max_pixels)
    with warning_filters, quiet_pillow():
        image = header(data, path, max_pixels)
        turned = image.format != "TIFF" and orientation_of(image) >= 5  # Pillow did it for TIFF
    return (image.height, image.width) if turned else (image.width, image.height)


def _decode(
    data: bytes,
    path: str | os.PathLike[str],
    max_pixels: int,
    scale: Scale | None,
    side: int | None = None,
) -> Loaded:
    """The picture, without its hash."""
    beyond = 0.0
    with _told(path):
        with warning_filters, quiet_pillow():
            image = header(data, path, max_pixels)
            orientation = orientation_of(image)
            plain = _is_plain(image, data)
            if image.format == "TIFF":
                orientation = 1  # both decoders turn these themselves
            if plain and side is not None and image.format == "JPEG":
                share = side / max(image.size)
                image.draft(None, (ceil(image.width * share), ceil(image.height * share)))
            if plain:
                used = None
            elif _has_depth(image, data):
                raw = _deep(image, data)
                used = scale or common_scale([levels(raw)]) or Scale(white=255.0)
                pixels, beyond = _scaled(raw, used), outside(raw.values, used)
            else:
                pixels, used = _odd_bgr(image), None
        if plain:  # nearly always; it gives no warnings, so other threads needn't wait
            pixels = _plain_bgr(image)
    upright = _UPRIGHT.get(orientation)
    if upright is not None:
        pixels = np.ascontiguousarray(upright(pixels))
    return Loaded("", pixels, used, beyond)


@contextlib.contextmanager
def _told(path: str | os.PathLike[str]) -> Iterator[None]:
    """What decoders raise, as what it says of the file."""
    try:
        yield
    except UnreadableImage:
        raise
    except _Unsupported as error:
        raise UnreadableImage(path, str(error), "save it with 8 or 16 bits a channel") from error
    except PILLOW_ERRORS as error:
        raise UnreadableImage(
            path, f"truncated or damaged ({reason(error)})", "copy it again"
        ) from error


class _Unsupported(Exception):  # noqa: N818 - never leaves this module
    """Pixels of a kind that can't be read."""


def _is_plain(image: Image.Image, data: bytes) -> bool:
    plain = image.mode in ("RGB", "L") and image.format in ("JPEG", "MPO", "PNG", "BMP")
    return plain and not image.has_transparency_data and not _is_cut(image, data)


def _has_depth(image: Image.Image, data: bytes) -> bool:
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


def _plain_bgr(image: Image.Image) -> Pixels:
    pixels = np.asarray(image)
    code = cv2.COLOR_GRAY2BGR if pixels.ndim == 2 else cv2.COLOR_RGB2BGR
    return np.asarray(cv2.cvtColor(pixels, code), np.uint8)


def _odd_bgr(image: Image.Image) -> Pixels:
    image.load()
    if image.has_transparency_data:
        rgba = np.asarray(image.convert("RGBA"), np.uint8)
        return _on_grey(np.asarray(cv2.cvtColor(rgba, cv2.COLOR_RGBA2BGRA), np.uint8))
    return _plain_bgr(image.convert("RGB"))


def _deep(image: Image.Image, data: bytes) -> Raw:
    """The values of a picture with more than 8 bits a channel."""
    image.load()  # complains about truncated data, which OpenCV below would accept
    declared = _declared(image, data)
    if image.format == "TIFF" and (stored := read_page(data, image.tell())) is not None:
        opaque = None if stored.alpha is None else _opaque(stored.alpha)
        return Raw(stored.values, opaque, declared)
    if isinstance(image, OtherPage):
        raise _Unsupported("a TIFF of a kind that is unknown")
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
        raise _Unsupported(f"colour of more than 8 bits a channel in a {image.format} of this kind")
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


def _scaled(raw: Raw, scale: Scale) -> Pixels:
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
