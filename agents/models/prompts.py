"""Prompts: Markdown files in this package, filled in, and known by the hash of their file."""

import functools
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from string import Template

from reinspect.agents.models.settings import Form
from reinspect.documents import RECIPE_SIZE, DocumentError, read_text
from reinspect.errors import ReinspectError, did_you_mean
from reinspect.files import digest_of


@dataclass(frozen=True, slots=True)
class Prompt:
    """A question to a model, and the version of the file that it was made from."""

    name: str
    sha256: str
    text: str


_MAY_LACK = ("places", "whole")
"""Placeholders that a prompt of one's own need not have."""


class PromptError(ReinspectError, ValueError):
    """A prompt of a user's own that can't be used; the message is one line."""


def prompt(
    name: str, form: Form, *, package: str = __package__, own: str | None = None, **values: str
) -> Prompt:
    """The prompt in a package's `name.<form>.md`, or in a file of one's own, filled in.

    Raises:
        KeyError: a placeholder has no value.
        PromptError: the file of one's own can't be used.
    """
    file = f"{name}.{form.value}.md"
    source = _source(package, file)
    if own is not None:
        file, source = Path(own).name, own_source(own, name, form)
    text = Template(source).substitute(values)
    return Prompt(name=file, sha256=digest_of(source), text=text)


def own_source(path: str, name: str, form: Form) -> str:
    """The text of a prompt of one's own, which has the placeholders of the one that ships.

    Raises:
        PromptError: it can't be read, lacks a placeholder, or has another.
    """
    try:
        text = read_text(path, most=RECIPE_SIZE).strip()
    except (OSError, DocumentError) as failure:
        reason = getattr(failure, "strerror", None) or failure
        raise PromptError(f"prompts.{name}: {path}: cannot be read: {reason}") from failure
    needed = Template(_source(__package__, f"{name}.{form.value}.md")).get_identifiers()
    found = Template(text)
    if not found.is_valid():
        raise PromptError(f"prompts.{name}: {path}: a $ that stands for itself is written $$")
    given = found.get_identifiers()
    lacks = [f"${word}" for word in needed if word not in (*given, *_MAY_LACK)]
    if lacks:
        raise PromptError(f"prompts.{name}: {path} lacks {', '.join(lacks)}")
    for word in given:
        if word not in needed:
            hint = did_you_mean(word, needed)
            raise PromptError(f"prompts.{name}: {path}: unknown placeholder ${word}; {hint}")
    return text


def says_places(path: str | None) -> bool:
    """Whether a prompt, of one's own or not, says how a model is to write places.

    One of one's own that doesn't says so in words of its own, in thousandths.
    """
    return path is None or "places" in Template(_text(path)).get_identifiers()


@functools.cache
def _text(path: str) -> str:
    return Path(path).read_text(encoding="utf-8")


@functools.cache
def _source(package: str, file: str) -> str:
    return (files(package) / file).read_text(encoding="utf-8").strip()
