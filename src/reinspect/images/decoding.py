"""Image files to pixels, safely.

Decoding goes through Pillow alone: it refuses truncated files, where OpenCV silently returns a
half-grey picture, it says nothing on stderr, and it gives the size before a pixel is decoded.
"""

import contextlib
import ctypes
import os
import sys
import threading
from math import ceil
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from reinspect.images.measured import measured_in, shown
from reinspect.images.opening import header, orientation_of, quiet_pillow, warning_filters
from reinspect.images.reading import (
    Pixels,
    Tile,
    UnreadableImage,
    address_of,
    bytes_of,
    digest_at,
    tile_digest,
)
from reinspect.images.scale import Levels, Raw, common_scale, levels, outside
from reinspect.images.stored import (
    UPRIGHT,
    as_it_is,
    deep,
    has_depth,
    is_plain,
    odd_bgr,
    plain_bgr,
    scaled,
    told,
)
from reinspect.sensing import PLAIN, FileRules, Spectrogram
from reinspect.vocabulary import MAX_PIXELS, Modality, Scale, View

# The picture that each thread decoded last: several tools ask for the one in hand.
_newest = threading.local()
# The one that each thread has cut tiles from last: its tiles come one after the other.
_cut = threading.local()


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
    spectrogram: Spectrogram | None = None
    """How it was made of a recording."""

    @property
    def modality(self) -> Modality:
        """The kind of sensor that it comes from."""
        return Modality.VISUAL if self.scale is None else self.scale.modality


def load(
    path: str | os.PathLike[str],
    *,
    scale: Scale | None = None,
    max_pixels: int = MAX_PIXELS,
    rules: FileRules = PLAIN,
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
        rules: of what else than photographs files may hold.

    Raises:
        UnreadableImage: no permission, missing, empty, truncated, not an image, or too large.
    """
    tile = address_of(path).tile
    if tile is None:
        loaded = _whole(path, scale, max_pixels, rules)
    else:
        loaded = _tile(
            path, tile, load_to_cut(path, scale=scale, max_pixels=max_pixels, rules=rules)
        )
    loaded.pixels.flags.writeable = False
    _newest.loaded = loaded
    return loaded


def load_to_cut(
    path: str | os.PathLike[str],
    *,
    scale: Scale | None = None,
    max_pixels: int = MAX_PIXELS,
    rules: FileRules = PLAIN,
) -> Loaded:
    """As `load`, the whole picture; it is kept until tiles of another one are asked for.

    Raises:
        UnreadableImage: as `load`.
    """
    whole = address_of(path).whole
    key = (whole, _state(whole), scale, rules.measure)
    if getattr(_cut, "key", None) != key:
        _cut.key = _cut.loaded = _newest.loaded = None  # two of them don't fit beside each other
        _cut.loaded = _whole(whole, scale, max_pixels, rules)
        _cut.key = key
    found: Loaded = _cut.loaded
    return found


def _state(path: str) -> tuple[int, int] | None:
    """What changes with a file's content; None where it can't be read, which reading says."""
    try:
        status = os.stat(address_of(path).file)  # noqa: PTH116
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def _whole(
    path: str | os.PathLike[str], scale: Scale | None, max_pixels: int, rules: FileRules
) -> Loaded:
    data = bytes_of(path, max_pixels)
    sha256 = digest_at(path, data)
    try:
        return _decode(data, path, max_pixels, scale, rules)._replace(sha256=sha256)
    except UnreadableImage as failure:
        failure.sha256 = sha256
        raise


def _tile(path: str | os.PathLike[str], tile: Tile, whole: Loaded) -> Loaded:
    height, width = whole.pixels.shape[:2]
    inside = tile.x + tile.width <= width and tile.y + tile.height <= height
    if not inside or not tile.width or not tile.height:
        raise UnreadableImage(path, f"the picture of {width}×{height} pixels has no such tile", "")
    give_back()  # thousands of tiles, and what is computed of each, would fray the heap
    cut = whole.pixels[tile.y : tile.y + tile.height, tile.x : tile.x + tile.width]
    return whole._replace(sha256=tile_digest(whole.sha256, tile), pixels=cut.copy())


def give_back() -> None:
    """Memory that is free, and that glibc would keep for as long as the process lives."""
    with contextlib.suppress(OSError, AttributeError, TypeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)


def read_image(
    path: str | os.PathLike[str],
    *,
    scale: Scale | None = None,
    max_pixels: int = MAX_PIXELS,
    rules: FileRules = PLAIN,
) -> Pixels:
    """The picture in a file, as `load` decodes it."""
    tile = address_of(path).tile
    if tile is not None:
        whole = load_to_cut(path, scale=scale, max_pixels=max_pixels, rules=rules)
        return _tile(path, tile, whole).pixels
    return _decode(bytes_of(path, max_pixels), path, max_pixels, scale, rules).pixels


def read_values(path: str | os.PathLike[str], *, max_pixels: int = MAX_PIXELS) -> StoredValues:
    """What a file says of each pixel, upright, with nothing scaled: for masks.

    Raises:
        UnreadableImage: as `load`.
    """
    data = bytes_of(path, max_pixels)
    with told(path), warning_filters, quiet_pillow():
        image = header(data, path, max_pixels)
        orientation = 1 if image.format == "TIFF" else orientation_of(image)
        lossy = image.format in ("JPEG", "MPO", "AVIF")
        lossy = lossy or (image.format == "WEBP" and b"VP8 " in data[:4096])
        opaque, indices = None, None
        if has_depth(image, data):
            raw = deep(image, data, path)
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
    upright = UPRIGHT.get(orientation, as_it_is)

    def turned(plane: npt.NDArray[Any] | None) -> npt.NDArray[Any] | None:
        return None if plane is None else upright(plane[..., None])[..., 0]

    return StoredValues(upright(values[..., None])[..., 0], turned(opaque), turned(indices), lossy)


def levels_of(
    path: str | os.PathLike[str],
    *,
    most: int,
    max_pixels: int = MAX_PIXELS,
    rules: FileRules = PLAIN,
) -> Levels | None:
    """What a picture has to say on the scale of its set; nothing where it has 8 bits a channel.

    Args:
        path: of the file.
        most: values at most.
        max_pixels: as for `load`.
        rules: as for `load`.

    Raises:
        UnreadableImage: as `load`.
    """
    data = bytes_of(path, max_pixels)
    measured = measured_in(data, path, max_pixels, rules)
    if measured is not None:
        return levels(Raw(measured.values), most, measured.measure)
    with told(path), warning_filters, quiet_pillow():
        image = header(data, path, max_pixels)
        if not is_plain(image, data) and has_depth(image, data):
            return levels(deep(image, data, path), most)
    return None


def glance(
    path: str | os.PathLike[str],
    side: int,
    *,
    scale: Scale | None = None,
    max_pixels: int = MAX_PIXELS,
    rules: FileRules = PLAIN,
) -> Loaded:
    """As `load`, for a small picture to look at, not to measure: a JPEG is decoded in part.

    Its longer side is at least `side` pixels, if it has as many, and maybe a half, a quarter or an
    eighth of what it is in the file, which takes a quarter of the time or less.

    Raises:
        UnreadableImage: as `load`.
    """
    tile = address_of(path).tile
    if tile is not None:
        return _tile(path, tile, load_to_cut(path, scale=scale, max_pixels=max_pixels, rules=rules))
    data = bytes_of(path, max_pixels)
    loaded = _decode(data, path, max_pixels, scale, rules, side)
    return loaded._replace(sha256=digest_at(path, data))


def read_view(view: View) -> Pixels:
    """The picture of a view, read-only; decoded once if asked for again and again.

    Raises:
        UnreadableImage: as `load`, and where the file no longer has the view's content.
    """
    newest: Loaded | None = getattr(_newest, "loaded", None)
    wanted = (view.sha256, view.scale)
    if newest is not None and wanted in ((newest.sha256, newest.scale), (newest.sha256, None)):
        return newest.pixels
    loaded = load(view.path, scale=view.scale, max_pixels=limit_of(view), rules=rules_of(view))
    if loaded.sha256 != view.sha256:
        raise UnreadableImage(
            view.path,
            f"content changed since it was listed (sha256 {loaded.sha256:.12}…, "
            f"was {view.sha256:.12}…)",
            "run again once nothing writes to it",
        )
    return loaded.pixels


def read_measured(view: View) -> npt.NDArray[np.float32] | None:
    """What a view measures, (H, W) in its unit, NaN where it measures nothing; None of others.

    Raises:
        UnreadableImage: as `load`.
    """
    width, height = view.size or (0, 0)
    limit = max(MAX_PIXELS, width * height)
    found = measured_in(bytes_of(view.path, limit), view.path, limit, rules_of(view))
    return None if found is None else found.values


def limit_of(view: View) -> int:
    """Pixels that the file of a view may have: it was read before, by a limit somebody has set."""
    if address_of(view.path).tile is not None:
        return sys.maxsize  # of a whole, of which only that reader knew how large it is
    width, height = view.size or (0, 0)
    return max(MAX_PIXELS, width * height)


def rules_of(view: View) -> FileRules:
    """By which a view was read, and is read again."""
    made, scale = view.spectrogram, view.scale
    return FileRules(
        signals=PLAIN.signals if made is None else made.rules,
        measure=None if made is not None or scale is None else scale.measure,
    )


def size_of(
    path: str | os.PathLike[str], *, max_pixels: int = MAX_PIXELS, rules: FileRules = PLAIN
) -> tuple[int, int]:
    """(width, height) in pixels of the upright picture, from the header alone.

    Raises:
        UnreadableImage: as `load`, but a file that is truncated after its header passes.
    """
    tile = address_of(path).tile
    if tile is not None:
        return tile.width, tile.height
    data = bytes_of(path, max_pixels)
    measured = measured_in(data, path, max_pixels, rules, decode=False)
    if measured is not None:
        return measured.values.shape[1], measured.values.shape[0]
    with warning_filters, quiet_pillow():
        image = header(data, path, max_pixels)
        turned = image.format != "TIFF" and orientation_of(image) >= 5  # Pillow did it for TIFF
    return (image.height, image.width) if turned else (image.width, image.height)


def _decode(
    data: bytes,
    path: str | os.PathLike[str],
    max_pixels: int,
    scale: Scale | None,
    rules: FileRules,
    side: int | None = None,
) -> Loaded:
    """The picture, without its hash."""
    measured = measured_in(data, path, max_pixels, rules)
    if measured is not None:
        return Loaded("", *shown(measured, scale), measured.spectrogram)
    if scale is not None and scale.measure is not None:
        raise UnreadableImage(
            path,
            f"a photograph, without values in {scale.measure.unit.sign} as the others have",
            "export its measured values, with 16 bits or as a table",
        )
    beyond = 0.0
    with told(path):
        with warning_filters, quiet_pillow():
            image = header(data, path, max_pixels)
            orientation = orientation_of(image)
            plain = is_plain(image, data)
            if image.format == "TIFF":
                orientation = 1  # both decoders turn these themselves
            if plain and side is not None and image.format == "JPEG":
                share = side / max(image.size)
                image.draft(None, (ceil(image.width * share), ceil(image.height * share)))
            if plain:
                used = None
            elif has_depth(image, data):
                raw = deep(image, data, path)
                used = scale or common_scale([levels(raw)]) or Scale(white=255.0)
                pixels, beyond = scaled(raw, used), outside(raw.values, used)
            else:
                pixels, used = odd_bgr(image), None
        if plain:  # nearly always; it gives no warnings, so other threads needn't wait
            pixels = plain_bgr(image)
    upright = UPRIGHT.get(orientation)
    if upright is not None:
        pixels = np.ascontiguousarray(upright(pixels))
    return Loaded("", pixels, used, beyond)
