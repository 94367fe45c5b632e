"""The graph over looks that are on record: what another monitor would have made of a run.

An explored run has both looks of every part. So of recipes with the same detector and tools only
the first need look; for the others the graph runs with members that say what they said then, in
milliseconds a part. Steps keep the seconds that the looks took when they were taken.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from reinspect.components import Stage
from reinspect.dataset import Item
from reinspect.engine.work import graph_input
from reinspect.errors import ReinspectError
from reinspect.graph.build import BuildContext, build_pipeline
from reinspect.graph.components import ComponentSpec
from reinspect.graph.pipeline import Pipeline
from reinspect.graph.recipe import Recipe, parse_recipe
from reinspect.store import Run
from reinspect.trace import Step, Trace
from reinspect.vocabulary import Evidence, Sample, Verdict

_LOOKS = {"detect": "detect", "locate": "locate", "examine": "examine", "conclude": "locate"}
"""Node → the node whose step on record it repeats."""


class NotOnRecord(ReinspectError, ValueError):  # noqa: N818 - it names what is missing, not a fault of ours
    """A look that no explored run has; the message is one line."""


def refuse_others(run: Run, recipe: Recipe) -> None:
    """Refuse a run whose looks are not those that a recipe would take.

    Raises:
        NotOnRecord: it was not explored, had another detector, other tools or another product, or
            the recipe looks more than twice, or asks for looks by name.
    """
    theirs, of = parse_recipe(run.recipe), f"run {run.name!r}"
    if {*recipe.views} != {*theirs.views}:
        raise NotOnRecord(f"{of} had other views than the recipe: bench without --from")
    if not run.explored:
        raise NotOnRecord(f"{of} was not explored: it lacks second looks; run it with --explore")
    each = [(recipe.of_view(name), theirs.of_view(name)) for name in recipe.views]
    for one, other in each or [(recipe, theirs)]:
        for what, looks, before in (
            ("detector", [one.detector], [other.detector]),
            ("tools", one.tools, other.tools),
        ):
            if list(map(_plain, looks)) != list(map(_plain, before)):
                raise NotOnRecord(f"{of} had other {what} than the recipe: bench without --from")
    if any(one.pictures.tile is not None for one, _ in each or [(recipe, theirs)]):
        raise NotOnRecord("pictures.tile: looks at tiles are not on record: bench without --from")
    if recipe.product != theirs.product:
        raise NotOnRecord(f"{of} was of another product than the recipe's: bench without --from")
    monitors = [one.monitor for one, _ in each] or [recipe.monitor]
    if recipe.budgets.rounds != 1 or any(own in recipe.asking for own in monitors):
        raise NotOnRecord(
            f"{of} has one second look, by every tool: a monitor that asks for looks, or for more "
            "rounds, can't be benched --from it"
        )


def replay(context: BuildContext) -> Callable[[Item, Trace], Trace]:
    """The graph of a recipe, its detector and tools saying what is on record of each part.

    Raises:
        RecipeError: a component of the recipe can't be made.
    """
    from reinspect.graph.inspection import build
    from reinspect.graph.views import build_inspect_views

    records = {name: _Record() for name in context.recipe.views or [None]}
    looked: Callable[[Any], Any]
    if context.recipe.views:
        looked = build_inspect_views(context, lambda name, own: _retold(own, records[name]))
    else:
        looked = build(_retold(build_pipeline(context), records[None])).invoke

    def inspect(item: Item, trace: Trace) -> Trace:
        """Judge a part anew.

        Raises:
            NotOnRecord: the picture is another one than that which was looked at.
        """
        before = _by_view(trace)
        for name, record in records.items():
            record.trace = before.get(name, Trace(sample=trace.sample))
        made: Trace = looked(graph_input(item))["trace"]
        if made.sample.sha256 != trace.sample.sha256:
            raise NotOnRecord(f"{item.path}: is another picture than the run looked at")
        timed = {
            name: iter(_timed(own.steps, before[name])) for name, own in _by_view(made).items()
        }
        steps = (next(timed[step.view]) if step.view in timed else step for step in made.steps)
        return made.model_copy(
            update={
                "steps": tuple(
                    step.model_copy(update={"seconds": own.seconds})
                    for step, own in zip(made.steps, steps, strict=True)
                )
            }
        )

    return inspect


def _by_view(trace: Trace) -> Mapping[str | None, Trace]:
    """View → its trace; of a part with one picture, None → its own."""
    if any(view.name for view in trace.sample.views):
        return {name: own for name, own in trace.by_view.items()}  # noqa: C416 - of wider keys
    return {None: trace}


def _retold(pipeline: Pipeline, record: "_Record") -> Pipeline:
    """The components, those that look saying what is on record."""
    told = [
        placed._replace(tool=_Told(record, stage.value, place))
        for stage in Stage
        for place, placed in enumerate(pipeline.at(stage))
    ]
    return replace(pipeline, detector=record.detect, tools=tuple(told))


class _Record:
    """The part in hand, as it was looked at."""

    trace: Trace

    def detect(self, sample: Sample) -> Verdict:
        first = self.trace.first
        if first is None:
            raise NotOnRecord(self.trace.error or f"no first look at {sample.id} is on record")
        return first

    def step(self, node: str, place: int) -> Step:
        steps = [step for step in self.trace.all_steps if step.node == node]
        if place >= len(steps):
            raise NotOnRecord(f"no {node} {place + 1} of {self.trace.sample.id} is on record")
        return steps[place]


class _Told:
    """A tool that says what the tool in its place said; it fails as that one did."""

    def __init__(self, record: _Record, node: str, place: int) -> None:
        self._record, self._node, self._place = record, node, place

    def __call__(self, _: Trace) -> Evidence:
        step = self._record.step(self._node, self._place)
        found = next((p for p in step.products if isinstance(p, Evidence)), None)
        if found is None:
            raise NotOnRecord(step.error or f"{self._node} {self._place + 1} found nothing")
        return found


def _timed(steps: Sequence[Step], trace: Trace) -> list[Step]:
    """Steps that looked, with the seconds that their looks took."""
    record, seen = _Record(), dict.fromkeys(_LOOKS, 0)
    record.trace = trace
    timed = []
    for step in steps:
        looked = step.node == "detect" or any(isinstance(p, Evidence) for p in step.products)
        if step.node in _LOOKS and looked and step.error is None:
            before = record.step(_LOOKS[step.node], seen[step.node])
            step = step.model_copy(update={"seconds": before.seconds})
        seen[step.node] = seen.get(step.node, 0) + 1
        timed.append(step)
    return timed


def _plain(spec: ComponentSpec) -> tuple[str, dict[str, object]]:
    return spec.kind, spec.options
