import json
from pathlib import Path

import pytest

from reinspect.policies.case import (
    Case,
    CaseError,
    case_of,
    parse_case,
    read_cases,
)
from reinspect.policies.hand_set import witnesses_of
from reinspect.trace import Branch, Step, Trace
from reinspect.vocabulary import (
    Evidence,
    Label,
    Move,
    Revision,
    Sample,
    Truth,
    Verdict,
    View,
)
from support.made_judgements import judgements, written

LOOK = {"stage": "first", "probability": 0.25}


def record(**changes: object) -> str:
    return json.dumps({"id": "a", "looks": [LOOK], **changes})


@pytest.mark.parametrize(
    ("line", "said"),
    [
        pytest.param("{", "no JSON", id="cut-off"),
        pytest.param("hello", "no JSON", id="words"),
        pytest.param("[1, 2]", "is a JSON object, not [1, 2]", id="list"),
        pytest.param(record(looks=[]), "needs a first look", id="no-look"),
        pytest.param('{"id": "a"}', "looks is missing", id="looks-missing"),
        pytest.param(record(id=""), "id: ", id="empty-id"),
        pytest.param(record(id=7), "id: ", id="number-as-id"),
        pytest.param(record(truth=1), "truth: ", id="number-as-truth"),
        pytest.param(record(truth="true"), "truth: ", id="text-as-truth"),
        pytest.param(record(looks=[{**LOOK, "probability": 1.01}]), "1.01", id="above-one"),
        pytest.param(record(looks=[{**LOOK, "probability": -0.1}]), "-0.1", id="below-zero"),
        pytest.param(record(looks=[{**LOOK, "probability": "0.5"}]), "'0.5'", id="text-as-p"),
        pytest.param(record(looks=[{**LOOK, "probability": True}]), "True", id="bool-as-p"),
        pytest.param(record(looks=[{**LOOK, "probability": None}]), "None", id="null-as-p"),
        pytest.param(record(looks=[{**LOOK, "probability": float("nan")}]), "NaN", id="nan-p"),
        pytest.param(record(signals={"x": float("inf")}), "Infinity", id="infinite-signal"),
        pytest.param(record(signals={"x": 1}).replace("1}", "1e999}"), "inf", id="overflow"),
        pytest.param(record(signals={"x": "1"}), "signals.x", id="text-as-signal"),
        pytest.param(record(signals={" ": 1}), "named ' '", id="nameless-signal"),
        pytest.param(record(sha256="abc"), "sha256", id="no-hash"),
        pytest.param(record(sinals={}), "sinals: unknown key", id="typo"),
    ],
)
def test_a_bad_line_is_named_in_one_line(line: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "judgements.jsonl"
    file.write_text(record(id="fine") + "\n\n" + line + "\n", encoding="utf-8")
    with pytest.raises(CaseError) as caught:
        read_cases(file)
    message = str(caught.value)
    assert "judgements.jsonl, line 3: " in message
    assert said in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(b"", "holds no judgement", id="empty"),
        pytest.param(b"\n\n", "holds no judgement", id="blank"),
        pytest.param(b"\xff\xfe{", "cannot read", id="binary"),
        pytest.param(
            f"{record()}\n{record(id='b')}\n{record()}\n".encode(),
            "line 3: id 'a' was on line 1 already",
            id="duplicate",
        ),
    ],
)
def test_a_bad_file_is_refused(content: bytes, said: str, tmp_path: Path) -> None:
    file = tmp_path / "judgements.jsonl"
    file.write_bytes(content)
    with pytest.raises(CaseError, match=said):
        read_cases(file)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CaseError, match="cannot read"):
        read_cases(tmp_path / "none.jsonl")


def test_what_is_written_is_read(tmp_path: Path) -> None:
    made = judgements(7)
    assert read_cases(written(tmp_path / "j.jsonl", made)) == tuple(made)


def test_a_byte_order_mark_and_a_line_separator_in_a_name_are_harmless(tmp_path: Path) -> None:
    file = tmp_path / "j.jsonl"
    line = '{"id": "a\u2028b", "looks": [{"stage": "x", "probability": 0}]}'
    file.write_bytes(b"\xef\xbb\xbf" + line.encode() + b"\r\n")
    assert [j.id for j in read_cases(file)] == ["a\u2028b"]


def test_a_signal_that_is_null_is_missing() -> None:
    assert parse_case(record(signals={"x": None, "y": 2})).signals == {"y": 2.0}


def test_looks_in_between_are_no_second_look() -> None:
    looks = [{"stage": s, "probability": p} for s, p in (("1", 0.1), ("2", 0.9), ("3", 0.3))]
    found = parse_case(record(looks=looks))
    assert (found.first, found.second, found.blend) == (0.1, 0.3, pytest.approx(0.2))
    alone = parse_case(record())
    assert (alone.first, alone.second, alone.blend) == (0.25, None, 0.25)


def traced(*steps: Step) -> Trace:
    view = View(path="/x/a.png", sha256="0" * 64)
    sample = Sample(id="a.png", category="bolt", views=(view,))
    own = Evidence(source="map", summary="", probability=0.8, measurements={"peak": 3.0})
    first = Verdict.of(0.8, evidence=(own,))
    return Trace(sample=sample, steps=(Step(node="detect", products=(first,)), *steps))


def witness(source: str, probability: float | None, **measurements: float) -> Evidence:
    return Evidence(source=source, summary="", probability=probability, measurements=measurements)


def test_a_first_look_alone_gives_its_signals_and_no_second() -> None:
    found = case_of(traced(), truth=Truth(label=Label.ANOMALOUS, source="review"))
    assert (found.id, found.group, found.truth, found.truth_source) == (
        "a.png",
        "bolt",
        True,
        "review",
    )
    assert [look.probability for look in found.looks] == [0.8]
    assert found.signals == {"first.map.peak": 3.0, "first.defects": 0.0}
    assert found.seconds is None


def test_the_second_look_is_the_mean_of_new_evidence_and_never_a_fusion() -> None:
    pieces = (witness("near", 0.2, area=4.0), witness("far", 0.4), witness("mute", None))
    looked = Step(node="examine", products=pieces, seconds=1.5)
    fusion = Revision(move=Move.KEEP, after=Verdict.of(0.65), reflection="")
    before = case_of(traced(looked))
    after = case_of(traced(looked, Step(node="revise", products=(fusion,))))
    assert before.second == pytest.approx(0.3)
    assert after == before
    assert after.seconds == 1.5
    assert after.signals["second.near.probability"] == 0.2
    assert after.signals["second.near.area"] == 4.0
    assert "second.mute.probability" not in after.signals


def test_a_revision_without_evidence_of_its_own_is_no_second_look() -> None:
    fusion = Revision(move=Move.KEEP, after=Verdict.of(0.65), reflection="")
    assert case_of(traced(Step(node="revise", products=(fusion,)))).second is None


def test_evidence_that_a_revised_verdict_rests_on_counts() -> None:
    after = Verdict.of(0.3, evidence=(witness("reflection", 0.1),))
    revision = Revision(move=Move.CORRECT, after=after, reflection="")
    assert case_of(traced(Step(node="revise", products=(revision,)))).second == 0.1


def test_a_first_look_that_is_kept_is_not_heard_again() -> None:
    first = Verdict.of(0.8, evidence=(witness("map", 0.8),))
    kept = Revision(move=Move.KEEP, after=first, reflection="")
    looked = Step(node="examine", products=(witness("near", 0.2),))
    sample = Sample(id="a.png", views=(View(path="/x/a.png", sha256=None),))
    detect, revise = Step(node="detect", products=(first,)), Step(node="revise", products=(kept,))
    trace = Trace(sample=sample, steps=(detect, looked, revise))
    assert case_of(trace).witnesses == {"near": 0.2}
    assert witnesses_of(trace) == {"near": 0.2}


def test_an_explored_look_shows_in_the_hypothetical_trace_only() -> None:
    looked = Step(node="examine", products=(witness("near", 0.2),))
    trace = traced().model_copy(update={"explored": Branch(at=1, steps=(looked,))})
    assert case_of(trace).second is None
    assert case_of(trace, explored=True).second == 0.2


def test_a_trace_without_a_first_look_is_refused() -> None:
    sample = Sample(id="a.png", views=(View(path="/x/a.png", sha256=None),))
    with pytest.raises(CaseError, match=r"'a\.png' has no first look"):
        case_of(Trace(sample=sample))


def test_the_schema_names_every_key() -> None:
    assert set(Case.model_json_schema()["properties"]) >= {
        "id",
        "group",
        "truth",
        "looks",
        "signals",
    }
