"""A server whose references get another version while it serves."""

import contextlib
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from reinspect.dataset import NewReference, ReferenceVersions
from reinspect.store import Store
from support.api_server import grey, wait_until
from support.command_line import put_greys, put_recipe
from support.processes import PATIENCE, running

pytestmark = [pytest.mark.process, pytest.mark.server]


@contextlib.contextmanager
def served(*options: object) -> Iterator[tuple[httpx.Client, Callable[[str], str]]]:
    """A server on a free port, stopped in good order."""
    with running("api", "--port", 0, "--workers", 1, *options) as process:
        said = process.stdout
        assert said is not None

        def told(words: str) -> str:
            """The line that has these words, when it comes."""
            return next(line for line in said if words in line)

        found = re.search(r"http://\S+?(?=;)", told("Listening"))
        assert found
        with httpx.Client(base_url=found[0], timeout=PATIENCE) as client:
            wait_until(lambda: ready(client))
            yield client, told
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)


def ready(client: httpx.Client) -> bool:
    """Whether it answers yet, and its workers have learned."""
    with contextlib.suppress(httpx.ConnectError):
        return client.get("/ready").is_success
    return False


def sent(client: httpx.Client, level: int) -> dict[str, str]:
    """The answer to a picture."""
    answer = client.post("/v1/inspections", files={"image": ("part.png", grey(level))})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_an_activated_version_judges_from_the_next_part_on(tmp_path: Path) -> None:
    """Each answer names its version; what earlier ones judged can still be asked for."""
    known = sorted(put_greys(tmp_path / "known", 6).glob("*.png"))
    plates = ReferenceVersions(tmp_path / "plates")
    for files in (known[:2], known[2:4], known[4:]):
        plates.add([NewReference(str(file), "known") for file in files], who="ada")
    recipe = put_recipe(tmp_path / "quick.yaml")
    own = ("--recipe", recipe, "--references", plates.folder, "--out", tmp_path / "line")
    options = (*own, "--accept-references", "--store", tmp_path / "line.db")
    with served(*options) as (client, told):
        first = sent(client, 20)
        assert first["references"] == "plates@1"
        plates.activate(2, who="ada")
        wait_until(lambda: sent(client, 21)["references"] == "plates@2")
        second = sent(client, 22)
        for answer in (first, second):
            assert client.get(f"/v1/inspections/{answer['id']}").json() == answer
            trace = client.get(f"/v1/inspections/{answer['id']}/trace")
            assert trace.is_success
            assert str(tmp_path) not in trace.text
        (kept := plates.files(3)[-1]).rename(gone := kept.with_suffix(".gone"))
        plates.activate(3, who="ada")
        assert plates.files(3)[-1].name in told("the version that counts now can't judge")
        assert sent(client, 23)["references"] == "plates@2"
    with Store.open(tmp_path / "line.db") as store:
        named = {run.name: run.versions["references"] for run in store.runs()}
        assert {run.status for run in store.runs()} == {"done"}
    of = f"of {plates.folder}"
    assert named == {"line": f"version 1 {of}", "line-v2": f"version 2 {of}"}
    gone.rename(kept)
    plates.activate(2, who="ada")
    with served(*options) as (client, told):
        assert client.get(f"/v1/inspections/{first['id']}").json() == first
        assert sent(client, 24)["references"] == "plates@2"
        plates.activate(3, who="ada")
        wait_until(lambda: sent(client, 25)["references"] == "plates@3")
        assert f"version 3 {of} counts now" in told("References:")
    with Store.open(tmp_path / "line.db") as store:
        assert [run.name for run in store.runs()] == ["line-v3", "line-v2", "line"]
