"""What a notebook shows of verdicts and traces."""

import xml.etree.ElementTree as ET

import pytest

from reinspect import Box, Defect, Sample, Step, Trace, Verdict, View
from reinspect.notebook import shown
from support.made_traces import corrected, explored

NASTY = "<script>alert('x')</script> & \"more\""


def texts(html: str) -> list[str]:
    """The texts of well-formed HTML, in order."""
    return [text for text in ET.fromstring(html).itertext() if text.strip()]


def test_every_text_is_escaped() -> None:
    html = shown(NASTY, [(NASTY, 3)], (NASTY, "n"))
    assert "<script>" not in html
    assert texts(html) == [NASTY, NASTY, "n", NASTY, "3"]


def test_a_verdict_shows_its_defects() -> None:
    defect = Defect(box=Box(0, 0, 0.5, 0.25), score=0.75, type="<dent>")
    verdict = Verdict.of(0.9, defects=(defect,))
    assert texts(verdict._repr_html_()) == [
        *("anomalous, p = 0.900", "defect", "x1, y1, x2, y2", "score"),
        *("<dent>", "0.000, 0.000, 0.500, 0.250", "0.75"),
    ]


def test_a_trace_shows_what_came_of_each_step() -> None:
    said = texts(corrected("1.png")._repr_html_())
    assert said[0].startswith("1.png: PASS: ")
    assert "normal, p = 0.200" in said[0]
    for words in ("detect", "assess", "correct: p = 0.200", "anomalous, p = 0.700"):
        assert any(words in text for text in said), words
    assert any("(explored)" in text for text in texts(explored("1.png")._repr_html_()))


@pytest.mark.parametrize(
    ("trace", "words"),
    [
        pytest.param((), "p.png: not settled", id="empty"),
        pytest.param((Step(node="detect", error="detect: gone"),), "detect: gone", id="failed"),
    ],
)
def test_a_trace_shows_itself_at_any_stage(trace: tuple[Step, ...], words: str) -> None:
    sample = Sample(id="p.png", views=(View(path="p.png", sha256=None),))
    assert words in " ".join(texts(Trace(sample=sample, steps=trace)._repr_html_()))
