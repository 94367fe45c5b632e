"""Who is benched: one recipe, several, or one with several critics; a run each, or one a category.

`{category}` in a critic's name or file stands for the category that is inspected, so that critics
which were trained without it can be compared on all of them.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from reinspect.bench.protocol import JudgedImage, score
from reinspect.bench.side_by_side import Benched
from reinspect.critics.named import Learned, learned_by
from reinspect.dataset import Item, Unread, said_of_unread, truth_of
from reinspect.engine.replay import NotOnRecord, refuse_others, replay
from reinspect.errors import ReinspectError
from reinspect.graph.critics import by_critic
from reinspect.graph.recipe import Recipe, load_recipe
from reinspect.images import UnreadableImage, legible
from reinspect.pictures import HEAT_MAP
from reinspect.roles import Sink
from reinspect.runs.limits import Ending
from reinspect.runs.plan import RunPlan
from reinspect.runs.resources import ResourceSampler
from reinspect.runs.session import RunResult
from reinspect.runs.sources import Listed
from reinspect.store import Store
from reinspect.trace import Trace
from reinspect.vocabulary import Evidence, Truth

CATEGORY = "{category}"


class ComparisonError(ReinspectError, ValueError):
    """Contestants that can't be told apart, or can't be made."""


@dataclass(frozen=True, slots=True)
class Contender:
    """One who is benched."""

    name: str
    monitor: str
    """In words."""
    recipes: dict[str | None, Recipe]
    """Category → recipe; none for all of them."""
    learned: dict[str | None, Learned]


def listed_by(recipes: Sequence[Path], registry: Path) -> Recipe:
    """The recipe by whose views and kinds of files the parts of a bench are listed: the first.

    Raises:
        ComparisonError: the recipes have different views.
        RecipeError: a recipe can't be used.
    """
    each = [load_recipe(file, critics=registry) for file in recipes] or [Recipe()]
    for file, own in zip(recipes, each, strict=False):
        if own.patterns != each[0].patterns:
            raise ComparisonError(
                f"{file.name} has other views than {recipes[0].name}: take them one by one"
            )
    return each[0]


def load_contenders(
    recipes: Sequence[Path], called: Sequence[str], registry: Path, categories: Sequence[str]
) -> list[Contender]:
    """All who are benched, the first being what the others are held against.

    Args:
        recipes: files; the default recipe without.
        called: critics, each in place of the recipe's own monitor.
        registry: where a critic's name is looked up, after a folder `critics` beside the recipe.
        categories: that will be inspected.

    Raises:
        ComparisonError: several recipes and critics together, or two of one name.
        RecipeError, CriticError: a recipe or a critic can't be used.
    """
    if len(recipes) > 1 and called:
        raise ComparisonError(
            "--critic: takes one --recipe; several recipes name their own critics"
        )
    loaded = [load_recipe(file, critics=registry) for file in recipes] or [Recipe()]
    files: Sequence[Path | None] = recipes or (None,)
    beside = [file.absolute().parent / "critics" for file in recipes[:1]]
    places = (*beside, registry)
    found = [
        _contender(_short(critic), loaded[0], critic, places, categories) for critic in called
    ] or [
        Contender(
            name=file.stem if file else "default",
            monitor=_in_words(recipe),
            recipes={None: recipe},
            learned={None: learned_by(recipe.monitor.kind, recipe.monitor.options, places)},
        )
        for file, recipe in zip(files, loaded, strict=True)
    ]
    names = [one.name for one in found]
    for name in names:
        if names.count(name) > 1:
            raise ComparisonError(f"two contestants are called {name!r}; name their files apart")
    return found


def replay_contender(contender: Contender, plan: RunPlan, runs: Sequence[str]) -> Benched:
    """What a contender makes of the looks of explored runs; nothing is looked at again, or stored.

    Raises:
        NotOnRecord: the runs have no such looks at a part.
        StoreError: the store has no such run.
    """
    traces: dict[str, Trace] = {}
    with Store.open(plan.store, create=False) as store:
        for name in runs:
            run = store.run(Path(name).name)
            for recipe in contender.recipes.values():
                refuse_others(run, recipe)
            traces |= {trace.sample.id: trace for trace in store.traces(run.id)}
    judged: list[JudgedImage] = []
    views: dict[str, list[JudgedImage]] = {}
    unread: list[Unread] = []
    for own in _plans(contender, plan, alone=True):
        inspect = replay(replace(own.context, pictures=None))
        for item in own.source.items:
            if item.id not in traces:
                raise NotOnRecord(f"no look at {item.id} is on record in {', '.join(runs)}")
            truth = truth_of(item, unread)
            if truth is None:
                continue
            made = inspect(item, traces[item.id])
            judged.append(_judged_image(made, truth, None))
            for name, seen in made.by_view.items():
                views.setdefault(name, []).append(
                    _judged_image(seen, _seen_in(item, name, truth), None)
                )
    counts = {j.category: plan.references.count(j.category) for j in judged}
    warnings = (*_warnings(contender, judged), *said_of_unread(unread))
    report, alone_by = (
        score(judged, counts),
        {name: score(own, counts) for name, own in views.items()},
    )
    return Benched(contender.name, contender.monitor, judged, report, warnings, alone_by)


def run_contender(
    contender: Contender,
    plan: RunPlan,
    run: Callable[[RunPlan, Sequence[Sink]], RunResult],
    say: Callable[[str], None],
    *,
    alone: bool,
) -> tuple[Benched | None, list[RunResult]]:
    """Run a contender on all images of a plan; none where it was interrupted.

    Alone it takes the plan's own folder, else one beside it, with its name, and the category's.

    Args:
        contender: who.
        plan: on what, and where to.
        run: carries out one plan, `reinspect.run` or what shows its progress, too.
        say: is told a line as each run begins and ends, where there are several contenders.
        alone: whether there is one contender.
    """
    judged: list[JudgedImage] = []
    counts: dict[str, int] = {}
    seconds: dict[str, float] = {}
    memory: dict[str, float] = {}
    views: dict[str, list[JudgedImage]] = {}
    ends: list[RunResult] = []
    for own in _plans(contender, plan, alone=alone):
        if not alone:
            say(f"{contender.name}: {contender.monitor}, in {own.out}")
        with ResourceSampler() as resources:
            finished = run(own, [resources])
        ends.append(finished)
        if finished.ending is not Ending.DONE:
            return None, ends
        mine = _judged(own, finished)
        judged += mine
        for view, seen in _judged_views(own, finished).items():
            views.setdefault(view, []).extend(seen)
        counts |= {j.category: own.references.count(j.category) for j in mine}
        seconds |= resources.seconds
        memory |= resources.peak_memory
        if not alone:
            for line in finished.cost.lines():
                say(line)
            say(f"Report   {own.out / 'report.html'}")
    report = score(judged, counts, peak_memory=memory).timed(seconds)
    said = dict.fromkeys(line for end in ends for line in end.unread_masks)
    warnings = (*_warnings(contender, judged), *said)
    alone_by = {view: score(own, counts) for view, own in views.items()}
    return Benched(contender.name, contender.monitor, judged, report, warnings, alone_by), ends


def _contender(
    name: str, recipe: Recipe, critic: str, places: Sequence[Path], categories: Sequence[str]
) -> Contender:
    each: list[str | None] = [*categories] if CATEGORY in critic else [None]
    made = {one: by_critic(recipe, _named(critic, one), places) for one in each}
    learned = {
        one: learned_by(own.monitor.kind, own.monitor.options, places) for one, own in made.items()
    }
    kind = next(iter(made.values())).monitor.kind
    return Contender(name, kind if critic == kind else f"{kind} {critic}", made, learned)


def _named(critic: str, category: str | None) -> str:
    return critic if category is None else critic.replace(CATEGORY, category)


def _short(critic: str) -> str:
    """What a critic is called in tables: its name, or its file's without ending and category."""
    plain = Path(critic).stem if critic.endswith(".json") else Path(critic).name
    return plain.replace(CATEGORY, "").strip("-_. ") or "critic"


def _in_words(recipe: Recipe) -> str:
    file = recipe.monitor.options.get("file")
    return f"{recipe.monitor.kind} {Path(file).name}" if file else recipe.monitor.kind


def _plans(contender: Contender, plan: RunPlan, *, alone: bool) -> Iterator[RunPlan]:
    base = plan.out if alone else plan.out.with_name(f"{plan.out.name}-{contender.name}")
    for category, recipe in contender.recipes.items():
        if category is None:
            yield replace(plan, recipe=recipe, out=base)
            continue
        mine = tuple(item for item in plan.source.items if item.category == category)
        source = Listed(plan.source.paths, mine)
        slug = category.replace("/", "-")
        folder = base.with_name(f"{base.name}-{slug}")
        yield replace(plan, recipe=recipe, source=source, out=folder)


def _judged(plan: RunPlan, finished: RunResult) -> list[JudgedImage]:
    with Store.open(plan.store, create=False) as store:
        truths = store.truth(finished.run_id)
        return [
            _judged_image(trace, truth, plan.out)
            for trace in store.traces(finished.run_id)
            if (truth := truths.get(trace.sample.id))
        ]


def _judged_views(plan: RunPlan, finished: RunResult) -> dict[str, list[JudgedImage]]:
    """View → what it alone says of the parts, which are as defective in it as they are in all."""
    judged: dict[str, list[JudgedImage]] = {name: [] for name in plan.recipe.views}
    if not judged:
        return {}
    items = {item.id: item for item in plan.source.items}
    with Store.open(plan.store, create=False) as store:
        truths = store.truth(finished.run_id)
        for trace in store.traces(finished.run_id):
            truth, item = truths.get(trace.sample.id), items.get(trace.sample.id)
            if truth is None or item is None:
                continue
            for name, own in trace.by_view.items():
                judged[name].append(_judged_image(own, _seen_in(item, name, truth), plan.out))
    return {name: own for name, own in judged.items() if own}


def _seen_in(item: Item, view: str, truth: Truth) -> Truth:
    """What is known of a part, with the places that its data set knows in a view."""
    own = item.of_view(view)
    try:
        seen = None if own is None else truth_of(own)
    except UnreadableImage:
        seen = None
    if seen is None or seen.label is not truth.label:
        return truth
    return truth.model_copy(
        update={"boxes": seen.boxes, "box_types": seen.box_types, "mask": seen.mask}
    )


def _judged_image(trace: Trace, truth: Truth, folder: Path | None) -> JudgedImage:
    evidence = trace.first.evidence if folder and trace.first else ()
    return JudgedImage.of(
        trace,
        truth,
        size=trace.sample.views[0].size,
        first_map=_map(folder, evidence) if folder else None,
    )


def _map(folder: Path, evidence: tuple[Evidence, ...]) -> str | None:
    shown = (p for piece in evidence for p in piece.pictures if p.shows == HEAT_MAP)
    return next((str(folder / picture.path) for picture in shown), None)


def _warnings(contender: Contender, judged: Sequence[JudgedImage]) -> tuple[str, ...]:
    every = contender.learned
    seen = sum(every.get(j.category, every.get(None, Learned())).knows(j.sha256) for j in judged)
    if not seen:
        return ()
    return (
        f"{legible(contender.name)}: {seen} of {len(judged)} images are among those that it was "
        "trained on: it looks better on them than it is",
    )
