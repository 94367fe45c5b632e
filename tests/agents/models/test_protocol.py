"""The short way to a server: the same requests as LangChain's, the same answers."""

from typing import Any

import numpy as np
import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage
from langchain_core.outputs import ChatGeneration
from langchain_openai import ChatOpenAI

from reinspect.agents.models.chats import openai_chat
from reinspect.agents.models.settings import ModelSettings
from reinspect.agents.models.wire import MODEL, TOKEN_IDS, message_of
from reinspect.testing import Reply, ScriptedServer
from support.made_answers import said

pytestmark = pytest.mark.server

TOOL = {"type": "function", "function": {"name": "zoom", "parameters": {"type": "object"}}}
SHOWN = [np.full((40, 60, 3), grey, np.uint8) for grey in (60, 90)]
LABELS = ["Picture 1 is the test image.", "Picture 2 is a good part."]


def theirs(server: ScriptedServer, settings: ModelSettings) -> ChatOpenAI:
    return ChatOpenAI(
        model=settings.model,
        base_url=server.url,
        api_key="none",
        temperature=settings.heat,
        max_tokens=settings.max_tokens,
        seed=settings.seed,
        max_retries=0,
        use_responses_api=False,
    )


def said_of(known: Any) -> Any:
    """The same without what nobody gave."""
    if isinstance(known, dict):
        return {k: said_of(v) for k, v in known.items() if v is not None}
    return [said_of(v) for v in known] if isinstance(known, list) else known


def facts(generation: Any) -> tuple[object, ...]:
    """What is read of an answer."""
    info, message = said_of(generation.generation_info), generation.message
    ours = {k: v for k, v in info.items() if k not in (MODEL, TOKEN_IDS)}
    extra = said_of(message.additional_kwargs)
    return generation.text, ours, extra, message.tool_calls, message.usage_metadata


@pytest.mark.parametrize(
    ("pictures", "settings", "options"),
    [
        pytest.param(2, {}, {}, id="pictures"),
        pytest.param(0, {"temperature": 0.5}, {}, id="text alone"),
        pytest.param(1, {"seed": None}, {"stop": ["."]}, id="no seed"),
        pytest.param(
            1,
            {},
            {
                "n": 2, "logprobs": True, "top_logprobs": 5,
                "extra_body": {"response_format": {"type": "json_object"}, "top_k": 7},
            },
            id="what an ask has",
        ),
        pytest.param(1, {}, {"tools": [TOOL], "tool_choice": "auto"}, id="a first turn with tools"),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(Reply([said("yes"), said("no")], yes=0.8), id="answers"),
        pytest.param(Reply(refusal="I can't.", usage=False), id="refusal"),
        pytest.param(Reply(tools=[("zoom", {"box": [1, 2, 3, 4]})]), id="call"),
    ],
)
def test_requests_and_answers_are_those_of_langchain(
    reply: Reply, pictures: int, settings: dict[str, Any], options: dict[str, Any]
) -> None:
    made = ModelSettings.model_validate({"model": "m", "max_retries": 0, **settings})
    message = message_of("Is it good?", SHOWN[:pictures], made, LABELS)
    with ScriptedServer(reply) as server:
        own = made.model_copy(update={"base_url": server.url})
        chats = (openai_chat(own, ""), theirs(server, own))
        results = [chat.generate([[message]], **options) for chat in chats]
        ours, langchains = server.requests
    assert ours.body == langchains.body
    assert ours.path == langchains.path
    assert ours.headers["Authorization"] == langchains.headers["Authorization"]
    here, there = ([facts(one) for one in result.generations[0]] for result in results)
    assert here == there
    assert [(result.llm_output or {}).get("model_name") for result in results] == ["m", "m"]


class Heard(BaseCallbackHandler):
    """Notes what a chat model tells of itself."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def on_chat_model_start(
        self, serialized: Any, messages: list[list[BaseMessage]], **_: Any
    ) -> None:
        self.said += [str(message.content) for message in messages[0]]

    def on_llm_end(self, response: Any, **_: Any) -> None:
        generation: ChatGeneration = response.generations[0][0]
        self.said.append(generation.text)


@pytest.mark.parametrize(
    "messages",
    [
        pytest.param([HumanMessage("Good?")], id="a user alone"),
        pytest.param([SystemMessage("Be brief."), HumanMessage("Good?")], id="not alone"),
    ],
)
def test_whoever_listens_hears_all(messages: list[BaseMessage]) -> None:
    heard = Heard()
    with ScriptedServer("Yes.") as server:
        settings = ModelSettings(model="m", base_url=server.url)
        openai_chat(settings, "").generate([messages], callbacks=[heard])
        roles = [message["role"] for message in server.requests[0].body["messages"]]
    assert heard.said == [*(message.content for message in messages), "Yes."]
    assert roles == [{"human": "user"}.get(m.type, m.type) for m in messages]
