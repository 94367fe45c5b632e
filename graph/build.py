"""The crew: the only place that knows concrete classes.

A recipe names parts; `build_pipeline` turns the names into objects. A short name is looked up in
`KINDS`; `package.module:Object` is imported: a class or a function that makes the part is called
with the part's options, a function that *is* the part (it takes a sample or a trace, and no
options are given) is used as it stands.
"""

import importlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_type_hints

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from reinspect.agents.calls import ModelLimits, RunBudget
from reinspect.agents.monitor import RAMonitor
from reinspect.errors import did_you_mean, explain_invalid
from reinspect.graph.recipe import ComponentSpec, Recipe, RecipeError
from reinspect.pictures import Pictures
from reinspect.references import ReferenceSets
from reinspect.roles import Detector, Explainer, Monitor, Policy, Reviser, Settler, Tool
from reinspect.vocabulary import Move

if TYPE_CHECKING:
    from reinspect.policies.critic import Critic
    from reinspect.policies.fitted import FittedMonitor
    from reinspect.tools.expert import Embedder, Experts


@dataclass(frozen=True)
class Pipeline:
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
    limits: ModelLimits = field(default_factory=ModelLimits)
    looks: Mapping[str, Tool] = field(default_factory=dict)
    """The tools that a monitor may ask for, by name."""


@dataclass(frozen=True)
class BuildContext:
    """What parts are made from. A user's part that takes an argument `workshop` is given it."""

    recipe: Recipe = field(default_factory=Recipe)
    references: ReferenceSets = field(default_factory=ReferenceSets)
    pictures: Pictures | None = None
    cache: Path | None = None
    weights: Path | None = None

    @cached_property
    def experts(self) -> "Experts":
        """The embedded experts, one set for all parts of a crew."""
        from reinspect.tools.expert import Experts

        return Experts(self.references, self.cache)

    @cached_property
    def purse(self) -> RunBudget:
        """What the models of a run may spend, one purse for all parts of a crew."""
        return RunBudget(self.recipe.budgets.run)

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

    def __getstate__(self) -> dict[str, Any]:
        # To a worker process goes what parts are made from, not what was made.
        return {own.name: getattr(self, own.name) for own in fields(self)}


# A factory imports what it makes: a recipe pays only for the parts that it names.


def _embedded_detector(workshop: BuildContext, eye: bool = False) -> Detector:
    from reinspect.agents.detector import Beside, EmbeddedDetector
    from reinspect.tools.anomaly_map import AnomalyMap

    look = AnomalyMap(workshop.experts, workshop.pictures)
    if not eye:
        return EmbeddedDetector(look)
    if any(spec.kind == "eye" for spec in workshop.recipe.tools):
        raise ValueError("the eye is among the tools already: it can't be part of both looks")
    from reinspect.policies.rules import fuse
    from reinspect.tools.comparator.tool import Comparator

    return EmbeddedDetector(Beside(look, Comparator(workshop.experts, workshop.pictures).see, fuse))


def _embedded_monitor() -> RAMonitor:
    from reinspect.policies.opinions import Opinions

    return RAMonitor(Opinions())


def _fitted_monitor(workshop: BuildContext, file: str | None = None) -> RAMonitor:  # noqa: ARG001
    # `workshop.fitted` reads the file: the policies of the same monitor need it, too.
    from reinspect.policies.fitted import FittedEstimator

    return RAMonitor(FittedEstimator(workshop.fitted))


def _critic_monitor(workshop: BuildContext, file: str | None = None) -> RAMonitor:  # noqa: ARG001
    from reinspect.policies.critic import CriticEstimator

    return RAMonitor(CriticEstimator(workshop.critic))


def _vlm_detector(
    workshop: BuildContext, expert: bool = False, reference: bool = False, **options: Any
) -> Detector:
    from reinspect.graph.models import vlm_detector

    return vlm_detector(workshop, options, expert=expert, reference=reference)


def _vlm_monitor(
    workshop: BuildContext,
    reference: bool = True,
    consult: Annotated[float, Field(ge=0, le=1)] | None = None,
    file: str | None = None,
    **options: Any,
) -> RAMonitor:
    from reinspect.graph.models import vlm_monitor

    return vlm_monitor(workshop, options, reference=reference, consult=consult, file=file)


def _grounding(workshop: BuildContext, **options: Any) -> Tool:
    from reinspect.tools.grounding.backends import GroundingSettings, grounding

    try:
        settings = GroundingSettings.model_validate(options)
    except ValidationError as failure:
        raise RecipeError(explain_invalid(failure, GroundingSettings)) from failure
    defects = workshop.recipe.product.defects
    return grounding(workshop.experts, settings, defects=defects, folder=workshop.weights)


def _segmentation(
    workshop: BuildContext,
    backend: Literal["embedded", "segment-anything", "transformers"] = "embedded",
    model: str | None = None,
    weights: str | None = None,
    prompt: Literal["box", "point", "everything"] = "box",
    automatic: dict[str, float] | None = None,
    device: str = "auto",
) -> Tool:
    from reinspect.tools.segmentation.backends import segmenter
    from reinspect.tools.segmentation.tool import Prompting, Segmentation

    chosen = segmenter(
        backend,
        model=model,
        weights=weights,
        automatic=automatic,
        device=device,
        folder=workshop.weights,
    )
    pointed = Prompting(prompt)
    if chosen is None and pointed is not Prompting.BOX:
        raise ValueError(f"prompt: {prompt!r} needs a backend with weights, not {backend!r}")
    return Segmentation(workshop.experts, chosen, prompt=pointed)


def _hi_res(workshop: BuildContext) -> Tool:
    from reinspect.tools.hi_res import HiRes

    return HiRes(workshop.experts)


def _eye(workshop: BuildContext, weights: str | None = None, boxes: bool = False) -> Tool:
    from reinspect.tools.comparator.tool import Comparator

    own = () if weights is None else (Path(weights),)
    return Comparator(workshop.experts, workshop.pictures, *own, boxes=boxes)


def _reference(
    workshop: BuildContext, nearest: Literal["embedding", "features"] | None = None
) -> Tool:
    from reinspect.tools.reference import AlignedReference

    alike = None if nearest == "features" else _segmenter_of(workshop)
    if nearest == "embedding" and alike is None:
        raise ValueError("nearest: 'embedding' needs a tool segmentation with a model")
    return AlignedReference(workshop.experts, workshop.pictures, alike)


def _segmenter_of(workshop: BuildContext) -> "Embedder | None":
    """The model of the recipe's segmentation, which encodes pictures; none where it has none."""
    from reinspect.tools.segmentation.backends import segmenter

    spec = next((tool for tool in workshop.recipe.tools if tool.kind == "segmentation"), None)
    options = dict(spec.options) if spec else {}
    named = ("backend", "model", "weights", "device")
    chosen = {name: options[name] for name in named if isinstance(options.get(name), str)}
    if chosen.get("backend") not in ("segment-anything", "transformers"):
        return None
    return segmenter(**chosen, folder=workshop.weights)


def _zoom(
    workshop: BuildContext,
    margin: Annotated[float, Field(ge=0, le=4)] = 0.5,
    tile: Annotated[int, Field(ge=64)] = 1024,
) -> Tool:
    from reinspect.tools.zoom import Zoom

    return Zoom(workshop.experts, workshop.pictures, margin=margin, tile=tile)


def _doubt() -> Policy:
    from reinspect.policies.triggers import Doubt

    return Doubt()


def _worth_it(workshop: BuildContext) -> Policy:
    from reinspect.policies.fitted import WorthIt

    return WorthIt(workshop.fitted)


def _critic_trigger(workshop: BuildContext) -> Policy:
    from reinspect.policies.critic import CriticTrigger

    return CriticTrigger(workshop.critic)


def _below(reliability: Annotated[float, Field(ge=0, le=1)]) -> Policy:
    from reinspect.policies.triggers import Below

    return Below(reliability)


def _agreement() -> Policy:
    from reinspect.policies.revision import Agreement

    return Agreement()


def _thresholds(reliability: Annotated[float, Field(ge=0, le=1)] | None = None) -> Settler:
    from reinspect.policies.disposition import Thresholds

    return Thresholds() if reliability is None else Thresholds(reliability)


def _targets(workshop: BuildContext) -> Settler:
    from reinspect.policies.fitted import Targets

    return Targets(workshop.fitted)


def _always() -> Policy:
    return lambda trace: Move.REVISIT


def _never() -> Policy:
    return lambda trace: Move.ACCEPT


def _keep() -> Policy:
    return lambda trace: Move.KEEP


KINDS: Mapping[str, Mapping[str, Callable[..., Any]]] = {
    "detector": {"embedded": _embedded_detector, "vlm": _vlm_detector},
    "monitor": {
        "embedded": _embedded_monitor,
        "fitted": _fitted_monitor,
        "vlm": _vlm_monitor,
        "critic": _critic_monitor,
    },
    "tools": {
        "grounding": _grounding,
        "segmentation": _segmentation,
        "hi_res": _hi_res,
        "eye": _eye,
        "reference": _reference,
        "zoom": _zoom,
    },
    "policies.trigger": {
        "doubt": _doubt,
        "below": _below,
        "worth_it": _worth_it,
        "critic": _critic_trigger,
        "always": _always,
        "never": _never,
    },
    "policies.revision": {"agreement": _agreement, "keep": _keep},
    "policies.disposition": {"thresholds": _thresholds, "targets": _targets},
}
"""Role → short name → what makes the part."""

LOCATORS = frozenset({"grounding", "segmentation"})
"""Tools that find where to look; all others examine, unless the recipe says `stage:`."""


def build_pipeline(workshop: BuildContext) -> Pipeline:
    """The parts that a recipe names, made and wired.

    Raises:
        RecipeError: a part is unknown, can't be imported, or refuses its options.
    """
    recipe, policies = workshop.recipe, workshop.recipe.policies
    trigger, disposition = _trigger(workshop), _disposition(workshop)
    monitor = _make("monitor", recipe.monitor, workshop)
    words = monitor if hasattr(monitor, "revise") else _embedded_monitor()
    stages: dict[str, list[Tool]] = {"locate": [], "examine": []}
    looks: dict[str, Tool] = {}
    for position, spec in enumerate(recipe.tools):
        tool = _make("tools", spec, workshop, f"tools.{position}")
        stages[_stage(spec, position)].append(tool)
        looks[spec.kind] = tool
    return Pipeline(
        detector=_make("detector", recipe.detector, workshop),
        monitor=monitor,
        reviser=words.revise,
        explainer=words.explain,
        locators=tuple(stages["locate"]),
        examiners=tuple(stages["examine"]),
        trigger=_make("policies.trigger", trigger, workshop),
        trigger_name=trigger.kind,
        revision=_make("policies.revision", policies.revision, workshop),
        settler=_make("policies.disposition", disposition, workshop),
        rounds=recipe.budgets.rounds,
        limits=recipe.budgets.image,
        looks=looks,
    )


def _trigger(workshop: BuildContext) -> ComponentSpec:
    """The recipe's, else what the critic or the fitted monitor learned, else the hand-set one."""
    named = workshop.recipe.policies.trigger
    if named is not None:
        return named
    if workshop.recipe.monitor.kind == "critic":
        return ComponentSpec(kind="critic")
    return ComponentSpec(kind="worth_it" if _has_learned(workshop, "again") else "doubt")


def _disposition(workshop: BuildContext) -> ComponentSpec:
    named = workshop.recipe.policies.disposition
    if named is not None:
        return named
    if workshop.recipe.monitor.kind == "critic":
        return ComponentSpec(kind="thresholds", reliability=0.0)  # REVIEW is a move of the critic's
    learned = _has_learned(workshop, "dispositions")
    return ComponentSpec(kind="targets" if learned else "thresholds")


def _has_learned(workshop: BuildContext, what: Literal["again", "dispositions"]) -> bool:
    if workshop.recipe.monitor.kind != "fitted":
        return False
    try:
        return getattr(workshop.fitted, what) is not None
    except ValueError as failure:
        raise RecipeError(f"monitor.file: {failure}") from failure


def _stage(spec: ComponentSpec, position: int) -> str:
    stage = spec.options.get("stage", "locate" if spec.kind in LOCATORS else "examine")
    if stage not in ("locate", "examine"):
        raise RecipeError(f"tools.{position}.stage: {stage!r} is neither 'locate' nor 'examine'")
    return str(stage)


def _make(role: str, spec: ComponentSpec, workshop: BuildContext, where: str = "") -> Any:
    where = where or role
    options = {key: value for key, value in spec.options.items() if key not in ("stage", "note")}
    if ":" in spec.kind:
        target = _imported(spec.kind, where)
        if _is_the_part(target, options):
            return target
    else:
        known = KINDS[role]
        if spec.kind not in known:
            raise RecipeError(
                f"{where}.kind: unknown part {spec.kind!r}; {did_you_mean(spec.kind, known)}"
                ", or package.module:Object"
            )
        target = known[spec.kind]
    return _called(target, options, workshop, where)


def _imported(name: str, where: str) -> Any:
    module, _, attribute = name.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as failure:
        raise RecipeError(f"{where}.kind: cannot import {name!r}: {failure}") from failure


def _is_the_part(target: Any, options: Mapping[str, Any]) -> bool:
    """A plain function of one positional argument, or an object that is already made."""
    if options or inspect.isclass(target):
        return False
    if not inspect.isfunction(target):
        return True
    required = [p for p in inspect.signature(target).parameters.values() if p.default is p.empty]
    return len(required) == 1 and required[0].name != "workshop"


def _called(
    target: Callable[..., Any], options: dict[str, Any], workshop: BuildContext, where: str
) -> Any:
    known = inspect.signature(target).parameters
    anything = any(p.kind is p.VAR_KEYWORD for p in known.values())
    for name in options:
        if name not in known and not anything:
            names = [name for name in known if name != "workshop"]
            raise RecipeError(
                f"{where}.{name}: unknown option (value {options[name]!r}); "
                f"{did_you_mean(name, names) if names else 'this part takes none'}"
            )
    arguments = _validated(target, options, where)
    if "workshop" in known:
        arguments["workshop"] = workshop
    try:
        return target(**arguments)
    except (TypeError, ValueError, OSError) as failure:
        raise RecipeError(f"{where}: {failure}") from failure


def _validated(target: Callable[..., Any], options: dict[str, Any], where: str) -> dict[str, Any]:
    """Options coerced to the types that the part's signature names."""
    typed = target.__init__ if inspect.isclass(target) else target
    hints = get_type_hints(typed, include_extras=True)
    valid = {}
    for name, value in options.items():
        adapter: TypeAdapter[Any] = TypeAdapter(
            hints.get(name, Any), config=ConfigDict(arbitrary_types_allowed=True)
        )
        try:
            valid[name] = adapter.validate_python(value)
        except ValidationError as failure:
            raise RecipeError(explain_invalid(failure, name=f"{where}.{name}")) from failure
    return valid
