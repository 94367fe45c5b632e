"""How the product looks and speaks wherever it is seen: colours, badges, marks, numbers."""

import base64
from typing import NamedTuple

from reinspect.export.pages import asset
from reinspect.vocabulary import Label, Outcome

BLUE, ORANGE, YELLOW, PURPLE, GREY = "#0072b2", "#d55e00", "#e69f00", "#cc79a7", "#7b8794"
"""From the palette of Okabe and Ito: distinct with every kind of colour blindness."""

OUTCOME_MARKS: dict[str, str] = {
    Outcome.PASS: "✓ PASS",
    Outcome.FAIL: "✕ FAIL",
    Outcome.REVIEW: "? REVIEW",
}
LABEL_MARKS: dict[str, str] = {Label.NORMAL: "○ normal", Label.ANOMALOUS: "◆ anomalous"}


class Shade(NamedTuple):
    """A colour in light surroundings, and in dark ones."""

    light: str
    dark: str


SHADES = {
    "page": Shade("#f5f6f8", "#11161c"),
    "sheet": Shade("#ffffff", "#1a212a"),
    "sunk": Shade("#eef1f4", "#232c36"),
    "ink": Shade("#16202b", "#e7ecf1"),
    "soft": Shade("#566372", "#a3b0bd"),
    "line": Shade("#d5dbe2", "#33404d"),
    "edge": Shade("#8a96a3", "#6b7987"),
    "bar": Shade("#cfd6de", "#3a4653"),
    "dot": Shade(GREY, "#8b97a4"),
    "link": Shade("#00568a", "#7cc7ee"),
    "accent": Shade(BLUE, "#4aa8dc"),
    "accent-back": Shade("#eaf3f9", "#15303f"),
    "action": Shade("#00629b", "#4aa8dc"),
    "on-action": Shade("#ffffff", "#08202d"),
    "pass": Shade("#00527a", "#7cc7ee"),
    "pass-back": Shade("#d9ecf6", "#123447"),
    "fail": Shade("#8f3000", "#ff9f70"),
    "fail-back": Shade("#fbe2d5", "#4a2312"),
    "review": Shade("#6b4800", "#f3cf6b"),
    "review-back": Shade("#faedc8", "#40330d"),
    "changed": Shade(YELLOW, YELLOW),
    "changed-back": Shade("#fff3df", "#382b10"),
    "person": Shade("#b8608f", "#e58fc0"),
    "person-back": Shade("#f9edf4", "#3a2231"),
    # On pictures, which are as dark in either surroundings.
    "stage": Shade("#20262d", "#0b0f13"),
    "first": Shade("#56b4e9", "#56b4e9"),
    "final": Shade("#ff9d2e", "#ff9d2e"),
    "drawn": Shade("#e58fc0", "#e58fc0"),
    "truth": Shade("#009e73", "#009e73"),
    "place": Shade("#f0e442", "#f0e442"),
}
"""Name of a CSS variable → its colour. Text on its ground has a contrast of 4.5 and more."""

TYPE = 'system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif'
"""What is there on each system: nothing is fetched."""


def style(*, switched: bool = False) -> str:
    """The variables, and what all pages share, as CSS.

    Args:
        switched: surroundings are as the page's `color-scheme` says, which a person switches; else
            as the browser prefers.
    """
    shared = asset("shared.css")
    if switched:
        both = "".join(
            f"--{name}:light-dark({one.light},{one.dark});" for name, one in SHADES.items()
        )
        return f":root{{--type:{TYPE};{both}}}\n{shared}"
    light = "".join(f"--{name}:{one.light};" for name, one in SHADES.items())
    dark = "".join(f"--{name}:{one.dark};" for name, one in SHADES.items() if one.light != one.dark)
    return (
        f":root{{color-scheme:light dark;--type:{TYPE};{light}}}\n"
        f"@media (prefers-color-scheme:dark){{:root{{{dark}}}}}\n{shared}"
    )


def mark() -> str:
    """Our mark as SVG: a part, and the second look at it."""
    return asset("mark.svg").strip()


def icon() -> str:
    """The mark for a link to an icon, in base64."""
    return base64.b64encode(mark().encode()).decode()


def number(value: float | None, sign: str = "") -> str:
    """Two digits, a real minus sign, no sign of nothing, a dash for none."""
    if value is None:
        return "–"
    said = f"{value:{sign}.2f}"
    return "0.00" if float(said) == 0 else said.replace("-", "−")
