"""Answers on disk: an equal call is answered from there, where the recipe says so.

Equal are calls of one model with the same words, pictures, form and settings. Each answer is one
JSON file, known by the hash of its call; one that can't be read is asked for anew.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reinspect.agents.models.settings import ModelSettings
from reinspect.documents import DocumentError, parse_json, read_text
from reinspect.files import digest_of, write_file

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage
    from langchain_core.outputs import ChatGeneration

FOLDER = "answers"

_IRRELEVANT = {"cache", "timeout", "max_retries", "key_env", "prompts", "stream"}
"""Settings that change how an answer comes, and not what it is."""


class KeptAnswers:
    """Answers of one folder. May be shared by threads and processes: files appear whole.

    Args:
        folder: made when there is something to keep.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / FOLDER

    def key(
        self, settings: ModelSettings, messages: "Sequence[BaseMessage]", asked: Mapping[str, Any]
    ) -> str:
        """What a call is known by.

        Args:
            settings: of the model.
            messages: as they are sent, pictures included.
            asked: what else makes an answer another one: schema, samples, tools.
        """
        from langchain_core.messages import messages_to_dict

        told = {
            "settings": settings.model_dump(mode="json", exclude=_IRRELEVANT),
            "messages": [_plain(one) for one in messages_to_dict(messages)],
            "asked": asked,
        }
        return digest_of(json.dumps(told, sort_keys=True, default=str))

    def answers(self, key: str) -> "list[ChatGeneration] | None":
        """The answers to an equal call; none where there was none."""
        from langchain_core.messages import AIMessage
        from langchain_core.outputs import ChatGeneration

        try:
            kept = parse_json(read_text(self._file(key)))
            return [
                ChatGeneration(
                    message=AIMessage.model_validate(one["message"]),
                    generation_info=one["info"],
                )
                for one in kept
            ]
        except (OSError, DocumentError, ValueError, KeyError, TypeError):
            return None

    def keep(self, key: str, generations: "Sequence[ChatGeneration]") -> None:
        """Keep the answers to a call.

        Raises:
            WriteError: the folder can't be written.
        """
        made = [
            {"message": one.message.model_dump(mode="json"), "info": one.generation_info or {}}
            for one in generations
        ]
        write_file(self._file(key), json.dumps(made, ensure_ascii=False, default=str))

    def _file(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key}.json"


def _plain(message: Mapping[str, Any]) -> dict[str, Any]:
    """A message by what it says: ids and counts of earlier answers differ from call to call."""
    data = message["data"]
    said = {name: data.get(name) for name in ("content", "tool_calls", "name")}
    return {"type": message["type"], **{k: v for k, v in said.items() if v}}
