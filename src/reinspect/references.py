"""References: the known-good images that a part is compared with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from reinspect.files import digest_of


def digest_of_pixels(pixels: npt.NDArray[np.uint8]) -> str:
    """What tells a picture (H, W, 3) from others, whatever file it came from: SHA-256 in hex."""
    return digest_of(repr(pixels.shape).encode() + np.ascontiguousarray(pixels).tobytes())


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

    @property
    def key(self) -> str:
        """Content hash of the whole set, whatever its order and its names."""
        return digest_of("\n".join((self.mode, *sorted(self.hashes))))

    def index(self, sha256: str | None) -> int | None:
        """The place of a picture in the set, if it is one of them."""
        return self.hashes.index(sha256) if sha256 in self.hashes else None


ALONE = ReferenceSet(ReferenceMode.ALONE)


@dataclass(frozen=True, slots=True)
class ReferenceSets:
    """Category → reference set; `default` serves the categories that have none of their own."""

    default: ReferenceSet = ALONE
    by_category: Mapping[str, ReferenceSet] = field(default_factory=dict)

    def of(self, category: str | None) -> ReferenceSet:
        """The references that a category is judged by."""
        return self.by_category.get(category, self.default) if category else self.default

    @property
    def compare(self) -> bool:
        """Whether any category has known-good parts to compare with."""
        modes = {own.mode for own in (self.default, *self.by_category.values())}
        return ReferenceMode.GOLDEN in modes

    @property
    def fingerprint(self) -> dict[str, str]:
        """Category → key of its set; "" is the default."""
        return {"": self.default.key, **{name: s.key for name, s in self.by_category.items()}}
