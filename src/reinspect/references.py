"""References: the known-good images that a part is compared with."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from reinspect.errors import ReinspectError
from reinspect.files import SavedKind, digest_of, read_json
from reinspect.sensing import PLAIN, FileRules, Measure
from reinspect.vocabulary import MAX_PIXELS, Modality, Scale, Value

THRESHOLDS = "threshold.json"
"""File beside references that holds a threshold learned from answers on this product."""


def digest_of_pixels(pixels: npt.NDArray[np.uint8]) -> str:
    """What tells a picture (H, W, 3) from others, whatever file it came from: SHA-256 in hex."""
    return digest_of(repr(pixels.shape).encode() + np.ascontiguousarray(pixels).tobytes())


def evenly_spaced(count: int, most: int) -> list[int]:
    """Places of at most so many of `count` things, evenly spaced, the first and last among them."""
    return sorted({int(place) for place in np.linspace(0, count - 1, min(count, most)).round()})


def surest(count: int) -> float:
    """The most that any comparison with so many references allows: .8 by two, .91 by four.

    Two looks by the same few references don't know more of how good parts differ than one.
    """
    return 1 - 1 / (_LEAST_DOUBT + count**2 / 2)


_LEAST_DOUBT = 3


class LearnedThresholdError(ReinspectError, ValueError):
    """The file beside the references is no threshold."""


class LearnedThreshold(Value):
    """Where parts of this product are called defective, as people's answers say."""

    format: Literal["reinspect threshold"] = "reinspect threshold"
    version: Literal[1] = 1
    network: str = Field(description="Whose features it is for.")
    side: float = Field(gt=0, description="At which working side, in pixels.")
    references: str = Field(description="Key of the very references that it is for.")
    threshold: float = Field(allow_inf_nan=False, description="z.")
    good: int = Field(ge=0, description="Parts that were called good.")
    defective: int = Field(ge=0)


_KIND = SavedKind(
    name="threshold",
    command="reinspect commission",
    again="commission",
    error=LearnedThresholdError,
    version=1,
    format="reinspect threshold",
)


def learned_threshold(folder: Path) -> LearnedThreshold | None:
    """The threshold beside the references in a folder; none where there is none.

    Raises:
        LearnedThresholdError: the file is something else.
    """
    file = folder / THRESHOLDS
    return read_json(file, LearnedThreshold, _KIND) if file.is_file() else None


class ReferenceMode(StrEnum):
    """What there is to compare with."""

    GOLDEN = "golden"
    FOLDER = "folder"
    ALONE = "alone"


@dataclass(frozen=True, slots=True)
class ReferenceSet:
    """References of one category, ordered by content so that names decide nothing.

    In folder mode they are a fixed sample of the very folder under inspection, defects and all.
    """

    mode: ReferenceMode
    files: tuple[str, ...] = ()
    hashes: tuple[str, ...] = ()
    threshold: LearnedThreshold | None = None
    scale: Scale | None = None
    """Of pictures with more than 8 bits a channel: which values are black and white."""
    max_pixels: int = MAX_PIXELS
    """That a picture judged by them may have."""
    rules: FileRules = PLAIN
    """How recordings, and values in a unit, become pictures."""

    @property
    def key(self) -> str:
        """Content hash of the whole set, whatever its order and its names."""
        moved = () if self.threshold is None else (f"threshold {self.threshold.threshold}",)
        scaled = () if self.scale is None else (f"scale {self.scale}",)
        heard = (f"signals {self.rules.signals.model_dump_json()}",) if self.is_heard else ()
        return digest_of("\n".join((self.mode, *sorted(self.hashes), *moved, *scaled, *heard)))

    @property
    def modality(self) -> Modality:
        """The kind of sensor that they come from."""
        return Modality.VISUAL if self.scale is None else self.scale.modality

    @property
    def is_heard(self) -> bool:
        """Whether they are recordings."""
        return self.modality is Modality.ACOUSTIC

    @property
    def measure(self) -> Measure | None:
        """What their values mean, where these are in a unit."""
        return None if self.scale is None else self.scale.measure

    def with_threshold(self, learned: LearnedThreshold | None) -> "ReferenceSet":
        """The set with a threshold that was learned for these very references, else as it is."""
        mine = learned is not None and learned.references == self.key
        return replace(self, threshold=learned) if mine else self

    def index(self, sha256: str | None) -> int | None:
        """The place of a picture in the set, if it is one of them."""
        return self.hashes.index(sha256) if sha256 in self.hashes else None


ALONE = ReferenceSet(ReferenceMode.ALONE)


@dataclass(frozen=True, slots=True)
class ReferenceSets:
    """Category → reference set; `default` serves the categories that have none of their own.

    Of parts with several views, each view has such sets of its own, and the parts have none.
    """

    default: ReferenceSet = ALONE
    by_category: Mapping[str, ReferenceSet] = field(default_factory=dict)
    views: Mapping[str, "ReferenceSets"] = field(default_factory=dict)
    origin: str = ""
    """The folder that they were named by, or which version of which set; decides nothing."""

    def of(self, category: str | None) -> ReferenceSet:
        """The references that a category is judged by."""
        return self.by_category.get(category, self.default) if category else self.default

    @property
    def compare(self) -> bool:
        """Whether any category has known-good parts to compare with."""
        modes = {own.mode for own in (self.default, *self.by_category.values())}
        seen = any(own.compare for own in self.views.values())
        return seen or ReferenceMode.GOLDEN in modes

    def count(self, category: str | None) -> int:
        """How many references a category has; of several views the least."""
        each = [own.count(category) for own in self.views.values()]
        return min(each) if each else len(self.of(category).files)

    @property
    def fingerprint(self) -> dict[str, str]:
        """Category → key of its set; "" is the default."""
        own = {"": self.default.key, **{name: s.key for name, s in self.by_category.items()}}
        for view, sets in self.views.items():
            own |= {f"{view}: {name}": key for name, key in sets.fingerprint.items()}
        return own
