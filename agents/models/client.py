"""A model behind an OpenAI-compatible server, asked through LangChain.

One `ask` is one request, two where the answer has to be put into form: pictures encoded once,
retries by the openai client, every answer read or refused, and each call noted for the trace,
whatever became of it.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Self, TypeVar

from reinspect.agents.calls import BudgetSpent, Price, RunBudget, note
from reinspect.agents.context import ModelContext
from reinspect.agents.models.answers import UnreadableAnswer
from reinspect.agents.models.chats import ModelError as ModelError
from reinspect.agents.models.chats import (
    key_of,
    openai_chat,
    other_chat,
    server_of,
)
from reinspect.agents.models.confidence import (
    AnswerProbability,
    logprobs_of,
    opinion,
    token_probability,
    tokens_of,
)
from reinspect.agents.models.encoding import size_of
from reinspect.agents.models.kept import KeptAnswers
from reinspect.agents.models.places import THOUSANDTHS, Grid, grid_of, places_of
from reinspect.agents.models.prompts import Prompt, own_source, prompt, says_places
from reinspect.agents.models.settings import Form, ModelSettings, without_password
from reinspect.agents.models.wire import (
    TOKEN_IDS,
    kind_of,
    message_of,
    model_of,
    of_each,
    reasons,
    refuses,
    streamed,
)
from reinspect.files import digest_of
from reinspect.images import Pixels
from reinspect.vocabulary import Call, Sample, ShownPicture

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AIMessage, BaseMessage
    from langchain_core.outputs import ChatGeneration

A = TypeVar("A")

ALTERNATIVES = 5
"""Tokens whose probability is asked for at each place, besides the one chosen."""

_LONGEST = 300  # characters of an error
_LONGEST_SAID = 6000  # characters of an answer that is sent back
_UNCLEAR = "unclear"
_STRUCTURE = ("response_format", "response format", "json_schema", "json_object", "structured")
"""Words of a server that knows no structured output, or not this one."""


class Heard(NamedTuple, Generic[A]):
    """The readable answers to one question, with P(yes) of each by its tokens."""

    answers: tuple[A, ...]
    tokens: tuple[float | None, ...]

    def opinion(
        self, yes: Callable[[A], bool], stated: Callable[[A], float | None]
    ) -> AnswerProbability:
        """P(yes) by all sources."""
        every = self.answers
        return opinion([yes(a) for a in every], self.tokens, [stated(a) for a in every])


class Question(NamedTuple, Generic[A]):
    """What is asked, how the answer is read, and which of its fields says yes or no."""

    prompt: Prompt
    read: Callable[[str], A]
    schema: Mapping[str, Any]
    field: str | None = "answer"
    opinion: Callable[[Heard[A]], AnswerProbability] | None = None


class Model:
    """Asks one model. May be shared by threads.

    Args:
        settings: which model, where, and how.
        price: USD a million tokens; none means that the cost is not known.
        budget: what the run may spend.
        cache: folder for answers, where the settings keep them.
        environment: where the key is looked up.

    Raises:
        ModelError: LangChain is not installed, or the key's variable is not set.
        PromptError: a prompt of one's own can't be used.
    """

    def __init__(
        self,
        settings: ModelSettings,
        price: Price | None = None,
        budget: RunBudget | None = None,
        cache: Path | None = None,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        for name, path in settings.prompts:
            if path is not None:
                own_source(path, name, settings.format)
        self.settings, self.price, self._budget = settings, price, budget or RunBudget()
        self._key = key_of(settings, environment)
        self._server = server_of(settings, environment)
        # Of OpenAI's protocol; another chat model is asked by its prompt alone.
        openai = settings.chat is None
        self._logprobs = settings.logprobs and openai
        self._structures: tuple[str, ...] = ("json_schema", "json_object") if openai else ()
        self._chat = None if openai else other_chat(settings, self._key)
        self._making = threading.Lock()
        if settings.cache and cache is None:
            raise ModelError(
                f"{settings.model}: cache: there is no folder for it; name one by "
                "REINSPECT_CACHE_DIR, or `cache` in Python"
            )
        self._kept = KeptAnswers(cache) if settings.cache and cache is not None else None

    @classmethod
    def from_recipe(cls, settings: ModelSettings, context: ModelContext) -> Self:
        """The model of a component, with its price and the run's budget.

        Raises:
            ModelError: as for the class.
            ValueError: a limit in USD needs its price.
        """
        price = context.price(settings.model)
        return cls(settings, price, context.run_budget, context.cache)

    @property
    def form(self) -> Form:
        """How this model writes its answers."""
        return self.settings.format

    def grid(self, sample: Sample, own: str | None = None) -> Grid:
        """How this model writes places on a part.

        Args:
            sample: the part.
            own: a prompt of one's own that it is asked by.
        """
        size, settings = sample.visual.size, self.settings
        if size is None or not says_places(own):
            return THOUSANDTHS
        how = settings.places or places_of(settings.model)
        return grid_of(how, size_of(*size, settings.max_pixels))

    def ask(
        self,
        question: Question[A],
        pictures: Sequence[Pixels],
        *,
        labels: Sequence[str] = (),
        samples: int | None = None,
        spent: Callable[[], object] = lambda: None,
    ) -> Heard[A]:
        """Ask once, for as many samples as the settings say.

        Where answers are JSON, `labels` say right before each picture what it is. A model that was
        fine-tuned on tags saw none.

        A single answer in JSON that can't be read is sent back, once, to be put into form. What it
        says is not decided anew, so the words that come back are no witness of how sure it is. It
        is not sent back once `spent` says that the part's budget is.

        Raises:
            ModelError: no usable response: timeout, refused key, unknown model, broken server …
            UnreadableAnswer: not even half of the answers can be read.
            BudgetSpent: the run may not ask any more.
        """
        try:
            return self._asked(question, pictures, labels, samples)
        except UnreadableAnswer as failure:
            if self.form is not Form.JSON or question.field is None or not failure.text or spent():
                raise
            again = _repair(question, question.field, failure)
            try:
                return self._asked(again, (), (), 1)
            except (UnreadableAnswer, ModelError, BudgetSpent):
                raise failure from None

    def _asked(
        self,
        question: Question[A],
        pictures: Sequence[Pixels],
        labels: Sequence[str],
        samples: int | None,
    ) -> Heard[A]:
        choices = samples or self.settings.samples
        with self._on_record(question.prompt, question.prompt.text, pictures, choices) as record:
            messages = self._messages(question.prompt, pictures, labels)
            asked = {"schema": question.schema, "choices": choices, "field": question.field}
            key = self._kept.key(self.settings, messages, asked) if self._kept else ""
            generations = self._known(key, record)
            if generations is None:
                generations, usage = self._answered(question, messages, samples)
                record.counts(self._counted(generations, usage))
            heard, faults = _heard(question, generations)
            record.counts({"unread": len(faults)})
            if 2 * len(heard.answers) < len(generations) or not heard.answers:
                raise _unreadable(faults, generations)
            if question.opinion is not None:
                record.counts({"probabilities": dict(question.opinion(heard).sources)})
            self._keep(key, record, generations)
        return heard

    def turn(
        self,
        prompt: Prompt,
        said: str,
        messages: "Sequence[BaseMessage]",
        tools: Sequence[Mapping[str, Any]],
        *,
        only: str | None = None,
        shown: Sequence[ShownPicture] = (),
    ) -> "AIMessage":
        """One turn of a conversation in which the model may call tools.

        Args:
            prompt: the conversation's.
            said: what was said to the model since its last turn: the call's text on record.
            messages: all that was said so far.
            tools: as OpenAI's protocol has functions.
            only: the one that it must call now; it may choose without.
            shown: since its last turn.

        Raises:
            ModelError: no usable response, or this chat model knows no tools.
            UnreadableAnswer: the model refused.
            BudgetSpent: the run may not ask any more.
        """
        with self._on_record(prompt, said, shown, 1) as record:
            record.counts({"shown": tuple(shown)})
            bound: Any = self._client().bind_tools(list(tools), tool_choice=only or "auto")
            body = dict(self.settings.extra)
            options = {"extra_body": body} if body and self.settings.chat is None else {}
            asked = {"tools": tools, "only": only}
            key = self._kept.key(self.settings, messages, asked) if self._kept else ""
            generations = self._known(key, record)
            if generations is None:
                generations, usage = self._invoked(list(messages), {**bound.kwargs, **options})
                record.counts(self._counted(generations, usage))
            answer: AIMessage = generations[0].message  # type: ignore[assignment]
            refusal = answer.additional_kwargs.get("refusal")
            if refusal:
                record.counts({"unread": 1})
                raise UnreadableAnswer(f"the model refused: {str(refusal)[:200]}")
            self._keep(key, record, generations)
        return answer

    def _known(self, key: str, record: "_Record") -> "list[ChatGeneration] | None":
        """The kept answers to an equal call, which costs nothing."""
        generations = self._kept.answers(key) if self._kept else None
        if generations is not None:
            free = {"prompt_tokens": 0, "completion_tokens": 0}
            record.counts({**self._counted(generations, free), "cached": True, "usd": 0.0})
        return generations

    def _keep(self, key: str, record: "_Record", generations: "Sequence[ChatGeneration]") -> None:
        """Keep answers that could be read."""
        if self._kept is not None and not record.call.cached and not record.call.unread:
            self._kept.keep(key, generations)

    @contextmanager
    def _on_record(
        self, prompt: Prompt, said: str, pictures: Sequence[object], choices: int
    ) -> "Iterator[_Record]":
        """Counts a call, and notes it for the trace, whatever becomes of it.

        Raises:
            ModelError: in place of what a client library raises: nothing is swallowed.
            BudgetSpent: the run may not ask any more.
        """
        self._budget.open()
        start = time.perf_counter()
        record = _Record(
            Call(
                model=self.settings.model,
                prompt=prompt.name,
                prompt_sha256=prompt.sha256,
                text=said,
                text_sha256=digest_of(said),
                server=self._server,
                choices=choices,
                pictures=len(pictures),
                started=datetime.now(UTC),
            )
        )
        try:
            yield record
        except Exception as failure:
            kind = str(getattr(failure, "status_code", None) or type(failure).__name__)
            record.counts({"error": self._in_words(failure), "error_type": kind})
            if isinstance(failure, UnreadableAnswer | ModelError):
                raise
            raise ModelError(record.call.error) from None
        finally:
            record.counts({"seconds": time.perf_counter() - start})
            self._budget.pay(record.call)
            note(record.call)

    def _messages(
        self, prompt: Prompt, pictures: Sequence[Pixels], labels: Sequence[str]
    ) -> "list[BaseMessage]":
        self._client()  # says so where LangChain is missing
        return [message_of(prompt.text, pictures, self.settings, labels)]

    def _answered(
        self, question: Question[A], messages: "list[BaseMessage]", samples: int | None
    ) -> "tuple[list[ChatGeneration], Mapping[str, Any]]":
        while True:
            logprobs = self._logprobs and question.field is not None
            try:
                return self._invoked(messages, self._options(question, samples, logprobs=logprobs))
            except Exception as failure:
                if not self._does_without(failure, logprobs=logprobs):
                    raise

    def _does_without(self, failure: Exception, *, logprobs: bool) -> bool:
        """Whether there is one thing less to ask a server for that refused it; from now on."""
        if logprobs and refuses(failure, "logprob"):
            self._logprobs = False  # the opinion says what it fell back to
        elif self.form is Form.JSON and self._structures and refuses(failure, *_STRUCTURE):
            self._structures = self._structures[1:]
        else:
            return False
        return True

    def _invoked(
        self, messages: "list[BaseMessage]", options: dict[str, Any]
    ) -> "tuple[list[ChatGeneration], Mapping[str, Any]]":
        from langchain_core.runnables import ensure_config

        # `generate` alone gives several answers to one question, and alone doesn't look it up.
        around = ensure_config()
        result = self._client().generate(
            [messages],
            callbacks=around.get("callbacks"),
            tags=around.get("tags"),
            metadata=around.get("metadata"),
            **options,
        )
        generations: list[ChatGeneration] = list(result.generations[0])  # type: ignore[arg-type]
        return generations, (result.llm_output or {}).get("token_usage") or streamed(generations)

    def _options(
        self, question: Question[A], samples: int | None, *, logprobs: bool
    ) -> dict[str, Any]:
        settings, count = self.settings, samples or self.settings.samples
        body: dict[str, Any] = dict(settings.extra)
        if settings.format is Form.JSON and self._structures:
            # Not as `response_format`: the client would then parse the answer itself, and raise
            # for one that is cut off or refused, raw text and all.
            schema = {"name": "answer", "schema": dict(question.schema), "strict": True}
            kind = self._structures[0]
            given = {"json_schema": schema} if kind == "json_schema" else {}
            body["response_format"] = {"type": kind, **given}
        options: dict[str, Any] = {"extra_body": body} if body and settings.chat is None else {}
        if count > 1:
            options["n"] = count
        if logprobs:
            options |= {"logprobs": True, "top_logprobs": ALTERNATIVES}
        return options

    def _client(self) -> "BaseChatModel":
        with self._making:
            if self._chat is None:
                self._chat = openai_chat(self.settings, self._key)
            return self._chat

    def _counted(
        self, generations: "Sequence[ChatGeneration]", usage: Mapping[str, Any]
    ) -> dict[str, Any]:
        """What a call's record has of its answers."""
        tokens_in, tokens_out = usage.get("prompt_tokens"), usage.get("completion_tokens")
        usd = None
        if self.price is not None and tokens_in is not None and tokens_out is not None:
            usd = self.price.of(tokens_in, tokens_out)
        return {
            "answers": tuple(str(g.text) for g in generations),
            "answered_by": model_of(generations),
            "finish": reasons(generations),
            "logprobs": of_each(generations, lambda facts: logprobs_of(facts.get("logprobs"))),
            "token_ids": of_each(generations, lambda facts: facts.get(TOKEN_IDS) or ()),
            "tokens_in": tokens_in,
            "tokens_out": tokens_out,
            "usd": usd,
        }

    def _in_words(self, failure: Exception) -> str:
        """A failure in one line, without the key and without a password."""
        said = " ".join(str(failure).split()) or type(failure).__name__
        if not isinstance(failure, UnreadableAnswer | ModelError):
            said = f"{self.settings.model} at {self.settings.where}: {kind_of(failure)}: {said}"
        said = without_password(said.replace(self._key, "***") if self._key else said)
        return said if len(said) <= _LONGEST else f"{said[: _LONGEST - 1]}…"


class _Record:
    """A call as far as it is known."""

    def __init__(self, call: Call) -> None:
        self.call = call

    def counts(self, known: Mapping[str, Any]) -> None:
        self.call = self.call.model_copy(update=dict(known))


def _unreadable(faults: Sequence[str], generations: "Sequence[ChatGeneration]") -> UnreadableAnswer:
    """Why too little can be read; with the text of an answer that stands alone."""
    failure = UnreadableAnswer(faults[0] if faults else "the server gave no answer")
    if len(generations) == 1:
        (only,) = generations
        withheld = (only.generation_info or {}).get("finish_reason") == "content_filter"
        if not withheld and not only.message.additional_kwargs.get("refusal"):
            failure.text = str(only.text).strip()
    return failure


def _repair(question: Question[A], field: str, failure: UnreadableAnswer) -> Question[A]:
    """The question to put an answer into form: it may say that nothing was decided."""
    said = failure.text
    if len(said) > _LONGEST_SAID:
        said = f"{said[:_LONGEST_SAID]} …"
    wanted = question.prompt.text.rpartition("\n\n")[2]
    told = {"fault": str(failure), "said": said, "field": field, "wanted": wanted}
    properties = dict(question.schema["properties"])
    properties[field] = {**properties[field], "enum": [*properties[field]["enum"], _UNCLEAR]}
    return question._replace(
        prompt=prompt("repair", Form.JSON, **told),
        schema={**question.schema, "properties": properties},
        field=None,
    )


def _heard(
    question: Question[A], generations: "Sequence[ChatGeneration]"
) -> tuple[Heard[A], list[str]]:
    """The answers that can be read, and why the others can't."""
    answers, tokens, faults = list[A](), list[float | None](), list[str]()
    for generation in generations:
        facts = generation.generation_info or {}
        try:
            answers.append(_read(question, generation, facts))
        except UnreadableAnswer as failure:
            faults.append(str(failure))
            continue
        found = tokens_of(facts.get("logprobs")) if question.field else ()
        tokens.append(token_probability(found, question.field) if question.field else None)
    return Heard(tuple(answers), tuple(tokens)), faults


def _read(question: Question[A], generation: "ChatGeneration", facts: Mapping[str, Any]) -> A:
    refusal = generation.message.additional_kwargs.get("refusal")
    if refusal:
        raise UnreadableAnswer(f"the model refused: {str(refusal)[:200]}")
    try:
        return question.read(str(generation.text))
    except UnreadableAnswer as failure:
        reason = facts.get("finish_reason")
        if reason == "length":
            raise UnreadableAnswer(f"cut off at max_tokens ({failure})") from failure
        if reason == "content_filter":
            raise UnreadableAnswer(f"stopped by the server's filter ({failure})") from failure
        raise
