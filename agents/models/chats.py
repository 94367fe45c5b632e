"""Chat models of LangChain, made as a recipe says: OpenAI's protocol, a provider, or one's own."""

import importlib
import inspect
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from reinspect.agents.models.settings import ModelSettings
from reinspect.errors import ReinspectError

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

_INSTALL = "a model needs the extra `vlm`: pip install 'reinspect[vlm]'"


class ModelError(ReinspectError, RuntimeError):
    """A model that could not be asked. One line, without keys and passwords."""


def key_of(settings: ModelSettings, environment: Mapping[str, str]) -> str:
    """The key to send; "" where the server gets none."""
    if settings.key_env is not None:
        if not environment.get(settings.key_env):
            raise ModelError(
                f"{settings.model}: environment variable {settings.key_env} is not set"
            )
        return environment[settings.key_env]
    if settings.base_url is not None or settings.chat is not None:
        return ""
    if not environment.get("OPENAI_API_KEY"):
        raise ModelError(
            f"{settings.model}: set OPENAI_API_KEY, or name another variable by key_env; a server "
            "of your own is named by base_url"
        )
    return environment["OPENAI_API_KEY"]


def server_of(settings: ModelSettings, environment: Mapping[str, str]) -> str | None:
    """Where the model is, as host:port; none where another chat model knows that itself."""
    if settings.chat is not None and settings.base_url is None:
        return None
    elsewhere = environment.get("OPENAI_API_BASE") or environment.get("OPENAI_BASE_URL")
    address = urlsplit(settings.base_url or elsewhere or "https://api.openai.com")
    host = address.netloc.rpartition("@")[2]
    if re.search(r":\d+$", host):
        return host
    return f"{host}:{443 if address.scheme == 'https' else 80}"


def openai_chat(settings: ModelSettings, key: str) -> "BaseChatModel":
    """A client of OpenAI's protocol.

    Raises:
        ModelError: LangChain is not installed.
    """
    try:
        from pydantic import SecretStr

        from reinspect.agents.models.protocol import OpenAIChat
    except ImportError as failure:
        raise ModelError(_INSTALL) from failure
    options: dict[str, Any] = {"base_url": settings.base_url} if settings.base_url else {}
    if settings.seed is not None:
        options["seed"] = settings.seed
    return OpenAIChat(
        model=settings.model,
        api_key=SecretStr(key or "none"),
        temperature=settings.heat,
        max_tokens=settings.max_tokens,
        timeout=settings.timeout,
        max_retries=settings.max_retries,
        use_responses_api=False,
        streaming=settings.stream,
        stream_usage=settings.stream,
        **options,
    )


def other_chat(settings: ModelSettings, key: str) -> "BaseChatModel":
    """The chat model that `chat` names: a provider of LangChain's, or `package.module:Class`.

    A class is given those of the settings that it knows.

    Raises:
        ModelError: it can't be had.
    """
    named = str(settings.chat)
    try:
        from langchain.chat_models import init_chat_model
        from langchain_core.language_models import BaseChatModel
    except ImportError as failure:
        raise ModelError(_INSTALL) from failure
    given: dict[str, Any] = {
        "model": settings.model,
        "temperature": settings.heat,
        "max_tokens": settings.max_tokens,
        "timeout": settings.timeout,
        "max_retries": settings.max_retries,
        **({"api_key": key} if key else {}),
        **({"base_url": settings.base_url} if settings.base_url else {}),
        **({"seed": settings.seed} if settings.seed else {}),
        **({"streaming": True} if settings.stream else {}),
    }
    try:
        if ":" in named:
            module, _, attribute = named.partition(":")
            made = getattr(importlib.import_module(module), attribute)
            chat = made(**_known(made, given), **settings.extra) if inspect.isclass(made) else made
        else:
            chat = init_chat_model(model_provider=named, **given, **settings.extra)
    except Exception as failure:
        said = str(failure).strip().partition("\n")[0] or type(failure).__name__
        raise ModelError(f"chat: {named!r} can't be made: {said}") from failure
    if not isinstance(chat, BaseChatModel):
        raise ModelError(f"chat: {named!r} is no chat model of LangChain")
    return chat


def _known(made: type[Any], given: Mapping[str, Any]) -> dict[str, Any]:
    fields = getattr(made, "model_fields", {})
    names = {*fields, *(field.alias for field in fields.values() if field.alias)}
    return {name: value for name, value in given.items() if name in names}
