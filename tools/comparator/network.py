"""The eye's weights: two ONNX graphs, run on the CPU, or on a GPU where onnxruntime has one.

They come with the package (see `docs/eye.md`); nothing is downloaded. How they were made stands
in the card beside them.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from reinspect.errors import ReinspectError
from reinspect.tools.embedded.features import Floats
from reinspect.tools.sessions import open_session

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

WEIGHTS = Path(__file__).with_name("weights") / "eye.onnx"
VERSION = "1"
"""Of the graphs' inputs and outputs."""

SCALES = (2, 4, 8, 16)
"""Pixels a place at each of the scales that are compared."""

_USUAL = ("u2", "u4", "u8", "u16", "v8", "v16")
_DISTANCES = ("n2", "n4", "n8", "n16", "d8", "d16")


class ComparatorError(ReinspectError, RuntimeError):
    """The eye can't be used: no onnxruntime, no weights, or weights of another version."""


@dataclass(frozen=True, slots=True)
class ImageFeatures:
    """What was seen in B images: per scale (B, channels, rows, columns), and a hint."""

    features: tuple[Floats, ...]
    hint: Floats

    def of(self, index: int) -> ImageFeatures:
        """One image of them."""
        one = slice(index, index + 1)
        return ImageFeatures(tuple(plane[one] for plane in self.features), self.hint[one])


@dataclass(frozen=True, slots=True)
class ComparedQuery:
    """What a query shows beside its references."""

    log_odds: Floats
    """(rows, columns), two pixels a place: that it is defective."""
    distances: tuple[Floats, ...]
    """(rows, columns) to the references: near at each scale, then anywhere at the last two."""


@dataclass(frozen=True, slots=True)
class ComparatorNetwork:
    """Both graphs. Safe to share between threads."""

    sees: InferenceSession
    judges: InferenceSession
    pair: str
    """Which training both graphs are of."""

    def see(self, images: Floats) -> ImageFeatures:
        """See standardised images (B, 3, H, W); H and W are multiples of 16."""
        *features, hint = self.sees.run(None, {"images": images})
        return ImageFeatures(tuple(features), hint)

    def judge(
        self,
        query: ImageFeatures,
        references: Sequence[Floats],
        memory: Sequence[Floats],
        usual: Sequence[Floats] | None,
    ) -> ComparedQuery:
        """Judge a query.

        Args:
            query: of one image.
            references: per scale (K, channels, rows, columns), the query's rows and columns.
            memory: for the two coarse scales (K, channels, places).
            usual: distances (rows, columns) among the references, as in `ComparedQuery`; none where
                they aren't known yet: then only the distances mean something.
        """
        names = ("f2", "f4", "f8", "f16")
        given: dict[str, Any] = dict(zip(names, query.features, strict=True))
        given["hint"] = query.hint
        given |= {f"r{s}": r[None] for s, r in zip(SCALES, references, strict=True)}
        given |= {f"m{s}": m[None] for s, m in zip(SCALES[2:], memory, strict=True)}
        if usual is None:
            planes = [*query.features, *query.features[2:]]
            usual = [np.zeros(plane.shape[2:], np.float32) for plane in planes]
        given |= {name: plane[None, None] for name, plane in zip(_USUAL, usual, strict=True)}
        log_odds, *distances = self.judges.run(("log_odds", *_DISTANCES), given)
        return ComparedQuery(log_odds[0, 0], tuple(plane[0, 0] for plane in distances))


@functools.lru_cache(maxsize=2)
def open_comparator(weights: Path = WEIGHTS) -> ComparatorNetwork:
    """Load the graphs once in a process.

    Raises:
        ComparatorError: onnxruntime or a file is missing, or the files don't belong together.
    """
    files = (weights.with_name(f"{weights.stem}-sees.onnx"), weights)
    sessions = []
    for file in files:
        if not file.is_file():
            raise ComparatorError(f"the weights {file} are missing")
        try:
            sessions.append(open_session(str(file)))
        except ImportError as failure:
            raise ComparatorError(f"onnxruntime is not installed ({failure})") from failure
        except Exception as failure:  # its errors have no common base
            raise ComparatorError(f"{file} is no readable ONNX graph") from failure
    marks = [session.get_modelmeta().custom_metadata_map for session in sessions]
    for file, mark in zip(files, marks, strict=True):
        if mark.get("eye") != VERSION:
            found = mark.get("eye", "none")
            raise ComparatorError(f"{file} is of version {found}, not {VERSION}")
    if marks[0].get("pair") != marks[1].get("pair"):
        raise ComparatorError(f"{files[0]} and {files[1].name} are not of one training")
    return ComparatorNetwork(sees=sessions[0], judges=sessions[1], pair=marks[0].get("pair", ""))
