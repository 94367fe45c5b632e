"""What moves would have earned: the same from a run and from the episodes made of it."""

from pathlib import Path

import pytest

from command_line import invoke
from made_facts import put_parts
from reinspect.policies.critic import load_critic
from reinspect.store import Store
from reinspect.store.critics import Critics
from reinspect.training.captioning import Captions
from reinspect.training.explored import NotExplored, from_episodes, from_run
from reinspect.training.making import Wishes, make_episodes


def put(tmp_path: Path, *, explored: bool) -> Store:
    store = Store.open(tmp_path / "reinspect.db")
    put_parts(store, tmp_path / "parts", count=30, explored=explored)
    wishes = Wishes(unreviewed=True, validation=0)
    make_episodes(store, ["monday"], tmp_path / "ft", wishes, Captions(store))
    return store


def test_episodes_give_the_parts_of_their_run(tmp_path: Path) -> None:
    with put(tmp_path, explored=True) as store:
        run = from_run(store, "monday", prefix=True)
    found = from_episodes(tmp_path / "ft")
    assert len(found.parts) == 30
    assert {(p.judgement.id, p.accept, p.keep, p.correct) for p in found.parts} == {
        (p.judgement.id, p.accept, p.keep, p.correct) for p in run.parts
    }
    assert len({(p.accept, p.keep, p.correct) for p in found.parts}) > 1


def test_episodes_of_a_run_that_was_not_explored_are_refused(tmp_path: Path) -> None:
    put(tmp_path, explored=False).close()
    with pytest.raises(NotExplored, match="make episodes of a run with --explore"):
        from_episodes(tmp_path / "ft")


def test_a_critic_is_trained_on_episodes_and_registered(tmp_path: Path) -> None:
    put(tmp_path, explored=True).close()
    out, critics = tmp_path / "critic.json", tmp_path / "critics"
    words = ("train", "critic", tmp_path / "ft", "--out", out, "--critics", critics)
    done = invoke(*words, "--name", "bolts")
    assert done.code == 0, done.err
    assert "monitor: {kind: critic, name: bolts}" in done.out
    assert load_critic(Critics(critics).path("bolts")) == load_critic(out)
    card = Critics(critics).card("bolts")
    assert card.data is not None
    assert card.data.name == "ft"
    assert len(card.data.pictures) == 30
    assert card.rewards
    assert card.curves
    again = invoke(*words, "--name", "bolts")
    assert again.code == 2
    assert "there is a critic of that name" in again.err
