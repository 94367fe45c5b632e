"""Made-up judgements."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from reinspect.policies.case import Case, CaseLook, Occasion


def judgement(
    name: str,
    *looks: float,
    truth: bool | None = None,
    group: str | None = None,
    occasion: Occasion = Occasion.GIVEN,
    **signals: float,
) -> Case:
    stages = ["first", *["second"] * (len(looks) - 1)]
    return Case(
        id=name,
        group=group,
        truth=truth,
        looks=tuple(CaseLook(stage=s, probability=p) for s, p in zip(stages, looks, strict=True)),
        signals=signals,
        occasion=occasion,
    )


def judgements(
    n: int = 120,
    *,
    seed: int = 0,
    strength: float = 1.0,
    groups: Sequence[str] = ("a", "b", "c"),
    good_share: float = 0.5,
    occasion: Occasion = Occasion.GIVEN,
) -> list[Case]:
    """Looks that know something of the truth, a signal that does, and one that does not."""
    rng = np.random.default_rng(seed)
    made = []
    for i in range(n):
        truth = bool(rng.random() >= good_share)
        side = strength if truth else -strength
        looks = 1 / (1 + np.exp(-2 * (side + rng.normal(size=2))))
        made.append(
            judgement(
                f"part {i:04d}",
                *looks.tolist(),
                truth=truth,
                group=groups[i % len(groups)] if groups else None,
                occasion=occasion,
                marks=float(rng.poisson(1.5 if truth else 0.7)),
                noise=float(rng.normal()),
            )
        )
    return made


def written(path: Path, items: Sequence[Case]) -> Path:
    """A file of judgements with the keys that any source has."""
    keys = {"id", "group", "truth", "looks", "signals"}
    lines = [json.dumps(item.model_dump(mode="json", include=keys)) for item in items]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
