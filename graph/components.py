"""The components that have a short name, and what is known of one before it is made.

`TABLE` says where each stands; `package.module:Object` names any other. A component is imported
when a recipe names it, so that a recipe pays only for those that it uses.
"""

import contextlib
import importlib
import re
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from reinspect.components import About, PathOption, Stage, ToolOptions, options_of
from reinspect.errors import ReinspectError, did_you_mean, shorten

TABLE: Mapping[str, Mapping[str, str]] = {
    "detector": {
        "embedded": "reinspect.agents.detector:EmbeddedDetector",
        "vlm": "reinspect.agents.models.detector:VlmDetector",
        "ensemble": "reinspect.agents.ensemble:Ensemble",
    },
    "monitor": {
        "embedded": "reinspect.agents.monitor:RAMonitor",
        "fitted": "reinspect.agents.monitor:FittedRAMonitor",
        "vlm": "reinspect.agents.models.monitor:VlmMonitor",
        "agent": "reinspect.agents.models.acting.monitor:AgentMonitor",
        "critic": "reinspect.agents.monitor:CriticRAMonitor",
    },
    "tools": {
        "grounding": "reinspect.tools.grounding.tool:Grounding",
        "segmentation": "reinspect.tools.segmentation.tool:Segmentation",
        "network": "reinspect.tools.network:NetworkLook",
        "hi_res": "reinspect.tools.hi_res:HiRes",
        "eye": "reinspect.tools.comparison:Comparator",
        "reference": "reinspect.tools.reference:AlignedReference",
        "zoom": "reinspect.tools.zoom:Zoom",
    },
    "policies.trigger": {
        "doubt": "reinspect.policies.triggers:Doubt",
        "below": "reinspect.policies.triggers:Below",
        "worth_it": "reinspect.policies.fitted:WorthIt",
        "critic": "reinspect.policies.critic:CriticTrigger",
        "always": "reinspect.policies.triggers:Always",
        "never": "reinspect.policies.triggers:Never",
    },
    "policies.revision": {
        "agreement": "reinspect.policies.revision:Agreement",
        "keep": "reinspect.policies.revision:Keep",
    },
    "policies.disposition": {
        "thresholds": "reinspect.policies.disposition:Thresholds",
        "targets": "reinspect.policies.fitted:Targets",
    },
}
"""Role → short name → module:Class."""

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


_OF_THE_GRAPH = ("stage", "note", "parallel")
"""Options of a tool that it isn't made with."""


class ComponentError(ReinspectError, ValueError):
    """A component that can't be had, or not under that name."""


class ComponentSpec(BaseModel):
    """A component by its short name or as `package.module:Object`, with its own options."""

    model_config = ConfigDict(frozen=True, extra="allow", ser_json_inf_nan="constants")

    kind: str = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return {"kind": value} if isinstance(value, str) else value

    @property
    def options(self) -> dict[str, Any]:
        """Every key but `kind`."""
        return dict(self.model_extra or {})

    @property
    def own_options(self) -> dict[str, Any]:
        """The options that the component is made with; some of a tool are the graph's."""
        options = self.options
        return {name: options[name] for name in options if name not in _OF_THE_GRAPH}

    def option(self, name: str) -> Any:
        """An option, or one of an option's own, `option.own`; none where it is not given."""
        value: Any = self.options
        for part in name.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        return value

    def changed(self, change: Mapping[str, Any]) -> "ComponentSpec":
        """With other options, by the names that `option` knows; without those that are None."""
        options = self.options
        for name, value in change.items():
            options = _set(options, name.split("."), value)
        return ComponentSpec(kind=self.kind, **options)


def _set(options: Mapping[str, Any], place: Sequence[str], value: Any) -> dict[str, Any]:
    name, *inner = place
    if inner:
        value = _set(options[name], inner, value)
    if value is None:
        return {own: options[own] for own in options if own != name}
    return {**options, name: value}


def load(role: str, kind: str) -> Any:
    """The class, or the object, that a kind names.

    Raises:
        ComponentError: there is none of that name, or it can't be imported.
    """
    address = kind
    if ":" not in kind:
        known = TABLE[role]
        if kind not in known:
            hint = f"{did_you_mean(kind[:100], known)}, or package.module:Object"
            raise ComponentError(f"unknown component {shorten(kind)}; {hint}")
        address = known[kind]
    module, _, attribute = address.partition(":")
    try:
        with _current_folder() if address == kind else contextlib.nullcontext():
            return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as failure:
        raise ComponentError(f"cannot import {shorten(kind)}: {failure}") from failure
    except (Exception, SystemExit) as failure:
        said = " ".join(f"{type(failure).__name__}: {failure}".split())
        raise ComponentError(f"cannot import {shorten(kind)}: {said}") from failure


_SEARCHED = threading.Lock()


@contextlib.contextmanager
def _current_folder() -> Iterator[None]:
    """The current folder is searched for modules, last, and afterwards no more.

    A module that lies there by chance is imported by nothing that no recipe names.
    """
    folder = str(Path.cwd())
    sys.path.append(folder)
    try:
        yield
    finally:
        with _SEARCHED:  # threads make components at once, and each takes one away again
            last = len(sys.path) - 1 - sys.path[::-1].index(folder)
            del sys.path[last]


def about(role: str, spec: ComponentSpec) -> About:
    """What a component says of itself; of one that says nothing, or can't be had, its kind."""
    try:
        said = getattr(load(role, spec.kind), "about", None)
    except ComponentError:  # whoever makes it says so
        said = None
    return said if isinstance(said, About) else About(spec.kind)


def paths(role: str, spec: ComponentSpec) -> Mapping[str, PathOption]:
    """The options of a component that are paths, and are there; as `ComponentOptions.paths`."""
    if not spec.own_options:
        return {}
    below = {
        f"members.{name}.{own}": mark
        for name, member in members_of(role, spec).items()
        for own, mark in paths(role, member).items()
    }
    try:
        known = options_of(load(role, spec.kind)).paths()
    except (ComponentError, TypeError, ValueError):  # can't be had, or takes no options
        return {}
    own = {name: mark for name, mark in known.items() if isinstance(spec.option(name), str)}
    return own | below


def members_of(role: str, spec: ComponentSpec) -> Mapping[str, ComponentSpec]:
    """The detectors that an ensemble is made of, by name; none of any other component."""
    given = spec.options.get("members")
    if role != "detector" or spec.kind != "ensemble" or not isinstance(given, Mapping):
        return {}
    with contextlib.suppress(ValidationError):  # whoever makes them says so
        return {str(name): ComponentSpec.model_validate(own) for name, own in given.items()}
    return {}


def stage_of(spec: ComponentSpec) -> Stage:
    """When a tool is used: as its recipe says, else as it says itself.

    Raises:
        ComponentError: the recipe says neither `locate` nor `examine`.
    """
    said = spec.options.get("stage")
    if said is None:
        return about("tools", spec).stage
    if said not in list(Stage):
        raise ComponentError(f"stage: {said!r} is neither 'locate' nor 'examine'")
    return Stage(said)


def parallel_of(spec: ComponentSpec) -> bool:
    """Whether a tool examines at once with the others that may.

    Raises:
        ComponentError: the recipe says neither yes nor no, or the tool locates.
    """
    said = spec.options.get("parallel", False)
    if not isinstance(said, bool):
        raise ComponentError(f"parallel: {shorten(said)} is neither true nor false")
    if said and stage_of(spec) is Stage.LOCATE:
        raise ComponentError("parallel: it locates; what is examined at once waits for it")
    return said


def notes_of(specs: Sequence[ComponentSpec]) -> dict[str, str]:
    """Tool's name → when it helps: what a monitor that asks may choose from.

    A tool of one's own is on the list if it, or the recipe, has a `note` on it.
    """
    notes = (spec.options.get("note", about("tools", spec).note) for spec in specs)
    return {name: str(note) for name, note in zip(names_of(specs), notes, strict=True) if note}


def heeds_of(specs: Sequence[ComponentSpec]) -> dict[str, tuple[str, ...]]:
    """Tool's name → what it heeds of a wish."""
    told = (about("tools", spec).heeds for spec in specs)
    return dict(zip(names_of(specs), told, strict=True))


def names_of(specs: Sequence[ComponentSpec]) -> tuple[str, ...]:
    """The name of each tool: as the recipe says, else its own, numbered where there are several.

    Raises:
        ComponentError: two have one name, or one has that of another kind.
    """
    said: dict[str, int] = {}
    for place, spec in enumerate(specs):
        name = said_name(spec)
        if name is None:
            continue
        where = f"tools.{place}.name: {name!r}"
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise ComponentError(f"{where} is no name: up to 64 of A-Z, a-z, 0-9, _ and -")
        if name in said:
            raise ComponentError(f"{where} is the name of tools.{said[name]} already")
        if name in TABLE["tools"] and name != spec.kind:
            raise ComponentError(f"{where} is the name of another kind")
        said[name] = place
    return tuple(_numbered(specs, set(said)))


def said_name(spec: ComponentSpec) -> Any:
    """The name that a recipe gives a tool; none where `name` is an option of the tool's own."""
    name = spec.options.get("name")
    if name is None or ":" not in spec.kind:
        return name
    try:
        options = options_of(load("tools", spec.kind))
    except (ComponentError, TypeError, ValueError):
        return name
    return name if issubclass(options, ToolOptions) or "name" not in options.names() else None


def _numbered(specs: Sequence[ComponentSpec], taken: set[str]) -> Iterator[str]:
    for spec in specs:
        name = said_name(spec)
        if name is None:
            plain = name = about("tools", spec).name if ":" in spec.kind else spec.kind
            number = 2
            while name in taken:
                name, number = f"{plain}-{number}", number + 1
            taken.add(name)
        yield name
