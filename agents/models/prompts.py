"""Prompts: Markdown files in this package, filled in, and known by the hash of their file."""

import functools
from dataclasses import dataclass
from importlib.resources import files
from string import Template

from reinspect.agents.models.settings import Form
from reinspect.files import digest_of


@dataclass(frozen=True, slots=True)
class Prompt:
    """A question to a model, and the version of the file that it was made from."""

    name: str
    sha256: str
    text: str


def prompt(name: str, form: Form, *, package: str = __package__, **values: str) -> Prompt:
    """The prompt in a package's `name.<form>.md` with its $placeholders filled in.

    Raises:
        KeyError: a placeholder has no value.
    """
    file = f"{name}.{form.value}.md"
    source = _source(package, file)
    text = Template(source).substitute(values)
    return Prompt(name=file, sha256=digest_of(source), text=text)


@functools.cache
def _source(package: str, file: str) -> str:
    return (files(package) / file).read_text(encoding="utf-8").strip()
