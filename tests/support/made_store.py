"""A made-up store of any size, with what the console has to find its way through."""

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from sqlalchemy import insert

from reinspect.pictures import write_image
from reinspect.store import RunInfo, Status, Store, tables
from reinspect.vocabulary import (
    Assessment,
    Box,
    Call,
    Decision,
    Defect,
    Disposition,
    Evidence,
    Explanation,
    Move,
    Outcome,
    Product,
    Revision,
    Sample,
    Verdict,
    View,
)

STEPS = 10  # of an inspection
CATEGORIES = ("bolt", "cookie", "flange", "board")
TYPES = ("scratch", "dent", "bent pin", "crack", "spot")
SOURCES = ("anomaly map", "reference", "zoom")
_WORDS = [
    "edge",
    "bright",
    "line",
    "near",
    "the",
    "second",
    "hole",
    "differs",
    "from",
    "its",
    "reference",
    "like",
    "older",
    "parts",
    "do",
]
_COUNTERS = {
    "model_tokens_in": 9e5,
    "model_tokens_out": 6e4,
    "model_usd": 12.5,
    "model_unread": 3.0,
}
_BATCH = 5_000  # inspections


def made_store(url: str, folder: Path, inspections: int, *, runs: int = 4, seed: int = 0) -> None:
    """Fill a new store with inspections of ten steps each; pictures go to `folder`."""
    rng = random.Random(seed)
    views = _pictures(folder, rng)
    with Store.open(url) as store:
        share = inspections // runs
        for number in range(runs):
            info = RunInfo(
                name=f"line {number + 1}",
                folder=str(folder),
                tags={"line": str(number + 1)},
                recipe=f"detector:\n  kind: vlm\n  model: made-up/{number % 2}\n"
                f"references: {json.dumps(str(folder / 'parts'))}\n",
            )
            run = store.begin_run(info)
            for start in range(0, share, _BATCH):
                count = min(_BATCH, share - start)
                _fill(store, run, range(start, start + count), share, views, rng)
            store.finish_run(run, Status.DONE, _COUNTERS)


def _pictures(folder: Path, rng: random.Random) -> list[View]:
    """Sixteen parts of one megapixel, which all inspections share."""
    views = []
    for number in range(16):
        noise = np.random.default_rng(number).integers(90, 130, (64, 80, 3), dtype=np.uint8)
        pixels = np.kron(noise, np.ones((14, 14, 1), np.uint8))
        path = folder / "parts" / f"{number}.jpg"
        views.append(View(path=str(path), sha256=write_image(path, pixels)))
    return views


def _fill(
    store: Store, run: int, numbers: range, share: int, views: list[View], rng: random.Random
) -> None:
    first_id = _next_id(store)
    inspections, steps, evidence, truth = [], [], [], []
    for offset, number in enumerate(numbers):
        key = first_id + offset
        made = _made(rng)
        image = f"{made['category']}/test/{number:06d}.jpg"
        at = _NOW - timedelta(days=_DAYS * (1 - number / share))
        view = views[rng.randrange(len(views))]
        sample = Sample(id=image, category=str(made["category"]), views=(view,))
        products = made.pop("products")
        row = {**made, "id": key, "run_id": run, "image": image, "sample": sample}
        inspections.append({**row, "sha256": f"{run:04x}{number:060x}", "at": at})
        for position, (node, look, said) in enumerate(products):
            steps.append(
                {
                    "inspection_id": key,
                    "position": position,
                    "node": node,
                    "round": look,
                    "seconds": 0.1,
                    "error": None,
                    "explored": False,
                    "products": said,
                }
            )
        evidence += [
            {
                "inspection_id": key,
                "position": position,
                "step": 0,
                "explored": False,
                "source": source,
                "summary": "made up",
                "probability": 0.5,
                "pictures": (),
            }
            for position, source in enumerate(SOURCES[: 1 + number % 3])
        ]
        if number % 2:
            label = "anomalous" if rng.random() < 0.3 else "normal"
            known = {"run_id": run, "image": image, "source": "annotation", "label": label}
            truth.append({**known, "types": (), "boxes": (), "mask": None})
    with store._engine.begin() as connection:
        for table, rows in (
            (tables.InspectionTable, inspections),
            (tables.StepTable, steps),
            (tables.EvidenceTable, evidence),
            (tables.TruthTable, truth),
        ):
            if rows:
                connection.execute(insert(table), rows)


_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_DAYS = 90  # over which a run is spread


def _next_id(store: Store) -> int:
    return store.statistics.version()[0] + 1


def _made(rng: random.Random) -> dict[str, object]:
    """The columns of an inspection, and its steps' products."""
    p, q = rng.random(), rng.random()
    twice = rng.random() < 0.3
    first, final = _verdict(p, rng), _verdict(q if twice else p, rng)
    reliability = rng.random()
    outcome = (
        Outcome.REVIEW
        if reliability < 0.1
        else (Outcome.FAIL if final.label == "anomalous" else Outcome.PASS)
    )
    error = "the model's answer could not be read" if rng.random() < 0.01 else None
    return {
        "category": rng.choice(CATEGORIES),
        "label": final.label.value,
        "probability": final.probability,
        "defects": final.defects,
        "types": tuple(sorted({d.type for d in final.defects if d.type})),
        "rationale": final.rationale,
        "first_label": first.label.value,
        "first_probability": first.probability,
        "first_defects": first.defects,
        "first_rationale": first.rationale,
        "confidence": final.confidence,
        "reliability": reliability,
        "divergence": final.confidence - reliability,
        "disposition": outcome.value,
        "reason": f"{final.label.value} with reliability {reliability:.2f}",
        "rounds": int(twice),
        "revised": first.label != final.label,
        "seconds": rng.expovariate(0.5),
        "error": error,
        "products": _products(first, final, reliability, outcome),
    }


def _verdict(p: float, rng: random.Random) -> Verdict:
    words = " ".join(rng.choices(_WORDS, k=24))
    defects: tuple[Defect, ...] = ()
    if p >= 0.5:
        x, y = rng.uniform(0, 0.7), rng.uniform(0, 0.7)
        defects = (Defect(box=Box(x, y, x + 0.2, y + 0.2), score=1.0, type=rng.choice(TYPES)),)
    return Verdict.of(p, defects=defects, rationale=words)


def _products(
    first: Verdict, final: Verdict, reliability: float, outcome: Outcome
) -> list[tuple[str, int, tuple[Product, ...]]]:
    seen = Evidence(source="anomaly map", summary="a spot", probability=0.5, measurements={"z": 2})
    call = Call(
        model="made-up", prompt="examine.md", prompt_sha256="0" * 64, answers=("<b>no</b>",),
        tokens_in=900, tokens_out=60, usd=0.0004, seconds=0.8,
    )  # fmt: skip
    sure = Assessment(confidence=first.confidence, reliability=reliability, reasons=("close",))
    look = Decision(move=Move.REVISIT, policy="doubt", reason="reliability is low")
    kept = Move.KEEP if first.label == final.label else Move.CORRECT
    return [
        ("detect", 0, (call, first)),
        ("assess", 0, (sure, look)),
        ("locate", 1, (seen,)),
        ("examine", 1, (seen,)),
        ("examine", 1, (seen,)),
        ("examine", 1, (call, seen)),
        ("revise", 1, (Revision(move=kept, after=final, reflection="compared and verified"),)),
        ("assess", 1, (sure, Decision(move=Move.ACCEPT, policy="doubt"))),
        ("explain", 1, (Explanation(first="flagged", final="settled"),)),
        ("settle", 1, (Disposition(outcome=outcome, reason="as decided"),)),
    ]
