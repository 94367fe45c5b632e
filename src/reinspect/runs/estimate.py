"""`reinspect run --dry-run`: what a run would take, told from a few of its images."""

import dataclasses
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from reinspect.cost import RunCost
from reinspect.dataset import Item
from reinspect.engine.local import inspect_all
from reinspect.runs.plan import RunPlan
from reinspect.runs.session import validate

TRIED = 6
"""Images that are inspected for the estimate; the first, which learns its references, apart."""


def estimate(plan: RunPlan) -> tuple[list[str], int]:
    """Lines that say what the run would take, and how many of the images tried have failed.

    Everything is checked as for a run; the few images are inspected by one worker, and nothing is
    written but the cache of fits.

    Raises:
        UsageError, RecipeError: the plan can't be carried out.
    """
    validate(plan)
    tried = _spread(plan.source.items, TRIED + 1)
    cost, seconds, errors = RunCost(), [], []
    with tempfile.TemporaryDirectory(prefix="reinspect-") as folder:
        trial = dataclasses.replace(plan, out=Path(folder))
        last = time.perf_counter()
        for trace in inspect_all(tried, trial.context):
            now = time.perf_counter()
            # Where images wait beside each other, each has its own time.
            seconds.append(trace.seconds if plan.recipe.asking else now - last)
            last = now
            cost(trace)
            errors += [trace.error] if trace.error else []
    lines = [*_counted(plan), *_timed(plan, seconds), *_priced(plan, cost, len(tried))]
    lines += [f"Failed: {error}" for error in errors]
    return [*lines, "Nothing was written"], len(errors)


def _spread(items: tuple[Item, ...], count: int) -> list[Item]:
    """So many of the items, evenly spread."""
    step = max(1.0, len(items) / count)
    return [items[round(number * step)] for number in range(min(count, len(items)))]


def _counted(plan: RunPlan) -> Iterator[str]:
    categories = {item.category for item in plan.source.items if item.category}
    several = f" of {len(categories)} categories" if len(categories) > 1 else ""
    known = {plan.references.count(name) for name in categories or {""}}
    least, most = min(known), max(known)
    count = f"{least}" if least == most else f"{least} to {most}"
    yield f"{len(plan.source.items)} images{several}, references: {count}; the recipe is sound"


def _timed(plan: RunPlan, seconds: list[float]) -> Iterator[str]:
    each = seconds[1:] or seconds
    mean = sum(each) / len(each)
    images = len(plan.source.items)
    at_once = plan.engine.at_once(plan.recipe, images)
    by = f"{at_once} worker{'s' if at_once > 1 else ''}"
    if plan.recipe.asking:
        by = f"{at_once} at once, if the server keeps up"
    total = seconds[0] + mean * (images - 1) / at_once
    spread = f" ({min(each):.3f} to {max(each):.3f})" if len(each) > 1 else ""
    yield f"{mean:.3f} s an image{spread}; about {_span(total)} for all, {by}"


def _priced(plan: RunPlan, cost: RunCost, tried: int) -> Iterator[str]:
    for name, spent in sorted(cost.models.items()):
        share = len(plan.source.items) / tried
        money = f"about {spent.usd * share:.2f} USD"
        if spent.unpriced:
            money = "at a cost that is unknown (no price in the recipe)"
        yield (
            f"Model {name}: about {spent.calls * share:.0f} calls and {spent.tokens * share:.0f} "
            f"tokens for all, {money}; this trial made {spent.calls} calls"
        )


def _span(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"
