"""What a component of a recipe says of itself: its name, its stage, its options.

A component is made in one of two ways. Most take their options alone: the arguments of the class,
or of the function, are the options, checked against its type hints. One that needs more (the
references, a model's budget) declares them, and is made from them and from the run's context:

    class ZoomOptions(ToolOptions):
        margin: float = 0.5

    class Zoom:
        about = About("zoom", note="an enlarged, measured crop …")
        Options = ZoomOptions

        @classmethod
        def from_recipe(cls, options: ZoomOptions, context: ToolContext) -> Self: ...

`reinspect.graph.components` is the table of those that have a short name.
"""

import inspect
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, NamedTuple, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, create_model

from reinspect.errors import did_you_mean, shorten


class Stage(StrEnum):
    """When a tool is used in a second look."""

    LOCATE = "locate"
    EXAMINE = "examine"


class About(NamedTuple):
    """What a component is, in the words that others use of it.

    Its `name` is the one that recipes, steps, evidence, weights and docs have for it.
    """

    name: str
    stage: Stage = Stage.EXAMINE
    note: str = ""
    """When a tool helps; a monitor that asks for looks chooses by it. Without, it can't be asked
    for."""
    purpose: str = ""
    """What a tool does, as an agent is told it."""
    heeds: tuple[str, ...] = ("box", "phrase")
    """What of a monitor's wish a tool heeds: the place to look at, what to search for, or none."""
    asks_model: bool = False
    """Whether it waits for a model's server, so that many parts are inspected at once."""


@dataclass(frozen=True, slots=True)
class PathOption:
    """Marks an option as a path relative to the recipe that it stands in.

    `or_name`: it may be a name instead, of known weights; it is a path where there is such a file.
    """

    or_name: bool = False


RecipePath = Annotated[str, PathOption()]
PathOrName = Annotated[str, PathOption(or_name=True)]

CONTEXT = ("context", "workshop")
"""Arguments of a user's own component that are filled in with the run's context."""

_PATHS = {
    "file": PathOption(),
    **dict.fromkeys(("weights", "model", "config", "text_encoder"), PathOption(or_name=True)),
}
"""Text arguments of a user's own component that are paths without being annotated."""


class ComponentOptions(BaseModel):
    """Base of a component's options: frozen, strict about unknown ones."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """What a recipe calls them."""
        return tuple(field.alias or name for name, field in cls.model_fields.items())

    @classmethod
    def paths(cls) -> Mapping[str, PathOption]:
        """Those that are paths, by what a recipe calls them; in an option's own: `option.path`."""
        found: dict[str, PathOption] = {}
        for own, field in cls.model_fields.items():
            name, told = field.alias or own, (*field.metadata, field.annotation)
            for mark in _marks(told):
                found[name] = mark
            for nested in _nested(told):
                found.update((f"{name}.{path}", mark) for path, mark in nested.paths().items())
        return found

    @classmethod
    def refusal(cls, name: str, value: object) -> str:
        """Why an unknown option is refused, in words."""
        known = [own for own in cls.names() if own not in ToolOptions.model_fields]
        hint = did_you_mean(name, known) if known else "this component takes none"
        return f"unknown option (value {shorten(value)}); {hint}"

    def given(self) -> dict[str, Any]:
        """Those that were given, by what a recipe calls them."""
        named = {
            field.alias or name: getattr(self, name)
            for name, field in type(self).model_fields.items()
            if name in self.model_fields_set
        }
        return {**named, **(self.model_extra or {})}


class ToolOptions(ComponentOptions):
    """Base of a tool's options: its name in the recipe, which its evidence bears."""

    name: str


def options_of(component: Any) -> type[ComponentOptions]:
    """The options that a component declares, else those that its signature says."""
    declared = getattr(component, "Options", None)
    if inspect.isclass(declared) and issubclass(declared, ComponentOptions):
        return declared
    return _signed(component)


def takes_context(component: Callable[..., Any]) -> str | None:
    """The argument that is to be filled in with the run's context, if there is one."""
    known = inspect.signature(component).parameters
    return next((name for name in CONTEXT if name in known), None)


def _signed(component: Callable[..., Any]) -> type[ComponentOptions]:
    """A model of a callable's arguments; a field's name is free, so that any argument may be."""
    typed = component.__init__ if inspect.isclass(component) else component
    hints = get_type_hints(typed, include_extras=True)
    fields: dict[str, Any] = {}
    anything = False
    for place, (name, argument) in enumerate(inspect.signature(component).parameters.items()):
        if argument.kind is argument.VAR_KEYWORD:
            anything = True
        elif argument.kind is not argument.VAR_POSITIONAL and name not in CONTEXT:
            hint = hints.get(name, Any)
            if name in _PATHS and str in (hint, *typing.get_args(hint)):
                hint = Annotated[hint, _PATHS[name]]
            default = ... if argument.default is argument.empty else argument.default
            fields[f"argument_{place}"] = (hint, Field(default, alias=name))
    name = getattr(component, "__name__", type(component).__name__)
    base: type[ComponentOptions] = _AnyOptions if anything else ComponentOptions
    return create_model(name, __base__=base, **fields)


class _AnyOptions(ComponentOptions):
    model_config = ConfigDict(extra="allow")


def _marks(found: tuple[Any, ...]) -> Iterator[PathOption]:
    """Every mark in an annotation, however deep: in unions, in `Annotated`."""
    for one in found:
        if isinstance(one, PathOption):
            yield one
        yield from _marks((*typing.get_args(one), *getattr(one, "__metadata__", ())))


def _nested(found: tuple[Any, ...]) -> Iterator[type[ComponentOptions]]:
    """Every model of options in an annotation, however deep."""
    for one in found:
        if inspect.isclass(one) and issubclass(one, ComponentOptions):
            yield one
        yield from _nested(typing.get_args(one))
