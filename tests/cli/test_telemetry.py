"""Spans of a whole command: to a real collector over HTTP, or to none."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Protocol

import httpx
import pytest

from support.api_server import wait_until
from support.collector import Collector
from support.command_line import Answer, invoke, names, put_greys, put_recipe, said
from support.local_server import free_port
from support.places import REPOSITORY
from support.processes import running

pytestmark = pytest.mark.server

ADDRESS = "OTEL_EXPORTER_OTLP_ENDPOINT"
NOWHERE = "http://user:s3cr3t@127.0.0.1:1"  # refuses connections at once


class Run(Protocol):
    def __call__(self, *arguments: object, **environment: str) -> Answer: ...


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """`reinspect run` with these variables of OpenTelemetry, and no others."""
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)

    def call(*arguments: object, **environment: str) -> Answer:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        return invoke("run", *arguments)

    return call


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    return put_greys(tmp_path / "greys", 6)


EACH = [
    "explain",
    "invoke_agent detector",
    "invoke_agent monitor",
    "invoke_workflow inspection",
    "settle",
]


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.process)])
def test_every_inspection_arrives(run: Run, pictures: Path, tmp_path: Path, workers: int) -> None:
    out, recipe = tmp_path / "monday", put_recipe(tmp_path / "r.yaml")
    options = ("--recipe", recipe, "--out", out, "--workers", workers)
    put_greys(pictures, 20)  # enough for two workers
    with Collector() as collector:
        answer = run(pictures, *options, "--otel", **{ADDRESS: collector.url})
        assert (answer.code, answer.err) == (0, "")
    roots = [span for span in collector.spans if span.name == "invoke_workflow inspection"]
    known = [{a.key: a.value.string_value for a in span.attributes} for span in roots]
    assert sorted(span["reinspect.image"] for span in known) == sorted(names(out))
    assert {span["reinspect.run"] for span in known} == {"monday"}
    assert len({span.trace_id for span in roots}) == 20
    assert set(EACH) <= set(collector.names)
    assert {record.event_name for record in collector.records} == {"gen_ai.evaluation.result"}
    assert collector.services == {"reinspect"}


@pytest.mark.parametrize(
    ("options", "environment", "sent"),
    [
        pytest.param((), {}, False, id="off by default"),
        pytest.param((), {ADDRESS: "URL"}, True, id="the environment names a collector"),
        pytest.param(("--no-otel",), {ADDRESS: "URL"}, False, id="off in spite of it"),
        pytest.param((), {ADDRESS: "URL", "OTEL_SDK_DISABLED": "true"}, False, id="SDK disabled"),
        pytest.param((), {ADDRESS: "URL", "OTEL_TRACES_EXPORTER": "none"}, False, id="no spans"),
        pytest.param(
            ("--otel",),
            {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "URL/v1/traces", "OTEL_SERVICE_NAME": "line 3"},
            True,
            id="an address and a name of one's own",
        ),
    ],
)
def test_the_environment_is_opentelemetrys_own(
    run: Run,
    pictures: Path,
    tmp_path: Path,
    options: tuple[str, ...],
    environment: dict[str, str],
    sent: bool,
) -> None:
    recipe = put_recipe(tmp_path / "r.yaml")
    with Collector() as collector:
        own = {name: value.replace("URL", collector.url) for name, value in environment.items()}
        own.setdefault("OTEL_LOGS_EXPORTER", "none")
        answer = run(pictures, "--recipe", recipe, "--out", tmp_path / "o", *options, **own)
    assert (answer.code, answer.err) == (0, "")
    assert bool(collector.spans) is sent
    assert not collector.records
    if sent:
        assert collector.services == {environment.get("OTEL_SERVICE_NAME", "reinspect")}


@pytest.mark.parametrize(
    ("statuses", "address"),
    [
        pytest.param({}, NOWHERE, id="nobody there"),
        pytest.param({"/v1/traces": 404, "/v1/logs": 404}, "URL", id="not a collector"),
        pytest.param({"/v1/traces": 503, "/v1/logs": 503}, "URL", id="too busy"),
    ],
)
def test_a_collector_that_is_away_costs_spans_alone(
    run: Run, pictures: Path, tmp_path: Path, statuses: dict[str, int], address: str
) -> None:
    recipe, out = put_recipe(tmp_path / "r.yaml"), tmp_path / "o"
    with Collector(statuses) as collector:
        where = address.replace("URL", collector.url)
        answer = run(pictures, "--recipe", recipe, "--out", out, "--otel", **{ADDRESS: where})
    assert answer.code == 0
    assert len(names(out)) == 6
    (line,) = answer.err.splitlines()
    shown = where.rpartition("/")[2].rpartition("@")[2]
    assert line.startswith(f"reinspect: 30 of 30 spans did not reach {shown}: ")
    assert "s3cr3t" not in line


def test_a_collector_that_hangs_is_not_waited_for(run: Run, pictures: Path, tmp_path: Path) -> None:
    recipe, out = put_recipe(tmp_path / "r.yaml"), tmp_path / "o"
    options = (pictures, "--recipe", recipe, "--out", out, "--otel")
    with Collector(seconds=60) as collector:
        start = time.monotonic()
        answer = run(*options, **{ADDRESS: collector.url})
        took = time.monotonic() - start
    assert answer.code == 0
    assert "spans did not reach" in answer.err
    assert took < 60  # it would be that, had it waited


def test_spans_without_logs(run: Run, pictures: Path, tmp_path: Path) -> None:
    """A collector that takes no log records still gets the spans."""
    recipe, out = put_recipe(tmp_path / "r.yaml"), tmp_path / "o"
    with Collector({"/v1/logs": 404}) as collector:
        answer = run(
            pictures, "--recipe", recipe, "--out", out, "--otel", **{ADDRESS: collector.url}
        )
    assert (answer.code, answer.err) == (0, "")
    assert len(collector.spans) == 30
    assert not collector.records


def test_another_protocol_is_refused(run: Run, pictures: Path, tmp_path: Path) -> None:
    options = (pictures, "--recipe", put_recipe(tmp_path / "r.yaml"), "--out", tmp_path / "o")
    line = said(run(*options, "--otel", OTEL_EXPORTER_OTLP_PROTOCOL="grpc"))
    assert line.startswith("reinspect: --otel: OTEL_EXPORTER_OTLP_PROTOCOL=grpc")
    assert "port 4318" in line
    assert not (tmp_path / "o").exists()
    # What a machine's environment asks of every program is no reason to stop.
    answer = run(*options, **{ADDRESS: NOWHERE})
    assert answer.code == 0
    (line,) = answer.err.splitlines()
    assert line.startswith("reinspect: no spans are sent: OTEL_EXPORTER_OTLP_PROTOCOL=grpc")


@pytest.mark.process
def test_without_the_extra_it_says_how_to_get_it(pictures: Path, tmp_path: Path) -> None:
    script = "import sys; sys.modules['opentelemetry.sdk'] = None\n"
    options = ["run", pictures, "--recipe", put_recipe(tmp_path / "r.yaml"), "--otel"]
    done = subprocess.run(
        [sys.executable, "-c", f"{script}from reinspect.cli import main\nmain()", *options],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY / "tests")},
    )
    assert done.returncode == 2
    assert done.stderr.endswith("the extra otel is missing: pip install 'reinspect[otel]'\n")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.process
def test_the_server_sends_spans_too(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    recipe = put_recipe(tmp_path / "r.yaml")
    with Collector() as collector:
        monkeypatch.setenv(ADDRESS, collector.url)
        options = ("--recipe", recipe, "--out", tmp_path / "line", "--port", port)
        with running("api", *options, "--workers", 1) as server:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
                wait_until(lambda: _ready(client))
                picture = (pictures / "part0.png").read_bytes()
                files = {"image": ("4711.png", picture)}
                answer = client.post("/v1/inspections", files=files).json()
            server.terminate()
            _, said = server.communicate(timeout=60)
    assert said == ""
    (root,) = (span for span in collector.spans if span.name == "invoke_workflow inspection")
    known = {fact.key: fact.value.string_value for fact in root.attributes}
    assert known["reinspect.run"] == "line"
    assert known["reinspect.image"].startswith(answer["id"])


def _ready(client: httpx.Client) -> bool:
    try:
        return client.get("/ready").is_success
    except httpx.TransportError:
        return False


def test_it_is_in_the_help() -> None:
    assert "--otel" in invoke("run", "--help").out
    assert "--otel" in invoke("api", "--help").out
