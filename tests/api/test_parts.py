"""Parts with several views over HTTP: their pictures in one request, one verdict."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from reinspect.graph.recipe import Recipe
from reinspect.graph.references import reference_sets
from reinspect.store.rows import Row
from reinspect.trace import Trace
from support.api_server import Served, files, grey, serve
from support.starting import marking

RECIPE = Recipe.model_validate(
    {
        "detector": "support.own_parts:Brightness",
        "tools": [],
        "views": {"front": "*_front.*", "back": "*_back.*"},
    }
)


@pytest.fixture(scope="module")
@marking(pytest.mark.server, pytest.mark.process)
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("line")
    for name in ("1_front", "1_back", "2_front", "2_back"):
        place = folder / "good" / f"{name}.png"
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(grey(20 + int(name[0])))
    references = reference_sets((), RECIPE, given=folder / "good")
    with serve(folder, recipe=RECIPE, references=references) as made:
        yield made


def send(line: Served, pictures: dict[str, Any], **fields: str) -> httpx.Response:
    sent = [(name, (f"{name}.png", data, "image/png")) for name, data in pictures.items()]
    return line.client.post("/v1/parts", files=sent, data=fields)


@pytest.mark.parametrize(
    ("pictures", "label", "missing"),
    [
        pytest.param({"front": grey(20), "back": grey(20)}, "normal", [], id="good"),
        pytest.param({"back": grey(240), "front": grey(20)}, "anomalous", [], id="bad-back"),
        pytest.param({"front": grey(20)}, "normal", ["back"], id="one-is-missing"),
    ],
)
def test_a_part_by_its_views(
    pictures: dict[str, bytes], label: str, missing: list[str], line: Served
) -> None:
    answer = send(line, pictures, part="4711")
    assert answer.status_code == 200, answer.text
    said = answer.json()
    row = Row.model_validate(said["result"])
    assert row.verdict is not None
    assert (row.verdict.label, said["name"]) == (label, "4711")
    assert row.image == f"{said['id']}/4711"
    found = line.client.get(f"/v1/inspections/{said['id']}/trace")
    trace = Trace.model_validate_json(found.text)
    assert [view.name for view in trace.sample.views] == sorted(pictures, reverse=True)
    assert list(trace.missing) == missing
    assert all(not Path(view.path).is_absolute() for view in trace.sample.views)
    assert line.client.get(f"/v1/inspections/{said['id']}").json() == said


@pytest.mark.parametrize(
    ("address", "pictures", "fields", "status", "says"),
    [
        pytest.param("parts", {"left": grey(9)}, {}, 422, "unknown field", id="unknown-view"),
        pytest.param("parts", {}, {"part": "1"}, 422, "send a file for each view", id="no-picture"),
        pytest.param("parts", {}, {"front": "1"}, 422, "front: an image file", id="a-word"),
        pytest.param("parts", {"front": b"no"}, {}, 415, "front.png: ", id="no-image"),
        pytest.param(
            "parts", {"front": grey(9)}, {"part": "x" * 101}, 422, "101 characters", id="too-long"
        ),
        pytest.param(
            "inspections", {"image": grey(9)}, {}, 422, "send them to /v1/parts", id="one"
        ),
        pytest.param("batches", {"images": grey(9)}, {}, 422, "send them to /v1/parts", id="many"),
    ],
)
def test_what_is_no_part(
    address: str,
    pictures: dict[str, bytes],
    fields: dict[str, str],
    status: int,
    says: str,
    line: Served,
) -> None:
    before = files(line.folder / "incoming")
    sent = [(name, (f"{name}.png", data)) for name, data in pictures.items()]
    sent = sent or [("", ("", b""))][:0]
    form = {name: (None, word) for name, word in fields.items()}
    answer = line.client.post(f"/v1/{address}", files=[*sent, *form.items()])
    assert answer.status_code == status, answer.text
    assert says in answer.json()["detail"]
    assert files(line.folder / "incoming") == before


def test_the_document_names_the_views(line: Served) -> None:
    document = line.client.get("/openapi.json").json()
    body = document["paths"]["/v1/parts"]["post"]["requestBody"]["content"]
    named = body["multipart/form-data"]["schema"]["properties"]
    assert set(named) == {"front", "back", "category", "part"}


def test_what_was_accepted_is_taken_up_by_the_next_server(tmp_path: Path) -> None:
    from reinspect.api.spool import Spool

    spool = Spool(tmp_path)
    arrived = []
    for name in ("front", "back"):
        upload = tmp_path / f"{name}.png"
        upload.write_bytes(grey(20))
        with upload.open("rb") as file:
            arrived.append(spool.receive(file, upload.name))
    spool.accept(arrived, batch=False, category=None, views=("front", "back"), name="a/b")
    (ticket,) = spool.unfinished()
    (entry,) = ticket.entries
    item = spool.item(entry, None)
    assert item.id == f"{entry.id}/b"
    assert [view.name for view in item.views] == ["front", "back"]
    spool.tidy(set())
    assert all(Path(view.path).is_file() for view in item.views)
    spool.close()
