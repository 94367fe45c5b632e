"""MAT files of versions 5 to 7, their plain arrays alone: SciPy's reader crashes on damaged ones.

The format is public (MathWorks, "MAT-File Format").
"""

import zlib
from collections.abc import Iterator
from math import prod

import numpy as np
import numpy.typing as npt

from reinspect.errors import ReinspectError

_TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8"} | {
    12: "i8",
    13: "u8",
}
_MATRIX, _COMPRESSED = 14, 15
_NUMERIC = range(6, 16)
_OTHERS = {1: "cells", 2: "structures", 3: "objects", 4: "text", 5: "sparse numbers"}
_COMPLEX = 0x0800
_HEADER = 128
_MOST = 1 << 31  # bytes that an array may take, once it is unpacked


class MatError(ReinspectError, ValueError):
    """It is no such file, or a damaged one."""


Arrays = dict[str, npt.NDArray[np.float64] | str]


def read_mat(data: bytes) -> Arrays:
    """Name → array, or what else it is in a word, in the file's order.

    Raises:
        MatError: it can't be read.
    """
    if data[:10] == b"MATLAB 7.3" or data[512:520] == b"\x89HDF\r\n\x1a\n":
        raise MatError("of version 7.3 (HDF5)")
    order = {b"IM": "<", b"MI": ">"}.get(data[126:128])
    if order is None:
        raise MatError("not of version 5 to 7")
    found: Arrays = {}
    for kind, content in _elements(data[_HEADER:], order):
        if kind == _COMPRESSED:
            content = _unpacked(content)
            kind, content = next(_elements(content, order), (0, b""))
        if kind == _MATRIX:
            name, array = _array(content, order)
            if name:  # what MATLAB keeps for itself has none
                found[name] = array
    return found


def _elements(data: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    """Type and content of each element."""
    place, endian = 0, "little" if order == "<" else "big"
    while place + 8 <= len(data):
        kind = int.from_bytes(data[place : place + 4], endian)  # type: ignore[arg-type]
        size = int.from_bytes(data[place + 4 : place + 8], endian)  # type: ignore[arg-type]
        if kind >> 16:  # a small one, its content within its tag
            kind, size, begin, after = kind & 0xFFFF, kind >> 16, place + 4, place + 8
        else:
            begin = place + 8
            after = begin + size + (0 if kind == _COMPRESSED else -size % 8)
        if begin + size > len(data):
            raise MatError("truncated")
        yield kind, data[begin : begin + size]
        place = after


def _unpacked(content: bytes) -> bytes:
    unpacker = zlib.decompressobj()
    try:
        data = unpacker.decompress(content, _MOST)
    except zlib.error as failure:
        raise MatError(f"damaged ({failure})") from failure
    if unpacker.unconsumed_tail:
        raise MatError(f"an array of more than {_MOST >> 20} MB")
    return data


def _array(content: bytes, order: str) -> tuple[str, npt.NDArray[np.float64] | str]:
    parts = list(_elements(content, order))
    if len(parts) < 3 or len(parts[0][1]) < 4:
        raise MatError("damaged")
    flags = int(np.frombuffer(parts[0][1][:4], f"{order}u4")[0])
    usable = len(parts[1][1]) // 4 * 4
    shape = tuple(map(int, np.frombuffer(parts[1][1][:usable], f"{order}i4")))
    name = parts[2][1].decode("latin-1")
    kind = flags & 0xFF
    if kind not in _NUMERIC:
        return name, _OTHERS.get(kind, "something else")
    if flags & _COMPLEX:
        return name, "complex numbers"
    if len(parts) < 4 or parts[3][0] not in _TYPES:
        raise MatError("damaged")
    stored = np.dtype(order + _TYPES[parts[3][0]])
    usable = len(parts[3][1]) // stored.itemsize * stored.itemsize
    values = np.frombuffer(parts[3][1][:usable], stored)
    if min(shape, default=0) < 0 or prod(shape) != values.size:
        raise MatError("damaged: an array of another size than it says")
    return name, values.astype(np.float64).reshape(shape, order="F")
