"""In which numbers a model says where something is: in those that its family was trained on."""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from reinspect.vocabulary import Box

GRID = 1000
"""Corners in thousandths are whole numbers from 0 to this: models write digits better than
fractions."""

_PATCH = 28


class Coordinates(StrEnum):
    """How a place is written: by two corners, in whole numbers."""

    THOUSANDTHS = "thousandths"
    """x1, y1, x2, y2 in thousandths of the picture."""
    DOWN_FIRST = "thousandths-down-first"
    """The same as y1, x1, y2, x2."""
    PIXELS = "pixels"
    """x1, y1, x2, y2 in pixels of the picture as the model sees it."""


FAMILIES: Mapping[str, Coordinates] = {
    r"qwen-?2[._]5-?(vl|omni)": Coordinates.PIXELS,
    r"gemini": Coordinates.DOWN_FIRST,
}
"""Pattern of a model's name → how its family was trained to write places; of others thousandths.

Qwen2.5-VL: absolute pixels (arXiv 2502.13923); Qwen2-VL and Qwen3-VL: thousandths (arXiv
2409.12191, 2511.21631); Gemini: thousandths, down first (its API's page on image understanding).
"""


class Grid(NamedTuple):
    """How the places of one picture are written."""

    across: int = GRID
    down: int = GRID
    how: Coordinates = Coordinates.THOUSANDTHS

    @property
    def words(self) -> str:
        """What a prompt says of a box."""
        corners = "y1, x1, y2, x2" if self.how is Coordinates.DOWN_FIRST else "x1, y1, x2, y2"
        if self.how is Coordinates.PIXELS:
            size = f"{self.across} wide and {self.down} high"
            return f"{corners} in pixels of the test image, which is {size}"
        return f"{corners} in thousandths of the test image's width and height"

    @property
    def whole(self) -> str:
        """All of the picture, as a box."""
        return self.told(Box(0, 0, 1, 1))[1:-1]

    @property
    def corner(self) -> dict[str, Any]:
        """A corner's number, as JSON schema."""
        return {"type": "integer", "minimum": 0, "maximum": max(self.across, self.down)}

    def told(self, box: Box) -> str:
        """A box as a prompt has it."""
        x1, x2 = round(self.across * box.x1), round(self.across * box.x2)
        y1, y2 = round(self.down * box.y1), round(self.down * box.y2)
        corners = (y1, x1, y2, x2) if self.how is Coordinates.DOWN_FIRST else (x1, y1, x2, y2)
        return f"[{', '.join(map(str, corners))}]"

    def shares(self, corners: Any) -> tuple[float, float, float, float]:
        """What a model has written, as x1, y1, x2, y2 in shares of the picture.

        Raises:
            TypeError, ValueError: it has not four numbers.
        """
        one, two, three, four = map(float, corners)
        if self.how is Coordinates.DOWN_FIRST:
            one, two, three, four = two, one, four, three
        return one / self.across, two / self.down, three / self.across, four / self.down


THOUSANDTHS = Grid()


def places_of(model: str) -> Coordinates:
    """How a model writes places, by its name."""
    found = (how for name, how in FAMILIES.items() if re.search(name, model, re.IGNORECASE))
    return next(found, Coordinates.THOUSANDTHS)


def grid_of(how: Coordinates, size: tuple[int, int]) -> Grid:
    """How the places of a picture are written.

    Args:
        how: the model writes them.
        size: width and height of the picture as it is sent. Models that count pixels count those of
            whole patches.
    """
    if how is not Coordinates.PIXELS:
        return Grid(how=how)
    across, down = (_PATCH * max(1, round(length / _PATCH)) for length in size)
    return Grid(across, down, how)
