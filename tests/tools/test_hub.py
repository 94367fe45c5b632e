"""Models of the hub, by its own client, from a server that speaks as the hub does."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest

from reinspect.agents.models.serving import ServingError, command
from reinspect.tools.weights.fetch import LOCK
from support.file_server import FileServer
from support.places import REPOSITORY
from support.tiny_timm import put_timm

pytestmark = [pytest.mark.process, pytest.mark.server, pytest.mark.needs("huggingface_hub")]

MODEL, COMMIT = "google-bert/bert-base-uncased", "0123456789abcdef" * 2 + "01234567"
WEIGHTS = bytes(range(256)) * 4000
UNWANTED = "pytorch_model.bin"


def hub(
    files: dict[str, bytes],
    cuts: tuple[int | None, ...] = (),
    lies: bool = False,
    model: str = MODEL,
) -> FileServer:
    """A hub with one model; it may lie about the hashes of what it serves."""
    api = f"/api/models/{model}"

    def lfs(name: str) -> dict[str, object]:
        sha256 = hashlib.sha256(b"another" if lies else files[name]).hexdigest()
        return {"oid": sha256, "sha256": sha256, "size": len(files[name]), "pointerSize": 130}

    large = [name for name in files if name.endswith(("safetensors", "bin"))]
    siblings = [
        {"rfilename": name, "size": len(content), **({"lfs": lfs(name)} if name in large else {})}
        for name, content in files.items()
    ]
    tree = [
        {
            "type": "file",
            "path": name,
            "oid": hashlib.sha1(content).hexdigest(),
            "size": len(content),
            **({"lfs": lfs(name)} if name in large else {}),
        }
        for name, content in files.items()
    ]
    about = json.dumps({"id": model, "sha": COMMIT, "siblings": siblings}).encode()
    served = {api: about, f"{api}/revision/{COMMIT}": about}
    served[f"{api}/tree/{COMMIT}"] = json.dumps(tree).encode()
    headers = {path: {"Content-Type": "application/json"} for path in served}
    for name, content in files.items():
        path = f"/{model}/resolve/{COMMIT}/{quote(name)}"
        served[path] = content
        etag = str(lfs(name)["oid"]) if name in large else hashlib.sha1(content).hexdigest()
        headers[path] = {"X-Repo-Commit": COMMIT, "ETag": f'"{etag}"'}
    return FileServer(served, cuts=cuts, headers=headers)


def fetched(folder: Path, url: str) -> subprocess.CompletedProcess[str]:
    """`reinspect models fetch` of the model."""
    return said_by(folder, url, "models", "fetch", MODEL, "--quiet")


def said_by(folder: Path, url: str, *words: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own: the hub's client reads its address when it is imported."""
    own = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    own |= {
        "HF_ENDPOINT": url,
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HOME": str(folder / "hub"),
        "REINSPECT_WEIGHTS_DIR": str(folder / "w"),
    }
    return subprocess.run(
        [sys.executable, "-m", "reinspect", *words],
        env=own,
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


CRITIC = "yanhui01/RA-Monitor"
SMALL = "RA-Monitor(Qwen3-VL-4B)"


@pytest.fixture
def repository() -> FileServer:
    """Several models in one repository, as RA-Monitor's authors keep theirs."""
    files = {
        f"{name}/{file}": content
        for name in (SMALL, SMALL.replace("4B", "8B"))
        for file, content in (("config.json", b"{}"), ("model.safetensors", WEIGHTS))
    }
    return hub({"README.md": b"two models", **files}, model=CRITIC)


def test_one_model_of_several_is_fetched_by_its_folder(
    repository: FileServer, tmp_path: Path
) -> None:
    with repository as server:
        words = ("models", "fetch", CRITIC, "--folder", SMALL)
        done = said_by(tmp_path, server.url, *words)
        asked = [path for _, path, _ in server.asked if "resolve" in path]
    assert done.returncode == 0, done.stderr
    own = tmp_path / "w" / "yanhui01--RA-Monitor" / SMALL
    assert {file.name for file in own.iterdir()} == {"config.json", "model.safetensors"}
    assert (own / "model.safetensors").read_bytes() == WEIGHTS
    assert not any("8B" in path for path in asked)
    assert f"reinspect serve '{own}' --name ra-monitor" in done.stdout
    assert command(str(own), "vllm 1", name="ra-monitor")[4] == str(own)
    with pytest.raises(ServingError, match="serve one of its folders: 'RA-Monitor"):
        command(str(own.parent), "vllm 1")
    checked = said_by(tmp_path, "http://nowhere.invalid", "models", "check")
    assert f"{CRITIC}: sound" in checked.stdout


@pytest.mark.parametrize(
    ("words", "line"),
    [
        pytest.param((CRITIC,), "holds several models; name one by --folder: 'RA", id="none"),
        pytest.param((CRITIC, "--folder", "4B"), "has no folder '4B'; there are: 'RA", id="other"),
        pytest.param((MODEL, "--folder", "x"), "it holds one model: leave --folder", id="one"),
        pytest.param((CRITIC, MODEL, "--folder", SMALL), "is of one repository", id="two"),
    ],
)
def test_which_model_of_several_is_asked_for(
    words: tuple[str, ...], line: str, tmp_path: Path
) -> None:
    done = said_by(tmp_path, "http://nowhere.invalid", "models", "fetch", *words)
    assert done.returncode == 2
    (said,) = done.stderr.strip().splitlines()
    assert line in said


def place(folder: Path) -> Path:
    return folder / "w" / MODEL.replace("/", "--")


def test_what_loading_needs_is_fetched_and_recorded(tmp_path: Path) -> None:
    files = {"config.json": b"{}", "model.safetensors": WEIGHTS, UNWANTED: b"not wanted"}
    with hub(files) as server:
        done = fetched(tmp_path, server.url)
        asked = [path for _, path, _ in server.asked]
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")  # --quiet
    assert (place(tmp_path) / "model.safetensors").read_bytes() == WEIGHTS
    assert not any(path.endswith(UNWANTED) for path in asked)
    recorded = json.loads((tmp_path / "w" / LOCK).read_text("utf-8"))
    name = f"{place(tmp_path).name}/model.safetensors"
    assert recorded[name] == hashlib.sha256(WEIGHTS).hexdigest()
    assert set(recorded) == {name, f"{place(tmp_path).name}/config.json"}


def test_a_cut_fetch_goes_on_where_it_was(tmp_path: Path) -> None:
    large = WEIGHTS * 20  # the client keeps what it has by pieces of 10 MB
    with hub({"model.safetensors": large}, cuts=(None, None, 15_000_000)) as server:
        done = fetched(tmp_path, server.url)
        spans = [span for _, path, span in server.asked if path.endswith("safetensors")]
    assert done.returncode == 0, done.stderr
    assert (place(tmp_path) / "model.safetensors").read_bytes() == large
    assert spans[-1] is not None
    assert int(spans[-1].removeprefix("bytes=").rstrip("-")) > 0


def test_a_file_that_is_not_what_the_hub_says_is_deleted(tmp_path: Path) -> None:
    with hub({"model.safetensors": WEIGHTS}, lies=True) as server:
        done = fetched(tmp_path, server.url)
    assert done.returncode == 2
    assert "model.safetensors: sha256 is" in done.stderr
    assert "it was deleted, fetch it again" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (place(tmp_path) / "model.safetensors").exists()


@pytest.mark.parametrize(
    ("there", "words"),
    [
        pytest.param(False, "no network: the hub can't be reached", id="no-network"),
        pytest.param(True, "the hub refuses it", id="not-there"),
    ],
)
def test_what_the_hub_cannot_give_is_said_in_one_line(
    there: bool, words: str, tmp_path: Path
) -> None:
    with FileServer({}) as server:
        gone = server.url
        done = fetched(tmp_path, gone) if there else None
    done = done or fetched(tmp_path, gone)
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert words in line
    assert MODEL in line


@pytest.mark.model
@pytest.mark.needs("timm", "torch", "torchvision")
@pytest.mark.parametrize("there", [True, False], ids=["the-hub-is-there", "no-network"])
def test_features_are_fetched_where_the_recipe_names_the_hub(there: bool, tmp_path: Path) -> None:
    weights = put_timm(tmp_path / "model.safetensors", "test_vit.r160_in1k").read_bytes()
    features = "{timm: test_vit.r160_in1k, weights: hub, device: cpu}"
    (tmp_path / "r.yaml").write_text(f"detector: {{kind: embedded, features: {features}}}")
    with hub({"model.safetensors": weights}, model="timm/test_vit.r160_in1k") as server:
        gone = server.url
        words = ("features", "--recipe", str(tmp_path / "r.yaml"))
        done = said_by(tmp_path, gone, *words) if there else None
    done = done or said_by(tmp_path, gone, *words)
    assert done.returncode == 0, done.stderr
    (row,) = (line for line in done.stdout.splitlines() if line.startswith("of r.yaml"))
    assert row.split()[-1] == ("yes" if there else "no")
    refused = "timm/test_vit.r160_in1k: no network: the hub can't be reached"
    assert (refused in done.stdout) is not there
