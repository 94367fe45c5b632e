"""Any chat model of LangChain takes the place of a server of OpenAI's protocol."""

from typing import Any, ClassVar

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult

from reinspect import Label, Recipe, RecipeError, build_graph, inspect_image
from reinspect.agents.models.client import Model, ModelError
from reinspect.agents.models.settings import ModelSettings
from reinspect.cost import calls_of
from reinspect.testing import ScriptedServer
from reinspect.vocabulary import Sample
from support.made_answers import said


class OwnChat(BaseChatModel):
    """Answers as a model does that nothing holds to a form."""

    model: str
    max_tokens: int = 0
    temperature: float = 1.0
    api_key: str = ""
    answer: str = "yes"
    asked: ClassVar[list[tuple["OwnChat", BaseMessage, dict[str, Any]]]] = []

    @property
    def _llm_type(self) -> str:
        return "own"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,
        **options: Any,
    ) -> ChatResult:
        self.asked.append((self, messages[-1], options))
        text = f"<think>Hm.</think>Here it is:\n```json\n{said(self.answer)}\n```"
        usage = {"input_tokens": 300, "output_tokens": 40, "total_tokens": 340}
        message = AIMessage(content=text, usage_metadata=usage)  # type: ignore[arg-type]
        return ChatResult(generations=[ChatGeneration(message=message)])


NO_CHAT = object()

OWN = {"kind": "vlm", "model": "m", "chat": f"{__name__}:OwnChat", "max_tokens": 99}


def recipe(**rest: Any) -> Recipe:
    prices = {"prices": {"m": {"input": 10, "output": 100}}}
    return Recipe.model_validate({"detector": {**OWN, **rest}, "tools": [], "budgets": prices})


def test_a_chat_model_of_ones_own_takes_the_first_look(part: Sample) -> None:
    OwnChat.asked.clear()
    trace = inspect_image(part.path, recipe=recipe())
    assert trace.error is None
    assert trace.verdict is not None
    assert trace.verdict.label is Label.ANOMALOUS
    ((chat, message, options),) = OwnChat.asked
    assert (chat.model, chat.max_tokens, chat.temperature) == ("m", 99, 0.0)
    assert [piece["type"] for piece in message.content] == ["text", "image_url", "text"]  # type: ignore[index]
    assert not set(options) & {"extra_body", "n", "logprobs", "top_logprobs"}
    (call,) = calls_of(trace.steps)
    assert (call.tokens_in, call.tokens_out, call.usd) == (300, 40, pytest.approx(0.007))
    assert call.probabilities == {"stated confidence": pytest.approx(0.9)}
    assert call.server is None


@pytest.mark.server
def test_a_provider_of_langchain_takes_the_first_look(
    part: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its package, as `init_chat_model` finds it; its server is a scripted one."""
    monkeypatch.setenv("OWN_KEY", "s3cr3t")
    with ScriptedServer(f"<think>Hm.</think>{said('yes')}") as server:
        own = {"kind": "vlm", "model": "m", "chat": "openai", "base_url": server.url}
        content = {"detector": {**own, "key_env": "OWN_KEY"}, "tools": []}
        trace = inspect_image(part.path, recipe=Recipe.model_validate(content))
        (request,) = server.requests
    assert trace.error is None
    assert trace.verdict is not None
    assert trace.verdict.label is Label.ANOMALOUS
    assert request.headers["Authorization"] == "Bearer s3cr3t"
    assert request.body["temperature"] == 0.0
    assert not set(request.body) & {"response_format", "logprobs", "n"}
    assert "s3cr3t" not in trace.model_dump_json()


def test_further_options_are_its_own(part: Sample) -> None:
    trace = inspect_image(part.path, recipe=recipe(extra={"answer": "no"}))
    assert trace.verdict is not None
    assert trace.verdict.label is Label.NORMAL


def test_a_key_is_given_by_the_name_of_its_variable() -> None:
    settings = ModelSettings.model_validate(
        {"model": "m", "chat": f"{__name__}:OwnChat", "key_env": "KEY"}
    )
    with pytest.raises(ModelError, match="variable KEY is not set"):
        Model(settings, environment={})
    chat = Model(settings, environment={"KEY": "s3cr3t"})._client()
    assert isinstance(chat, OwnChat)
    assert chat.api_key == "s3cr3t"


@pytest.mark.parametrize(
    ("given", "why"),
    [
        pytest.param({"chat": "nonsense"}, "'nonsense' can't be made: Unsupported", id="provider"),
        pytest.param({"chat": "no.where:Chat"}, "No module named 'no'", id="module"),
        pytest.param({"chat": f"{__name__}:Gone"}, "has no attribute 'Gone'", id="class"),
        pytest.param({"chat": f"{__name__}:NO_CHAT"}, "is no chat model of LangChain", id="object"),
        pytest.param({"extra": {"answer": 3}}, "can't be made: 1 validation error", id="option"),
        pytest.param({"samples": 3}, "3 samples need a server of OpenAI's protocol", id="samples"),
    ],
)
def test_what_cannot_be_had_is_refused_in_one_line(given: dict[str, Any], why: str) -> None:
    with pytest.raises(RecipeError) as refused:
        build_graph(recipe(**given))
    assert why in str(refused.value)
    assert str(refused.value).startswith("detector")
    assert "\n" not in str(refused.value)
