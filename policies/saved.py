"""What was learned, read from the JSON file that it was saved as."""

import json
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

M = TypeVar("M", bound=BaseModel)


class SavedKind(NamedTuple):
    """What a file has to be, and the words for it."""

    name: str
    format: str
    version: int
    command: str
    again: str
    error: type[ValueError]


def load(path: str | Path, model: type[M], kind: SavedKind) -> M:
    """Read a saved model.

    Raises:
        ValueError: `kind.error`: the file can't be read, is none, or one of another version.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as failure:
        raise kind.error(f"{path}: cannot read the {kind.name}: {failure}") from failure
    except json.JSONDecodeError as failure:
        raise kind.error(f"{path}: no JSON: {failure}") from failure
    if not isinstance(content, dict) or content.get("format") != kind.format:
        raise kind.error(f"{path}: is no {kind.name} that `{kind.command}` has written")
    if content.get("version") != kind.version:
        raise kind.error(
            f"{path}: is a {kind.name} of version {content.get('version')!r}, and this reinspect "
            f"reads version {kind.version}: {kind.again} it again"
        )
    try:
        return model.model_validate(content)
    except ValidationError as failure:
        error: Any = failure.errors()[0]
        place = ".".join(str(part) for part in error["loc"]) or kind.name
        raise kind.error(f"{path}: {place}: {error['msg']}") from failure
