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


@dataclass(frozen=True, slots=True)
class Product:
    """What the recipe knows of the product. It is the user's own text, and the only one."""

    normal: str = ""
    tolerated: tuple[str, ...] = ()
    defects: tuple[str, ...] = ()

    def __str__(self) -> str:
        said = [f"What is normal for this part: {self.normal}"] if self.normal else []
        if self.tolerated:
            said.append(f"Tolerated, not a defect: {'; '.join(self.tolerated)}")
        if self.defects:
            said.append(f"Names of known defects: {', '.join(self.defects)}")
        return "\n".join(said) or "Nothing more is known of this part."


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
