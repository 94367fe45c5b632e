"""Both forms of an answer: strict writers, tolerant readers, and nothing guessed."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reinspect.agents.models.answers import (
    Answer,
    Named,
    UnreadableAnswer,
    read_json,
    schema,
    write_json,
)
from reinspect.agents.models.reflection import doubts_schema, explanation_schema
from reinspect.agents.models.tags import read_tags, write_tags
from reinspect.vocabulary import Box

_words = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="<>"))
_thinking = _words.map(str.strip)
_kind = st.text(
    st.characters(categories=["L", "N"], exclude_characters="<>;"), min_size=1, max_size=40
)


@st.composite
def _box(draw: st.DrawFn) -> Box:
    x = draw(st.lists(st.integers(0, 1000), min_size=2, max_size=2, unique=True).map(sorted))
    y = draw(st.lists(st.integers(0, 1000), min_size=2, max_size=2, unique=True).map(sorted))
    return Box(x[0] / 1000, y[0] / 1000, x[1] / 1000, y[1] / 1000)


def _alike(kinds: list[str], boxes: list[Box]) -> tuple[Named, ...]:
    return tuple(Named(type=k, box=b) for k, b in zip(kinds, boxes, strict=False))


_defects = st.builds(_alike, st.lists(_kind, max_size=8), st.lists(_box(), max_size=8))
_normal = st.builds(
    Answer, anomalous=st.just(False), thinking=_thinking, reflection=st.none() | _thinking
)
_anomalous = st.builds(
    Answer,
    anomalous=st.just(True),
    defects=_defects,
    thinking=_thinking,
    reflection=st.none() | _thinking,
)


@given(_normal | _anomalous)
def test_what_is_written_in_tags_is_read_back(answer: Answer) -> None:
    assert read_tags(write_tags(answer)) == answer


@given(_normal | _anomalous, st.none() | st.floats(0, 1))
def test_what_is_written_as_json_is_read_back(answer: Answer, confidence: float | None) -> None:
    stated = answer.model_copy(update={"confidence": confidence})
    if stated.reflection is not None:  # a reflection has no stages
        stated = stated.model_copy(update={"thinking": ""})
    assert read_json(write_json(stated)) == stated


@given(_normal | _anomalous)
def test_what_is_written_as_json_has_the_keys_of_the_schema_in_order(answer: Answer) -> None:
    mode = "thinking" if answer.reflection is None else "reflection"
    assert list(json.loads(write_json(answer))) == schema(mode)["required"]


def _bounded(part: dict[str, Any]) -> bool:
    """Whether structured output by this schema must come to an end."""
    match part["type"]:
        case "object":
            closed = part["additionalProperties"] is False
            return closed and all(map(_bounded, part["properties"].values()))
        case "array":
            return "maxItems" in part and _bounded(part["items"])
        case "string":
            return "enum" in part or "maxLength" in part
        case _:
            return {"minimum", "maximum"} <= set(part)


@pytest.mark.parametrize(
    "given_schema",
    [
        schema("thinking"),
        schema("reflection"),
        doubts_schema({"zoom": "closer"}),
        explanation_schema(),
    ],
)
def test_every_field_that_a_model_fills_is_bounded(given_schema: dict[str, Any]) -> None:
    assert _bounded(given_schema)
    assert given_schema["required"] == list(given_schema["properties"])


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    for read in (read_tags, read_json):
        with contextlib.suppress(UnreadableAnswer):
            assert isinstance(read(text), Answer)


BENT = Named(type="bent", box=Box(0.383, 0.706, 0.409, 0.801))
SPOT = "<location>(0.383,0.706)(0.409,0.801)</location>"


@pytest.mark.parametrize(
    ("text", "anomalous", "defects", "reflection"),
    [
        pytest.param(
            f"<think>a wire</think><type>bent</type>{SPOT}<answer>yes</answer>",
            True, (BENT,), None, id="thinking",
        ),
        pytest.param(
            f"<think>no</think><reflection>b</reflection><type>bent</type>{SPOT}"
            "<answer>yes</answer>",
            True, (BENT,), "b", id="reflective",
        ),
        pytest.param("<think>a</think><answer>no</answer>", False, (), None, id="normal"),
        pytest.param(
            "<think>a</think><rflection>b</rflection><answer>no</answer>",
            False, (), "b", id="rflection",
        ),
        pytest.param(
            "<think>a</think><rethink>b</rethink><answer>no</answer>",
            False, (), "b", id="rethink",
        ),
        pytest.param(
            "<think>a</think><rflection>b</reflection><answer>no</answer>",
            False, (), "b", id="rflection closed rightly",
        ),
        pytest.param(
            "<think>x</think><reflection>b</think><answer>no</answer>",
            False, (), "b", id="closed by another tag",
        ),
        pytest.param("Sure!\n< THINK >a</ Think>\n<Answer> Yes. </answer>\nBye", True, (), None,
                     id="capitals and words around"),
        pytest.param("<think>a</think><answer>no", False, (), None, id="cut after the answer"),
        pytest.param(
            "<think>I could say <answer>yes</answer> here</think><answer>no</answer>",
            False, (), None, id="an answer that is only thought of",
        ),
        pytest.param(
            f"<think><type>cut</type>{SPOT}<answer>yes</answer></think><reflection>no</reflection>"
            "<answer>yes</answer>",
            True, (), "no", id="the first answer, quoted",
        ),
        pytest.param(
            "<answer>yes</answer><location>[0.409, 0.801], [0.383, 0.706]</location>",
            True, (Named(box=BENT.box),), None, id="square brackets, corners swapped",
        ),
        pytest.param(
            f"<type>bent</type><location>{SPOT[10:-11]};(0,0)(1,1)</location><answer>yes</answer>",
            True, (BENT, Named(type="bent", box=Box(0, 0, 1, 1))), None, id="one type, two boxes",
        ),
        pytest.param(f"<type>bent</type>{SPOT}<answer>no</answer>", False, (), None,
                     id="a defect that is denied"),
    ],
)  # fmt: skip
def test_known_deviations_are_read(
    text: str, anomalous: bool, defects: tuple[Named, ...], reflection: str | None
) -> None:
    answer = read_tags(text)
    assert (answer.anomalous, answer.defects, answer.reflection) == (
        anomalous,
        defects,
        reflection,
    )


@pytest.mark.parametrize(
    ("location", "note"),
    [
        pytest.param("(383,706)(409,801)", "no box", id="another scale is not guessed"),
        pytest.param("(0.3,0.7)", "more than corners", id="half a box"),
        pytest.param("(0.3,0.3)(0.3,0.9)", "no box", id="no area"),
        pytest.param("top left", "more than corners", id="words"),
    ],
)
def test_a_location_that_cannot_be_read_is_said(location: str, note: str) -> None:
    answer = read_tags(f"<location>{location}</location><answer>yes</answer>")
    assert answer.anomalous
    assert answer.located == ()
    assert note in answer.notes[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", "empty", id="empty"),
        pytest.param("The part is fine.", "no <answer>", id="no tags"),
        pytest.param("<answer>maybe</answer>", "neither yes nor no", id="maybe"),
        pytest.param("<answer>yes and no</answer>", "neither yes nor no", id="both"),
        pytest.param("<think>it is <answer>yes", "cut off", id="cut while thinking"),
    ],
)
def test_tags_that_do_not_decide_are_refused(text: str, message: str) -> None:
    with pytest.raises(UnreadableAnswer, match=message):
        read_tags(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", "empty", id="empty"),
        pytest.param('{"answer": "ye', "no JSON", id="half"),
        pytest.param('["yes"]', "JSON list", id="list"),
        pytest.param('{"answer": "maybe"}', "'maybe'", id="maybe"),
        pytest.param('{"answer": true}', "True", id="bool"),
        pytest.param("{}", "None", id="nothing"),
        pytest.param("[" * 100_000, "no JSON", id="bomb"),
    ],
)
def test_json_that_does_not_decide_is_refused(text: str, message: str) -> None:
    with pytest.raises(UnreadableAnswer, match=message):
        read_json(text)


def test_json_in_a_fence_is_read() -> None:
    answer = read_json('```json\n{"answer": "yes", "defects": [{"type": "cut"}]}\n```')
    assert answer.anomalous
    assert answer.notes == ("no box: None",)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(Answer(anomalous=False, thinking="a</think>"), id="a tag in the thinking"),
        pytest.param(
            Answer(anomalous=True, defects=(Named(type="a;b"),)), id="a separator in a type"
        ),
        pytest.param(Answer(anomalous=True, defects=(BENT, Named(type="b"))), id="half located"),
    ],
)
def test_what_would_be_misread_is_not_written(answer: Answer) -> None:
    with pytest.raises(ValueError, match=r"read as tags|hold ';'|have a box"):
        write_tags(answer)


def test_a_box_thinner_than_a_thousandth_stays_a_box() -> None:
    thin = Named(box=Box(0.9999, 0.2, 1.0, 0.3))
    text = write_tags(Answer(anomalous=True, defects=(thin,)))
    assert "(0.999,0.200)(1.000,0.300)" in text
