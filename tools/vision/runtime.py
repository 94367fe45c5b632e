"""Where a model of torch runs, and that a process loads it once: for every tool that needs one.

A tool gives `resident` a loader and gets a `Resident`, which it hands work to:

    model = resident("SAM ViT-B", load, key=("segment-anything", weights))
    masks = model(lambda sam, place: predict(sam, image, place.device))

Nothing here imports torch before the first call.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import multiprocessing
import struct
import threading
import warnings
import zipfile
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from reinspect.errors import ReinspectError

M = TypeVar("M")
T = TypeVar("T")

INSTALL = "pip install 'reinspect[vision]'"


class VisionError(ReinspectError, ValueError):
    """A model that can't be used here. One line: what, where, what to do."""


@dataclass(frozen=True, slots=True)
class ComputeDevice:
    """A device by torch's name, and whether models run in half precision there."""

    device: str
    half: bool = False

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """Without gradients, and in half precision where that is wanted.

        Weights stay as they are: what loses too much in half precision is left in full by torch.
        """
        import torch

        kind = torch.device(self.device).type
        with contextlib.ExitStack() as held:
            held.enter_context(torch.inference_mode())
            if self.half:
                dtype = torch.bfloat16 if kind == "cpu" else torch.float16
                held.enter_context(torch.autocast(kind, dtype))
            yield


CPU = ComputeDevice("cpu")


def places(device: str = "auto") -> tuple[ComputeDevice, ...]:
    """Where to run, the best first: a GPU in half precision if there is one, then the CPU.

    Args:
        device: `auto`, `cpu`, `cuda` or `cuda:1`; a GPU that is asked for must be there.

    Raises:
        VisionError: torch is missing, or sees no such GPU.
    """
    needs("torch")
    import torch

    if device == "cpu":
        return (CPU,)
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device == "auto":
        return (ComputeDevice("cuda:0", half=True), CPU) if gpus else (CPU,)
    try:
        wanted = torch.device(device)
    except RuntimeError:
        wanted = None
    if wanted is None or wanted.type != "cuda":
        raise VisionError(f"device {device!r} is none of auto, cpu, cuda, cuda:0, cuda:1 …")
    if (wanted.index or 0) >= gpus:
        raise VisionError(
            f"device {device!r}: torch sees {gpus} GPUs here; auto takes what is there"
        )
    return (ComputeDevice(f"cuda:{wanted.index or 0}", half=True), CPU)


def needs(*modules: str, install: str = INSTALL) -> None:
    """Make sure that modules are installed, without importing them.

    Raises:
        VisionError: names the first that is not, and the line that installs it.
    """
    for module in modules:
        if importlib.util.find_spec(module) is None:
            raise VisionError(f"the package {module} is not installed: {install}")


def weights_file(path: str | Path) -> Path:
    """A file of weights that is there and whole, as far as can be told without reading all of it.

    Raises:
        VisionError: missing, empty, truncated, or something else in its place.
    """
    file = Path(path).expanduser()
    if not file.is_file():
        raise VisionError(f"weights {file}: no such file")
    size = file.stat().st_size
    with file.open("rb") as data:
        start = data.read(64)
        if not start:
            raise VisionError(f"weights {file}: the file is empty; copy it again")
        if start.startswith(b"version https://git-lfs"):
            raise VisionError(f"weights {file}: only git-lfs's pointer to them; run git lfs pull")
        if start.lstrip()[:1] == b"<":
            raise VisionError(f"weights {file}: a web page, not weights; download them again")
        if file.suffix == ".safetensors":
            whole = _safetensors_size(start, data.read(_header_size(start))) == size
        elif not start.startswith((b"PK", b"\x80")):  # a zip file, or a pickle of older versions
            raise VisionError(
                f"weights {file}: neither a checkpoint of PyTorch nor *.safetensors; "
                "copy or download them again"
            )
        else:  # a zip file ends with its list of contents
            whole = not start.startswith(b"PK") or zipfile.is_zipfile(file)
    if not whole:
        raise VisionError(f"weights {file}: truncated ({size} bytes); copy or download them again")
    return file


def model_folder(path: str | Path) -> Path:
    """A folder in transformers' format that is there and whole, as `weights_file` says it.

    Raises:
        VisionError: no such folder, or a file is missing or not whole.
    """
    folder = Path(path).expanduser()
    if not (folder / "config.json").is_file():
        raise VisionError(f"model {folder}: no folder with a config.json")
    files = sorted((*folder.glob("*.safetensors"), *folder.glob("pytorch_model*.bin")))
    if not files:
        raise VisionError(f"model {folder}: no weights there (*.safetensors)")
    for file in files:
        weights_file(file)
    return folder.resolve()


def quiet_transformers() -> None:
    """No progress bars of transformers: a batch has its own, and a pipe wants none."""
    needs("transformers")
    from transformers.utils import logging

    logging.disable_progress_bar()


class Resident(Generic[M]):
    """A model that is loaded at the first use, and stays.

    Where the GPU's memory does not suffice, it is loaded on the CPU instead, with one warning, and
    stays there. A model that can't be loaded is not tried again.

    Args:
        name: what errors and the warning call it.
        load: makes the model on a place.
        places: the best first.
        alone: one piece of work at a time, for models that are not safe to share between threads.
    """

    def __init__(
        self,
        name: str,
        load: Callable[[ComputeDevice], M],
        places: Sequence[ComputeDevice],
        *,
        alone: bool = False,
    ) -> None:
        if not places:
            raise ValueError("a resident model needs a place")
        self._name, self._load, self._places = name, load, list(places)
        self._making = threading.Lock()
        self._turn = threading.Lock() if alone else contextlib.nullcontext()
        self._made: tuple[M, ComputeDevice] | None = None
        self.failure: VisionError | None = None

    def __call__(self, work: Callable[[M, ComputeDevice], T]) -> T:
        """Do some work with the model; done again on the next place where memory runs out.

        Raises:
            VisionError: the model can't be loaded.
        """
        import torch

        while True:
            place = self._places[0]
            model: M | None = None
            try:
                model, place = self._ready()
                with self._turn, place.working():
                    return work(model, place)
            except torch.OutOfMemoryError as failure:
                reason = _first_line(failure)
                if place == self._places[-1]:
                    raise
            # Outside of `except`, whose traceback holds on to what fills the GPU.
            model = None
            self._leave(place, reason)

    def _ready(self) -> tuple[M, ComputeDevice]:
        import torch

        with self._making:
            if self.failure is not None:
                raise self.failure
            if self._made is None:
                if multiprocessing.parent_process() is not None:
                    torch.set_num_threads(1)  # a worker, one of many on the same cores
                try:
                    self._made = self._load(self._places[0]), self._places[0]
                except torch.OutOfMemoryError:
                    raise
                except Exception as failure:  # a package's own loader: its errors have no base
                    self.failure = _in_words(self._name, failure)
                    raise self.failure from failure
            return self._made

    def _leave(self, place: ComputeDevice, reason: str) -> None:
        import torch

        with self._making:
            if self._places[0] != place:  # another thread was first
                return
            self._places.pop(0)
            self._made = None
            torch.cuda.empty_cache()
            warnings.warn(
                f"{self._name}: out of memory on {place.device} ({reason}); "
                f"it goes on on {self._places[0].device}, which is slower",
                RuntimeWarning,
                stacklevel=2,
            )


_residents: dict[Hashable, Resident[Any]] = {}
_registering = threading.Lock()


def resident(
    name: str,
    load: Callable[[ComputeDevice], M],
    *,
    key: Hashable,
    device: str = "auto",
    alone: bool = False,
) -> Resident[M]:
    """The process's one model of this key and device; one that failed before is tried anew.

    Raises:
        VisionError: as `places`.
    """
    where = places(device)
    with _registering:
        known = _residents.get((key, where))
        if known is None or known.failure is not None:
            known = _residents[key, where] = Resident(name, load, where, alone=alone)
        return known


def _in_words(name: str, failure: Exception) -> VisionError:
    if isinstance(failure, VisionError):
        return failure
    said = f"{type(failure).__name__}: {_first_line(failure)}"
    return VisionError(f"{name} can't be loaded ({said})")


def _first_line(failure: BaseException) -> str:
    line = next(iter(str(failure).strip().splitlines()), "")
    return line if len(line) <= 200 else f"{line[:199]}…"


def _header_size(start: bytes) -> int:
    """Bytes of a safetensors file's header after `start`, its first 64."""
    length = int(struct.unpack("<Q", start[:8])[0]) if len(start) >= 8 else 0
    return max(0, 8 + min(length, 100_000_000) - len(start))


def _safetensors_size(start: bytes, rest: bytes) -> int | None:
    """The size that a safetensors file says it has; none where its header can't be read."""
    length = int(struct.unpack("<Q", start[:8])[0]) if len(start) >= 8 else 0
    try:
        header = json.loads((start + rest)[8 : 8 + length])
        ends = [entry["data_offsets"][1] for key, entry in header.items() if key != "__metadata__"]
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        return None
    return 8 + length + max(ends, default=0)
