"""Texts from elsewhere: nothing that a terminal obeys, nothing that a spreadsheet runs."""

from typing import Any

import pytest

from reinspect.texts import harmless, two_digits, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("Größe 部品 😀", "Größe 部品 😀", id="letters"),
        pytest.param("\x1b[2J\x1b]0;owned\x07", "\\x1b[2J\\x1b]0;owned\\x07", id="escapes"),
        pytest.param("\x9b31m", "\\x9b31m", id="8-bit escapes"),
        pytest.param("a\rb\x08c", "a\\rb\\x08c", id="moves"),
        pytest.param("\u202egnp.exe", "\\u202egnp.exe", id="turns"),
        pytest.param("a\u00a0b", "a b", id="spaces"),
        pytest.param("\udcff", "\\udcff", id="no character"),
        pytest.param("a\nb", "a\\nb", id="lines"),
    ],
)
def test_what_a_terminal_shows(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_lines_may_stay() -> None:
    assert visible("a\n\tb\x1b", lines=True) == "a\n\\tb\\x1b"


SIGNS = "=+-@\t\r＝＋－＠﹢﹣−"


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        *(pytest.param(f"{sign}1", f"'{sign}1", id=ascii(sign)) for sign in SIGNS),
        pytest.param(" =1+1", "' =1+1", id="after a space"),
        pytest.param("\u00a0=1", "'\u00a0=1", id="after another space"),
        pytest.param("\ufeff=1", "'\ufeff=1", id="after a mark"),
        pytest.param(";=1", ";'=1", id="after a separator"),
        pytest.param("a; =1;@b", "a;' =1;'@b", id="after separators"),
        pytest.param("a\n=1", "a\n'=1", id="on a line"),
        pytest.param("a = b - c", "a = b - c", id="within"),
        pytest.param('[{"box": [0.1, -0.2]}]', '[{"box": [0.1, -0.2]}]', id="numbers in JSON"),
        pytest.param(-0.1, -0.1, id="a number"),
        pytest.param(None, None, id="nothing"),
    ],
)
def test_what_a_spreadsheet_reads(cell: Any, written: Any) -> None:
    assert harmless(cell) == written


@pytest.mark.parametrize(
    ("probability", "said"),
    [(0.5, "0.50"), (0.49999, "0.4999"), (0.4961, "0.4961"), (0.494, "0.49"), (0.0, "0.00")],
)
def test_what_is_called_normal_is_never_said_to_be_one_in_two(
    probability: float, said: str
) -> None:
    assert two_digits(probability) == said
