"""Images in: safe decoding, crops, masks as run lengths, boxes from masks.

A picture is a `uint8` array of shape (height, width, 3) in BGR order, upright.

Decoding goes through Pillow alone: it refuses truncated files, where OpenCV silently returns a
half-grey picture, it says nothing on stderr, and it gives the size before a pixel is decoded.
"""

import io
import os
import stat
import struct
import threading
import warnings
from collections.abc import Callable
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError
from pycocotools import mask as coco

from reinspect.errors import ReinspectError
from reinspect.files import digest_of
from reinspect.vocabulary import Box, Rle, View

Pixels = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

SUFFIXES = frozenset(
    {".bmp", ".gif", ".jp2", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
)
"""File names that are taken for images when a folder is searched, lower case."""

MAX_PIXELS = 100_000_000

# An allow list: Pillow also opens EPS, WMF and others, which start programs or parse far more.
_FORMATS = ("JPEG", "PNG", "TIFF", "BMP", "WEBP", "GIF", "PPM", "JPEG2000")
# Neither a dark nor a bright part merges with it.
_BEHIND_TRANSPARENCY = 128
# EXIF orientation → what makes the picture upright.
_UPRIGHT: dict[int, Callable[[Pixels], Pixels]] = {
    2: lambda p: p[:, ::-1],
    3: lambda p: p[::-1, ::-1],
    4: lambda p: p[::-1],
    5: lambda p: p.transpose(1, 0, 2),
    6: lambda p: p.transpose(1, 0, 2)[:, ::-1],
    7: lambda p: p[::-1, ::-1].transpose(1, 0, 2),
    8: lambda p: p.transpose(1, 0, 2)[::-1],
}
_PILLOW_ERRORS = (
    OSError,
    ValueError,
    SyntaxError,
    TypeError,
    KeyError,
    IndexError,
    OverflowError,
    EOFError,
    MemoryError,
    struct.error,
    Image.DecompressionBombError,
)
# The picture that each thread decoded last: several tools ask for the one in hand.
_newest = threading.local()
# Filters of warnings are global to the process; two threads that swap them restore wrong ones.
warning_filters = threading.Lock()
"""Held by whoever swaps filters of warnings."""


class UnreadableImage(ReinspectError, ValueError):  # noqa: N818 - it names the image, not a fault of ours
    """A file that can't be inspected. One line: where, what, what to do.

    `sha256` is of the bytes that are no picture; none where not even these could be read.
    """

    def __init__(self, path: str | os.PathLike[str], what: str, remedy: str) -> None:
        super().__init__(path, what, remedy)
        self.path = os.fspath(path)
        self.what = what
        self.remedy = remedy
        self.sha256: str | None = None

    def __str__(self) -> str:
        # repr keeps a name with a newline, or with bytes that are no text, on one printable line.
        return f"{one_line(self.path)}: {self.what}; {self.remedy}"


class Loaded(NamedTuple):
    """A decoded picture with the hash of the very bytes that it was decoded from."""

    sha256: str
    pixels: Pixels


def one_line(text: str) -> str:
    """`text` itself where it prints as one line, else its quoted and escaped form."""
    return text if text.isprintable() else repr(text)


def legible(text: str) -> str:
    """`text` with the bytes that are no text escaped: they would break every file it goes into."""
    return text.encode("utf-8", "backslashreplace").decode()


def load(path: str | os.PathLike[str], *, max_pixels: int = MAX_PIXELS) -> Loaded:
    """Read a file once: its content hash and its picture.

    Palette, grey, CMYK and the like become BGR; EXIF rotation is applied; transparency is laid on
    mid-grey (128). Pixels of 16 bits are divided by a fixed full scale that depends on this picture
    alone: 4095 if no value exceeds it (12-bit cameras store into 16 bits), else 65535. Of several
    frames or pages the first is taken.

    Raises:
        UnreadableImage: no permission, missing, empty, truncated, not an image, or more than
            `max_pixels` pixels according to its header, which is read before anything is decoded.
    """
    data = _read(path, max_pixels)
    sha256 = digest_of(data)
    try:
        loaded = Loaded(sha256, _decode(data, path, max_pixels))
    except UnreadableImage as failure:
        failure.sha256 = sha256
        raise
    loaded.pixels.flags.writeable = False
    _newest.loaded = loaded
    return loaded


def read_image(path: str | os.PathLike[str], *, max_pixels: int = MAX_PIXELS) -> Pixels:
    """The picture in a file, as `load` decodes it."""
    return _decode(_read(path, max_pixels), path, max_pixels)


def glance(path: str | os.PathLike[str], side: int, *, max_pixels: int = MAX_PIXELS) -> Loaded:
    """As `load`, for a small picture to look at, not to measure: a JPEG is decoded in part.

    Its longer side is at least `side` pixels, if it has as many, and maybe a half, a quarter or an
    eighth of what it is in the file, which takes a quarter of the time or less.

    Raises:
        UnreadableImage: as `load`.
    """
    data = _read(path, max_pixels)
    return Loaded(digest_of(data), _decode(data, path, max_pixels, side))


def read_view(view: View) -> Pixels:
    """The picture of a view, read-only; decoded once if asked for again and again.

    Raises:
        UnreadableImage: as `load`, and where the file no longer has the view's content.
    """
    newest: Loaded | None = getattr(_newest, "loaded", None)
    if newest is not None and newest.sha256 == view.sha256:
        return newest.pixels
    loaded = load(view.path)
    if loaded.sha256 != view.sha256:
        raise UnreadableImage(
            view.path,
            f"content changed since it was listed (sha256 {loaded.sha256:.12}…, "
            f"was {view.sha256:.12}…)",
            "run again once nothing writes to it",
        )
    return loaded.pixels


def read_mask(path: str | os.PathLike[str]) -> Mask:
    """A mask file as booleans (height, width): True where the picture is not black.

    Raises:
        UnreadableImage: as `load`.
    """
    mask: Mask = read_image(path).max(axis=2) > 0
    return mask


def size_of(path: str | os.PathLike[str]) -> tuple[int, int]:
    """(width, height) in pixels of the upright picture, from the header alone.

    Raises:
        UnreadableImage: as `load`, but a file that is truncated after its header passes.
    """
    data = _read(path, MAX_PIXELS)
    with warning_filters, _quiet_pillow():
        image = _header(data, path, MAX_PIXELS)
        turned = image.format != "TIFF" and _orientation(image) >= 5  # Pillow did it for TIFF
    return (image.height, image.width) if turned else (image.width, image.height)


def sha256_of(path: str | os.PathLike[str]) -> str:
    """The hex SHA-256 of a file's bytes.

    Raises:
        UnreadableImage: the file can't be read, is empty or too large for an image.
    """
    return digest_of(_read(path, MAX_PIXELS))


def _read(path: str | os.PathLike[str], max_pixels: int) -> bytes:
    path = Path(path)
    try:
        # Asked before opening: a named pipe would wait for a writer, for ever.
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableImage(path, *_why_no_file(path))
        # Four channels of 16 bits without compression, and room for metadata.
        if status.st_size > 8 * max_pixels + (64 << 20):
            megapixels = f"{max_pixels / 1e6:g} megapixels"
            raise UnreadableImage(
                path,
                f"{status.st_size / 1e6:.0f} MB is more than an image of {megapixels} takes",
                "scale it down or leave it out",
            )
        data = path.read_bytes()
    except OSError as error:
        raise UnreadableImage(path, *_why_unread(path, error)) from error
    if not data:
        raise UnreadableImage(path, "the file is empty", "copy it again")
    return data


def _why_no_file(path: Path) -> tuple[str, str]:
    if not path.is_dir():
        return "is not a regular file", "give an image file"
    try:
        next(path.iterdir(), None)
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        return f"the folder can't be listed ({reason})", "change its permissions"
    return "is a folder", "give an image file"


def _why_unread(path: Path, error: OSError) -> tuple[str, str]:
    match error:
        case FileNotFoundError() if path.is_symlink():
            target = one_line(str(path.readlink()))
            return f"broken link to {target}", "repair or remove the link"
        case FileNotFoundError():
            return "no such file", "check the path"
        case PermissionError():
            return "no permission to read it", "change its permissions"
    return (error.strerror or type(error).__name__).lower(), "check the path and the disk"


class _quiet_pillow(warnings.catch_warnings):  # noqa: N801 - used like a function
    """Keeps Pillow's warnings about odd metadata off stderr. Enter only under `warning_filters`."""

    def __enter__(self) -> None:
        super().__enter__()
        warnings.filterwarnings("ignore", module=r"PIL\.")


def _header(data: bytes, path: str | os.PathLike[str], max_pixels: int) -> Image.Image:
    """The image with nothing decoded yet."""
    Image.preinit()
    if not set(_FORMATS) <= set(Image.OPEN):
        Image.init()
    for name in _FORMATS:
        # `Image.open` would judge the size by a limit that is global to the process.
        factory: Callable[[io.BytesIO, str], Image.Image]
        factory, accepts = Image.OPEN[name]
        if accepts is None or accepts(data[:16]) is not True:
            continue
        try:
            image = factory(io.BytesIO(data), "")
        except UnidentifiedImageError:
            continue
        except _PILLOW_ERRORS as error:
            raise UnreadableImage(
                path, f"damaged {name} header ({_reason(error)})", "copy it again"
            ) from error
        if image.width * image.height > max_pixels:
            raise UnreadableImage(
                path,
                f"{image.width}×{image.height} pixels ({image.width * image.height / 1e6:.0f} "
                f"megapixels) is over the limit of {max_pixels / 1e6:g} megapixels",
                "scale it down or cut it into tiles",
            )
        return image
    raise UnreadableImage(
        path, f"not an image that can be read ({', '.join(_FORMATS)})", "convert it or leave it out"
    )


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(0x0112, 1))
    except _PILLOW_ERRORS:  # a damaged EXIF block says nothing about the pixels
        return 1


def _decode(
    data: bytes, path: str | os.PathLike[str], max_pixels: int, side: int | None = None
) -> Pixels:
    try:
        with warning_filters, _quiet_pillow():
            image = _header(data, path, max_pixels)
            orientation = _orientation(image)
            plain = image.mode in ("RGB", "L") and image.format in ("JPEG", "MPO", "PNG", "BMP")
            plain = plain and not image.has_transparency_data and not _is_deep(image, data)
            if image.format == "TIFF":
                orientation = 1  # both decoders turn these themselves
            if plain and side is not None and image.format == "JPEG":
                scale = side / max(image.size)
                image.draft(None, (ceil(image.width * scale), ceil(image.height * scale)))
            pixels = None if plain else _odd_bgr(image, data)
        if pixels is None:  # nearly always; it gives no warnings, so other threads needn't wait
            pixels = _plain_bgr(image)
    except UnreadableImage:
        raise
    except _Unsupported as error:
        raise UnreadableImage(path, str(error), "save it with 8 or 16 bits a channel") from error
    except _PILLOW_ERRORS as error:
        raise UnreadableImage(
            path, f"truncated or damaged ({_reason(error)})", "copy it again"
        ) from error
    upright = _UPRIGHT.get(orientation)
    return pixels if upright is None else np.ascontiguousarray(upright(pixels))


class _Unsupported(Exception):  # noqa: N818 - never leaves this module
    """Pixels of a kind that has no agreed scale."""


def _is_deep(image: Image.Image, data: bytes) -> bool:
    """Whether Pillow would silently cut 16-bit channels to their upper 8 bits."""
    if image.mode.startswith("I"):
        return False
    if image.format == "PNG":
        return data[24] == 16
    if image.format == "TIFF":
        bits: tuple[int, ...] = image.tag_v2.get(258, (8,))  # type: ignore[attr-defined]
        return max(bits) > 8
    return False


def _plain_bgr(image: Image.Image) -> Pixels:
    pixels = np.asarray(image)
    code = cv2.COLOR_GRAY2BGR if pixels.ndim == 2 else cv2.COLOR_RGB2BGR
    return np.asarray(cv2.cvtColor(pixels, code), np.uint8)


def _odd_bgr(image: Image.Image, data: bytes) -> Pixels:
    image.load()  # complains about truncated data, which OpenCV below would accept
    if image.mode.startswith("I") or image.mode == "F":
        return np.repeat(_to_8_bits(np.asarray(image))[..., None], 3, axis=2)
    if _is_deep(image, data):
        return _deep_bgr(image, data)
    if image.has_transparency_data:
        rgba = np.asarray(image.convert("RGBA"), np.uint8)
        return _on_grey(np.asarray(cv2.cvtColor(rgba, cv2.COLOR_RGBA2BGRA), np.uint8))
    return _plain_bgr(image.convert("RGB"))


def _deep_bgr(image: Image.Image, data: bytes) -> Pixels:
    if image.format == "PNG":
        data = _bare_png(data)
    level = cv2.utils.logging.setLogLevel(0)
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    finally:
        cv2.utils.logging.setLogLevel(level)
    if pixels is None or pixels.ndim != 3 or pixels.dtype != np.uint16:
        raise _Unsupported(f"colour of more than 8 bits a channel in a {image.format} of this kind")
    if pixels.shape[2] == 4:  # the scale is that of the colours; transparency always has the full
        colours, alpha = _to_8_bits(pixels[..., :3]), pixels[..., 3:] // 257
        return _on_grey(np.concatenate([colours, alpha.astype(np.uint8)], axis=2))
    return _to_8_bits(pixels)


def _bare_png(data: bytes) -> bytes:
    """The PNG without its metadata, about some of which OpenCV's decoder complains on stderr."""
    kept, at = [data[:8]], 8
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        if data[at + 4 : at + 8] in (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"):
            kept.append(data[at:end])
        at = end
    return b"".join(kept)


def _to_8_bits(values: npt.NDArray[Any]) -> Pixels:
    lowest, highest = values.min(), values.max()
    if values.dtype.kind not in "iu" or lowest < 0 or highest > 65535:
        raise _Unsupported(f"pixels of type {values.dtype} from {lowest:g} to {highest:g}")
    scale = 255 / (4095 if highest <= 4095 else 65535)
    scaled: Pixels = np.rint(values * np.float32(scale)).astype(np.uint8)
    return scaled


def _on_grey(bgra: Pixels) -> Pixels:
    alpha = bgra[..., 3:].astype(np.float32) / 255
    laid = bgra[..., :3] * alpha + _BEHIND_TRANSPARENCY * (1 - alpha)
    pixels: Pixels = np.rint(laid).astype(np.uint8)
    return pixels


def to_pixels(box: Box, width: int, height: int) -> tuple[int, int, int, int]:
    """The smallest (x1, y1, x2, y2) in whole pixels, half-open, that holds the normalised box.

    Never empty: a box thinner than a pixel gives that pixel.
    """
    # Rounded first, so that a box that came from whole pixels goes back to the same ones.
    x1, y1 = (int(np.floor(round(v, 6))) for v in (box[0] * width, box[1] * height))
    x2, y2 = (int(np.ceil(round(v, 6))) for v in (box[2] * width, box[3] * height))
    x1, y1 = min(max(x1, 0), width - 1), min(max(y1, 0), height - 1)
    return x1, y1, max(min(x2, width), x1 + 1), max(min(y2, height), y1 + 1)


def from_pixels(corners: tuple[float, float, float, float], width: int, height: int) -> Box:
    """The normalised box of pixel corners, half-open, cut to the picture.

    Raises:
        ValueError: nothing of it lies within the picture.
    """
    xs = [min(max(float(v) / width, 0.0), 1.0) for v in corners[::2]]
    ys = [min(max(float(v) / height, 0.0), 1.0) for v in corners[1::2]]
    if not (xs[0] < xs[1] and ys[0] < ys[1]):
        raise ValueError(f"box {tuple(corners)} is empty in a picture of {width}×{height} pixels")
    return Box(xs[0], ys[0], xs[1], ys[1])


class Crop(NamedTuple):
    """A cut-out and where it lies in the picture (normalised)."""

    pixels: Pixels
    box: Box


def crop(image: Pixels, box: Box, *, margin: float = 0.0, least: int = 1) -> Crop:
    """Cut out a box with context.

    `margin` is added on every side, as a share of the box's longer side; the cut-out is widened to
    `least` pixels a side where the picture has them. The pixels are a copy.
    """
    height, width = image.shape[:2]
    x1, y1, x2, y2 = to_pixels(box, width, height)
    extra = margin * max(x2 - x1, y2 - y1)
    sides = []
    for low, high, limit in ((x1, x2, width), (y1, y2, height)):
        length = min(max(high - low + 2 * extra, least), limit)
        # Shifted inwards at the border: context on one side only beats a smaller cut-out.
        start = min(max((low + high - length) / 2, 0), limit - length)
        sides.append((int(np.floor(start)), min(int(np.ceil(start + length)), limit)))
    (x1, x2), (y1, y2) = sides
    return Crop(image[y1:y2, x1:x2].copy(), from_pixels((x1, y1, x2, y2), width, height))


def encode_mask(mask: npt.NDArray[Any]) -> Rle:
    """COCO run lengths of a mask (height, width); non-zero counts as set."""
    run = coco.encode(np.asfortranarray(np.asarray(mask) != 0).astype(np.uint8, order="F"))
    return Rle(size=(int(run["size"][0]), int(run["size"][1])), counts=run["counts"].decode())


def decode_mask(rle: Rle) -> Mask:
    """The boolean mask (height, width) of COCO run lengths."""
    # By hand: pycocotools' own decoder gives a warning under numpy 2, once a call.
    runs: list[int] = []
    value = shift = 0
    for code in rle.counts.encode():
        code -= 48
        value |= (code & 31) << shift
        shift += 5
        if not code & 32:  # the last digit of this number; its highest bit is the sign
            value -= (code & 16) << (shift - 4)
            runs.append(value + (runs[-2] if len(runs) > 2 else 0))
            value = shift = 0
    flat = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    mask: Mask = flat.reshape(rle.size[::-1]).T
    return mask


def boxes_from_mask(mask: npt.NDArray[Any], *, merge: float = 0.01) -> tuple[Box, ...]:
    """The smallest upright boxes around the parts of a mask (height, width), largest part first.

    Fragments closer than about `merge` of the longer side are one part: the mask is dilated by half
    of that, its connected components are found, and each box holds the undilated pixels of one.
    """
    found = (np.asarray(mask) != 0).astype(np.uint8)
    height, width = found.shape
    radius = max(round(merge * max(height, width) / 2), 0)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    count, parts = cv2.connectedComponents(cv2.dilate(found, disc), connectivity=8)
    boxes = []
    for part in range(1, count):
        ys, xs = np.nonzero((parts == part) & (found > 0))
        corners = (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)
        boxes.append((len(xs), from_pixels(corners, width, height)))
    return tuple(box for _, box in sorted(boxes, key=lambda sized: (-sized[0], sized[1])))
