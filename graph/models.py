"""The parts that ask models: made from a recipe's options, its prices and its budget."""

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from reinspect.errors import explain_invalid
from reinspect.graph.recipe import ComponentSpec, Recipe, RecipeError
from reinspect.roles import Detector

if TYPE_CHECKING:
    from reinspect.agents.models.client import Model
    from reinspect.agents.models.monitor import VlmMonitor
    from reinspect.agents.models.prompts import Product
    from reinspect.agents.models.showing import Reference
    from reinspect.graph.build import BuildContext
    from reinspect.images import Pixels
    from reinspect.vocabulary import Sample

KIND = "vlm"

_SECRET = ("key", "token", "password", "secret")


def vlm_detector(
    workshop: "BuildContext", options: dict[str, Any], *, expert: bool, reference: bool
) -> Detector:
    """A model that takes the first look.

    Args:
        workshop: recipe, references and pictures.
        options: those of `ModelSettings`.
        expert: let the embedded expert mark candidates and have a second opinion.
        reference: show the best aligned good part beside the test image.
    """
    from reinspect.agents.models.detector import VlmDetector
    from reinspect.tools.anomaly_map import AnomalyMap

    return VlmDetector(
        model_of(workshop, options),
        _product(workshop),
        AnomalyMap(workshop.experts, workshop.pictures) if expert else None,
        _reference(workshop) if reference else None,
    )


def vlm_monitor(
    workshop: "BuildContext",
    options: dict[str, Any],
    *,
    reference: bool,
    consult: float | None,
    file: str | None,
) -> "VlmMonitor":
    """A model that reflects.

    Args:
        workshop: recipe, references and pictures.
        options: those of `ModelSettings`.
        reference: show the same places of a good part.
        consult: reliability below which it is asked for its assessment.
        file: a fitted monitor that weighs what it says; the hand-set rules by default.
    """
    from reinspect.agents.models.monitor import CONSULT, VlmMonitor
    from reinspect.policies.fitted import FittedEstimator, load_monitor
    from reinspect.policies.opinions import Opinions

    return VlmMonitor(
        model_of(workshop, options),
        FittedEstimator(load_monitor(file)) if file else Opinions(),
        _product(workshop),
        limits=workshop.recipe.budgets.image,
        reference=_reference(workshop) if reference else None,
        looks=looks_of(workshop.recipe),
        consult=CONSULT if consult is None else consult,
    )


def models_of(recipe: Recipe) -> tuple[ComponentSpec, ...]:
    """The parts of a recipe that ask a model."""
    parts = (recipe.detector, recipe.monitor, *recipe.tools)
    return tuple(part for part in parts if part.kind == KIND)


def looks_of(recipe: Recipe) -> dict[str, str]:
    """Tool → when it helps: what a monitor that asks may choose from.

    A tool of one's own is on the list if the recipe gives it a `note`.
    """
    notes = ((tool.kind, tool.options.get("note", _WHEN.get(tool.kind))) for tool in recipe.tools)
    return {kind: str(note) for kind, note in notes if note}


_WHEN = {
    "segmentation": "tight outlines of the suspicious regions: helps where a place is only vague",
    "hi_res": "the anomaly map again at full resolution: helps with small or faint defects",
    "reference": "compares with the best aligned good part: helps with missing, added or shifted "
    "elements, and with marks that good parts have, too",
    "eye": "a trained comparison with good parts: helps where light or position differ",
    "zoom": "an enlarged, measured crop of `box`: helps to tell dirt or reflections from damage",
    "grounding": "searches the image for `phrase`: helps to find a named kind of defect",
}


def model_of(workshop: "BuildContext", options: dict[str, Any]) -> "Model":
    """The model that a part's options describe, with its price and the run's purse.

    Raises:
        RecipeError: an option is unknown or wrong, a price is missing, or there is no key.
    """
    from reinspect.agents.models.client import Model, ModelError
    from reinspect.agents.models.settings import ModelSettings

    budgets = workshop.recipe.budgets
    for name in options:  # before anything shows the value
        if name not in ModelSettings.model_fields and any(s in name.lower() for s in _SECRET):
            raise RecipeError(
                f"{name}: keys are read from the environment; name the variable by key_env"
            )
    try:
        settings = ModelSettings.model_validate(options)
    except ValidationError as failure:
        raise RecipeError(explain_invalid(failure, ModelSettings)) from failure
    price = budgets.prices.get(settings.model)
    if price is None and (budgets.image.usd, budgets.run.usd) != (None, None):
        raise RecipeError(
            f"budgets: a limit in usd needs the price of {settings.model!r} in budgets.prices"
        )
    try:
        return Model(settings, price, workshop.purse)
    except ModelError as failure:
        raise RecipeError(str(failure)) from failure


def _product(workshop: "BuildContext") -> "Product":
    from reinspect.agents.models.prompts import Product

    known = workshop.recipe.product
    return Product(normal=known.normal, tolerated=known.tolerated, defects=known.defects)


def _reference(workshop: "BuildContext") -> "Reference":
    def good_part(sample: "Sample") -> "Pixels | None":
        others = workshop.experts.of(sample).abreast(sample)
        return others[0].image if others else None

    return good_part
