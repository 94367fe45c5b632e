"""What both trainings share: arguments, whole checkpoints, a stop with a reason, curves.

Needs the extra `train`.
"""

import contextlib
import os
import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel, TrainerCallback

from reinspect.errors import ReinspectError
from reinspect.files import write_file, write_json
from reinspect.training.vlm.curves import write_curves
from reinspect.training.vlm.dataset import EpisodeDataset, read_dataset
from reinspect.training.vlm.tuning import Schedule, Tuning, dump_tuning

CHECKPOINTS = "checkpoints"
_STATE = "trainer_state.json"  # written last: a checkpoint with it is whole

Progress = Callable[[Mapping[str, Any]], None]
"""Hears every logged point: `step`, `loss`, `reward` …"""


class TrainingStopped(ReinspectError, RuntimeError):  # noqa: N818 - it says what happened
    """A training that must not, or can't, go on. One line: why, what is kept, what to do."""


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """What is trained on what, and where the result goes."""

    episodes: Path
    model: str
    """Folder of weights or of a LoRA adapter, or a name on the Hugging Face hub."""
    out: Path
    tuning: Tuning
    root: Path | None = None
    """Of the pictures, where they have moved."""
    resume: bool = False
    """Go on from the last whole checkpoint in `out`."""
    cpu: bool = False
    """Train on the CPU even where there is a GPU."""

    @property
    def on_gpu(self) -> bool:
        """Whether a GPU is there and may be used."""
        return torch.cuda.is_available() and not self.cpu

    @property
    def bf16(self) -> bool:
        """Whether activations, and weights under an adapter, are bfloat16."""
        chosen = self.tuning.precision
        return chosen == "bf16" or (chosen == "auto" and self.on_gpu)


def arguments(plan: TrainingPlan, schedule: Schedule) -> dict[str, Any]:
    """Arguments that SFT and GRPO have in common."""
    tuning = plan.tuning
    checkpointing = tuning.gradient_checkpointing
    checkpointing = plan.on_gpu if checkpointing is None else checkpointing
    return {
        "output_dir": str(plan.out / CHECKPOINTS),
        "max_steps": schedule.steps,
        "learning_rate": schedule.learning_rate,
        "lr_scheduler_type": schedule.decay,
        "warmup_steps": round(schedule.warm_up * schedule.steps),
        "per_device_train_batch_size": schedule.batch,
        "gradient_accumulation_steps": schedule.accumulate,
        "max_grad_norm": schedule.max_grad_norm,
        "bf16": plan.bf16,
        "use_cpu": not plan.on_gpu,
        "gradient_checkpointing": checkpointing,
        "save_strategy": "steps",
        "save_steps": schedule.save_every,
        "save_total_limit": schedule.keep,
        "logging_steps": schedule.log_every,
        "logging_nan_inf_filter": False,
        "report_to": list(tuning.report_to) or "none",
        "seed": tuning.seed,
        "data_seed": tuning.seed,
        "disable_tqdm": True,
        "remove_unused_columns": False,
        "dataloader_pin_memory": plan.on_gpu,
    }


def dataset_of(plan: TrainingPlan, *, imitated: bool) -> EpisodeDataset:
    """The plan's episodes."""
    pixels = plan.tuning.max_pixels
    return read_dataset(plan.episodes, max_pixels=pixels, imitated=imitated, root=plan.root)


def weights_dtype(plan: TrainingPlan) -> torch.dtype:
    """Of the weights as they are loaded: those that are trained themselves stay float32."""
    return torch.bfloat16 if plan.bf16 and plan.tuning.lora is not None else torch.float32


def is_adapter(model: str) -> bool:
    """Whether it is the folder of a LoRA adapter, not of whole weights."""
    return (Path(model) / "adapter_config.json").is_file()


def load_adapter(plan: TrainingPlan) -> tuple[Any, str]:
    """The model under an adapter that goes on being trained, and the name of its base.

    Raises:
        TrainingStopped: the base model can't be found.
    """
    from peft import PeftConfig, PeftModel
    from transformers import AutoModelForImageTextToText

    base = str(PeftConfig.from_pretrained(plan.model).base_model_name_or_path)
    try:
        model: PreTrainedModel = AutoModelForImageTextToText.from_pretrained(
            base, dtype=weights_dtype(plan)
        )
    except OSError as failure:
        said = " ".join(str(failure).split())[:200]
        raise TrainingStopped(
            f"{plan.model}: its base model {base} can't be loaded ({said})"
        ) from failure
    return PeftModel.from_pretrained(model, plan.model, is_trainable=True), base


def new_adapter(tuning: Tuning) -> Any:
    """PEFT's settings of a fresh adapter; none to train all weights."""
    from peft import LoraConfig

    lora = tuning.lora
    if lora is None:
        return None
    return LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=lora.targets,
        task_type="CAUSAL_LM",
    )


def is_first() -> bool:
    """Whether this is the only process of a training, or the first: that one writes the files.

    `accelerate launch` and `torchrun` number the others.
    """
    return os.environ.get("RANK", "0") == "0"


def processes() -> int:
    """How many train together, each on a device of its own."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def last_whole_checkpoint(out: Path) -> Path | None:
    """The newest checkpoint that was written to its end; what was not is removed."""
    found = sorted(
        (out / CHECKPOINTS).glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1])
    )
    whole = [path for path in found if (path / _STATE).is_file()]
    for path in found:
        if path not in whole and is_first():  # to another process it may be one that is being made
            shutil.rmtree(path)
    return whole[-1] if whole else None


class GuardedTrainer:
    """A mixin of Hugging Face's trainer: NaN stops before it reaches the weights, and a disk that
    is full costs the newest checkpoint alone.
    """

    def training_step(self, *given: Any, **named: Any) -> Any:
        """One batch.

        Raises:
            TrainingStopped: the loss is no number.
        """
        loss = super().training_step(*given, **named)  # type: ignore[misc]
        if not torch.isfinite(loss):
            raise self._stopped(f"the loss is {loss.item()}")
        return loss

    @contextlib.contextmanager
    def needing_numbers(self) -> Iterator[None]:
        """While answers are drawn.

        Raises:
            TrainingStopped: the weights give no probabilities any more.
        """
        try:
            yield
        except RuntimeError as failure:
            if "probability tensor contains" not in str(failure):
                raise
            raise self._stopped("the probabilities of answers are no numbers") from failure

    def _stopped(self, why: str) -> TrainingStopped:
        me: Any = self
        last = last_whole_checkpoint(Path(me.args.output_dir).parent)
        kept = f"{last} is kept; --resume goes on from it" if last else "no checkpoint was made yet"
        return TrainingStopped(
            f"stopped at step {me.state.global_step}: {why}; lower the learning rate; {kept}"
        )

    def _save_checkpoint(self, *given: Any, **named: Any) -> None:
        me: Any = self
        for name, weights in me.model.named_parameters():
            if not torch.isfinite(weights).all():
                raise self._stopped(f"{name} is no number")
        out = Path(me.args.output_dir)
        before = last_whole_checkpoint(out.parent)
        try:
            super()._save_checkpoint(*given, **named)  # type: ignore[misc]
        except Exception as failure:
            if not _no_room(failure):
                raise
            shutil.rmtree(out / f"checkpoint-{me.state.global_step}", ignore_errors=True)
            kept = f"{before} is kept; --resume goes on from it" if before else "none was made yet"
            said = " ".join(str(failure).split())[:160]
            raise TrainingStopped(
                f"checkpoint of step {me.state.global_step} can't be written to {out} ({said}); "
                f"make room there; {kept}"
            ) from failure


def _no_room(failure: BaseException) -> bool:
    """A full disk comes as an OSError, as safetensors' own error, or as torch's RuntimeError."""
    said = str(failure).lower()
    known = (
        "no space left", "file too large", "os error 27", "os error 28", "errno 27", "errno 28",
        "failed writing", "unexpected pos", "file write failed", "iostream error",
    )  # fmt: skip
    return isinstance(failure, OSError) or any(words in said for words in known)


class FiniteGradients(TrainerCallback):
    """Gradients that are no numbers stop a training before they reach the weights."""

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Called with all gradients of a step in place."""
        for name, weights in given["model"].named_parameters():
            if weights.grad is not None and not torch.isfinite(weights.grad).all():
                last = last_whole_checkpoint(Path(args.output_dir).parent)
                kept = f"{last} is kept; --resume goes on from it" if last else "no checkpoint yet"
                raise TrainingStopped(
                    f"stopped at step {state.global_step}: the gradient of {name} is no number; "
                    f"lower the learning rate; {kept}"
                )


class CurveRecorder(TrainerCallback):
    """Writes the curves at every point, and tells who listens."""

    def __init__(self, out: Path, progress: Progress | None) -> None:
        self._out, self._progress = out, progress

    def on_log(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Called with a new point at the end of the history."""
        if not state.is_world_process_zero:
            return
        write_curves(state.log_history, self._out)
        if self._progress and state.log_history:
            self._progress(state.log_history[-1])


def run(trainer: Any, plan: TrainingPlan) -> None:
    """Train, from the last whole checkpoint where that was asked for, and save what came of it.

    Raises:
        TrainingStopped: it went wrong, or there was no room for a checkpoint.
    """
    plan.out.mkdir(parents=True, exist_ok=True)
    if is_first():
        write_file(plan.out / "tuning.yaml", dump_tuning(plan.tuning))
    start = last_whole_checkpoint(plan.out)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of libraries, about each other
        trainer.train(resume_from_checkpoint=str(start) if plan.resume and start else None)
    trainer.save_model(str(plan.out))
    if is_first():
        write_curves(trainer.state.log_history, plan.out)


def write_card(plan: TrainingPlan, stage: str, facts: Mapping[str, Any]) -> None:
    """What was trained on what, beside the weights."""
    if not is_first():
        return
    card = {
        "stage": stage,
        "model": plan.model,
        "episodes": str(plan.episodes),
        "tuning": plan.tuning.model_dump(mode="json"),
        **facts,
    }
    write_json(plan.out / "training.json", card)
