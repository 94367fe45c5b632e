"""What a component says of itself, and the options that it takes."""

from typing import Any

import pytest
from pydantic import ValidationError

from reinspect.components import (
    ComponentOptions,
    PathOption,
    PathOrName,
    RecipePath,
    ToolOptions,
    options_of,
    takes_context,
)

FILE, FILE_OR_NAME = PathOption(), PathOption(or_name=True)


class Declares:
    class Options(ToolOptions):
        table: RecipePath | None = None
        network: PathOrName = "tiny"
        size: int = 3


class Nests:
    class Options(ComponentOptions):
        own: Declares.Options | str = ""
        file: str = "no path without a mark"


class Signed:
    def __init__(
        self, context: object, size: int, schema: str = "", *, copy: float = 1
    ) -> None: ...


def annotated(table: RecipePath, network: PathOrName | None = None, name: str = "") -> None: ...


def old(weights: str, file: str | None = None, model: int = 0) -> None: ...


def anything(workshop: object, size: int = 1, *args: float, **rest: object) -> None: ...


@pytest.mark.parametrize(
    ("component", "names", "paths"),
    [
        pytest.param(
            Declares,
            ("name", "table", "network", "size"),
            {"table": FILE, "network": FILE_OR_NAME},
            id="declared",
        ),
        pytest.param(
            Nests,
            ("own", "file"),
            {"own.table": FILE, "own.network": FILE_OR_NAME},
            id="of-an-option",
        ),
        pytest.param(Signed, ("size", "schema", "copy"), {}, id="names-that-pydantic-has"),
        pytest.param(
            annotated,
            ("table", "network", "name"),
            {"table": FILE, "network": FILE_OR_NAME},
            id="annotated",
        ),
        pytest.param(
            old,
            ("weights", "file", "model"),
            {"weights": FILE_OR_NAME, "file": FILE},
            id="by-its-name-where-it-is-text",
        ),
        pytest.param(anything, ("size",), {}, id="any-others"),
    ],
)
def test_options_and_paths_of_a_component(
    component: Any, names: tuple[str, ...], paths: dict[str, PathOption]
) -> None:
    options = options_of(component)
    assert options.names() == names
    assert dict(options.paths()) == paths


def test_options_by_signature_are_checked_and_handed_on_as_they_were_named() -> None:
    options = options_of(Signed)
    assert options.model_validate({"size": "2", "copy": 2}).given() == {"size": 2, "copy": 2.0}
    with pytest.raises(ValidationError, match="size"):
        options.model_validate({"schema": "x"})
    assert options_of(anything).model_validate({"other": 1}).given() == {"other": 1}


@pytest.mark.parametrize(
    ("component", "argument"),
    [(Signed, "context"), (anything, "workshop"), (old, None)],
)
def test_the_context_is_asked_for_by_name(component: Any, argument: str | None) -> None:
    assert takes_context(component) == argument


@pytest.mark.parametrize(
    ("options", "name", "words"),
    [
        pytest.param(Declares.Options, "siz", "did you mean 'size'?", id="close"),
        pytest.param(Declares.Options, "zzz", "known: table, network, size", id="far"),
        pytest.param(ToolOptions, "size", "this component takes none", id="none"),
    ],
)
def test_an_unknown_option_is_refused_in_words(
    options: type[ComponentOptions], name: str, words: str
) -> None:
    assert options.refusal(name, 3) == f"unknown option (value 3); {words}"
