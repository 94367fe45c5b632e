"""LangChain's messages, made, and what its answers say of themselves, read."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from reinspect.agents.models.encoding import data_uri
from reinspect.agents.models.settings import Form, ModelSettings
from reinspect.images import Pixels

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage
    from langchain_core.outputs import ChatGeneration

N = TypeVar("N", int, float)

TOKEN_IDS, MODEL = "token_ids", "model_name"
"""What `OpenAIChat` adds to the facts of an answer."""


def message_of(
    text: str, pictures: Sequence[Pixels], settings: ModelSettings, labels: Sequence[str]
) -> "BaseMessage":
    """What a user says: pictures, where answers are JSON each behind its label, then the text."""
    from langchain_core.messages import HumanMessage

    content: list[str | dict[str, Any]] = []
    for number, picture in enumerate(pictures):
        if settings.format is Form.JSON and number < len(labels):
            content.append({"type": "text", "text": labels[number]})
        url = data_uri(picture, settings.max_pixels, settings.encoding)
        content.append({"type": "image_url", "image_url": {"url": url}})
    if text:
        content.append({"type": "text", "text": text})
    return HumanMessage(content=content)


def of_each(
    generations: "Sequence[ChatGeneration]", found: Callable[[Mapping[str, Any]], Iterable[N]]
) -> tuple[tuple[N, ...], ...]:
    """What each answer has of something; nothing at all where none has any."""
    every = tuple(tuple(found(g.generation_info or {})) for g in generations)
    return every if any(every) else ()


def model_of(generations: "Sequence[ChatGeneration]") -> str | None:
    """The model as the server names it."""
    facts = (generations[0].generation_info or {}) if generations else {}
    return str(facts[MODEL]) if facts.get(MODEL) else None


def reasons(generations: "Sequence[ChatGeneration]") -> tuple[str, ...]:
    """Why each answer ended; nothing where one's reason is not known."""
    found = [(g.generation_info or {}).get("finish_reason") for g in generations]
    return tuple(map(str, found)) if all(found) else ()


def streamed(generations: "Sequence[ChatGeneration]") -> dict[str, Any]:
    """Token counts of an answer that came in pieces: LangChain keeps them with the message."""
    usage = getattr(generations[0].message, "usage_metadata", None) if generations else None
    if not usage:
        return {}
    return {"prompt_tokens": usage["input_tokens"], "completion_tokens": usage["output_tokens"]}


def refuses(failure: Exception, *words: str) -> bool:
    """Whether a server doesn't know what it was asked for."""
    said = str(failure).lower()
    status = getattr(failure, "status_code", None)
    return status in (400, 404, 415, 422, 501) and any(word in said for word in words)


def kind_of(failure: Exception) -> str:
    """What went wrong, before the server's own words."""
    match getattr(failure, "status_code", None):
        case 401 | 403:
            return "the key was refused"
        case 404:
            return "no such model or address"
        case 429:
            return "too many requests, retries included"
        case int(status):
            return f"HTTP {status}"
    name = type(failure).__name__  # openai's, or LangChain's own child of it
    if name.endswith("TimeoutError"):
        return "no answer in time"
    return "no connection, or it broke" if name.endswith("ConnectionError") else name
