"""What a training needs of the machine, told from the files' headers before anything is loaded."""

import json
import math
import shutil
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from reinspect.documents import parse_json, read_text
from reinspect.errors import ReinspectError
from reinspect.training.vlm.tuning import Tuning

GIB = 2**30
ON_CPU = 5e8
"""Parameters up to which training on a CPU is sensible."""

_OVERHEAD = 2.0  # GiB: the driver, kernels, fragmentation
_PROMPT = 700  # tokens of a question, besides its pictures
_PIXELS_A_TOKEN = 32 * 32  # Qwen3-VL: patches of 16, two by two
_PER_LAYER = 34  # activations of a layer, in hidden sizes of 2 bytes (arXiv 2205.05198, eq. 2)


class PreflightError(ReinspectError, ValueError):
    """A machine that a training won't fit on. One line: what is needed, what there is."""


class Machine(NamedTuple):
    """What there is to train on."""

    gpu: float | None
    """GiB of the smallest GPU; none where there is none."""
    memory: float
    """GiB of main memory that are free."""
    vllm: bool = False
    """Whether vLLM is installed."""


class ModelShape(NamedTuple):
    """What the files of a model say of it."""

    parameters: float
    hidden: int
    layers: int
    vocabulary: int


class Requirement(NamedTuple):
    """GiB of memory that a training takes at its peak, and of disk. Estimates, to about a third."""

    weights: float
    training: float
    """Gradients, the optimiser's moments, master weights, the frozen reference."""
    activations: float
    serving: float
    """vLLM beside the training, on the same GPU."""
    disk: float

    @property
    def memory(self) -> float:
        """All of it at once."""
        return self.weights + self.training + self.activations + self.serving + _OVERHEAD

    def __str__(self) -> str:
        parts = [f"weights {self.weights:.1f}", f"training {self.training:.1f}"]
        parts.append(f"activations {self.activations:.1f}")
        parts += [f"vLLM {self.serving:.1f}"] if self.serving else []
        return f"{self.memory:.0f} GiB ({', '.join(parts)})"


def machine() -> Machine:
    """The machine that this runs on."""
    import importlib.util

    import psutil
    import torch

    gpus = range(torch.cuda.device_count()) if torch.cuda.is_available() else range(0)
    sizes = [torch.cuda.get_device_properties(index).total_memory / GIB for index in gpus]
    free = psutil.virtual_memory().available / GIB
    vllm = importlib.util.find_spec("vllm") is not None
    return Machine(min(sizes) if sizes else None, free, vllm)


def check(
    model: str, tuning: Tuning, stage: Literal["RAWS", "RCRL"], out: Path, there: Machine
) -> Requirement | None:
    """Refuse what can't work; what it needs, where that can be told.

    Args:
        model: folder of weights or of an adapter, or a name on the Hugging Face hub.
        tuning: the training recipe.
        stage: which of the two trainings.
        out: where checkpoints go.
        there: what there is to train on; `gpu=None` to train on the CPU.

    Raises:
        PreflightError: no GPU for a model of that size, too little memory, too little disk.
    """
    shape = shape_of(model, tuning)
    if shape is None:
        return None
    on_gpu = there.gpu is not None
    need = estimate_memory(shape, tuning, stage, on_gpu=on_gpu)
    said = f"{model} has {shape.parameters / 1e9:.2g} billion parameters: {stage} needs"
    if not on_gpu and shape.parameters > ON_CPU:
        gpu = estimate_memory(shape, tuning, stage, on_gpu=True)
        raise PreflightError(
            f"{said} a GPU with about {gpu} and {gpu.disk:.0f} GiB of disk; this machine has none"
        )
    have = there.memory if there.gpu is None else there.gpu
    if need.memory > have:
        what = "GPU memory" if on_gpu else "memory"
        raise PreflightError(
            f"{said} about {need} of {what}; there are {have:.0f} GiB: set a smaller batch, "
            "max_pixels or lora in the training recipe"
        )
    free = shutil.disk_usage(_there(out)).free / GIB
    if need.disk > free:
        raise PreflightError(
            f"{said} about {need.disk:.1f} GiB of disk at {out}; {free:.1f} are free"
        )
    return need


def estimate_memory(
    shape: ModelShape, tuning: Tuning, stage: Literal["RAWS", "RCRL"], *, on_gpu: bool
) -> Requirement:
    """The estimate. Trained are all weights (Adam: 16 bytes each) or an adapter's."""
    half = tuning.precision == "bf16" or (tuning.precision == "auto" and on_gpu)
    lora = tuning.lora
    width = 2 if half and lora else 4
    weights = shape.parameters * width
    # Seven projections a layer, the wide ones about four times as wide.
    trained = shape.parameters if lora is None else lora.rank * shape.layers * shape.hidden * 26
    training = trained * (12 if lora is None else 16)
    schedule = tuning.warm_start if stage == "RAWS" else tuning.rcrl
    answer = tuning.rcrl.max_tokens
    tokens = schedule.batch * (_PROMPT + tuning.max_pixels / _PIXELS_A_TOKEN + answer)
    kept = tuning.gradient_checkpointing
    kept = on_gpu if kept is None else kept
    size = 2 if half else 4
    layer = tokens * shape.hidden * _PER_LAYER * size / 2
    through = tokens * shape.hidden * size * shape.layers + layer if kept else layer * shape.layers
    logits = schedule.batch * answer * shape.vocabulary * 4 * 2
    serving = 0.0
    if stage == "RCRL":
        if lora is None and tuning.rcrl.kl > 0:
            weights += shape.parameters * width
        if on_gpu and tuning.rcrl.vllm in ("auto", "colocate"):
            serving = shape.parameters * 2 * 1.3
    disk = (schedule.keep + 1) * trained * 12 + trained * 4
    return Requirement(
        *(value / GIB for value in (weights, training, through + logits, serving, disk))
    )


def shape_of(model: str, tuning: Tuning) -> ModelShape | None:
    """A model's size by its files' headers, else by the recipe; none where neither says.

    Raises:
        PreflightError: an adapter whose base isn't named, or weights whose header can't be read.
    """
    folder = Path(model)
    if (folder / "adapter_config.json").is_file():
        base = _json(folder / "adapter_config.json").get("base_model_name_or_path")
        if not base:
            raise PreflightError(f"{model}: the adapter doesn't name its base model")
        return shape_of(str(base), tuning)
    config = _json(folder / "config.json")
    text = config.get("text_config") or config
    parameters = _parameters(folder, config) or tuning.parameters
    if not parameters:
        return None
    layers = int(text.get("num_hidden_layers") or 36)
    usual = math.sqrt(parameters / (12 * layers))  # of a transformer, where no file is here
    return ModelShape(
        parameters=parameters,
        hidden=int(text.get("hidden_size") or usual),
        layers=layers,
        vocabulary=int(text.get("vocab_size") or 151_936),
    )


def _parameters(folder: Path, config: Mapping[str, Any]) -> float:
    index = _json(folder / "model.safetensors.index.json").get("metadata") or {}
    if index.get("total_parameters"):
        return float(index["total_parameters"])
    if index.get("total_size"):
        return float(index["total_size"]) / (4 if _dtype(config) == "float32" else 2)
    return float(sum(map(_counted, folder.glob("*.safetensors")))) if folder.is_dir() else 0.0


def _dtype(config: Mapping[str, Any]) -> str:
    text = config.get("text_config") or {}
    return str(config.get("dtype") or config.get("torch_dtype") or text.get("dtype") or "bfloat16")


def _counted(file: Path) -> int:
    """Parameters by a safetensors file's header."""
    try:
        with file.open("rb") as data:
            (length,) = struct.unpack("<Q", data.read(8))
            header = json.loads(data.read(min(length, 100_000_000)))
        shapes = [entry["shape"] for key, entry in header.items() if key != "__metadata__"]
        return sum(math.prod(shape) for shape in shapes)
    except (OSError, ValueError, KeyError, TypeError, struct.error) as failure:
        raise PreflightError(f"{file}: no safetensors file ({failure}); copy it again") from failure


def _json(file: Path) -> dict[str, Any]:
    try:
        content = parse_json(read_text(file))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as failure:
        raise PreflightError(f"{file}: can't be read ({failure})") from failure
    return content if isinstance(content, dict) else {}


def _there(path: Path) -> Path:
    """The nearest folder on the way to a path that exists."""
    return next(parent for parent in (path, *path.absolute().parents) if parent.is_dir())
