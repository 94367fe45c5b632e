"""A teacher writes captions: what it is told, what of it is refused, what becomes of failures."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from reinspect.graph.recipe import Recipe, parse_recipe
from reinspect.store import Store
from reinspect.testing import Reply, ScriptedServer
from reinspect.testing.server import ReceivedRequest
from reinspect.training.episodes.build import EpisodeOptions, make_episodes
from reinspect.training.episodes.captioning import Captions
from reinspect.training.episodes.episode import EpisodeError, EpisodeMode
from reinspect.training.episodes.folder import read_episodes
from reinspect.training.episodes.labelled import LabelledInspection, labelled_inspections
from reinspect.training.episodes.teacher import Teacher
from reinspect.training.references import KnownReferences
from support.made_runs import put_parts

pytestmark = pytest.mark.server

ALL = EpisodeOptions(unreviewed=True, validation=0)


@pytest.fixture
def store(tmp_path: Path, blank: bytes) -> Iterator[Store]:
    (tmp_path / "reinspect.db").write_bytes(blank)
    with Store.open(tmp_path / "reinspect.db") as opened:
        yield opened


def recipe_at(server: ScriptedServer, **settings: object) -> Recipe:
    model = {"kind": "vlm", "model": "wise", "base_url": server.url, "max_retries": 0, **settings}
    return parse_recipe(yaml.safe_dump({"monitor": model, "budgets": {"in_flight": 2}}))


def teacher_at(server: ScriptedServer, **settings: object) -> Teacher:
    return Teacher.of(recipe_at(server, **settings), KnownReferences(), shown=1, seed=0)


def caption(text: str) -> str:
    return json.dumps({"caption": text})


def test_a_teacher_sees_the_picture_and_is_told_the_truth(store: Store, tmp_path: Path) -> None:
    put_parts(store, tmp_path / "parts", count=2)
    with ScriptedServer(
        caption("The edge at the left is bent, good parts are straight.")
    ) as server:
        teacher = teacher_at(server)
        captions = Captions(store, teacher, teacher.name, at_once=2)
        make_episodes(store, ["monday"], tmp_path / "ft", ALL, captions)
        asked = server.requests
    rows = {row.id: row for row in read_episodes(tmp_path / "ft").rows}
    assert {row.caption_source for row in rows.values()} == {"wise"}
    assert not any(row.reviewed for row in rows.values())
    assert "good parts are straight" in (rows["monday/001.png#thinking"].target or "")
    assert {len(one.pictures) for one in asked} == {1}
    told = [one.text for one in asked]
    bent = [text for text in told if "yes: bent at (0.100,0.200)(0.300,0.400)." in text]
    good = [text for text in told if "no, there are none." in text]
    assert (len(bent), len(good)) == (2, 2)
    (reflecting,) = [text for text in good if "The original answer" in text]
    assert "yes, defective (scratch at" in reflecting
    assert "a spot of 14×9 px" in reflecting
    assert (teacher.spent.calls, teacher.spent.unpriced) == (4, 4)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param(
            caption("According to the ground truth it is bent."), "it was told", id="told"
        ),
        pytest.param(caption("bent"), "no sentence", id="a word"),
        pytest.param("It is bent, clearly.", "", id="no JSON"),
    ],
)
def test_a_caption_that_can_not_be_used_is_left_out(
    text: str, why: str, store: Store, tmp_path: Path
) -> None:
    put_parts(store, tmp_path / "parts", count=4)
    good = caption("It looks as a good part does, all over.")

    def reply(asked: ReceivedRequest) -> Reply:
        return Reply(text if "original answer" in asked.text else good)

    with ScriptedServer(reply) as server:
        captions = Captions(store, teacher_at(server), "wise")
        card = make_episodes(store, ["monday"], tmp_path / "ft", ALL, captions)
    assert card.counts["mode"] == {"thinking": 4}
    assert {w: len(images) for w, images in card.left_out.items()} == {
        "the teacher wrote no caption for it": 4
    }
    assert all(why in failure for failure in captions.failures)
    assert store.browse.captions()[1] == 4


def test_a_teacher_that_can_not_be_asked_is_refused(store: Store, tmp_path: Path) -> None:
    put_parts(store, tmp_path / "parts", count=2)
    with ScriptedServer(Reply(status=404, body="{}")) as server:
        captions = Captions(store, teacher_at(server), "wise")
        with pytest.raises(
            EpisodeError, match=r"--teacher: wise writes no captions: .*no such mod"
        ):
            make_episodes(store, ["monday"], tmp_path / "ft", ALL, captions)
    assert not (tmp_path / "ft").exists()


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        pytest.param("detector: embedded", "no part of kind vlm to write", id="no model"),
        pytest.param(
            "monitor: {kind: vlm, model: m, base_url: 'http://localhost:1/v1', format: tags}",
            "m answers in tags",
            id="tags",
        ),
    ],
)
def test_a_recipe_that_names_no_teacher_is_refused(recipe: str, said: str) -> None:
    with pytest.raises(EpisodeError, match=said):
        Teacher.of(parse_recipe(recipe), KnownReferences(), shown=1, seed=0)


def test_a_template_claims_what_is_true_or_was_found(store: Store, tmp_path: Path) -> None:
    from reinspect.training.episodes.captioning import by_template

    put_parts(store, tmp_path / "parts", count=2)
    good, bent = (
        one for one in labelled_inspections(store, "monday") if isinstance(one, LabelledInspection)
    )
    assert by_template(bent, EpisodeMode.THINKING) == (
        "No region stands out at first sight. Examined closely, there is bent at "
        "(0.100,0.200)(0.300,0.400), which no good part shows. At least one region survives: the "
        "part has a defect."
    )
    said = by_template(good, EpisodeMode.REFLECTIVE)
    assert said.startswith("The original answer is yes.")
    assert "(0.100,0.200)(0.300,0.400) does not survive the comparison" in said
    assert said.endswith("corrected to no.")
