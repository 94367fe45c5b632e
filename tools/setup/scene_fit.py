"""The scene that references show, as a fit kept in a file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from reinspect.tools.embedded import archive
from reinspect.tools.embedded.features import Pixels
from reinspect.tools.features.network import FeatureNetwork
from reinspect.tools.setup.findings import PreparedPicture
from reinspect.tools.setup.scene import LearnedScene

_KIND = "reinspect scene"


@dataclass(frozen=True, slots=True)
class SceneFit:
    """What was learned of the set-up. Immutable; safe to share between threads."""

    scene: LearnedScene

    @classmethod
    def from_references(cls, images: Sequence[Pixels], network: FeatureNetwork) -> SceneFit:
        """Learn from good images, BGR uint8 (H, W, 3), of any sizes.

        Raises:
            ValueError: without images, or if one is not a BGR uint8 image.
        """
        return cls(LearnedScene.learn(images, [network.describe(image) for image in images]))

    def prepare(self, image: Pixels, network: FeatureNetwork) -> PreparedPicture:
        """Check a picture, and correct it where that helps; see ``LearnedScene.prepare``."""
        return self.scene.prepare(image, network.describe)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it to one file."""
        archive.write(path, _KIND, self.scene.arrays())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> SceneFit:
        """Read what ``save`` wrote.

        Raises:
            ValueError: if the file holds no such thing, or one of another version.
        """
        return cls(LearnedScene.from_arrays(archive.read(path, _KIND)))
