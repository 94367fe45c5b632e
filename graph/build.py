"""From a recipe to a pipeline: components are loaded, their options checked, and made.

A component that declares its options is made by its `from_recipe`; any other class or function is
called with them. A function that *is* the component (it takes a sample or a trace, and no options
are given), and an object that is already made, are used as they stand.
"""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pydantic import ValidationError

from reinspect.agents.calls import ModelLimits, Price, RunBudget
from reinspect.agents.product import ProductKnowledge
from reinspect.components import CONTEXT, ComponentOptions, ToolOptions, options_of, takes_context
from reinspect.errors import ReinspectError, explain_invalid
from reinspect.files import digest_of
from reinspect.graph import components
from reinspect.graph.awaiting import synchronous
from reinspect.graph.components import ComponentError, ComponentSpec
from reinspect.graph.pipeline import Pipeline, Placed, Renamed
from reinspect.graph.recipe import Recipe, RecipeError, dump_recipe, looks_digest
from reinspect.pictures import Pictures
from reinspect.references import ReferenceSets
from reinspect.roles import Detector, Settler, Tool
from reinspect.vocabulary import Sample

if TYPE_CHECKING:
    from reinspect.policies.critic import Critic
    from reinspect.policies.fitted import FittedMonitor
    from reinspect.policies.qualified import KeptLimits, ProductLimits
    from reinspect.tools.expert import Embedder, Experts
    from reinspect.tools.features.first import FirstLook

Declared = TypeVar("Declared", bound=ComponentOptions)


@dataclass(frozen=True)
class BuildContext:
    """What components are made from, besides their options.

    A component of a user's own is given it where it takes an argument `context` (or `workshop`).
    """

    recipe: Recipe = field(default_factory=Recipe)
    references: ReferenceSets = field(default_factory=ReferenceSets)
    pictures: Pictures | None = None
    cache: Path | None = None
    weights: Path | None = None

    @cached_property
    def experts(self) -> "Experts":
        """The embedded experts, one set for all components.

        Raises:
            RecipeError: the features that the recipe names can't be had here.
        """
        from reinspect.tools.expert import Experts

        return Experts(self.references, self.cache, self._first_look())

    def _first_look(self) -> "FirstLook":
        """By what the recipe's detector describes pictures; the default for any other detector."""
        from reinspect.agents.detector import EmbeddedDetector
        from reinspect.tools.features.first import BY_FILTERS, open_first
        from reinspect.tools.features.pose import PartPose

        own = self.recipe.detector
        specs = (own, *components.members_of("detector", own).values())
        embedded = (spec for spec in specs if spec.kind == EmbeddedDetector.about.name)
        given = next((spec.own_options for spec in embedded), {})
        options = _checked(EmbeddedDetector.Options, given, "detector")
        if options.features is None and not self.references.compare:
            return BY_FILTERS
        arguments: dict[str, Any] = {"named": options.features, "pose": PartPose(options.pose)}
        arguments |= {"cache": self.cache, "weights": self.weights}
        made: FirstLook = _called(open_first, arguments, "detector")
        return made

    def member(self, name: str, spec: Mapping[str, Any]) -> Detector:
        """A detector that is one of several, as a recipe has one.

        Raises:
            RecipeError: it can't be made.
        """
        where = f"detector.members.{name}"
        try:
            own = ComponentSpec.model_validate(spec)
        except ValidationError as failure:
            raise RecipeError(explain_invalid(failure, ComponentSpec, name=where)) from failure
        made: Detector = synchronous(_make("detector", own, self, where))
        return made

    @cached_property
    def embedder(self) -> "Embedder | None":
        """The model of the recipe's segmentation, which encodes pictures; none where it has none.

        Raises:
            RecipeError: the segmentation refuses its options.
        """
        from reinspect.tools.segmentation.tool import Segmentation

        for place, spec in enumerate(self.recipe.tools):
            if spec.kind == Segmentation.about.name:
                given = {**spec.own_options, "name": spec.kind}
                where = f"tools.{place}"
                options = _checked(Segmentation.Options, given, where)
                arguments = {"options": options, "folder": self.weights}
                made: Embedder | None = _called(Segmentation.backend, arguments, where)
                return made
        return None

    @cached_property
    def views(self) -> "Mapping[str, BuildContext]":
        """View → what its components are made from; what a run may spend, all views share."""
        made = {
            name: replace(
                self, recipe=self.recipe.of_view(name), references=self.references.views[name]
            )
            for name in self.recipe.views
        }
        for own in made.values():
            vars(own)["run_budget"] = self.run_budget
        return made

    def qualified(self, sample: Sample) -> "ProductLimits | None":
        """What a qualification by the same references and recipe found; None without one."""
        return self._kept_limits.of(self.references.of(sample.category).key)

    @cached_property
    def _kept_limits(self) -> "KeptLimits":
        from reinspect.policies.qualified import KeptLimits

        return KeptLimits(self.cache, looks_digest(self.recipe))

    @cached_property
    def fitted(self) -> "FittedMonitor":
        """The monitor that the recipe names by its file, else the one that ships."""
        from reinspect.policies.fitted import SHIPPED, load_monitor

        return load_monitor(self.recipe.monitor.options.get("file", SHIPPED))

    @cached_property
    def critic(self) -> "Critic":
        """The critic that the recipe's monitor names by its file."""
        from reinspect.policies.critic import load_critic

        file = self.recipe.monitor.options.get("file")
        if self.recipe.monitor.kind != "critic" or file is None:
            raise ValueError("no critic: name its file, as `reinspect train critic` has written it")
        return load_critic(file)

    @cached_property
    def run_budget(self) -> RunBudget:
        """What the models of a run may spend, one budget for all components."""
        return RunBudget(self.recipe.budgets.run)

    @property
    def limits(self) -> ModelLimits:
        """What the models may spend on one part."""
        return self.recipe.budgets.image

    @property
    def product(self) -> ProductKnowledge:
        """What the recipe knows of the product."""
        return self.recipe.product

    @property
    def kinds(self) -> tuple[str, ...]:
        """Of the tools."""
        return tuple(spec.kind for spec in self.recipe.tools)

    @property
    def looks(self) -> Mapping[str, str]:
        """Tool's name → when it helps: what a monitor may ask for."""
        return components.notes_of(self.recipe.tools)

    @property
    def heeds(self) -> Mapping[str, tuple[str, ...]]:
        """Tool's name → what it heeds of a wish: `box`, `phrase`."""
        return components.heeds_of(self.recipe.tools)

    def price(self, model: str) -> Price | None:
        """What a model costs; none where that is not known.

        Raises:
            ValueError: a limit in USD needs it.
        """
        budgets = self.recipe.budgets
        price = budgets.prices.get(model)
        if price is None and (budgets.image.usd, budgets.run.usd) != (None, None):
            raise ValueError(
                f"budgets: a limit in usd needs the price of {model!r} in budgets.prices"
            )
        return price

    def __getstate__(self) -> dict[str, Any]:
        # To a worker process goes what components are made from, not what was made.
        return {own.name: getattr(self, own.name) for own in fields(self)}


def build_pipeline(context: BuildContext) -> Pipeline:
    """The components that a recipe names, made and wired.

    Raises:
        RecipeError: a component is unknown, can't be imported, or refuses its options.
    """
    recipe, policies = context.recipe, context.recipe.policies
    trigger, disposition = _trigger(context), _disposition(context)
    monitor = _make("monitor", recipe.monitor, context)
    words = monitor
    if not hasattr(monitor, "revise"):
        words = _make("monitor", ComponentSpec(kind="embedded"), context)
    return Pipeline(
        detector=synchronous(_make("detector", recipe.detector, context)),
        monitor=synchronous(monitor),
        reviser=synchronous(words.revise),
        explainer=synchronous(words.explain),
        tools=tuple(_placed(context)),
        trigger=synchronous(_make("policies.trigger", trigger, context)),
        trigger_name=trigger.kind,
        revision=synchronous(_make("policies.revision", policies.revision, context)),
        settler=synchronous(_make("policies.disposition", disposition, context)),
        rounds=recipe.budgets.rounds,
        limits=recipe.budgets.image,
        actor=getattr(monitor, "act", None),
        asks=policies.escalate == "interrupt",
        key=_key(context),
        references=context.references,
    )


def build_tools(context: BuildContext) -> dict[str, Tool]:
    """The tools alone that a recipe names, by name.

    Raises:
        RecipeError: one is unknown, can't be imported, or refuses its options.
    """
    return {placed.name: placed.tool for placed in _placed(context)}


def build_settler(context: BuildContext) -> Settler:
    """The policy alone that a recipe settles parts by.

    Raises:
        RecipeError: it is unknown, can't be imported, or refuses its options.
    """
    settler: Settler = synchronous(_make("policies.disposition", _disposition(context), context))
    return settler


def settles_by_assessment(context: BuildContext) -> bool:
    """Whether that policy needs no more than the assessment: no looks of its own monitor's."""
    return _disposition(context).kind != "targets"


def _key(context: BuildContext) -> str:
    """Of what decides on verdicts: version, recipe, references; of no place."""
    sets = context.references
    every = (f"{name} {own.key}" for name, own in sorted(sets.by_category.items()))
    recipe = dump_recipe(context.recipe.placeless)
    return digest_of("\n".join((version("reinspect"), recipe, sets.default.key, *every)))


def _placed(context: BuildContext) -> list[Placed]:
    specs = context.recipe.tools
    try:
        names = components.names_of(specs)
    except ComponentError as failure:
        raise RecipeError(str(failure)) from failure
    placed = []
    for place, (name, spec) in enumerate(zip(names, specs, strict=True)):
        tool = _make("tools", spec, context, f"tools.{place}", name)
        try:
            stage, parallel = components.stage_of(spec), components.parallel_of(spec)
        except ComponentError as failure:
            raise RecipeError(f"tools.{place}.{failure}") from failure
        placed.append(Placed(name, stage, tool, parallel))
    return placed


def _trigger(context: BuildContext) -> ComponentSpec:
    """The recipe's, else what the critic or the fitted monitor learned, else the hand-set one."""
    named = context.recipe.policies.trigger
    if named is not None:
        return named
    if context.recipe.monitor.kind == "critic":
        return ComponentSpec(kind="critic")
    return ComponentSpec(kind="worth_it" if _has_learned(context, "again") else "doubt")


def _disposition(context: BuildContext) -> ComponentSpec:
    named = context.recipe.policies.disposition
    if named is not None:
        return named
    if context.recipe.monitor.kind == "critic":
        return ComponentSpec(kind="thresholds", reliability=0.0)  # REVIEW is a move of the critic's
    learned = _has_learned(context, "dispositions")
    return ComponentSpec(kind="targets" if learned else "thresholds")


def _has_learned(context: BuildContext, what: Literal["again", "dispositions"]) -> bool:
    if context.recipe.monitor.kind != "fitted":
        return False
    try:
        return getattr(context.fitted, what) is not None
    except ValueError as failure:
        raise RecipeError(f"monitor.file: {failure}") from failure


def _make(
    role: str, spec: ComponentSpec, context: BuildContext, where: str = "", name: str = ""
) -> Any:
    """One component.

    Args:
        role: of `components.TABLE`.
        spec: as the recipe has it.
        context: what it is made from.
        where: its place in the recipe; the role by default.
        name: of a tool.
    """
    where = where or role
    try:
        component = components.load(role, spec.kind)
    except ComponentError as failure:
        raise RecipeError(f"{where}.kind: {failure}") from failure
    given, named = spec.own_options, role == "tools" and components.said_name(spec) is not None
    if named:
        del given["name"]
    if _is_made(component, given):
        made = component
    elif hasattr(component, "from_recipe"):
        known = options_of(component)
        if issubclass(known, ToolOptions):
            given["name"] = name
        options = _checked(known, given, where)
        made = _called(component.from_recipe, {"options": options, "context": context}, where)
        return synchronous(made) if role == "tools" else made
    else:
        arguments = _checked(options_of(component), given, where).given()
        wanted = takes_context(component)
        made = _called(component, arguments | ({wanted: context} if wanted else {}), where)
    if role != "tools":
        return made
    made, default = synchronous(made), components.about(role, spec).name
    return Renamed(made, name) if named or name != default else made


def _is_made(component: Any, options: Mapping[str, Any]) -> bool:
    """Whether it is the component as it stands, and nothing that makes one.

    That is a plain function of one positional argument, or an object that is already made.
    """
    if options or inspect.isclass(component):
        return False
    if not inspect.isfunction(component):
        return True
    arguments = inspect.signature(component).parameters.values()
    required = [one for one in arguments if one.default is one.empty]
    return len(required) == 1 and required[0].name not in CONTEXT


def _checked(known: type[Declared], given: Mapping[str, Any], where: str) -> Declared:
    """Options as a component's model of them has it.

    Raises:
        RecipeError: one is unknown, missing or wrong.
    """
    if known.model_config.get("extra") == "forbid":
        for name in given:
            if name not in known.names():
                raise RecipeError(f"{where}.{name}: {known.refusal(name, given[name])}")
    try:
        return known.model_validate(given)
    except ValidationError as failure:
        raise RecipeError(explain_invalid(failure, known, name=where)) from failure


def _called(make: Any, arguments: Mapping[str, Any], where: str) -> Any:
    try:
        return make(**arguments)
    except RecipeError:  # of another component, which this one needs
        raise
    except (TypeError, ValueError, OSError, ReinspectError) as failure:
        raise RecipeError(f"{where}: {failure}") from failure
