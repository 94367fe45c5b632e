"""What is asked in training is what is asked at work, and what is to be answered earns most."""

from pathlib import Path

import pytest
import yaml

from reinspect.dataset import Item
from reinspect.engine.local import inspect_all
from reinspect.graph.build import BuildContext
from reinspect.graph.recipe import dump_recipe, parse_recipe
from reinspect.graph.references import reference_sets
from reinspect.store import RunInfo, Store
from reinspect.testing import Reply, ScriptedServer
from reinspect.testing.server import ReceivedRequest
from reinspect.training import rewards
from reinspect.training.episodes.build import EpisodeOptions, make_episodes
from reinspect.training.episodes.captioning import Captions
from reinspect.training.episodes.episode import Episode, EpisodeError, EpisodeMode
from reinspect.training.episodes.folder import read_episodes
from reinspect.training.episodes.prompts import Grouping
from reinspect.vocabulary import Label, Truth
from support.made_runs import BENT, GOOD, put_parts, put_picture


def answer(asked: ReceivedRequest) -> Reply:
    """In tags, by mode; every other first look says yes."""
    if "original answer" in asked.text:
        text = "<think>first</think><reflection>looked again</reflection><answer>no</answer>"
    else:
        text = "<think>nothing to see</think><answer>no</answer>"
    return Reply(text, yes=0.2)


@pytest.mark.server
@pytest.mark.parametrize("shown", [pytest.param(0, id="alone"), pytest.param(1, id="beside one")])
def test_a_trained_critic_is_asked_as_its_episodes_ask(shown: int, tmp_path: Path) -> None:
    parts = [put_picture(tmp_path / "parts" / f"{n}.png", n) for n in range(2)]
    for n in range(3):
        put_picture(tmp_path / "golden" / f"{n}.png", 50 + n)
    with (
        ScriptedServer(answer) as server,
        Store.open(tmp_path / "reinspect.db") as store,
    ):
        model = {"kind": "vlm", "model": "m", "base_url": server.url, "format": "tags"}
        content = {
            "detector": {**model, "reference": bool(shown)},
            "monitor": {**model, "reference": bool(shown)},
            "tools": [],
            "policies": {"trigger": "always"},
            "references": str(tmp_path / "golden"),
            "product": {"normal": "A <bolt> with a slot.", "defects": ["bent"]},
        }
        recipe = parse_recipe(yaml.safe_dump(content))
        run = store.begin_run(RunInfo(name="monday", recipe=dump_recipe(recipe)))
        context = BuildContext(recipe=recipe, references=reference_sets((), recipe))
        works = [Item(path=str(path), id=path.name) for path in parts]
        with store.writer(run) as writer:
            for trace in inspect_all(works, context):
                assert trace.error is None
                writer(trace)
        store.write_truth(run, {"0.png": GOOD, "1.png": BENT})
        options = EpisodeOptions(unreviewed=True, validation=0, shown=shown)
        make_episodes(store, ["monday"], tmp_path / "ft", options, Captions(store))
    rows = read_episodes(tmp_path / "ft").rows
    assert len(rows) == len(server.requests) == 4
    assert sorted(_text(row) for row in rows) == sorted(asked.text for asked in server.requests)
    assert {len(asked.pictures) for asked in server.requests} == {shown + 1}
    for row in rows:
        kinds = [part.type for part in row.prompt[0].content]
        assert kinds == ["image"] * (shown + 1) + ["text"]
        assert row.images[-1].endswith(row.image)
        assert all(image.startswith("golden/") for image in row.images[:-1])
        (detect, reflect) = row.asked
        assert (detect.model, detect.prompt) == ("m", "detect.tags.md")
        assert detect.probability == pytest.approx(0.2)
        assert len(detect.logprobs) == 1
        used = detect if row.mode is EpisodeMode.THINKING else reflect
        assert (row.prompt_name, row.prompt_sha256) == (used.prompt, used.prompt_sha256)


def _text(row: Episode) -> str:
    return row.prompt[0].content[-1].text or ""


def test_no_answer_earns_more_than_the_one_to_imitate(tmp_path: Path) -> None:
    with Store.open(tmp_path / "reinspect.db") as store:
        put_parts(store, tmp_path / "parts")
        options = EpisodeOptions(unreviewed=True, validation=0)
        make_episodes(store, ["monday"], tmp_path / "ft", options, Captions(store))
    for row in read_episodes(tmp_path / "ft").rows:
        first = Label.of(bool(row.initial))
        truth = Truth(label=Label.of(row.truth), types=row.types, boxes=row.boxes)
        earned = rewards.rewards(
            row.target or "",
            truth,
            first=first if row.mode is EpisodeMode.REFLECTIVE else None,
            prompt=_text(row),
        )
        assert earned.consistency == 1, row.target
        assert earned.accuracy == pytest.approx(2.0 if row.truth else 1.0)
        if row.mode is EpisodeMode.REFLECTIVE:
            assert earned.reflection == (1.0 if row.initial is not row.truth else -0.5)


def test_a_pattern_groups_what_its_names_share(tmp_path: Path) -> None:
    with Store.open(tmp_path / "reinspect.db") as store:
        put_parts(store, tmp_path / "parts")
        options = EpisodeOptions(
            unreviewed=True, validation=0, grouping=Grouping.by(r"^(\d)\d(\d)")
        )
        make_episodes(store, ["monday"], tmp_path / "ft", options, Captions(store))
    rows = read_episodes(tmp_path / "ft").rows
    assert {row.group for row in rows} == {f"bolt/0-{n}" for n in range(6)}
    with pytest.raises(EpisodeError, match="--group-by"):
        Grouping.by("(")
