"""What a file is, by its name or by the bytes that it begins with."""

import functools
import os
import stat

SUFFIXES = frozenset(
    {".avif", ".bmp", ".dib", ".dng", ".gif", ".heic", ".heif", ".j2k", ".jfif", ".jp2", ".jpe"}
    | {".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tga", ".tif", ".tiff", ".webp"}
)
"""File names that are taken for images when a folder is searched, lower case."""

RECORDINGS = frozenset({".flac", ".wav", ".wave"})
"""File names that are taken for recordings, lower case."""

PARTS = SUFFIXES | RECORDINGS
"""File names of what can be inspected with nothing said of it."""

HEAD = 32
"""Bytes that tell a kind of file."""

TGA_FOOTER = b"TRUEVISION-XFILE.\0"
"""What a TGA ends with since its second version; it begins as anything may."""

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG2000"),
    (b"\xff\x4f\xff\x51", "JPEG2000"),
)
# Of BMP: two letters are too few to go by, so the size of its second header is asked, too.
_BMP_HEADERS = (12, 16, 40, 52, 56, 64, 108, 124)
_BRANDS = {b"avif": "AVIF", b"avis": "AVIF", b"heic": "HEIF", b"heix": "HEIF", b"mif1": "HEIF"}


def kind_of(head: bytes) -> str | None:
    """What kind of picture begins with these bytes (`HEAD` of them), by Pillow's name for it.

    TGA has no signature, so it is none of them; see `TGA_FOOTER`.
    """
    for signature, kind in _SIGNATURES:
        if head.startswith(signature):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12])
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADERS:
        return "BMP"
    if head[:1] == b"P" and head[1:2] in b"123456" and head[2:3].isspace():
        return "PPM"
    return None


def is_sound(head: bytes) -> bool:
    """Whether a recording begins with these bytes: WAV or FLAC."""
    return head[:4] == b"fLaC" or (head[:4] in _RIFF and head[8:12] == b"WAVE")


_RIFF = (b"RIFF", b"RIFX", b"RF64")


def holds_picture(path: str | os.PathLike[str]) -> bool:
    """Whether a file, whatever its name, begins as a picture or a recording does.

    False where it can't be read.
    """
    try:
        status = os.stat(path)  # noqa: PTH116 - as the walk over folders does it
        # A named pipe would wait for a writer, for ever.
        return stat.S_ISREG(status.st_mode) and _holds_picture(
            os.fspath(path), status.st_mtime_ns, status.st_size
        )
    except OSError:
        return False


@functools.lru_cache(maxsize=1 << 16)  # a folder that fills is looked at twice a second
def _holds_picture(path: str, _mtime: int, _size: int) -> bool:
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123
        head = file.read(HEAD)
        if kind_of(head) is not None or is_sound(head):
            return True
        if file.seek(0, os.SEEK_END) <= len(TGA_FOOTER):
            return False
        file.seek(-len(TGA_FOOTER), os.SEEK_END)
        return file.read(len(TGA_FOOTER)) == TGA_FOOTER
