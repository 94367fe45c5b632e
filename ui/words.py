"""Text and numbers on the page: names as plain text, never markup; colours for everybody's eyes."""

import html
import re

BLUE, ORANGE, YELLOW, PURPLE, GREY = "#0072b2", "#d55e00", "#e69f00", "#cc79a7", "#7b8794"
"""From the palette of Okabe and Ito: distinct with every kind of colour blindness."""

OUTCOME_COLOURS = {"PASS": BLUE, "FAIL": ORANGE, "REVIEW": YELLOW}
OUTCOME_MARKS = {"PASS": "✓ PASS", "FAIL": "✕ FAIL", "REVIEW": "? REVIEW"}
LABEL_MARKS = {"normal": "○ normal", "anomalous": "◆ anomalous"}

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|~<>&:$^=\"'/@])")


def plain(text: str, limit: int = 120) -> str:
    """Text for a Streamlit label, escaped for Markdown; one line, cut if long."""
    line = " ".join(text.split())
    cut = line if len(line) <= limit else f"{line[: limit - 1]}…"
    return _MARKDOWN.sub(r"\\\1", cut).replace("\\/", "\\/\u200b")  # a path may break there


def escaped(text: str) -> str:
    """Text inside HTML; its own direction, so that a right-to-left name doesn't turn the line."""
    return f"<bdi>{html.escape(text)}</bdi>"


def number(value: float | None) -> str:
    """Two digits, a real minus sign, a dash for none."""
    if value is None:
        return "–"
    said = f"{value:.2f}"
    return "0.00" if float(said) == 0 else said.replace("-", "−")


def percent(value: float | None) -> str:
    """One digit, a dash for none."""
    return "–" if value is None else f"{100 * value:.1f} %"


def badge(outcome: str) -> str:
    """An outcome as HTML, with a mark and a word, so that it is clear without the colour."""
    return f'<span class="badge {outcome}">{outcome}</span>'
