"""Conversations in the form that chat templates and TRL take, made of LangChain's messages."""

import base64
import io
import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from PIL import Image

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage, BaseMessage

ChatMessage = dict[str, Any]
"""`role`, `content` as parts (`text`, or `image` with the picture), perhaps `tool_calls`."""

_ROLES = {"human": "user", "ai": "assistant", "system": "system", "tool": "tool"}
_CALL = re.compile(r"<tool_call>(.*?)(?:</tool_call>|$)", re.DOTALL)
_OPENED = "<tool_call>"


def chat_of(messages: "Sequence[BaseMessage]") -> list[ChatMessage]:
    """LangChain's messages with the very pictures that a server would be sent."""
    return [_chat(message) for message in messages]


def pictures_in(messages: Sequence[Mapping[str, Any]]) -> list[Image.Image]:
    """The pictures of messages, in the order of their places."""
    parts = (part for m in messages if isinstance(m["content"], list) for part in m["content"])
    return [part["image"] for part in parts if part["type"] == "image"]


def heard_as(text: str, turn: int) -> "AIMessage":
    """What a model wrote, with its calls of tools, as vLLM's parser `hermes` has them.

    Each call is JSON between <tool_call> and </tool_call>. Where one of them can't be read none is:
    all of it is words then.

    Args:
        text: the answer, without the token that ends it.
        turn: its number, from which its calls are named.
    """
    from langchain_core.messages import AIMessage

    if _OPENED not in text:
        return AIMessage(text)
    calls, faulty = [], []
    try:
        for number, written in enumerate(_CALL.findall(text)):
            call = json.loads(written)
            name, arguments = call["name"], call["arguments"]
            known = {"name": str(name), "id": f"{turn}-{number}"}
            if isinstance(arguments, dict):
                calls.append({**known, "args": arguments, "type": "tool_call"})
            else:
                faulty.append({**known, "args": json.dumps(arguments), "error": None})
    except (ValueError, KeyError, TypeError, RecursionError):
        return AIMessage(text)
    before = text[: text.index(_OPENED)]
    return AIMessage(before, tool_calls=calls, invalid_tool_calls=faulty)


def _chat(message: "BaseMessage") -> ChatMessage:
    content = message.content
    parts: Sequence[Any] = [content] if isinstance(content, str) else content
    chat: ChatMessage = {
        "role": _ROLES[message.type],
        "content": [_part(part) for part in parts if part],
    }
    name = getattr(message, "name", None)
    return {**chat, "name": name} if message.type == "tool" and name else chat


def _part(part: Any) -> dict[str, Any]:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    if part["type"] == "image_url":
        data = part["image_url"]["url"].partition(",")[2]
        picture = Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")
        return {"type": "image", "image": picture}
    return {"type": "text", "text": part["text"]}
