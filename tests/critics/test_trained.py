"""What trainings leave goes on the card of the critic."""

import json
from pathlib import Path

from reinspect.critics.registry import CriticKind, Critics
from reinspect.critics.trained import episodes_named_by, register_trained
from reinspect.store import Store
from reinspect.training.episodes.build import EpisodeOptions, make_episodes
from reinspect.training.episodes.captioning import Captions
from reinspect.training.episodes.folder import data_of
from support.made_critics import put_adapter, put_embedded
from support.made_runs import put_parts


def episodes(tmp_path: Path) -> Path:
    with Store.open(tmp_path / "reinspect.db") as store:
        put_parts(store, tmp_path / "parts", count=10)
        make_episodes(
            store, ["monday"], tmp_path / "ft", EpisodeOptions(unreviewed=True), Captions(store)
        )
    return tmp_path / "ft"


def test_an_adapter_has_its_training_on_its_card(tmp_path: Path) -> None:
    folder = put_adapter(tmp_path / "rcrl")
    curves = [{"step": 1, "reward": 0.4}, {"step": 2, "reward": 0.9}]
    (folder / "curves.json").write_text(json.dumps(curves))
    told = {
        "stage": "RCRL",
        "model": "raws",
        "episodes": str(episodes(tmp_path)),
        "tuning": {"rcrl": {"rewards": {"accuracy": 2.0}}},
        "uniform groups": 0.25,
    }
    (folder / "training.json").write_text(json.dumps(told))
    named = episodes_named_by(folder)
    assert named is not None
    card = register_trained(tmp_path / "critics", "flanges", folder, data=data_of(named))
    assert (card.kind, card.stage, card.base) == (
        CriticKind.ADAPTER,
        "RCRL",
        "Qwen/Qwen3-VL-4B-Instruct",
    )
    assert card.rewards == {"accuracy": 2.0}
    assert list(card.curves) == curves
    assert card.figures["uniform groups"] == 0.25
    assert card.data is not None
    assert card.data.name == "ft"
    assert len(card.data.pictures) == 8  # two of ten validate
    assert card.data.episodes["caption_state"] == {"draft": 20}
    assert Critics(tmp_path / "critics").card("flanges") == card


def test_an_embedded_critic_has_its_lesson_on_its_card(tmp_path: Path) -> None:
    file = put_embedded(tmp_path / "out")
    lesson = {"items": 40, "weights": {"reflection": 1.0}, "curve": [{"reward": 0.5}]}
    file.write_text(json.dumps({"lesson": lesson}))
    card = register_trained(tmp_path / "critics", "numbers", file, data=data_of(episodes(tmp_path)))
    assert (card.kind, card.rewards) == (CriticKind.EMBEDDED, {"reflection": 1.0})
    assert (list(card.curves), card.figures) == ([{"reward": 0.5}], {"items": 40})


def test_what_was_trained_elsewhere_has_what_can_be_known(tmp_path: Path) -> None:
    card = register_trained(tmp_path / "critics", "theirs", put_adapter(tmp_path / "a"))
    assert (card.stage, card.data, card.recipe) == ("elsewhere", None, {})
