"""Finished traces as OpenTelemetry spans, by the GenAI semantic conventions (v1.41).

    invoke_workflow inspection
    ├── invoke_agent detector          its verdict, with the monitor's evaluation as events
    │   └── chat <model>               each request to a model, below whoever made it
    ├── invoke_agent monitor
    ├── execute_tool <tool>            each tool by its name in the recipe
    ├── invoke_agent reflection
    ├── explain, settle …              steps that the conventions have no name for

Values go one way: a trace is turned into spans when it is finished, with the times it was made at.
Nothing is measured for it, and it is the same for threads, processes and clusters. Pictures are
never part of it; what was asked and answered is only where `content` says so.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from reinspect.images import legible
from reinspect.readings import Readings
from reinspect.trace import Step, Trace
from reinspect.vocabulary import Assessment, Call, Decision, Revision, Verdict

if TYPE_CHECKING:
    from opentelemetry._logs import Logger
    from opentelemetry.context import Context
    from opentelemetry.trace import Span, SpanKind, Tracer

SCHEMA = "https://opentelemetry.io/schemas/1.41.0"

_FUSING = "fuse"
"""The step whose verdict is that of all views of a part."""

AGENTS = {"detect": "detector", "assess": "monitor", "revise": "reflection"}
"""Node of the graph → the name of the agent."""

PROVIDER = "reinspect"
"""Provider of members that ask no model; all models are asked by OpenAI's protocol."""

_READ = ("image", "category", "label", "probability", "disposition", "rounds", "revised")
"""Readings that the span of an inspection has."""

_PICTURE = re.compile(r"data:[\w.+-]+/[\w.+-]+;base64,[\w+/=-]*")
_RAISED = re.compile(r"[a-z_]+: ([A-Z]\w*): ")  # as the graph writes a member's failure

Attribute = str | bool | int | float | Sequence[str]


class Spans:
    """Turns each finished trace into spans; fits the role `Sink`.

    Args:
        tracer: makes the spans.
        events: takes the monitor's evaluations; without, they are not sent.
        run: name of the run.
        content: send prompts, answers, reasons and the words of models' errors, too.
    """

    def __init__(
        self, tracer: "Tracer", events: "Logger | None" = None, *, run: str, content: bool = False
    ) -> None:
        self._tracer, self._events = tracer, events
        self._run, self._content = run, content
        self.made = 0
        """Spans made so far, without those that the sampler drops."""

    def __call__(self, trace: Trace, /) -> None:
        times = _times(trace.all_steps)
        begin = min((start for start, _ in times), default=datetime.now(UTC))
        end = max((end for _, end in times), default=begin)
        failure = trace.error
        root = self._span(
            "invoke_workflow inspection", _of_inspection(trace, self._run), begin, None
        )
        inside = _inside(root)
        judged = root  # the span whose verdict is in force
        for (step, explored), (start, stop) in zip(trace.taken, times, strict=True):
            span = self._step(step, explored, start, stop, inside)
            if any(isinstance(product, Verdict | Revision) for product in step.products):
                judged = span if step.node in (*AGENTS, _FUSING) else judged
            self._evaluated(step, stop, _inside(judged))
        self._end(root, end, failure, failure and _kind(failure), private=_asked(trace.all_steps))

    def _step(
        self, step: Step, explored: bool, start: datetime, stop: datetime, inside: "Context"
    ) -> "Span":
        name, facts = _of_step(step, explored)
        span = self._span(name, facts, start, inside)
        for call in _calls([step]):
            self._call(call, call.started or start, _inside(span))
        self._end(span, stop, step.error, step.error and _kind(step.error), private=_asked([step]))
        return span

    def _call(self, call: Call, start: datetime, inside: "Context") -> None:
        from opentelemetry.trace import SpanKind

        facts = _of_call(call)
        if self._content:
            facts |= _content_of(call)
        span = self._span(f"chat {call.model}", facts, start, inside, SpanKind.CLIENT)
        stop = start + timedelta(seconds=call.seconds)
        self._end(span, stop, call.error, call.error_type or "_OTHER", private=True)

    def _evaluated(self, step: Step, at: datetime, inside: "Context") -> None:
        """The monitor's view of a verdict, as events of the span that the verdict comes from."""
        if self._events is None:
            return
        assessment = next((p for p in step.products if isinstance(p, Assessment)), None)
        if assessment is None:
            return
        decision = next((p for p in step.products if isinstance(p, Decision)), None)
        reasons = "; ".join(assessment.reasons) if self._content else ""
        for name in ("confidence", "reliability"):
            facts: dict[str, Attribute | None] = {
                "gen_ai.evaluation.name": name,
                "gen_ai.evaluation.score.value": getattr(assessment, name),
                "gen_ai.evaluation.score.label": decision.move.value if decision else None,
                "gen_ai.evaluation.explanation": reasons or None,
            }
            self._events.emit(
                timestamp=_nanoseconds(at),
                context=inside,
                event_name="gen_ai.evaluation.result",
                attributes=_clean(facts),
            )

    def _span(
        self,
        name: str,
        facts: Mapping[str, Attribute | None],
        start: datetime,
        inside: "Context | None",
        kind: "SpanKind | None" = None,
    ) -> "Span":
        from opentelemetry.context import Context
        from opentelemetry.trace import SpanKind

        span = self._tracer.start_span(
            _text(name),
            context=Context() if inside is None else inside,
            kind=kind or SpanKind.INTERNAL,
            attributes=_clean(facts),
            start_time=_nanoseconds(start),
        )
        self.made += span.is_recording()
        return span

    def _end(
        self, span: "Span", at: datetime, error: str | None, kind: str | None, *, private: bool
    ) -> None:
        """End a span; words that a model's server may have chosen are content."""
        from opentelemetry.trace import Status, StatusCode

        if error is not None:
            words = _text(error) if self._content or not private else None
            span.set_attribute("error.type", kind or "_OTHER")
            span.set_status(Status(StatusCode.ERROR, words))
        span.end(_nanoseconds(at))


def _times(steps: Sequence[Step]) -> list[tuple[datetime, datetime]]:
    """Start and end of each step; one without a start begins when the one before it ended."""
    at = datetime.now(UTC) - timedelta(seconds=sum(step.seconds for step in steps))
    times = []
    for step in steps:
        start = step.started or at
        at = start + timedelta(seconds=step.seconds)
        times.append((start, at))
    return times


def _of_inspection(trace: Trace, run: str) -> dict[str, Attribute | None]:
    read = Readings.of(trace).columns
    return {
        "gen_ai.operation.name": "invoke_workflow",
        "gen_ai.workflow.name": "inspection",
        "reinspect.run": run,
        **{f"reinspect.{name}": read[name] for name in _READ},
    }


def _of_step(step: Step, explored: bool) -> tuple[str, dict[str, Attribute | None]]:
    facts: dict[str, Attribute | None] = {
        "reinspect.round": step.round,
        "reinspect.explored": explored or None,
        "reinspect.view": step.view,
    }
    for product in step.products:
        if isinstance(product, Assessment):
            for name in ("confidence", "reliability", "divergence"):
                facts[f"reinspect.{name}"] = getattr(product, name)
        elif isinstance(product, Decision):
            facts["reinspect.move"] = product.move.value
    if step.tool is not None:
        return f"execute_tool {step.tool}", {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": step.tool,
            "gen_ai.tool.type": "function",
            **facts,
        }
    if step.node not in AGENTS:
        return step.node, facts
    agent, calls = AGENTS[step.node], list(_calls([step]))
    return f"invoke_agent {agent}", {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": agent,
        "gen_ai.provider.name": "openai" if calls else PROVIDER,
        "gen_ai.request.model": calls[0].model if calls else None,
        **facts,
    }


def _of_call(call: Call) -> dict[str, Attribute | None]:
    host, _, port = (call.server or "").rpartition(":")
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": call.model,
        "gen_ai.request.choice.count": call.choices if call.choices != 1 else None,
        "gen_ai.response.model": call.answered_by,
        "gen_ai.response.finish_reasons": call.finish or None,
        "gen_ai.usage.input_tokens": call.tokens_in,
        "gen_ai.usage.output_tokens": call.tokens_out,
        "server.address": host or None,
        "server.port": int(port) if host else None,
        "reinspect.prompt": call.prompt,
        "reinspect.prompt.sha256": call.prompt_sha256,
        "reinspect.pictures": call.pictures,
        "reinspect.unread": call.unread,
        "reinspect.usd": call.usd,
    }


def _content_of(call: Call) -> dict[str, Attribute | None]:
    """What was asked and answered in words, as the conventions' JSON; pictures are left out."""
    asked = [{"role": "user", "parts": [_words(call.text)]}]
    ends = call.finish or ("stop",) * len(call.answers)
    answered = [
        {"role": "assistant", "parts": [_words(answer)], "finish_reason": end}
        for answer, end in zip(call.answers, ends, strict=False)
    ]
    return {
        "gen_ai.input.messages": json.dumps(asked, ensure_ascii=False),
        "gen_ai.output.messages": json.dumps(answered, ensure_ascii=False),
    }


def _words(text: str) -> dict[str, str]:
    return {"type": "text", "content": _text(text)}


def _kind(error: str) -> str:
    """The name of what a member raised, where the graph wrote one down."""
    raised = _RAISED.match(error)
    return raised[1] if raised else "_OTHER"


def _asked(steps: Sequence[Step]) -> bool:
    """Whether one of the steps called a model, so that an error may quote its words."""
    return any(True for _ in _calls(steps))


def _calls(steps: Sequence[Step]) -> Iterator[Call]:
    return (p for step in steps for p in step.products if isinstance(p, Call))


def _clean(facts: Mapping[str, Attribute | None]) -> dict[str, Attribute]:
    """What is known, as text that can be sent, without any picture that a server sent back."""
    known = ((key, value) for key, value in facts.items() if value is not None)
    return {key: _text(value) if isinstance(value, str) else value for key, value in known}


def _text(text: str) -> str:
    return _PICTURE.sub("data:…", legible(text))


def _inside(span: "Span") -> "Context":
    from opentelemetry.context import Context
    from opentelemetry.trace import set_span_in_context

    return set_span_in_context(span, Context())


def _nanoseconds(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000) * 1000
