"""The page: the answer first, nothing from outside, only what there is."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from reinspect.files import write_json
from reinspect.qualification import (
    DamageOrigin,
    Findings,
    Trial,
    measure_detection,
    page,
    pod_plot,
    read_findings,
    write_page,
)
from reinspect.qualification.detection import detection_limits
from reinspect.qualification.findings import (
    DamageExample,
    FindingsError,
    LearningCurve,
    LearningPoint,
)
from reinspect.qualification.plot import learning_plot
from support.browser import browsing, need_browser
from support.made_findings import made_findings, made_picture, made_pictures, made_trials

SECTIONS = {
    "advice": "What to do",
    "examples": "Where the limit is",
    "learning": "Would more references help?",
    "odd": "References to look at",
    "looks": "Does a second look pay?",
    "second_look": "Does a second look pay?",
    "thresholds": "Thresholds",
    "set_up": "Set-up",
}


def answered(html: str) -> str:
    found = re.search(r'<p class="answer">(.*?)</p>', html)
    assert found
    return found[1]


def bare(trials: list[Trial], **values: object) -> Findings:
    return Findings(product="bolt", references=8, detection=measure_detection(trials), **values)  # type: ignore[arg-type]


def seen(found: list[bool]) -> list[Trial]:
    sizes = np.geomspace(4, 60, len(found))
    return [
        Trial(part=f"{n}", kind="hole", size=size, area=9, probability=0.5, detected=it)
        for n, (size, it) in enumerate(zip(sizes, found, strict=True))
    ]


@pytest.mark.parametrize(
    ("found", "answer"),
    [
        pytest.param(
            [n >= 30 for n in range(80)],
            r"finds drawn damage of 1\d\.\d px or longer in at least nine of ten cases, with 95 %",
            id="proven",
        ),
        pytest.param(
            [n >= 5 for n in range(12)],
            r"seems to find drawn damage of 1\d\.\d px or longer .* 12 trials don't prove it",
            id="too-few-to-prove",
        ),
        pytest.param([True] * 12, r"seems to find drawn damage of every size", id="all-of-few"),
        pytest.param(
            [n % 2 == 0 for n in range(80)],
            r"can't be relied on to find .* of 4\.0 px to 60\.0 px: of 80 trials it found 40",
            id="by-chance",
        ),
        pytest.param([True] * 5, r"is not known: 5 trials, and it takes 10", id="five"),
        pytest.param([], r"is not known: nothing was tried", id="nothing"),
    ],
)
def test_the_first_sentence_says_what_is_found(found: list[bool], answer: str) -> None:
    assert re.search(answer, answered(page(bare(seen(found)))).replace("&#39;", "'"))


def test_sizes_are_told_in_mm_where_the_scale_is_known() -> None:
    trials = seen([n >= 30 for n in range(80)])
    assert " mm" not in answered(page(bare(trials)))
    assert re.search(r"1\d\.\d px \(0\.3\d mm\)", answered(page(bare(trials, mm_per_pixel=0.025))))


@pytest.mark.parametrize("name", SECTIONS)
def test_a_section_is_there_if_its_value_is(name: str) -> None:
    all_of_it, none = made_findings(), bare(made_trials(per_kind=6))
    heading = f"<h2>{SECTIONS[name]}</h2>"
    alone = none.model_copy(update={name: getattr(all_of_it, name)})
    assert heading not in page(none)
    assert heading in page(alone)


def test_a_note_on_several_kinds_is_said_once() -> None:
    html = page(bare(made_trials(per_kind=24)))
    assert html.count("24 trials: MIL-HDBK-1823A asks for 60") == 1
    assert "<b>chip, crack, dent, foreign body" in html


@pytest.mark.parametrize("origin", DamageOrigin)
def test_drawn_damage_is_said_to_be_drawn(origin: DamageOrigin) -> None:
    html = page(made_findings(origin))
    assert ("This is drawn damage" in html) is (origin is DamageOrigin.DRAWN)
    assert ("drawn damage" in answered(html)) is (origin is DamageOrigin.DRAWN)


def test_the_page_needs_nothing_else() -> None:
    findings = made_findings()
    html = page(findings, made_pictures(findings))
    for address in re.findall(r'(?:src|href|action)="([^"]*)"', html):
        assert address.startswith("data:image/jpeg;base64,")
    assert html.count("<img ") == len(findings.examples)
    assert "url(" not in html
    assert "<script" not in html


def test_a_picture_that_is_gone_leaves_its_place(tmp_path: Path) -> None:
    findings = made_findings()
    names = [it.picture for it in findings.examples]
    (tmp_path / "part.png").write_bytes(made_picture(12, 0))
    pictures = {names[0]: tmp_path / "part.png", names[1]: b"", names[2]: tmp_path / "none.png"}
    html = page(findings, pictures)
    assert html.count("<img ") == 1
    assert "not a picture" in html
    assert "none.png" in html
    assert "no picture" in html


def test_text_from_elsewhere_is_text() -> None:
    evil = "<script>alert(1)</script>"
    findings = made_findings()
    trials = [it.model_copy(update={"kind": evil}) for it in made_trials(per_kind=3)]
    html = page(
        findings.model_copy(
            update={
                "product": evil,
                "advice": (evil,),
                "detection": measure_detection(trials),
                "examples": (
                    DamageExample(picture=evil, kind=evil, size=3, probability=1, detected=True),
                ),
                "details": {evil: evil},
            }
        )
    )
    assert "<script>" not in html
    assert html.count("&lt;script&gt;") >= 8


def test_findings_are_read_as_they_were_written(tmp_path: Path) -> None:
    findings = made_findings()
    write_json(tmp_path / "findings.json", findings)
    assert read_findings(tmp_path / "findings.json") == findings


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param("{}", "is no findings file that", id="something-else"),
        pytest.param("[", "no JSON", id="no-json"),
        pytest.param(
            '{"format": "reinspect-findings", "version": 2}',
            "of version 2, and this reinspect reads version 1: qualify it again",
            id="another-version",
        ),
    ],
)
def test_what_is_no_findings_file_is_refused(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "findings.json"
    path.write_text(content)
    with pytest.raises(FindingsError, match=message) as refused:
        read_findings(path)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "trials",
    [
        pytest.param(made_trials(), id="many"),
        pytest.param([], id="none"),
        pytest.param(seen([True] * 12), id="all-found"),
        pytest.param([it.model_copy(update={"size": 8.0}) for it in made_trials()], id="one-size"),
        pytest.param(
            [it.model_copy(update={"size": 8 + it.size / 30}) for it in made_trials()], id="narrow"
        ),
    ],
)
@pytest.mark.parametrize("mm_per_pixel", [None, 0.025])
def test_the_plot_stands_alone_and_says_so_where_there_is_no_curve(
    trials: list[Trial], mm_per_pixel: float | None
) -> None:
    limits = detection_limits(trials)
    drawing = ET.fromstring(pod_plot(limits, mm_per_pixel=mm_per_pixel))
    texts = ["".join(it.itertext()) for it in drawing.iter("{http://www.w3.org/2000/svg}text")]
    assert (limits.a90.why in texts) is not bool(limits.curve)
    assert {"0", "0.5", "0.9", "1"} <= set(texts)
    assert ("mm" in texts) is (mm_per_pixel is not None)
    assert not re.search("nan|inf", " ".join(texts))


def test_a_learning_curve_of_one_point_is_drawn() -> None:
    point = LearningPoint(references=8, value=0.9)
    drawing = learning_plot(LearningCurve(figure="AUROC", points=(point,)))
    assert ET.fromstring(drawing).get("aria-label") == "AUROC over the number of references"


@pytest.mark.browser
@pytest.mark.parametrize("width", [320, 1100])
def test_nothing_sticks_out_of_the_screen(tmp_path: Path, width: int) -> None:
    need_browser()
    findings = made_findings()
    write_page(findings, tmp_path / "q.html", made_pictures(findings))
    with browsing() as tab:
        tab.set_viewport_size({"width": width, "height": 800})
        tab.goto((tmp_path / "q.html").as_uri())
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        assert tab.locator("svg.plot:visible").count() == 1 + len(findings.detection.kinds) + 1
