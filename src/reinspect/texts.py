"""Texts out: what came from elsewhere, made harmless for a terminal, for a spreadsheet."""

import math
import re
import unicodedata
from typing import Any

_FORMULA = "[=+\\-@\u2212\ufe62\ufe63\ufe66\ufe6b\uff1d\uff0b\uff0d\uff20\t\r]"
"""What a spreadsheet begins a formula by, full-width and small forms too: some read these alike."""

_BLANK = "[\\s\u200b\u2060\ufeff]*"

_RUN = re.compile(f"^(?={_BLANK}{_FORMULA})|(?<=[;\t\n\r])(?={_BLANK}{_FORMULA})")
"""Where a cell begins, also where another separator than the comma would begin one."""


def visible(text: str, *, lines: bool = False) -> str:
    """A text as a terminal may show it: nothing in it moves the cursor or turns what is beside it.

    Args:
        text: any.
        lines: line breaks stay; else they are escaped, too.
    """
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() or (lines and char == "\n") else _escaped(char) for char in text
    )


def harmless(cell: Any) -> Any:
    """The cell of a CSV, with an apostrophe before what a spreadsheet would run as a formula."""
    return _RUN.sub("'", cell) if isinstance(cell, str) else cell


def _escaped(char: str) -> str:
    if unicodedata.category(char) == "Zs":
        return " "
    return char.encode("unicode_escape").decode()


def two_digits(probability: float) -> str:
    """A probability; with more digits where two would say 0.50 of what is called normal."""
    if probability >= 0.5 or probability < 0.495:
        return f"{probability:.2f}"
    return f"{math.floor(probability * 1e4) / 1e4:.4f}"
