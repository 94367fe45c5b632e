"""The crew: the only place that knows concrete classes.

A recipe names parts; `build_crew` turns the names into objects. A short name is looked up in
`KINDS`; `package.module:Object` is imported: a class or a factory is called with the part's
options, a plain function is used as it is.
"""

import functools
import importlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from reinspect.graph.recipe import PartSpec, Recipe, RecipeError, in_words
from reinspect.images import Pictures
from reinspect.roles import Detector, Explainer, Monitor, Policy, Reviser, Settler, Tool
from reinspect.tools.golden import GoldenSets


@dataclass(frozen=True)
class Crew:
    """Who does what in one inspection."""

    detector: Detector
    monitor: Monitor
    reviser: Reviser
    explainer: Explainer
    locators: tuple[Tool, ...]
    examiners: tuple[Tool, ...]
    trigger: Policy
    trigger_name: str
    revision: Policy
    settler: Settler
    rounds: int


@dataclass(frozen=True)
class Workshop:
    """What parts may draw on. A user's part that takes an argument `workshop` is given it."""

    recipe: Recipe = field(default_factory=Recipe)
    references: GoldenSets = field(default_factory=GoldenSets)
    pictures: Pictures | None = None
    cache: Path | None = None
