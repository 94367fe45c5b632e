"""What pages are made of: templates, files that lie here, and scripts that may run in a page."""

import base64
import hashlib
import json
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined


@cache
def asset(name: str) -> str:
    """A file beside this one: `viewer.js`, `viewer.css`, `story.css`."""
    return (files("reinspect.export") / name).read_text(encoding="utf-8")


class PageScript(NamedTuple):
    """A script of a page, and the hash by which the page's policy lets it run."""

    text: str
    digest: str

    @classmethod
    def with_viewer(cls, own: str) -> "PageScript":
        """The console's viewer, what stands in for its server, and the page's own lines."""
        viewer = asset("viewer.js").replace("export default function", "const viewer = function")
        text = f"{viewer}\n{asset('offline.js')}\n{own}"
        return cls(text, base64.b64encode(hashlib.sha256(text.encode()).digest()).decode())


def inside_script(value: Any) -> str:
    """JSON in which no text can end the script element that it stands in."""
    return json.dumps(value).replace("<", "\\u003c")


def templates(package: str, **filters: Callable[..., object]) -> Environment:
    """The templates that lie in a package, text escaped as HTML, an unknown name an error."""
    environment = Environment(
        loader=PackageLoader(package, "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(filters)
    return environment
