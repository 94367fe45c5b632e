"""What moves would have earned: the same from a run and from the episodes made of it."""

import shutil
from pathlib import Path

import pytest

from reinspect.critics.registry import Critics
from reinspect.policies.critic import load_critic
from reinspect.store import Store
from reinspect.training.cases import join
from reinspect.training.critic.explored import NotExplored, from_episodes, from_run
from reinspect.training.episodes.build import EpisodeOptions, make_episodes
from reinspect.training.episodes.captioning import Captions
from support.command_line import invoke
from support.made_runs import BENT, GOOD, put_parts, put_picture, put_run, spoil, traced


def put(tmp_path: Path, *, explored: bool) -> Store:
    store = Store.open(tmp_path / "reinspect.db")
    put_parts(store, tmp_path / "parts", count=30, explored=explored)
    options = EpisodeOptions(unreviewed=True, validation=0)
    make_episodes(store, ["monday"], tmp_path / "ft", options, Captions(store))
    return store


def test_episodes_give_the_parts_of_their_run(tmp_path: Path) -> None:
    with put(tmp_path, explored=True) as store:
        run = from_run(store, "monday", prefix=True)
    found = from_episodes(tmp_path / "ft")
    assert len(found.items) == 30
    assert {(p.case.id, p.accept, p.keep, p.correct) for p in found.items} == {
        (p.case.id, p.accept, p.keep, p.correct) for p in run.items
    }
    assert len({(p.accept, p.keep, p.correct) for p in found.items}) > 1


def test_episodes_of_a_run_that_was_not_explored_are_refused(tmp_path: Path) -> None:
    put(tmp_path, explored=False).close()
    with pytest.raises(NotExplored, match="make episodes of a run with --explore"):
        from_episodes(tmp_path / "ft")


def test_references_are_nothing_to_learn_from(tmp_path: Path) -> None:
    paths = [put_picture(tmp_path / "parts" / f"{n}.png", n) for n in range(2)]
    (tmp_path / "golden").mkdir()
    shutil.copy(paths[0], tmp_path / "golden" / "a copy.png")
    with Store.open(tmp_path / "reinspect.db") as store:
        put_run(
            store,
            "monday",
            [traced(path, path.name, wrong=True) for path in paths],
            {"0.png": GOOD, "1.png": BENT},
            recipe=f"references: {tmp_path / 'golden'}\n",
            explored=True,
        )
        found = join([from_run(store, "monday")])
    assert [part.case.id for part in found.items] == ["1.png"]
    assert found.notes == ("1 part is left out: known-good references of 'monday'",)


def test_a_trace_of_another_version_is_left_out_with_a_word_on_it(tmp_path: Path) -> None:
    with Store.open(tmp_path / "reinspect.db") as store:
        put_parts(store, tmp_path / "parts", count=30, explored=True)
    spoil(tmp_path / "reinspect.db")
    done = invoke(
        *("train", "critic", "monday", "--store", tmp_path / "reinspect.db"),
        *("--out", tmp_path / "critic.json"),
    )
    assert done.code == 0, done.err
    assert "1 trace is left out: 003.png: its trace, made by version 0.1.0, can't be" in done.out
    assert load_critic(tmp_path / "critic.json").lesson.items == 29


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
