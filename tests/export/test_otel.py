"""Traces as spans: the tree, the attributes that the conventions name, and what is kept out."""

import base64
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import pytest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from reinspect.export.otel import Spans
from reinspect.graph.build import BuildContext, build_pipeline
from reinspect.graph.inspection import build
from reinspect.graph.recipe import Recipe
from reinspect.testing import ReceivedRequest, Reply, ScriptedServer
from reinspect.trace import Step, Trace
from reinspect.vocabulary import Call, Sample, Verdict
from support.made_answers import said
from support.made_traces import corrected, unreadable
from support.starting import marking


class Seen(NamedTuple):
    """What one trace was turned into."""

    spans: tuple[ReadableSpan, ...]
    events: list[Any]

    def one(self, name: str) -> ReadableSpan:
        (span,) = (span for span in self.spans if span.name == name)
        return span

    def tree(self, parent: int | None = None) -> list[Any]:
        """Names, each with what is below it, in the order in which they began."""
        below = [s for s in self.spans if (s.parent.span_id if s.parent else None) == parent]
        below.sort(key=lambda span: span.start_time or 0)
        return [(span.name, self.tree(span.context.span_id)) for span in below]

    @property
    def text(self) -> str:
        """Everything that would be sent."""
        events = [(e.log_record.event_name, dict(e.log_record.attributes)) for e in self.events]
        return "".join(span.to_json() for span in self.spans) + json.dumps(events)


def seen(trace: Trace, *, content: bool = False) -> Seen:
    spans, events = InMemorySpanExporter(), InMemoryLogRecordExporter()
    tracing, logs = TracerProvider(), LoggerProvider()
    tracing.add_span_processor(SimpleSpanProcessor(spans))
    logs.add_log_record_processor(SimpleLogRecordProcessor(events))
    tracer, logger = tracing.get_tracer("t"), logs.get_logger("t")
    sink = Spans(tracer, logger, run="monday", content=content)
    sink(trace)
    found = Seen(spans.get_finished_spans(), list(events.get_finished_logs()))
    tracing.shutdown()
    logs.shutdown()
    assert sink.made == len(found.spans)
    return found


def facts(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


@pytest.fixture
def part(tmp_path: Path) -> str:
    image = np.random.default_rng(7).integers(0, 255, (120, 160, 3), np.uint8)
    path = tmp_path / "part.png"
    cv2.imwrite(str(path), image)
    return str(path)


def inspected(part: str, script: Any, tools: list[Any], monitor: str = "vlm") -> Trace:
    with ScriptedServer(script) as server:
        model = {"kind": "vlm", "model": "m", "base_url": server.url, "max_retries": 0}
        recipe = Recipe.model_validate(
            {
                "detector": model,
                "monitor": {**model, "reference": False} if monitor == "vlm" else monitor,
                "tools": tools,
                "policies": {"trigger": "always"},
            }
        )
        graph = build(build_pipeline(BuildContext(recipe=recipe)))
        trace: Trace = graph.invoke({"image": part, "id": "a/part.png", "category": "bolt"})[
            "trace"
        ]
    return trace


def answers(asked: ReceivedRequest) -> Reply | str:
    """A model that is unsure at first, and then sure."""
    if "holds" in asked.text:
        return Reply(json.dumps({"holds": "no", "doubts": "SECRET doubt", "look": "none"}), yes=0.4)
    if "`final`" in asked.text:
        return '{"first": "SECRET f", "final": "SECRET g"}'
    again = "The first verdict:" in asked.text
    return Reply(said("yes", reflection="SECRET r" if again else None), yes=0.6, finish="stop")


@pytest.fixture
@marking(pytest.mark.server)
def asked(part: str) -> Trace:
    """A trace of the graph itself, every member of which asks a model, with two tools."""
    trace = inspected(part, answers, ["zoom", {"kind": "hi_res", "note": "more"}])
    assert trace.error is None
    return trace


def test_an_inspection_is_a_tree(asked: Trace) -> None:
    chat = ("chat m", [])
    assert seen(asked).tree() == [
        (
            "invoke_workflow inspection",
            [
                ("invoke_agent detector", [chat]),
                ("invoke_agent monitor", [chat]),
                ("execute_tool zoom", []),
                ("execute_tool hi_res", []),
                ("invoke_agent reflection", [chat]),
                ("invoke_agent monitor", [chat]),
                ("explain", [chat]),
                ("settle", []),
            ],
        )
    ]


def test_attributes_are_those_of_the_conventions(asked: Trace) -> None:
    found = seen(asked)
    root = facts(found.one("invoke_workflow inspection"))
    assert root["gen_ai.operation.name"] == "invoke_workflow"
    assert root["gen_ai.workflow.name"] == "inspection"
    known = ("reinspect.run", "reinspect.image", "reinspect.category", "reinspect.disposition")
    assert [root[key] for key in known] == ["monday", "a/part.png", "bolt", "REVIEW"]
    tool = facts(found.one("execute_tool zoom"))
    assert (tool["gen_ai.operation.name"], tool["gen_ai.tool.name"]) == ("execute_tool", "zoom")
    agent = facts(found.one("invoke_agent detector"))
    assert agent["gen_ai.operation.name"] == "invoke_agent"
    assert agent["gen_ai.agent.name"] == "detector"
    assert (agent["gen_ai.provider.name"], agent["gen_ai.request.model"]) == ("openai", "m")
    chats = [span for span in found.spans if span.name == "chat m"]
    assert {span.kind for span in chats} == {SpanKind.CLIENT}
    assert {span.kind for span in found.spans if span.name != "chat m"} == {SpanKind.INTERNAL}
    call = facts(chats[0])
    assert call["gen_ai.operation.name"] == "chat"
    assert call["gen_ai.response.model"] == "m"
    assert call["gen_ai.response.finish_reasons"] == ("stop",)
    assert call["gen_ai.usage.input_tokens"] > 100
    assert call["gen_ai.usage.output_tokens"] > 10
    assert call["server.address"] == "127.0.0.1"
    assert call["server.port"] > 1000


def test_the_monitors_view_is_an_event_of_the_verdict_that_it_judges(asked: Trace) -> None:
    found = seen(asked)
    records = [event.log_record for event in found.events]
    assert {record.event_name for record in records} == {"gen_ai.evaluation.result"}
    assessments = [p for s in asked.steps for p in s.products if p.kind == "assessment"]
    first, second = assessments
    judged = ["invoke_agent detector", "invoke_agent reflection"]
    expected = [
        (found.one(name).context.span_id, {
            "gen_ai.evaluation.name": kind,
            "gen_ai.evaluation.score.value": getattr(assessment, kind),
            "gen_ai.evaluation.score.label": label,
        })
        for name, assessment, label in (
            (judged[0], first, "revisit"),
            (judged[1], second, "accept"),
        )
        for kind in ("confidence", "reliability")
    ]  # fmt: skip
    assert [(record.span_id, dict(record.attributes)) for record in records] == expected


def test_spans_have_the_times_at_which_it_happened(asked: Trace) -> None:
    found = seen(asked)
    root = found.one("invoke_workflow inspection")
    for step in asked.steps:
        assert step.started is not None
    detect = found.one("invoke_agent detector")
    began = asked.steps[0].started
    assert began is not None
    assert detect.start_time == pytest.approx(began.timestamp() * 1e9, abs=2000)
    for span in found.spans:
        assert span.start_time is not None
        assert span.end_time is not None
        assert (root.start_time or 0) <= span.start_time <= span.end_time <= (root.end_time or 0)


def test_steps_without_a_start_follow_one_another() -> None:
    before = datetime.now(UTC)
    found = seen(corrected("a.png"))
    detect, zoom = found.one("invoke_agent detector"), found.one("examine")
    assert (detect.end_time or 0) - (detect.start_time or 0) == pytest.approx(1e8, abs=2000)
    assert zoom.start_time == detect.end_time
    earliest = (before - timedelta(seconds=0.31)).timestamp() * 1e9
    assert (detect.start_time or 0) >= earliest


@pytest.mark.server
@pytest.mark.parametrize("content", [False, True])
@pytest.mark.parametrize("status", [200, 400])
def test_pictures_are_never_in_it(part: str, content: bool, status: int) -> None:
    sent: list[str] = []

    def parrot(asked: ReceivedRequest) -> Reply:
        sent.append(base64.b64encode(asked.pictures[0]).decode())
        shown = f"what is data:image/jpeg;base64,{sent[0]}?"
        refused = json.dumps({"error": {"message": shown}})
        return Reply(shown) if status == 200 else Reply(status=400, body=refused)

    found = seen(inspected(part, parrot, []), content=content)
    assert sent[0][:20] not in found.text
    assert ("data:" in found.text) is content


def test_what_was_said_is_kept_out_unless_it_is_asked_for(asked: Trace) -> None:
    prompt = next(p for p in asked.steps[0].products if isinstance(p, Call)).text
    line = max(prompt.splitlines(), key=len)
    quiet, full = seen(asked), seen(asked, content=True)
    assert "SECRET" not in quiet.text
    assert line not in quiet.text
    assert "messages" not in quiet.text
    call = facts(next(span for span in full.spans if span.name == "chat m"))
    assert json.loads(call["gen_ai.input.messages"]) == [
        {"role": "user", "parts": [{"type": "text", "content": prompt}]}
    ]
    (answer,) = json.loads(call["gen_ai.output.messages"])
    assert answer["finish_reason"] == "stop"
    assert json.loads(answer["parts"][0]["content"])["answer"] == "yes"
    assert any("SECRET doubt" in str(e.log_record.attributes) for e in full.events)


@pytest.mark.server
@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        pytest.param(Reply(status=503), "503", id="503"),
        pytest.param(Reply("SECRET, I do not know"), "UnreadableAnswer", id="unreadable"),
        pytest.param(Reply(drop=True), "APIConnectionError|.*Connect.*", id="dropped"),
    ],
)
def test_a_failed_call_is_an_error_as_far_up_as_it_reaches(
    part: str, reply: Reply, kind: str
) -> None:
    trace = inspected(part, reply, [], monitor="embedded")
    found = seen(trace)
    asked = [span for span in found.spans if span.name == "chat m"]  # an odd answer: once more
    above = [found.one(name) for name in ("invoke_agent detector", "invoke_workflow inspection")]
    for span in (*asked, *above):
        assert span.status.status_code is StatusCode.ERROR
        assert span.status.description is None  # words that a server chose
        assert facts(span)["error.type"]
    assert asked
    assert all(re.fullmatch(kind, facts(span)["error.type"]) for span in asked)
    assert "SECRET" not in found.text
    full = seen(trace, content=True)
    assert all(span.status.description for span in full.spans if span.name == "chat m")


def test_a_failed_tool_says_which_and_why() -> None:
    first = Step(node="detect", products=(Verdict.of(0.9),))
    step = Step(node="examine", tool="zoom", error="examine: ValueError: no such place \ud800")
    found = seen(Trace(sample=corrected("a.png").sample, steps=(first, step)))
    span = found.one("execute_tool zoom")
    assert facts(span)["error.type"] == "ValueError"
    assert span.status.description == "examine: ValueError: no such place \\ud800"
    assert found.one("invoke_agent detector").status.status_code is StatusCode.UNSET


@pytest.mark.parametrize(
    "trace",
    [
        pytest.param(unreadable("a.png", "is no image"), id="unreadable"),
        pytest.param(Trace(sample=corrected("\udcff\n<b>.png").sample), id="odd-name, no steps"),
        pytest.param(
            Trace(sample=Sample(id="a", views=corrected("a").sample.views), steps=(Step(node=""),)),
            id="nameless step",
        ),
    ],
)
def test_odd_traces_are_spans_too(trace: Trace) -> None:
    found = seen(trace)
    assert found.one("invoke_workflow inspection").parent is None
    assert len(found.spans) == 1 + len(trace.steps)
    found.text.encode()
