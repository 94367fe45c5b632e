"""Whoever can't use a mouse or tell colours apart: by axe-core, by keyboard, and by arithmetic."""

import itertools
from typing import Any, Literal

import numpy as np
import pytest

from reinspect.export.appearance import SHADES
from reinspect.ui.words import BLUE, GREY, ORANGE, OUTCOME_COLOURS
from support.browser import Site, found_by_axe, idle, visit

PAGES = {
    "Since yesterday": "",
    "Runs": "runs",
    "Inspections": "inspections",
    "Trace": "trace?id=1",
    "Review queue": "review?audit=100",
    "Training data": "captions",
    "Reliability": "reliability?run=two-looks",
    "Compare": "compare?a=first-look&b=two-looks",
    "Export": "export",
    "Qualification": "qualification",
    "References": "references",
    "Conflicts": "conflicts",
    "Commissioning": "commissioning",
    "Defect types": "types",
}
MAIN = """document.querySelector('[data-testid="stMain"]')"""

FOCUSED = """(() => {
    let focused = document.activeElement;
    while (focused.shadowRoot?.activeElement) focused = focused.shadowRoot.activeElement;
    if (!focused.matches('a, button, input, textarea')) return '';
    const label = focused.closest('label')?.innerText;
    return [focused.innerText, focused.ariaLabel, focused.placeholder, label].join(' ');
})()"""
"""The words of what has the focus, if it is something to act on."""


def beyond_the_edge(page: Any) -> int:
    """By how many pixels the page is wider than its window."""
    page.set_viewport_size({"width": 900, "height": 800})
    page.wait_for_timeout(500)
    return int(page.evaluate(f"(e => e.scrollWidth - e.clientWidth)({MAIN})"))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("surroundings", ["light", "dark"])
@pytest.mark.parametrize("title", PAGES)
def test_axe_has_nothing_to_object_to_and_a_window_of_900_pixels_suffices(
    site: Site, page: Any, title: str, surroundings: Literal["light", "dark"]
) -> None:
    page.emulate_media(color_scheme=surroundings)
    page.goto(f"{site.address}/{PAGES[title]}")
    page.locator("h1").first.wait_for()
    if title == "Trace":
        page.locator(".story .line").wait_for()
        page.locator(".viewer img").first.wait_for()
    if title == "Review queue":
        page.locator(".bench .scene img").first.wait_for()
        page.keyboard.press("b")
        page.keyboard.press("r")
    idle(page)
    page.wait_for_timeout(500)  # a transition's half-way colours are not what stays
    assert found_by_axe(page) == []
    assert beyond_the_edge(page) <= 0


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_from_the_filter_to_a_review_by_keyboard_alone(site: Site, page: Any) -> None:
    def tab_to(words: str) -> None:
        for _ in range(120):
            page.keyboard.press("Tab")
            said = page.evaluate(FOCUSED)
            if words in said.replace("\u200b", ""):
                return
        pytest.fail(f"{words!r} can't be reached by Tab")

    visit(page, site, "inspections?run=first-look", "Inspections")
    page.locator(".thumb img").first.wait_for()
    idle(page)
    tab_to("✓ PASS")
    page.keyboard.press("Enter")
    page.wait_for_url("**disposition=PASS**")
    idle(page)
    tab_to("/test/")
    page.keyboard.press("Enter")
    page.wait_for_url("**/trace?**")
    page.locator(".viewer img").first.wait_for()
    idle(page)
    tab_to("Review this image")
    page.keyboard.press("Space")
    page.get_by_placeholder("What decided it?").wait_for()
    idle(page)
    tab_to("◆ anomalous")
    page.keyboard.press("Enter")
    tab_to("What decided it?")
    page.keyboard.type("judged without a mouse")
    tab_to("Save")
    page.keyboard.press("Enter")
    page.locator(".story .reviewed").filter(has_text="judged without a mouse").wait_for()


# Machado, Oliveira and Fernandes, "A Physiologically-based Model for Simulation of Color Vision
# Deficiency" (2009), severity 1.0; on linear RGB.
SIGHT = {
    "full": np.eye(3),
    "without red": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
         [-0.003882, -0.048116, 1.051998]]
    ),
    "without green": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
         [-0.011820, 0.042940, 0.968881]]
    ),
    "without blue": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
         [0.004733, 0.691367, 0.303900]]
    ),
}  # fmt: skip
_XYZ = np.array(
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
)  # of linear sRGB


def seen(colour: str, sight: str) -> np.ndarray:
    """A colour as CIE L*a*b*, by someone of such sight."""
    rgb = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = _XYZ @ np.clip(SIGHT[sight] @ linear, 0, 1) / (_XYZ @ np.ones(3))
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def contrast(one: str, other: str) -> float:
    """Of text and its ground, as WCAG 2.2 has it: 1 to 21."""
    parts = []
    for colour in (one, other):
        rgb = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        parts.append(float(_XYZ[1] @ linear) + 0.05)
    return max(parts) / min(parts)


@pytest.mark.parametrize("surroundings", ["light", "dark"])
@pytest.mark.parametrize(
    ("text", "ground"),
    [
        *itertools.product(("ink", "soft", "link", "pass", "fail"), ("page", "sheet", "sunk")),
        *((name, f"{name}-back") for name in ("pass", "fail", "review")),
        *(("ink", f"{name}-back") for name in ("accent", "changed", "person", "fail")),
        ("on-action", "action"),
    ],
)
def test_text_stands_out_from_its_ground(text: str, ground: str, surroundings: str) -> None:
    pair = (getattr(SHADES[name], surroundings) for name in (text, ground))
    assert contrast(*pair) >= 4.5


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize(
    "colours",
    [
        pytest.param(tuple(OUTCOME_COLOURS.values()), id="outcomes"),
        pytest.param((BLUE, ORANGE, GREY), id="charts"),
        pytest.param(
            (SHADES["final"].light, SHADES["drawn"].light), id="solid boxes; others are dashed"
        ),
    ],
)
def test_colours_are_told_apart(colours: tuple[str, ...], sight: str) -> None:
    """A difference of 2.3 is just noticeable; these are clear at a glance."""
    for one, other in itertools.combinations(colours, 2):
        assert np.linalg.norm(seen(one, sight) - seen(other, sight)) > 15, (one, other)
