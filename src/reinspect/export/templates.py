"""Jinja templates as every page of the project uses them: escaped, and strict about names."""

from collections.abc import Callable

from jinja2 import Environment, PackageLoader, StrictUndefined


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
