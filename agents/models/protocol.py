"""LangChain's client of OpenAI's protocol, short where a user alone has said something."""

from typing import Any

from langchain_core.messages import BaseMessage, HumanMessage
from langchain_core.outputs import ChatResult
from langchain_openai import ChatOpenAI

from reinspect.agents.models.wire import MODEL, TOKEN_IDS


class OpenAIChat(ChatOpenAI):
    """Keeps who answered, and the token ids that vLLM adds when asked to.

    What `wire.message_of` makes is written as the protocol has it, and an answer is read as it
    came: translating both by their types, block by block, is most of what a call costs here. All
    else, streams and turns with tools among it, is LangChain's.
    """

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,
        **options: Any,
    ) -> ChatResult:
        if not all(type(message) is HumanMessage for message in messages):
            return super()._generate(messages, stop, run_manager, **options)
        extra = options.pop("extra_body", None) or {}
        asked = {
            "model": self.model_name,
            "temperature": self.temperature,
            "max_completion_tokens": self.max_tokens,
            "seed": self.seed,
            "stop": stop,
            **options,
        }
        body = {
            "messages": [{"role": "user", "content": message.content} for message in messages],
            "stream": False,
            **{name: value for name, value in asked.items() if value is not None},
            **extra,
        }
        answer: Any = self.root_client.post("/chat/completions", body=body, cast_to=object)
        return self._create_chat_result(answer)

    def _create_chat_result(self, response: Any, generation_info: Any = None) -> ChatResult:
        result = super()._create_chat_result(response, generation_info)
        for choice, generation in zip(_of(response, "choices"), result.generations, strict=True):
            facts = {**(generation.generation_info or {}), MODEL: _of(response, "model")}
            ids = _of(choice, TOKEN_IDS)
            generation.generation_info = {**facts, TOKEN_IDS: ids} if ids else facts
        return result


def _of(said: Any, name: str) -> Any:
    """What a server said, as JSON or as the client's own object; None where it didn't."""
    return said.get(name) if isinstance(said, dict) else getattr(said, name, None)
