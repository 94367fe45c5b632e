"""The registry of critics: what goes in, what comes out, and what is refused."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from reinspect.critics.registry import CriticCard, CriticError, CriticKind, Critics
from reinspect.files import WriteError
from support.made_critics import put_adapter, put_embedded, put_weights


@pytest.fixture
def critics(tmp_path: Path) -> Critics:
    return Critics(tmp_path / "critics")


def card(name: str = "flanges", kind: CriticKind = CriticKind.EMBEDDED) -> CriticCard:
    return CriticCard(name=name, kind=kind, stage="critic", rewards={"accuracy": 1.0})


def test_a_critic_is_kept_with_its_card_and_its_hashes(critics: Critics, tmp_path: Path) -> None:
    file = put_embedded(tmp_path / "out")
    critics.add(card(), file)
    assert critics.names() == ("flanges",)
    assert critics.path("flanges").read_bytes() == file.read_bytes()
    found = critics.card("flanges")
    assert found.files == {"critic.json": hashlib.sha256(file.read_bytes()).hexdigest()}
    assert found.rewards == {"accuracy": 1.0}


@pytest.mark.parametrize(
    ("put", "kind", "files"),
    [
        pytest.param(
            put_adapter,
            CriticKind.ADAPTER,
            ["weights/adapter_config.json", "weights/adapter_model.safetensors"],
            id="adapter",
        ),
        pytest.param(
            put_weights,
            CriticKind.WEIGHTS,
            ["weights/config.json", "weights/model.safetensors"],
            id="weights",
        ),
    ],
)
def test_of_a_language_model_all_is_kept_but_checkpoints(
    put: Callable[[Path], Path],
    kind: CriticKind,
    files: list[str],
    critics: Critics,
    tmp_path: Path,
) -> None:
    critics.add(card(kind=kind), put(tmp_path / "out"))
    assert sorted(critics.card("flanges").files) == files
    assert critics.path("flanges") == tmp_path / "critics" / "flanges" / "weights"


def test_what_a_bench_said_is_added(critics: Critics, tmp_path: Path) -> None:
    critics.add(card(), put_embedded(tmp_path / "out"))
    critics.benched("flanges", {"before": {"accuracy": 0.8}})
    critics.benched("flanges", {"after": {"accuracy": 0.9}})
    assert critics.card("flanges").bench == {
        "before": {"accuracy": 0.8},
        "after": {"accuracy": 0.9},
    }


def test_a_name_is_given_once(critics: Critics, tmp_path: Path) -> None:
    file = put_embedded(tmp_path / "out")
    critics.add(card(), file)
    with pytest.raises(CriticError, match="there is a critic of that name; give it another"):
        critics.add(card(), file)


@pytest.mark.parametrize("name", ["", "../up", "a b", ".hidden", "a/b"])
def test_a_name_that_is_none_is_refused(name: str, critics: Critics) -> None:
    with pytest.raises(ValueError, match="is no name"):
        card(name)
    with pytest.raises(CriticError, match="no critic"):
        critics.card(name)


def test_what_is_not_there_is_not_registered(critics: Critics, tmp_path: Path) -> None:
    with pytest.raises(CriticError, match="no such file to register"):
        critics.add(card(), tmp_path / "none.json")
    with pytest.raises(CriticError, match="no such folder of weights"):
        critics.add(card(kind=CriticKind.ADAPTER), tmp_path / "none")
    assert critics.names() == ()


def test_an_unknown_critic_is_refused_with_those_there_are(
    critics: Critics, tmp_path: Path
) -> None:
    critics.add(card(), put_embedded(tmp_path / "out"))
    with pytest.raises(CriticError, match=r"no critic 'tiles' in .*; there are: flanges"):
        critics.path("tiles")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param("{", "no JSON", id="no JSON"),
        pytest.param(json.dumps({"format": 9}), "of version 9, and this", id="newer"),
        pytest.param(json.dumps({"format": 1, "mood": 1}), "card.json: ", id="other keys"),
    ],
)
def test_a_broken_card_is_refused(
    content: str, said: str, critics: Critics, tmp_path: Path
) -> None:
    goal = critics.add(card(), put_embedded(tmp_path / "out"))
    (goal / "card.json").write_text(content)
    with pytest.raises(CriticError, match=said):
        critics.card("flanges")


def test_nothing_half_is_left_where_it_can_not_be_written(critics: Critics, tmp_path: Path) -> None:
    (tmp_path / "critics").write_text("a file is in the way")
    with pytest.raises(WriteError, match="can't be written"):
        critics.add(card(), put_embedded(tmp_path / "out"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["critics", "out"]
