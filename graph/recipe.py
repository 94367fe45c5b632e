"""The recipe: one small YAML file that names the parts of an inspection."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from reinspect.agents.calls import ModelLimits
from reinspect.agents.models.settings import Price, without_password
from reinspect.errors import ReinspectError, explain_invalid


class RecipeError(ReinspectError, ValueError):
    """A recipe that can't be used; the message names the key and shows the value."""


class _RecipeSection(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ComponentSpec(BaseModel):
    """A part by its short name or as `package.module:Object`, with that part's own options."""

    model_config = ConfigDict(frozen=True, extra="allow")

    kind: str = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return {"kind": value} if isinstance(value, str) else value

    @property
    def options(self) -> dict[str, Any]:
        """Every key but `kind`."""
        return dict(self.model_extra or {})


class Policies(_RecipeSection):
    """When to look again, when a flip is allowed, and PASS / FAIL / REVIEW.

    Where a recipe names no trigger or disposition, those of a fitted monitor apply, as far as it
    has learned them, else the hand-set ones.
    """

    trigger: ComponentSpec | None = None
    revision: ComponentSpec = ComponentSpec(kind="agreement")
    disposition: ComponentSpec | None = None


class Budgets(_RecipeSection):
    """What one image, and a whole run, may cost."""

    rounds: int = Field(default=1, ge=0, le=10, description="Second looks at most.")
    image: ModelLimits = Field(
        default=ModelLimits(), description="An image settles with what it has then."
    )
    run: ModelLimits = Field(
        default=ModelLimits(), description="The rest of the run is for REVIEW then."
    )
    prices: Mapping[str, Price] = Field(
        default_factory=dict, description="Model → USD a million tokens; others cost: unknown."
    )
    gpus: float = Field(
        default=0, ge=0, le=64, description="GPUs that each Ray actor holds; a share, too."
    )
    in_flight: int = Field(
        default=32, ge=1, le=1024, description="Images at once where a model server is asked."
    )


class ProductKnowledge(_RecipeSection):
    """What is known of the product: for words, and for models that can read."""

    normal: str = ""
    tolerated: tuple[str, ...] = ()
    defects: tuple[str, ...] = ()


def _default_tools(known: dict[str, Any]) -> tuple[ComponentSpec, ...]:
    """All embedded ones; an eye that has a say in the first look isn't asked again."""
    detector = known.get("detector")
    names = ["segmentation", "hi_res", "eye", "reference", "zoom"]
    if detector is not None and detector.options.get("eye"):
        names.remove("eye")
    return tuple(ComponentSpec(kind=name) for name in names)


class Recipe(_RecipeSection):
    """All parts of an inspection. Every key has a default; see `docs/recipes.md`."""

    detector: ComponentSpec = ComponentSpec(kind="embedded")
    monitor: ComponentSpec = ComponentSpec(kind="embedded")
    tools: tuple[ComponentSpec, ...] = Field(default_factory=_default_tools)
    policies: Policies = Policies()
    budgets: Budgets = Budgets()
    references: str | Mapping[str, str] | None = Field(
        default=None, description="Folder of known-good images, or category → folder."
    )
    product: ProductKnowledge = ProductKnowledge()

    def found_in(self, folder: Path) -> "Recipe":
        """The recipe with its paths made absolute: they are relative to the folder it lies in."""
        references = self.references
        if isinstance(references, str):
            references = str(folder / references)
        elif references is not None:
            references = {name: str(folder / path) for name, path in references.items()}
        monitor, file = self.monitor, self.monitor.options.get("file")
        if isinstance(file, str):
            monitor = monitor.model_copy(update={"file": str(folder / file)})
        tools = tuple(_with_weights_in(tool, folder) for tool in self.tools)
        return self.model_copy(
            update={"references": references, "monitor": monitor, "tools": tools}
        )

    @property
    def placeless(self) -> "Recipe":
        """The recipe without its paths, whose contents count and not their places."""
        options = {key: value for key, value in self.monitor.options.items() if key != "file"}
        monitor = ComponentSpec(kind=self.monitor.kind, **options)
        return self.model_copy(update={"references": None, "monitor": monitor})


REGISTRY = Path("runs", "critics")
"""Where critics are unless told otherwise: beside the store."""


def _with_weights_in(tool: ComponentSpec, folder: Path) -> ComponentSpec:
    """Weights and the like may have a name instead of a path: a path is what is there."""
    found = {
        name: str(folder / value)
        for name in ("weights", "model", "config", "text_encoder")
        if isinstance(value := tool.options.get(name), str) and (folder / value).exists()
    }
    return tool.model_copy(update=found) if found else tool


def load_recipe(path: str | Path, *, critics: Path = REGISTRY) -> Recipe:
    """Read a recipe; paths in it are relative to its own folder.

    Args:
        path: of the file.
        critics: the registry that a critic's name is looked up in, after a folder `critics` beside
            the recipe.

    Raises:
        RecipeError: the file can't be read, is no YAML mapping, or has a wrong key or value.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as failure:
        raise RecipeError(f"{path}: cannot read the recipe: {failure}") from failure
    recipe = parse_recipe(text, name=str(path)).found_in(Path(path).absolute().parent)
    if "name" not in recipe.monitor.options:
        return recipe
    from reinspect.graph.critics import with_critic  # reads the registry

    return with_critic(recipe, (Path(path).absolute().parent / "critics", critics))


def parse_recipe(text: str, *, name: str = "recipe") -> Recipe:
    """Read a recipe from YAML text; `name` is what errors call it.

    Raises:
        RecipeError: the text is no YAML mapping, or has a wrong key or value.
    """
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as failure:
        raise RecipeError(f"{name}: not YAML: {' '.join(str(failure).split())}") from failure
    if content is None:
        content = {}
    if not isinstance(content, dict):
        raise RecipeError(f"{name}: a recipe is a mapping of keys, not {content!r}")
    try:
        return Recipe.model_validate(content)
    except ValidationError as failure:
        raise RecipeError(f"{name}: {explain_invalid(failure, Recipe)}") from failure


def dump_recipe(recipe: Recipe) -> str:
    """The recipe as YAML, every default written out, passwords in addresses blotted out."""
    content = recipe.model_dump(mode="json")
    return without_password(yaml.safe_dump(content, sort_keys=False, allow_unicode=True))
