"""Image files, opened: what they are, how large, how many pages; no pixel is decoded."""

import functools
import io
import os
import stat
import struct
import threading
import warnings
from collections.abc import Callable
from typing import IO, Any, NamedTuple

from PIL import Image, UnidentifiedImageError

from reinspect.images.content import HEAD, TGA_FOOTER, kind_of
from reinspect.images.raw import DNG_VERSION, is_raw, raw_header
from reinspect.images.reading import UnreadableImage, address_of
from reinspect.images.tiff import size_of_page, subfile_types

# An allow list: Pillow also opens EPS, WMF and others, which start programs or parse far more.
_FORMATS = ("JPEG", "PNG", "TIFF", "BMP", "WEBP", "GIF", "PPM", "JPEG2000", "AVIF")
PILLOW_ERRORS = (
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
# Filters of warnings are global to the process; two threads that swap them restore wrong ones.
warning_filters = threading.Lock()
"""Held by whoever swaps filters of warnings."""


class quiet_pillow(warnings.catch_warnings):  # noqa: N801 - used like a function
    """Keeps Pillow's warnings about odd metadata off stderr. Enter only under `warning_filters`."""

    def __enter__(self) -> None:
        super().__enter__()
        warnings.filterwarnings("ignore", module=r"PIL\.")


def header(data: bytes, path: str | os.PathLike[str], max_pixels: int) -> Image.Image:
    """The image with nothing decoded yet.

    Raises:
        UnreadableImage: it is none, is damaged or too large, or has no such page.
    """
    image = raw_header(data, path) if is_raw(data) else _opened(data, path)
    page = address_of(path).page
    if page > 1:
        try:
            image.seek(page - 1)
        except PILLOW_ERRORS as error:
            size = size_of_page(data, page - 1) if image.format == "TIFF" else None
            if size is None:
                raise UnreadableImage(
                    path, f"the file has no page {page}", "see how many it has"
                ) from error
            image = OtherPage(size, page - 1)
    if image.width * image.height > max_pixels:
        raise UnreadableImage(
            path,
            f"{image.width}×{image.height} pixels ({round(image.width * image.height / 1e6, 2):g} "
            f"megapixels) is over the limit of {max_pixels / 1e6:g} megapixels",
            "scale it down, cut it into tiles, or raise max_pixels",
        )
    return image


def _opened(data: bytes, path: str | os.PathLike[str]) -> Image.Image:
    Image.preinit()
    if not set(_FORMATS) <= set(Image.OPEN):
        Image.init()
    for name in _candidates(data, path):
        # `Image.open` would judge the size by a limit that is global to the process.
        factory: Callable[[io.BytesIO, str], Image.Image]
        factory, accepts = Image.OPEN[name]
        if name != "TGA" and (accepts is None or accepts(data[:HEAD]) is not True):
            continue
        try:
            return factory(io.BytesIO(data), "")
        except UnidentifiedImageError:
            continue
        except PILLOW_ERRORS as error:
            page = address_of(path).page - 1
            size = size_of_page(data, page) if name == "TIFF" else None
            if size is not None:
                return OtherPage(size, page)
            raise UnreadableImage(
                path, f"damaged {name} header ({reason(error)})", "copy it again"
            ) from error
    raise UnreadableImage(
        path, f"not an image that can be read ({', '.join(_FORMATS)})", "convert it or leave it out"
    )


def _candidates(data: bytes, path: str | os.PathLike[str]) -> list[str]:
    """The names of the decoders that are asked."""
    kind, name = kind_of(data[:HEAD]), address_of(path).file.lower()
    if kind == "HEIF":
        return [*_FORMATS, _heif(path)]
    if kind is None and (data.endswith(TGA_FOOTER) or name.endswith(".tga")):
        return [*_FORMATS, "TGA"]  # nothing at its beginning tells
    if kind is None and name.endswith((".dib", ".bmp")):
        return [*_FORMATS, "DIB"]  # as the clipboard has it, without the header of a file
    return list(_FORMATS)


def _heif(path: str | os.PathLike[str]) -> str:
    """The name of the decoder of HEIC, where there is one."""
    try:
        import pillow_heif
    except ImportError as failure:
        raise UnreadableImage(
            path, "HEIC needs pillow-heif", "pip install 'reinspect[heif]', or convert it"
        ) from failure
    pillow_heif.register_heif_opener()
    return "HEIF"


class OtherPage(Image.Image):
    """A page of a TIFF whose pixels Pillow can't read."""

    format = "TIFF"

    def __init__(self, size: tuple[int, int], page: int) -> None:
        super().__init__()
        self._mode, self._size, self._page = "F", size, page
        self.tag_v2: dict[int, Any] = {}

    def seek(self, frame: int) -> None:
        """It is on the page that was asked for."""

    def tell(self) -> int:
        """The page, from 0."""
        return self._page

    def getexif(self) -> Image.Exif:
        """Nothing."""
        return Image.Exif()

    def load(self) -> None:
        """Nothing: its values are read by others."""


class Pages(NamedTuple):
    """Numbers of the pages to inspect, from 1, and how many there are besides."""

    numbers: tuple[int, ...]
    others: int


def pages_of(path: str | os.PathLike[str]) -> Pages:
    """The pages of a TIFF; one of anything else, and where it can't be read.

    Thumbnails and masks that a page brings along are none to inspect.
    """
    try:
        status = os.stat(path)  # noqa: PTH116
        if not stat.S_ISREG(status.st_mode):  # a pipe would wait for a writer, for ever
            return Pages((1,), 0)
        return _pages_of(os.fspath(path), status.st_mtime_ns, status.st_size)
    except PILLOW_ERRORS:
        return Pages((1,), 0)


@functools.lru_cache(maxsize=1 << 14)  # a folder that fills is looked at twice a second
def _pages_of(path: str, _mtime: int, _size: int) -> Pages:
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123
        head = file.read(HEAD)
    if kind_of(head) != "TIFF":  # whatever its name
        return Pages((1,), 0)
    with open(path, "rb") as file:  # noqa: PTH123
        if "TIFF" not in Image.OPEN:
            Image.init()
        with warning_filters, quiet_pillow():
            kinds = _subfile_types(file)
    if kinds is None:  # a page of a kind that Pillow can't read
        kinds = subfile_types(path, _MOST_PAGES)
    # Bits of NewSubfileType: a smaller copy, a mask.
    found = [number for number, kind in enumerate(kinds, 1) if not kind & 0b101]
    return Pages(tuple(found) or (1,), len(kinds) - len(found) if found else 0)


def _subfile_types(file: IO[bytes]) -> list[int] | None:
    """The NewSubfileType of each page; None where Pillow can't read one. Of a DNG its picture's."""
    kinds: list[int] = []
    try:
        image: Any = Image.OPEN["TIFF"][0](file, "")
        if DNG_VERSION in image.tag_v2:  # its pages are previews
            return [0]
        while len(kinds) < _MOST_PAGES:
            image.seek(len(kinds))
            kinds.append(image.tag_v2.get(254, 0))
    except EOFError:
        return kinds
    except PILLOW_ERRORS:
        return None
    return kinds


_MOST_PAGES = 10_000


def reason(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def orientation_of(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(0x0112, 1))
    except PILLOW_ERRORS:  # a damaged EXIF block says nothing about the pixels
        return 1
