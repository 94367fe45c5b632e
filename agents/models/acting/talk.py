"""The conversation of a critic that acts: turns, looks, bounds, and what is not let through.

What a model does wrong is said to it in one line, once or twice; what goes on like that ends the
conversation with that line as the step's error, and the part goes to REVIEW.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from reinspect.agents.calls import ModelLimits
from reinspect.agents.models.acting.decision import REVISE, read_revision, revise_tool
from reinspect.agents.models.acting.looks import (
    ActingError,
    LookAsked,
    Shown,
    in_time,
    offered,
    pointed,
    read_asked,
    told,
)
from reinspect.agents.models.answers import UnreadableAnswer
from reinspect.agents.models.client import Model
from reinspect.agents.models.prompts import Prompt
from reinspect.agents.models.wire import message_of
from reinspect.cost import ModelCost
from reinspect.errors import shorten
from reinspect.images import Pixels
from reinspect.roles import StepAttempt, Tool
from reinspect.trace import Step, Trace
from reinspect.vocabulary import Evidence, Product, ShownPicture, ToolUse

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage, BaseMessage

PATIENCE = 2
"""Times that one fault is answered; the next time it ends the conversation."""


class Bounds(NamedTuple):
    """What a conversation may take at most."""

    turns: int
    calls: int
    tokens: int | None
    pictures: int
    seconds: float
    """That a look may take."""


class Request(NamedTuple):
    """A call of a tool, as a model wrote it."""

    id: str
    name: str
    written: str
    """The arguments, as JSON."""
    arguments: Any
    fault: str = ""
    """Why the arguments can't be read."""


@dataclass
class Talk:
    """One part's conversation.

    Args:
        model: who talks.
        prompt: what it is asked.
        opening: the pictures that it is shown first.
        labels: what each of them is.
        notes: the tools that it may use, with what each is good for.
        heeds: what of box and phrase each of them heeds.
        bounds: of the conversation.
        shown: shows pictures.
        limits: of the part; where they are reached, it settles with what was found.
    """

    model: Model
    prompt: Prompt
    opening: Sequence[Pixels]
    labels: Sequence[str]
    notes: Mapping[str, str]
    heeds: Mapping[str, tuple[str, ...]]
    bounds: Bounds
    shown: Shown
    limits: ModelLimits
    messages: "list[BaseMessage]" = field(default_factory=list)
    _said: list[str] = field(default_factory=list)
    """To the model since its last turn."""
    _pictures: list[ShownPicture] = field(default_factory=list)
    _waiting: "list[BaseMessage]" = field(default_factory=list)
    """Pictures: they come behind the answers to all calls of a turn."""
    _faults: dict[str, int] = field(default_factory=dict)
    _answers: dict[tuple[str, str], str] = field(default_factory=dict)
    _turns: int = 0
    _last: bool = False
    _calls: int = 0
    _looked: bool = False
    _ended: bool = False
    _tokens: int = 0

    def steps(
        self, trace: Trace, tools: Mapping[str, Tool], attempt: StepAttempt
    ) -> Iterator[Step]:
        """Every turn, and every look, as a step; the last one ends it, or says why it ended."""
        self.open()
        while not self.over:
            if self.limits.exceeded(ModelCost.of_trace(trace)):
                return  # the part settles with what was found
            self.begin_turn()
            answers: list[AIMessage] = []
            asked = attempt(partial(self._ask, answers))
            trace = trace.then(asked)
            yield asked
            if not answers:
                return
            for step in self.heard(answers[0], trace, tools, attempt):
                trace = trace.then(step)
                yield step
        if not self._ended and not self._gave_up:
            fault = (
                f"the model never ended: {self._turns} turns, {self._tokens} tokens, no decision"
            )
            yield attempt(partial(_raise, fault))

    def open(self) -> None:
        """Say what the model is asked, and show what it is shown first."""
        settings = self.model.settings
        self.messages.append(message_of(self.prompt.text, self.opening, settings, self.labels))
        self._said = [self.prompt.text]
        self._pictures = list(map(self.shown.kept, self.opening, self.labels))

    @property
    def over(self) -> bool:
        """Whether nothing more is asked: it decided, went wrong too often, or had its last turn."""
        return self._ended or self._gave_up or self._last

    def begin_turn(self) -> None:
        """Count a turn; in the last one the model can do nothing but decide."""
        self._turns += 1
        self._last = self._turns >= self.bounds.turns or self._spent

    def offers(self) -> list[dict[str, Any]]:
        """What the model may call, as OpenAI's protocol has functions."""
        known = self.notes.items()
        looks = [offered(name, note, self.heeds.get(name, ())) for name, note in known]
        return [*looks, revise_tool()]

    def heard(
        self,
        answer: "AIMessage",
        trace: Trace,
        tools: Mapping[str, Tool],
        attempt: StepAttempt,
    ) -> Iterator[Step]:
        """What becomes of all that an answer asks for; what is said to it is in `messages`."""
        self.messages.append(answer)
        requests = requests_of(answer)
        if not requests:
            yield attempt(partial(self._in_words, str(answer.text), trace))
        for request in requests:
            step = self._answered(request, trace, tools, attempt)
            if self._gave_up:  # nobody answers it, but it was asked
                asked = (_use(request, "", refused=True), *step.products)
                step = step.model_copy(update={"products": asked})
            trace = trace.then(step)
            yield step
            if self._ended or self._gave_up:
                return
        self.messages += self._waiting
        self._waiting = []

    @property
    def _spent(self) -> bool:
        return self.bounds.tokens is not None and self._tokens >= self.bounds.tokens

    @property
    def _gave_up(self) -> bool:
        return any(times > PATIENCE for times in self._faults.values())

    def _ask(self, answers: "list[AIMessage]") -> Sequence[Product]:
        """Ask once; the call is noted where it is made."""
        only = REVISE if self._last or self._calls >= self.bounds.calls else None
        every = [revise_tool()] if only else self.offers()
        answer = self.model.turn(
            self.prompt,
            "\n\n".join(self._said),
            self.messages,
            every,
            only=only,
            shown=self._pictures,
        )
        usage = answer.usage_metadata
        self._tokens += usage["total_tokens"] if usage else 0
        self._said, self._pictures = [], []
        answers.append(answer)
        return ()

    def _answered(
        self, request: Request, trace: Trace, tools: Mapping[str, Tool], attempt: StepAttempt
    ) -> Step:
        """What becomes of one request: a look, the end, or a line that says what was wrong."""
        if request.name == REVISE:
            return attempt(partial(self._revised, request, trace))
        if request.name not in tools or request.name not in self.notes:
            known = ", ".join((*self.notes, REVISE))
            fault = f"no tool {shorten(request.name)}; there are: {known}"
            return attempt(partial(self._refused, request, fault, "unknown"))
        key = (request.name, request.written)
        if key in self._answers:
            again = f"asked before, and it says the same: {self._answers[key]}"
            return attempt(partial(self._refused, request, again, "loops"), request.name)
        if self._calls >= self.bounds.calls:
            spent = f"no more looks: {self.bounds.calls} were taken; end by {REVISE}"
            return attempt(partial(self._refused, request, spent, "spent"))
        try:
            if request.fault:
                raise ActingError(request.fault)
            asked = read_asked(request.arguments, self.heeds.get(request.name, ()))
        except ActingError as failure:
            fault = f"{request.name}: {failure}"
            return attempt(partial(self._refused, request, fault, "arguments"), request.name)
        return self._looked_at(request, asked, tools[request.name], trace, attempt)

    def _looked_at(
        self, request: Request, asked: LookAsked, tool: Tool, trace: Trace, attempt: StepAttempt
    ) -> Step:
        self._calls += 1
        name = request.name

        def look() -> Sequence[Product]:
            there = pointed(trace, name, asked)
            found = in_time(tool, there, name, self.bounds.seconds)
            several: Sequence[Any] = found if isinstance(found, list | tuple) else [found]
            pieces = [piece for piece in several if isinstance(piece, Evidence)]
            if len(pieces) < len(several):
                raise ActingError(f"{name} brought {shorten(found)}, which is no evidence")
            pictures, labels = self.shown.after(asked, pieces)
            self._looked = self._looked or bool(pictures) or any(map(_tells, pieces))
            words = told(pieces)
            self._answers[name, request.written] = words
            self._tell(request, words)
            self._show(pictures, labels)
            return (_use(request, words, len(pictures)), *pieces)

        step = attempt(look, name)
        if step.error:
            words = f"{name} failed: {step.error}"
            self._answers[name, request.written] = words
            self._tell(request, words)
            step = step.model_copy(
                update={"products": (_use(request, words, refused=True), *step.products)}
            )
        return step

    def _revised(self, request: Request, trace: Trace) -> Sequence[Product]:
        if not self._looked and self.notes:
            return self._refused(
                request, "look first: you have seen nothing that the first look had not", "blind"
            )
        before = trace.verdict
        try:
            if before is None:
                raise UnreadableAnswer("there is no verdict to revise")
            read_revision(request.written, before)
        except UnreadableAnswer as failure:
            return self._refused(request, f"{REVISE} can't be read: {failure}", "unreadable")
        self._ended = True
        return (_use(request, ""),)

    def _in_words(self, text: str, trace: Trace) -> Sequence[Product]:
        """An answer without a call: it may be the end all the same, written as text."""
        request = Request("", REVISE, text, None)
        try:
            if trace.verdict is None:
                raise UnreadableAnswer("there is no verdict to revise")
            read_revision(text, trace.verdict)
        except UnreadableAnswer:
            return self._refused(request, f"call a tool, or end by {REVISE}", "words")
        return self._revised(request, trace)

    def _refused(self, request: Request, answer: str, fault: str) -> Sequence[Product]:
        """Say what is wrong; once too often, it ends the conversation.

        Raises:
            ActingError: it does.
        """
        self._faults[fault] = self._faults.get(fault, 0) + 1
        if self._gave_up:
            raise ActingError(f"{_FAULTS[fault]}: {answer}")
        self._tell(request, answer)
        return (_use(request, answer, refused=True),)

    def _tell(self, request: Request, answer: str) -> None:
        from langchain_core.messages import HumanMessage, ToolMessage

        self._said.append(answer)
        if request.id:
            self.messages.append(ToolMessage(answer, tool_call_id=request.id, name=request.name))
        else:
            self.messages.append(HumanMessage(answer))

    def _show(self, pictures: Sequence[Pixels], labels: Sequence[str]) -> None:
        if pictures:
            self._said += labels
            self._pictures += map(self.shown.kept, pictures, labels)
            self._waiting.append(message_of("", pictures, self.model.settings, labels))


_FAULTS = {
    "unknown": "the model asks for tools that are not there",
    "loops": "the model asks for the same again and again",
    "spent": "the model goes on after its last look",
    "arguments": "the model's arguments can't be used",
    "blind": "the model answers before looking",
    "unreadable": "the model's decision can't be read",
    "words": "the model neither looks nor decides",
}


def requests_of(answer: "AIMessage") -> list[Request]:
    """The calls of tools in an answer, in their order, those that can't be read included."""
    found = [
        Request(
            str(call["id"] or ""),
            call["name"],
            json.dumps(call["args"], ensure_ascii=False),
            call["args"],
        )
        for call in answer.tool_calls
    ]
    found += [
        Request(
            str(call["id"] or ""),
            str(call["name"] or ""),
            str(call["args"] or ""),
            None,
            "the arguments are no JSON object",
        )
        for call in answer.invalid_tool_calls
    ]
    return found


def _use(request: Request, answer: str, pictures: int = 0, *, refused: bool = False) -> ToolUse:
    return ToolUse(
        id=request.id,
        name=request.name,
        arguments=request.written,
        answer=answer,
        pictures=pictures,
        refused=refused,
    )


def _tells(piece: Evidence) -> bool:
    """Whether evidence says anything that was not known."""
    return piece.probability is not None or bool(piece.regions or piece.measurements)


def _raise(fault: str) -> Sequence[Product]:
    raise ActingError(fault)
