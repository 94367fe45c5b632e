"""A critic from `reinspect train critic` in the graph: it decides as its policy file says."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from reinspect.policies.case import case_of
from reinspect.policies.critic import load_critic
from reinspect.store import Store
from reinspect.trace import Trace
from reinspect.vocabulary import Move, Outcome
from support.command_line import invoke

PARTS = 80


@pytest.fixture(scope="module")
def explored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Parts, a recipe whose both looks know something of the truth, and a run that explored."""
    folder = tmp_path_factory.mktemp("loop")
    rng, first, second = np.random.default_rng(4), {}, {}
    for place in range(PARTS):
        bad = place % 2 == 1
        id_ = f"bolt/test/{'bent' if bad else 'good'}/{place:03d}.png"
        file = folder / "parts" / id_
        file.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(file), rng.integers(0, 256, (8, 9, 3), np.uint8))
        side = 1.0 if bad else -1.0
        for looks, strength in ((first, 0.7), (second, 1.2)):
            odds = strength * side + rng.normal(0, 1.2)
            looks[id_.removeprefix("bolt/")] = looks[id_] = round(float(1 / (1 + np.exp(-odds))), 4)
    good = folder / "parts" / "bolt" / "train" / "good"
    good.mkdir(parents=True)
    cv2.imwrite(str(good / "0.png"), np.full((8, 9, 3), 90, np.uint8))
    recipe = {
        "detector": {"kind": "reinspect.testing:ScriptedDetector", "probabilities": first},
        "tools": [
            {"kind": "support.made_witnesses:Told", "probabilities": second, "source": "hi_res"}
        ],
    }
    (folder / "recipe.yaml").write_text(json.dumps(recipe))
    paths = ("--recipe", folder / "recipe.yaml", "--out", folder / "runs" / "all")
    answer = invoke("bench", folder / "parts", *paths, "--explore", "--workers", 1, "-q")
    assert answer.code == 0, answer.err
    return folder


def test_it_decides_as_its_policy_says(explored: Path) -> None:
    out, registry = explored / "critic.json", explored / "runs" / "critics"
    named = ("--name", "bolts", "--critics", registry)
    answer = invoke("train", "critic", explored / "runs" / "all", "--out", out, *named)
    assert answer.code == 0, answer.err
    assert len(load_critic(out).lesson.pictures) == PARTS
    recipe = json.loads((explored / "recipe.yaml").read_text())
    recipe["monitor"] = {"kind": "critic", "name": "bolts"}
    (explored / "named.yaml").write_text(json.dumps(recipe))
    paths = ("--recipe", explored / "named.yaml", "--out", explored / "runs" / "named")
    assert invoke("run", explored / "parts", *paths, "--workers", 1, "-q").code == 0

    critic, moves = load_critic(out), set()
    with Store.open(explored / "runs" / "reinspect.db", create=False) as store:
        traces = list(store.traces(store.run("named").id))
    assert len(traces) == PARTS
    for trace in traces:
        moves |= set(decided_as(critic, trace))
    assert {Move.ACCEPT, Move.REVISIT, Move.KEEP, Move.CORRECT} <= moves


def decided_as(critic, trace: Trace) -> list[Move]:
    """The moves that the policy file asks for, once the graph is seen to have made them."""
    assert trace.error is None
    assert trace.first is not None
    assert trace.verdict is not None
    assert trace.disposition is not None
    look = case_of(Trace(sample=trace.sample, steps=trace.steps[:1]))
    first = critic.first_move(look)
    assert trace.rounds == (first is Move.REVISIT)
    reviewed = trace.disposition.outcome is Outcome.REVIEW
    if first is not Move.REVISIT:
        assert reviewed == (first is Move.ESCALATE)
        assert trace.verdict.label is trace.first.label
        return [first]
    both = case_of(trace)
    second = critic.second_move(both)
    assert reviewed == (second is Move.ESCALATE)
    assert trace.revised == critic.flips(both)
    if second in (Move.KEEP, Move.CORRECT):
        assert trace.revised == (second is Move.CORRECT)
    assert trace.assessment is not None
    estimate = critic.estimate(both)
    assert trace.verdict.probability == pytest.approx(estimate.probability)
    assert trace.assessment.reliability == pytest.approx(estimate.reliability)
    return [first, second]


def test_its_own_pictures_are_told_when_it_is_benched_on_them(explored: Path) -> None:
    registry = explored / "runs" / "critics"
    if not (registry / "bolts").exists():
        out = explored / "critic.json"
        named = ("--name", "bolts", "--critics", registry)
        invoke("train", "critic", explored / "runs" / "all", "--out", out, *named)
    words = ("--recipe", explored / "recipe.yaml", "--critic", "embedded", "--critic", "bolts")
    paths = ("--out", explored / "runs" / "again", "--workers", 1, "-q")
    answer = invoke("bench", explored / "parts", *words, *paths)
    assert answer.code == 0, answer.err
    assert f"bolts: {PARTS} of {PARTS} images are among those" in answer.err
