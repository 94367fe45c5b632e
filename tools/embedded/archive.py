"""Arrays in one file: no pickle, written whole or not at all."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from reinspect.files import whole_file

_VERSION = 2

Arrays = dict[str, NDArray[np.generic]]


def write(
    path: str | os.PathLike[str], kind: str, arrays: Mapping[str, NDArray[np.generic]]
) -> None:
    """Write named arrays to ``path``; a reader never sees half a file.

    Raises:
        WriteError: the disk is full or read-only.
    """
    with whole_file(path, durable=False) as file:
        np.savez(file, allow_pickle=False, _kind=np.array(f"{kind} {_VERSION}"), **arrays)


def read(path: str | os.PathLike[str], kind: str) -> Arrays:
    """Read what ``write`` wrote.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no archive, or one of another kind or version.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays: Arrays = {name: archive[name] for name in archive.files}
    except (zipfile.BadZipFile, EOFError, AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"{os.fspath(path)!r} is not a saved {kind}: {error}") from error
    found = str(arrays.pop("_kind", "unknown"))
    if found != f"{kind} {_VERSION}":
        raise ValueError(f"{os.fspath(path)!r} holds {found!r}, expected {f'{kind} {_VERSION}'!r}")
    return arrays


def nested(**parts: Mapping[str, NDArray[np.generic]]) -> Arrays:
    """Join the arrays of several parts under ``part/name``."""
    return {f"{part}/{name}": own for part, arrays in parts.items() for name, own in arrays.items()}


def part(arrays: Mapping[str, NDArray[np.generic]], name: str) -> Arrays:
    """Take one part out of ``nested`` arrays; empty if it has none."""
    start = f"{name}/"
    return {key[len(start) :]: own for key, own in arrays.items() if key.startswith(start)}
