"""The recipe: one small YAML file that names the components of an inspection."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import (
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from reinspect.agents.calls import ModelLimits, Price
from reinspect.agents.models.settings import without_password
from reinspect.agents.product import ProductKnowledge
from reinspect.documents import RECIPE_SIZE, DocumentError, dump_yaml, parse_yaml, read_text
from reinspect.errors import ReinspectError, explain_invalid, shorten
from reinspect.files import digest_of
from reinspect.graph.components import ComponentSpec, about, paths
from reinspect.graph.reading import PictureRules, ReadingRules, RecipeSection
from reinspect.sensing import FileRules, SignalRules
from reinspect.tools.features.first import source_of
from reinspect.tools.features.sources import FILTERS
from reinspect.vocabulary import Modality, ViewName, current_source


class RecipeError(ReinspectError, ValueError):
    """A recipe that can't be used; the message names the key and shows the value."""


class Policies(RecipeSection):
    """When to look again, when a flip is allowed, and PASS / FAIL / REVIEW.

    Where a recipe names no trigger or disposition, those of a fitted monitor apply, as far as it
    has learned them, else the hand-set ones.
    """

    trigger: ComponentSpec | None = None
    revision: ComponentSpec = ComponentSpec(kind="agreement")
    disposition: ComponentSpec | None = None
    escalate: Literal["review", "interrupt"] = Field(
        default="review",
        exclude_if=lambda said: said == "review",  # older recipes are the same as before
        description="What becomes of a part for REVIEW: it waits for a reviewer, or a graph with a "
        "checkpointer asks an operator by an interrupt.",
    )

    @property
    def components(self) -> Mapping[str, ComponentSpec]:
        """Those that are named, by their role."""
        every = {role: getattr(self, role) for role in type(self).model_fields}
        return {role: spec for role, spec in every.items() if isinstance(spec, ComponentSpec)}


class Budgets(RecipeSection):
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


def _default_tools(known: dict[str, Any]) -> tuple[ComponentSpec, ...]:
    """Another network where a network looks first; else the filters' witnesses beside the eye.

    An eye that has a say in the first look isn't asked again.
    """
    detector = known.get("detector")
    options = detector.options if detector is not None else {}
    if source_of(options.get("features")) != FILTERS:
        names = ["segmentation", "network", "reference", "zoom"]
    else:
        names = ["segmentation", "hi_res", "eye", "reference", "zoom"]
        if options.get("eye"):
            names.remove("eye")
    return tuple(ComponentSpec(kind=name) for name in names)


class ViewRules(RecipeSection):
    """One view of the parts: which files are of it, and what is other than in the other views."""

    files: str | None = Field(
        default=None,
        min_length=1,
        description="Pattern of their paths: `*_front.*`, `front/*`, `front/**`; none where a "
        "`parts.csv` says which they are.",
    )
    modality: Modality | None = Field(default=None, description="Else as its files say.")
    references: str | None = Field(
        default=None, description="Folder of its known-good images; else those that match `files`."
    )
    detector: ComponentSpec | None = None
    monitor: ComponentSpec | None = None
    tools: tuple[ComponentSpec, ...] | None = None
    pictures: PictureRules | None = None
    signals: SignalRules | None = None

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return {"files": value} if isinstance(value, str) else value

    @property
    def own(self) -> dict[str, Any]:
        """The keys of a recipe that it has of its own."""
        names = ("detector", "monitor", "tools", "pictures", "signals")
        own = {name: value for name in names if (value := getattr(self, name)) is not None}
        if self.pictures is not None and self.pictures.unit is not None:
            own.setdefault("signals", SignalRules())  # its tables are no recordings
        return own

    @property
    def placed(self) -> Iterator[tuple[str, str, ComponentSpec]]:
        """Each component of its own, with its role and its place."""
        if self.detector is not None:
            yield "detector", "detector", self.detector
        if self.monitor is not None:
            yield "monitor", "monitor", self.monitor
        yield from (("tools", f"tools.{place}", one) for place, one in enumerate(self.tools or ()))

    def each(self, change: Callable[[str, ComponentSpec], ComponentSpec]) -> "ViewRules":
        """The rules with each of their components changed."""
        changed: dict[str, Any] = {
            role: change(role, spec)
            for role in ("detector", "monitor")
            if (spec := getattr(self, role)) is not None
        }
        if self.tools is not None:
            changed["tools"] = tuple(change("tools", tool) for tool in self.tools)
        return self.model_copy(update=changed)


class Recipe(RecipeSection):
    """All components of an inspection. Every key has a default; see `docs/recipes.md`."""

    detector: ComponentSpec = ComponentSpec(kind="embedded")
    monitor: ComponentSpec = ComponentSpec(kind="embedded")
    tools: tuple[ComponentSpec, ...] = Field(default_factory=_default_tools)
    policies: Policies = Policies()
    budgets: Budgets = Budgets()
    references: str | Mapping[str, str] | None = Field(
        default=None, description="Folder of known-good images, or category → folder."
    )
    product: ProductKnowledge = ProductKnowledge()
    pictures: PictureRules = PictureRules()
    views: Mapping[ViewName, ViewRules] = Field(
        default_factory=dict,
        exclude_if=lambda said: not said,  # other recipes are the same as before
        description="Of a part with several: their names, each with its files.",
    )
    signals: SignalRules = Field(
        default=SignalRules(),
        exclude_if=lambda said: said == SignalRules(),  # older recipes are the same as before
        description="How recordings of sound or vibration become pictures.",
    )

    @model_validator(mode="after")
    def _tells_tables_apart(self) -> Self:
        if self.signals.rate is not None and self.pictures.unit is not None:
            raise ValueError(
                "signals.rate makes recordings of tables, and pictures.unit makes pictures of them:"
                " give one"
            )
        return self

    @property
    def reading(self) -> ReadingRules:
        """How its files are read."""
        said = self.pictures
        files = FileRules(signals=self.signals, measure=said.measure)
        return ReadingRules(
            files=files, scale=said.scale, max_pixels=said.max_pixels, tile=said.tile
        )

    @property
    def listed(self) -> FileRules:
        """Which files are parts, or views of parts: a recording is one, however long it is."""
        if not self.views:
            return self.reading.files
        every = [self.reading.files, *(self.of_view(name).reading.files for name in self.views)]
        rate = next((own.signals.rate for own in every if own.signals.rate), None)
        measure = next((own.measure for own in every if own.measure), None)
        return FileRules(signals=SignalRules(rate=rate), measure=measure)

    @field_validator("tools")
    @classmethod
    def _current_names(cls, tools: tuple[ComponentSpec, ...]) -> tuple[ComponentSpec, ...]:
        return tuple(tool.model_copy(update={"kind": current_source(tool.kind)}) for tool in tools)

    @property
    def components(self) -> Iterator[tuple[str, ComponentSpec]]:
        """Every component that it names, with its role."""
        yield from ((role, spec) for role, _, spec in self._placed)

    @property
    def _placed(self) -> Iterator[tuple[str, str, ComponentSpec]]:
        """Each with its role and its place."""
        yield "detector", "detector", self.detector
        yield "monitor", "monitor", self.monitor
        yield from (("tools", f"tools.{place}", tool) for place, tool in enumerate(self.tools))
        for role, spec in self.policies.components.items():
            yield f"policies.{role}", f"policies.{role}", spec
        for name, rules in self.views.items():
            yield from ((role, f"views.{name}.{place}", spec) for role, place, spec in rules.placed)

    def of_view(self, name: str) -> "Recipe":
        """The recipe by which one view is inspected, as if it were all of the part."""
        policies = self.policies.model_copy(update={"escalate": "review"})
        own = {**self.views[name].own, "views": {}, "references": None, "policies": policies}
        return self.model_copy(update=own)

    @property
    def patterns(self) -> Mapping[str, str | None]:
        """View → the pattern of its files."""
        return {name: rules.files for name, rules in self.views.items()}

    @property
    def asking(self) -> tuple[ComponentSpec, ...]:
        """The components that ask a model's server."""
        return tuple(spec for role, spec in self.components if about(role, spec).asks_model)

    @property
    def files(self) -> Mapping[str, Path]:
        """What it is read from, by option: those that are paths, and never names."""
        found: dict[str, Path] = {}
        for role, place, spec in self._placed:
            found |= {
                f"{place}.{name}": Path(spec.option(name))
                for name, mark in paths(role, spec).items()
                if not mark.or_name
            }
        for number, own in enumerate(self.product.examples):
            found[f"product.examples.{number}.picture"] = Path(own.picture)
        return found

    @property
    def named_weights(self) -> Mapping[str, str]:
        """What its components load by a path or by a known name, by option."""
        found: dict[str, str] = {}
        for role, place, spec in self._placed:
            marked = paths(role, spec).items()
            found |= {f"{place}.{name}": spec.option(name) for name, mark in marked if mark.or_name}
        return found

    def found_in(self, folder: Path) -> "Recipe":
        """The recipe with its paths made absolute: they are relative to the folder it lies in."""
        references = self.references
        if isinstance(references, str):
            references = str(folder / references)
        elif references is not None:
            references = {name: str(folder / path) for name, path in references.items()}

        def found(role: str, spec: ComponentSpec) -> ComponentSpec:
            files = {
                name: str(folder / spec.option(name))
                for name, mark in paths(role, spec).items()
                if not mark.or_name or (folder / spec.option(name)).exists()
            }
            return spec.changed(files) if files else spec

        views = {
            name: rules.model_copy(
                update={"references": rules.references and str(folder / rules.references)}
            )
            for name, rules in self._each(found).views.items()
        }
        product = self.product.moved(lambda picture: str(folder / picture))
        changed = {"references": references, "views": views, "product": product}
        return self._each(found).model_copy(update=changed)

    def moved(self, place: Callable[[str, bool], str]) -> "Recipe":
        """The recipe with each path of its components changed; references stay where they are.

        Args:
            place: given a path, and whether it may be a name of weights instead, what stands for
                it.
        """

        def moved(role: str, spec: ComponentSpec) -> ComponentSpec:
            marked = paths(role, spec).items()
            files = {name: place(spec.option(name), mark.or_name) for name, mark in marked}
            return spec.changed(files) if files else spec

        product = self.product.moved(lambda picture: place(picture, False))
        return self._each(moved).model_copy(update={"product": product})

    @property
    def placeless(self) -> "Recipe":
        """The recipe without its paths, whose contents count and not their places."""

        def bare(role: str, spec: ComponentSpec) -> ComponentSpec:
            places = [name for name, mark in paths(role, spec).items() if not mark.or_name]
            return spec.changed(dict.fromkeys(places)) if places else spec

        views = {
            name: rules.model_copy(update={"references": None})
            for name, rules in self._each(bare).views.items()
        }
        product = self.product.moved(lambda picture: "")
        changed = {"references": None, "views": views, "product": product}
        return self._each(bare).model_copy(update=changed)

    def _each(self, change: Callable[[str, ComponentSpec], ComponentSpec]) -> "Recipe":
        """The recipe with each of its components changed."""
        chosen = self.policies.components
        policies = {role: change(f"policies.{role}", spec) for role, spec in chosen.items()}
        return self.model_copy(
            update={
                "detector": change("detector", self.detector),
                "monitor": change("monitor", self.monitor),
                "tools": tuple(change("tools", tool) for tool in self.tools),
                "policies": self.policies.model_copy(update=policies),
                "views": {name: rules.each(change) for name, rules in self.views.items()},
            }
        )


REGISTRY = Path("runs", "critics")
"""Where critics are unless told otherwise: beside the store."""


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
        text = read_text(path, most=RECIPE_SIZE)
    except (OSError, DocumentError) as failure:
        raise RecipeError(f"{path}: cannot read the recipe: {failure}") from failure
    recipe = parse_recipe(text, name=str(path)).found_in(Path(path).absolute().parent)
    if "name" not in recipe.monitor.options:
        return recipe
    return with_critic(recipe, (Path(path).absolute().parent / "critics", critics))


def with_critic(recipe: Recipe, registries: Sequence[Path]) -> Recipe:
    """The recipe with `monitor: {kind: critic, name: …}` spelt out, any other as it is.

    Args:
        recipe: any.
        registries: folders of critics, the first that has the name counts.

    Raises:
        RecipeError: no registry has the name, or the recipe names a file as well.
    """
    from reinspect.critics.named import CRITIC, monitor_named  # reads the registry
    from reinspect.critics.registry import CriticError

    monitor = recipe.monitor
    if monitor.kind != CRITIC or "name" not in monitor.options:
        return recipe
    try:
        named = monitor_named(monitor.options, registries)
    except CriticError as failure:
        raise RecipeError(f"monitor.name: {failure}") from failure
    return recipe.model_copy(update={"monitor": ComponentSpec(kind=named.kind, **named.options)})


def parse_recipe(text: str, *, name: str = "recipe") -> Recipe:
    """Read a recipe from YAML text; `name` is what errors call it.

    Raises:
        RecipeError: the text is no YAML mapping, or has a wrong key or value.
    """
    try:
        content = parse_yaml(text)
    except DocumentError as failure:
        raise RecipeError(f"{name}: {failure}") from failure
    if content is None:
        content = {}
    if not isinstance(content, dict):
        raise RecipeError(f"{name}: a recipe is a mapping of keys, not {shorten(content)}")
    try:
        return Recipe.model_validate(content)
    except ValidationError as failure:
        raise RecipeError(f"{name}: {explain_invalid(failure, Recipe)}") from failure


def dump_recipe(recipe: Recipe) -> str:
    """The recipe as YAML, every default written out, passwords in addresses blotted out."""
    content = recipe.model_dump(mode="json")
    return without_password(dump_yaml(content))


def looks_digest(recipe: Recipe) -> str:
    """What a recipe looks and decides by, in 16 digits: neither paths nor words on a product."""
    told = recipe.placeless.model_copy(update={"product": Recipe().product})
    return digest_of(dump_recipe(told))[:16]
