"""Text and numbers on the page: names as plain text, never markup; colours for everybody's eyes."""

import html
import re

from reinspect.export.appearance import (
    BLUE,
    GREY,
    LABEL_MARKS,
    ORANGE,
    OUTCOME_MARKS,
    YELLOW,
    number,
)

__all__ = ["BLUE", "GREY", "LABEL_MARKS", "ORANGE", "OUTCOME_MARKS", "number"]

OUTCOME_COLOURS = {"PASS": BLUE, "FAIL": ORANGE, "REVIEW": YELLOW}

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|~<>&:$^=\"'/@])")


def plain(text: str, limit: int = 120) -> str:
    """Text for a Streamlit label, escaped for Markdown; one line, cut if long."""
    line = " ".join(text.split())
    cut = line if len(line) <= limit else f"{line[: limit - 1]}…"
    return _MARKDOWN.sub(r"\\\1", cut).replace("\\/", "\\/\u200b")  # a path may break there


def escaped(text: str) -> str:
    """Text inside HTML; its own direction, so that a right-to-left name doesn't turn the line."""
    return f"<bdi>{html.escape(text)}</bdi>"


def percent(value: float | None) -> str:
    """One digit, a dash for none."""
    return "–" if value is None else f"{100 * value:.1f} %"


def badge(outcome: str) -> str:
    """An outcome as HTML, with a mark and a word, so that it is clear without the colour."""
    return f'<span class="badge {outcome}">{outcome}</span>'
