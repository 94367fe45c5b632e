import json
import struct
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from reinspect.tools.vision.runtime import (
    CPU,
    INSTALL,
    ComputeDevice,
    Resident,
    VisionError,
    needs,
    places,
    resident,
    weights_file,
)
from support.requirements import Late

pytestmark = [pytest.mark.model, pytest.mark.needs("torch")]

torch = Late("torch")
GPU = ComputeDevice("cuda:0")


class Loaded:
    """Loads itself, and counts how often where."""

    def __init__(self) -> None:
        self.on: list[str] = []

    def __call__(self, place: ComputeDevice) -> str:
        self.on.append(place.device)
        return f"model on {place.device}"


def fills_the_gpu(model: str, place: ComputeDevice) -> str:
    if place.device != "cpu":
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.\nmore words")
    return model


def at_once(count: int, job: Callable[[], object]) -> None:
    threads = [threading.Thread(target=job) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)


def test_a_model_is_loaded_at_the_first_use_and_once() -> None:
    load = Loaded()
    model = Resident("tiny", load, [CPU])
    assert load.on == []
    assert [model(lambda loaded, place: loaded) for _ in range(3)] == ["model on cpu"] * 3
    assert load.on == ["cpu"]


def test_all_who_ask_get_the_same_model() -> None:
    load = Loaded()
    one, other = (resident("tiny", load, key="same", device="cpu") for _ in range(2))
    assert one is other
    assert resident("tiny", load, key="another", device="cpu") is not one


def test_out_of_memory_goes_on_on_the_cpu_with_one_warning() -> None:
    load = Loaded()
    model = Resident("tiny", load, [GPU, CPU])
    with pytest.warns(RuntimeWarning, match=r"tiny: out of memory on cuda:0 \(CUDA out of") as said:
        assert model(fills_the_gpu) == "model on cpu"
    assert len(said) == 1
    assert model(fills_the_gpu) == "model on cpu"  # a second warning would be an error
    assert load.on == ["cuda:0", "cpu"]


def test_a_model_that_does_not_fit_is_loaded_on_the_cpu() -> None:
    def load(place: ComputeDevice) -> str:
        return fills_the_gpu("small enough", place)

    with pytest.warns(RuntimeWarning, match="out of memory on cuda:0"):
        assert Resident("tiny", load, [GPU, CPU])(fills_the_gpu) == "small enough"


def test_threads_that_run_out_of_memory_together_warn_once() -> None:
    both, load = threading.Barrier(2), Loaded()
    model = Resident("tiny", load, [GPU, CPU])
    answers: list[str] = []

    def work(loaded: str, place: ComputeDevice) -> str:
        if place == GPU:
            both.wait(timeout=30)
        return fills_the_gpu(loaded, place)

    with pytest.warns(RuntimeWarning, match="out of memory") as said:
        at_once(2, lambda: answers.append(model(work)))
    assert answers == ["model on cpu"] * 2
    assert (len(said), load.on) == (1, ["cuda:0", "cpu"])


def test_on_the_last_place_there_is_nowhere_to_go() -> None:
    def work(model: str, place: ComputeDevice) -> None:
        raise torch.OutOfMemoryError("really full")

    with pytest.raises(torch.OutOfMemoryError, match="really full"):
        Resident("tiny", Loaded(), [CPU])(work)


def test_a_model_that_cannot_be_loaded_is_not_tried_for_every_picture() -> None:
    tried = []

    def load(place: ComputeDevice) -> str:
        tried.append(place)
        raise KeyError("model\nand a page of details")

    model = resident("tiny", load, key="broken", device="cpu")
    for _ in range(3):
        with pytest.raises(VisionError, match="tiny can't be loaded") as refused:
            model(fills_the_gpu)
        assert "\n" not in str(refused.value)
    assert len(tried) == 1
    mended = resident("tiny", Loaded(), key="broken", device="cpu")
    assert mended(fills_the_gpu) == "model on cpu"


def test_work_with_a_model_that_can_not_be_shared_waits_its_turn() -> None:
    inside = []

    def work(model: str, place: ComputeDevice) -> int:
        inside.append(1)
        most = len(inside)
        threading.Event().wait(0.01)
        inside.pop()
        return most

    model, found = Resident("tiny", Loaded(), [CPU], alone=True), []
    at_once(4, lambda: found.append(model(work)))
    assert found == [1] * 4


def test_half_precision_is_of_the_work_alone() -> None:
    def work(model: str, place: ComputeDevice) -> object:
        return (torch.ones(2, 2) @ torch.ones(2, 2)).dtype

    assert Resident("tiny", Loaded(), [CPU])(work) is torch.float32
    assert Resident("tiny", Loaded(), [ComputeDevice("cpu", half=True)])(work) is torch.bfloat16


def test_without_a_gpu_the_cpu_is_taken() -> None:
    expected = (ComputeDevice("cuda:0", half=True), CPU) if torch.cuda.is_available() else (CPU,)
    assert places() == expected
    assert places("cpu") == (CPU,)


@pytest.mark.parametrize(
    ("device", "words"),
    [
        pytest.param("cuda:99", "torch sees . GPUs", id="no such GPU"),
        pytest.param("tpu", "'tpu' is none of auto, cpu", id="no device"),
        pytest.param("meta", "'meta' is none of auto, cpu", id="another device"),
    ],
)
def test_a_device_that_is_not_there_is_refused(device: str, words: str) -> None:
    with pytest.raises(VisionError, match=words):
        places(device)


@pytest.mark.process
def test_without_torch_the_error_names_the_extra() -> None:
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from reinspect.tools.vision.runtime import places\n"
        "try: places()\n"
        "except ValueError as failure: print(failure)"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    ).stdout
    assert said.strip() == f"the package torch is not installed: {INSTALL}"


def test_what_is_installed_is_not_complained_about() -> None:
    needs("torch", "json")


def safetensors(short: int) -> bytes:
    header = json.dumps(
        {"w": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}, "__metadata__": {"a": "b"}}
    ).encode()
    return (struct.pack("<Q", len(header)) + header + bytes(16))[: -short or None]


def zipped(folder: Path, short: int) -> bytes:
    with zipfile.ZipFile(folder / "whole", "w") as file:
        file.writestr("data.pkl", b"0" * 500)
    return (folder / "whole").read_bytes()[: -short or None]


def test_whole_weights_pass(tmp_path: Path) -> None:
    for name, content in (("a.safetensors", safetensors(0)), ("a.pth", zipped(tmp_path, 0))):
        (tmp_path / name).write_bytes(content)
        assert weights_file(tmp_path / name) == tmp_path / name


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        pytest.param("a.pth", None, "no such file", id="missing"),
        pytest.param("a.pth", b"", "the file is empty", id="empty"),
        pytest.param("a.pth", b"PK\x03\x04" + bytes(300), "truncated", id="cut zip"),
        pytest.param("a.safetensors", safetensors(1), "truncated", id="cut safetensors"),
        pytest.param("a.safetensors", safetensors(60), "truncated", id="cut in its header"),
        pytest.param("a.safetensors", b"abc", "truncated", id="no header"),
        pytest.param("a.pth", b"version https://git-lfs.github.com/spec/v1", "lfs", id="pointer"),
        pytest.param("a.pth", b"\n<!doctype html><html>", "a web page", id="web page"),
        pytest.param("a.pth", b"\x01\x02" * 200, "neither a checkpoint of PyTorch", id="noise"),
    ],
)
def test_weights_that_are_not_whole_are_refused(
    tmp_path: Path, name: str, content: bytes | None, words: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(VisionError, match=words) as refused:
        weights_file(tmp_path / name)
    assert "\n" not in str(refused.value)
