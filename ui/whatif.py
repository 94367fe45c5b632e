"""What other thresholds would have made of a run, and the recipe that has them."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import yaml

from reinspect.documents import dump_yaml
from reinspect.graph.recipe import parse_recipe
from reinspect.metrics import Interval, wilson
from reinspect.policies import rules
from reinspect.store.statistics import KnownVerdict

_OWN = ("fitted", "critic")
"""Monitors that bring dispositions of their own."""


class Cuts(NamedTuple):
    """The options of the disposition `thresholds`."""

    reliability: float = rules.LEAST_RELIABILITY
    pass_below: float = 0.5
    fail_from: float = 0.5

    @classmethod
    def of_recipe(cls, text: str) -> "Cuts | None":
        """Those of a recipe; None of one whose dispositions are, or may be, of another kind."""
        named = yaml.safe_load(text)
        recipe: Mapping[str, Any] = named if isinstance(named, Mapping) else {}
        policies = recipe.get("policies")
        spec = policies.get("disposition") if isinstance(policies, Mapping) else None
        if spec is None:
            monitor = recipe.get("monitor")
            kind = monitor.get("kind") if isinstance(monitor, Mapping) else monitor
            return None if kind in _OWN else cls()
        kind = spec if isinstance(spec, str) else spec.get("kind")
        if kind != "thresholds":
            return None
        options = {} if isinstance(spec, str) else spec
        return cls(*(float(options.get(name) or cls._field_defaults[name]) for name in cls._fields))


class Judgements(NamedTuple):
    """A run as arrays, each of shape (n,); n images."""

    probability: npt.NDArray[np.float64]
    """P(anomalous); NaN without a verdict."""
    reliability: npt.NDArray[np.float64]
    """NaN where none was given."""
    review: npt.NDArray[np.bool_]
    truth: npt.NDArray[np.int8]
    """1 defective, 0 good, -1 not known."""

    @classmethod
    def of(cls, rows: Sequence[KnownVerdict]) -> Self:
        """Of the rows of one run."""
        known = {"anomalous": 1, "normal": 0}
        return cls(
            np.array([_number(row.probability) for row in rows], dtype=np.float64),
            np.array([_number(row.reliability) for row in rows], dtype=np.float64),
            np.array([row.disposition == "REVIEW" for row in rows], dtype=bool),
            np.array([known.get(row.truth or "", -1) for row in rows], dtype=np.int8),
        )


class ShareOf(NamedTuple):
    """So many of so many."""

    found: int
    of: int

    @property
    def interval(self) -> Interval | None:
        """Wilson, 95 %."""
        return wilson(self.found, self.of)


class WhatIf(NamedTuple):
    """How a run comes out by some thresholds."""

    passed: int
    failed: int
    review: int
    escapes: ShareOf
    """Defective parts that PASS, of those whose truth is known to be so."""
    overkill: ShareOf
    """Good parts that FAIL, likewise."""
    expected: float
    """Defective parts among PASS, as the probabilities have it."""

    @classmethod
    def of(cls, run: Judgements, was: Cuts, now: Cuts) -> Self:
        """By thresholds `now`, of a run that was made by others.

        What went to REVIEW for another reason than those stays there: errors, what was escalated,
        what the set-up check has stopped.
        """
        decided = ~np.isnan(run.probability) & ~np.isnan(run.reliability)
        others = decided & ~(run.review & ~_held(run, was))
        open_ = ~others | _held(run, now)
        bad = run.probability >= 0.5
        passed, failed = ~open_ & ~bad, ~open_ & bad
        defective, good = run.truth == 1, run.truth == 0
        return cls(
            int(passed.sum()),
            int(failed.sum()),
            int(open_.sum()),
            ShareOf(int((passed & defective).sum()), int(defective.sum())),
            ShareOf(int((failed & good).sum()), int(good.sum())),
            float(run.probability[passed].sum()),
        )


def recipe_with(text: str, cuts: Cuts) -> str:
    """The recipe with these thresholds, as YAML.

    Raises:
        RecipeError: the recipe can't be read here.
    """
    content: dict[str, Any] = yaml.safe_load(text) or {}
    policies = content.get("policies") or {}
    policies["disposition"] = {
        "kind": "thresholds",
        **{name: round(value, 4) for name, value in cuts._asdict().items()},
    }
    content["policies"] = policies
    changed = dump_yaml(content)
    parse_recipe(changed)
    return changed


def recipe_differences(a: str, b: str) -> list[tuple[str, str, str]]:
    """Key, value in one recipe, value in the other; dotted keys, "–" where there is none."""
    one, other = (dict(_leaves(yaml.safe_load(text))) for text in (a, b))
    keys = [key for key in {**one, **other} if one.get(key, "–") != other.get(key, "–")]
    return [(key, str(one.get(key, "–")), str(other.get(key, "–"))) for key in keys]


def _held(run: Judgements, cuts: Cuts) -> npt.NDArray[np.bool_]:
    """What these thresholds send to REVIEW."""
    between = (run.probability >= cuts.pass_below) & (run.probability < cuts.fail_from)
    return np.asarray((run.reliability < cuts.reliability) | between)


def _number(value: float | None) -> float:
    return np.nan if value is None else value


def _leaves(node: Any, path: str = "") -> list[tuple[str, Any]]:
    pairs: list[tuple[Any, Any]] = []
    if isinstance(node, Mapping):
        pairs = list(node.items())
    elif isinstance(node, list):
        pairs = list(enumerate(node))
    if not pairs:
        return [(path, node)]
    return [leaf for key, below in pairs for leaf in _leaves(below, f"{path}.{key}".lstrip("."))]
